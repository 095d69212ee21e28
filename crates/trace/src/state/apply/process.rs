//! Threads that begin, execute another program, and end. All generations of these events are read by the names of
//! their parameters.

use fathom_scap::schema::number::*;
use fathom_scap::{Event, Program};

use super::{Force, Transition};
use crate::state::cgroup::normalised;
use crate::state::load::environment;
use crate::state::thread::{Tid, flag};
use crate::state::{Exec, Now, State, Text, Thread, path};

/// Event types and what they do.
pub(super) const ROWS: &[(u16, Transition)] = &[
    // clone, fork and vfork in all generations, clone3
    (end(CLONE_11), cloned),
    (end(CLONE_16), cloned),
    (end(FORK), cloned),
    (end(VFORK), cloned),
    (end(CLONE_17), cloned),
    (end(FORK_17), cloned),
    (end(VFORK_17), cloned),
    (end(CLONE_20), cloned),
    (end(FORK_20), cloned),
    (end(VFORK_20), cloned),
    (end(CLONE3), cloned),
    // execve in all generations, execveat
    (end(EXECVE_8), executed),
    (end(EXECVE_13), executed),
    (end(EXECVE_14), executed),
    (end(EXECVE_15), executed),
    (end(EXECVE_16), executed),
    (end(EXECVE_17), executed),
    (EXECVE_18, State::keep),
    (end(EXECVE_18), executed),
    (EXECVE_19, State::keep),
    (end(EXECVE_19), executed),
    (EXECVEAT, State::keep),
    (end(EXECVEAT), executed),
    // procexit in two generations
    (PROCEXIT_0, ended),
    (PROCEXIT, ended),
];

/// A child that was cloned longer ago than this is another one with its number.
const STALE: u64 = 2_000_000_000;
/// The flag of execveat with which the descriptor itself is executed.
const EMPTY_PATH: u32 = 1;
/// Where the machine's number of the process group stands.
const GROUP: usize = 28;
/// The flag of an execution whose file its own user may write to.
const WRITABLE: u32 = 1;

/// Parameters by name.
trait Named {
    fn number(&self, name: &str) -> Option<i64>;
    fn small(&self, name: &str) -> Option<u32>;
    fn text(&self, name: &str) -> Option<Text>;
}

impl Named for Event<'_> {
    fn number(&self, name: &str) -> Option<i64> {
        self.named(name)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes))
    }

    fn small(&self, name: &str) -> Option<u32> {
        self.named(name)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn text(&self, name: &str) -> Option<Text> {
        self.named(name).map(|bytes| path::until_nul(bytes).into())
    }
}

/// What both kinds of events say of the program and of memory.
fn describe(thread: &mut Thread, event: &Event<'_>) {
    thread.exe = event.text("exe").unwrap_or_default();
    // Older recorders did not tell the one from the other.
    thread.comm = event.text("comm").unwrap_or_else(|| thread.exe.clone());
    thread.args = event.named("args").unwrap_or_default().into();
    thread.fdlimit = event.number("fdlimit").unwrap_or(-1);
    if let (Some(major), Some(minor)) = (event.number("pgft_maj"), event.number("pgft_min")) {
        thread.faults = [major as u64, minor as u64];
    }
    for (memory, name) in thread.memory.iter_mut().zip(["vm_size", "vm_rss", "vm_swap"]) {
        *memory = event.small(name).unwrap_or(*memory);
    }
}

/// What a child has of its parent.
fn inherit(child: &mut Thread, parent: &Thread) {
    child.exepath = parent.exepath.clone();
    child.exe_writable = parent.exe_writable;
    child.root = parent.root.clone();
    (child.program, child.capabilities) = (parent.program, parent.capabilities);
    (child.pgid, child.namespace_began) = (parent.pgid, parent.namespace_began);
    (child.sid, child.vpgid, child.tty, child.loginuid) = (parent.sid, parent.vpgid, parent.tty, parent.loginuid);
    if child.flags & flag::THREAD == 0 {
        child.env = parent.env.clone();
    }
}

