//! Reading files that somebody else wrote, some of them users whom we do not trust: never blocks, never reads much.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

use crate::{Listing, Missing};

/// No engine writes a record that is longer.
const LONGEST: u64 = 8 * 1024 * 1024;

/// A folder of an engine; one that does not exist holds nothing and is not missed.
pub(super) struct Folder {
    path: PathBuf,
    names: Vec<String>,
}

impl Folder {
    pub(super) fn open(path: PathBuf, listing: &mut Listing) -> Folder {
        let mut names = Vec::new();
        match std::fs::read_dir(&path) {
            Ok(entries) => {
                names.extend(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()))
            }
            Err(error) if is_absence(&error) => {}
            Err(source) => listing.miss(Missing::Unreadable { path: path.clone(), source }),
        }
        names.sort_unstable();
        Folder { path, names }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The names in it, sorted, so that a listing is the same every time.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.names.clone().into_iter()
    }

    /// A file in it; `None` when it is not there or, which is said, cannot be read.
    pub(super) fn read(&self, name: impl AsRef<Path>, listing: &mut Listing) -> Option<Vec<u8>> {
        read(&self.path.join(name), LONGEST, listing)
    }

    /// The first `length` bytes of a file in it.
    pub(super) fn read_head(&self, name: impl AsRef<Path>, length: u64, listing: &mut Listing) -> Option<Vec<u8>> {
        read(&self.path.join(name), length, listing)
    }
}

/// Reads at most `length` bytes of a regular file.
pub(super) fn read(path: &Path, length: u64, listing: &mut Listing) -> Option<Vec<u8>> {
    match try_read(path, length) {
        Ok(Content::Bytes(bytes)) => Some(bytes),
        Ok(Content::Bloated(size)) => {
            listing.miss(Missing::Bloated { path: path.to_owned(), size });
            None
        }
        Err(error) if is_absence(&error) => None,
        Err(source) => {
            listing.miss(Missing::Unreadable { path: path.to_owned(), source });
            None
        }
    }
}

enum Content {
    Bytes(Vec<u8>),
    Bloated(u64),
}

fn try_read(path: &Path, length: u64) -> io::Result<Content> {
    // A pipe put in a file's place would make us wait for ever.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let about = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
    }
    let size = u64::try_from(about.st_size).unwrap_or(0);
    if size > LONGEST {
        return Ok(Content::Bloated(size));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(length)).unwrap_or(0) + 1);
    File::from(file).take(length).read_to_end(&mut bytes)?;
    Ok(Content::Bytes(bytes))
}

/// Containers come and go while we read; what is gone is not missing.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
