//! The cgroups that an engine makes, taken away when the engine is.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

const MOUNTS: &str = "/sys/fs/cgroup";

/// Remembers which cgroups did not exist before, and removes them with all below when dropped.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    made: RefCell<Vec<PathBuf>>,
}

impl Cgroups {
    /// `path` is about to be made, in any hierarchy.
    pub(super) fn expect(&self, path: &str) {
        for hierarchy in hierarchies() {
            let full = hierarchy.join(path.trim_start_matches('/'));
            let first_new = full.ancestors().take_while(|folder| !folder.exists()).last();
            self.made.borrow_mut().extend(first_new.map(Path::to_owned));
        }
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for top in self.made.borrow().iter() {
            remove(top);
        }
    }
}

/// Every mounted hierarchy: the folders of a v1 or hybrid host, the mount itself on a v2 host.
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(MOUNTS);
    if root.join("cgroup.controllers").exists() {
        return vec![root];
    }
    fs::read_dir(&root)
        .map(|entries| entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
        .unwrap_or_default()
}

/// Only folders can be removed from a cgroup, deepest first, and only when no process is left in them.
fn remove(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    // The kernel answers EBUSY for a moment after the last process has gone.
    super::process::eventually(|| !folder.exists() || fs::remove_dir(folder).is_ok());
}
