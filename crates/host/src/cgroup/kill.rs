//! Taking down every process of a cgroup, so that none escapes by forking.
//!
//! Three ways, best first: `cgroup.kill` (Linux 5.14) is atomic; freezing stops the clock while each process gets its
//! SIGKILL; without a freezer the list is read again until it is empty.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::Leaf;
use crate::Error;

/// Files of one cgroup, held open: they work in any root and any mount namespace. Files only, never the folder:
/// whoever gets at a folder's descriptor can climb out of it.
#[derive(Debug)]
pub struct KillSwitch {
    kill: Option<File>,
    /// The file with what to write into it for frozen and for thawed.
    freeze: Option<(File, &'static str, &'static str)>,
    procs: File,
}

impl KillSwitch {
    pub(super) fn open(leaf: &Leaf) -> Result<Self, Error> {
        let writable = |path: &Path| File::options().write(true).open(path).ok();
        let (folder, kill, freeze) = match (&leaf.v2, leaf.v1.last()) {
            (Some(v2), _) => {
                let freeze = writable(&v2.join("cgroup.freeze")).map(|file| (file, "1", "0"));
                (v2, writable(&v2.join("cgroup.kill")), freeze)
            }
            (None, Some(v1)) => (v1, None, writable(&v1.join("freezer.state")).map(|file| (file, "FROZEN", "THAWED"))),
            (None, None) => return Err(Error::NoCgroups),
        };
        let path = folder.join("cgroup.procs");
        let procs = File::open(&path).map_err(|source| Error::Cgroup { what: "open", path, source })?;
        Ok(KillSwitch { kill, freeze, procs })
    }

    /// Kills all that is in the cgroup. Returns when every process has its SIGKILL, not when it is gone.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(kill) = &mut self.kill {
            return kill.write_all(b"1");
        }
        self.freeze_with(|(_, frozen, _)| frozen)?;
        let result = self.kill_each();
        self.freeze_with(|(_, _, thawed)| thawed)?;
        result
    }

    /// The numbers of the processes in the cgroup, in our pid namespace (0 for one outside it).
    pub fn pids(&mut self) -> io::Result<Vec<u32>> {
        let mut text = String::new();
        self.procs.rewind()?;
        self.procs.read_to_string(&mut text)?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Whether no live process is in it. Zombies do not count: v2 does not list them and v1 lists them as threads of
    /// none.
    pub fn is_empty(&mut self) -> io::Result<bool> {
        Ok(self.pids()?.is_empty())
    }

    /// Stops every process where it is. `None` where nothing can freeze.
    pub fn freeze(&mut self) -> io::Result<()> {
        self.freeze_with(|(_, frozen, _)| frozen)
    }

    /// Lets frozen processes go on.
    pub fn thaw(&mut self) -> io::Result<()> {
        self.freeze_with(|(_, _, thawed)| thawed)
    }

    fn freeze_with(&mut self, word: fn(&(File, &'static str, &'static str)) -> &'static str) -> io::Result<()> {
        let Some(freeze) = &mut self.freeze else { return Ok(()) };
        let word = word(freeze);
        freeze.0.write_all(word.as_bytes())
    }

    fn kill_each(&mut self) -> io::Result<()> {
        // A process that forks faster than we read is caught by the limit on its number of children.
        for _ in 0..1000 {
            let pids = self.pids()?;
            if pids.is_empty() {
                return Ok(());
            }
            for pid in pids {
                self.kill_one(pid)?;
            }
            if self.freeze.is_some() {
                // Frozen, none can fork: one pass has hit them all, and they die when thawed.
                return Ok(());
            }
        }
        Err(io::Error::other("processes of the session fork faster than they can be killed"))
    }

    /// The number may be another process's by now: hold it, look whether it is still in the cgroup, then kill.
    fn kill_one(&mut self, pid: u32) -> io::Result<()> {
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(handle) => {
                if self.pids()?.contains(&pid) {
                    let _ = pidfd_send_signal(&handle, Signal::KILL);
                }
            }
            // Before 5.3 nothing can hold a process; frozen, it cannot end and lose its number either.
            Err(rustix::io::Errno::NOSYS) => drop(rustix::process::kill_process(number, Signal::KILL)),
            Err(_) => {}
        }
        Ok(())
    }
}
