//! What is known of an event before it happens: its type, and whether its call fails.

use fathom_filter::{Known, Sketch};
use fathom_model::Value;
use fathom_scap::schema::number::{CREAT, OPEN, OPENAT, OPENAT_2, OPENAT2, end};
use fathom_scap::schema::syscalls::syscall;
use fathom_scap::schema::{Category, EventType, Traits};

use crate::fields::{Argument, Bound, category_word};

/// Which events of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moments {
    /// On the way into a call.
    Enter,
    /// On the way out of one that succeeds.
    Success,
    /// On the way out of one that fails.
    Failure,
    /// All of them.
    Any,
}

/// Events of one type.
pub(super) struct End {
    pub(super) kind: &'static EventType,
    /// Where the type does not say which call it is.
    pub(super) identity: u16,
    pub(super) moments: Moments,
}

/// What is known of one field.
type Rule = fn(&End, &Bound) -> Known;

/// Fields of which something is known.
const RULES: &[(&str, Rule)] = &[
    ("evt.dir", |end, _| one(Value::text(if end.kind.is_enter() { ">" } else { "<" }))),
    ("evt.type", |end, _| one(Value::text(end.name()))),
    ("evt.type.is", |end, field| match field.argument {
        Argument::Event(enter, exit) => one(Value::Unsigned(u64::from([enter, exit].contains(&end.kind.number)))),
        _ => Known::Nothing,
    }),
    ("syscall.type", |end, _| match end.moments {
        Moments::Any => Known::Nothing,
        _ => one(Value::text(end.name())),
    }),
    ("evt.category", category),
    ("evt.res", |end, _| match end.result() {
        Result::None => one(Value::Unknown),
        Result::Success => one(Value::text("SUCCESS")),
        Result::Failure | Result::Open => Known::Nothing,
    }),
    ("evt.rawres", |end, _| match end.result() {
        Result::None => one(Value::Unknown),
        Result::Success => Known::Between(0..=i64::MAX),
        Result::Failure => Known::Between(i64::MIN..=-1),
        Result::Open => Known::Nothing,
    }),
    ("evt.failed", |end, _| match end.result() {
        Result::None | Result::Success => one(Value::Flag(false)),
        Result::Failure => one(Value::Flag(true)),
        Result::Open => Known::Nothing,
    }),
    ("evt.is_io", |end, _| end.has(Traits::READS.and(Traits::WRITES))),
    ("evt.is_io_read", |end, _| end.has(Traits::READS)),
    ("evt.is_io_write", |end, _| end.has(Traits::WRITES)),
    ("evt.is_wait", |end, _| end.has(Traits::WAITS)),
    ("evt.io_dir", |end, _| {
        one(match end.kind.traits {
            traits if traits.any(Traits::WRITES) => Value::text("write"),
            traits if traits.any(Traits::READS) => Value::text("read"),
            _ => Value::Unknown,
        })
    }),
    ("evt.wait_latency", |end, _| unless(end.kind.traits.any(Traits::WAITS) && !end.kind.is_enter())),
    ("evt.count", |_, _| one(Value::Unsigned(1))),
    ("evt.count.error", error),
    ("evt.count.error.file", error),
    ("evt.count.error.net", error),
    ("evt.count.error.memory", error),
    ("evt.count.error.other", error),
    ("evt.count.exit", |end, _| one(if end.kind.is_enter() { Value::Unknown } else { Value::Unsigned(1) })),
    ("evt.buflen", |end, _| moved(end, end.kind.category.is_io())),
    ("evt.buflen.in", |end, _| moved(end, end.kind.category == Category::Read)),
    ("evt.buflen.out", |end, _| moved(end, end.kind.category == Category::Write)),
    ("evt.buffer", |end, _| unless(end.kind.position("data").is_some())),
    ("evt.arg", argument),
    ("evt.rawarg", argument),
    ("evt.is_open_read", opens),
    ("evt.is_open_write", opens),
    ("evt.is_open_exec", opens),
    ("evt.is_open_create", opens),
    (
        "evt.is_syslog",
        |end, _| {
            if end.kind.traits.any(Traits::WRITES) { Known::Nothing } else { one(Value::Flag(false)) }
        },
    ),
];

