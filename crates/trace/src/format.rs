//! Formats: text with `%FIELD` in it, read once, then written for each event as a line or as JSON.

use fathom_filter::mistake::MOST;
use fathom_filter::{Mistake, Mistakes};
use fathom_model::Value;

use crate::fields::{Bound, Place, Shape, nearest_to};
use crate::moment::{Json, Moment};
use crate::render::number::{padded, signed};
use crate::socket::{write_address, write_number};

mod json;

/// What is shown if nothing else is asked for.
pub const DEFAULT: &str = "*%evt.num %evt.outputtime %evt.cpu %proc.name (%thread.tid) %evt.dir %evt.type %evt.info";
/// The same for a terminal, with colours.
pub const COLOURED: &str = r"*%evt.num %evt.outputtime %evt.cpu \e[01;32m%proc.name\e[00m (\e[01;36m%proc.pid\e[00m.%thread.tid) %evt.dir \e[01;34m%evt.type\e[00m %evt.info";
/// With the container.
pub const CONTAINERS: &str = "*%evt.num %evt.outputtime %evt.cpu %container.name (%container.id) %proc.name (%thread.tid:%thread.vtid) %evt.dir %evt.type %evt.info";
/// With the pod.
pub const PODS: &str = "*%evt.num %evt.outputtime %evt.cpu %k8s.pod.name (%container.id) %proc.name (%thread.tid:%thread.vtid) %evt.dir %evt.type %evt.info";
/// With the task of Mesos.
pub const TASKS: &str = "*%evt.num %evt.outputtime %evt.cpu %mesos.task.name (%container.id) %proc.name (%thread.tid:%thread.vtid) %evt.dir %evt.type %evt.info";

/// Formats that have a name of one letter or one word.
pub const NAMED: &[(&str, &str, &str)] =
    &[("c", "container", CONTAINERS), ("k", "kubernetes", PODS), ("m", "mesos", TASKS)];

/// What stands for a value that is not there.
const ABSENT: &[u8] = b"<NA>";

/// A format that was read.
#[derive(Debug)]
pub struct Format {
    parts: Vec<Part>,
    /// Print the event though a value is not there.
    tolerant: bool,
    /// Keys of JSON in their order, and where their fields stand among the parts.
    keys: Vec<(Vec<u8>, usize)>,
    resolved: std::cell::RefCell<Vec<u8>>,
}

#[derive(Debug)]
enum Part {
    Text(Vec<u8>),
    /// A field, its name as it stands in the format, and how wide it is if that was said.
    Field(Box<Bound>, Option<usize>),
}

/// What of an event was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A line.
    Line,
    /// Nothing: a field that must be there is not.
    Nothing,
}

