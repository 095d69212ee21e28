//! The tar format, read and written: ustar, GNU (long names, base-256 numbers, sparse) and pax, as in POSIX.1-2008
//! `pax` and the GNU tar manual's "Basic Tar Format" and "Storing Sparse Files".
//!
//! Of our own, because an image is hostile input: every extension is read within a bound and nothing is believed
//! before it is checked. What comes out are [`Entry`] values and their bytes; nothing here touches a file system.

mod extension;
mod header;
mod reader;
mod writer;

pub use reader::{Advance, Reader, Seeking, Streaming};
pub use writer::Writer;

/// Header and data come in blocks of this many bytes.
const BLOCK: u64 = 512;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// Another name of an earlier file.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character or block device.
    Device,
    /// A folder.
    Folder,
    /// A named pipe.
    Fifo,
    /// Something no image should hold: a volume label, a dump's folder list.
    Other(u8),
}

/// Names and values of extended attributes.
pub type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// One entry's header, extensions applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as written; may be absolute, may hold `..`, need not be UTF-8.
    pub path: Vec<u8>,
    /// Where a link leads.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-id and sticky, nothing else.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds and nanoseconds since 1970.
    pub mtime: (i64, u32),
    /// Bytes of the file when unpacked, holes included.
    pub size: u64,
    /// Extended attributes (`SCHILY.xattr.*`).
    pub xattrs: Attributes,
    /// Where the data lies in the file, ascending; one extent that covers all unless the file is sparse.
    pub extents: Vec<Extent>,
}

/// A run of bytes of a sparse file that is not a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it starts in the file.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
}

impl Entry {
    /// Bytes held in memory for the entry's names and attributes.
    pub fn names(&self) -> u64 {
        let attributes: usize = self.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        (self.path.len() + self.link.len() + attributes) as u64
    }
}

/// Why bytes are no tar.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream failed, or ended within an entry.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A header that breaks the format.
    #[error("{0}")]
    Malformed(&'static str),
}
