//! Finds folders of the tree the way the kernel would if the tree were its root: links are followed inside it, `..`
//! stops at it. Each part is opened with `O_NOFOLLOW` and links are read by us, so this holds on every kernel, also
//! those without `openat2`.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::{PLAIN, Tree};
use crate::error::Error;
use crate::inside::{Inside, parts};

/// A folder that was found: where it really is, and a handle (`O_PATH`).
#[derive(Clone)]
pub(super) struct Folder {
    pub(super) path: Inside,
    pub(super) fd: Rc<OwnedFd>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Leave,
}

/// As many as the kernel follows.
const LINKS: usize = 40;

impl Tree {
    /// The folder at `path`; what is missing of it is made, what is a file in it is replaced.
    pub(super) fn folder_at(&mut self, path: &Inside) -> Result<Folder, Error> {
        if let Some((known, folder)) = &self.last
            && known == path
        {
            return Ok(folder.clone());
        }
        let folder = self.walk(path, Missing::Make)?.expect("what was missing has been made");
        self.last = Some((path.clone(), folder.clone()));
        Ok(folder)
    }

    /// The folder at `path`, if there is one.
    pub(super) fn existing_folder(&mut self, path: &Inside) -> Result<Option<Folder>, Error> {
        self.walk(path, Missing::Leave)
    }

    fn walk(&mut self, path: &Inside, missing: Missing) -> Result<Option<Folder>, Error> {
        let mut todo: VecDeque<Vec<u8>> = path.parts().map(<[u8]>::to_vec).collect();
        let mut here = vec![Rc::clone(&self.root)];
        let mut real = Inside::default();
        let mut links = 0;
        while let Some(part) = todo.pop_front() {
            if part == b".." {
                here.truncate((here.len() - 1).max(1));
                real.pop();
                continue;
            }
            let top = Rc::clone(here.last().expect("the root stays"));
            match open_folder(&top, &part) {
                Ok(fd) => here.push(Rc::new(fd)),
                Err(Errno::NOENT) if missing == Missing::Leave => return Ok(None),
                Err(Errno::NOENT) => here.push(Rc::new(self.make_folder(&top, &part, &real.join(&part))?)),
                Err(Errno::NOTDIR | Errno::LOOP) => match rustix::fs::readlinkat(&top, &part[..], Vec::new()) {
                    Ok(target) => {
                        links += 1;
                        if links > LINKS {
                            return Err(Error::refused(path.as_bytes(), "goes through a loop of links"));
                        }
                        if target.as_bytes().starts_with(b"/") {
                            here.truncate(1);
                            real = Inside::default();
                        }
                        parts(target.as_bytes()).rev().for_each(|part| todo.push_front(part.to_vec()));
                        continue;
                    }
                    Err(Errno::INVAL) if missing == Missing::Leave => return Ok(None),
                    // A lower layer had a file where this one has a folder without saying so.
                    Err(Errno::INVAL) => {
                        let real = real.join(&part);
                        self.clear(&top, &part, &real)?;
                        here.push(Rc::new(self.make_folder(&top, &part, &real)?));
                    }
                    Err(error) => return Err(self.failed(&real.join(&part), error)),
                },
                Err(error) => return Err(self.failed(&real.join(&part), error)),
            }
            real.push(&part);
            if here.len() > self.limits.depth + 1 {
                return Err(Error::TooLarge { of: "nested folders", limit: self.limits.depth as u64 });
            }
        }
        let fd = here.pop().expect("the root stays");
        Ok(Some(Folder { path: real, fd }))
    }

    /// Makes a folder that is ours until [`Tree::finish`].
    pub(super) fn make_folder(&mut self, parent: &OwnedFd, name: &[u8], real: &Inside) -> Result<OwnedFd, Error> {
        let made = rustix::fs::mkdirat(parent, name, Mode::RWXU).and_then(|()| open_folder(parent, name));
        let fd = made.map_err(|e| self.failed(real, e))?;
        self.describe(real.clone(), PLAIN)?;
        Ok(fd)
    }

    /// The folder at exactly `path`, through no link at all, open for changes of its attributes.
    pub(super) fn plain_folder(&self, path: &Inside) -> Result<Option<OwnedFd>, Error> {
        let mut here = Rc::clone(&self.root);
        for part in path.parts() {
            match open_folder(&here, part) {
                Ok(fd) => here = Rc::new(fd),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                Err(error) => return Err(self.failed(path, error)),
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&*here, ".", flags, Mode::empty()).map(Some).map_err(|e| self.failed(path, e))
    }
}

pub(super) fn open_folder(parent: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

/// Removes an empty folder.
pub(super) fn remove_empty(parent: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}
