//! Everything that can be asked about an event, as rows: name, what it holds, how it is written, one sentence, getter.
//! Filters, formats, JSON, `--list` and the reference page read these rows; adding a field is adding a row to the file
//! of its group.

mod argument;
mod container;
mod descriptor;
mod event;
mod gone;
mod io;
mod lineage;
mod list;
mod path;
mod process;
mod program;
mod time;
mod user;

use std::cell::Cell;

use fathom_filter::mistake::nearest;
use fathom_filter::vocabulary::Accepts;
use fathom_filter::{Found, Record, Unknown, Vocabulary};
use fathom_model::{Kind, Value};

pub use argument::{Argument, Takes};
pub(crate) use descriptor::carrier;
pub(crate) use event::category_word;

use crate::moment::Moment;
use crate::services;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As it is.
    Plain,
    /// With nine digits.
    Padded,
    /// In hexadecimal.
    Hex,
    /// A time as text; in JSON the nanoseconds of the event.
    Time,
    /// Not at all: it can be compared with and counted.
    Silent,
}

/// Where a field can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In filters and in formats.
    Everywhere,
    /// In filters only.
    Filter,
    /// In formats only.
    Format,
    /// In both, but it is there for views, and `--list` leaves it out.
    View,
}

/// What a field holds at a moment. `scratch` is for values that have to be put together.
pub type Get = for<'a> fn(&'a Moment<'a>, &'a Bound, &'a mut Vec<u8>) -> Value<'a>;

/// One field.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// How that is written.
    pub shape: Shape,
    /// What stands in brackets or behind a dot.
    pub takes: Takes,
    /// Where it can stand.
    pub place: Place,
    /// One sentence for the reference.
    pub doc: &'static str,
    /// Why it never has a value, if it never has one.
    pub void: Option<&'static str>,
    /// Reads it.
    pub get: Get,
}

impl Row {
    const fn new(name: &'static str, kind: Kind, doc: &'static str, get: Get) -> Self {
        let (shape, takes, place, void) = (Shape::Plain, Takes::Nothing, Place::Everywhere, None);
        Row { name, kind, shape, takes, place, doc, void, get }
    }

    /// A field that filters and formats may name, though it never has a value.
    const fn void(name: &'static str, kind: Kind, doc: &'static str, why: &'static str) -> Self {
        Row { void: Some(why), ..Row::new(name, kind, doc, nothing) }
    }

    const fn shaped(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    const fn taking(mut self, takes: Takes) -> Self {
        self.takes = takes;
        self
    }

    const fn only(mut self, place: Place) -> Self {
        self.place = place;
        self
    }
}

/// Fields that belong together.
pub struct Group {
    /// What `--list` calls them.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The fields.
    pub rows: &'static [Row],
}

/// All fields.
pub const GROUPS: &[Group] = &[
    Group { name: "evt", doc: "every event", rows: time::ROWS },
    Group { name: "evt", doc: "system calls", rows: event::ROWS },
    Group { name: "evt", doc: "results, and what goes in and out", rows: io::ROWS },
    Group { name: "process", doc: "the thread that makes the call, and its process", rows: process::ROWS },
    Group { name: "process", doc: "what it executes, with which rights, and its streams", rows: program::ROWS },
    Group { name: "process", doc: "its ancestors, process group and session", rows: lineage::ROWS },
    Group { name: "user", doc: "the user that the thread runs as", rows: user::USERS },
    Group { name: "group", doc: "the group that the thread runs as", rows: user::GROUPS },
    Group { name: "container", doc: "the container that the thread is in", rows: container::ROWS },
    Group { name: "fd", doc: "the descriptor that the call is about", rows: descriptor::ROWS },
    Group { name: "fs.path", doc: "the paths that the call is about, if it succeeded", rows: path::ROWS },
    Group { name: "syslog", doc: "a message to the system's log", rows: list::SYSLOG },
    Group { name: "fdlist", doc: "the descriptors of poll and ppoll", rows: list::ROWS },
    Group { name: "k8s", doc: "the pod that the container is of", rows: container::KUBERNETES },
    Group { name: "util", doc: "for whoever writes formats", rows: list::UTIL },
    Group { name: "mesos", doc: "tasks and groups; known to formats and filters, and always empty", rows: gone::MESOS },
    Group { name: "span", doc: "spans; known to formats and filters, and always empty", rows: gone::SPANS },
    Group { name: "evtin", doc: "the span that an event is in; likewise", rows: gone::WITHIN },
];

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|group| group.rows)
}

/// A field with its argument, ready to be read.
pub struct Bound {
    /// The field.
    pub row: &'static Row,
    /// Its argument.
    pub argument: Argument,
    /// What it has to remember from one event to the next.
    pub memory: Cell<u64>,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?}", self.row.name, self.argument)
    }
}

