//! A machine to enter things on: one test at a time, a registry of its own, and a look at what is left.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fathom_testkit::Scratch;

/// Counting what is left on the machine works for one test at a time.
static MACHINE: Mutex<()> = Mutex::new(());

/// The machine, for one test.
pub struct Machine {
    run: Scratch,
    before: Left,
    _turn: MutexGuard<'static, ()>,
}

/// What a session might leave behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// Processes of ours, by number and name.
    pub processes: BTreeSet<(u32, String)>,
    /// Cgroups of ours.
    pub cgroups: BTreeSet<PathBuf>,
    /// Sessions on record.
    pub records: BTreeSet<String>,
    /// Lines of this machine's mountinfo.
    pub mounts: usize,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Machine {
    pub fn new() -> Self {
        let turn = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let run = Scratch::new("run");
        let before = left(run.path());
        Machine { run, before, _turn: turn }
    }

    /// `fathom` with these arguments.
    pub fn fathom<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
        command.args(arguments).env("FATHOM_RUN", self.run.path()).env_remove("FATHOM_TOOLKIT").stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ended {
        ended(self.fathom(arguments).output().expect("fathom runs"))
    }

    /// Starts it with pipes.
    pub fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Child {
        let mut command = self.fathom(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("fathom starts")
    }

    /// What is there now and was not when the test began.
    pub fn left(&self) -> Left {
        let now = left(self.run.path());
        Left {
            processes: now.processes.difference(&self.before.processes).cloned().collect(),
            cgroups: now.cgroups.difference(&self.before.cgroups).cloned().collect(),
            records: now.records,
            mounts: now.mounts.saturating_sub(self.before.mounts),
        }
    }

    /// Nothing is left within one second.
    #[track_caller]
    pub fn assert_clean(&self) {
        let clean = within(Duration::from_secs(1), || self.left() == Left::default());
        assert!(clean, "left behind: {:?}", self.left());
    }

    /// The only session's supervisor, once its state is on record.
    pub fn supervisor(&self) -> u32 {
        let mut found = None;
        let there = within(Duration::from_secs(10), || {
            let Some(id) = left(self.run.path()).records.into_iter().next() else { return false };
            let state = std::fs::read(self.run.join("sessions").join(id).join("state.json")).unwrap_or_default();
            let state: serde_json::Value = serde_json::from_slice(&state).unwrap_or_default();
            found = state["supervisor"].as_u64();
            found.is_some()
        });
        assert!(there, "no session came to be");
        found.expect("it was found") as u32
    }
}

pub fn ended(output: Output) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    Ended {
        status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether `done` becomes true in time.
pub fn within(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if done() {
            return true;
        }
        if started.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn left(run: &Path) -> Left {
    let mut left = Left { mounts: lines("/proc/self/mountinfo"), ..Left::default() };
    for entry in std::fs::read_dir("/proc").expect("there is a /proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let name = name.trim();
        if name == "fathom" || name == "fathom-enter" || name == "fathom-init" {
            left.processes.insert((pid, format!("{name} {}", state(pid))));
        }
    }
    for hierarchy in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        left.cgroups.extend(folders(&hierarchy.path().join("fathom")));
    }
    left.cgroups.extend(folders(Path::new("/sys/fs/cgroup/fathom")));
    left.records = folders(&run.join("sessions"))
        .iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    left
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.path()).collect()
}

fn lines(file: impl AsRef<Path>) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

/// The letter that /proc gives a process's state.
pub fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?')
}

/// Every process below `pid`, itself not included.
pub fn descendants(pid: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children: Vec<u32> = children.split_ascii_whitespace().filter_map(|child| child.parse().ok()).collect();
    children.iter().flat_map(|child| [vec![*child], descendants(*child)].concat()).collect()
}

/// Kills processes that this test started.
pub fn kill(pids: impl IntoIterator<Item = u32>) {
    for pid in pids {
        if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// What a process sees mounted, without the ids that the kernel gives out.
pub fn mounts_of(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("it lives");
    text.lines().map(|line| line.splitn(3, ' ').last().unwrap_or_default().to_owned()).collect()
}
