//! Why an entry did not happen. Made anywhere between client and payload, carried over the control socket, printed
//! by `cli`.

use std::fmt;
use std::io;

use fathom_model::Hint;
use serde::{Deserialize, Serialize};

/// What kind of failure it is; `cli` turns it into an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The words make no sense for this target.
    Usage,
    /// The target is not there, or has ended.
    NotFound,
    /// We are not allowed.
    Denied,
    /// This kernel or machine cannot.
    Unsupported,
    /// The command exists and cannot be executed: status 126.
    NotExecutable,
    /// There is no such command: status 127.
    NoCommand,
    /// Everything else that is not the target's doing, a full disk or memory for instance.
    System,
}

/// A failure in words that survive the way from one process to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub class: Class,
    /// What failed, on what.
    pub message: String,
    /// Why.
    pub cause: Option<String>,
    /// One thing to try.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a deeper cause.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Failure { class, message: message.into(), cause: None, hint: None }
    }

    /// With advice.
    #[must_use]
    pub fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A step of the launcher that the kernel refused.
    pub fn step(what: impl Into<String>, error: impl Into<io::Error>) -> Self {
        let error: io::Error = error.into();
        let (class, hint) = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                (Class::Denied, Some("run as root, or with CAP_SYS_ADMIN and CAP_SYS_PTRACE"))
            }
            Some(libc::ENOSYS) => {
                (Class::Unsupported, Some("`fathom doctor` says what this kernel lacks and what is lost with it"))
            }
            Some(libc::ESRCH) => (Class::NotFound, Some("the target has ended; `--wait` enters its next incarnation")),
            Some(libc::ENOSPC | libc::ENOMEM) => (Class::System, Some("free some memory, or lower --scratch")),
            Some(libc::EMFILE | libc::ENFILE) => (Class::System, Some("raise the limit of open files (ulimit -n)")),
            _ => (Class::System, None),
        };
        let what: String = what.into();
        Failure {
            class,
            message: format!("cannot {what}"),
            cause: Some(error.to_string()),
            hint: hint.map(str::to_owned),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Hint for Failure {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl From<fathom_host::Error> for Failure {
    fn from(error: fathom_host::Error) -> Self {
        use fathom_host::Error;
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

/// Names the step that an `io::Result` belongs to.
pub(crate) trait Step<T> {
    /// `cannot {what}` on failure.
    fn step(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::step(what, error))
    }
}
