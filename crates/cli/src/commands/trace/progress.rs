//! How far a recording is read, in per cent on stderr, for those who wait for a big one.

use std::io::{self, Read};

use crate::printer;

/// A recording that tells how much of it was read.
pub(super) struct Progress<R> {
    source: R,
    size: u64,
    read: u64,
    told: Option<u64>,
}

impl<R> Progress<R> {
    /// Of `size` bytes.
    pub(super) fn new(source: R, size: u64) -> Self {
        Progress { source, size, read: 0, told: None }
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(into)?;
        self.read = self.read.saturating_add(length as u64);
        // A file that grows meanwhile has no more than all.
        let percent = (self.read.min(self.size) * 100).checked_div(self.size).unwrap_or(100);
        if self.told != Some(percent) {
            self.told = Some(percent);
            printer::progress(percent);
        }
        Ok(length)
    }
}
