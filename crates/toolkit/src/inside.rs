//! A path inside an image: relative, without `.`, `..`, empty parts or NUL. Made from names in archives; the only kind
//! of path that [`crate::layer`] hands to a sink.

use std::fmt;

use crate::error::{Error, printable};
use crate::limits::Limits;

/// Parts joined by `/`; empty for the root itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Inside(Vec<u8>);

impl Inside {
    /// Reads a name from an archive. An absolute one is taken from the image's root; `..` is refused, since no honest
    /// archive needs it.
    ///
    /// # Errors
    /// [`Error::Refused`] for a name that leads out or cannot be a name, [`Error::TooLarge`] for one that is too long.
    pub fn parse(name: &[u8], limits: &Limits) -> Result<Inside, Error> {
        if name.len() > limits.path {
            return Err(Error::TooLarge { of: "bytes of one path", limit: limits.path as u64 });
        }
        if name.contains(&0) {
            return Err(Error::refused(name, "has a NUL in its name"));
        }
        let mut inside = Inside::default();
        for part in parts(name) {
            if part == b".." {
                return Err(Error::refused(name, "leads out of its folder"));
            }
            if part.len() > 255 {
                return Err(Error::refused(name, "has a name longer than 255 bytes"));
            }
            inside.push(part);
        }
        if inside.depth() > limits.depth {
            return Err(Error::TooLarge { of: "nested folders", limit: limits.depth as u64 });
        }
        Ok(inside)
    }

    /// The bytes, for a key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The parts, from the root on.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        parts(&self.0)
    }

    /// How many parts there are.
    pub fn depth(&self) -> usize {
        self.parts().count()
    }

    /// The folder that holds it, and its name in there; `None` for the root.
    pub fn split(&self) -> Option<(Inside, &[u8])> {
        if self.0.is_empty() {
            return None;
        }
        let slash = self.0.iter().rposition(|&byte| byte == b'/');
        Some(match slash {
            Some(at) => (Inside(self.0[..at].to_vec()), &self.0[at + 1..]),
            None => (Inside::default(), &self.0),
        })
    }

    /// The entry `name` of this folder.
    pub(crate) fn join(&self, name: &[u8]) -> Inside {
        let mut joined = self.clone();
        joined.push(name);
        joined
    }

    pub(crate) fn push(&mut self, part: &[u8]) {
        if !self.0.is_empty() {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(part);
    }

    /// Goes to the folder above; stays at the root.
    pub(crate) fn pop(&mut self) {
        let slash = self.0.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        self.0.truncate(slash);
    }
}

/// The parts of a path that mean something. `..` is kept: links may hold it.
pub(crate) fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", printable(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &[u8], expect: Option<&[u8]>) {
        let inside = Inside::parse(name, &Limits::default()).ok();
        assert_eq!(inside.as_ref().map(Inside::as_bytes), expect, "{}", name.escape_ascii());
    }

    #[test]
    fn absolute_becomes_relative_and_upwards_is_refused() {
        check(b"./usr//bin/", Some(b"usr/bin"));
        check(b"/etc/passwd", Some(b"etc/passwd"));
        check(b"///", Some(b""));
        check(b".", Some(b""));
        check(b"a\nb/\xff c", Some(b"a\nb/\xff c"));
        check(b"..", None);
        check(b"a/../b", None);
        check(b"/..", None);
        check(b"a\0b", None);
        check(b"...", Some(b"..."));
        check(&[b'a'; 256], None);
        check(&[b'/'; 5000], None);
    }

    #[test]
    fn nesting_is_bounded() {
        check(&b"a/".repeat(256), Some(&b"a/".repeat(256)[..511]));
        check(&b"a/".repeat(257), None);
    }

    #[test]
    fn splits_and_climbs() {
        let mut path = Inside::parse(b"a/b", &Limits::default()).unwrap();
        assert_eq!(path.split().map(|(folder, name)| (folder.0, name.to_vec())), Some((b"a".to_vec(), b"b".to_vec())));
        path.pop();
        path.pop();
        path.pop();
        assert_eq!(path.split(), None);
    }
}
