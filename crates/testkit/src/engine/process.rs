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
    /// None for one that had ended before anybody could look.
    pub(super) process: Option<OwnedFd>,
}

impl Running {
    pub(super) fn new(id: &str, name: &str, pid: i32) -> Self {
        let pid = Pid::from_raw(pid).expect("an engine says a positive pid");
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => None,
            process => Some(process.expect("a process can be held")),
        };
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
        !self.has_ended(Duration::ZERO)
    }

    /// Kills its first process and waits until it has gone.
    ///
    /// # Panics
    /// When it does not go.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        assert!(self.has_ended(LONG), "container {} (pid {}) survived SIGKILL", self.name, self.pid());
    }

    /// Asks its first process to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            let _ = pidfd_send_signal(process, signal);
        }
    }

    fn has_ended(&self, patience: Duration) -> bool {
        self.process.as_ref().is_none_or(|process| has_ended(process, patience))
    }

    /// Waits until its first process has ended by itself.
    ///
    /// # Panics
    /// When that takes longer than twenty seconds.
    pub fn wait(&self) {
        assert!(self.has_ended(LONG), "container {} (pid {}) does not end", self.name, self.pid());
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
pub(crate) fn run(command: &mut Command) -> String {
    tried(command).unwrap_or_else(|why| panic!("{why}"))
}

/// The same, with what went wrong as the other outcome.
pub(crate) fn tried(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!("{command:?}: {}: {said}", output.status)),
    }
}

/// Runs `command` to its end, whatever comes of it: for tearing down, where the next step matters more.
pub(crate) fn try_run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Asks `done` again and again, for things that have no event to wait for; `false` after twenty seconds.
pub(crate) fn eventually(mut done: impl FnMut() -> bool) -> bool {
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
