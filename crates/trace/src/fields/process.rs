//! Fields of the thread that makes the call, its process, and their ancestors.

use fathom_model::{Kind, Value};
use fathom_scap::schema::number::PROCESSOR_TIME;

use super::{Argument, Bound, Place, Row, Takes, made};
use crate::moment::Moment;
use crate::render::number::signed;
use crate::state::thread::{Role, Usage, flag as thread_flag};
use crate::state::{Text, Thread, cgroup};

/// The fields.
pub(super) const ROWS: &[Row] = &[
    Row::new("proc.pid", Kind::Number, "process id", |m, _, _| number(m, |t| t.pid)),
    Row::new("proc.exe", Kind::Text, "first argument, as it was given", |m, _, _| text(m, |t| &t.exe)),
    Row::new("proc.name", Kind::Text, "short name of the program", |m, _, _| text(m, |t| &t.comm)),
    Row::new("proc.args", Kind::Text, "arguments without the first, or one of them, counted from zero", |m, b, s| {
        of(m, s, |t, s| match b.argument {
            Argument::Index(index) => {
                s.extend(split(&t.args).nth(index.try_into().unwrap_or(usize::MAX)).unwrap_or_default())
            }
            _ => words(&t.args, s),
        })
    })
    .taking(Takes::Generation),
    Row::new("proc.env", Kind::Text, "environment, or one variable of it, such as proc.env[HOME]", |m, b, s| {
        let Some(thread) = m.thread() else { return Value::Unknown };
        let env = &main(m, thread).unwrap_or(thread).env;
        match &b.argument {
            Argument::Word(name) => s.extend(variable(env, name).unwrap_or_default()),
            _ => words(env, s),
        }
        made(s)
    })
    .taking(Takes::Variable),
    Row::new("proc.cmdline", Kind::Text, "short name and arguments", |m, _, s| of(m, s, command_line)),
    Row::new("proc.exeline", Kind::Text, "first argument and all others", |m, _, s| {
        of(m, s, |t, s| {
            s.extend_from_slice(&t.exe);
            s.push(b' ');
            words(&t.args, s);
        })
    }),
    Row::new("proc.cwd", Kind::Text, "working folder", |m, _, _| {
        let Some(thread) = m.thread() else { return Value::Unknown };
        main(m, thread).map_or(Value::bytes(b"./"), |main| Value::bytes(&main.cwd))
    }),
    Row::new("proc.nthreads", Kind::Unsigned, "threads of the process", |m, _, _| {
        m.thread().and_then(|thread| main(m, thread)).map_or(Value::Unknown, |main| Value::Unsigned(main.children + 1))
    }),
    Row::new(
        "proc.nchilds",
        Kind::Unsigned,
        "threads of the process besides this one, if it is the main one",
        |m, _, _| unsigned(m, |t| t.children),
    ),
    Row::new("proc.ppid", Kind::Number, "process id of the parent", |m, _, _| {
        m.thread().and_then(|thread| main(m, thread)).map_or(Value::Unknown, |main| Value::Number(main.ptid))
    }),
    Row::new("proc.pname", Kind::Text, "short name of the parent", |m, _, _| {
        parent(m).map_or(Value::Unknown, |p| Value::bytes(&p.comm))
    }),
    Row::new("proc.pcmdline", Kind::Text, "short name and arguments of the parent", |m, _, s| line(parent(m), s)),
    Row::new(
        "proc.apid",
        Kind::Number,
        "process id of an ancestor: [1] is the parent; without a number any of them",
        |m, b, _| ancestor(m, b, |t| Value::Number(t.pid)),
    )
    .taking(Takes::Generation),
    Row::new(
        "proc.aname",
        Kind::Text,
        "short name of an ancestor: [1] is the parent; without a number any of them",
        |m, b, _| ancestor(m, b, |t| Value::bytes(&t.comm)),
    )
    .taking(Takes::Generation),
    Row::new("proc.loginshellid", Kind::Number, "process id of the oldest shell among the ancestors", login_shell),
    Row::new("proc.duration", Kind::Unsigned, "nanoseconds since it began, if that was seen", |m, _, _| {
        m.thread()
            .filter(|t| t.started != 0)
            .map_or(Value::Unknown, |t| Value::Unsigned(m.event.ts.wrapping_sub(t.started)))
    }),
    Row::new("proc.fdopencount", Kind::Unsigned, "open descriptors of the process", |m, _, _| {
        m.thread().and_then(|t| main(m, t)).map_or(Value::Unknown, |main| Value::Unsigned(main.fds.len() as u64))
    }),
    Row::new("proc.fdlimit", Kind::Number, "how many it may open", |m, _, _| {
        m.thread().and_then(|t| main(m, t)).map_or(Value::Unknown, |main| Value::Number(main.fdlimit))
    }),
    Row::new("proc.fdusage", Kind::Real, "the one in per cent of the other", |m, _, _| {
        let Some(main) = m.thread().and_then(|t| main(m, t)) else { return Value::Unknown };
        let (open, limit) = (main.fds.len() as f64, main.fdlimit as f64);
        Value::Real(if main.fdlimit <= 0 { 0.0 } else { (open * 100.0 / limit).min(100.0) })
    }),
    Row::new("proc.vmsize", Kind::Unsigned, "KiB of address space", |m, _, _| unsigned(m, |t| t.memory[0].into())),
    Row::new("proc.vmrss", Kind::Unsigned, "KiB of memory", |m, _, _| unsigned(m, |t| t.memory[1].into())),
    Row::new("proc.vmswap", Kind::Unsigned, "KiB of swap", |m, _, _| unsigned(m, |t| t.memory[2].into())),
    Row::new("thread.pfmajor", Kind::Unsigned, "page faults that needed a disk", |m, _, _| {
        unsigned(m, |t| t.faults[0])
    }),
    Row::new("thread.pfminor", Kind::Unsigned, "page faults that did not", |m, _, _| unsigned(m, |t| t.faults[1])),
    Row::new("thread.tid", Kind::Number, "thread id", |m, _, _| Value::Number(m.event.tid)),
    Row::new("thread.ismain", Kind::Flag, "whether it is its process's main thread", |m, _, _| {
        flag(m, Thread::is_main)
    }),
    Row::new(
        "thread.exectime",
        Kind::Unsigned,
        "nanoseconds that the thread ran that a processor changes from",
        |m, _, _| Value::Unsigned(m.now.ran),
    ),
    Row::new(
        "thread.totexectime",
        Kind::Unsigned,
        "nanoseconds that the thread ran since the recording began",
        |m, _, _| unsigned(m, |t| t.ran),
    ),
    Row::new("thread.cgroups", Kind::Text, "all its cgroups", |m, _, s| {
        let Some(thread) = m.thread().filter(|thread| !thread.cgroups.is_empty()) else { return Value::Unknown };
        words(&thread.cgroups, s);
        made(s)
    }),
    Row::new("thread.cgroup", Kind::Text, "its cgroup of one subsystem, such as thread.cgroup.memory", |m, b, _| {
        let (Some(thread), Argument::Word(name)) = (m.thread(), &b.argument) else { return Value::Unknown };
        let found = cgroup::entries(&thread.cgroups).find(|(subsystem, _)| *subsystem == name.as_bytes());
        found.map_or(Value::Unknown, |(_, path)| Value::bytes(path))
    })
    .taking(Takes::Subsystem),
    Row::new("thread.vtid", Kind::Number, "thread id in its pid namespace", |m, _, _| known(m, |t| t.vtid)),
    Row::new("proc.vpid", Kind::Number, "process id in its pid namespace", |m, _, _| known(m, |t| t.vpid)),
    Row::new("thread.cpu", Kind::Real, "per cent of a processor in the last second", |m, _, _| {
        processor(m, |[_, _, both]| both.recent)
    }),
    Row::new("thread.cpu.user", Kind::Real, "of that in its own code", |m, _, _| {
        processor(m, |[user, ..]| user.recent)
    }),
    Row::new("thread.cpu.system", Kind::Real, "of that in the kernel", |m, _, _| {
        processor(m, |[_, system, _]| system.recent)
    }),
    Row::new("thread.vmsize", Kind::Unsigned, "KiB of address space of main threads, zero of others", |m, _, _| {
        main_only(m, |t| t.memory[0].into())
    }),
    Row::new("thread.vmrss", Kind::Unsigned, "KiB of memory of main threads, zero of others", |m, _, _| {
        main_only(m, |t| t.memory[1].into())
    }),
    Row::new("thread.vmsize.b", Kind::Unsigned, "the first one in bytes", |m, _, _| {
        main_only(m, |t| u64::from(t.memory[0]) * 1024)
    })
    .only(Place::View),
    Row::new("thread.vmrss.b", Kind::Unsigned, "the second one in bytes", |m, _, _| {
        main_only(m, |t| u64::from(t.memory[1]) * 1024)
    })
    .only(Place::View),
    Row::new("proc.sid", Kind::Number, "session", |m, _, _| number(m, |t| t.sid)),
    Row::new("proc.sname", Kind::Text, "short name of the session's first process", session_name),
    Row::new("proc.tty", Kind::Number, "controlling terminal, or zero", |m, _, _| {
        number(m, |t| i64::from(t.tty as i32))
    }),
    Row::new("proc.exepath", Kind::Text, "path of the executable", |m, _, _| text(m, |t| &t.exepath)),
    Row::new("thread.nametid", Kind::Text, "short name and thread id in one", |m, _, s| {
        of(m, s, |t, s| {
            s.extend_from_slice(&t.comm);
            signed(m.event.tid, s);
        })
    })
    .only(Place::View),
    Row::new("proc.vpgid", Kind::Number, "process group in its pid namespace", |m, _, _| number(m, |t| t.vpgid)),
    Row::new(
        "proc.is_container_healthcheck",
        Kind::Flag,
        "whether it is an engine's check of a container",
        |m, _, _| flag(m, |t| t.role == Role::Healthcheck),
    ),
    Row::new(
        "proc.is_container_liveness_probe",
        Kind::Flag,
        "whether it is a liveness probe of Kubernetes",
        |m, _, _| flag(m, |t| t.role == Role::Liveness),
    ),
    Row::new(
        "proc.is_container_readiness_probe",
        Kind::Flag,
        "whether it is a readiness probe of Kubernetes",
        |m, _, _| flag(m, |t| t.role == Role::Readiness),
    ),
    Row::new("proc.is_exe_writable", Kind::Flag, "whether it may write to its own executable", |m, _, _| {
        flag(m, |t| t.exe_writable)
    }),
];

