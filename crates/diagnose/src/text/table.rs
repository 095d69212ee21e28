//! Tables of `kubectl get`, `kubectl events` and `kubectl top`: a line of columns, and a line for each object.

use super::command::{Command, Scope};
use super::{Reading, event, row};
use crate::kinds;

/// Names of columns that have a space in them.
const SPACED: [&str; 11] = [
    "LAST SEEN",
    "FIRST SEEN",
    "LAST SCHEDULE",
    "NODE SELECTOR",
    "NOMINATED NODE",
    "READINESS GATES",
    "ACCESS MODES",
    "RECLAIM POLICY",
    "MIN AVAILABLE",
    "MAX UNAVAILABLE",
    "ALLOWED DISRUPTIONS",
];

/// A line of a table.
#[derive(Debug)]
pub(super) struct Row<'a> {
    cells: Vec<(&'a str, &'a str)>,
}

impl<'a> Row<'a> {
    /// What stands in a column; nothing where the table, or this line of it, does not reach so far.
    pub(super) fn cell(&self, column: &str) -> Option<&'a str> {
        self.cells.iter().find(|(name, _)| *name == column).map(|(_, cell)| *cell).filter(|cell| !cell.is_empty())
    }

    /// What stands there; empty where it is not told.
    pub(super) fn text(&self, column: &str) -> &'a str {
        self.cell(column).unwrap_or_default()
    }
}

/// Reads a table.
pub(super) fn read(lines: &[&str], asked: Option<&Command>, place: &str, reading: &mut Reading) {
    let Some((header, lines)) = lines.split_first() else { return };
    let columns = columns(header);
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let rows = lines.iter().filter_map(|line| cells(line, &columns));
    if names.contains(&"REASON") && names.contains(&"OBJECT") {
        let mut events: Vec<event::Told> = Vec::new();
        for row in rows {
            match event::of_row(&row, place) {
                Some(told) => events.push(told),
                // A message may have several lines.
                None => {
                    events.last_mut().into_iter().for_each(|last| last.more(row.cells.iter().map(|(_, cell)| *cell)))
                }
            }
        }
        reading.sketches.extend(events.into_iter().map(event::Told::sketch));
        return;
    }
    let of_command = asked.map(|asked| asked.kinds.iter().filter_map(|word| kinds::name_of(word)).collect::<Vec<_>>());
    let usage = asked.is_some_and(|asked| asked.verb == "top") || names.iter().any(|name| name.starts_with("CPU("));
    if usage {
        return;
    }
    let single = of_command.as_deref().filter(|kinds| kinds.len() == 1).map(|kinds| kinds[0]);
    let mut kind = single.or_else(|| row::kind(&names));
    for row in rows {
        let Some(name) = row.cell("NAME") else { continue };
        let (of_row, name) = name
            .split_once('/')
            .map_or((None, name), |(word, name)| (kinds::name_of(word.split('.').next().unwrap_or(word)), name));
        kind = of_row.or(kind);
        let Some(kind) = kind.filter(|_| !name.is_empty() && !name.contains(' ')) else { continue };
        let place = if row::is_of_cluster(kind) { "" } else { row.cell("NAMESPACE").unwrap_or(place) };
        reading.sketches.push(row::sketch(kind, place, name, &row));
    }
    list(asked, kind, place, reading);
}

/// A command to which the answer was that there is nothing.
pub(super) fn nothing(asked: Option<&Command>, place: &str, reading: &mut Reading) {
    let kinds = asked.into_iter().flat_map(|asked| &asked.kinds).filter_map(|word| kinds::name_of(word));
    for kind in kinds.collect::<Vec<_>>() {
        list(asked, Some(kind), place, reading);
    }
}

/// A command that asked for all of a kind has shown all of it.
pub(super) fn list(asked: Option<&Command>, kind: Option<&'static str>, place: &str, reading: &mut Reading) {
    let Some((asked, kind)) = asked.zip(kind) else { return };
    let of_namespace = asked.scope == Scope::One && asked.namespace.is_some();
    if asked.scope == Scope::All || row::is_of_cluster(kind) && asked.scope == Scope::One {
        reading.listed.push((kind.to_owned(), None));
    } else if of_namespace {
        reading.listed.push((kind.to_owned(), Some(place.to_owned())));
    }
}

