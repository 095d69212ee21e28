//! A process that cannot be mistaken for another: its pidfd, its namespaces and its root, all opened while it was
//! certainly alive.
//!
//! A process number can be given to another process between any two looks at `/proc/NUMBER`. Here everything is
//! opened through one descriptor of the folder `/proc/NUMBER`, which belongs to one process for ever, and afterwards
//! the process is asked whether it still lives: if so, all that was opened is its own.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::namespace::{Kind, Namespace};
use crate::process::{Process, is_gone, parse_start};
use crate::{Error, Host};

/// A live process, held by descriptors.
#[derive(Debug)]
pub struct Pinned {
    /// What it was when it was pinned.
    pub process: Process,
    /// Its namespaces.
    pub namespaces: Vec<Namespace>,
    /// Its root directory (`O_PATH`).
    pub root: OwnedFd,
    /// Raw lines of its `/proc/PID/cgroup`.
    pub cgroup: String,
    /// uid and gid maps of its user namespace, as `/proc/PID/{uid,gid}_map` has them.
    pub id_maps: (String, String),
    /// Refers to it for ever; `None` where the kernel has no pidfd (before 5.3).
    pub pidfd: Option<OwnedFd>,
    folder: OwnedFd,
}

impl Pinned {
    /// Pins process `pid` of this machine.
    ///
    /// # Errors
    /// [`Error::NoProcess`] and [`Error::Gone`] where it has ended, [`Error::Denied`] where we may not look.
    pub fn open(pid: u32) -> Result<Self, Error> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Error::NoProcess { pid })?;
        let folder =
            openat(CWD, format!("/proc/{pid}"), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .map_err(|error| failure(pid, "/proc entry", error.into()))?;
        let pidfd = match pidfd_open(number, PidfdFlags::empty()) {
            Ok(fd) => Some(fd),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL) => None,
            Err(error) => return Err(failure(pid, "a handle", error.into())),
        };
        let namespaces = Kind::ALL
            .iter()
            .map(|(kind, name)| {
                open_namespace(&folder, *kind, name).map_err(|error| failure(pid, "the namespaces", error))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let root = openat(&folder, "root", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| failure(pid, "the root directory", error.into()))?;
        let read = |file| read_in(&folder, file).map_err(|error| failure(pid, file, error));
        let mut process = Process::parse_status(&read("status")?);
        process.pid = pid;
        process.started = parse_start(&read("stat")?).ok_or(Error::Gone { pid })?;
        let text = |file| read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let pinned = Pinned {
            namespaces,
            root,
            cgroup: text("cgroup")?,
            id_maps: (text("uid_map")?, text("gid_map")?),
            process,
            pidfd,
            folder,
        };
        // The last word: alive now means that everything above was read from a living process, and from this one.
        if pinned.is_alive() { Ok(pinned) } else { Err(Error::Gone { pid }) }
    }

    /// Whether the process still runs (a zombie does not).
    pub fn is_alive(&self) -> bool {
        read_in(&self.folder, "stat").is_ok_and(|stat| {
            let state = stat.iter().rposition(|byte| *byte == b')').and_then(|at| stat.get(at + 2)).copied();
            !matches!(state, None | Some(b'Z' | b'X')) && parse_start(&stat) == Some(self.process.started)
        })
    }

    /// Reads a file of its /proc folder, for instance `environ`.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, Error> {
        read_in(&self.folder, file).map_err(|error| failure(self.process.pid, file, error))
    }

    /// Its working directory, as a path below its root; `/` where it cannot be said.
    pub fn workdir(&self) -> std::path::PathBuf {
        let link = rustix::fs::readlinkat(&self.folder, "cwd", Vec::new()).unwrap_or_default();
        let path = link.into_string().unwrap_or_default();
        // A folder outside the root or removed meanwhile is written `(unreachable)…` or `… (deleted)`.
        if path.starts_with('/') && !path.ends_with(" (deleted)") { path.into() } else { "/".into() }
    }

    /// Its namespace of this kind.
    pub fn namespace(&self, kind: Kind) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.kind == kind)
    }

    /// The kinds of namespace in which it is not where we are.
    pub fn foreign_kinds(&self) -> io::Result<Vec<Kind>> {
        let mut kinds = Vec::new();
        for namespace in &self.namespaces {
            if Namespace::own(namespace.kind)?.inode != namespace.inode {
                kinds.push(namespace.kind);
            }
        }
        Ok(kinds)
    }
}

/// A kernel without cgroup namespaces (before 4.6) has six files; every other one is always there.
fn open_namespace(folder: &OwnedFd, kind: Kind, name: &str) -> io::Result<Namespace> {
    let fd = openat(folder, format!("ns/{name}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Namespace::from_fd(kind, fd)
}

fn read_in(folder: impl AsFd, file: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::from(openat(folder, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn failure(pid: u32, what: &str, source: io::Error) -> Error {
    match source {
        source if is_gone(&source) && what == "/proc entry" => Error::NoProcess { pid },
        source if is_gone(&source) => Error::Gone { pid },
        source => Error::Denied { what: what.to_owned(), pid, source },
    }
}

impl Host {
    /// Pins `pid`; only the real machine has processes to pin.
    pub fn pin(&self, pid: u32) -> Result<Pinned, Error> {
        Pinned::open(pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_living_process_is_pinned_and_a_dead_one_is_not() {
        let mut child = Command::new("/bin/cat").stdin(Stdio::piped()).spawn().expect("cat runs");
        let pinned = Pinned::open(child.id()).expect("it lives");
        assert!(pinned.is_alive());
        assert_eq!(pinned.namespaces.len(), Kind::ALL.len());
        assert_eq!(pinned.foreign_kinds().expect("our own are readable"), Vec::new());
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        assert!(!pinned.is_alive());
        assert!(matches!(Pinned::open(child.id()), Err(Error::NoProcess { .. })));
    }

    #[test]
    fn a_zombie_cannot_be_pinned() {
        let mut child = Command::new("/bin/true").spawn().expect("true runs");
        let pid = Pid::from_raw(child.id() as i32).expect("a pid");
        rustix::process::waitid(
            rustix::process::WaitId::Pid(pid),
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
        )
        .expect("it is our child");
        assert!(matches!(Pinned::open(child.id()), Err(Error::Gone { .. })));
        child.wait().expect("it is ours");
    }
}