pub(super) fn number<'a>(m: &Moment<'a>, get: impl Fn(&Thread) -> i64) -> Value<'a> {
    m.thread().map_or(Value::Unknown, |thread| Value::Number(get(thread)))
}

pub(super) fn unsigned<'a>(m: &Moment<'a>, get: impl Fn(&Thread) -> u64) -> Value<'a> {
    m.thread().map_or(Value::Unknown, |thread| Value::Unsigned(get(thread)))
}

pub(super) fn flag<'a>(m: &Moment<'a>, get: impl Fn(&Thread) -> bool) -> Value<'a> {
    m.thread().map_or(Value::Unknown, |thread| Value::Flag(get(thread)))
}

fn text<'a>(m: &Moment<'a>, get: fn(&Thread) -> &Text) -> Value<'a> {
    m.thread().map_or(Value::Unknown, |thread| Value::bytes(get(thread)))
}

fn of<'a>(m: &Moment<'_>, scratch: &'a mut Vec<u8>, write: impl Fn(&Thread, &mut Vec<u8>)) -> Value<'a> {
    let Some(thread) = m.thread() else { return Value::Unknown };
    write(thread, scratch);
    made(scratch)
}

/// What is not known is -1.
fn known<'a>(m: &Moment<'a>, get: fn(&Thread) -> i64) -> Value<'a> {
    m.thread().map(get).filter(|number| *number != -1).map_or(Value::Unknown, Value::Number)
}