/// The columns of a header: name, and where it begins.
fn columns(header: &str) -> Vec<(&str, usize)> {
    let mut columns = Vec::new();
    let mut at = 0;
    while at < header.len() {
        let rest = &header[at..];
        let skipped = rest.len() - rest.trim_start().len();
        let (start, rest) = (at + skipped, rest.trim_start());
        if rest.is_empty() {
            break;
        }
        let spaced = SPACED.iter().find(|name| rest.starts_with(**name));
        let length = spaced.map_or_else(|| rest.find([' ', '\t']).unwrap_or(rest.len()), |name| name.len());
        columns.push((rest[..length].trim_end(), start));
        at = start + length;
    }
    columns
}

/// The cells of a line: by the columns where it is aligned to them, by tabs where it has some, else word by word.
fn cells<'a>(line: &'a str, columns: &[(&'a str, usize)]) -> Option<Row<'a>> {
    let last = columns.len().checked_sub(1)?;
    if line.contains('\t') {
        let parts = line.splitn(columns.len(), '\t').map(str::trim);
        return Some(Row { cells: columns.iter().map(|(name, _)| *name).zip(parts).collect() });
    }
    let aligned = columns
        .iter()
        .skip(1)
        .all(|(_, start)| line.len() <= *start || line.is_char_boundary(*start) && line.as_bytes()[start - 1] == b' ');
    let spread = columns.windows(2).any(|pair| pair[1].1 > pair[0].1 + pair[0].0.len() + 1) || columns.len() == 1;
    if aligned && spread {
        let cell = |(index, (name, start)): (usize, &(&'a str, usize))| {
            let end = columns.get(index + 1).map_or(line.len(), |(_, next)| (*next).min(line.len()));
            (*name, line.get((*start).min(end)..end).unwrap_or_default().trim())
        };
        return Some(Row { cells: columns.iter().enumerate().map(cell).collect() });
    }
    let mut cells = Vec::new();
    let mut rest = line.trim();
    for (index, (name, _)) in columns.iter().enumerate() {
        if index == last {
            cells.push((*name, rest));
            break;
        }
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        // `5 (3m ago)` is one cell.
        let end = match rest[end..].strip_prefix(" (").and_then(|more| more.find(')')) {
            Some(close) if *name == "RESTARTS" || *name == "LAST SEEN" => end + 2 + close + 1,
            _ => end,
        };
        cells.push((*name, rest[..end].trim()));
        rest = rest[end..].trim_start();
    }
    Some(Row { cells })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(header: &'a str, line: &'a str) -> Vec<(&'a str, &'a str)> {
        cells(line, &columns(header)).expect("a row").cells
    }

    #[test]
    fn cells_are_found_by_columns_tabs_or_words() {
        let expect = [("NAME", "web-0"), ("READY", "0/1"), ("RESTARTS", "5 (3m ago)"), ("AGE", "10m")];
        assert_eq!(row("NAME    READY   RESTARTS     AGE", "web-0   0/1     5 (3m ago)   10m"), expect);
        assert_eq!(row("NAME\tREADY\tRESTARTS\tAGE", "web-0\t0/1\t5 (3m ago)\t10m"), expect);
        assert_eq!(row("NAME READY RESTARTS AGE", "web-0 0/1 5 (3m ago) 10m"), expect);
        // A terminal that was too narrow.
        assert_eq!(row("NAME    READY   RESTARTS     AGE", "web-0   0/1     5 (3").last(), Some(&("AGE", "")));
        let header = "LAST SEEN   TYPE      REASON   OBJECT      MESSAGE";
        let line = "3m          Warning   Failed   pod/web-0   no   such image";
        assert_eq!(row(header, line).last(), Some(&("MESSAGE", "no   such image")));
        // Letters of several bytes.
        assert_eq!(row("NAME    READY", "wéb-ö   0/1")[0], ("NAME", "wéb-ö"));
    }
}