impl Bound {
    /// The field that `text` begins with, and how much of the text is its name and argument.
    ///
    /// # Errors
    /// Why none is.
    pub fn parse(text: &str) -> Result<(Self, usize), Unknown> {
        // Names begin with a letter; what does not is not looked for.
        let named = text.starts_with(|c: char| c.is_ascii_lowercase());
        let fits = |row: &&Row| text.starts_with(row.name);
        let longest = if named { rows().filter(fits).max_by_key(|row| row.name.len()) } else { None };
        let Some(row) = longest else {
            let end = text.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_')).unwrap_or(text.len());
            return Err(unknown(&text[..end]));
        };
        let rest = &text[row.name.len()..];
        let wrong = |message| Unknown { message: format!("`{}` {message}", row.name) };
        let (argument, length) = Argument::parse(&row.takes, rest).map_err(wrong)?;
        Ok((Bound { row, argument, memory: Cell::new(0) }, row.name.len() + length))
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        match &self.argument {
            Argument::Param(_, kind) if self.row.takes == Takes::ParamName => *kind,
            _ => self.row.kind,
        }
    }

    /// Reads it.
    #[inline]
    pub fn get<'a>(&'a self, moment: &'a Moment<'a>, scratch: &'a mut Vec<u8>) -> Value<'a> {
        (self.row.get)(moment, self, scratch)
    }
}

fn unknown(name: &str) -> Unknown {
    Unknown { message: format!("no field is called `{}`", name.chars().take(60).collect::<String>()) }
}

/// The field, with its argument where that is wrong, that was probably meant by what `text` begins with.
pub(crate) fn nearest_to(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_')).unwrap_or(text.len());
    let name = &text[..end];
    let longest = rows().filter(|row| name.starts_with(row.name)).max_by_key(|row| row.name.len());
    if let Some(row) = longest {
        let rest = &text[row.name.len()..];
        if row.place == Place::Format {
            return Some("evt.rawtime".to_owned());
        }
        if Argument::parse(&row.takes, rest).is_err() {
            return argument::nearest_to(row.takes, rest).map(|near| format!("{}.{near}", row.name));
        }
    }
    nearest(name, rows().map(|row| row.name)).map(str::to_owned)
}

/// The fields as filters know them.
pub struct Fields;

impl Vocabulary for Fields {
    type Field = Bound;

    fn find(&self, name: &str, argument: Option<&str>) -> Result<Found<Bound>, Unknown> {
        let whole = argument.map_or_else(|| name.to_owned(), |argument| format!("{name}[{argument}]"));
        let (field, length) = Bound::parse(&whole)?;
        if length != whole.len() {
            return Err(unknown(name));
        }
        if field.row.place == Place::Format {
            let message = format!("`{}` can be shown, and not compared with", field.row.name);
            return Err(Unknown { message });
        }
        let accepts: Option<Accepts> = (field.row.name == "evt.type").then_some(event::is_type);
        Ok(Found { kind: field.kind(), field, accepts })
    }

    fn nearest(&self, name: &str, argument: Option<&str>) -> Option<String> {
        // Who types `open` alone means the call.
        if event::is_type(name).is_ok() {
            return Some(format!("evt.type={name}"));
        }
        nearest_to(&argument.map_or_else(|| name.to_owned(), |argument| format!("{name}[{argument}]")))
    }

    fn port(&self, name: &str) -> Option<u16> {
        services::port(name)
    }
}

impl Record<Bound> for Moment<'_> {
    #[inline]
    fn value<'a>(&'a self, field: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
        field.get(self, scratch)
    }
}

/// Nothing: what no capture answers.
fn nothing<'a>(_: &'a Moment<'a>, _: &'a Bound, _: &'a mut Vec<u8>) -> Value<'a> {
    Value::Unknown
}

/// What was put together.
fn made(scratch: &[u8]) -> Value<'_> {
    Value::bytes(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_there_twice() {
        let mut names: Vec<_> = rows().map(|row| row.name).collect();
        names.sort_unstable();
        let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn every_field_says_what_it_is_in_one_sentence() {
        for row in rows() {
            assert!(!row.doc.is_empty() && !row.doc.ends_with('.') && row.doc.len() < 160, "{}", row.name);
        }
    }

    #[test]
    fn arguments_stand_in_brackets_or_behind_a_dot() {
        for (text, name, length) in [
            ("evt.arg.fd)", "evt.arg", 10),
            ("evt.arg[0] x", "evt.arg", 10),
            ("evt.args", "evt.args", 8),
            ("proc.aname[2]x", "proc.aname", 13),
            ("proc.aname", "proc.aname", 10),
            ("proc.namex", "proc.name", 9),
            ("thread.cgroup.cpu,x", "thread.cgroup", 17),
            ("container.mount.source[/a/*]", "container.mount.source", 28),
            ("k8s.pod.label.app-1.x/y z", "k8s.pod.label", 23),
            ("evt.abspath.src x", "evt.abspath", 15),
        ] {
            let (bound, taken) = Bound::parse(text).unwrap_or_else(|unknown| panic!("{text}: {}", unknown.message));
            assert_eq!((bound.row.name, taken), (name, length), "{text}");
        }
        for text in ["evt.arg", "evt.arg.nosuch", "thread.cgroup", "nosuch.field", "evt.around", "proc.aname[x]"] {
            assert!(Bound::parse(text).is_err(), "{text}");
        }
    }
}
