//! The kinds of namespace, one row each, and which ones a process is in.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::thread::LinkNameSpaceType;
use serde::{Deserialize, Serialize};

/// A kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the kernel's own")]
pub enum Kind {
    User,
    Mnt,
    Pid,
    Net,
    Ipc,
    Uts,
    Cgroup,
}

impl Kind {
    /// Every kind with the name of its file under `/proc/PID/ns`, in the order in which they can be joined.
    pub const ALL: &[(Kind, &str, LinkNameSpaceType)] = &[
        (Kind::User, "user", LinkNameSpaceType::User),
        (Kind::Mnt, "mnt", LinkNameSpaceType::Mount),
        (Kind::Pid, "pid", LinkNameSpaceType::ProcessID),
        (Kind::Net, "net", LinkNameSpaceType::Network),
        (Kind::Ipc, "ipc", LinkNameSpaceType::InterProcessCommunication),
        (Kind::Uts, "uts", LinkNameSpaceType::HostNameAndNISDomainName),
        (Kind::Cgroup, "cgroup", LinkNameSpaceType::ControlGroup),
    ];

    /// The name users and the kernel write.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }

    /// What setns wants to hear.
    pub fn link_type(self) -> Option<LinkNameSpaceType> {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map(|(_, _, link)| *link)
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ");
        let known = Self::ALL.iter().find(|(_, name, _)| *name == text);
        known.map(|(kind, ..)| *kind).ok_or_else(|| format!("`{text}` is no namespace; there are {}", names()))
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
