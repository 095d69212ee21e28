//! A session on record: its id, its folder under /run, the lock that says it has a living owner.
//!
//! The folder holds `lock` (held by supervisor and init for as long as one of them lives), `state.json` (what
//! `fathom sessions` prints) and `socket` (where clients attach). It lies on a tmpfs and holds nothing of the target.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fathom_host::cgroup::Leaf;
use fathom_host::incarnation::Freezer;
use fathom_model::Failure;
use fathom_protocol::Seen;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::failure::{Step, refused};

/// Where sessions are on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry(PathBuf);

/// What is on record about one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What anybody may hear about it.
    #[serde(flatten)]
    pub seen: Seen,
    /// Its cgroups.
    pub leaf: Option<Leaf>,
    /// What it holds frozen.
    #[serde(default)]
    pub held: Option<Freezer>,
}

impl Registry {
    /// The registry of user `uid`: `/run/fathom` for root, otherwise below the user's own runtime folder.
    pub fn of_user(uid: u32, runtime_dir: Option<PathBuf>) -> Self {
        match (uid, runtime_dir) {
            (0, _) => Registry("/run/fathom/sessions".into()),
            (_, Some(folder)) => Registry(folder.join("fathom/sessions")),
            (uid, None) => Registry(format!("/tmp/fathom-{uid}/sessions").into()),
        }
    }

    /// A registry in `folder`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Registry(folder.into())
    }

    /// The folder of session `id`.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.0.join(id)
    }

    /// Every session that has a folder, dead or alive.
    pub fn ids(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ids: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        ids.sort();
        Ok(ids)
    }

    /// What is on record about `id`.
    pub fn state(&self, id: &str) -> io::Result<State> {
        serde_json::from_slice(&fs::read(self.folder(id).join("state.json"))?).map_err(io::Error::from)
    }

    /// Makes the folder of session `id` and takes its lock.
    pub(crate) fn open(&self, id: &str) -> Result<Record, Failure> {
        let folder = self.folder(id);
        let failed = |error| refused(format!("make the session's folder {}", folder.display()), error);
        // A sweep may remove the registry with its last session, or take a folder whose lock is not held yet for an
        // abandoned one: then it is made again.
        for _ in 0..100 {
            create_private(&self.0).map_err(failed)?;
            match fs::create_dir(&folder).and_then(|()| File::create(folder.join("lock"))) {
                // A sweep that looks at it just now lets go of it again.
                Ok(lock)
                    if rustix::io::retry_on_intr(|| rustix::fs::flock(&lock, FlockOperation::LockExclusive))
                        .is_ok()
                        && is_linked(&lock) =>
                {
                    return Ok(Record { folder, lock: lock.into() });
                }
                Ok(_) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }

    /// Takes the lock of `id` if nobody living holds it. A folder without a lock or a state is one that is just being
    /// made, or was when its maker died: after a while, it is the second.
    pub(crate) fn abandoned(&self, id: &str) -> Option<Option<OwnedFd>> {
        const WHILE: Duration = Duration::from_secs(10);
        let folder = self.folder(id);
        let is_old = || {
            let made = fs::metadata(&folder).and_then(|meta| meta.modified()).ok();
            made.and_then(|made| made.elapsed().ok()).is_some_and(|age| age > WHILE)
        };
        if !folder.join("state.json").exists() && !is_old() {
            return None;
        }
        let Ok(lock) = File::open(folder.join("lock")) else {
            return is_old().then_some(None);
        };
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Some(lock.into()))
    }

    /// Waits until no living process owns `id`. Returns its lock if it is still on record then.
    pub(crate) fn outlive(&self, id: &str) -> Option<OwnedFd> {
        let lock = File::open(self.folder(id).join("lock")).ok()?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&lock, FlockOperation::LockExclusive)).ok()?;
        is_linked(&lock).then(|| lock.into())
    }

    /// Removes the folder of `id`, and the registry with its last session.
    pub(crate) fn forget(&self, id: &str) {
        let _ = fs::remove_dir_all(self.folder(id));
        let _ = fs::remove_dir(&self.0);
        let _ = self.0.parent().map(fs::remove_dir);
    }
}

fn is_linked(file: &File) -> bool {
    rustix::fs::fstat(file).is_ok_and(|meta| meta.st_nlink > 0)
}

fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The open record of our own session.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) folder: PathBuf,
    /// Shared by fork: held until the last process that has it is gone.
    pub(crate) lock: OwnedFd,
}

impl Record {
    /// Writes the state so that a reader sees all of it or none.
    pub(crate) fn write(&self, state: &State) -> Result<(), Failure> {
        let text = serde_json::to_vec(state).expect("a state is plain data");
        let temporary = self.folder.join("state.new");
        fs::write(&temporary, text).step("write the session's state")?;
        fs::rename(&temporary, self.folder.join("state.json")).step("write the session's state")
    }
}

/// A fresh id: ten letters and digits, so that two sessions never share one.
pub fn fresh_id() -> Result<String, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0u8; 10];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).step("get random bytes")?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}
