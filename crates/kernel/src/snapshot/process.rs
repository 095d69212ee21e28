//! One process out of its folder in `/proc`; formats as in proc(5).

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "names are the field's own, as in proc(5)")]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    /// As seen from the innermost pid namespace that it is in.
    pub vpid: u32,
    pub pgid: u32,
    pub vpgid: u32,
    pub sid: u32,
    pub vsid: u32,
    pub tty: u32,
    /// The kernel's flags of the task, `PF_`.
    pub flags: u32,
    pub minor_faults: u64,
    pub major_faults: u64,
    /// Since boot, in clock ticks.
    pub start: u64,
    pub uid: u32,
    pub gid: u32,
    pub loginuid: u32,
    pub inheritable: u64,
    pub permitted: u64,
    pub effective: u64,
    pub size_kib: u32,
    pub resident_kib: u32,
    pub swap_kib: u32,
    pub fd_limit: u64,
    pub comm: Vec<u8>,
    /// Arguments, each ended by NUL; the first is what the program is called.
    pub args: Vec<u8>,
    /// Environment, the same.
    pub env: Vec<u8>,
    pub exe: Vec<u8>,
    pub cwd: Vec<u8>,
    pub root: Vec<u8>,
    /// The file `cgroup`, line by line.
    pub cgroups: Vec<u8>,
    /// Processes in the same cgroups have the same number here; 0 where the kernel was not asked.
    pub shared_cgroups: u64,
    pub threads: Vec<Thread>,
}

/// One thread of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "names are the field's own, as in proc(5)")]
pub struct Thread {
    pub tid: u32,
    pub vtid: u32,
    pub comm: Vec<u8>,
}

/// The process in `folder`; nothing if it has ended.
pub(super) fn read(folder: &Path, pid: u32) -> Option<Process> {
    let mut process = Process { pid, ..Process::default() };
    process.take_stat(&fs::read(folder.join("stat")).ok()?)?;
    process.take_status(&text(&folder.join("status"))?);
    let file = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
    let link =
        |name: &str| fs::read_link(folder.join(name)).map(|path| path.into_os_string().into_vec()).unwrap_or_default();
    process.args = file("cmdline");
    process.env = file("environ");
    process.cgroups = super::cgroups(folder).unwrap_or_default();
    process.exe = link("exe");
    process.cwd = link("cwd");
    process.root = link("root");
    process.loginuid = text(&folder.join("loginuid")).and_then(|text| text.trim().parse().ok()).unwrap_or(u32::MAX);
    process.fd_limit = text(&folder.join("limits")).and_then(|text| open_files(&text)).unwrap_or(0);
    for tid in super::numbers(&folder.join("task")) {
        let status = text(&folder.join("task").join(tid.to_string()).join("status")).unwrap_or_default();
        let vtid = line(&status, "NSpid").and_then(last).unwrap_or(tid);
        let comm = fs::read(folder.join("task").join(tid.to_string()).join("comm")).unwrap_or_default();
        let comm = comm.strip_suffix(b"\n").unwrap_or(&comm).to_vec();
        process.threads.push(Thread { tid, vtid, comm });
    }
    Some(process)
}

/// The parent of the process in `folder`.
pub(super) fn parent(folder: &Path) -> Option<u32> {
    let mut process = Process::default();
    process.take_stat(&fs::read(folder.join("stat")).ok()?)?;
    Some(process.parent)
}

/// `PF_EXITING` of the kernel's `sched.h`.
const ENDING: u64 = 4;

/// Whether the process of a file `stat` has ended, or is about to.
pub(super) fn is_ending(stat: &[u8]) -> Option<bool> {
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(stat.get(name_ends + 2..)?).ok()?.split(' ');
    let state = fields.next()?;
    let flags: u64 = fields.nth(5)?.parse().ok()?;
    Some(["Z", "X", "x"].contains(&state) || flags & ENDING != 0)
}

/// Hundredths of seconds in its own code and in the kernel, of `stat`: the name before them may have brackets in it.
pub(super) fn used(stat: &[u8]) -> Option<[u64; 2]> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?])
}

