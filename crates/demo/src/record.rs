//! What is on disk: one state file per sandbox, which `runtime` reads as well, and the keeper's own.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use fathom_host::Host;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::report::{SandboxStatus, State};
use crate::shop::Sandbox;

/// A process that cannot be mistaken for a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Its number on this machine.
    pub(crate) pid: u32,
    /// Its start in clock ticks since boot.
    pub(crate) ticks: u64,
}

impl Identity {
    /// Of the process that has this number now.
    pub(crate) fn of(pid: u32) -> Option<Identity> {
        Host::local().process(pid).ok().map(|process| Identity { pid, ticks: process.started })
    }

    /// A handle of it, if it lives.
    pub(crate) fn open(self) -> Option<rustix::fd::OwnedFd> {
        let number = i32::try_from(self.pid).ok().and_then(Pid::from_raw)?;
        let handle = pidfd_open(number, PidfdFlags::empty()).ok()?;
        // Asked after the handle was opened: if the number has its start now, the handle is of it.
        (Identity::of(self.pid) == Some(self)).then_some(handle)
    }

    /// Sends it `signal` and gives a handle to wait for its end; `None` if it is gone.
    pub(crate) fn signal(self, signal: Signal) -> Option<rustix::fd::OwnedFd> {
        let handle = self.open()?;
        pidfd_send_signal(&handle, signal).ok()?;
        Some(handle)
    }
}

/// `NAME.json`. Readers outside this crate know the first five.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The name: it is what the cgroup is called, by which /proc knows the sandbox.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) pid: Option<u32>,
    pub(crate) started: Option<u64>,
    pub(crate) ticks: Option<u64>,
    pub(crate) address: Ipv4Addr,
    pub(crate) port: Option<u16>,
    pub(crate) restarts: u32,
    pub(crate) last_exit: Option<i32>,
}

impl Record {
    pub(crate) fn of(sandbox: &Sandbox) -> Record {
        Record {
            id: sandbox.name.to_owned(),
            name: sandbox.name.to_owned(),
            image: sandbox.image(),
            pid: None,
            started: None,
            ticks: None,
            address: sandbox.address(),
            port: sandbox.port,
            restarts: 0,
            last_exit: None,
        }
    }

    pub(crate) fn read(place: &Place, name: &str) -> Option<Record> {
        serde_json::from_slice(&fs::read(place.folder().join(format!("{name}.json"))).ok()?).ok()
    }

    pub(crate) fn write(&self, place: &Place) -> io::Result<()> {
        replace(&place.folder().join(format!("{}.json", self.name)), self)
    }

    /// Its first process, if it has one.
    pub(crate) fn identity(&self) -> Option<Identity> {
        Some(Identity { pid: self.pid?, ticks: self.ticks? })
    }

    /// What `status` says of it.
    pub(crate) fn status(self) -> SandboxStatus {
        let lives = self.identity().is_some_and(|identity| identity.open().is_some());
        SandboxStatus {
            name: self.name,
            image: self.image,
            state: if lives { State::Running } else { State::Restarting },
            pid: self.pid.filter(|_| lives),
            address: self.address,
            port: self.port,
            restarts: self.restarts,
            last_exit: self.last_exit,
            started: self.started.filter(|_| lives),
        }
    }
}

/// What the keeper says of itself, in a file beside the one that it holds locked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeeperRecord {
    #[serde(flatten)]
    pub(crate) keeper: Identity,
    pub(crate) stage: Stage,
    pub(crate) missing: Vec<String>,
}

/// How far a keeper has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Web has not answered yet.
    Opening,
    /// The shop is open.
    Open,
}

impl KeeperRecord {
    pub(crate) fn read(place: &Place) -> Option<KeeperRecord> {
        serde_json::from_slice(&fs::read(place.keeper_record()).ok()?).ok()
    }

    pub(crate) fn write(&self, place: &Place) -> io::Result<()> {
        replace(&place.keeper_record(), self)
    }
}

/// Readers see the old file or the new one, never a half.
fn replace(path: &Path, content: &impl Serialize) -> io::Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, serde_json::to_vec(content)?)?;
    fs::rename(fresh, path)
}
