//! The namespaces that a process is in, held open.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub use fathom_model::namespace::Kind;
use rustix::thread::LinkNameSpaceType;

/// What setns wants to hear.
pub fn link_type(kind: Kind) -> LinkNameSpaceType {
    match kind {
        Kind::User => LinkNameSpaceType::User,
        Kind::Mnt => LinkNameSpaceType::Mount,
        Kind::Pid => LinkNameSpaceType::ProcessID,
        Kind::Net => LinkNameSpaceType::Network,
        Kind::Ipc => LinkNameSpaceType::InterProcessCommunication,
        Kind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        Kind::Cgroup => LinkNameSpaceType::ControlGroup,
    }
}

/// One namespace, held open: it exists as long as this does, whatever becomes of its processes.
#[derive(Debug)]
pub struct Namespace {
    /// What kind.
    pub kind: Kind,
    /// Its inode in nsfs: equal inodes are the same namespace.
    pub inode: u64,
    fd: OwnedFd,
}

impl Namespace {
    /// Opens the namespace file `fd` refers to.
    pub fn from_fd(kind: Kind, fd: OwnedFd) -> std::io::Result<Self> {
        let inode = rustix::fs::fstat(&fd)?.st_ino;
        Ok(Namespace { kind, inode, fd })
    }

    /// Our own namespace of this kind.
    pub fn own(kind: Kind) -> std::io::Result<Self> {
        Self::from_fd(kind, File::open(format!("/proc/self/ns/{}", kind.name()))?.into())
    }

    /// The one that it was made in, of pid and user namespaces; none above our own.
    pub fn parent(&self) -> Option<Namespace> {
        let fd = crate::sys::parent_namespace(self.fd.as_fd()).ok()?;
        Self::from_fd(self.kind, fd).ok()
    }

    /// Gives up the name and keeps the descriptor.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
