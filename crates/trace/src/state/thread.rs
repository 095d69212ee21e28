//! Threads: what is known of each, and the table of them.

use fathom_scap::Program;
use fathom_scap::event::Kept;
use rustc_hash::FxHashMap;

use super::descriptor::Table;
use super::threads::Place;
use super::{Text, path};

/// A thread's number on the machine.
pub type Tid = i64;

/// Bits of [`Thread::flags`]; the values are the capture format's.
pub mod flag {
    /// Descriptors are shared with the main thread.
    pub const FILES: u32 = 1;
    /// It is no process of its own.
    pub const THREAD: u32 = 1 << 13;
    /// The child's return was seen before the parent's.
    pub const INVERTED: u32 = 1 << 16;
    /// It has ended.
    pub const CLOSED: u32 = 1 << 18;
    /// Something was seen of it.
    pub const ACTIVE: u32 = 1 << 19;
    /// It is in a pid namespace of its own.
    pub const IN_PID_NAMESPACE: u32 = 1 << 29;
    /// It is the main thread though its number says otherwise.
    pub const MAIN: u32 = 1 << 30;
    /// Its output or input was put on a pipe.
    pub const PIPES: u32 = (1 << 21) | (1 << 22);
}

/// No event type.
pub const NO_EVENT: u16 = u16::MAX;

/// What a container starts beside its own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Nothing of that kind.
    #[default]
    None,
    /// The container's first process.
    Init,
    /// A check of the engine.
    Healthcheck,
    /// A probe of Kubernetes: does it live?
    Liveness,
    /// A probe of Kubernetes: may it be used?
    Readiness,
}

/// One thread.
#[derive(Debug, Clone, Default)]
pub struct Thread {
    /// Thread id.
    pub tid: Tid,
    /// Process id: that of the main thread.
    pub pid: Tid,
    /// The parent's thread id.
    pub ptid: Tid,
    /// Session.
    pub sid: i64,
    /// Process group, in its pid namespace.
    pub vpgid: i64,
    /// Process group on the machine, or -1.
    pub pgid: i64,
    /// Thread id in its pid namespace, or -1.
    pub vtid: i64,
    /// Process id in its pid namespace, or -1.
    pub vpid: i64,
    /// The short name that the kernel has.
    pub comm: Text,
    /// The first argument.
    pub exe: Text,
    /// The path of the executable file.
    pub exepath: Text,
    /// Arguments without the first one, each followed by a NUL.
    pub args: Text,
    /// Environment, each variable followed by a NUL.
    pub env: Text,
    /// Working folder, with a slash at its end.
    pub cwd: Text,
    /// Root folder.
    pub root: Text,
    /// `SUBSYSTEM=PATH`, each followed by a NUL, with the subsystems' own names.
    pub cgroups: Text,
    /// The short form of its container's id; empty on the host.
    pub container: Text,
    /// What it is to its container.
    pub role: Role,
    /// It was there when one began to look at others, and nothing was seen of it since.
    pub aside: bool,
    /// Bits, see [`flag`].
    pub flags: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Who logged in.
    pub loginuid: u32,
    /// Controlling terminal.
    pub tty: u32,
    /// Whether it may write to its own executable.
    pub exe_writable: bool,
    /// What it executes.
    pub program: Program,
    /// Capabilities as bits: inheritable, permitted, effective.
    pub capabilities: [u64; 3],
    /// When the first process of its pid namespace began, or zero.
    pub namespace_began: u64,
    /// How many descriptors it may have.
    pub fdlimit: i64,
    /// KiB of address space, memory and swap.
    pub memory: [u32; 3],
    /// Page faults that needed a disk, and others.
    pub faults: [u64; 2],
    /// How many other threads its process has.
    pub children: u64,
    /// When it began, or zero if it was there before.
    pub started: u64,
    /// Its descriptors, unless it shares them.
    pub fds: Table,
    /// The type of the call that it is in.
    pub last_type: u16,
    /// The descriptor of its last call.
    pub last_fd: i64,
    /// When it entered its last call.
    pub entered: u64,
    /// How long the last call took.
    pub latency: u64,
    /// Nanoseconds that it ran since the recording began.
    pub ran: u64,
    /// Per cent of a processor that it used lately in its own code, in the kernel and in both, and totals before.
    pub cpu: [Usage; 3],
    /// The event with which it entered a call that is looked at again at its end.
    pub(super) kept: Option<Box<Kept>>,
    /// Whether it is still of use.
    pub(super) kept_there: bool,
    /// Whether the call that ends now is the one that began last.
    pub(super) kept_valid: bool,
}

/// Processor time of a thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Whether it was ever told.
    pub told: bool,
    /// The recorder's counter.
    pub total: u64,
    /// How much it grew lately.
    pub recent: u64,
}

impl Thread {
    /// A thread of which nothing is known but its number.
    pub(super) fn unknown(tid: Tid) -> Self {
        let nobody: Text = b"<NA>"[..].into();
        Thread {
            pid: tid,
            ptid: -1,
            comm: nobody.clone(),
            exe: nobody,
            uid: u32::MAX,
            gid: u32::MAX,
            loginuid: u32::MAX,
            ..Thread::blank(tid)
        }
    }

    /// What stands for the thread of an event that describes a container.
    pub(super) fn describing(container: &Text) -> Self {
        let comm = [b"container:", &container[..]].concat();
        Thread { comm: comm.into(), container: container.clone(), vtid: -2, vpid: -2, ..Thread::blank(-1) }
    }

    /// A thread with nothing in it.
    pub(super) fn blank(tid: Tid) -> Self {
        let (sid, vpgid, pgid, vtid, vpid, fdlimit) = (-1, -1, -1, -1, -1, -1);
        Thread { tid, pid: -1, sid, vpgid, pgid, vtid, vpid, fdlimit, last_type: NO_EVENT, ..Thread::default() }
    }

    /// Whether it is its process's main thread.
    #[inline]
    pub fn is_main(&self) -> bool {
        self.tid == self.pid || self.flags & flag::MAIN != 0
    }

    /// Whether nothing more than its number is known.
    pub(crate) fn is_unknown(&self) -> bool {
        &self.comm[..] == b"<NA>" && self.uid == u32::MAX
    }

    /// The same without what it has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn portrait(&mut self) -> Thread {
        let (fds, kept) = (std::mem::take(&mut self.fds), self.kept.take());
        let portrait = self.clone();
        (self.fds, self.kept) = (fds, kept);
        portrait
    }

    /// Goes to another folder.
    pub(super) fn enter_folder(&mut self, folder: &[u8]) {
        let mut cwd = path::join(&self.cwd, folder);
        if cwd.last() != Some(&b'/') {
            cwd.push(b'/');
        }
        self.cwd = cwd.into();
    }
}

/// All threads. Places stay the same for as long as a thread is there.
#[derive(Default)]
pub struct Threads {
    pub(super) slots: Vec<Thread>,
    pub(super) free: Vec<Place>,
    pub(super) places: FxHashMap<Tid, Place>,
    /// How many threads name this one as their process: who is heard of late must not look through all of them.
    pub(super) followers: FxHashMap<Tid, u32>,
    pub(super) last: std::cell::Cell<Option<(Tid, Place)>>,
}
