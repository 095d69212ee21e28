//! The tree of an image on disk, made by applying layers. Every name is looked up part by part from the tree's own root
//! (see `resolve`), so no link of an image, however nested, can make us touch a file outside.
//!
//! Owners, modes (set-id bits too: sessions mount the tree `nosuid` where they must, and the store is closed to other
//! users) and `security.capability` are kept as root. Without root everything belongs to the caller. Devices, pipes
//! and foreign attributes are left out, and counted in [`Notes`].

mod attributes;
mod removal;
mod resolve;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::inside::Inside;
use crate::layer::{Content, Meta, Sink};
use crate::limits::Limits;
use crate::tar::Kind;

pub use attributes::Owners;
pub(crate) use attributes::kept as attribute_is_kept;
pub(crate) use removal::names;

/// What an import left out or changed, for the report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    /// Device nodes not made.
    pub devices: u64,
    /// Named pipes not made.
    pub fifos: u64,
    /// Entries of unknown kinds not made.
    pub unknown: u64,
    /// Extended attributes not kept.
    pub attributes: u64,
    /// Entries whose owner could not be kept and is the importing user instead.
    pub owners: u64,
    /// Files and folders with a set-id bit, which is kept.
    pub set_id: u64,
}

/// A tree being made.
pub struct Tree {
    path: PathBuf,
    root: Rc<OwnedFd>,
    limits: Limits,
    owners: Owners,
    /// What folders shall look like in the end. Until then they are ours and open to us, so that entries below a
    /// read-only folder can be made without root.
    folders: BTreeMap<Inside, Meta>,
    /// Names that the current layer made, hashed: a whiteout spares them.
    made: HashSet<u128>,
    keys: (RandomState, RandomState),
    /// Bytes of the keys of `folders`. Links let a short name stand for a long path, so this is bounded apart.
    held: u64,
    /// The folder of the last entry: the next one is most often in it too.
    last: Option<(Inside, resolve::Folder)>,
    notes: Notes,
    buffer: Vec<u8>,
}

/// A folder that no entry described.
const PLAIN: Meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: (0, 0), xattrs: Vec::new() };

impl Tree {
    /// Starts in the empty folder at `path`.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn at(path: &Path, owners: Owners, limits: Limits) -> Result<Tree, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| Error::io("open", path, e))?;
        Ok(Tree {
            path: path.to_owned(),
            root: Rc::new(root),
            limits,
            owners,
            folders: BTreeMap::from([(Inside::default(), PLAIN)]),
            made: HashSet::new(),
            keys: (RandomState::new(), RandomState::new()),
            held: 0,
            last: None,
            notes: Notes::default(),
            buffer: vec![0; 256 << 10],
        })
    }

    /// From now on everything there is belongs to a lower layer.
    pub fn next_layer(&mut self) {
        self.made.clear();
    }

    /// Gives the folders their owners, modes and times, from the deepest up, and says what was left out.
    ///
    /// # Errors
    /// When the machine refuses one.
    pub fn finish(mut self) -> Result<Notes, Error> {
        self.last = None;
        for (path, meta) in std::mem::take(&mut self.folders).into_iter().rev() {
            // Gone or replaced since: nothing to do.
            let Some(folder) = self.plain_folder(&path)? else { continue };
            self.dress(&folder, &path, &meta)?;
        }
        Ok(self.notes)
    }

    fn failed(&self, path: &Inside, error: impl Into<std::io::Error>) -> Error {
        use std::os::unix::ffi::OsStrExt;
        Error::io("unpack to", self.path.join(std::ffi::OsStr::from_bytes(path.as_bytes())), error)
    }

    fn key(&self, path: &Inside) -> u128 {
        let half = |keys: &RandomState| u128::from(keys.hash_one(path.as_bytes()));
        half(&self.keys.0) << 64 | half(&self.keys.1)
    }

    fn mark(&mut self, path: &Inside) {
        let key = self.key(path);
        self.made.insert(key);
    }

    /// Remembers what a folder shall look like.
    fn describe(&mut self, real: Inside, meta: Meta) -> Result<(), Error> {
        self.held += real.as_bytes().len() as u64;
        if self.held > self.limits.names {
            return Err(Error::TooLarge { of: "bytes of names", limit: self.limits.names });
        }
        self.folders.insert(real, meta);
        Ok(())
    }

    /// The folder that holds `path`, made where missing, with everything at `path` itself out of the way.
    fn place(&mut self, path: &Inside) -> Result<(resolve::Folder, Inside), Error> {
        let (folder, name) = path.split().expect("apply hands no root to a sink but as a folder");
        let parent = self.folder_at(&folder)?;
        let real = parent.path.join(name);
        self.clear(&parent.fd, name, &real)?;
        self.mark(&real);
        Ok((parent, real))
    }

    /// Removes whatever `name` is in `parent`.
    fn clear(&mut self, parent: &OwnedFd, name: &[u8], real: &Inside) -> Result<(), Error> {
        match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
            Err(Errno::NOENT) => return Ok(()),
            // Linux says EISDIR for a folder, POSIX EPERM.
            Err(Errno::ISDIR | Errno::PERM) => self.remove_folder(parent, name, real)?,
            done => done.map_err(|e| self.failed(real, e))?,
        }
        // A link or a folder on the way to the last one may have been this.
        self.last = None;
        Ok(())
    }

    /// Writes the extents; what lies between them and behind them are holes.
    fn fill(&mut self, file: &File, content: Content<'_>, real: &Inside) -> Result<(), Error> {
        for extent in content.extents {
            let (mut at, mut left) = (extent.offset, extent.length);
            while left > 0 {
                let wanted = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let count = content.data.read(&mut self.buffer[..wanted]).map_err(|e| Error::reading("a layer", e))?;
                if count == 0 {
                    return Err(Error::malformed("a layer", "a file ends too early"));
                }
                file.write_all_at(&self.buffer[..count], at).map_err(|e| self.failed(real, e))?;
                at += count as u64;
                left -= count as u64;
            }
        }
        // GNU tar ends a map with an extent of no bytes, which writes nothing.
        let written = content.extents.iter().filter(|extent| extent.length > 0).map(|last| last.offset + last.length);
        if written.max().unwrap_or(0) < content.size {
            file.set_len(content.size).map_err(|e| self.failed(real, e))?;
        }
        Ok(())
    }
}

