//! What can go wrong when the machine is asked, and what to try then.

use std::io;
use std::path::PathBuf;

use fathom_model::{Class, Failure, Hint};

/// A question about this machine that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the kernel does not look like the kernel's.
    #[error("{path} is not what a kernel writes: {what}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What was expected and not there.
        what: &'static str,
    },
    /// The process is gone, or another one has its number now.
    #[error("process {pid} has ended")]
    Gone {
        /// Its number.
        pid: u32,
    },
    /// No process has this number.
    #[error("there is no process {pid}")]
    NoProcess {
        /// The number.
        pid: u32,
    },
    /// The kernel does not let us at a process.
    #[error("cannot open {what} of process {pid}")]
    Denied {
        /// Which of its files.
        what: String,
        /// Its number.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// A cgroup could not be made, limited, killed or removed.
    #[error("cannot {what} the cgroup {path}")]
    Cgroup {
        /// Verb.
        what: &'static str,
        /// Which cgroup.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing can freeze the cgroup of a process.
    #[error("nothing on this machine can freeze the cgroup of process {pid}")]
    NoFreezer {
        /// Its number.
        pid: u32,
    },
    /// No cgroup file system is mounted.
    #[error("no cgroup file system is mounted on this machine")]
    NoCgroups,
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Denied { .. } => "run as root, or with CAP_SYS_PTRACE and CAP_SYS_ADMIN".to_owned(),
            Error::Gone { .. } => "if it restarts, `--wait` enters the next one as soon as it exists".to_owned(),
            Error::NoProcess { .. } => "`fathom ps` lists what can be entered".to_owned(),
            Error::Cgroup { .. } => "run as root; inside a container, mount /sys/fs/cgroup read-write".to_owned(),
            Error::NoFreezer { .. } => "mount cgroup v2, or the v1 hierarchy `freezer`".to_owned(),
            Error::NoCgroups => "mount -t cgroup2 none /sys/fs/cgroup".to_owned(),
            Error::Read { .. } | Error::Parse { .. } => return None,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let class = match &error {
            Error::Gone { .. } | Error::NoProcess { .. } => Class::NotFound,
            Error::Denied { .. } => Class::Denied,
            Error::Cgroup { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Class::Denied,
            Error::NoCgroups | Error::NoFreezer { .. } => Class::Unsupported,
            Error::Read { .. } | Error::Parse { .. } | Error::Cgroup { .. } => Class::System,
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Failure { class, message: error.to_string(), cause, hint: error.hint() }
    }
}
