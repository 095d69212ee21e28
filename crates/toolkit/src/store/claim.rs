//! The right to make or remove one tree: a lock on `half/NAME.lock`. Whoever holds it owns `half/NAME` too; when the
//! holder dies the kernel lets go of the lock, and the next one finds and removes what is left.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::Progress;
use crate::error::Error;

#[derive(Debug)]
pub(super) struct Claim {
    lock: PathBuf,
    folder: PathBuf,
    /// Open as long as the claim lives: closing it lets go.
    _held: File,
}

impl Claim {
    /// Waits until nobody else works on `name`.
    pub(super) fn wait(half: &Path, name: &str, progress: &mut dyn FnMut(Progress)) -> Result<Claim, Error> {
        if let Some(claim) = Claim::attempt(half, name)? {
            return Ok(claim);
        }
        progress(Progress::Waiting);
        loop {
            if let Some(claim) = Claim::lock(half, name, FlockOperation::LockExclusive)? {
                return Ok(claim);
            }
        }
    }

    /// The claim, unless somebody else has it.
    pub(super) fn attempt(half: &Path, name: &str) -> Result<Option<Claim>, Error> {
        Claim::lock(half, name, FlockOperation::NonBlockingLockExclusive)
    }

    fn lock(half: &Path, name: &str, how: FlockOperation) -> Result<Option<Claim>, Error> {
        let lock = half.join(format!("{name}.lock"));
        let failed = |e: io::Error| Error::io("lock", &lock, e);
        let held = OpenOptions::new().create(true).truncate(false).write(true).open(&lock).map_err(failed)?;
        match rustix::io::retry_on_intr(|| rustix::fs::flock(&held, how)) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            locked => locked.map_err(|e| failed(e.into()))?,
        }
        // The one before removed the file while we waited for it: what we hold then guards nothing.
        let is_current = match (held.metadata(), fs::metadata(&lock)) {
            (Ok(ours), Ok(theirs)) => ours.ino() == theirs.ino() && ours.dev() == theirs.dev(),
            _ => false,
        };
        Ok(is_current.then(|| Claim { folder: half.join(name), lock, _held: held }))
    }

    /// Where the tree is made.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes an empty folder to work in; removes what a killed holder left, and a broken tree at `tree`.
    pub(super) fn clear(&self, tree: &Path) -> Result<(), Error> {
        demolish(&self.folder)?;
        if tree.exists() {
            self.take(tree)?;
            demolish(&self.folder)?;
        }
        fs::create_dir(&self.folder).map_err(|e| Error::io("make", &self.folder, e))
    }

    /// Moves the finished folder to its place, after all of it is on disk.
    pub(super) fn publish(&self, tree: &Path) -> Result<(), Error> {
        let failed = |e: io::Error| Error::io("finish", tree, e);
        let made = File::open(&self.folder).map_err(failed)?;
        rustix::fs::syncfs(&made).map_err(|e| failed(e.into()))?;
        fs::rename(&self.folder, tree).map_err(failed)?;
        let above = tree.parent().expect("a tree lies in the store");
        File::open(above).and_then(|above| above.sync_all()).map_err(failed)
    }

    /// Moves a tree out of its place, where it is removed with the claim.
    pub(super) fn take(&self, tree: &Path) -> Result<(), Error> {
        demolish(&self.folder)?;
        fs::rename(tree, &self.folder).map_err(|e| Error::io("remove", tree, e))
    }

    /// Removes whatever is there, saying so when it cannot.
    pub(super) fn discard(self) -> Result<(), Error> {
        demolish(&self.folder)
    }
}

impl Drop for Claim {
    /// After success there is no folder any more; after a failure it goes now. The lock's file goes last, while the
    /// lock is still held.
    fn drop(&mut self) {
        if let Err(error) = demolish(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), error = %error, "left behind for the next sweep");
        }
        let _ = fs::remove_file(&self.lock);
    }
}

/// Removes a folder with all it holds, also where an image made parts of it read-only for us.
fn demolish(folder: &Path) -> Result<(), Error> {
    let removed = match fs::remove_dir_all(folder) {
        // The name of a spool, whose maker was killed before it could take it back.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => fs::remove_file(folder),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(folder).and_then(|()| fs::remove_dir_all(folder))
        }
        removed => removed,
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|e| Error::io("remove", folder, e)),
    }
}

/// Makes every folder below writable for us. Links are not followed: only what is a folder itself is entered.
fn open_up(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for child in fs::read_dir(folder)? {
        let child = child?;
        if child.file_type()?.is_dir() {
            open_up(&child.path())?;
        }
    }
    Ok(())
}
