//! What can go wrong between a file somebody was given and a tree that can be mounted. Raised by every module of this
//! crate; printed by `cli`.

use std::io;
use std::path::{Path, PathBuf};

use fathom_model::Hint;
use rustix::io::Errno;

use crate::digest::Digest;

/// A failure, named after what it means to whoever asked for the toolkit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine refused an operation on a file.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was tried: `read`, `unpack to`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The file system that holds the store has no room (or the quota is used up). What was half made is removed.
    #[error("no space is left to {doing} `{}`", path.display())]
    DiskFull {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Neither an archive, nor a layout, nor a folder, nor an image's name.
    #[error("`{name}` is not an image: {why}")]
    NotAnImage {
        /// As it was given.
        name: String,
        /// What was looked for and not found.
        why: String,
    },
    /// Bytes that break their own format: cut off, wrong checksum, impossible numbers.
    #[error("{what} is damaged: {why}")]
    Malformed {
        /// `the manifest`, `layer 2`.
        what: String,
        /// What was found.
        why: String,
    },
    /// The bytes are not those that the manifest promised.
    #[error("{what} does not match its digest: expected {expected}, found {found}")]
    WrongDigest {
        /// `the config`, `layer 2`.
        what: String,
        /// What was promised.
        expected: Digest,
        /// What the bytes hash to.
        found: Digest,
    },
    /// An entry that would reach out of the tree, or cannot be what it claims.
    #[error("the image is refused: its entry `{entry}` {why}")]
    Refused {
        /// The entry's name, made printable.
        entry: String,
        /// `leads out of the image`.
        why: &'static str,
    },
    /// More than the caller allows: bytes, entries, depth, compression ratio.
    #[error("the image is larger than allowed: more than {limit} {of}")]
    TooLarge {
        /// The unit, in the plural.
        of: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// Nothing in it runs here.
    #[error("the image is for {}, this machine is {wanted}", found.join(", "))]
    Architecture {
        /// What the image offers.
        found: Vec<String>,
        /// What runs here.
        wanted: String,
    },
    /// One is needed and several fit.
    #[error("`{name}` could be any of: {}", found.join(", "))]
    Several {
        /// As it was given.
        name: String,
        /// The candidates.
        found: Vec<String>,
    },
    /// A session runs on the tree.
    #[error("the image `{name}` is in use by a session")]
    InUse {
        /// The entry's name.
        name: String,
    },
    /// The registry could not be reached, refused, or does not have the image.
    #[error("cannot pull `{image}`: {why}")]
    Pull {
        /// The image's full name.
        image: String,
        /// The registry's words.
        why: String,
        /// What to do about it, where that is known.
        remedy: Option<&'static str>,
    },
    /// The full toolkit could not be put together.
    #[error("cannot build the full toolkit: {why}")]
    Build {
        /// The step and what it said.
        why: String,
    },
}

impl Error {
    /// Wraps a failed operation on `path`, telling a full disk from everything else.
    pub(crate) fn io(doing: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Error {
        let (path, source) = (path.as_ref().to_owned(), source.into());
        let full = [Errno::NOSPC, Errno::DQUOT].iter().any(|e| source.raw_os_error() == Some(e.raw_os_error()));
        if full { Error::DiskFull { doing, path, source } } else { Error::Io { doing, path, source } }
    }

    pub(crate) fn malformed(what: impl Into<String>, why: impl ToString) -> Error {
        Error::Malformed { what: what.into(), why: why.to_string() }
    }

    pub(crate) fn refused(entry: &[u8], why: &'static str) -> Error {
        Error::Refused { entry: printable(entry), why }
    }

    /// What a failed read of foreign bytes means: one of our own errors carried through a decoder, or damage.
    pub(crate) fn reading(what: &str, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::malformed(what, "it ends too early"),
            _ => match error.downcast::<Error>() {
                Ok(own) => own,
                Err(error) => Error::malformed(what, error),
            },
        }
    }
}

/// A name from an archive as it can be shown on a terminal: control characters and broken UTF-8 escaped, and not longer
/// than a line.
pub(crate) fn printable(name: &[u8]) -> String {
    const LONGEST: usize = 200;
    let mut shown: String = name.utf8_chunks().take(LONGEST).fold(String::new(), |mut shown, chunk| {
        shown.extend(chunk.valid().chars().flat_map(char::escape_debug));
        shown.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        shown
    });
    if let Some((cut, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(cut);
        shown.push('…');
    }
    shown
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        let advice = match self {
            Error::DiskFull { path, .. } => {
                return Some(format!("free some space below `{}`, or choose another store", path.display()));
            }
            Error::NotAnImage { .. } => {
                "give an OCI archive, an OCI layout, a `docker save` file, a folder, or an image name"
            }
            Error::Malformed { .. } | Error::WrongDigest { .. } => "fetch or save the image again; the file is damaged",
            Error::Refused { .. } => "do not use this image: no honest builder makes such an entry",
            Error::TooLarge { .. } => "raise the limit if you trust the image",
            Error::Architecture { .. } => "get the image for this machine's architecture",
            Error::Several { .. } => "name one of them in full",
            Error::InUse { .. } => "end the session first; `fathom sessions` lists them",
            Error::Pull { remedy, .. } => return remedy.map(str::to_owned),
            Error::Build { .. } => "check the package sources with `apt-get update`, and that mmdebstrap is installed",
            Error::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run as root, or choose a store that you may write to"
            }
            Error::Io { .. } => return None,
        };
        Some(advice.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_archives_cannot_write_to_the_terminal() {
        assert_eq!(printable(b"a\x1b[2J\n\xff b"), "a\\u{1b}[2J\\n\\xff b");
        assert!(printable(&[b'x'; 9000]).chars().count() <= 201);
        assert!(printable(&[0xff; 9000]).chars().count() <= 201);
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        assert!(matches!(Error::io("write", "/x", Errno::NOSPC), Error::DiskFull { .. }));
        assert!(matches!(Error::io("write", "/x", Errno::DQUOT), Error::DiskFull { .. }));
        assert!(matches!(Error::io("write", "/x", Errno::ACCESS), Error::Io { .. }));
    }
}
