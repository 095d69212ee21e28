//! This machine: processes, namespaces, cgroups, mounts.
//!
//! **Owns** what /proc, /sys/fs/cgroup and the system calls about them say. **Does not** know names or images of
//! containers: a container is a cgroup here. Readers take a root folder, so that tests use a recorded tree.
//! Read [`process`] and [`namespace`] first, then [`pin`], which ties them to one live process, then [`cgroup`].
//! [`feature`] says what this kernel can do at all.
//!
//! Whoever links this crate copies memory with its `memcpy`.

pub mod cgroup;
pub mod error;
pub mod facts;
pub mod feature;
pub mod incarnation;
#[cfg(all(target_arch = "x86_64", target_env = "musl"))]
mod memcpy;
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
use std::sync::OnceLock;

/// A machine's files: this one's, or a recorded tree with `proc/` and `sys/` in it.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    boot: OnceLock<u64>,
}

impl Host {
    /// The machine we run on.
    pub fn local() -> Self {
        Host { root: PathBuf::from("/"), boot: OnceLock::new() }
    }

    /// The tree recorded under `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Host { root: root.into(), boot: OnceLock::new() }
    }

    /// `path`, which is written without a leading slash, on this machine.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Seconds since 1970 at boot. Read once: the kernel counts every interrupt of every processor to write that file.
    pub fn boot_time(&self) -> u64 {
        *self.boot.get_or_init(|| {
            let stat = self.read("proc/stat").unwrap_or_default();
            let stat = String::from_utf8_lossy(&stat).into_owned();
            stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()).unwrap_or(0)
        })
    }

    /// Reads a file of this machine; the error names it.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
        let path = self.path(path);
        read_whole(&path).map_err(|source| Error::Read { path, source })
    }
}

/// A file of /proc says that its size is 0, so that [`std::fs::read`] asks and then feels its way; most fit in one read.
fn read_whole(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::with_capacity(4096);
    loop {
        bytes.reserve(1024);
        match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)) {
            Ok(0) => return Ok(bytes),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
