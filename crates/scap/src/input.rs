//! Where a capture's bytes come from: memory, from which everything is borrowed, or a stream, of which as much is held
//! as was asked for.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

/// How much is asked of a stream at once.
const STEP: usize = 256 * 1024;

/// The bytes, and how far they were read.
pub(crate) enum Input<'a> {
    /// All of them are there.
    Memory { bytes: &'a [u8], at: usize },
    /// They come one after the other.
    Stream { source: Box<dyn Read + Send + 'a>, buffer: Vec<u8>, start: usize, end: usize, at: u64, rest: Rest },
}

/// What is left of a stream behind the buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    More,
    Nothing,
    /// Nothing, but it was packed and said that there is more.
    Missing,
}

impl<'a> Input<'a> {
    pub(crate) fn memory(bytes: &'a [u8]) -> Self {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Input::packed(bytes);
        }
        Input::Memory { bytes, at: 0 }
    }

    /// A stream that may be packed by gzip.
    pub(crate) fn stream(mut source: impl Read + Send + 'a) -> io::Result<Self> {
        let mut head = Vec::new();
        source.by_ref().take(2).read_to_end(&mut head)?;
        let packed = head == [0x1f, 0x8b];
        let whole = io::Cursor::new(head).chain(source);
        Ok(if packed { Input::packed(whole) } else { Input::plain(whole) })
    }

    fn packed(source: impl Read + Send + 'a) -> Self {
        Input::plain(MultiGzDecoder::new(source))
    }

    fn plain(source: impl Read + Send + 'a) -> Self {
        Input::Stream { source: Box::new(source), buffer: Vec::new(), start: 0, end: 0, at: 0, rest: Rest::More }
    }

    /// How many bytes were read so far.
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Input::Memory { at, .. } => *at as u64,
            Input::Stream { at, .. } => *at,
        }
    }

    /// At least `count` bytes if so many are left, else all that are.
    #[inline]
    pub(crate) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        match self {
            Input::Memory { bytes, at } => Ok(&bytes[*at..]),
            Input::Stream { source, buffer, start, end, rest, .. } => {
                if *end - *start < count && *rest == Rest::More {
                    buffer.copy_within(*start..*end, 0);
                    (*end, *start) = (*end - *start, 0);
                    while *end < count && *rest == Rest::More {
                        // Grows by what came, never by what a length claims.
                        if buffer.len() < *end + STEP {
                            buffer.resize(*end + STEP, 0);
                        }
                        match source.read(&mut buffer[*end..]) {
                            Ok(0) => *rest = Rest::Nothing,
                            Ok(read) => *end += read,
                            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                            // A packed stream that was cut off ends there, like a plain one.
                            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => *rest = Rest::Missing,
                            Err(error) => return Err(error),
                        }
                    }
                }
                Ok(&buffer[*start..*end])
            }
        }
    }

    /// Whether there should be more than there is; says so once.
    pub(crate) fn is_cut(&mut self) -> bool {
        match self {
            Input::Stream { rest, .. } if *rest == Rest::Missing => {
                *rest = Rest::Nothing;
                true
            }
            _ => false,
        }
    }

    /// Passes over `count` bytes that were peeked at.
    #[inline]
    pub(crate) fn skip(&mut self, count: usize) {
        match self {
            Input::Memory { bytes, at } => *at = (*at + count).min(bytes.len()),
            Input::Stream { start, end, at, .. } => {
                let count = count.min(*end - *start);
                *start += count;
                *at += count as u64;
            }
        }
    }

    /// `count` bytes that were peeked at and skipped just now.
    #[inline]
    pub(crate) fn last(&self, count: usize) -> &[u8] {
        match self {
            Input::Memory { bytes, at } => &bytes[*at - count..*at],
            Input::Stream { buffer, start, .. } => &buffer[*start - count..*start],
        }
    }
}