impl Sink for Tree {
    fn folder(&mut self, path: &Inside, meta: &Meta) -> Result<(), Error> {
        let Some((above, name)) = path.split() else {
            return self.describe(Inside::default(), meta.clone());
        };
        let parent = self.folder_at(&above)?;
        let real = parent.path.join(name);
        let is_folder = rustix::fs::statat(&parent.fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory);
        if !is_folder {
            self.clear(&parent.fd, name, &real)?;
            self.make_folder(&parent.fd, name, &real)?;
        }
        self.mark(&real);
        self.describe(real, meta.clone())
    }

    fn file(&mut self, path: &Inside, meta: &Meta, content: Content<'_>) -> Result<(), Error> {
        let (parent, real) = self.place(path)?;
        let (_, name) = real.split().expect("it was joined to its folder");
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent.fd, name, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(file.map_err(|e| self.failed(&real, e))?);
        self.fill(&file, content, &real)?;
        file.flush().map_err(|e| self.failed(&real, e))?;
        self.dress(&OwnedFd::from(file), &real, meta)
    }

    fn symlink(&mut self, path: &Inside, to: &[u8], meta: &Meta) -> Result<(), Error> {
        let (parent, real) = self.place(path)?;
        let (_, name) = real.split().expect("it was joined to its folder");
        rustix::fs::symlinkat(to, &parent.fd, name).map_err(|e| self.failed(&real, e))?;
        self.last = None;
        self.dress_link(&parent.fd, name, &real, meta)
    }

    fn hard_link(&mut self, path: &Inside, to: &Inside) -> Result<(), Error> {
        let missing = || Error::refused(path.as_bytes(), "is a hard link to a file that is not in the image");
        let (folder, name) = to.split().ok_or_else(missing)?;
        let source = self.existing_folder(&folder)?.ok_or_else(missing)?;
        let kind = match rustix::fs::statat(&source.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(Errno::NOENT) => return Err(missing()),
            Err(error) => return Err(self.failed(to, error)),
        };
        if kind == FileType::Directory {
            return Err(Error::refused(path.as_bytes(), "is a hard link to a folder"));
        }
        let (above, own_name) = path.split().ok_or_else(missing)?;
        let parent = self.folder_at(&above)?;
        let real = parent.path.join(own_name);
        self.mark(&real);
        if real == source.path.join(name) {
            return Ok(());
        }
        self.clear(&parent.fd, own_name, &real)?;
        match rustix::fs::linkat(source.fd.as_fd(), name, &parent.fd, own_name, AtFlags::empty()) {
            Err(Errno::NOENT) => Err(missing()),
            done => done.map_err(|e| self.failed(&real, e)),
        }
    }

    fn omitted(&mut self, path: &Inside, kind: Kind) -> Result<(), Error> {
        let count = match kind {
            Kind::Device => &mut self.notes.devices,
            Kind::Fifo => &mut self.notes.fifos,
            _ => &mut self.notes.unknown,
        };
        *count += 1;
        self.place(path).map(drop)
    }

    fn whiteout(&mut self, path: &Inside) -> Result<(), Error> {
        let Some((above, name)) = path.split() else { return Ok(()) };
        let Some(parent) = self.existing_folder(&above)? else { return Ok(()) };
        self.last = None;
        self.prune_entry(&parent.fd, name, &parent.path.join(name)).map(drop)
    }

    fn opaque(&mut self, path: &Inside) -> Result<(), Error> {
        let Some(folder) = self.existing_folder(path)? else { return Ok(()) };
        self.last = None;
        self.prune_folder(&folder.fd, &folder.path).map(drop)
    }
}
