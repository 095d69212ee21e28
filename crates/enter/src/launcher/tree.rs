//! The vocabulary of mounting: trees that are cloned, made and attached by descriptor, and small files read from
//! inside a root that is not to be trusted.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use fathom_host::sys::{MountAttributes, Recursion, mount_setattr};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags};

mod classic;
mod steps;

pub(crate) const READ_ONLY: u64 = MountAttrFlags::MOUNT_ATTR_RDONLY.bits() as u64;
pub(super) const NO_SUID: u64 = MountAttrFlags::MOUNT_ATTR_NOSUID.bits() as u64;
pub(super) const NO_DEV: u64 = MountAttrFlags::MOUNT_ATTR_NODEV.bits() as u64;

/// A copy of the mount at `path` (and with all below it, if asked), attached nowhere yet.
pub(crate) fn clone(at: impl AsFd, path: &str, recursion: Recursion) -> io::Result<OwnedFd> {
    let mut flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    if path.is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    if recursion == Recursion::WithAllBelow {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(rustix::mount::open_tree(at, path, flags)?)
}

/// Like [`clone`], of whatever `path` leads to.
pub(crate) fn clone_followed(path: &Path, recursion: Recursion) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursion == Recursion::WithAllBelow {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(rustix::mount::open_tree(rustix::fs::CWD, path, flags)?)
}

/// Puts a detached `tree` on the folder or file at `path`.
pub(super) fn attach(tree: impl AsFd, at: impl AsFd, path: &str) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    Ok(rustix::mount::move_mount(tree, "", at, path, flags)?)
}

/// A new file system, attached nowhere yet.
pub(super) fn filesystem(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        match *value {
            "" => rustix::mount::fsconfig_set_flag(&context, *key)?,
            value => rustix::mount::fsconfig_set_string(&context, *key, value)?,
        }
    }
    rustix::mount::fsconfig_create(&context)?;
    Ok(rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// The detached mount `tree`, read-only and harmless; on a kernel without mount_setattr (before 5.12), a copy of it.
pub(crate) fn restrict(tree: OwnedFd, attributes: u64) -> io::Result<OwnedFd> {
    let set = MountAttributes { set: attributes, ..MountAttributes::default() };
    match mount_setattr(tree.as_fd(), Recursion::WithAllBelow, set) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => classic::restricted(&tree, attributes),
        done => done.map(|()| tree),
    }
}

/// The text of a small regular file below `root`, or nothing. Links cannot lead out, a pipe cannot block, a large
/// file cannot fill our memory: the root is the target's.
pub(crate) fn read_inside(root: impl AsFd, path: &str) -> String {
    const LARGEST: u64 = 1 << 20;
    let read = || -> io::Result<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let fd = match rustix::fs::openat2(root.as_fd(), path, flags, Mode::empty(), inside) {
            Err(rustix::io::Errno::NOSYS) => steps::open(root.as_fd(), path, flags)?,
            opened => opened?,
        };
        let meta = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(meta.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = Vec::new();
        File::from(fd).take(LARGEST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

/// Makes folders, links and files below the current directory, all owned by the session's root user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maker {
    /// uid and gid, as we see them.
    pub(super) owner: (u32, u32),
}

impl Maker {
    /// A folder; one that is already there is as good.
    pub(super) fn folder(self, path: &str, mode: u32) -> io::Result<()> {
        match rustix::fs::mkdir(path, Mode::from_raw_mode(mode)) {
            Ok(()) => self.own(path),
            Err(rustix::io::Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A symbolic link; what is already there stays.
    pub(super) fn link(self, to: &str, path: &str) -> io::Result<()> {
        match rustix::fs::symlink(to, path) {
            Ok(()) => self.own(path),
            Err(rustix::io::Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A file with this content, in place of any other.
    pub(super) fn file(self, path: &str, content: &str) -> io::Result<()> {
        let _ = rustix::fs::unlink(path);
        std::fs::write(path, content)?;
        self.own(path)
    }

    fn own(self, path: &str) -> io::Result<()> {
        if self.owner == (0, 0) {
            return Ok(());
        }
        let (uid, gid) = (rustix::fs::Uid::from_raw(self.owner.0), rustix::fs::Gid::from_raw(self.owner.1));
        Ok(rustix::fs::chownat(rustix::fs::CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
    }
}
