//! How much a foreign image may cost before it is refused. The caller sets [`Limits`]; layers draw on one [`Budget`]
//! for the whole image, so that a thousand small layers are no way around.

use std::io::{self, Read};

use crate::error::Error;

/// Upper bounds for one import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together, holes counted.
    pub bytes: u64,
    /// Entries of all layers together.
    pub entries: u64,
    /// Bytes of all names and attributes together: what an import holds in memory grows with it.
    pub names: u64,
    /// Bytes of one path.
    pub path: usize,
    /// Folders above one entry, after links have been followed.
    pub depth: usize,
    /// Decompressed bytes per compressed byte, once [`Limits::GRACE`] bytes have come out.
    pub ratio: u64,
    /// Layers of one image.
    pub layers: usize,
    /// Bytes of one manifest, index or config.
    pub document: u64,
}

impl Limits {
    /// A stream this short is never refused for its ratio: small files of zeros are common.
    pub const GRACE: u64 = 128 << 20;

    /// For trees of our own, which have been through an import's limits already.
    pub(crate) fn none() -> Limits {
        Limits {
            bytes: u64::MAX,
            entries: u64::MAX,
            names: u64::MAX,
            path: usize::MAX,
            depth: Limits::default().depth + 1,
            ratio: u64::MAX,
            layers: usize::MAX,
            document: u64::MAX,
        }
    }
}

impl Default for Limits {
    /// Room for every image met in practice, with a machine still standing when one is hostile.
    fn default() -> Self {
        Limits {
            bytes: 64 << 30,
            entries: 2_000_000,
            names: 512 << 20,
            path: 4096,
            depth: 256,
            ratio: 250,
            layers: 512,
            document: 4 << 20,
        }
    }
}

/// What is left of the limits while an image is read.
#[derive(Debug)]
pub struct Budget {
    /// What was allowed at the start.
    pub limits: Limits,
    bytes: u64,
    entries: u64,
    names: u64,
}

impl Budget {
    /// Nothing spent yet.
    pub fn new(limits: Limits) -> Self {
        Budget { limits, bytes: 0, entries: 0, names: 0 }
    }

    /// Bytes of files so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Accounts for one entry whose names and attributes take `names` bytes and whose file has `bytes`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] once a limit is passed.
    pub fn spend(&mut self, names: u64, bytes: u64) -> Result<(), Error> {
        self.entries = self.entries.saturating_add(1);
        self.names = self.names.saturating_add(names);
        self.bytes = self.bytes.saturating_add(bytes);
        within("entries", self.entries, self.limits.entries)?;
        within("bytes of names", self.names, self.limits.names)?;
        within("bytes", self.bytes, self.limits.bytes)
    }
}

fn within(of: &'static str, used: u64, limit: u64) -> Result<(), Error> {
    if used > limit { Err(Error::TooLarge { of, limit }) } else { Ok(()) }
}

/// A decoder's output, refused once it is more than `ratio` times what went in, or more than `bytes`.
pub(crate) struct Bounded<R, F> {
    decoder: R,
    /// How many bytes the decoder has been given.
    fed: F,
    out: u64,
    ratio: u64,
    bytes: u64,
}

impl<R: Read, F: Fn(&R) -> u64> Bounded<R, F> {
    pub(crate) fn new(decoder: R, fed: F, limits: &Limits) -> Self {
        // Headers and padding of entries come on top of the files' own bytes.
        let overhead = limits.entries.saturating_mul(2048).saturating_add(limits.names.saturating_mul(4));
        Bounded { decoder, fed, out: 0, ratio: limits.ratio, bytes: limits.bytes.saturating_add(overhead) }
    }
}

impl<R, F> Bounded<R, F> {
    pub(crate) fn into_inner(self) -> R {
        self.decoder
    }
}

impl<R: Read, F: Fn(&R) -> u64> Read for Bounded<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        self.out += count as u64;
        within("bytes", self.out, self.bytes).map_err(io::Error::other)?;
        let fair = (self.fed)(&self.decoder).saturating_mul(self.ratio).max(Limits::GRACE);
        if self.out > fair {
            let error = Error::TooLarge { of: "bytes out of each compressed byte", limit: self.ratio };
            return Err(io::Error::other(error));
        }
        Ok(count)
    }
}
