//! Opening a path inside a root that is not to be trusted, on a kernel without openat2 (before 5.6): one step at a
//! time, following links ourselves, so that none leads out.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};

/// As many as the kernel follows.
const MOST_LINKS: usize = 40;

/// The file at `path` below `root`; links are read as if `root` were `/`.
pub(super) fn open(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // The folders that were walked through: `..` goes back to one of them, never to what the kernel takes for it.
    let mut folders: Vec<OwnedFd> = Vec::new();
    let mut names: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
    let mut links = 0;
    while let Some(name) = names.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                folders.pop();
                continue;
            }
            _ => {}
        }
        let at = folders.last().map_or(root, AsFd::as_fd);
        let found = openat(at, &name, step, Mode::empty())?;
        match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Directory => folders.push(found),
            FileType::Symlink if links < MOST_LINKS => {
                links += 1;
                let to = readlinkat(&found, "", Vec::new())?.into_string().map_err(|_| io::ErrorKind::InvalidData)?;
                if to.starts_with('/') {
                    folders.clear();
                }
                names.extend(to.rsplit('/').map(str::to_owned));
            }
            FileType::Symlink => return Err(rustix::io::Errno::LOOP.into()),
            _ if names.is_empty() => return Ok(openat(at, &name, flags | OFlags::NOFOLLOW, Mode::empty())?),
            _ => return Err(rustix::io::Errno::NOTDIR.into()),
        }
    }
    Err(rustix::io::Errno::ISDIR.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_testkit::Scratch;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside() {
        let outside = Scratch::new("steps");
        std::fs::write(outside.join("secret"), "out").unwrap();
        let root = outside.join("root");
        std::fs::create_dir_all(root.join("run/dns")).unwrap();
        std::fs::create_dir(root.join("etc")).unwrap();
        std::fs::write(root.join("run/dns/conf"), "in").unwrap();
        std::fs::write(root.join("secret"), "in").unwrap();
        symlink("/run/dns/conf", root.join("etc/absolute")).unwrap();
        symlink("../run/./dns/conf", root.join("etc/relative")).unwrap();
        symlink("../../../../secret", root.join("etc/climber")).unwrap();
        symlink(outside.join("secret"), root.join("etc/leaver")).unwrap();
        symlink("loop", root.join("etc/loop")).unwrap();
        let folder = openat(rustix::fs::CWD, &root, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let read = |path| {
            let mut text = String::new();
            let file = open(folder.as_fd(), path, OFlags::RDONLY | OFlags::CLOEXEC)?;
            std::fs::File::from(file).read_to_string(&mut text).map(|_| text)
        };
        for path in ["run/dns/conf", "/run//dns/conf", "etc/absolute", "etc/relative", "etc/climber", "../secret"] {
            assert_eq!(read(path).ok().as_deref(), Some("in"), "{path}");
        }
        for path in ["etc/leaver", "etc/loop", "etc", "secret/x", "etc/none", ""] {
            assert!(read(path).is_err(), "{path}");
        }
    }
}
