//! The machine itself, and who its users are.

use std::fs;
use std::path::Path;

/// What `/proc` says of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// The highest process id that it gives out.
    pub max_pid: u64,
    /// Its name.
    pub hostname: Vec<u8>,
    /// When it was started, in nanoseconds since 1970.
    pub booted: u64,
}

/// A user or a group, as `/etc/passwd` and `/etc/group` have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// A user.
    User {
        /// Number.
        uid: u32,
        /// Number of the first group.
        gid: u32,
        /// Name, home folder, and what a login starts.
        texts: [String; 3],
    },
    /// A group.
    Group {
        /// Number.
        gid: u32,
        /// Name.
        name: String,
    },
}

pub(super) fn read(proc: &Path) -> Machine {
    let text = |name: &str| fs::read_to_string(proc.join(name)).unwrap_or_default();
    let number = |text: &str| text.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap_or(0);
    let line = |text: &str, begin: &str| number(text.lines().find_map(|line| line.strip_prefix(begin)).unwrap_or(""));
    let stat = text("stat");
    let is_processor =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    Machine {
        cpus: stat.lines().filter(is_processor).count() as u32,
        memory: line(&text("meminfo"), "MemTotal:").saturating_mul(1024),
        max_pid: number(&text("sys/kernel/pid_max")),
        hostname: text("sys/kernel/hostname").trim_end().as_bytes().to_vec(),
        booted: line(&stat, "btime").saturating_mul(1_000_000_000),
    }
}

/// Users, then groups; lines that make no sense are passed over.
pub(super) fn accounts(folder: &Path) -> Vec<Account> {
    let text = |name: &str| {
        let bytes = fs::read(folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let user = |line: &str| {
        let parts: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = parts[..] else { return None };
        let texts = [name, home, shell].map(str::to_owned);
        Some(Account::User { uid: uid.parse().ok()?, gid: gid.parse().ok()?, texts })
    };
    let group = |line: &str| {
        let mut parts = line.split(':');
        let name = parts.next()?.to_owned();
        Some(Account::Group { gid: parts.nth(1)?.parse().ok()?, name })
    };
    let (users, groups) = (text("passwd"), text("group"));
    users.lines().filter_map(user).chain(groups.lines().filter_map(group)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let machine = read(Path::new("/proc"));
        assert!(machine.cpus > 0 && machine.memory > 1 << 20 && machine.max_pid >= 4096, "{machine:?}");
        assert!(machine.booted > 1_000_000_000_000_000_000 && !machine.hostname.is_empty(), "{machine:?}");
    }

    #[test]
    fn accounts_are_those_that_make_sense() {
        let folder = std::env::temp_dir().join(format!("fathom-accounts-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let passwd = "root:x:0:7:Root:/root:/bin/sh\n+nis\nbad:x:no:0::/:/bin/sh\n";
        fs::write(folder.join("passwd"), passwd).expect("a file can be written");
        fs::write(folder.join("group"), "wheel:x:7:root\nbroken\n").expect("a file can be written");
        let texts = ["root", "/root", "/bin/sh"].map(str::to_owned);
        let expected = [Account::User { uid: 0, gid: 7, texts }, Account::Group { gid: 7, name: "wheel".to_owned() }];
        assert_eq!(accounts(&folder), expected);
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