fn cloned(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let Some(result @ 0..) = event.i64(0) else { return };
    let flags = event.small("flags").unwrap_or_default();
    let vtid = event.number("vtid").unwrap_or(event.tid);
    let vpid = event.number("vpid").unwrap_or(-1);
    let in_container = flags & flag::IN_PID_NAMESPACE != 0 || event.tid != vtid;
    let (mut parent, mut child) = (event.tid, result);
    let mut inverted = false;
    if result == 0 {
        // The child's side of it.
        if let Some(place) = now.thread {
            let started = state.threads[place].started;
            if started != 0 && event.ts.wrapping_sub(started) > STALE {
                state.threads.remove(event.tid, Force::Yes);
                now.thread = None;
            }
        }
        if let Some(place) = now.thread {
            if in_container {
                (state.threads[place].vtid, state.threads[place].vpid) = (vtid, vpid);
            }
            return;
        }
        inverted = true;
        child = event.tid;
        parent = event.number(if flags & flag::THREAD != 0 { "pid" } else { "ptid" }).unwrap_or(-1);
    } else if in_container {
        // The parent sees a number that means nothing here; the child will tell.
        return;
    }
    begin(state, event, now, &Birth { parent, child, flags, inverted, names: in_container.then_some((vtid, vpid)) });
}

/// How a thread begins.
struct Birth {
    parent: Tid,
    child: Tid,
    flags: u32,
    /// The child told of it, before its parent did.
    inverted: bool,
    /// Its numbers in its pid namespace, if that is another one.
    names: Option<(i64, i64)>,
}

fn begin(state: &mut State, event: &Event<'_>, now: &mut Now, birth: &Birth) {
    let Some(mut parent) = state.threads.find_or_add(birth.parent) else { return };
    let mut collision = false;
    if let Some(old) = state.threads.find_quietly(birth.child) {
        if state.threads[old].flags & flag::INVERTED != 0 {
            return;
        }
        state.threads.remove(birth.child, Force::Yes);
        collision = true;
        // A thread can be said to be its own parent.
        let Some(found) = state.threads.find_or_add(birth.parent) else { return };
        parent = found;
    }
    let mut child = Thread { ptid: birth.parent, flags: birth.flags, ..Thread::blank(birth.child) };
    describe(&mut child, event);
    if state.threads[parent].is_unknown() {
        // What the child says of itself is true of its parent too.
        let Thread { comm, exe, args, .. } = child.clone();
        let parent = &mut state.threads[parent];
        (parent.comm, parent.exe, parent.args) = (comm, exe, args);
        collision = true;
    } else {
        inherit(&mut child, &state.threads[parent]);
    }
    child.pid = event.number("pid").unwrap_or(birth.child);
    if birth.flags & flag::THREAD == 0 {
        child.pid = birth.child;
        let table = state.table_or_add(parent);
        child.fds = table.map(|table| state.threads[table].fds.clone()).unwrap_or_default();
        child.cwd = super::file::folder_of(state, parent);
    }
    if birth.inverted {
        child.flags |= flag::INVERTED;
    }
    if let Some(began) = event.number("pidns_init_start_ts") {
        child.namespace_began = state.machine.booted.wrapping_add(began as u64);
    }
    child.uid = event.small("uid").unwrap_or(u32::MAX);
    child.gid = event.small("gid").unwrap_or(u32::MAX);
    (child.vtid, child.vpid) = birth.names.unwrap_or((child.tid, child.pid));
    if let Some(cgroups) = event.named("cgroups") {
        child.cgroups = normalised(cgroups);
        state.settle(&mut child);
    }
    child.started = event.ts;
    state.threads.add(child);
    if collision {
        // The thread that the event is of may be a new one.
        now.thread = state.threads.find(event.tid);
    }
}

