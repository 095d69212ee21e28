//! Why the shop cannot be opened or closed, and what to try then.

use std::io;
use std::path::PathBuf;

use fathom_model::Hint;
use serde::{Deserialize, Serialize};

/// What went wrong with the demo.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A step that the kernel refused.
    #[error("cannot {what}")]
    Step {
        /// Verb and object.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The folder for the demo's state belongs to somebody else.
    #[error("the demo's folder `{}` belongs to another user", .0.display())]
    NotOurs(PathBuf),
    /// The keeper ended before the shop was open.
    #[error("the demo's keeper ended before the shop was open")]
    Lost {
        /// Its last words.
        source: Words,
    },
    /// The keeper or web takes too long.
    #[error("the demo's web does not answer within {0} seconds")]
    Late(u64),
    /// Somebody does not die.
    #[error("process {0} of the demo does not end")]
    Stuck(u32),
    /// A cgroup of the demo's cannot be removed.
    #[error("cannot clear the demo's cgroups")]
    Cgroup(#[from] fathom_host::Error),
}

/// What a process said before it ended.
#[derive(Debug, thiserror::Error)]
#[error("it said: {0}")]
pub struct Words(pub String);

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Step { what, source } => match source.raw_os_error()? {
                libc::EPERM | libc::EACCES if what.starts_with("run ") => {
                    "make the program readable and executable for everybody, on a file system that is not noexec"
                }
                libc::EPERM | libc::EACCES => {
                    "run as root; other users need user namespaces, which this machine forbids"
                }
                libc::ENOSPC | libc::EUSERS => "raise user.max_user_namespaces",
                libc::ENOSYS => "the demo needs Linux 5.3",
                libc::EROFS => "set XDG_RUNTIME_DIR to a folder that can be written to",
                _ => return None,
            },
            Error::NotOurs(_) => "set XDG_RUNTIME_DIR to a folder of your own",
            Error::Late(_) => "`fathom demo down`, then try again on a machine that is less busy",
            Error::Stuck(_) => "see what it waits for in /proc/PID/stack, then `fathom demo down` again",
            Error::Cgroup(source) => return source.hint(),
            Error::Lost { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Names the step that an `io::Result` belongs to.
pub(crate) trait Step<T> {
    /// `cannot {what}` on failure.
    fn step(self, what: impl Into<String>) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(|error| Error::Step { what: what.into(), source: error.into() })
    }
}

/// An error on its way from a process that it ended to one that can tell.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    what: String,
    errno: Option<i32>,
    words: String,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Step { what, source } => Refusal { what, errno: source.raw_os_error(), words: source.to_string() },
            other => Refusal { what: "open the shop".to_owned(), errno: None, words: other.to_string() },
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let source = refusal.errno.map_or_else(|| io::Error::other(Words(refusal.words)), io::Error::from_raw_os_error);
        Error::Step { what: refusal.what, source }
    }
}
