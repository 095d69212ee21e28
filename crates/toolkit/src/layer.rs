//! One layer of an image, as changes to a tree: a tar stream whose `.wh.` names take things away (OCI image spec,
//! "Image Layer Filesystem Changeset"). Names are checked here; the [`Sink`] does what is asked, on a disk or, in tests
//! and fuzzing, in memory.

use std::io::Read;

use crate::error::Error;
use crate::inside::Inside;
use crate::limits::Budget;
use crate::tar::{self, Entry, Extent, Kind};

/// Takes the changes of a layer in the order of its entries.
pub trait Sink {
    /// A folder is there and looks like this; what it holds stays.
    ///
    /// # Errors
    /// Whatever stops the import; the same for all methods.
    fn folder(&mut self, path: &Inside, meta: &Meta) -> Result<(), Error>;
    /// A file is there, in place of whatever was.
    ///
    /// # Errors
    /// As [`Sink::folder`].
    fn file(&mut self, path: &Inside, meta: &Meta, content: Content<'_>) -> Result<(), Error>;
    /// A symbolic link is there; `to` is any bytes and must not be followed.
    ///
    /// # Errors
    /// As [`Sink::folder`].
    fn symlink(&mut self, path: &Inside, to: &[u8], meta: &Meta) -> Result<(), Error>;
    /// `path` is another name of the file at `to`.
    ///
    /// # Errors
    /// As [`Sink::folder`].
    fn hard_link(&mut self, path: &Inside, to: &Inside) -> Result<(), Error>;
    /// Something is there that is not made, but hides what was.
    ///
    /// # Errors
    /// As [`Sink::folder`].
    fn omitted(&mut self, path: &Inside, kind: Kind) -> Result<(), Error>;
    /// What lower layers had at `path` is gone; what this layer put there stays, whichever came first.
    ///
    /// # Errors
    /// As [`Sink::folder`].
    fn whiteout(&mut self, path: &Inside) -> Result<(), Error>;
    /// As [`Sink::whiteout`], for all that the folder at `path` holds.
    ///
    /// # Errors
    /// As [`Sink::folder`].
    fn opaque(&mut self, path: &Inside) -> Result<(), Error>;
}

/// What an entry says about itself besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Permission, set-id and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds and nanoseconds since 1970.
    pub mtime: (i64, u32),
    /// Extended attributes.
    pub xattrs: tar::Attributes,
}

/// A file's bytes: `data` holds the extents one after the other, the rest up to `size` are holes.
pub struct Content<'a> {
    /// Bytes of the whole file.
    pub size: u64,
    /// Where `data` goes.
    pub extents: &'a [Extent],
    /// The bytes that are not holes.
    pub data: &'a mut dyn Read,
}

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// AUFS's own books (`.wh..wh.plnk`, `.wh..wh.aufs`), found in very old images.
const AUFS: &[u8] = b".wh..wh.";

/// Hands each change of the layer in `stream` to `sink`, in order, drawing on `budget`.
///
/// # Errors
/// When the stream breaks the format, an entry is hostile, the budget is spent, or the sink fails. The sink has then
/// seen the entries before.
pub fn apply(stream: impl Read, sink: &mut dyn Sink, budget: &mut Budget) -> Result<(), Error> {
    let mut reader = tar::Reader::new(tar::Streaming(stream));
    while let Some(entry) = reader.next_entry().map_err(damaged)? {
        budget.spend(entry.names(), entry.size)?;
        let path = Inside::parse(&entry.path, &budget.limits)?;
        match path.split().filter(|(_, name)| name.starts_with(WHITEOUT)) {
            Some((folder, name)) => take_away(sink, &folder, name)?,
            None => put(sink, &path, entry, &mut reader.data(), budget)?,
        }
    }
    Ok(())
}

/// A name that starts with `.wh.` says what is gone.
fn take_away(sink: &mut dyn Sink, folder: &Inside, name: &[u8]) -> Result<(), Error> {
    if name == OPAQUE {
        return sink.opaque(folder);
    }
    if name.starts_with(AUFS) {
        return Ok(());
    }
    match &name[WHITEOUT.len()..] {
        b"" | b"." | b".." => Err(Error::refused(name, "hides nothing that can be named")),
        hidden => sink.whiteout(&folder.join(hidden)),
    }
}

fn put(sink: &mut dyn Sink, path: &Inside, entry: Entry, data: &mut dyn Read, budget: &Budget) -> Result<(), Error> {
    let meta = Meta { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime: entry.mtime, xattrs: entry.xattrs };
    if path.depth() == 0 && entry.kind != Kind::Folder {
        return Err(Error::refused(&entry.path, "would replace the image's root"));
    }
    match entry.kind {
        Kind::Folder => sink.folder(path, &meta),
        Kind::File => sink.file(path, &meta, Content { size: entry.size, extents: &entry.extents, data }),
        Kind::Symlink if entry.link.is_empty() => Err(Error::refused(&entry.path, "is a link to nowhere")),
        Kind::Symlink if entry.link.len() > budget.limits.path || entry.link.contains(&0) => {
            Err(Error::refused(&entry.path, "is a link that cannot be made"))
        }
        Kind::Symlink => sink.symlink(path, &entry.link, &meta),
        Kind::HardLink => {
            let to = Inside::parse(&entry.link, &budget.limits)?;
            if to.depth() == 0 {
                return Err(Error::refused(&entry.path, "is a hard link to a folder"));
            }
            sink.hard_link(path, &to)
        }
        kind @ (Kind::Device | Kind::Fifo | Kind::Other(_)) => sink.omitted(path, kind),
    }
}

fn damaged(error: tar::Error) -> Error {
    match error {
        tar::Error::Io(error) => Error::reading("a layer", error),
        tar::Error::Malformed(why) => Error::malformed("a layer", why),
    }
}
