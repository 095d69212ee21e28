//! Events as they are printed: rows of `kubectl get events` and `kubectl events`, and the end of a description.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::moment::{self, Repeated};
use super::sketch::{Sketch, number};
use super::table::Row;
use crate::eval::messages::between;
use crate::kinds;
use crate::object::{Ref, View};

/// What is told of an event.
#[derive(Debug)]
pub(super) struct Told {
    about: Ref,
    part: String,
    kind: String,
    reason: String,
    message: String,
    source: String,
    when: Repeated,
}

/// A row of a table of events.
pub(super) fn of_row(row: &Row<'_>, place: &str) -> Option<Told> {
    let (kind, name) = row.cell("OBJECT")?.split_once('/')?;
    let kind = kinds::name_of(kind).map_or_else(|| kind.to_owned(), str::to_owned);
    let namespace = if super::row::is_of_cluster(&kind) { "" } else { row.cell("NAMESPACE").unwrap_or(place) };
    let mut when = moment::repeated(row.text("LAST SEEN"));
    when.count = row.cell("COUNT").and_then(number).unwrap_or(when.count);
    when.first = row.cell("FIRST SEEN").and_then(moment::age).or(when.first);
    let text = |column: &str| row.text(column).to_owned();
    Some(Told {
        about: Ref::new(kind, namespace, name),
        part: text("SUBOBJECT"),
        kind: text("TYPE"),
        reason: row.cell("REASON")?.to_owned(),
        message: text("MESSAGE"),
        source: text("SOURCE"),
        when,
    })
}

/// The events below a description: a header, a line of dashes, a line for each event.
pub(super) fn of_description(lines: &[&str], about: &Ref) -> Vec<Told> {
    let Some(header) = lines.iter().find(|line| line.trim_start().starts_with("Type ")) else { return Vec::new() };
    let column = |name: &str| header.find(name);
    let Some(starts) = ["Type", "Reason", "Age", "From", "Message"].into_iter().map(column).collect::<Option<Vec<_>>>()
    else {
        return Vec::new();
    };
    let mut told: Vec<Told> = Vec::new();
    // A terminal breaks lines where it ends, and nowhere else.
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let filled = |line: &str| width >= NARROW && line.chars().count() == width;
    let breaks = WIDTHS.contains(&width) || lines.iter().filter(|line| filled(line)).count() > 1;
    let mut full = false;
    for line in lines.iter().filter(|line| !line.trim_start().starts_with("----") && *line != header) {
        match cells(line, &starts).filter(|cells| !cells[0].is_empty() && !cells[1].is_empty()) {
            Some([kind, reason, age, from, message]) => {
                let (part, message) = of_part(message);
                let text = |part: &str| part.to_owned();
                let when = moment::repeated(age);
                let (kind, reason, source) = (text(kind), text(reason), text(from));
                told.push(Told {
                    about: about.clone(),
                    part: text(part),
                    kind,
                    reason,
                    message: text(message),
                    source,
                    when,
                });
            }
            None if full => told.last_mut().into_iter().for_each(|last| last.message.push_str(line)),
            None => told.last_mut().into_iter().for_each(|last| last.more(std::iter::once(line.trim()))),
        }
        full = breaks && filled(line);
    }
    told
}

/// Whether a line is an event of a description: two spaces between its cells, and how old it is.
pub(super) fn is_line(text: &str) -> bool {
    cells_apart(text).is_some_and(|[_, reason, age, from, _]| {
        !reason.contains(' ') && !from.contains(' ') && moment::repeated(age).last.is_some()
    })
}

/// Events without the description above them: they are of the pod that the kubelet names in one of them.
pub(super) fn of_lines(lines: &[&str]) -> Vec<Told> {
    let named = lines.iter().filter_map(|line| between(line, " in pod ", "(")?.split_once('_'));
    let named: BTreeSet<(&str, &str)> =
        named.filter(|(pod, place)| !pod.contains(' ') && !place.contains(' ')).collect();
    let Some((pod, place)) = named.first().filter(|_| named.len() == 1) else { return Vec::new() };
    let about = Ref::new("Pod", *place, *pod);
    let told = lines.iter().filter_map(|line| {
        let [kind, reason, age, from, message] = cells_apart(line)?;
        let (part, message) = of_part(message);
        Some(Told {
            about: about.clone(),
            part: part.to_owned(),
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            source: from.to_owned(),
            when: moment::repeated(age),
        })
    });
    told.collect()
}