impl Process {
    /// The name stands in brackets and may hold brackets itself; numbers follow the last one.
    fn take_stat(&mut self, stat: &[u8]) -> Option<()> {
        let open = stat.iter().position(|byte| *byte == b'(')?;
        let close = stat.iter().rposition(|byte| *byte == b')')?;
        self.comm = stat.get(open + 1..close)?.to_vec();
        let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // Numbered in proc(5) from 1; the state, the first of these, is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        self.parent = field(4)? as u32;
        self.pgid = field(5)? as u32;
        self.sid = field(6)? as u32;
        self.tty = field(7)? as u32;
        self.flags = field(9)? as u32;
        self.minor_faults = field(10)?;
        self.major_faults = field(12)?;
        self.start = field(22)?;
        Some(())
    }

    fn take_status(&mut self, status: &str) {
        let kib = |name: &str| first(line(status, name).unwrap_or_default()).unwrap_or(0);
        let second = |name: &str| line(status, name).and_then(|ids| ids.split_whitespace().nth(1)?.parse().ok());
        let bits = |name: &str| line(status, name).and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        self.uid = second("Uid").unwrap_or(u32::MAX);
        self.gid = second("Gid").unwrap_or(u32::MAX);
        self.inheritable = bits("CapInh").unwrap_or(0);
        self.permitted = bits("CapPrm").unwrap_or(0);
        self.effective = bits("CapEff").unwrap_or(0);
        self.size_kib = kib("VmSize");
        self.resident_kib = kib("VmRSS");
        self.swap_kib = kib("VmSwap");
        self.vpid = line(status, "NSpid").and_then(last).unwrap_or(self.pid);
        self.vpgid = line(status, "NSpgid").and_then(last).unwrap_or(self.pgid);
        self.vsid = line(status, "NSsid").and_then(last).unwrap_or(self.sid);
    }
}

fn text(path: &Path) -> Option<String> {
    Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
}

/// What follows `NAME:` in a file of such lines.
fn line<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

fn first(words: &str) -> Option<u32> {
    words.split_whitespace().next()?.parse().ok()
}

fn last(words: &str) -> Option<u32> {
    words.split_whitespace().next_back()?.parse().ok()
}

/// How many descriptors it may have open, out of `limits`.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let mut process = Process::default();
        let stat = b"7 (a) (b c) S 1 2 3 34816 5 4194560 100 0 9 0 1 2 0 0 20 0 1 0 4711 1 2";
        process.take_stat(stat).expect("it is whole");
        assert_eq!(process.comm, b"a) (b c");
        assert_eq!((process.parent, process.pgid, process.sid, process.tty), (1, 2, 3, 34816));
        assert_eq!(
            (process.flags, process.minor_faults, process.major_faults, process.start),
            (4_194_560, 100, 9, 4711)
        );
    }

    #[test]
    fn times_stand_behind_the_name() {
        let stat = b"42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 7 9 0 0 20 0 1 0 100 0 0";
        assert_eq!((used(stat), used(b"42 (a"), used(b"")), (Some([7, 9]), None, None));
        let own = std::process::id();
        assert!(super::super::used(own, own).is_some());
    }

    #[test]
    fn who_is_about_to_end_is_known_before_it_has() {
        for (stat, ends) in [
            (&b"42 (a) b) S 1 42 42 0 -1 4194560 100 0"[..], Some(false)),
            (b"42 (a) R 1 42 42 0 -1 4194308 100 0", Some(true)),
            (b"42 (a) Z 1 42 42 0 -1 4194560 100 0", Some(true)),
            (b"42 (a) R 1 42", None),
            (b"", None),
        ] {
            assert_eq!(is_ending(stat), ends, "{}", String::from_utf8_lossy(stat));
        }
    }

    #[test]
    fn numbers_inside_are_the_last() {
        let mut process = Process { pid: 5, ..Process::default() };
        process.take_status("Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t5\t1\nVmRSS:\t  120 kB\nCapEff:\t00ff\n");
        assert_eq!((process.uid, process.gid, process.vpid, process.resident_kib), (2, 6, 1, 120));
        assert_eq!(process.effective, 0xff);
        assert_eq!(open_files("Max open files            1024                 4096                 files"), Some(1024));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(stat: Vec<u8>, status: String) {
            let mut process = Process::default();
            let _ = process.take_stat(&stat);
            is_ending(&stat);
            process.take_status(&status);
            let _ = open_files(&status);
        }
    }
}
