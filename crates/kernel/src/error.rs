//! What can go wrong between us and the kernel, and what to try then.

use std::io;

use fathom_model::{Class, Failure, Hint};

/// Why nothing can be traced, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This kernel cannot, or we may not.
    #[error("cannot trace with BPF on this machine")]
    Unsupported(#[source] crate::support::Lack),
    /// The kernel refused a program.
    #[error("cannot load the program `{program}`")]
    Load {
        /// Which one.
        program: &'static str,
        /// Why.
        source: Box<aya::programs::ProgramError>,
    },
    /// The object could not be fitted to this kernel.
    #[error("cannot fit the tracing programs to this kernel")]
    Fit(#[source] Box<aya::EbpfError>),
    /// A map could not be made, written or mapped.
    #[error("cannot {what}")]
    Map {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Unsupported(lack) => lack.hint(),
            Error::Load { .. } | Error::Fit(_) => {
                Some("a command that is started here can be traced without BPF: `fathom trace -- CMD`".to_owned())
            }
            Error::Map { source, .. } if source.raw_os_error() == Some(libc::ENOMEM) => {
                Some("ask for smaller rings".to_owned())
            }
            Error::Map { .. } => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let class = match &error {
            Error::Unsupported(lack) => lack.class(),
            Error::Load { .. } | Error::Fit(_) => Class::Unsupported,
            Error::Map { .. } => Class::System,
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Failure { class, message: error.to_string(), cause, hint: error.hint() }
    }
}
