//! The body of an answer: how long it is (RFC 9112 6.3), and copying it, chunks undone.

use std::io::{self, BufRead, Read, Write};

use super::Head;
use crate::frame::{Trouble, reason};

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Bytes(u64),
    Chunks,
    /// With the connection.
    Connection,
}

impl Length {
    /// The length of the answer to `method`.
    pub(super) fn of(method: &str, head: &Head) -> Result<Self, &'static str> {
        if method == "HEAD" || matches!(head.status, 100..200 | 204 | 304) {
            return Ok(Length::Bytes(0));
        }
        if head.value("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().ends_with("chunked")) {
            return Ok(Length::Chunks);
        }
        match head.value("content-length") {
            Some(text) => text.parse().map(Length::Bytes).map_err(|_| "the length of the answer is no number"),
            None => Ok(Length::Connection),
        }
    }
}

/// Copies the body; one that ends early is a failure.
pub(super) fn copy(length: Length, from: &mut impl BufRead, to: &mut dyn Write) -> Result<(), Trouble> {
    match length {
        Length::Bytes(bytes) => exactly(bytes, from, to),
        Length::Chunks => chunks(from, to),
        Length::Connection => pass(from, to).map(|_| ()),
    }
}

fn exactly(bytes: u64, from: &mut impl BufRead, to: &mut dyn Write) -> Result<(), Trouble> {
    let copied = pass(&mut from.take(bytes), to)?;
    if copied < bytes {
        return Err(Trouble::Failed(format!("the answer ends after {copied} of {bytes} bytes")));
    }
    Ok(())
}

fn chunks(from: &mut impl BufRead, to: &mut dyn Write) -> Result<(), Trouble> {
    loop {
        let line = line(from)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| Trouble::Failed("a chunk has no size".to_owned()))?;
        if size == 0 {
            // Trailer fields, up to the empty line; nobody asked for them.
            while !self::line(from)?.is_empty() {}
            return Ok(());
        }
        exactly(size, from, to)?;
        if !self::line(from)?.is_empty() {
            return Err(Trouble::Failed("a chunk is longer than it says".to_owned()));
        }
    }
}

fn line(from: &mut impl BufRead) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    from.take(16 * 1024).read_until(b'\n', &mut bytes).map_err(Trouble::doing("cannot read the answer"))?;
    if bytes.last() != Some(&b'\n') {
        return Err(Trouble::Failed("the answer ends within a chunk".to_owned()));
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// Copies what there is, showing it as it comes.
fn pass(from: &mut impl BufRead, to: &mut dyn Write) -> Result<u64, Trouble> {
    let mut copied = 0;
    loop {
        let bytes = match from.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            // TLS without a farewell: where the length is known, it is checked against it.
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(cause) => return Err(Trouble::Failed(format!("cannot read the answer: {}", reason(&cause)))),
        };
        to.write_all(bytes)?;
        to.flush()?;
        let length = bytes.len();
        from.consume(length);
        copied += length as u64;
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(length: Length, bytes: &[u8]) -> Result<String, String> {
        let mut copied = Vec::new();
        match copy(length, &mut &bytes[..], &mut copied) {
            Ok(()) => Ok(String::from_utf8(copied).expect("text")),
            Err(Trouble::Failed(text)) => Err(text),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn bodies_end_where_they_say() {
        assert_eq!(check(Length::Bytes(3), b"abcd"), Ok("abc".to_owned()));
        assert_eq!(check(Length::Connection, b"abcd"), Ok("abcd".to_owned()));
        assert_eq!(check(Length::Chunks, b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: v\r\n\r\n"), Ok("abcd".to_owned()));
    }

    #[test]
    fn bodies_that_end_early_are_failures() {
        assert_eq!(check(Length::Bytes(5), b"abcd"), Err("the answer ends after 4 of 5 bytes".to_owned()));
        for bytes in [
            &b"3\r\nab"[..],
            b"3\r\nabc",
            b"3\r\nabc\r\n",
            b"",
            b"x\r\n",
            b"2\r\nabc\r\n0\r\n\r\n",
            b"ffffffffffffffffff\r\n",
        ] {
            assert!(check(Length::Chunks, bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
