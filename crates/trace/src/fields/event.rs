//! Fields of system calls: which call, when, with which arguments.

use std::io::Write;

use fathom_filter::mistake::nearest;
use fathom_model::{Kind, Value};
use fathom_scap::schema::number::{CREAT, SWITCH, end};
use fathom_scap::schema::syscalls::{SYSCALLS, syscall};
use fathom_scap::schema::{Category, EVENTS, Kind as Layout, Traits};

use super::{Argument, Bound, Place, Row, Shape, Takes, list, made};
use crate::moment::Moment;
use crate::render;
use crate::state::Thing;
use crate::state::path::{join, until_nul};

const SECOND: u64 = 1_000_000_000;

/// The fields.
pub(super) const ROWS: &[Row] = &[
    Row::new("evt.latency", Kind::Unsigned, "nanoseconds from the call to its return", |m, _, _| {
        latency(m).map_or(Value::Unknown, Value::Unsigned)
    }),
    Row::new("evt.latency.s", Kind::Unsigned, "whole seconds of that", |m, _, _| {
        latency(m).map_or(Value::Unknown, |latency| Value::Unsigned(latency / SECOND))
    }),
    Row::new("evt.latency.ns", Kind::Unsigned, "nanoseconds of that within the second", |m, _, _| {
        latency(m).map_or(Value::Unknown, |latency| Value::Unsigned(latency % SECOND))
    })
    .shaped(Shape::Padded),
    Row::new("evt.latency.human", Kind::Text, "the same as people read it, such as 10.3ms", human),
    Row::new("evt.latency.quantized", Kind::Unsigned, "its place on a logarithmic scale", quantized).only(Place::View),
    Row::new("evt.deltatime", Kind::Unsigned, "nanoseconds since the event before", |m, b, _| {
        Value::Unsigned(delta(m, b))
    }),
    Row::new("evt.deltatime.s", Kind::Unsigned, "whole seconds of that", |m, b, _| {
        Value::Unsigned(delta(m, b) / SECOND)
    }),
    Row::new("evt.deltatime.ns", Kind::Unsigned, "nanoseconds of that within the second", |m, b, _| {
        Value::Unsigned(delta(m, b) % SECOND)
    })
    .shaped(Shape::Padded),
    Row::new("evt.dir", Kind::Text, "`>` on the way into the call, `<` on the way out", |m, _, _| {
        Value::text(if m.kind.is_enter() { ">" } else { "<" })
    }),
    Row::new("evt.type", Kind::Text, "name of the call, such as open", |m, _, _| Value::text(name(m))),
    Row::new(
        "evt.type.is",
        Kind::Unsigned,
        "1 for events of the type in the name, such as evt.type.is.open",
        |m, b, _| {
            let Argument::Event(enter, exit) = b.argument else { return Value::Unknown };
            Value::Unsigned(u64::from(m.event.number == enter || m.event.number == exit))
        },
    )
    .shaped(Shape::Silent)
    .taking(Takes::EventName),
    Row::new("syscall.type", Kind::Text, "name of the call; other events have none", |m, _, _| {
        let other =
            m.event.number == SWITCH || m.kind.traits.any(Traits::ASIDE) || m.kind.category == Category::Internal;
        if other { Value::Unknown } else { Value::text(name(m)) }
    }),
    Row::new("evt.category", Kind::Text, "what the call is about: file, net, memory and so on", |m, _, _| {
        Value::text(category(m))
    }),
    Row::new("evt.cpu", Kind::Number, "number of the processor", |m, _, _| {
        Value::Number(i64::from(m.event.cpu as i16))
    }),
    Row::new("evt.args", Kind::Text, "all arguments", args),
    Row::new("evt.arg", Kind::Text, "one argument by name or number, as text", arg).taking(Takes::Param),
    Row::new("evt.rawarg", Kind::Bytes, "one argument by name, as it is", raw_arg).taking(Takes::ParamName),
    Row::new("evt.info", Kind::Text, "all arguments, or what they stand for where that is known", |m, b, s| {
        if list::write_log_line(m, s) { made(s) } else { args(m, b, s) }
    }),
    Row::new("evt.buffer", Kind::Bytes, "data that was read or written", |m, _, s| {
        let Some(index) = data(m) else { return Value::Unknown };
        if m.purpose == crate::moment::Purpose::Compare {
            return m.event.param(index).map_or(Value::Unknown, Value::bytes);
        }
        render::write(m, index, s);
        made(s)
    }),
    Row::new("evt.around", Kind::Nearness, "within so many milliseconds of a time: evt.around[TIME]=MS", |m, b, _| {
        let Argument::Index(instant) = b.argument else { return Value::Unknown };
        Value::Unsigned(m.event.ts.abs_diff(instant as u64))
    })
    .taking(Takes::Instant)
    .only(Place::Filter),
    Row::new(
        "evt.abspath",
        Kind::Text,
        "whole path of calls with a folder's descriptor; .src and .dst where there are two",
        absolute,
    )
    .taking(Takes::End),
    Row::new("evt.is_open_read", Kind::Flag, "whether something is opened for reading", |m, _, _| opens(m, 1)),
    Row::new("evt.is_open_write", Kind::Flag, "whether something is opened for writing", |m, _, _| opens(m, 2)),
    Row::new("evt.is_open_exec", Kind::Flag, "whether a file is made that may be executed", |m, _, _| {
        let (flags, mode) = opening(m);
        let makes = flags.is_some_and(|flags| flags & (0x2000 | 0x4) != 0) || m.event.number == end(CREAT);
        Value::Flag(makes && mode.is_some_and(|mode| mode & 0o111 != 0))
    }),
    Row::new("evt.is_open_create", Kind::Flag, "whether a file was made by opening it", |m, _, _| {
        Value::Flag(opening(m).0.is_some_and(|flags| flags & 0x4000 != 0))
    })
    .only(Place::View),
];

