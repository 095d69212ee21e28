//! Fields of results, of data that goes in and out, and of what can be counted.

use fathom_model::{Kind, Value};
use fathom_scap::schema::number::*;
use fathom_scap::schema::{Category, Traits};

use super::{Bound, Place, Row, list, made};
use crate::moment::Moment;
use crate::render;
use crate::state::{Descriptor, Thing};

/// The fields.
pub(super) const ROWS: &[Row] = &[
    Row::new("evt.buflen", Kind::Unsigned, "bytes of data that went in or out", |m, _, _| {
        moved(m, Way::Both, |_| true)
    }),
    Row::new("evt.buflen.in", Kind::Unsigned, "bytes that went in", |m, _, _| moved(m, Way::In, |_| true))
        .only(Place::View),
    Row::new("evt.buflen.out", Kind::Unsigned, "bytes that went out", |m, _, _| moved(m, Way::Out, |_| true))
        .only(Place::View),
    Row::new("evt.buflen.file", Kind::Unsigned, "bytes from and to files", |m, _, _| moved(m, Way::Both, is_file))
        .only(Place::View),
    Row::new("evt.buflen.file.in", Kind::Unsigned, "bytes from files", |m, _, _| moved(m, Way::In, is_file))
        .only(Place::View),
    Row::new("evt.buflen.file.out", Kind::Unsigned, "bytes to files", |m, _, _| moved(m, Way::Out, is_file))
        .only(Place::View),
    Row::new("evt.buflen.net", Kind::Unsigned, "bytes from and to the network", |m, _, _| moved(m, Way::Both, is_net))
        .only(Place::View),
    Row::new("evt.buflen.net.in", Kind::Unsigned, "bytes from the network", |m, _, _| moved(m, Way::In, is_net))
        .only(Place::View),
    Row::new("evt.buflen.net.out", Kind::Unsigned, "bytes to the network", |m, _, _| moved(m, Way::Out, is_net))
        .only(Place::View),
    Row::new("evt.res", Kind::Text, "SUCCESS, or the name of the error", result),
    Row::new("evt.rawres", Kind::Number, "what the call returned; below zero an error", |m, _, _| {
        returned(m).map_or(Value::Unknown, |(_, result)| Value::Number(result))
    }),
    Row::new("evt.failed", Kind::Flag, "whether the call returned an error", |m, _, _| Value::Flag(failed(m))),
    Row::new("evt.is_io", Kind::Flag, "whether it reads or writes", |m, _, _| {
        has(m, Traits::READS.and(Traits::WRITES))
    }),
    Row::new("evt.is_io_read", Kind::Flag, "whether it reads", |m, _, _| has(m, Traits::READS)),
    Row::new("evt.is_io_write", Kind::Flag, "whether it writes", |m, _, _| has(m, Traits::WRITES)),
    Row::new("evt.io_dir", Kind::Text, "read or write", |m, _, _| match m.kind.traits {
        traits if traits.any(Traits::WRITES) => Value::text("write"),
        traits if traits.any(Traits::READS) => Value::text("read"),
        _ => Value::Unknown,
    }),
    Row::new("evt.is_wait", Kind::Flag, "whether the thread waits in it, as in sleep or poll", |m, _, _| {
        has(m, Traits::WAITS)
    }),
    Row::new("evt.wait_latency", Kind::Unsigned, "nanoseconds that the thread waited", |m, _, _| {
        if !m.kind.traits.any(Traits::WAITS) || m.kind.is_enter() {
            return Value::Unknown;
        }
        Value::Unsigned(m.caller().map_or(0, |thread| thread.latency))
    }),
    Row::new("evt.is_syslog", Kind::Flag, "whether it writes to the system's log", |m, _, _| {
        let log = |found: &Descriptor| found.name.windows(8).any(|window| window == b"/dev/log");
        Value::Flag(m.kind.traits.any(Traits::WRITES) && about(m).is_some_and(log))
    }),
    Row::new("evt.count", Kind::Unsigned, "always 1, to be counted", |_, _, _| Value::Unsigned(1)),
    Row::new("evt.count.error", Kind::Unsigned, "1 for calls that returned an error", |m, _, _| error(m, |_| true)),
    Row::new("evt.count.error.file", Kind::Unsigned, "1 for errors with files", |m, _, _| error(m, of_file)),
    Row::new("evt.count.error.net", Kind::Unsigned, "1 for errors with the network", |m, _, _| error(m, of_net)),
    Row::new("evt.count.error.memory", Kind::Unsigned, "1 for errors with memory", |m, _, _| {
        error(m, |m| m.kind.category == Category::Memory)
    }),
    Row::new("evt.count.error.other", Kind::Unsigned, "1 for all other errors", |m, _, _| {
        error(m, |m| !of_file(m) && !of_net(m) && (about(m).is_some() || m.kind.category != Category::Memory))
    }),
    Row::new("evt.count.exit", Kind::Unsigned, "1 for events on the way out", |m, _, _| counted(!m.kind.is_enter())),
    Row::new("evt.count.procinfo", Kind::Unsigned, "1 for processor times of main threads", |m, _, _| {
        counted(m.event.number == PROCESSOR_TIME && m.thread().is_some_and(|thread| thread.is_main()))
    })
    .only(Place::View),
    Row::new("evt.count.threadinfo", Kind::Unsigned, "1 for processor times", |m, _, _| {
        counted(m.event.number == PROCESSOR_TIME)
    })
    .only(Place::View),
    Row::new("evt.infra.docker.name", Kind::Text, "what happened to a container of docker", |m, _, _| {
        list::told(m, b"Event")
    })
    .only(Place::View),
    Row::new("evt.infra.docker.container.id", Kind::Text, "to which one", |m, _, _| match list::told(m, b"ID") {
        Value::Bytes(id) if id.len() > 12 => Value::Bytes(id[..12].to_vec().into()),
        other => other,
    })
    .only(Place::View),
    Row::new("evt.infra.docker.container.name", Kind::Text, "its name", |m, _, _| list::told(m, b"name"))
        .only(Place::View),
    Row::new("evt.infra.docker.container.image", Kind::Text, "its image", |m, _, _| list::told(m, b"Image"))
        .only(Place::View),
];

