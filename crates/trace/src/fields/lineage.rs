//! Fields of the ancestors of a process, of its process group and of its session.

use fathom_model::{Kind, Value};

use super::process::{command_line, find, first, flag, is_elsewhere, main, number, oldest, parent, variable, words};
use super::{Argument, Bound, Row, Takes, made};
use crate::moment::{Moment, Purpose};
use crate::state::{Text, Thread};

/// The fields.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        "proc.pid.ts",
        Kind::Unsigned,
        "when the process began, in nanoseconds since 1970, if that was seen",
        |m, _, _| m.thread().map_or(Value::Unknown, |t| seen(t.started)),
    ),
    Row::new("proc.ppid.ts", Kind::Unsigned, "when its parent began, likewise", |m, _, _| {
        parent(m).map_or(Value::Unknown, |p| seen(p.started))
    }),
    Row::new("proc.ppid.duration", Kind::Unsigned, "nanoseconds since its parent began, likewise", |m, _, _| {
        let begun = parent(m).map(|p| p.started).filter(|started| *started != 0);
        begun.map_or(Value::Unknown, |started| Value::Unsigned(m.event.ts.wrapping_sub(started)))
    }),
    Row::new("proc.pvpid", Kind::Number, "process id of the parent in its pid namespace", |m, _, _| {
        parent(m).map_or(Value::Unknown, |p| Value::Number(p.vpid))
    }),
    Row::new("proc.pexe", Kind::Text, "first argument of the parent", |m, _, _| {
        parent(m).map_or(Value::Unknown, |p| Value::bytes(&p.exe))
    }),
    Row::new("proc.pexepath", Kind::Text, "executable of the parent", |m, _, _| {
        parent(m).map_or(Value::Unknown, |p| Value::bytes(&p.exepath))
    }),
    Row::new(
        "proc.aexe",
        Kind::Text,
        "first argument of an ancestor: [1] is the parent; without a number of all",
        |m, b, s| ancestors(m, b, s, |t, s| s.extend_from_slice(&t.exe)),
    )
    .taking(Takes::Generation),
    Row::new("proc.aexepath", Kind::Text, "executable of an ancestor, or of all", |m, b, s| {
        ancestors(m, b, s, |t, s| s.extend_from_slice(&t.exepath))
    })
    .taking(Takes::Generation),
    Row::new("proc.aargs", Kind::Text, "arguments of an ancestor, or of all", |m, b, s| {
        ancestors(m, b, s, |t, s| words(&t.args, s))
    })
    .taking(Takes::Generation),
    Row::new("proc.acmdline", Kind::Text, "short name and arguments of an ancestor, or of all", |m, b, s| {
        ancestors(m, b, s, command_line)
    })
    .taking(Takes::Generation),
    Row::new(
        "proc.aenv",
        Kind::Text,
        "environment of an ancestor, or a variable of the nearest that has it: proc.aenv[2], proc.aenv[HOME]",
        environment,
    )
    .taking(Takes::Variable),
    Row::new("proc.sid.exe", Kind::Text, "first argument of the session's first process", |m, _, _| {
        leader(m, |t| t.sid, Numbers::Session, |t| &t.exe)
    }),
    Row::new("proc.sid.exepath", Kind::Text, "executable of the session's first process", |m, _, _| {
        leader(m, |t| t.sid, Numbers::Session, |t| &t.exepath)
    }),
    Row::new("proc.is_sid_leader", Kind::Flag, "whether it is its session's first process", |m, _, _| {
        flag(m, |t| t.sid == t.vpid || (is_elsewhere(t) && t.sid == t.pid))
    }),
    Row::new("proc.vpgid.name", Kind::Text, "short name of the first process of its group", |m, _, _| {
        leader(m, |t| t.vpgid, Numbers::Group, |t| &t.comm)
    }),
    Row::new("proc.vpgid.exe", Kind::Text, "first argument of that process", |m, _, _| {
        leader(m, |t| t.vpgid, Numbers::Group, |t| &t.exe)
    }),
    Row::new("proc.vpgid.exepath", Kind::Text, "executable of that process", |m, _, _| {
        leader(m, |t| t.vpgid, Numbers::Group, |t| &t.exepath)
    }),
    Row::new("proc.is_vpgid_leader", Kind::Flag, "whether it is that process", |m, _, _| {
        flag(m, |t| t.vpgid == t.vpid)
    }),
    Row::new("proc.pgid", Kind::Number, "process group on the machine, or -1", |m, _, _| number(m, |t| t.pgid)),
    Row::new("proc.pgid.name", Kind::Text, "short name of the first process of that group", |m, _, _| {
        leader(m, |t| t.pgid, Numbers::Machine, |t| &t.comm)
    }),
    Row::new("proc.pgid.exe", Kind::Text, "first argument of that process", |m, _, _| {
        leader(m, |t| t.pgid, Numbers::Machine, |t| &t.exe)
    }),
    Row::new("proc.pgid.exepath", Kind::Text, "executable of that process", |m, _, _| {
        leader(m, |t| t.pgid, Numbers::Machine, |t| &t.exepath)
    }),
    Row::new("proc.is_pgid_leader", Kind::Flag, "whether it is that process", |m, _, _| flag(m, |t| t.pgid == t.pid)),
];

