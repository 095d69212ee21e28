//! The store: one folder per image, named by digest, unpacked once and shared read-only by all sessions.
//!
//! ```text
//! STORE/trees/HEX/root        the tree
//! STORE/trees/HEX/entry.json  what is known about it ([`Entry`])
//! STORE/arriving/HEX          an archive that comes in pieces; STORE/arrived/HEX  which image it was
//! STORE/half/HEX              an import under way, or what a killed one left
//! STORE/half/HEX.lock         held by whoever makes or removes HEX
//! STORE/lock                  held while names move
//! ```
//! The folder is closed to everybody but its owner: the trees hold set-id programs of foreign making.

mod arrival;
mod claim;
mod entry;
mod import;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::digest::Digest;
use crate::error::Error;
use crate::layout::{self, Label};
use crate::limits::Limits;
use crate::source::Source;
use crate::{origin, pack};

pub use arrival::Arrival;
use claim::Claim;
pub use entry::{Entry, Hold};

/// A folder of images.
#[derive(Debug, Clone)]
pub struct Store {
    place: PathBuf,
}

/// What an import is doing, for a progress line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process imports the same image; this one waits for it.
    Waiting,
    /// A folder is read.
    Packing,
    /// A blob is fetched from a registry.
    Pulling {
        /// Bytes of it so far.
        bytes: u64,
        /// Of how many.
        total: u64,
    },
    /// A layer is unpacked.
    Unpacking {
        /// Which, from 1.
        layer: usize,
        /// Of how many.
        layers: usize,
        /// Packed bytes of it read so far.
        bytes: u64,
        /// Of how many, where that is known.
        total: Option<u64>,
    },
    /// The tree is written to disk for good.
    Syncing,
}

impl Store {
    /// The store in the folder `place`, which need not exist yet.
    pub fn at(place: PathBuf) -> Store {
        Store { place }
    }