/// Whether an event can be of this type; if not, which one is near.
pub(super) fn is_type(name: &str) -> Result<(), Option<&'static str>> {
    let names = || EVENTS.iter().map(|event| event.name).chain(SYSCALLS.iter().map(|row| row.0));
    if names().any(|known| known == name) { Ok(()) } else { Err(nearest(name, names())) }
}

/// The name of the call, also where no more is known of it.
pub(crate) fn name(m: &Moment<'_>) -> &'static str {
    match m.event.number {
        0 | 1 => m.event.u16(0).and_then(syscall).map_or("<unknown>", |row| row.0),
        _ => m.kind.name,
    }
}

fn latency(m: &Moment<'_>) -> Option<u64> {
    match m.caller() {
        None => Some(0),
        Some(_) if m.kind.category == Category::Internal => None,
        Some(thread) => Some(thread.latency),
    }
}

fn human<'a>(m: &'a Moment<'a>, _: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(latency) = latency(m) else { return Value::Unknown };
    let _ = match latency {
        3_600_000_000_000.. => {
            let seconds = latency / SECOND;
            write!(scratch, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        }
        60_000_000_000.. => write!(scratch, "{}:{}", latency / SECOND / 60, latency / SECOND % 60),
        SECOND.. => write!(scratch, "{}.{:02}s", latency / SECOND, latency % SECOND / 10_000_000),
        10_000_000.. => write!(scratch, "{}ms", latency / 1_000_000),
        1_000_000.. => write!(scratch, "{}.{:02}ms", latency / 1_000_000, latency % 1_000_000 / 10_000),
        10_000.. => write!(scratch, "{}us", latency / 1000),
        1000.. => write!(scratch, "{}.{:02}us", latency / 1000, latency % 1000 / 10),
        _ => write!(scratch, "{latency}ns"),
    };
    made(scratch)
}

fn quantized<'a>(m: &'a Moment<'a>, _: &'a Bound, _: &'a mut Vec<u8>) -> Value<'a> {
    match latency(m) {
        Some(latency @ 1..) => Value::Unsigned(((latency as f64).log10().min(11.0) * 80.0 / 11.0) as u64 + 1),
        _ => Value::Unknown,
    }
}

fn delta(m: &Moment<'_>, bound: &Bound) -> u64 {
    let before = bound.memory.replace(m.event.ts);
    if before == 0 { 0 } else { m.event.ts.wrapping_sub(before) }
}

fn category(m: &Moment<'_>) -> &'static str {
    let category = match m.event.number {
        0 | 1 => m.event.u16(0).and_then(syscall).map_or(Category::Unknown, |row| row.1),
        _ => m.kind.category,
    };
    if let Some(word) = category_word(category) {
        return word;
    }
    // The descriptor decides, where more is known than the number of the call.
    if m.event.number < 2 {
        return "unknown";
    }
    let thing = m.now.fd.and_then(|handle| m.state.descriptor(handle)).map(|found| found.thing);
    match thing {
        Some(Thing::File | Thing::Folder) => "file",
        Some(thing) if thing.is_net() => "net",
        Some(Thing::Pipe | Thing::Unix | Thing::Event | Thing::Signal | Thing::Inotify) => "ipc",
        _ => "unknown",
    }
}

/// What a category is called; nothing where the descriptor decides.
pub(crate) fn category_word(category: Category) -> Option<&'static str> {
    Some(match category {
        Category::Other => "other",
        Category::File => "file",
        Category::Net => "net",
        Category::Ipc => "IPC",
        Category::Memory => "memory",
        Category::Process => "process",
        Category::Sleep => "sleep",
        Category::System => "system",
        Category::Signal => "signal",
        Category::User => "user",
        Category::Time => "time",
        Category::Processing => "processing",
        Category::Wait => "wait",
        Category::Scheduler => "scheduler",
        Category::Unknown | Category::Internal => "unknown",
        Category::Read | Category::Write | Category::Io => return None,
    })
}

fn args<'a>(m: &'a Moment<'a>, _: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    // Of these no more is known than which call it is.
    if m.event.number < 2 {
        return made(scratch);
    }
    for index in 0..m.params() {
        scratch.extend_from_slice(m.kind.params[index].name.as_bytes());
        scratch.push(b'=');
        let resolved = render::write(m, index, scratch);
        if resolved < scratch.len() {
            scratch.insert(resolved, b'(');
            scratch.push(b')');
        }
        scratch.push(b' ');
    }
    made(scratch)
}