/// The cells of an event that are two spaces apart.
fn cells_apart(line: &str) -> Option<[&str; 5]> {
    let mut cells = [""; 5];
    let mut rest = line.trim_start();
    for (index, cell) in cells.iter_mut().enumerate() {
        let end = if index == 4 { rest.len() } else { rest.find("  ")? };
        (*cell, rest) = (rest[..end].trim(), rest[end..].trim_start());
    }
    (["Normal", "Warning"].contains(&cells[0]) && !cells[4].is_empty()).then_some(cells)
}

/// No terminal is narrower.
const NARROW: usize = 72;
/// How wide terminals mostly are.
const WIDTHS: [usize; 4] = [80, 100, 120, 132];

fn cells<'a>(line: &'a str, starts: &[usize]) -> Option<[&'a str; 5]> {
    let mut cells = [""; 5];
    let aligned = starts.iter().all(|&start| {
        line.len() > start && line.is_char_boundary(start) && (start == 0 || line.as_bytes()[start - 1] == b' ')
    });
    if aligned && line[..starts[0]].trim().is_empty() {
        for (index, cell) in cells.iter_mut().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(line.len());
            *cell = line[starts[index]..end].trim();
        }
        return Some(cells);
    }
    // Not aligned any more: cells are two spaces apart.
    let mut parts = line.trim_start().splitn(5, "  ").map(str::trim);
    let known =
        line.starts_with([' ', '\t']) && ["Normal", "Warning"].iter().any(|kind| line.trim_start().starts_with(kind));
    for cell in cells.iter_mut().filter(|_| known) {
        *cell = parts.next()?;
    }
    known.then_some(cells)
}

/// `spec.containers{app}: …`, as newer versions begin messages.
fn of_part(message: &str) -> (&str, &str) {
    let split = message.strip_prefix("spec.").and_then(|_| message.split_once("}: "));
    split.map_or(("", message), |(part, rest)| (&message[..=part.len()], rest))
}

impl Told {
    /// Seconds since a container began, where it tells that.
    pub(super) fn started_ago(&self) -> Option<i64> {
        self.when.last.filter(|_| self.reason == "Started")
    }

    /// A further line of the message.
    pub(super) fn more<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        self.message.push('\n');
        for cell in cells.filter(|cell| !cell.is_empty()) {
            self.message.push_str(cell);
        }
    }

    /// As an object. The same event, printed twice, has the same name.
    pub(super) fn sketch(self) -> Sketch {
        let mut hasher = DefaultHasher::new();
        // A table has only the first line of a message.
        let first = self.message.trim().lines().next().unwrap_or_default().trim_end().trim_end_matches('.');
        (&self.about, &self.reason, first).hash(&mut hasher);
        let name = format!("{}.{:016x}", self.about.name, hasher.finish());
        let namespace = if self.about.namespace.is_empty() { "default" } else { &self.about.namespace };
        let mut sketch = Sketch::new("Event", namespace, &name, View::Described(&["/involvedObject/uid"]));
        for (pointer, text) in [
            ("/involvedObject/kind", &self.about.kind),
            ("/involvedObject/name", &self.about.name),
            ("/involvedObject/namespace", &self.about.namespace),
            ("/involvedObject/fieldPath", &self.part),
            ("/type", &self.kind),
            ("/reason", &self.reason),
            ("/message", &self.message),
            ("/source/component", &self.source),
        ] {
            if !text.is_empty() {
                sketch.set(pointer, text.trim());
            }
        }
        sketch.set("/count", self.when.count);
        sketch.aged("/lastTimestamp", self.when.last);
        sketch.aged("/firstTimestamp", self.when.first);
        sketch
    }
}
