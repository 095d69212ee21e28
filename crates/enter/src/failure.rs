//! What the kernel refuses, as a [`Failure`]: carried over the control socket, printed by `cli`.

use std::io;

use fathom_model::{Class, Failure};

/// A step that the kernel refused.
pub fn refused(what: impl Into<String>, error: impl Into<io::Error>) -> Failure {
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
    Failure { class, message: format!("cannot {what}"), cause: Some(error.to_string()), hint: hint.map(str::to_owned) }
}

/// Names the step that an `io::Result` belongs to.
pub trait Step<T> {
    /// `cannot {what}` on failure.
    fn step(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| refused(what, error))
    }
}