/// Fields of descriptors, which only what makes, uses or ends one has.
const DESCRIPTORS: &str = "fd.";

/// Fields that depend on how many events there were, or when the one before was.
const COUNTING: &[&str] = &["evt.num", "evt.deltatime", "evt.reltime"];

/// Whether what the field holds depends on the events before, whatever they are.
pub(super) fn counts_events(field: &Bound) -> bool {
    COUNTING
        .iter()
        .any(|name| field.row.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

impl Sketch<Bound> for End {
    fn known(&self, field: &Bound) -> Known {
        if let Some((_, rule)) = RULES.iter().find(|row| row.0 == field.row.name) {
            return rule(self, field);
        }
        if field.row.name.starts_with(DESCRIPTORS) {
            let about = Traits::CREATES_FD.and(Traits::USES_FD).and(Traits::DESTROYS_FD);
            return unless(self.kind.traits.any(about));
        }
        Known::Nothing
    }
}

/// What the events say of how the call ended.
enum Result {
    /// They do not.
    None,
    Success,
    Failure,
    Open,
}

impl End {
    fn name(&self) -> &'static str {
        match self.kind.number {
            0 | 1 => syscall(self.identity).map_or("<unknown>", |row| row.0),
            _ => self.kind.name,
        }
    }

    fn result(&self) -> Result {
        let made = self.kind.traits.any(Traits::CREATES_FD) && !self.kind.is_enter();
        if self.kind.position("res").is_none() && !(made && self.kind.position("fd").is_some()) {
            return Result::None;
        }
        match self.moments {
            Moments::Success => Result::Success,
            Moments::Failure => Result::Failure,
            Moments::Enter | Moments::Any => Result::Open,
        }
    }

    fn has(&self, traits: Traits) -> Known {
        one(Value::Flag(self.kind.traits.any(traits)))
    }
}

fn one(value: Value<'static>) -> Known {
    Known::Among(vec![value])
}

/// Anything, unless the events have no such thing.
fn unless(there: bool) -> Known {
    if there { Known::Nothing } else { one(Value::Unknown) }
}

fn category(end: &End, _: &Bound) -> Known {
    let category = match end.kind.number {
        0 | 1 => syscall(end.identity).map_or(Category::Unknown, |row| row.1),
        _ => end.kind.category,
    };
    match category_word(category) {
        Some(word) => one(Value::text(word)),
        None if end.kind.number < 2 => one(Value::text("unknown")),
        None => Known::Among(["file", "net", "ipc", "unknown"].map(Value::text).to_vec()),
    }
}

fn error(end: &End, _: &Bound) -> Known {
    match end.result() {
        Result::None | Result::Success => one(Value::Unknown),
        Result::Failure | Result::Open => Known::Among(vec![Value::Unsigned(1), Value::Unknown]),
    }
}

fn moved(end: &End, goes: bool) -> Known {
    unless(goes && !end.kind.is_enter() && !matches!(end.result(), Result::Failure))
}

fn argument(end: &End, field: &Bound) -> Known {
    unless(match &field.argument {
        Argument::Index(index) => usize::try_from(*index).is_ok_and(|index| index < end.kind.params.len()),
        Argument::Param(name, _) => end.kind.position(name).is_some(),
        _ => true,
    })
}

/// Event types that say how something is opened.
const OPENS: &[u16] = &[end(OPEN), end(CREAT), OPENAT, end(OPENAT_2), end(OPENAT2)];

fn opens(end: &End, _: &Bound) -> Known {
    if OPENS.contains(&end.kind.number) { Known::Nothing } else { one(Value::Flag(false)) }
}