impl Format {
    /// Reads a format. A `*` at its beginning shows events too of which something is not known.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn parse(text: &str) -> Result<Self, Mistakes> {
        let text = NAMED.iter().find(|(letter, word, _)| text == *letter || text == *word).map_or(text, |row| row.2);
        let mistake = |start: usize, end: usize, message: String, hint: Option<String>| Mistake {
            span: start..end,
            message,
            hint,
        };
        let (mut mistakes, mut names) = (Vec::new(), Vec::new());
        let (tolerant, begin) = if text.starts_with('*') { (true, 1) } else { (false, 0) };
        let mut format = Format { parts: Vec::new(), tolerant, keys: Vec::new(), resolved: Vec::new().into() };
        if text.len() == begin {
            mistakes.push(mistake(0, text.len(), "the format is empty".to_owned(), None));
        }
        let mut at = begin;
        while at < text.len() {
            let rest = &text[at..];
            let literal = rest.find('%').unwrap_or(rest.len());
            if literal > 0 {
                format.parts.push(Part::Text(unescape(&rest[..literal])));
            }
            at += literal;
            let Some(token) = text[at..].strip_prefix('%') else { continue };
            let digits = token.len() - token.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let width = token[..digits].parse::<usize>().ok().filter(|width| *width > 0).map(|width| width.min(4096));
            let start = at;
            at += 1 + digits;
            match Bound::parse(&text[at..]) {
                Ok((bound, length)) if bound.row.place == Place::Filter => {
                    let message = format!("`{}` can be compared with, and not shown", bound.row.name);
                    mistakes.push(mistake(start, at + length, message, None));
                    at += length;
                }
                Ok((bound, length)) => {
                    names.push((&text[at..at + length], format.parts.len()));
                    format.parts.push(Part::Field(Box::new(bound), width));
                    at += length;
                }
                Err(unknown) => {
                    let length = text[at..]
                        .find(|c: char| !(c.is_alphanumeric() || "._[]".contains(c)))
                        .unwrap_or(text.len() - at);
                    let message =
                        if length == 0 { "a field is missing behind `%`".to_owned() } else { unknown.message };
                    let near = if mistakes.len() < MOST { nearest_to(&text[at..]) } else { None };
                    let hint = near.map(|near| format!("did you mean `%{near}`?"));
                    mistakes.push(mistake(start, at + length, message, hint));
                    at += length;
                }
            }
        }
        // JSON has each key once, in the order of keys.
        names.sort_unstable();
        names.dedup_by(|later, earlier| later.0 == earlier.0);
        format.keys = names.into_iter().map(|(name, part)| (json::key(name), part)).collect();
        if mistakes.is_empty() { Ok(format) } else { Err(Mistakes::new(text, mistakes)) }
    }

    /// Every field that is shown.
    pub fn fields(&self) -> impl Iterator<Item = &Bound> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(bound, _) => Some(&**bound),
            Part::Text(_) => None,
        })
    }

    /// Appends the event, without a line break behind it. What must not be shown is taken away again.
    #[inline]
    pub fn write(&self, moment: &Moment<'_>, into: &mut Vec<u8>) -> Written {
        let begin = into.len();
        let written =
            if moment.style.json == Json::Yes { self.write_json(moment, into) } else { self.write_line(moment, into) };
        if written == Written::Nothing {
            into.truncate(begin);
        }
        written
    }

    fn write_line(&self, moment: &Moment<'_>, into: &mut Vec<u8>) -> Written {
        let mut scratch = self.resolved.borrow_mut();
        let mut complete = true;
        for part in &self.parts {
            match part {
                Part::Text(text) => into.extend_from_slice(text),
                Part::Field(bound, width) => {
                    let begin = into.len();
                    scratch.clear();
                    let value = bound.get(moment, &mut scratch);
                    if !write_value(&value, bound.row.shape, into) {
                        complete &= self.tolerant;
                        into.extend_from_slice(ABSENT);
                    }
                    if let Some(width) = width {
                        into.resize(begin + width, b' ');
                    }
                }
            }
        }
        if complete { Written::Line } else { Written::Nothing }
    }
}

/// Writes a value; whether there is anything to write.
pub fn write_value(value: &Value<'_>, shape: Shape, into: &mut Vec<u8>) -> bool {
    if shape == Shape::Silent {
        return false;
    }
    match value {
        Value::Unknown => return false,
        // As text it ends where a NUL is.
        Value::Bytes(bytes) => into.extend_from_slice(crate::state::path::until_nul(bytes)),
        Value::Text(text) => into.extend_from_slice(text.as_bytes()),
        Value::Id(full, _) => into.extend_from_slice(full.as_bytes()),
        Value::Number(number) if shape == Shape::Hex => {
            into.extend_from_slice(format!("{:X}", *number as u32).as_bytes())
        }
        Value::Number(number) => signed(*number, into),
        Value::Unsigned(number) if shape == Shape::Padded => padded(*number, into),
        Value::Unsigned(number) => write_number(*number, into),
        Value::Real(number) => into.extend_from_slice(format!("{number:.1}").as_bytes()),
        Value::Flag(flag) => into.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Address(address) => write_address(*address, into),
        Value::Age(age) => write_number(age.as_nanos() as u64, into),
        Value::Addresses(_) | Value::Ports(_) | Value::Pairs(_) | Value::Any(_) => return false,
    }
    true
}

/// `\n`, `\t`, `\e` and `\\`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        let escaped = match (byte, rest.peek()) {
            (b'\\', Some(b'n')) => b'\n',
            (b'\\', Some(b't')) => b'\t',
            (b'\\', Some(b'e')) => 0x1b,
            (b'\\', Some(b'\\')) => b'\\',
            _ => {
                bytes.push(byte);
                continue;
            }
        };
        rest.next();
        bytes.push(escaped);
    }
    bytes
}
