//! What stands behind the name of a field: a number or word in brackets, or a word behind a dot.

use fathom_filter::mistake::nearest;
use fathom_model::Kind;
use fathom_scap::schema::{EVENTS, Kind as Layout};

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// A number in brackets, or nothing: `proc.aname[2]`.
    Generation,
    /// A number or a name in brackets, or nothing: `proc.aenv[2]`, `proc.env[HOME]`.
    Variable,
    /// A parameter by number or name: `evt.arg[0]`, `evt.arg.fd`.
    Param,
    /// A parameter by name: `evt.rawarg.fd`.
    ParamName,
    /// The name of an event: `evt.type.is.open`.
    EventName,
    /// The name of a cgroup's subsystem behind a dot.
    Subsystem,
    /// The name of a label behind a dot.
    Label,
    /// A number or a pattern in brackets.
    Pattern,
    /// A point in time in brackets.
    Instant,
    /// `.src` or `.dst`, or nothing.
    End,
    /// Anything in brackets or behind a dot.
    Anything,
}

/// Longer than any path in brackets.
const LONGEST: usize = 4096;

/// What a field was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
    None,
    /// A number.
    Index(i64),
    /// A word or pattern.
    Word(Box<str>),
    /// A parameter's name, and what it holds.
    Param(&'static str, Kind),
    /// Both numbers of an event.
    Event(u16, u16),
}

impl Argument {
    /// What `text` begins with, and how long it is.
    pub(super) fn parse(takes: &Takes, text: &str) -> Result<(Self, usize), &'static str> {
        match takes {
            Takes::Nothing => Ok((Argument::None, 0)),
            Takes::Generation => match brackets(text) {
                None => Ok((Argument::None, 0)),
                Some((inner, length)) => {
                    let index = inner.parse().map_err(|_| "takes a number in brackets")?;
                    Ok((Argument::Index(index), length))
                }
            },
            Takes::Variable => Ok(match brackets(text) {
                None => (Argument::None, 0),
                Some((inner, length)) => {
                    (inner.parse().map_or_else(|_| Argument::Word(inner.into()), Argument::Index), length)
                }
            }),
            Takes::Instant => {
                let inner = brackets(text).and_then(|(inner, length)| Some((inner.parse().ok()?, length)));
                let (instant, length) =
                    inner.ok_or("takes nanoseconds since 1970 in brackets, as %evt.rawtime shows them")?;
                Ok((Argument::Index(instant), length))
            }
            Takes::Param | Takes::ParamName => param(*takes, text),
            Takes::EventName => {
                let length = word(text, |c| c.is_ascii_alphanumeric() || c == '_');
                event(text.get(1..length).unwrap_or_default()).map(|event| (event, length))
            }
            Takes::Subsystem => dotted(text, |c| c.is_ascii_alphabetic() || c == '_'),
            Takes::Label => dotted(text, |c| c.is_ascii_alphanumeric() || "/_-.".contains(c)),
            Takes::Pattern => {
                let (inner, length) = brackets(text).ok_or("takes a number or a path in brackets")?;
                let argument = inner.parse().map_or_else(|_| Argument::Word(inner.into()), Argument::Index);
                Ok((argument, length))
            }
            Takes::End => Ok(match text {
                _ if text.starts_with(".src") => (Argument::Index(1), 4),
                _ if text.starts_with(".dst") => (Argument::Index(2), 4),
                _ => (Argument::Index(0), 0),
            }),
            Takes::Anything => match brackets(text) {
                Some((inner, length)) => Ok((Argument::Word(inner.into()), length)),
                None => dotted(text, |c| c.is_ascii_alphanumeric() || "_-.".contains(c)),
            },
        }
    }
}

/// The name of a parameter or event that was probably meant by what stands behind the dot.
pub(super) fn nearest_to(takes: Takes, text: &str) -> Option<&'static str> {
    let name = &text.strip_prefix('.')?[..word(text, |c| c.is_ascii_alphanumeric() || c == '_').max(1) - 1];
    match takes {
        Takes::Param | Takes::ParamName => {
            nearest(name, EVENTS.iter().flat_map(|event| event.params).map(|param| param.name))
        }
        Takes::EventName => nearest(name, EVENTS.iter().map(|event| event.name)),
        _ => None,
    }
}

/// What stands in brackets, and how long they are.
fn brackets(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix('[')?;
    // What is longer is no argument; a format that opens many would be searched to its end for each.
    let end = inner.bytes().take(LONGEST).position(|byte| byte == b']')?;
    Some((&inner[..end], end + 2))
}

/// How far a dot and a word of such characters reach.
fn word(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    let Some(rest) = text.strip_prefix('.') else { return 0 };
    1 + rest.find(|c: char| !is_part(c)).unwrap_or(rest.len())
}

fn dotted(text: &str, is_part: impl Fn(char) -> bool) -> Result<(Argument, usize), &'static str> {
    let length = word(text, is_part);
    if length < 2 {
        return Err("takes a name behind a dot");
    }
    Ok((Argument::Word(text[1..length].into()), length))
}

fn param(takes: Takes, text: &str) -> Result<(Argument, usize), &'static str> {
    const WRONG: &str = "takes a parameter's name behind a dot, such as `.fd`; `--list-events` has them all";
    if let Some((inner, length)) = brackets(text).filter(|_| takes == Takes::Param) {
        let index = inner.parse::<i32>().map_err(|_| "takes a number in brackets")?;
        return Ok((Argument::Index(index.into()), length));
    }
    let rest = text.strip_prefix('.').ok_or(WRONG)?;
    let params = EVENTS.iter().flat_map(|event| event.params);
    // Of several with this name the first one decides what it holds.
    let mut longest: Option<&fathom_scap::schema::Param> = None;
    for param in params.filter(|param| rest.starts_with(param.name)) {
        if longest.is_none_or(|longest| param.name.len() > longest.name.len()) {
            longest = Some(param);
        }
    }
    let param = longest.ok_or(WRONG)?;
    Ok((Argument::Param(param.name, kind(param.kind)), param.name.len() + 1))
}

/// What a parameter of this layout holds.
fn kind(layout: Layout) -> Kind {
    match layout {
        Layout::I8 | Layout::I16 | Layout::I32 | Layout::I64 | Layout::Errno | Layout::Fd | Layout::Pid => Kind::Number,
        Layout::Fd32 | Layout::Pid32 => Kind::Number,
        Layout::Text | Layout::Path | Layout::RelPath => Kind::Text,
        Layout::Bytes | Layout::SockAddr | Layout::SockTuple | Layout::FdList => Kind::Bytes,
        Layout::Dynamic | Layout::Tags | Layout::TagPairs => Kind::Bytes,
        Layout::Address4 | Layout::Address6 => Kind::Address,
        _ => Kind::Unsigned,
    }
}

/// The numbers of the event called `name`, or of the event with this number.
fn event(name: &str) -> Result<Argument, &'static str> {
    if let Ok(number) = name.parse::<u16>() {
        return Ok(Argument::Event(number, u16::MAX));
    }
    let first = EVENTS.iter().find(|event| event.name == name).map(|event| event.number);
    let first = first.ok_or("takes an event's name behind a dot, such as `.open`; `--list-events` has them all")?;
    Ok(Argument::Event(first, first + 1))
}