fn main_only<'a>(m: &Moment<'a>, get: impl Fn(&Thread) -> u64) -> Value<'a> {
    unsigned(m, |thread| if thread.is_main() { get(thread) } else { 0 })
}

/// Words, each followed by a NUL.
pub(super) fn split(words: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = words.strip_suffix(&[0]).unwrap_or(words);
    words.split(|byte| *byte == 0).filter(move |_| !words.is_empty())
}

/// The value of a variable of an environment.
pub(super) fn variable<'e>(env: &'e [u8], name: &str) -> Option<&'e [u8]> {
    split(env).find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Words with a blank between them.
pub(super) fn words(all: &[u8], into: &mut Vec<u8>) {
    let all = all.strip_suffix(&[0]).unwrap_or(all);
    into.extend(all.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }));
}

pub(super) fn command_line(thread: &Thread, into: &mut Vec<u8>) {
    into.extend_from_slice(&thread.comm);
    if !thread.args.is_empty() {
        into.push(b' ');
        words(&thread.args, into);
    }
}

fn line<'a>(thread: Option<&Thread>, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(thread) = thread else { return Value::Unknown };
    command_line(thread, scratch);
    made(scratch)
}

/// The main thread of a thread's process.
pub(super) fn main<'a>(m: &Moment<'a>, thread: &'a Thread) -> Option<&'a Thread> {
    if thread.is_main() { Some(thread) } else { find(m, thread.pid) }
}

