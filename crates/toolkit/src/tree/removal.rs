//! Takes things out of the tree: whole folders that are replaced, and what whiteouts hide of lower layers.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::Tree;
use super::resolve::{open_folder, remove_empty};
use crate::error::Error;
use crate::inside::Inside;

/// What became of something that a whiteout may hide.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It, or something in it, is of the current layer.
    Stays,
    /// It is gone, or was never there.
    Gone,
}

impl Tree {
    /// Removes the folder `name` with all it holds.
    pub(super) fn remove_folder(&mut self, parent: &OwnedFd, name: &[u8], real: &Inside) -> Result<(), Error> {
        let folder = open_folder(parent, name).map_err(|e| self.failed(real, e))?;
        for child in self.children(&folder, real)? {
            let path = real.join(&child);
            match rustix::fs::unlinkat(&folder, &child[..], AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => self.remove_folder(&folder, &child, &path)?,
                done => done.map_err(|e| self.failed(&path, e))?,
            }
        }
        self.folders.remove(real);
        remove_empty(parent, name).map_err(|e| self.failed(real, e))
    }

    /// Removes `name` as far as it is not of the current layer.
    pub(super) fn prune_entry(&mut self, parent: &OwnedFd, name: &[u8], real: &Inside) -> Result<Outcome, Error> {
        let own = self.made.contains(&self.key(real));
        match open_folder(parent, name) {
            Ok(folder) => {
                let below = self.prune_folder(&folder, real)?;
                if own || below == Outcome::Stays {
                    return Ok(Outcome::Stays);
                }
                self.folders.remove(real);
                remove_empty(parent, name).map_err(|e| self.failed(real, e))?;
                Ok(Outcome::Gone)
            }
            Err(Errno::NOENT) => Ok(Outcome::Gone),
            Err(Errno::NOTDIR | Errno::LOOP) if own => Ok(Outcome::Stays),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                rustix::fs::unlinkat(parent, name, AtFlags::empty()).map_err(|e| self.failed(real, e))?;
                Ok(Outcome::Gone)
            }
            Err(error) => Err(self.failed(real, error)),
        }
    }

    /// Removes what the folder holds as far as it is not of the current layer.
    pub(super) fn prune_folder(&mut self, folder: &OwnedFd, real: &Inside) -> Result<Outcome, Error> {
        let mut outcome = Outcome::Gone;
        for child in self.children(folder, real)? {
            if self.prune_entry(folder, &child, &real.join(&child))? == Outcome::Stays {
                outcome = Outcome::Stays;
            }
        }
        Ok(outcome)
    }

    /// All names first: the list must not change under us while we remove.
    fn children(&self, folder: &OwnedFd, real: &Inside) -> Result<Vec<Vec<u8>>, Error> {
        names(folder).map_err(|e| self.failed(real, e))
    }
}

/// The names in a folder, without `.` and `..`.
pub(crate) fn names(folder: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let list = Dir::new(rustix::fs::openat(folder, ".", flags, Mode::empty())?)?;
    let names = list.map(|entry| entry.map(|entry| entry.file_name().to_bytes().to_vec()));
    names.filter(|name| !matches!(name.as_deref(), Ok(b"." | b".."))).collect()
}
