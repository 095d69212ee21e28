//! This machine: processes, namespaces, cgroups, mounts.
//!
//! **Owns** what /proc, /sys/fs/cgroup and the system calls about them say. **Does not** know names or images of
//! containers: a container is a cgroup here. Readers take a root folder, so that tests use a recorded tree.
//! Read [`process`] and [`namespace`] first, then [`pin`], which ties them to one live process, then [`cgroup`].
//! [`feature`] says what this kernel can do at all.

pub mod cgroup;
pub mod error;
pub mod feature;
pub mod incarnation;
pub mod mountinfo;
pub mod namespace;
pub mod pin;
pub mod process;
pub mod sighting;
pub mod sys;

pub use error::Error;
pub use pin::Pinned;
pub use process::Process;

use std::path::{Path, PathBuf};

/// A machine's files: this one's, or a recorded tree with `proc/` and `sys/` in it.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// The machine we run on.
    pub fn local() -> Self {
        Host { root: PathBuf::from("/") }
    }

    /// The tree recorded under `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Host { root: root.into() }
    }

    /// `path`, which is written without a leading slash, on this machine.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Reads a file of this machine; the error names it.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
        let path = self.path(path);
        std::fs::read(&path).map_err(|source| Error::Read { path, source })
    }
}
