//! A cgroup of our own, in every hierarchy that limits something: made, limited, entered through a [`Door`], removed.
//!
//! All leaves lie in one folder `fathom` below the root of each hierarchy, so that a sweep finds them by listing it.
//! The folder itself goes with its last leaf.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

use super::{KillSwitch, Layout};
use crate::Error;

/// The folder that holds every leaf of ours.
pub const FOLDER: &str = "fathom";

/// What a session may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Share of the CPU under contention, on v2's scale from 1 to 10000 (100 is everybody's default).
    pub cpu_weight: Option<u64>,
}

/// One limit: the controller it needs, its file on v2 and on v1, and its value there.
struct Row {
    controller: &'static str,
    v2: &'static str,
    v1: &'static str,
    value: fn(&Limits) -> Option<u64>,
    /// v1 counts shares where v2 counts weights.
    v1_value: fn(u64) -> u64,
}

const ROWS: &[Row] = &[
    Row { controller: "memory", v2: "memory.max", v1: "memory.limit_in_bytes", value: |l| l.memory, v1_value: |v| v },
    Row { controller: "pids", v2: "pids.max", v1: "pids.max", value: |l| l.pids, v1_value: |v| v },
    Row {
        controller: "cpu",
        v2: "cpu.weight",
        v1: "cpu.shares",
        value: |l| l.cpu_weight,
        v1_value: |v| v * 1024 / 100,
    },
];

/// Our leaf in each hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// The folder in the v2 hierarchy.
    pub v2: Option<PathBuf>,
    /// The folders in v1 hierarchies.
    pub v1: Vec<PathBuf>,
}

/// How a process gets into a leaf: descriptors that stay good after the root directory has changed.
#[derive(Debug)]
pub struct Door {
    /// For `clone3(CLONE_INTO_CGROUP)`.
    pub v2: Option<OwnedFd>,
    /// `cgroup.procs` of the v2 leaf, for kernels before 5.7.
    pub v2_procs: Option<OwnedFd>,
    /// `tasks` of each v1 leaf. A thread that writes `0` there moves itself without the machine-wide lock that
    /// `cgroup.procs` takes (5 to 15 ms for the first writer, since Linux 6.0 waits for a grace period).
    pub v1_tasks: Vec<OwnedFd>,
}

impl Leaf {
    /// Where the leaf `name` would be.
    pub fn planned(layout: &Layout, name: &str) -> Leaf {
        let under = |point: &Path| point.join(FOLDER).join(name);
        let mut v1: Vec<PathBuf> =
            ROWS.iter().filter_map(|row| layout.v1_of(row.controller)).map(|p| under(p)).collect();
        if layout.v2.is_none() {
            // Something has to be able to freeze and kill.
            v1.extend(layout.v1_of("freezer").map(|point| under(point)));
        }
        v1.dedup();
        Leaf { v2: layout.v2.as_deref().map(under), v1 }
    }

    /// Makes the leaf and sets `limits`. Returns the controllers that this machine cannot limit by.
    pub fn create(&self, limits: &Limits) -> Result<Vec<&'static str>, Error> {
        for path in self.v2.iter().chain(&self.v1) {
            make(path)?;
        }
        let mut unmet = Vec::new();
        for row in ROWS {
            let Some(value) = (row.value)(limits) else { continue };
            let v1 = self.v1.iter().find(|path| path.join(row.v1).exists());
            let set = match (v1, &self.v2) {
                (Some(path), _) => fs::write(path.join(row.v1), (row.v1_value)(value).to_string()),
                (None, Some(path)) => {
                    enable(path, row.controller);
                    fs::write(path.join(row.v2), value.to_string())
                }
                (None, None) => Err(io::ErrorKind::NotFound.into()),
            };
            if set.is_err() {
                unmet.push(row.controller);
            }
        }
        Ok(unmet)
    }

    /// Opens the way in.
    pub fn door(&self) -> Result<Door, Error> {
        let open = |path: PathBuf, flags| {
            openat(CWD, &path, flags | OFlags::CLOEXEC, Mode::empty()).map_err(|error| Error::Cgroup {
                what: "open",
                path,
                source: error.into(),
            })
        };
        Ok(Door {
            v2: self.v2.clone().map(|path| open(path, OFlags::PATH | OFlags::DIRECTORY)).transpose()?,
            v2_procs: self.v2.as_ref().map(|path| open(path.join("cgroup.procs"), OFlags::WRONLY)).transpose()?,
            v1_tasks: self.v1.iter().map(|path| open(path.join("tasks"), OFlags::WRONLY)).collect::<Result<_, _>>()?,
        })
    }

    /// Opens what takes the leaf down.
    pub fn kill_switch(&self) -> Result<KillSwitch, Error> {
        KillSwitch::open(self)
    }

    /// Removes the leaf, and the folder of leaves if this was the last one. It has to be empty.
    pub fn remove(&self) -> Result<(), Error> {
        for path in self.v2.iter().chain(&self.v1) {
            match fs::remove_dir(path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::Cgroup { what: "remove", path: path.clone(), source }),
            }
            // Fails while other leaves are there, as it should.
            let _ = path.parent().map(fs::remove_dir);
        }
        Ok(())
    }

    /// Whether any part of it exists.
    pub fn exists(&self) -> bool {
        self.v2.iter().chain(&self.v1).any(|path| path.exists())
    }
}

/// Makes `FOLDER/NAME`. Another session may remove the emptied folder in between, so it is tried again.
fn make(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Cgroup { what: "make", path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(path);
    for _ in 0..100 {
        match fs::create_dir(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::create_dir(folder) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            },
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(io::ErrorKind::NotFound.into()))
}

/// Lets the leaf at `path` use `controller`, from the root of v2 down. What cannot be enabled shows when the limit
/// is written.
fn enable(path: &Path, controller: &str) {
    let Some(folder) = path.parent() else { return };
    for ancestor in [folder.parent(), Some(folder)].into_iter().flatten() {
        let _ = fs::write(ancestor.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}
