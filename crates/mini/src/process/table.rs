//! Every process that /proc shows, as plain data.
//!
//! A process may end while it is being read: then it is left out. Formats: proc_pid_stat(5), proc_pid_status(5).

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One process. Times are in clock ticks as the kernel gives them; see [`System::ticks`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// Effective.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) name: String,
    /// Empty for kernel threads.
    pub(crate) words: Vec<String>,
    pub(crate) state: char,
    /// Major and minor number of its terminal, as one number; 0 for none.
    pub(crate) terminal: i32,
    /// The process group in the foreground of its terminal.
    pub(crate) foreground: i32,
    pub(crate) user_ticks: u64,
    pub(crate) system_ticks: u64,
    pub(crate) priority: i64,
    pub(crate) nice: i64,
    pub(crate) threads: i64,
    /// After boot.
    pub(crate) start_ticks: u64,
    pub(crate) virtual_bytes: u64,
    pub(crate) resident_pages: u64,
    pub(crate) processor: i32,
}

impl Process {
    /// All processes, by number.
    pub(crate) fn all() -> std::io::Result<Vec<Self>> {
        let mut all: Vec<Self> = fs::read_dir("/proc")?
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(Self::read)
            .collect();
        all.sort_by_key(|process| process.pid);
        Ok(all)
    }

    /// The process `pid`, if it is (still) there.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let mut process = Self::from_stat(&String::from_utf8_lossy(&stat))?;
        let status = fs::read(format!("/proc/{pid}/status")).ok()?;
        let status = String::from_utf8_lossy(&status);
        process.uid = effective(&status, "Uid:")?;
        process.gid = effective(&status, "Gid:")?;
        let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        process.words = String::from_utf8_lossy(&words)
            .trim_end_matches('\0')
            .split('\0')
            .map(str::to_owned)
            .filter(|_| !words.is_empty())
            .collect();
        Some(process)
    }

    /// Reads the one line of `stat`. The name may hold anything, brackets and newlines too: it ends at the last `)`.
    fn from_stat(text: &str) -> Option<Self> {
        let (start, end) = (text.find('(')?, text.rfind(')')?);
        let fields: Vec<&str> = text.get(end + 1..)?.split_whitespace().collect();
        // Numbered as in the manual page, where the state is field 3.
        let field = |number: usize| fields.get(number - 3).copied();
        fn number<N: std::str::FromStr>(text: Option<&str>) -> Option<N> {
            text?.parse().ok()
        }
        Some(Process {
            pid: text.get(..start)?.trim().parse().ok()?,
            name: text.get(start + 1..end)?.to_owned(),
            state: field(3)?.chars().next()?,
            parent: number(field(4))?,
            group: number(field(5))?,
            session: number(field(6))?,
            terminal: number(field(7))?,
            foreground: number(field(8))?,
            user_ticks: number(field(14))?,
            system_ticks: number(field(15))?,
            priority: number(field(18))?,
            nice: number(field(19))?,
            threads: number(field(20))?,
            start_ticks: number(field(22))?,
            virtual_bytes: number(field(23))?,
            resident_pages: number(field(24))?,
            processor: number(field(39)).unwrap_or(0),
            ..Process::default()
        })
    }

    /// What runs, for people: the words, or the name in brackets.
    pub(crate) fn command(&self) -> String {
        let text = if self.words.is_empty() { format!("[{}]", self.name) } else { self.words.join(" ") };
        // A command line can hold newlines and escapes; a list has one line each.
        text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
    }

    /// Processor time used, in ticks.
    pub(crate) fn ticks(&self) -> u64 {
        self.user_ticks + self.system_ticks
    }
}

/// The second number of a line `Uid: real effective saved filesystem`.
fn effective(status: &str, key: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().nth(1)?.parse().ok()
}

/// What processes are measured against.
pub(crate) struct System {
    /// Clock ticks in a second.
    pub(crate) ticks: u64,
    pub(crate) page: u64,
    pub(crate) memory: u64,
    pub(crate) uptime: Duration,
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl System {
    /// Reads it from this machine; what is missing counts as nothing.
    pub(crate) fn read() -> Self {
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = uptime.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
        System {
            ticks: rustix::param::clock_ticks_per_second().max(1),
            page: rustix::param::page_size() as u64,
            memory: crate::system::memory().ok().and_then(|all| all.get("MemTotal").copied()).unwrap_or(0),
            uptime: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            users: names("/etc/passwd"),
            groups: names("/etc/group"),
        }
    }

    /// The user's name, or the number.
    pub(crate) fn user(&self, uid: u32) -> String {
        self.users.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    /// The group's name, or the number.
    pub(crate) fn group(&self, gid: u32) -> String {
        self.groups.get(&gid).cloned().unwrap_or_else(|| gid.to_string())
    }

    /// The number that a user's name or number stands for.
    pub(crate) fn uid(&self, text: &str) -> Option<u32> {
        let named = self.users.iter().find(|(_, name)| *name == text).map(|(uid, _)| *uid);
        named.or_else(|| text.parse().ok())
    }

    /// How long a process has run.
    pub(crate) fn age(&self, process: &Process) -> Duration {
        self.uptime.saturating_sub(self.span(process.start_ticks))
    }

    /// When a process began, in seconds since 1970.
    pub(crate) fn began(&self, process: &Process) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.saturating_sub(self.age(process)).as_secs()).unwrap_or(0)
    }

    /// Ticks as time.
    pub(crate) fn span(&self, ticks: u64) -> Duration {
        Duration::from_millis(ticks.saturating_mul(1000) / self.ticks)
    }
}

/// `NAME:x:NUMBER:` lines; a toolkit's root may have no such file.
fn names(path: &str) -> HashMap<u32, String> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
        })
        .collect()
}

/// `pts/3`, `tty1` or `?`; numbers from the kernel's Documentation/admin-guide/devices.txt.
pub(crate) fn terminal_name(device: i32) -> String {
    let device = device.cast_unsigned();
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    match major {
        0 => "?".to_owned(),
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        229 => format!("hvc{minor}"),
        _ => format!("{major}:{minor}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_brackets_and_newlines() {
        let tail = "S 1 2 3 34817 4 0 0 0 0 0 7 8 0 0 20 0 1 0 99 4096 2 0";
        let process = Process::from_stat(&format!("42 (a) b\n(c) {tail}")).expect("a process");
        assert_eq!((process.pid, process.name.as_str(), process.ticks()), (42, "a) b\n(c", 15));
        assert_eq!((process.start_ticks, process.resident_pages), (99, 2));
        assert_eq!(Process::from_stat("42 (a) S 1"), None);
        assert_eq!(Process::from_stat(")("), None);
    }

    #[test]
    fn terminals_have_names() {
        for (device, expect) in
            [(0, "?"), (34817, "pts/1"), (1025, "tty1"), (1088, "ttyS0"), (136 << 8 | 1 << 20, "pts/256")]
        {
            assert_eq!(terminal_name(device), expect);
        }
    }

    #[test]
    fn we_are_in_the_table() {
        let own = i32::try_from(std::process::id()).expect("a pid fits");
        let found = Process::all().expect("/proc").into_iter().find(|process| process.pid == own).expect("ourselves");
        assert_eq!(found.uid, rustix::process::geteuid().as_raw());
        assert!(!found.words.is_empty());
    }
}
