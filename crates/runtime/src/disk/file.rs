//! Reading files that somebody else wrote, some of them users whom we do not trust: never blocks, never reads much.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags};

use crate::{Listing, Missing};

/// No engine writes a record that is longer.
const LONGEST: u64 = 8 * 1024 * 1024;

/// A folder of an engine; one that does not exist holds nothing and is not missed.
pub(super) struct Folder {
    path: PathBuf,
    names: Vec<String>,
    handle: Option<OwnedFd>,
}

/// The start of a file, or all of it.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// When it was last written to, in seconds since 1970.
    pub(super) written: u64,
}

impl Folder {
    pub(super) fn open(path: PathBuf, listing: &mut Listing) -> Folder {
        match open_folder(&path) {
            Ok((handle, names)) => Folder { path, names, handle: Some(handle) },
            Err(error) => {
                let source = io::Error::from(error);
                if !is_absence(&source) {
                    listing.miss(Missing::Unreadable { path: path.clone(), source });
                }
                Folder { path, names: Vec::new(), handle: None }
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The names in it, sorted, so that a listing is the same every time.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// A file in it; `None` when it is not there or, which is said, cannot be read.
    pub(super) fn read(&self, name: &str, listing: &mut Listing) -> Option<Content> {
        self.read_head(name, usize::MAX, listing)
    }

    /// The first `length` bytes of a file in it.
    pub(super) fn read_head(&self, name: &str, length: usize, listing: &mut Listing) -> Option<Content> {
        let content = try_read(self.handle.as_ref()?.as_fd(), Path::new(name), length);
        keep(content, || self.path.join(name), listing)
    }
}

/// Reads a file that stands for itself.
pub(super) fn read(path: &Path, listing: &mut Listing) -> Option<Vec<u8>> {
    read_dated(path, listing).map(|content| content.bytes)
}

/// The same with its date.
pub(super) fn read_dated(path: &Path, listing: &mut Listing) -> Option<Content> {
    keep(try_read(CWD, path, usize::MAX), || path.to_owned(), listing)
}

fn keep(
    content: io::Result<Result<Content, u64>>,
    path: impl Fn() -> PathBuf,
    listing: &mut Listing,
) -> Option<Content> {
    match content {
        Ok(Ok(content)) => return Some(content),
        Ok(Err(size)) => listing.miss(Missing::Bloated { path: path(), size }),
        Err(error) if is_absence(&error) => {}
        Err(source) => listing.miss(Missing::Unreadable { path: path(), source }),
    }
    None
}

fn open_folder(path: &Path) -> rustix::io::Result<(OwnedFd, Vec<String>)> {
    let handle = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&handle)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok((handle, names))
}

/// Reads at most `length` bytes of a regular file; the inner error is the size of one that is too long.
fn try_read(folder: BorrowedFd<'_>, name: &Path, length: usize) -> io::Result<Result<Content, u64>> {
    // A pipe put in a file's place would make us wait for ever.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    let about = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
    }
    let size = u64::try_from(about.st_size).unwrap_or(0);
    if size > LONGEST {
        return Ok(Err(size));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0).min(length)];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::io::read(&file, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(filled);
    Ok(Ok(Content { bytes, written: u64::try_from(about.st_mtime).unwrap_or(0) }))
}

/// Containers come and go while we read; what is gone is not missing.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
