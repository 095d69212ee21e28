//! Waiting for the next incarnation of a container that comes and goes, and stopping it before it gets far.
//!
//! From cgroup folders, read again and again, to a process number. A runtime prepares a container from inside: until
//! its first process executes the container's own program, it is the runtime's and is left alone.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cgroup::{Layout, naming};
use crate::{Error, Host};

mod pod;

pub use pod::{Leaf, Pod};

/// A container that is waited for, known by the cgroup it had.
#[derive(Debug)]
pub struct Awaited {
    /// Its cgroup folder in every hierarchy that is mounted; most of them may not exist right now.
    folders: Vec<PathBuf>,
    /// Folders beside it that were there before, for engines that give each incarnation an id of its own.
    siblings: BTreeSet<PathBuf>,
    /// Processes that are no next incarnation.
    known: BTreeSet<u32>,
}

/// How often cgroups are looked at: often enough to meet a program before it has done much.
pub const TICK: Duration = Duration::from_micros(300);

impl Awaited {
    /// Waits for what comes after `pid` in the cgroup `path` (as `/proc/PID/cgroup` writes it).
    pub fn new(host: &Host, path: &str, pid: Option<u32>) -> Result<Awaited, Error> {
        let layout = Layout::of(host)?;
        let points = layout.v2.iter().chain(layout.v1.iter().map(|(_, point)| point));
        let folders: Vec<PathBuf> = points.map(|point| point.join(path.trim_start_matches('/'))).collect();
        let mut awaited = Awaited { folders, siblings: BTreeSet::new(), known: pid.into_iter().collect() };
        awaited.siblings = awaited.beside().collect();
        let running: Vec<u32> = awaited.processes().collect();
        awaited.known.extend(running);
        Ok(awaited)
    }

    /// The first process of the next incarnation, if it is there by now.
    pub fn arrived(&mut self, host: &Host) -> Option<u32> {
        let fresh: Vec<u32> = self.processes().filter(|pid| !self.known.contains(pid)).collect();
        let beside: Vec<PathBuf> = self.beside().filter(|folder| !self.siblings.contains(folder)).collect();
        first(host, fresh.into_iter().chain(beside.iter().flat_map(|folder| processes(folder))))
    }

    fn processes(&self) -> impl Iterator<Item = u32> {
        self.folders.iter().flat_map(|folder| processes(folder))
    }

    /// Containers in the same folder: a pod's, when Kubernetes makes a new one for each restart.
    fn beside(&self) -> impl Iterator<Item = PathBuf> {
        let parents: BTreeSet<&Path> = self.folders.iter().filter_map(|folder| folder.parent()).collect();
        let is_pod = |parent: &&Path| parent.to_string_lossy().contains("kubepods");
        let entries =
            parents.into_iter().filter(is_pod).filter_map(|parent| fs::read_dir(parent).ok()).flatten().flatten();
        let found: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| naming::container_of(&path.to_string_lossy()).is_some())
            .collect();
        found.into_iter()
    }
}

/// A container's own first process, where it has a pid namespace; the eldest otherwise.
fn first(host: &Host, pids: impl IntoIterator<Item = u32>) -> Option<u32> {
    pids.into_iter()
        .filter_map(|pid| host.process(pid).ok())
        .filter(|process| process.state != 'Z')
        .min_by_key(|process| (process.own_pid(), process.started))
        .map(|process| process.pid)
}

fn processes(folder: &Path) -> Vec<u32> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Names of runtimes, as their first process is called before it executes the container's program.
const RUNTIMES: &[&str] = &["runc", "crun", "youki", "kata", "conmon", "containerd-shim", "exe"];

/// The file that runs in `pid`: it changes when the process executes another.
pub fn program(host: &Host, pid: u32) -> Option<PathBuf> {
    fs::read_link(host.path(format!("proc/{pid}/exe"))).ok()
}

/// Whether the container's own program runs in `pid` by now. `None` when the process is gone.
pub fn is_its_own(host: &Host, pid: u32) -> Option<bool> {
    let own = program(host, pid)?;
    let process = host.process(pid).ok()?;
    let is_runtime = RUNTIMES.iter().any(|runtime| process.name.starts_with(runtime));
    // Runtimes run from a sealed copy of themselves: a memory file, or a mount that is attached nowhere and so has no
    // path but its root.
    let is_copy = own == Path::new("/") || own.to_string_lossy().contains("memfd:");
    // Forked by an engine and not yet executed anything: still the engine's program.
    // A root that is about to be changed for another.
    let root = fs::read_link(host.path(format!("proc/{pid}/root"))).unwrap_or_default();
    let is_moving = root.to_string_lossy().ends_with(" (deleted)");
    Some(!is_runtime && !is_copy && !is_moving && program(host, process.parent).as_ref() != Some(&own))
}

/// The file that freezes a cgroup, with the words for frozen and thawed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Freezer {
    /// `cgroup.freeze` of v2, or `freezer.state` of v1.
    pub file: PathBuf,
    frozen: String,
    thawed: String,
}

impl Freezer {
    /// The freezer of the cgroup that process `pid` is in.
    pub fn of(host: &Host, pid: u32) -> Result<Freezer, Error> {
        let layout = Layout::of(host)?;
        let text = host.read(format!("proc/{pid}/cgroup"))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let path_of = |controller: &str| {
            text.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                let (names, path) = (parts.next()?, parts.next()?);
                (names.split(',').any(|name| name == controller) && path != "/")
                    .then(|| path.trim_start_matches('/').to_owned())
            })
        };
        let v2 =
            layout.v2.as_ref().zip(path_of("")).map(|(point, path)| (point.join(path).join("cgroup.freeze"), "1", "0"));
        let v1 = layout
            .v1_of("freezer")
            .zip(path_of("freezer"))
            .map(|(point, path)| (point.join(path).join("freezer.state"), "FROZEN", "THAWED"));
        let found = v2.into_iter().chain(v1).find(|(file, ..)| file.exists());
        let (file, frozen, thawed) = found.ok_or(Error::NoFreezer { pid })?;
        Ok(Freezer { file, frozen: frozen.to_owned(), thawed: thawed.to_owned() })
    }

    /// Stops every process of the cgroup.
    pub fn freeze(&self) -> Result<(), Error> {
        self.write(&self.frozen, "freeze")
    }

    /// Lets them go on.
    pub fn thaw(&self) -> Result<(), Error> {
        self.write(&self.thawed, "thaw")
    }

    /// What to write into an open [`Freezer::file`] to let them go on.
    pub fn word_for_thawing(&self) -> &str {
        &self.thawed
    }

    fn write(&self, word: &str, what: &'static str) -> Result<(), Error> {
        let written =
            fs::File::options().write(true).open(&self.file).and_then(|mut file| file.write_all(word.as_bytes()));
        written.map_err(|source| Error::Cgroup { what, path: self.file.clone(), source })
    }
}

/// How long the threads of process `pid` have run on a CPU; from `/proc/PID/schedstat`.
pub fn cpu_used(host: &Host, pid: u32) -> Duration {
    let text = host.read(format!("proc/{pid}/schedstat")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    Duration::from_nanos(text.split_ascii_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0))
}
