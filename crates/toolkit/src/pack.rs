//! A folder as one layer: a tar stream, sorted by name, that depends on nothing but what the folder holds. Used to
//! import a root file system and to export an entry.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

use crate::error::Error;
use crate::inside::Inside;
use crate::limits::{Budget, Limits};
use crate::tar::{Attributes, Entry, Kind, Writer};
use crate::tree::{attribute_is_kept, names};

struct Packer<'a, W: Write> {
    root: &'a Path,
    /// File systems mounted below the folder are not part of it: their folders are packed empty.
    device: u64,
    writer: Writer<W>,
    budget: Budget,
    /// First names of files that have several.
    links: HashMap<u64, Inside>,
}

/// Writes all that the folder at `root` holds. Devices, pipes and sockets are left out.
pub(crate) fn folder(root: &Path, out: impl Write, limits: &Limits) -> Result<(), Error> {
    let failed = |e| Error::io("read", root, e);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(root, flags, Mode::empty()).map_err(failed)?;
    let stat = rustix::fs::fstat(&fd).map_err(failed)?;
    let mut packer = Packer {
        root,
        device: stat.st_dev,
        writer: Writer::new(out),
        budget: Budget::new(*limits),
        links: HashMap::new(),
    };
    packer.folder(&fd, &Inside::default(), &stat)?;
    packer.writer.finish().map_err(writing)?;
    Ok(())
}

fn writing(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::io("write", "the packed folder", error))
}

impl<W: Write> Packer<'_, W> {
    fn failed(&self, path: &Inside, error: impl Into<io::Error>) -> Error {
        use std::os::unix::ffi::OsStrExt;
        Error::io("read", self.root.join(std::ffi::OsStr::from_bytes(path.as_bytes())), error)
    }

    fn folder(&mut self, fd: &OwnedFd, path: &Inside, stat: &Stat) -> Result<(), Error> {
        let mut entry = describe(path, stat, Kind::Folder);
        entry.path.extend_from_slice(if path.depth() == 0 { b"./" } else { b"/" });
        entry.xattrs = self.attributes(fd, path)?;
        self.put(&entry, &mut io::empty())?;
        if stat.st_dev != self.device {
            return Ok(());
        }
        if path.depth() >= self.budget.limits.depth {
            return Err(Error::TooLarge { of: "nested folders", limit: self.budget.limits.depth as u64 });
        }
        let mut children = names(fd).map_err(|e| self.failed(path, e))?;
        children.sort_unstable();
        children.iter().try_for_each(|name| self.child(fd, name, &path.join(name)))
    }

    fn child(&mut self, folder: &OwnedFd, name: &[u8], path: &Inside) -> Result<(), Error> {
        let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| self.failed(path, e))?;
        let open = |flags: OFlags| {
            let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            rustix::fs::openat(folder, name, flags, Mode::empty())
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let fd = open(OFlags::DIRECTORY).map_err(|e| self.failed(path, e))?;
                self.folder(&fd, path, &stat)
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(folder, name, Vec::new()).map_err(|e| self.failed(path, e))?;
                let entry = Entry { link: target.into_bytes(), ..describe(path, &stat, Kind::Symlink) };
                self.put(&entry, &mut io::empty())
            }
            FileType::RegularFile => {
                if let Some(first) = self.links.get(&stat.st_ino).filter(|_| stat.st_nlink > 1) {
                    let link = first.as_bytes().to_vec();
                    return self.put(&Entry { link, ..describe(path, &stat, Kind::HardLink) }, &mut io::empty());
                }
                self.links.extend((stat.st_nlink > 1).then(|| (stat.st_ino, path.clone())));
                let fd = open(OFlags::empty()).map_err(|e| self.failed(path, e))?;
                self.file(fd, path, &stat)
            }
            _ => Ok(()),
        }
    }

    fn file(&mut self, fd: OwnedFd, path: &Inside, stat: &Stat) -> Result<(), Error> {
        let mut entry = describe(path, stat, Kind::File);
        entry.size = stat.st_size as u64;
        entry.xattrs = self.attributes(&fd, path)?;
        self.put(&entry, &mut File::from(fd))
    }

    fn put(&mut self, entry: &Entry, data: &mut dyn Read) -> Result<(), Error> {
        self.budget.spend(entry.names(), entry.size)?;
        self.writer.entry(entry, data).map_err(writing)
    }

    fn attributes(&self, fd: &OwnedFd, path: &Inside) -> Result<Attributes, Error> {
        let mut list = vec![0; 64 << 10];
        let Ok(length) = rustix::fs::flistxattr(fd, &mut list[..]) else { return Ok(Vec::new()) };
        let mut names: Vec<&[u8]> =
            list[..length].split(|&byte| byte == 0).filter(|name| attribute_is_kept(name)).collect();
        names.sort_unstable();
        names
            .into_iter()
            .map(|name| {
                let mut value = vec![0; 64 << 10];
                let length = rustix::fs::fgetxattr(fd, name, &mut value[..]).map_err(|e| self.failed(path, e))?;
                value.truncate(length);
                Ok((name.to_vec(), value))
            })
            .collect()
    }
}

fn describe(path: &Inside, stat: &Stat, kind: Kind) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        link: Vec::new(),
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
        size: 0,
        xattrs: Vec::new(),
        extents: Vec::new(),
    }
}