/// Event types that open something, and those that make connections, for errors without a descriptor.
const OPENS: &[u16] = &[end(OPEN), end(CREAT), end(OPENAT), end(OPENAT_2), end(OPENAT2)];
const CONNECTS: &[u16] = &[end(ACCEPT), end(ACCEPT4), end(ACCEPT_5), end(ACCEPT4_5), end(CONNECT)];

/// The descriptor that the event is about.
fn about<'a>(m: &Moment<'a>) -> Option<&'a Descriptor> {
    m.now.fd.and_then(|handle| m.state.descriptor(handle))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
    Both,
}

fn is_file(found: &Descriptor) -> bool {
    found.thing == Thing::File
}

fn is_net(found: &Descriptor) -> bool {
    found.thing.is_net()
}

fn moved<'a>(m: &Moment<'_>, way: Way, fits: fn(&Descriptor) -> bool) -> Value<'a> {
    let goes = match way {
        Way::In => m.kind.category == Category::Read,
        Way::Out => m.kind.category == Category::Write,
        Way::Both => m.kind.category.is_io(),
    };
    if !goes || m.kind.is_enter() || !about(m).is_some_and(fits) {
        return Value::Unknown;
    }
    m.event.i64(0).and_then(|result| u64::try_from(result).ok()).map_or(Value::Unknown, Value::Unsigned)
}

/// Where the result stands, and what it is: a parameter called so, or the descriptor that was made.
fn returned(m: &Moment<'_>) -> Option<(usize, i64)> {
    let made = m.kind.traits.any(Traits::CREATES_FD) && !m.kind.is_enter();
    let named = |name: &str| m.kind.position(name).filter(|index| *index < m.params());
    let index = named("res").or_else(|| if made { named("fd") } else { None })?;
    // `res` of some calls is no number of this width.
    let bytes = m.event.param(index)?;
    let result = bytes.first_chunk().map(|bytes| i64::from_le_bytes(*bytes))?;
    Some((index, result))
}

fn failed(m: &Moment<'_>) -> bool {
    returned(m).is_some_and(|(_, result)| result < 0)
}

fn result<'a>(m: &'a Moment<'a>, _: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    match returned(m) {
        None => Value::Unknown,
        Some((_, 0..)) => Value::text("SUCCESS"),
        Some((index, _)) => {
            render::write_meaning(m, index, scratch);
            made(scratch)
        }
    }
}

fn has<'a>(m: &Moment<'_>, traits: Traits) -> Value<'a> {
    Value::Flag(m.kind.traits.any(traits))
}

fn counted<'a>(counts: bool) -> Value<'a> {
    if counts { Value::Unsigned(1) } else { Value::Unknown }
}

fn error<'a>(m: &Moment<'_>, fits: fn(&Moment<'_>) -> bool) -> Value<'a> {
    counted(failed(m) && fits(m))
}

fn of_file(m: &Moment<'_>) -> bool {
    match about(m) {
        Some(found) => matches!(found.thing, Thing::File | Thing::Folder),
        None => OPENS.contains(&m.event.number),
    }
}

fn of_net(m: &Moment<'_>) -> bool {
    match about(m) {
        Some(found) => found.thing.is_net() || found.thing == Thing::Unix,
        None => CONNECTS.contains(&m.event.number),
    }
}
