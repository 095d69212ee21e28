//! One process as /proc describes it: who it is, what it may do, when it started.
//!
//! From `/proc/PID/{status,stat}` to [`Process`]; parsing is pure and tolerates lines that an older kernel lacks.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Host};

/// What `/proc/PID/status` and `/proc/PID/stat` say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Process {
    /// Its number in our pid namespace.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// Command name, at most 15 bytes, as the kernel keeps it.
    pub name: String,
    /// `R`, `S`, `Z`, …
    pub state: char,
    /// Its numbers from our pid namespace down to its own.
    pub pids: Vec<u32>,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Capability sets.
    pub capabilities: Capabilities,
    /// Whether exec can gain rights no more.
    pub no_new_privs: u8,
    /// 0 off, 1 strict, 2 filter.
    pub seccomp: u8,
    /// Start, in clock ticks since boot.
    pub started: u64,
}

/// The five capability sets as bit masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// Kept over exec by files that ask for them.
    pub inheritable: u64,
    /// May be made effective.
    pub permitted: u64,
    /// In force.
    pub effective: u64,
    /// The most that exec can give.
    pub bounding: u64,
    /// Kept over exec by plain files.
    pub ambient: u64,
}

impl Host {
    /// Every process number, in no order. Processes come and go meanwhile.
    pub fn pids(&self) -> Result<Vec<u32>, Error> {
        let path = self.path("proc");
        let entries = std::fs::read_dir(&path).map_err(|source| Error::Read { path, source })?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
    }

    /// The process with this number.
    pub fn process(&self, pid: u32) -> Result<Process, Error> {
        let read = |file: &str| {
            let path = format!("proc/{pid}/{file}");
            self.read(&path).map_err(|error| match error {
                Error::Read { source, .. } if is_gone(&source) => Error::NoProcess { pid },
                other => other,
            })
        };
        let mut process = Process::parse_status(&read("status")?);
        let stat = read("stat")?;
        process.started = parse_start(&stat).ok_or_else(|| Error::Parse {
            path: self.path(Path::new("proc").join(pid.to_string()).join("stat")),
            what: "a start time in field 22",
        })?;
        process.pid = pid;
        Ok(process)
    }
}

/// Whether reading failed because the process is no more.
pub(crate) fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

impl Process {
    /// Reads `/proc/PID/status`. Lines that are missing leave their default.
    pub fn parse_status(text: &[u8]) -> Process {
        let text = String::from_utf8_lossy(text);
        let mut process = Process::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            let hex = || u64::from_str_radix(value, 16).unwrap_or(0);
            // Real, effective, saved, file system: the effective one decides what a process may do.
            let effective = || value.split_ascii_whitespace().nth(1).and_then(|id| id.parse().ok()).unwrap_or(0);
            let numbers = || value.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect();
            match key {
                "Name" => process.name = value.to_owned(),
                "State" => process.state = value.chars().next().unwrap_or('?'),
                "Pid" => process.pid = value.parse().unwrap_or(0),
                "PPid" => process.parent = value.parse().unwrap_or(0),
                "NSpid" => process.pids = numbers(),
                "Uid" => process.uid = effective(),
                "Gid" => process.gid = effective(),
                "Groups" => process.groups = numbers(),
                "CapInh" => process.capabilities.inheritable = hex(),
                "CapPrm" => process.capabilities.permitted = hex(),
                "CapEff" => process.capabilities.effective = hex(),
                "CapBnd" => process.capabilities.bounding = hex(),
                "CapAmb" => process.capabilities.ambient = hex(),
                "NoNewPrivs" => process.no_new_privs = value.parse().unwrap_or(0),
                "Seccomp" => process.seccomp = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        process
    }

    /// Its number in its own pid namespace.
    pub fn own_pid(&self) -> u32 {
        self.pids.last().copied().unwrap_or(self.pid)
    }
}

/// Field 22 of `/proc/PID/stat`. The name in field 2 may hold spaces and parentheses, so counting starts at the
/// last `)`.
pub(crate) fn parse_start(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[after_name + 1..]).ok()?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn status_of_a_process_in_a_container() {
        let process = Process::parse_status(
            b"Name:\tweb server\nState:\tS (sleeping)\nPid:\t4211\nPPid:\t4190\nUid:\t0\t65532\t65532\t65532\n\
              Gid:\t65532\t65532\t65532\t65532\nGroups:\t10 20 \nNSpid:\t4211\t1\nCapBnd:\t00000000a80425fb\n\
              NoNewPrivs:\t1\nSeccomp:\t2\n",
        );
        assert_eq!((process.name.as_str(), process.uid, process.own_pid()), ("web server", 65532, 1));
        assert_eq!((process.groups.as_slice(), process.state), ([10, 20].as_slice(), 'S'));
        assert_eq!((process.capabilities.bounding, process.no_new_privs, process.seccomp), (0xa804_25fb, 1, 2));
    }

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = b"7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 9";
        assert_eq!(parse_start(stat), Some(123_456));
        assert_eq!(parse_start(b"7 (a"), None);
        assert_eq!(parse_start(b"7 (a) S 1"), None);
    }

    #[test]
    fn our_own_process_is_found() {
        let me = Host::local().process(std::process::id()).expect("we run");
        assert_eq!(me.pid, std::process::id());
        assert!(me.started > 0);
        assert!(matches!(Host::local().process(i32::MAX as u32), Err(Error::NoProcess { .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            Process::parse_status(&bytes);
            parse_start(&bytes);
        }
    }
}