pub(super) fn find<'a>(m: &Moment<'a>, tid: i64) -> Option<&'a Thread> {
    m.state.threads.find_quietly(tid).map(|place| &m.state.threads[place])
}

pub(super) fn parent<'a>(m: &Moment<'a>) -> Option<&'a Thread> {
    find(m, m.thread()?.ptid)
}

/// An ancestor of the process, or all of them.
fn ancestor<'a>(m: &Moment<'a>, bound: &Bound, get: impl Fn(&'a Thread) -> Value<'a>) -> Value<'a> {
    let Some(main) = m.thread().and_then(|thread| main(m, thread)) else { return Value::Unknown };
    match bound.argument {
        Argument::Index(generation) => {
            let mut found = Some(main);
            for _ in 0..generation.clamp(0, 100_000) {
                found = found.and_then(|thread| find(m, thread.ptid));
                if found.is_none() {
                    break;
                }
            }
            found.map_or(Value::Unknown, get)
        }
        // Shown alone it is the process itself; what is compared with is any of its ancestors.
        _ if m.purpose == crate::moment::Purpose::Show => get(main),
        _ => Value::Any(m.state.threads.ancestors(main).map(get).collect()),
    }
}

fn login_shell<'a>(m: &'a Moment<'a>, _: &'a Bound, _: &'a mut Vec<u8>) -> Value<'a> {
    let Some(main) = m.thread().and_then(|thread| main(m, thread)) else { return Value::Unknown };
    let all = std::iter::once(main).chain(m.state.threads.ancestors(main));
    all.filter(|thread| thread.comm.ends_with(b"sh")).last().map_or(Value::Unknown, |shell| Value::Number(shell.pid))
}

fn session_name<'a>(m: &'a Moment<'a>, _: &'a Bound, _: &'a mut Vec<u8>) -> Value<'a> {
    let Some(thread) = m.thread() else { return Value::Unknown };
    first(m, thread, |t| t.sid)
        .or_else(|| oldest(m, thread, |t| t.sid))
        .map_or(Value::Unknown, |t| Value::bytes(&t.comm))
}

/// Whether its pid namespace is not the machine's.
pub(super) fn is_elsewhere(thread: &Thread) -> bool {
    thread.flags & thread_flag::IN_PID_NAMESPACE != 0 || (thread.vpid != -1 && thread.vpid != thread.pid)
}

/// The first process of a session or group. In a pid namespace of its own, numbers are those of the namespace where an
/// event gave them, and the machine's where a table did: who else has that number on the machine is somebody else.
pub(super) fn first<'a>(m: &Moment<'a>, thread: &'a Thread, id: fn(&Thread) -> i64) -> Option<&'a Thread> {
    let number = id(thread);
    let found = find(m, number);
    if !is_elsewhere(thread) {
        return found;
    }
    let main = main(m, thread)?;
    let mut near = std::iter::once(main).chain(m.state.threads.ancestors(main)).take_while(|other| is_elsewhere(other));
    let is_first = |other: &&Thread| id(other) == number && (other.vpid == number || other.pid == number);
    near.find(is_first).or_else(|| found.filter(|other| is_elsewhere(other) && is_first(other)))
}

/// The oldest process that is left of a session or group, if its first one has ended.
pub(super) fn oldest<'a>(m: &Moment<'a>, thread: &'a Thread, id: fn(&Thread) -> i64) -> Option<&'a Thread> {
    let main = main(m, thread)?;
    let left = m.state.threads.ancestors(main).take_while(|other| id(other) == id(main)).last();
    Some(left.unwrap_or(main))
}

fn processor<'a>(m: &Moment<'a>, get: fn([Usage; 3]) -> u64) -> Value<'a> {
    if m.event.number != PROCESSOR_TIME {
        return Value::Unknown;
    }
    m.thread().map_or(Value::Unknown, |thread| Value::Real((get(thread.cpu) as f64).min(100.0)))
}
