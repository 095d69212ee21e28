//! One image of the store: `entry.json` beside its tree, version 1.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::elf;
use crate::error::Error;
use crate::manifest::{Execution, Platform};
use crate::tree::Notes;

/// What is known about an unpacked image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of this format.
    pub version: u32,
    /// The image's id: the digest of its config, which names its layers.
    pub digest: Digest,
    /// What it was imported as; a name belongs to one entry at a time.
    pub names: Vec<String>,
    /// The manifest it came by, where there was one.
    pub manifest: Option<Digest>,
    /// Bytes of its files.
    pub size: u64,
    /// Entries of its layers.
    pub entries: u64,
    /// What it is for.
    pub platform: Platform,
    /// When it was made, RFC 3339, as it says itself.
    pub created: Option<String>,
    /// How it wants to be started.
    pub config: Execution,
    /// What was left out or changed on the way.
    #[serde(default)]
    pub notes: Notes,
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

const FILE: &str = "entry.json";
/// Far more than any entry takes.
const LONGEST: u64 = 64 << 20;

impl Entry {
    pub(super) const VERSION: u32 = 1;

    /// The unpacked tree. Not to be written to: others use it too.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Its first name, or its digest.
    pub fn name(&self) -> &str {
        // A digest's text would have to be kept; a nameless entry is rare enough for a fixed word.
        self.names.first().map_or("(unnamed)", String::as_str)
    }

    /// Keeps the tree from being removed as long as the result lives, also in other processes that inherit it.
    ///
    /// # Errors
    /// When the tree is gone.
    pub fn hold(&self) -> Result<Hold, Error> {
        let root = self.root();
        let file = File::open(&root).map_err(|e| Error::io("open", &root, e))?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockShared))
            .map_err(|e| Error::io("lock", &root, e))?;
        // It may have been removed, or removed and made anew, between the two steps.
        let (held, current) = (file.metadata(), fs::metadata(&root));
        match (held, current) {
            (Ok(held), Ok(current)) if (held.dev(), held.ino()) == (current.dev(), current.ino()) => Ok(Hold(file)),
            _ => Err(Error::io("open", &root, Errno::NOENT)),
        }
    }

    /// Checks that the programs of the tree are for this machine, whatever the config claims.
    ///
    /// # Errors
    /// [`Error::Architecture`] when they are not. A tree without a known program passes.
    pub fn check_architecture(&self) -> Result<(), Error> {
        let here = Platform::here();
        match elf::platform(&self.root()) {
            Some(found) if !found.runs_on(&here) => {
                Err(Error::Architecture { found: vec![found.to_string()], wanted: here.to_string() })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn load(folder: &Path) -> Result<Entry, Error> {
        let path = folder.join(FILE);
        let mut json = Vec::new();
        let file = File::open(&path).map_err(|e| Error::io("read", &path, e))?;
        file.take(LONGEST).read_to_end(&mut json).map_err(|e| Error::io("read", &path, e))?;
        let what = || format!("`{}`", path.display());
        let mut entry: Entry = serde_json::from_slice(&json).map_err(|e| Error::malformed(what(), e))?;
        if entry.version != Entry::VERSION {
            return Err(Error::malformed(what(), format!("its version is {}", entry.version)));
        }
        entry.folder = folder.to_owned();
        Ok(entry)
    }

    /// Replaces `entry.json` in one step.
    pub(super) fn save(&self) -> Result<(), Error> {
        let (path, new) = (self.folder.join(FILE), self.folder.join("entry.json.new"));
        let json = serde_json::to_vec_pretty(self).expect("plain values are valid JSON");
        let written = File::create(&new).and_then(|mut file| file.write_all(&json).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&new, &path)).map_err(|e| Error::io("write", &path, e))
    }
}

/// A tree in use. Dropping it, or the end of every process that has it open, lets go.
#[derive(Debug)]
pub struct Hold(File);

impl Hold {
    /// The descriptor to pass on to a session.
    pub fn file(&self) -> &File {
        &self.0
    }

    /// The only hold on a tree, if nobody else has one.
    pub(super) fn exclusive(root: &Path) -> Result<Option<Hold>, Error> {
        let file = File::open(root).map_err(|e| Error::io("open", root, e))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(None),
            locked => locked.map(|()| Some(Hold(file))).map_err(|e| Error::io("lock", root, e)),
        }
    }
}