fn executed(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(0..), Some(place)) = (event.i64(0), now.thread) else { return };
    let kept = state.take_kept(event, now);
    let exepath = kept.as_ref().and_then(|kept| executable(state, &kept.event(), event, now));
    state.give_back(now, kept);
    let pid = event.number("pid").unwrap_or(state.threads[place].pid);
    state.threads.set_process(place, pid);
    let thread = &mut state.threads[place];
    describe(thread, event);
    if thread.ptid == -1 {
        thread.ptid = event.number("ptid").unwrap_or(-1);
    }
    if let Some(env) = event.named("env") {
        thread.env = environment(env);
    }
    // Who recorded no beginning says at the end which file it was.
    let recorded = || event.text("trusted_exepath").filter(|path| !path.is_empty() && &path[..] != b"<NA>");
    if let Some(exepath) = exepath.or_else(recorded) {
        thread.exepath = exepath;
    }
    load(thread, event);
    thread.tty = event.small("tty").unwrap_or(thread.tty);
    thread.vpgid = event.number("pgid").unwrap_or(thread.vpgid);
    thread.loginuid = event.small("loginuid").unwrap_or(thread.loginuid);
    if let Some(flags) = event.small("flags") {
        thread.exe_writable = flags & WRITABLE != 0;
        thread.program.flags = flags;
    }
    thread.flags = flag::ACTIVE | (thread.flags & (flag::PIPES | flag::MAIN | flag::INVERTED));
    if let Some(cgroups) = event.named("cgroups") {
        thread.cgroups = normalised(cgroups);
        state.settle_at(place);
    }
    if state.exec == Exec::Closes
        && let Some(table) = state.table_or_add(place)
    {
        state.threads[table].fds.execute();
    }
}

/// What newer recorders say of the file that is executed, and of rights.
fn load(thread: &mut Thread, event: &Event<'_>) {
    let numbers = |names: [&str; 3]| names.map(|name| event.number(name).map_or(0, |number| number as u64));
    if event.number("cap_effective").is_some() {
        thread.capabilities = numbers(["cap_inheritable", "cap_permitted", "cap_effective"]);
    }
    if event.number("exe_ino").is_some() {
        let [inode, ctime, mtime] = numbers(["exe_ino", "exe_ino_ctime", "exe_ino_mtime"]);
        thread.program = Program { inode, ctime, mtime, ..thread.program };
    }
    // A parameter before it has the same name.
    thread.pgid = event.i64(GROUP).unwrap_or(thread.pgid);
}

impl State {
    /// A thread that executes a program takes the number of its process, and the others end.
    #[cfg(target_os = "linux")]
    pub(crate) fn take_over(&mut self, old: Tid, new: Tid) {
        let Some(place) = self.threads.find(old) else { return };
        let thread = &mut self.threads[place];
        let (kept, kept_there) = (thread.kept.take(), thread.kept_there);
        let (last_type, last_fd, entered) = (thread.last_type, thread.last_fd, thread.entered);
        self.threads.remove(old, Force::Yes);
        let Some(place) = self.threads.find_or_add(new) else { return };
        let thread = &mut self.threads[place];
        (thread.kept, thread.kept_there) = (kept, kept_there);
        (thread.last_type, thread.last_fd, thread.entered) = (last_type, last_fd, entered);
    }
}

/// The path of what is executed, from the event with which the call began; if nobody could read it then, from its end.
fn executable(state: &mut State, event: &Event<'_>, end: &Event<'_>, now: &mut Now) -> Option<Text> {
    let place = now.thread?;
    let by_descriptor = event.number("dirfd");
    let name = event.param(usize::from(by_descriptor.is_some()))?;
    let name = if name.is_empty() { end.named("filename").unwrap_or(name) } else { name };
    if path::until_nul(name).starts_with(b"<NA>") {
        return Some(b"<NA>"[..].into());
    }
    let Some(folder) = by_descriptor else {
        return Some(path::join(&state.threads[place].cwd.clone(), name).into());
    };
    if folder == -100 || name.first() == Some(&b'/') {
        return Some(path::join(&super::file::folder_of(state, place), name).into());
    }
    let base = state.descriptor_of(place, folder).map_or_else(|| b"<UNKNOWN>"[..].into(), |found| found.name.clone());
    if event.small("flags").is_some_and(|flags| flags & EMPTY_PATH != 0) && path::until_nul(name).is_empty() {
        return Some(base);
    }
    Some(path::join(&[&base[..], b"/"].concat(), name).into())
}

fn ended(state: &mut State, event: &Event<'_>, now: &mut Now) {
    if let Some(place) = now.thread {
        state.threads[place].flags |= flag::CLOSED;
        state.exiting = Some(event.tid);
    }
}
