//! What a client has not taken yet: frames one after the other, read and written where they lie.

use std::fs::File;
use std::os::fd::OwnedFd;

use fathom_protocol::Frame;
use fathom_protocol::frame::Stream;
use rustix::io::Errno;

/// Bytes that are on their way.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// How many of them the client has taken.
    taken: usize,
}

impl Outgoing {
    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more.
    pub(super) fn push(&mut self, frame: &Frame) {
        self.make_room();
        frame.append(&mut self.bytes);
    }

    /// At most `most` bytes of a stream, read from `file`. Nothing is its end.
    pub(super) fn forward(&mut self, file: &File, stream: Stream, most: usize) -> Result<usize, Errno> {
        self.make_room();
        stream.append(most, &mut self.bytes, |to| rustix::io::read(file, to))
    }

    /// Writes as much as goes.
    pub(super) fn write(&mut self, to: &OwnedFd) -> Result<(), Errno> {
        self.taken += rustix::io::write(to, &self.bytes[self.taken..])?;
        Ok(())
    }

    /// Drops what is taken when that is most of it, so that what is left is moved once and not each time.
    fn make_room(&mut self) {
        if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }
}
