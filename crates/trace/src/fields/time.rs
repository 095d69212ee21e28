//! Fields of every event: its number, its time, and where it was recorded.

use fathom_model::{Kind, Value};
use fathom_scap::schema::Category;
use fathom_scap::schema::number::{ASYNC, PLUGIN};

use super::{Bound, Place, Row, Shape, made};
use crate::moment::{Clock, Moment};
use crate::render::number::padded;
use crate::socket::write_number;
use crate::state::path::until_nul;

/// Why events have no plugin.
const NO_PLUGIN: &str = "plugins are programs for sysdig's own library, and make no system calls";
/// One second.
const SECOND: u64 = 1_000_000_000;

/// The fields.
pub(super) const ROWS: &[Row] = &[
    Row::new("evt.num", Kind::Unsigned, "number of the event, from 1 on", |m, _, _| Value::Unsigned(m.number)),
    Row::new("evt.time", Kind::Text, "time of the day, to the nanosecond", |m, _, s| {
        day(m, Date::No, Fraction::Yes, s)
    })
    .shaped(Shape::Time),
    Row::new("evt.time.s", Kind::Text, "time of the day, to the second", |m, _, s| day(m, Date::No, Fraction::No, s))
        .shaped(Shape::Time),
    Row::new("evt.time.iso8601", Kind::Text, "date and time in UTC as ISO 8601 has it", |m, _, s| iso(m, s))
        .shaped(Shape::Time),
    Row::new("evt.datetime", Kind::Text, "date and time, to the nanosecond", |m, _, s| {
        day(m, Date::Yes, Fraction::Yes, s)
    })
    .shaped(Shape::Time),
    Row::new("evt.datetime.s", Kind::Text, "date and time, to the second", |m, _, s| {
        day(m, Date::Yes, Fraction::No, s)
    })
    .shaped(Shape::Time),
    Row::new("evt.rawtime", Kind::Unsigned, "nanoseconds since 1970", |m, _, _| Value::Unsigned(m.event.ts)),
    Row::new("evt.rawtime.s", Kind::Unsigned, "whole seconds since 1970", |m, _, _| {
        Value::Unsigned(m.event.ts / SECOND)
    }),
    Row::new("evt.rawtime.ns", Kind::Unsigned, "nanoseconds within the second", |m, _, _| {
        Value::Unsigned(m.event.ts % SECOND)
    })
    .shaped(Shape::Padded),
    Row::new("evt.reltime", Kind::Unsigned, "nanoseconds since the first event", |m, _, _| Value::Unsigned(since(m)))
        .shaped(Shape::Padded),
    Row::new("evt.reltime.s", Kind::Unsigned, "whole seconds since the first event", |m, _, _| {
        Value::Unsigned(since(m) / SECOND)
    }),
    Row::new("evt.reltime.ns", Kind::Unsigned, "nanoseconds of that within the second", |m, _, _| {
        Value::Unsigned(since(m) % SECOND)
    })
    .shaped(Shape::Padded),
    Row::void("evt.pluginname", Kind::Text, "the plugin that made the event", NO_PLUGIN),
    Row::void("evt.plugininfo", Kind::Text, "what that plugin says of it", NO_PLUGIN),
    Row::new(
        "evt.source",
        Kind::Text,
        "what the event is of: syscall, or nothing where a plugin made it",
        |m, _, _| {
            if m.event.number == PLUGIN { Value::Unknown } else { Value::text("syscall") }
        },
    ),
    Row::new("evt.is_async", Kind::Flag, "whether the recorder made the event itself", |m, _, _| {
        Value::Flag(is_own(m))
    }),
    Row::new("evt.asynctype", Kind::Text, "what the recorder tells with such an event", |m, _, _| {
        match m.event.number {
            ASYNC => m.event.param(1).map_or(Value::Unknown, |name| Value::bytes(until_nul(name))),
            _ if is_own(m) => Value::text(m.kind.name),
            _ => Value::Unknown,
        }
    }),
    Row::new("evt.hostname", Kind::Text, "name of the machine that the recording is of", |m, _, _| {
        if m.state.machine.hostname.is_empty() { Value::Unknown } else { Value::bytes(&m.state.machine.hostname) }
    }),
    Row::new("evt.outputtime", Kind::Text, "the time that -t asks for", output).shaped(Shape::Time).only(Place::Format),
];

