//! Fields of what a process executes, of its rights, and of its three streams. Newer recorders write them down.

use fathom_model::{Kind, Value};
use fathom_scap::Program;

use super::process::{flag, main, split, unsigned};
use super::{Row, made};
use crate::moment::Moment;
use crate::render::names::CAPABILITIES;
use crate::state::{Descriptor, Thread};

/// The fields.
pub(super) const ROWS: &[Row] = &[
    Row::new("proc.cmdnargs", Kind::Unsigned, "number of arguments", |m, _, _| {
        unsigned(m, |t| split(&t.args).count() as u64)
    }),
    Row::new("proc.cmdlenargs", Kind::Unsigned, "length of all arguments", |m, _, _| {
        unsigned(m, |t| split(&t.args).map(|arg| arg.len() as u64).sum())
    }),
    Row::new("proc.exe_ino", Kind::Unsigned, "inode of the executable file", |m, _, _| {
        recorded(m, |t| t.program.inode)
    }),
    Row::new(
        "proc.exe_ino.ctime",
        Kind::Unsigned,
        "when that inode last changed, in nanoseconds since 1970",
        |m, _, _| recorded(m, |t| t.program.ctime),
    ),
    Row::new("proc.exe_ino.mtime", Kind::Unsigned, "when the file was last written to, likewise", |m, _, _| {
        recorded(m, |t| t.program.mtime)
    }),
    Row::new(
        "proc.exe_ino.ctime_duration_proc_start",
        Kind::Unsigned,
        "nanoseconds from the change of that inode to the beginning of the process",
        |m, _, _| recorded(m, |t| between(t.program.ctime, t.started)),
    ),
    Row::new(
        "proc.exe_ino.ctime_duration_pidns_start",
        Kind::Unsigned,
        "nanoseconds from the beginning of the pid namespace to the change of that inode",
        |m, _, _| recorded(m, |t| between(t.namespace_began, t.program.ctime)),
    ),
    Row::new(
        "proc.pidns_init_start_ts",
        Kind::Unsigned,
        "when the pid namespace began, in nanoseconds since 1970",
        |m, _, _| recorded(m, |t| t.namespace_began),
    ),
    Row::new("proc.is_exe_upper_layer", Kind::Flag, "whether the file is in an overlay's upper layer", |m, _, _| {
        flag(m, |t| t.program.flags & Program::UPPER_LAYER != 0)
    }),
    Row::new("proc.is_exe_lower_layer", Kind::Flag, "whether the file is in an overlay's lower layer", |m, _, _| {
        flag(m, |t| t.program.flags & Program::LOWER_LAYER != 0)
    }),
    Row::new("proc.is_exe_from_memfd", Kind::Flag, "whether the file is in memory only", |m, _, _| {
        flag(m, |t| t.program.flags & Program::IN_MEMORY != 0)
    }),
    Row::new("thread.cap_permitted", Kind::Text, "capabilities that it may have", |m, _, s| rights(m, 1, s)),
    Row::new("thread.cap_inheritable", Kind::Text, "capabilities that it passes on", |m, _, s| rights(m, 0, s)),
    Row::new("thread.cap_effective", Kind::Text, "capabilities that it has", |m, _, s| rights(m, 2, s)),
    Row::new("proc.stdin.type", Kind::Text, "what its input is", |m, _, _| {
        stream(m, 0, |d| Value::text(d.thing.word()))
    }),
    Row::new("proc.stdout.type", Kind::Text, "what its output is", |m, _, _| {
        stream(m, 1, |d| Value::text(d.thing.word()))
    }),
    Row::new("proc.stderr.type", Kind::Text, "what its error output is", |m, _, _| {
        stream(m, 2, |d| Value::text(d.thing.word()))
    }),
    Row::new("proc.stdin.name", Kind::Text, "name of its input", |m, _, _| stream(m, 0, |d| Value::bytes(&d.name))),
    Row::new("proc.stdout.name", Kind::Text, "name of its output", |m, _, _| stream(m, 1, |d| Value::bytes(&d.name))),
    Row::new("proc.stderr.name", Kind::Text, "name of its error output", |m, _, _| {
        stream(m, 2, |d| Value::bytes(&d.name))
    }),
];

/// What nobody wrote down is zero.
fn recorded<'a>(m: &Moment<'a>, get: fn(&Thread) -> u64) -> Value<'a> {
    m.thread().map(get).filter(|number| *number != 0).map_or(Value::Unknown, Value::Unsigned)
}

/// From one time to a later one; nothing if one of them is not known.
fn between(from: u64, to: u64) -> u64 {
    if from == 0 { 0 } else { to.saturating_sub(from) }
}

fn rights<'a>(m: &Moment<'_>, set: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(thread) = m.thread() else { return Value::Unknown };
    let has = |bit: &usize| thread.capabilities[set] >> bit & 1 != 0;
    for bit in (0..CAPABILITIES.len()).filter(has) {
        if !scratch.is_empty() {
            scratch.push(b' ');
        }
        scratch.extend_from_slice(CAPABILITIES[bit].as_bytes());
    }
    made(scratch)
}

fn stream<'a>(m: &Moment<'a>, fd: i64, get: impl Fn(&'a Descriptor) -> Value<'a>) -> Value<'a> {
    let main = m.thread().and_then(|thread| main(m, thread));
    main.and_then(|main| main.fds.get(fd)).map_or(Value::Unknown, get)
}
