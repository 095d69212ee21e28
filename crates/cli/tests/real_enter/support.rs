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
pub(crate) struct Machine {
    run: Scratch,
    before: Left,
    _turn: MutexGuard<'static, ()>,
}

/// What a session might leave behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Left {
    /// Processes of ours, by number and name.
    pub(crate) processes: BTreeSet<(u32, String)>,
    /// Cgroups of ours.
    pub(crate) cgroups: BTreeSet<PathBuf>,
    /// Sessions on record.
    pub(crate) records: BTreeSet<String>,
    /// Mounts of ours that this machine's processes see.
    pub(crate) mounts: BTreeSet<String>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let turn = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("any process may adopt");
        let run = Scratch::new("run");
        let before = left(run.path());
        Machine { run, before, _turn: turn }
    }

    /// `fathom` with these arguments.
    pub(crate) fn fathom<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
        command.args(arguments).env("FATHOM_RUN", self.run.path()).stdin(Stdio::null());
        command.env("FATHOM_CONFIG", "/dev/null").env("FATHOM_TOOLKIT", "mini");
        command
    }

    /// Runs it to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ended {
        ended(self.fathom(arguments).output().expect("fathom runs"))
    }

    /// Starts it with pipes.
    pub(crate) fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Child {
        let mut command = self.fathom(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("fathom starts")
    }

    /// What is there now and was not when the test began.
    pub(crate) fn left(&self) -> Left {
        let now = left(self.run.path());
        Left {
            processes: now.processes.difference(&self.before.processes).cloned().collect(),
            cgroups: now.cgroups.difference(&self.before.cgroups).cloned().collect(),
            records: now.records,
            mounts: now.mounts.difference(&self.before.mounts).cloned().collect(),
        }
    }

    /// Nothing is left within one second.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        let clean = within(Duration::from_secs(1), || self.left() == Left::default());
        assert!(clean, "left behind: {:?}", self.left());
    }

    /// The only session's supervisor, once its state is on record.
    pub(crate) fn supervisor(&self) -> u32 {
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

pub(crate) fn ended(output: Output) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    Ended {
        status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether `done` becomes true in time.
pub(crate) fn within(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
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
    reap_orphans();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("there is a /proc");
    let ours = |line: &&str| line.contains("/.fathom") || line.contains("/fathom ");
    let mut left = Left { mounts: mounts.lines().filter(ours).map(str::to_owned).collect(), ..Left::default() };
    for entry in std::fs::read_dir("/proc").expect("there is a /proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let name = name.trim();
        let is_named = name == "fathom" || name == "fathom-enter" || name == "fathom-init" || name == "fathom-warden";
        if is_named && is_below_us(pid) {
            left.processes.insert((pid, format!("{name} {}", state(pid))));
        }
    }
    for hierarchy in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        left.cgroups.extend(folders(&hierarchy.path().join("fathom")));
    }
    left.cgroups.extend(folders(Path::new("/sys/fs/cgroup/fathom")));
    left.cgroups.retain(|cgroup| !is_somebody_else_s(cgroup));
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

/// Whether we have started it, or have adopted it: whoever else uses this machine, and other tests, are left alone.
fn is_below_us(pid: u32) -> bool {
    let own = std::process::id();
    let parent = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
    };
    std::iter::successors(Some(pid), |pid| parent(*pid)).any(|pid| pid == own)
}

/// Whether a process is in it that is none of ours.
fn is_somebody_else_s(cgroup: &Path) -> bool {
    let inside = std::fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    inside.lines().filter_map(|line| line.parse().ok()).any(|pid| !is_below_us(pid))
}

/// Orphans come to us, as they come to the first process of a machine; ours must reap as promptly as it should.
/// What a test started itself has its own `Child` and is left alone.
fn reap_orphans() {
    use rustix::process::{Pid, WaitOptions, waitpid};
    for pid in descendants(std::process::id()) {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if state(pid) == 'Z' && matches!(comm.trim(), "fathom-enter" | "fathom-init" | "fathom-warden" | "fathom-guard")
        {
            let _ = waitpid(Pid::from_raw(pid as i32), WaitOptions::NOHANG);
        }
    }
}

/// The letter that /proc gives a process's state.
pub(crate) fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?')
}

/// Every process below `pid`, itself not included.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children: String =
        tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default()).collect();
    let children: Vec<u32> = children.split_ascii_whitespace().filter_map(|child| child.parse().ok()).collect();
    children.iter().flat_map(|child| [vec![*child], descendants(*child)].concat()).collect()
}

/// Kills processes that this test started.
pub(crate) fn kill(pids: impl IntoIterator<Item = u32>) {
    for pid in pids {
        if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// What a process sees mounted, without the ids that the kernel gives out.
pub(crate) fn mounts_of(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("it lives");
    text.lines().map(|line| line.splitn(3, ' ').last().unwrap_or_default().to_owned()).collect()
}