fn is_own(m: &Moment<'_>) -> bool {
    m.event.number == ASYNC || m.kind.category == Category::Internal
}

fn since(m: &Moment<'_>) -> u64 {
    m.event.ts.wrapping_sub(m.state.first)
}

/// Whether the date stands before the time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Date {
    Yes,
    No,
}

/// Whether fractions of seconds follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fraction {
    Yes,
    No,
}

fn day<'a>(m: &Moment<'_>, date: Date, fraction: Fraction, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let local = (m.event.ts / SECOND) as i64 + i64::from(m.style.offset);
    if date == Date::Yes {
        write_date(local.div_euclid(86_400), scratch);
        scratch.push(b' ');
    }
    write_clock(local.rem_euclid(86_400) as u64, scratch);
    if fraction == Fraction::Yes {
        scratch.push(b'.');
        padded(m.event.ts % SECOND, scratch);
    }
    made(scratch)
}

fn iso<'a>(m: &Moment<'_>, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let seconds = (m.event.ts / SECOND) as i64;
    write_date(seconds.div_euclid(86_400), scratch);
    scratch.push(b'T');
    write_clock(seconds.rem_euclid(86_400) as u64, scratch);
    scratch.push(b'.');
    padded(m.event.ts % SECOND, scratch);
    scratch.extend_from_slice(b"+0000");
    made(scratch)
}

/// Two digits each.
fn write_clock(second: u64, into: &mut Vec<u8>) {
    for (index, part) in [second / 3600, second % 3600 / 60, second % 60].into_iter().enumerate() {
        if index > 0 {
            into.push(b':');
        }
        two_digits(part, into);
    }
}

fn two_digits(number: u64, into: &mut Vec<u8>) {
    into.extend_from_slice(&[b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
}

/// Year, month and day of a day since 1970, by the calendar that counts from March on.
fn write_date(day: i64, into: &mut Vec<u8>) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let digits = year.unsigned_abs();
    into.extend([digits / 1000 % 10, digits / 100 % 10, digits / 10 % 10, digits % 10].map(|digit| b'0' + digit as u8));
    into.push(b'-');
    two_digits(month as u64, into);
    into.push(b'-');
    two_digits((of_year - (153 * from_march + 2) / 5 + 1) as u64, into);
}

fn output<'a>(m: &'a Moment<'a>, bound: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    match m.style.clock {
        Clock::Human => return day(m, Date::No, Fraction::Yes, scratch),
        Clock::Absolute => {
            write_number(m.event.ts / SECOND, scratch);
            scratch.push(b'.');
            // Without leading zeros, as sysdig writes it.
            write_number(m.event.ts % SECOND, scratch);
        }
        Clock::Relative => span(since(m), scratch),
        Clock::Latency => span(m.caller().map_or(0, |thread| thread.latency), scratch),
        Clock::Delta => {
            let before = bound.memory.replace(m.event.ts);
            span(if before == 0 { 0 } else { m.event.ts.wrapping_sub(before) }, scratch);
        }
    }
    made(scratch)
}

/// Seconds and nanoseconds.
fn span(nanoseconds: u64, into: &mut Vec<u8>) {
    write_number(nanoseconds / SECOND, into);
    into.push(b'.');
    padded(nanoseconds % SECOND, into);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (day, expect) in [
            (0, "1970-01-01"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
        ] {
            let mut text = Vec::new();
            write_date(day, &mut text);
            assert_eq!(String::from_utf8(text).unwrap(), expect);
        }
    }
}