/// Where the argument that was asked for stands.
fn position(m: &Moment<'_>, bound: &Bound) -> Option<usize> {
    let index = match &bound.argument {
        Argument::Index(index) => usize::try_from(*index).ok()?,
        Argument::Param(name, _) => m.kind.position(name)?,
        _ => return None,
    };
    (index < m.params()).then_some(index)
}

fn arg<'a>(m: &'a Moment<'a>, bound: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(index) = position(m, bound) else { return Value::Unknown };
    render::write_meaning(m, index, scratch);
    made(scratch)
}

fn raw_arg<'a>(m: &'a Moment<'a>, bound: &'a Bound, _: &'a mut Vec<u8>) -> Value<'a> {
    let Some(index) = position(m, bound) else { return Value::Unknown };
    let Some(bytes) = m.event.param(index) else { return Value::Unknown };
    let Argument::Param(_, kind) = bound.argument else { return Value::Unknown };
    let negative =
        matches!(m.kind.params[index].kind, Layout::I8 | Layout::I16 | Layout::I32 | Layout::Fd32 | Layout::Pid32);
    match kind {
        Kind::Text => Value::bytes(until_nul(bytes)),
        Kind::Number | Kind::Unsigned => number(bytes, negative || kind == Kind::Number, kind),
        _ => Value::bytes(bytes),
    }
}

/// Bytes as a number of their width.
fn number<'a>(bytes: &[u8], signed: bool, kind: Kind) -> Value<'a> {
    let Some(last) = bytes.last().filter(|_| bytes.len() <= 8) else { return Value::Unknown };
    let mut whole = if signed && last & 0x80 != 0 { [0xff; 8] } else { [0; 8] };
    whole[..bytes.len()].copy_from_slice(bytes);
    if kind == Kind::Number {
        Value::Number(i64::from_le_bytes(whole))
    } else {
        Value::Unsigned(u64::from_le_bytes(whole))
    }
}

fn data(m: &Moment<'_>) -> Option<usize> {
    m.kind.position("data").filter(|index| *index < m.params())
}

/// Flags and mode of an event that opens something, as the kernel saw them.
fn opening(m: &Moment<'_>) -> (Option<u32>, Option<u32>) {
    match m.event.number {
        3 | 102 => (m.event.u32(2), m.event.u32(3)),
        307 | 327 => (m.event.u32(3), m.event.u32(4)),
        59 => (None, m.event.u32(2)),
        _ => (None, None),
    }
}

fn opens<'a>(m: &Moment<'_>, bit: u32) -> Value<'a> {
    Value::Flag(opening(m).0.is_some_and(|flags| flags & bit != 0))
}

/// Event types with a folder's descriptor and a path: for both ends the names of their parameters.
const ENDS: &[(u16, [(&str, &str); 2])] = &[
    (177, [("olddirfd", "oldpath"), ("newdirfd", "newpath")]),
    (319, [("olddirfd", "oldpath"), ("newdirfd", "newpath")]),
    (181, [("linkdirfd", "linkpath"); 2]),
    (102, [("dirfd", "name"); 2]),
    (307, [("dirfd", "name"); 2]),
    (327, [("dirfd", "name"); 2]),
    (106, [("olddir", "oldpath"), ("newdir", "newpath")]),
    (311, [("olddir", "oldpath"), ("newdir", "newpath")]),
    (110, [("dirfd", "name"); 2]),
    (303, [("dirfd", "name"); 2]),
    (305, [("dirfd", "path"); 2]),
    (313, [("dirfd", "filename"); 2]),
];

fn absolute<'a>(m: &'a Moment<'a>, bound: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let ends = ENDS.iter().find(|row| row.0 == m.event.number).map(|row| row.1);
    let (Some(ends), Some(place), Argument::Index(which)) = (ends, m.now.thread, &bound.argument) else {
        return Value::Unknown;
    };
    let (folder, path) = ends[usize::from(*which == 2)];
    // An event of which only the other end has this name has no second one.
    let position = |name: &str| m.kind.position(name).filter(|index| *index < m.params());
    let (Some(folder), Some(path)) = (position(folder), position(path)) else { return Value::Unknown };
    let (Some(folder), Some(path)) = (m.event.i64(folder), m.event.param(path)) else { return Value::Unknown };
    let threads = &m.state.threads;
    *scratch = match folder {
        _ if path.first() == Some(&b'/') => join(b".", path),
        -100 => join(threads.main_of(place).map_or(b"./", |main| &threads[main].cwd), path),
        folder => match m.state.descriptor_of(place, folder) {
            Some(found) => join(&[&found.name[..], b"/"].concat(), path),
            None => join(b"<UNKNOWN>/", path),
        },
    };
    made(scratch)
}
