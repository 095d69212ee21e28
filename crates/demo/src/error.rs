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
            Error::Step { what, source } => hint_at_step(what, source.raw_os_error()?)?,
            Error::NotOurs(_) => "set XDG_RUNTIME_DIR to a folder of your own",
            Error::Late(_) => "`fathom demo down`, then try again on a machine that is less busy",
            Error::Stuck(_) => "see what it waits for in /proc/PID/stack, then `fathom demo down` again",
            Error::Cgroup(source) => return source.hint(),
            Error::Lost { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

fn hint_at_step(what: &str, errno: i32) -> Option<&'static str> {
    match errno {
        libc::EPERM | libc::EACCES if what.starts_with("run ") => {
            Some("make the program readable and executable for everybody, on a file system that is not noexec")
        }
        libc::EPERM | libc::EACCES | libc::EROFS if what.contains("folder") => {
            Some("set XDG_RUNTIME_DIR to a folder that can be written to")
        }
        libc::EPERM | libc::EACCES => Some("run as root; other users need user namespaces, which this machine forbids"),
        libc::ENOSPC | libc::EUSERS if what.contains("namespace") => {
            Some("run as root, or raise user.max_user_namespaces and its like with sysctl")
        }
        libc::ENOSPC => Some("free some space on the disk that holds /run, or set XDG_RUNTIME_DIR"),
        libc::ENOSYS => Some("use Linux 5.3 or later"),
        libc::ENOENT if what.starts_with("open the program") => {
            Some("the program was moved or replaced since the shop opened: `fathom demo down`, then up again")
        }
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(what: &str, errno: i32, hint: &str) {
        let refused: Result<(), _> = Err(io::Error::from_raw_os_error(errno)).step(what);
        // As after its way from the keeper to the one who asked.
        let error = Error::from(Refusal::from(refused.unwrap_err()));
        assert_eq!(error.to_string(), format!("cannot {what}"));
        assert!(error.hint().is_some_and(|text| text.contains(hint)), "{:?}", error.hint());
    }

    #[test]
    fn each_refusal_has_its_own_remedy() {
        check("run /web", libc::EACCES, "executable for everybody");
        check("make a user namespace", libc::EPERM, "run as root");
        check("make a user namespace", libc::ENOSPC, "max_user_namespaces");
        check("make the folder /run/fathom", libc::EACCES, "XDG_RUNTIME_DIR");
        check("write the state", libc::ENOSPC, "free some space");
        check("open a handle of the keeper", libc::ENOSYS, "Linux 5.3");
    }
}
