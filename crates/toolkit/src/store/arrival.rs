//! An archive that comes in pieces from somewhere else, perhaps over several tries: `STORE/arriving/HEX` grows until it
//! is whole, and is imported then. `STORE/arrived/HEX` remembers which image it was, so that nobody sends it twice.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::{Entry, Progress, Store, names_in};
use crate::digest::{Digest, Hashing};
use crate::error::Error;
use crate::limits::Limits;
use crate::source::Source;

/// An archive that is on its way. Locked: nobody else adds to it.
#[derive(Debug)]
pub struct Arrival<'a> {
    store: &'a Store,
    digest: Digest,
    path: PathBuf,
    file: File,
    have: u64,
}

impl Store {
    /// The image of an archive that came here before, if it is still there.
    pub fn arrived(&self, archive: Digest) -> Option<Entry> {
        let image = fs::read_to_string(self.arrived_at(archive)).ok()?;
        Entry::load(&self.tree(image.trim().parse().ok()?)).ok()
    }

    /// Goes on with the archive of this digest, or begins it. None while somebody else sends it.
    ///
    /// # Errors
    /// When the store cannot be written to.
    pub fn arrival(&self, archive: Digest) -> Result<Option<Arrival<'_>>, Error> {
        self.prepare()?;
        let path = self.place.join("arriving").join(archive.hex());
        let folder = path.parent().expect("it lies in a folder");
        fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, e))?;
        let options = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
        let mut file = options.map_err(|e| Error::io("write to", &path, e))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            locked => locked.map_err(|e| Error::io("lock", &path, e))?,
        }
        let have = file.seek(SeekFrom::End(0)).map_err(|e| Error::io("read", &path, e))?;
        Ok(Some(Arrival { store: self, digest: archive, path, file, have }))
    }

    /// Removes what nobody has gone on with for a day; says how many.
    pub(super) fn sweep_arrivals(&self) -> Result<usize, Error> {
        const PATIENCE: Duration = Duration::from_secs(24 * 3600);
        let folder = self.place.join("arriving");
        let mut swept = 0;
        for name in names_in(&folder)? {
            let path = folder.join(name);
            let Ok(file) = File::open(&path) else { continue };
            let idle = file
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|since| since > PATIENCE));
            if idle && rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    fn arrived_at(&self, archive: Digest) -> PathBuf {
        self.place.join("arrived").join(archive.hex())
    }
}

impl Arrival<'_> {
    /// How much of it is here.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// Adds what came. What is written stays, whatever happens next.
    ///
    /// # Errors
    /// When it cannot be written, for example because the disk is full.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|e| Error::io("write to", &self.path, e))?;
        self.have += bytes.len() as u64;
        Ok(())
    }

    /// Checks that it is what was announced, and imports it. Its bytes go in either case: those of another archive
    /// are of no use, and those of this one are in the image.
    ///
    /// # Errors
    /// [`Error::WrongDigest`] when it is another one; whatever an import fails with.
    pub fn finish(mut self, limits: &Limits, progress: &mut dyn FnMut(Progress)) -> Result<Entry, Error> {
        let imported = self.check().and_then(|()| {
            let entry = self.store.import(&Source::Archive(self.path.clone()), limits, progress)?;
            let note = self.store.arrived_at(self.digest);
            let folder = note.parent().expect("it lies in a folder");
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(&note, entry.digest.to_string()));
            written.map_err(|e| Error::io("write", &note, e))?;
            Ok(entry)
        });
        let _ = fs::remove_file(&self.path);
        imported
    }

    fn check(&mut self) -> Result<(), Error> {
        let failed = |e| Error::io("read", &self.path, e);
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut reader = Hashing::new(&self.file);
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(failed)?;
        let (found, ..) = reader.finish();
        if found == self.digest {
            return Ok(());
        }
        Err(Error::WrongDigest { what: "the archive that was sent".to_owned(), expected: self.digest, found })
    }
}
