//! Owners, modes, times and extended attributes of what was unpacked.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::Tree;
use crate::error::Error;
use crate::inside::Inside;
use crate::layer::Meta;

/// Whose files the tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// As the image says; needs root.
    Kept,
    /// All the caller's.
    Caller,
}

impl Owners {
    /// What this process can do.
    pub fn possible() -> Owners {
        if rustix::process::geteuid().is_root() { Owners::Kept } else { Owners::Caller }
    }
}

/// Attributes that mean the same here as where the image was made. `trusted.overlay.*` and its like would steer the
/// overlay that a session puts on the tree; labels of another machine's security module mean nothing here.
pub(crate) fn kept(name: &[u8]) -> bool {
    name == b"security.capability" || name.starts_with(b"user.") && !name.starts_with(b"user.overlay.")
}

impl Tree {
    /// Gives a file or folder its looks. Owner first: changing it clears set-id bits and capabilities.
    pub(super) fn dress(&mut self, fd: &OwnedFd, real: &Inside, meta: &Meta) -> Result<(), Error> {
        if self.owners == Owners::Kept {
            let chowned = rustix::fs::fchown(fd, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)));
            self.count_owner(chowned, real)?;
        } else if (meta.uid, meta.gid) != (0, 0) {
            self.notes.owners += 1;
        }
        for (name, value) in &meta.xattrs {
            self.attribute(fd, real, name, value)?;
        }
        self.notes.set_id += u64::from(meta.mode & 0o6000 != 0);
        rustix::fs::fchmod(fd, Mode::from_raw_mode(meta.mode)).map_err(|e| self.failed(real, e))?;
        rustix::fs::futimens(fd, &times(meta)).map_err(|e| self.failed(real, e))
    }

    /// Gives a symbolic link its looks; it has no mode of its own.
    pub(super) fn dress_link(
        &mut self,
        parent: &OwnedFd,
        name: &[u8],
        real: &Inside,
        meta: &Meta,
    ) -> Result<(), Error> {
        if self.owners == Owners::Kept {
            let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
            let chowned = rustix::fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW);
            self.count_owner(chowned, real)?;
        }
        rustix::fs::utimensat(parent, name, &times(meta), AtFlags::SYMLINK_NOFOLLOW).map_err(|e| self.failed(real, e))
    }

    /// In a user namespace that does not map the owner the file stays ours; that is worth a note, not a failure.
    fn count_owner(&mut self, chowned: Result<(), Errno>, real: &Inside) -> Result<(), Error> {
        match chowned {
            Err(Errno::PERM | Errno::INVAL) => self.notes.owners += 1,
            done => done.map_err(|e| self.failed(real, e))?,
        }
        Ok(())
    }

    fn attribute(&mut self, fd: &OwnedFd, real: &Inside, name: &[u8], value: &[u8]) -> Result<(), Error> {
        if !kept(name) {
            self.notes.attributes += 1;
            return Ok(());
        }
        match rustix::fs::fsetxattr(fd.as_fd(), name, value, XattrFlags::empty()) {
            Err(error @ (Errno::NOSPC | Errno::DQUOT)) => Err(self.failed(real, error)),
            // No right to set it, a file system without them, a value that the kernel does not understand.
            Err(_) => {
                self.notes.attributes += 1;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

fn times(meta: &Meta) -> Timestamps {
    let (seconds, nanoseconds) = meta.mtime;
    let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanoseconds) };
    Timestamps { last_access: time, last_modification: time }
}
