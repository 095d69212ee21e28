//! Fields of messages to the system's log, of the descriptors that a thread waits for, and of what docker told.

use fathom_model::{Kind, Value};
use fathom_scap::schema::number::INFRASTRUCTURE;

use super::{Row, made};
use crate::moment::Moment;
use crate::render;
use crate::socket::{write_address, write_number};
use crate::state::path::until_nul;
use crate::state::{Descriptor, Thing};

/// Facilities and severities by their numbers.
const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "clock", "authpriv", "ftp", "ntp",
    "logaudit", "logalert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const SEVERITIES: &[&str] = &["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

/// Fields of a message.
pub(super) const SYSLOG: &[Row] = &[
    Row::new("syslog.facility.str", Kind::Text, "what it is about, such as daemon", |m, _, _| {
        message(m).map_or(Value::Unknown, |message| Value::text(message.facility()))
    }),
    Row::new("syslog.facility", Kind::Unsigned, "the same as a number", |m, _, _| {
        message(m).map_or(Value::Unknown, |message| Value::Unsigned(message.priority >> 3))
    }),
    Row::new("syslog.severity.str", Kind::Text, "how bad it is, such as err", |m, _, _| {
        message(m).map_or(Value::Unknown, |message| Value::text(message.severity()))
    }),
    Row::new("syslog.severity", Kind::Unsigned, "the same as a number", |m, _, _| {
        message(m).map_or(Value::Unknown, |message| Value::Unsigned(message.priority & 7))
    }),
    Row::new("syslog.message", Kind::Text, "what it says", |m, _, _| {
        message(m).map_or(Value::Unknown, |message| Value::bytes(message.text))
    }),
];

/// Fields of poll and ppoll.
pub(super) const ROWS: &[Row] = &[
    Row::new("fdlist.nums", Kind::Text, "numbers of the descriptors", |m, _, s| {
        each(m, s, |fd, _, s| {
            crate::render::number::signed(fd, s);
            true
        })
    }),
    Row::new("fdlist.names", Kind::Text, "names of the descriptors", |m, _, s| {
        each(m, s, |_, found, s| {
            let name = found.map(|found| &found.name[..]).filter(|name| !name.is_empty());
            s.extend_from_slice(name.unwrap_or(b"<NA>"));
            true
        })
    }),
    Row::new("fdlist.cips", Kind::Text, "addresses of clients", |m, _, s| {
        each(m, s, |_, found, s| {
            let found = found.filter(|found| found.thing.is_stream());
            found.inspect(|found| write_address(found.tuple.source, s)).is_some()
        })
    }),
    Row::new("fdlist.sips", Kind::Text, "addresses of servers", |m, _, s| {
        each(m, s, |_, found, s| {
            let found = found.filter(|found| found.thing.is_net());
            found.inspect(|found| write_address(found.tuple.target, s)).is_some()
        })
    }),
    Row::new("fdlist.cports", Kind::Text, "ports of clients", |m, _, s| {
        each(m, s, |_, found, s| {
            let found = found.filter(|found| found.thing.is_stream());
            found.inspect(|found| write_number(found.tuple.sport.into(), s)).is_some()
        })
    }),
    Row::new("fdlist.sports", Kind::Text, "ports of servers", |m, _, s| {
        each(m, s, |_, found, s| {
            let found = found.filter(|found| matches!(found.thing, Thing::V4 | Thing::V6));
            found.inspect(|found| write_number(found.tuple.dport.into(), s)).is_some()
        })
    }),
];

/// Fields that no event has.
pub(super) const UTIL: &[Row] =
    &[Row::new("util.cnt", Kind::Unsigned, "counts up, each time it is read", |_, b, _| {
        b.memory.set(b.memory.get() + 1);
        Value::Unsigned(b.memory.get())
    })];

/// A message to the system's log.
struct Message<'a> {
    priority: u64,
    text: &'a [u8],
}

impl Message<'_> {
    fn facility(&self) -> &'static str {
        FACILITIES.get((self.priority >> 3) as usize).copied().unwrap_or("<NA>")
    }

    fn severity(&self) -> &'static str {
        SEVERITIES.get((self.priority & 7) as usize).copied().unwrap_or("<NA>")
    }
}

/// `<PRIORITY>TEXT`, if this event wrote one.
fn message<'a>(m: &Moment<'a>) -> Option<Message<'a>> {
    if !m.now.logged {
        return None;
    }
    let data = m.event.param(1)?;
    let digits = data.get(1..)?.iter().take(15).take_while(|byte| **byte != b'>' && **byte != 0).count();
    let priority = std::str::from_utf8(data.get(1..1 + digits)?).ok()?.parse().ok()?;
    Some(Message { priority, text: data.get(digits + 2..)? })
}

/// Writes the message on one line, if this event wrote one.
pub(super) fn write_log_line(m: &Moment<'_>, into: &mut Vec<u8>) -> bool {
    let Some(message) = message(m) else { return false };
    into.extend_from_slice(b"syslog sev=");
    into.extend_from_slice(message.severity().as_bytes());
    into.extend_from_slice(b" msg=");
    into.extend_from_slice(until_nul(message.text));
    true
}

/// The descriptors of the list, with commas between those of which something was written.
fn each<'a>(
    m: &Moment<'_>,
    scratch: &'a mut Vec<u8>,
    write: impl Fn(i64, Option<&Descriptor>, &mut Vec<u8>) -> bool,
) -> Value<'a> {
    let index = match m.event.number {
        80 | 254 => 0,
        81 | 255 => 1,
        _ => return Value::Unknown,
    };
    let (Some(place), Some(list)) = (render::thread_place(m), m.event.param(index)) else { return Value::Unknown };
    for (fd, _) in render::list(list) {
        if write(fd, m.state.descriptor_of(place, fd), scratch) {
            scratch.push(b',');
        }
    }
    if scratch.last() == Some(&b',') {
        scratch.pop();
    }
    if scratch.is_empty() { Value::Unknown } else { made(scratch) }
}

/// What stands behind `key:` in an event that docker told.
pub(super) fn told<'a>(m: &Moment<'a>, key: &[u8]) -> Value<'a> {
    if m.event.number != INFRASTRUCTURE {
        return Value::Unknown;
    }
    let text = until_nul(m.event.param(2).unwrap_or_default());
    let parts = text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let found = parts.filter(|part| part.starts_with(key)).find_map(|part| {
        let at = part.iter().position(|byte| *byte == b':')?;
        Some(part[at + 1..].trim_ascii())
    });
    found.map_or(Value::Unknown, Value::bytes)
}
