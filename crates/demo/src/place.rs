//! Where a shop keeps its files and cgroups. Two shops at two places know nothing of each other.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use fathom_host::Host;
use fathom_host::cgroup::{Layout, Leaf};
use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Step as _};

/// Hierarchies of cgroup v1 in which each sandbox has its own folder, the one that freezes last.
const CONTROLLERS: &[&str] = &["memory", "pids", "cpu", "cpuacct", "blkio", "freezer"];

/// A folder for state, and a cgroup where we may make some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    folder: PathBuf,
    cgroup: Option<String>,
}

impl Place {
    /// The one shop of this user: root's in `/run/fathom/demo`, anybody else's below `runtime_dir`
    /// (`XDG_RUNTIME_DIR`), or in /tmp where there is none.
    pub fn of_user(uid: u32, runtime_dir: Option<&Path>) -> Place {
        let folder = match (uid, runtime_dir) {
            (0, _) => "/run/fathom/demo".into(),
            (_, Some(folder)) => folder.join("fathom/demo"),
            (uid, None) => format!("/tmp/fathom-{uid}/demo").into(),
        };
        Place { folder, cgroup: (uid == 0).then(|| "fathom-demo".to_owned()) }
    }

    /// A shop of its own in `folder`, with cgroups `CGROUP/NAME` below the root of each hierarchy if one is given.
    /// Only in a cgroup `fathom-demo` are sandboxes recognised as the demo's by /proc alone.
    pub fn at(folder: impl Into<PathBuf>, cgroup: Option<&str>) -> Place {
        Place { folder: folder.into(), cgroup: cgroup.map(str::to_owned) }
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn cgroup(&self) -> Option<&str> {
        self.cgroup.as_deref()
    }

    /// Where the machine's side of db's volume is.
    pub(crate) fn volume(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The sandbox's own cgroup in each hierarchy; `None` where this place has none.
    pub(crate) fn leaf(&self, name: &str) -> Option<Leaf> {
        let folder = self.cgroup.as_deref()?;
        let layout = Layout::of(&Host::local()).ok()?;
        let under = |point: &Path| point.join(folder).join(name);
        let mut v1: Vec<PathBuf> = CONTROLLERS.iter().filter_map(|name| layout.v1_of(name)).map(|p| under(p)).collect();
        v1.dedup();
        Some(Leaf { v2: layout.v2.as_deref().map(under), v1 })
    }

    /// Makes the folder, which nobody but us may write to.
    pub(crate) fn make_folder(&self) -> Result<(), Error> {
        let make = |path: &Path| match DirBuilder::new().mode(0o755).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other.step(format!("make the folder {}", path.display())),
        };
        let own = |path: &Path| {
            let metadata = fs::symlink_metadata(path).step(format!("look at the folder {}", path.display()))?;
            let ours = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
            if ours { Ok(()) } else { Err(Error::NotOurs(path.to_owned())) }
        };
        if let Some(parent) = self.folder.parent() {
            // In /tmp anybody could have made it before us.
            if let Some(above) = parent.parent() {
                fs::create_dir_all(above).step(format!("make the folder {}", above.display()))?;
            }
            make(parent)?;
            if parent.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"fathom")) {
                own(parent)?;
            }
        }
        make(&self.folder)?;
        own(&self.folder)
    }

    /// Waits until nobody else opens or closes this shop; holds until the file is dropped.
    pub(crate) fn lock_door(&self) -> Result<File, Error> {
        loop {
            self.make_folder()?;
            if let Some(door) = self.try_door(FlockOperation::LockExclusive)? {
                return Ok(door);
            }
        }
    }

    /// The door, held as `how` says; `None` when there is none or it is held otherwise. Whoever closed the shop while
    /// we waited has removed the file that we hold then: that is no door either.
    pub(crate) fn try_door(&self, how: FlockOperation) -> Result<Option<File>, Error> {
        let path = self.folder.join("door");
        let may_make = how == FlockOperation::LockExclusive;
        let door = match File::options().read(true).append(true).create(may_make).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.step(format!("open {}", path.display()))?,
        };
        match flock(&door, how) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            other => other.step(format!("lock {}", path.display()))?,
        }
        let inode = |found: io::Result<fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
        Ok((inode(door.metadata()) == inode(fs::metadata(&path))).then_some(door))
    }

    /// The file that the keeper holds locked as long as it lives.
    pub(crate) fn keeper_file(&self) -> PathBuf {
        self.folder.join("keeper")
    }

    /// What the keeper says of itself. Every `*.json` is a sandbox's.
    pub(crate) fn keeper_record(&self) -> PathBuf {
        self.folder.join("keeper.record")
    }

    /// Whether a keeper lives here.
    pub(crate) fn is_kept(&self) -> bool {
        let Ok(file) = File::open(self.keeper_file()) else { return false };
        flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_has_a_place() {
        assert_eq!(Place::of_user(0, Some("/run/user/0".as_ref())), Place::at("/run/fathom/demo", Some("fathom-demo")));
        assert_eq!(Place::of_user(7, Some("/run/user/7".as_ref())), Place::at("/run/user/7/fathom/demo", None));
        assert_eq!(Place::of_user(7, None), Place::at("/tmp/fathom-7/demo", None));
    }

    #[test]
    fn a_folder_that_is_a_link_is_not_ours() {
        let scratch = fathom_testkit::Scratch::new("place");
        std::os::unix::fs::symlink("/tmp", scratch.join("demo")).unwrap();
        let refused = Place::at(scratch.join("demo"), None).make_folder();
        assert!(matches!(refused, Err(Error::NotOurs(_))), "{refused:?}");
    }

    #[test]
    fn a_door_that_was_removed_is_no_door() {
        let scratch = fathom_testkit::Scratch::new("door");
        let place = Place::at(scratch.join("demo"), None);
        let held = place.lock_door().unwrap();
        assert!(place.try_door(FlockOperation::NonBlockingLockExclusive).unwrap().is_none());
        fs::remove_file(place.folder().join("door")).unwrap();
        drop(held);
        assert!(place.try_door(FlockOperation::NonBlockingLockExclusive).unwrap().is_none());
        assert!(place.lock_door().is_ok());
    }
}