    /// All images, by name.
    ///
    /// # Errors
    /// When the folder cannot be read. An entry that cannot is left out, with a warning.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for name in names_in(&self.trees())? {
            match Entry::load(&self.trees().join(&name)) {
                Ok(entry) => entries.push(entry),
                Err(error) => tracing::warn!(entry = name, error = %error, "left out of the list"),
            }
        }
        entries.sort_by(|a, b| (&a.names, a.digest).cmp(&(&b.names, b.digest)));
        Ok(entries)
    }

    /// The image with this name (with or without `:latest`), digest, or start of a digest of at least six digits.
    ///
    /// # Errors
    /// [`Error::Several`] when a start fits several.
    pub fn find(&self, name: &str) -> Result<Option<Entry>, Error> {
        let entries = self.list()?;
        let latest = format!("{name}:latest");
        for wanted in [name, &latest] {
            if let Some(entry) = entries.iter().find(|entry| entry.names.iter().any(|name| name == wanted)) {
                return Ok(Some(entry.clone()));
            }
        }
        let start = name.strip_prefix("sha256:").unwrap_or(name);
        if start.len() < 6 {
            return Ok(None);
        }
        let mut fitting: Vec<Entry> =
            entries.into_iter().filter(|entry| entry.digest.hex().starts_with(start)).collect();
        if fitting.len() > 1 {
            let found = fitting.iter().map(|entry| entry.digest.to_string()).collect();
            return Err(Error::Several { name: name.to_owned(), found });
        }
        Ok(fitting.pop())
    }

    /// Brings an image into the store, or finds that it is there, and gives it the source's name.
    ///
    /// Killing it at any instant leaves nothing but a half-made tree, which the next import or [`Store::sweep`] removes.
    ///
    /// # Errors
    /// When the source cannot be read, is hostile, passes a limit or is for another machine, and when the disk is full.
    pub fn import(&self, source: &Source, limits: &Limits, progress: &mut dyn FnMut(Progress)) -> Result<Entry, Error> {
        self.prepare()?;
        self.sweep()?;
        let (image, mut blobs) = origin::open(source, self, limits, progress)?;
        let claim = Claim::wait(&self.half(), &image.digest.hex(), progress)?;
        let tree = self.tree(image.digest);
        if Entry::load(&tree).is_err() {
            claim.clear(&tree)?;
            import::unpack(&image, &mut *blobs, claim.folder(), limits, progress)?;
            claim.publish(&tree)?;
        }
        drop(claim);
        self.name(image.digest, &image.names)
    }

    /// Writes an image as an OCI archive of one layer. The same tree always gives the same bytes.
    ///
    /// # Errors
    /// When the tree cannot be read or `to` fails.
    pub fn export(&self, entry: &Entry, to: &mut dyn Write) -> Result<(), Error> {
        let _hold = entry.hold()?;
        let layer = layout::pack(self, |out| pack::folder(&entry.root(), out, &Limits::none()))?;
        let created = entry.created.as_deref();
        let label = Label { name: entry.name(), platform: &entry.platform, created, execution: &entry.config };
        layout::write(&label, layer, to)
    }

    /// Removes an image.
    ///
    /// # Errors
    /// [`Error::InUse`] while a [`Hold`] on it lives.
    pub fn remove(&self, entry: &Entry) -> Result<(), Error> {
        let claim = Claim::wait(&self.half(), &entry.digest.hex(), &mut |_| {})?;
        let tree = self.tree(entry.digest);
        let Some(_only) = Hold::exclusive(&tree.join("root"))? else {
            return Err(Error::InUse { name: entry.name().to_owned() });
        };
        claim.take(&tree)
    }

    /// Removes what killed imports and removals left; says how many. Never touches what somebody works on.
    ///
    /// # Errors
    /// When the store cannot be read or something cannot be removed.
    pub fn sweep(&self) -> Result<usize, Error> {
        let names = names_in(&self.half())?;
        let left: BTreeSet<&str> = names.iter().map(|name| name.strip_suffix(".lock").unwrap_or(name)).collect();
        let mut swept = 0;
        for name in left {
            if let Some(claim) = Claim::attempt(&self.half(), name)? {
                claim.discard()?;
                swept += 1;
            }
        }
        Ok(swept + self.sweep_arrivals()?)
    }

    /// Gives the names to the entry, and takes them from others.
    fn name(&self, digest: Digest, names: &[String]) -> Result<Entry, Error> {
        let path = self.place.join("lock");
        let lock = File::create(&path).map_err(|e| Error::io("lock", &path, e))?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&lock, FlockOperation::LockExclusive))
            .map_err(|e| Error::io("lock", &path, e))?;
        for mut other in self.list()? {
            let before = other.names.len();
            other.names.retain(|name| !names.contains(name));
            if other.digest != digest && other.names.len() != before {
                other.save()?;
            }
        }
        let mut entry = Entry::load(&self.tree(digest))?;
        entry.names.extend(names.iter().filter(|name| !entry.names.contains(name)).cloned().collect::<Vec<_>>());
        entry.save()?;
        Ok(entry)
    }

    /// Makes the folders.
    fn prepare(&self) -> Result<(), Error> {
        for folder in [self.place.clone(), self.trees(), self.half()] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|e| Error::io("make the store's folder", &folder, e))?;
        }
        Ok(())
    }

    /// An unnamed file of the store, filled by `fill` and then rewound; gone when it is closed.
    pub(crate) fn spool(&self, fill: impl FnOnce(&mut Spool) -> Result<(), Error>) -> Result<File, Error> {
        self.prepare()?;
        let half = self.half();
        let failed = |e: io::Error| Error::io("write to", &half, e);
        let mut spool = Spool { file: unnamed(&half).map_err(|e| failed(e.into()))?, place: half.clone() };
        fill(&mut spool)?;
        spool.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(spool.file)
    }

    fn trees(&self) -> PathBuf {
        self.place.join("trees")
    }

    fn half(&self) -> PathBuf {
        self.place.join("half")
    }

    fn tree(&self, digest: Digest) -> PathBuf {
        self.trees().join(digest.hex())
    }
}

/// A file without a name in `folder`; where the file system cannot make one, a name that is gone at once.
fn unnamed(folder: &Path) -> Result<File, Errno> {
    let (flags, mode) = (OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    match rustix::fs::open(folder, flags | OFlags::TMPFILE, mode) {
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
        opened => return opened.map(File::from),
    }
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let path = folder.join(format!("spool-{thread}"));
    let opened = rustix::fs::open(&path, flags | OFlags::CREATE | OFlags::EXCL, mode)?;
    rustix::fs::unlink(&path)?;
    Ok(File::from(opened))
}

/// A file being filled whose failures name the store.
pub(crate) struct Spool {
    file: File,
    place: PathBuf,
}

impl Spool {
    /// Copies all of `stream`, telling apart which side failed.
    pub(crate) fn fill_from(&mut self, stream: &mut dyn Read, what: &str) -> Result<(), Error> {
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = stream.read(&mut buffer).map_err(|e| Error::reading(what, e))?;
            if count == 0 {
                return Ok(());
            }
            self.file.write_all(&buffer[..count]).map_err(|e| Error::io("write to", &self.place, e))?;
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|e| io::Error::other(Error::io("write to", &self.place, e)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The names in one of the store's folders; none where there is no folder yet.
fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    let list = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        list => list.map_err(|e| Error::io("read", folder, e))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
    list.map(name).collect::<io::Result<_>>().map_err(|e| Error::io("read", folder, e))
}
