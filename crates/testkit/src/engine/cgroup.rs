//! The cgroups that an engine makes, emptied and taken away when the engine is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::process::eventually;

const MOUNTS: &str = "/sys/fs/cgroup";

/// Remembers which cgroups did not exist before, and removes them with all below when dropped.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    made: Mutex<Vec<PathBuf>>,
}

impl Cgroups {
    fn made(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `path` is about to be made, in any hierarchy.
    pub(super) fn expect(&self, path: &str) {
        for hierarchy in hierarchies() {
            let full = hierarchy.join(path.trim_start_matches('/'));
            let first_new = full.ancestors().take_while(|folder| !folder.exists()).last();
            self.made().extend(first_new.map(Path::to_owned));
        }
    }

    /// Those that an engine called `name` did not take away.
    pub(super) fn left(name: &str) -> Self {
        let tops = hierarchies().into_iter().map(|hierarchy| hierarchy.join(name));
        Cgroups { made: Mutex::new(tops.filter(|top| top.exists()).collect()) }
    }

    /// Kills every process in them.
    pub(super) fn kill(&self) {
        let empty = || self.made().iter().map(|top| kill_below(top)).sum::<usize>() == 0;
        eventually(empty);
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        self.kill();
        for top in self.made().iter() {
            remove(top);
        }
    }
}

/// The processes in the cgroup `path` of any hierarchy and below it.
pub(super) fn pids(path: &str) -> BTreeSet<u32> {
    fn below(folder: &Path) -> Vec<u32> {
        let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        let own = listed.lines().filter_map(|line| line.parse().ok());
        own.chain(folders_in(folder).iter().flat_map(|inner| below(inner))).collect()
    }
    hierarchies().into_iter().flat_map(|hierarchy| below(&hierarchy.join(path.trim_start_matches('/')))).collect()
}

/// Every mounted hierarchy: the folders of a v1 or hybrid host, the mount itself on a v2 host.
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(MOUNTS);
    if root.join("cgroup.controllers").exists() {
        return vec![root];
    }
    folders_in(&root)
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// Says how many processes there were to kill. A zombie leaves its cgroup's list, so this ends.
fn kill_below(folder: &Path) -> usize {
    let listed = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let pids = listed.lines().filter_map(|line| line.parse().ok()).filter_map(Pid::from_raw);
    let killed = pids.filter(|pid| {
        let process = pidfd_open(*pid, PidfdFlags::empty());
        process.is_ok_and(|process| pidfd_send_signal(process, Signal::KILL).is_ok())
    });
    killed.count() + folders_in(folder).iter().map(|inner| kill_below(inner)).sum::<usize>()
}

/// Only folders can be removed from a cgroup, deepest first, and only when no process is left in them.
fn remove(folder: &Path) {
    for inner in folders_in(folder) {
        remove(&inner);
    }
    // The kernel answers EBUSY for a moment after the last process has gone.
    eventually(|| !folder.exists() || fs::remove_dir(folder).is_ok());
}
