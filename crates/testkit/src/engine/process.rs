//! Processes of engines and containers: run a command to its end, wait for one to be gone.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long anything that a test waits for may take.
const LONG: Duration = Duration::from_secs(20);

/// A container that an engine started. The engine ends it; this only speaks of it.
pub struct Running {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) pid: Pid,
    pub(super) process: OwnedFd,
}

impl Running {
    pub(super) fn new(id: &str, name: &str, pid: i32) -> Self {
        let pid = Pid::from_raw(pid).expect("an engine says a positive pid");
        let process = pidfd_open(pid, PidfdFlags::empty()).expect("a container that was just started lives");
        Running { id: id.to_owned(), name: name.to_owned(), pid, process }
    }

    /// The engine's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of the [`Spec`](super::Spec).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its first process, in this machine's pid namespace.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether its first process still runs.
    pub fn is_alive(&self) -> bool {
        !has_ended(&self.process, Duration::ZERO)
    }

    /// Kills its first process and waits until it has gone.
    ///
    /// # Panics
    /// When it does not go.
    pub fn kill(&self) {
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        assert!(has_ended(&self.process, LONG), "container {} (pid {}) survived SIGKILL", self.name, self.pid());
    }

    /// Waits until its first process has ended by itself.
    ///
    /// # Panics
    /// When that takes longer than twenty seconds.
    pub fn wait(&self) {
        assert!(has_ended(&self.process, LONG), "container {} (pid {}) does not end", self.name, self.pid());
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (pid {})", self.name, self.id, self.pid())
    }
}

/// Whether the process ends within `patience`.
pub(super) fn has_ended(process: &OwnedFd, patience: Duration) -> bool {
    let patience = Timespec::try_from(patience).expect("a short time fits");
    let mut polled = [PollFd::new(process, PollFlags::IN)];
    matches!(poll(&mut polled, Some(&patience)), Ok(1..))
}

/// Runs `command` to its end and gives what it wrote to stdout.
///
/// # Panics
/// When it cannot be run or fails; the message holds what it wrote to stderr.
#[track_caller]
pub(super) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Runs `command` to its end, whatever comes of it: for tearing down, where the next step matters more.
pub(super) fn try_run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Asks `done` again and again, for things that have no event to wait for; `false` after twenty seconds.
pub(super) fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + LONG;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