fn seen<'a>(started: u64) -> Value<'a> {
    if started == 0 { Value::Unknown } else { Value::Unsigned(started) }
}

/// One ancestor by its number, or all: shown with blanks between them, compared with one by one.
fn ancestors<'a>(
    m: &Moment<'a>,
    bound: &Bound,
    scratch: &'a mut Vec<u8>,
    write: impl Fn(&Thread, &mut Vec<u8>),
) -> Value<'a> {
    let Some(main) = m.thread().and_then(|thread| main(m, thread)) else { return Value::Unknown };
    let mut all = std::iter::once(main).chain(m.state.threads.ancestors(main));
    if let Argument::Index(generation) = bound.argument {
        let Some(found) = usize::try_from(generation).ok().and_then(|generation| all.nth(generation)) else {
            return Value::Unknown;
        };
        write(found, scratch);
        return made(scratch);
    }
    let all = all.skip(1);
    if m.purpose == Purpose::Compare {
        let text = |thread: &Thread| {
            let mut text = Vec::new();
            write(thread, &mut text);
            Value::Bytes(text.into())
        };
        return Value::Any(all.map(text).collect());
    }
    for thread in all {
        if !scratch.is_empty() {
            scratch.push(b' ');
        }
        write(thread, scratch);
    }
    if scratch.is_empty() { Value::Unknown } else { made(scratch) }
}

fn environment<'a>(m: &'a Moment<'a>, bound: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Argument::Word(name) = &bound.argument else {
        return ancestors(m, bound, scratch, |thread, scratch| words(&thread.env, scratch));
    };
    let Some(main) = m.thread().and_then(|thread| main(m, thread)) else { return Value::Unknown };
    let nearest = m.state.threads.ancestors(main).find_map(|thread| variable(&thread.env, name));
    nearest.map_or(Value::Unknown, Value::bytes)
}

/// What numbers are of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// Groups, as the machine has them.
    Machine,
    /// Sessions, as recorders have them.
    Session,
    /// Groups, as their pid namespace has them.
    Group,
}

/// The first process of a session or group, or the oldest ancestor that is in it. The group's number on the machine, where
/// it is known, says who that is in a pid namespace too.
fn leader<'a>(m: &Moment<'a>, id: fn(&Thread) -> i64, whose: Numbers, get: fn(&Thread) -> &Text) -> Value<'a> {
    let Some(thread) = m.thread().filter(|thread| id(thread) != -1) else { return Value::Unknown };
    let named = match whose {
        Numbers::Machine => find(m, id(thread)),
        Numbers::Session => first(m, thread, id),
        Numbers::Group if is_elsewhere(thread) && thread.pgid != -1 => find(m, thread.pgid),
        Numbers::Group => first(m, thread, id),
    };
    named.or_else(|| oldest(m, thread, id)).map_or(Value::Unknown, |leader| Value::bytes(get(leader)))
}
