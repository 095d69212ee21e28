//! Tools for the machine and the toolkit itself: mounts, memory, kernel messages, where commands are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, serve, unknown};
use crate::table::{APPLETS, Group};

/// `mount`: lists; mounting is the entered system's own business.
pub(crate) fn mount(argv: Vec<OsString>) -> i32 {
    let manual =
        Manual { usage: "mount [-t TYPE]\n  Lists what is mounted here, from /proc/self/mountinfo.", failure: 1 };
    serve(argv, &manual, |mut words, out| {
        let mut kind = None;
        while let Some(word) = words.next()? {
            match word {
                Word::Short('t') => kind = Some(words.text()?),
                Word::Short('l') => {}
                other => return Err(unknown(&other)),
            }
        }
        for line in read("/proc/self/mountinfo")?.lines() {
            let Some(mount) = Mount::read(line) else { continue };
            if kind.as_ref().is_none_or(|wanted| wanted.split(',').any(|kind| kind == mount.kind)) {
                writeln!(out, "{} on {} type {} ({})", mount.source, mount.point, mount.kind, mount.options)?;
            }
        }
        Ok(0)
    })
}

/// One line of mountinfo, see proc_pid_mountinfo(5).
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    source: String,
    point: String,
    kind: String,
    options: String,
}

impl Mount {
    fn read(line: &str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(4);
        let (point, options) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, source) = (right.next()?, right.next()?);
        let more = right.next().unwrap_or_default();
        let more: Vec<&str> = more.split(',').filter(|option| !matches!(*option, "" | "rw" | "ro")).collect();
        let options = if more.is_empty() { options.to_owned() } else { format!("{options},{}", more.join(",")) };
        Some(Mount { source: unescape(source), point: unescape(point), kind: kind.to_owned(), options })
    }
}

/// The kernel writes space, tab, newline and backslash as octal escapes.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// `free`.
pub(crate) fn free(argv: Vec<OsString>) -> i32 {
    let manual = Manual {
        usage: "free [-b | -k | -m | -g | -h]\n  Memory and swap, from /proc/meminfo; in KiB unless told otherwise.",
        failure: 1,
    };
    serve(argv, &manual, |mut words, out| {
        let mut unit = Unit::Of(1024);
        while let Some(word) = words.next()? {
            unit = match word {
                Word::Short('b') => Unit::Of(1),
                Word::Short('k') => Unit::Of(1 << 10),
                Word::Short('m') => Unit::Of(1 << 20),
                Word::Short('g') => Unit::Of(1 << 30),
                Word::Short('h') => Unit::Fitting,
                other => return Err(unknown(&other)),
            };
        }
        let memory = memory()?;
        let of = |name: &str| memory.get(name).copied().unwrap_or(0);
        let cache = of("Buffers") + of("Cached") + of("SReclaimable");
        let used = of("MemTotal").saturating_sub(of("MemAvailable"));
        writeln!(out, "{:15}{:>12}{:>12}{:>12}{:>12}{:>12}", "", "total", "used", "free", "buff/cache", "available")?;
        let row = [of("MemTotal"), used, of("MemFree"), cache, of("MemAvailable")].map(|bytes| unit.show(bytes));
        writeln!(out, "{:15}{:>12}{:>12}{:>12}{:>12}{:>12}", "Mem:", row[0], row[1], row[2], row[3], row[4])?;
        let swap = [of("SwapTotal"), of("SwapTotal").saturating_sub(of("SwapFree")), of("SwapFree")];
        let row = swap.map(|bytes| unit.show(bytes));
        writeln!(out, "{:15}{:>12}{:>12}{:>12}", "Swap:", row[0], row[1], row[2])?;
        Ok(0)
    })
}

/// How amounts of memory are written.
#[derive(Clone, Copy)]
enum Unit {
    Of(u64),
    Fitting,
}

impl Unit {
    fn show(self, bytes: u64) -> String {
        match self {
            Unit::Of(size) => (bytes / size).to_string(),
            Unit::Fitting => fitting(bytes),
        }
    }
}

/// `1.5Gi`: the largest unit that leaves at least one.
fn fitting(bytes: u64) -> String {
    let units = ["B", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let mut power = 0;
    while power + 1 < units.len() && bytes >> (10 * (power + 1)) > 0 {
        power += 1;
    }
    let tenths = (u128::from(bytes) * 10) >> (10 * power);
    if power == 0 || tenths >= 100 {
        format!("{}{}", tenths / 10, units[power])
    } else {
        format!("{}.{}{}", tenths / 10, tenths % 10, units[power])
    }
}

/// /proc/meminfo in bytes.
pub(crate) fn memory() -> Result<BTreeMap<String, u64>, Trouble> {
    let text = read("/proc/meminfo")?;
    let rows = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let kibibytes: u64 = rest.split_whitespace().next()?.parse().ok()?;
        Some((name.to_owned(), kibibytes * 1024))
    });
    Ok(rows.collect())
}

/// `dmesg`.
pub(crate) fn dmesg(argv: Vec<OsString>) -> i32 {
    let manual = Manual { usage: "dmesg [-r]\n  The kernel's messages; -r keeps their levels.", failure: 1 };
    serve(argv, &manual, |mut words, out| {
        let mut raw = false;
        while let Some(word) = words.next()? {
            match word {
                Word::Short('r') => raw = true,
                other => return Err(unknown(&other)),
            }
        }
        // One record a read; non-blocking, so that the end of the log is an error and not a wait.
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        let log = rustix::fs::open("/dev/kmsg", flags, rustix::fs::Mode::empty())
            .map_err(|cause| Trouble::doing("cannot open /dev/kmsg")(cause.into()))?;
        let mut log = fs::File::from(log);
        let mut record = vec![0; 8192];
        loop {
            match log.read(&mut record) {
                Ok(0) => return Ok(0),
                Ok(length) => message(out, &String::from_utf8_lossy(&record[..length]), raw)?,
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => return Ok(0),
                // The oldest record was overwritten while we read; the next read goes on after it.
                Err(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => {}
                Err(cause) => return Err(Trouble::doing("cannot read /dev/kmsg")(cause)),
            }
        }
    })
}

/// Prints `level,sequence,microseconds,flags;text` (kernel: Documentation/ABI/testing/dev-kmsg).
fn message(out: &mut Out, record: &str, raw: bool) -> Result<(), Trouble> {
    let Some((head, text)) = record.split_once(';') else { return Ok(()) };
    let mut head = head.split(',');
    let level = head.next().unwrap_or_default();
    let microseconds: u64 = head.nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    if raw {
        write!(out, "<{level}>")?;
    }
    let text = text.lines().next().unwrap_or_default();
    writeln!(out, "[{:5}.{:06}] {text}", microseconds / 1_000_000, microseconds % 1_000_000)?;
    Ok(())
}

/// `which`.
pub(crate) fn which(argv: Vec<OsString>) -> i32 {
    let manual = Manual { usage: "which [-a] NAME...\n  Where PATH finds a command; -a: everywhere.", failure: 1 };
    serve(argv, &manual, |mut words, out| {
        let (mut all, mut names) = (false, Vec::new());
        while let Some(word) = words.next()? {
            match word {
                Word::Short('a') => all = true,
                Word::Plain(name) => names.push(name),
                other => return Err(unknown(&other)),
            }
        }
        if names.is_empty() {
            return Err(Trouble::Words("which command?".to_owned()));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut status = 0;
        for name in names {
            let folders: Vec<_> = std::env::split_paths(&path).collect();
            let candidates = if name.to_string_lossy().contains('/') {
                vec![name.into()]
            } else {
                folders.iter().map(|folder| folder.join(&name)).collect()
            };
            let mut found = candidates.iter().filter(|file| is_executable(file)).peekable();
            status |= i32::from(found.peek().is_none());
            for file in found.take(if all { usize::MAX } else { 1 }) {
                writeln!(out, "{}", file.display())?;
            }
        }
        Ok(status)
    })
}

fn is_executable(file: &std::path::Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// `clear`.
pub(crate) fn clear(argv: Vec<OsString>) -> i32 {
    serve(
        argv,
        &Manual { usage: "clear\n  Clears the screen and what has scrolled off it.", failure: 1 },
        |mut words, out| match words.next()? {
            Some(word) => Err(unknown(&word)),
            None => {
                out.write_all(b"\x1b[H\x1b[2J\x1b[3J")?;
                Ok(0)
            }
        },
    )
}

/// `applets`: the table itself.
pub(crate) fn applets(argv: Vec<OsString>) -> i32 {
    let manual = Manual { usage: "applets [-1]\n  The tools of this toolkit; -1: only their names.", failure: 1 };
    serve(argv, &manual, list)
}

fn list(mut words: Words, out: &mut Out) -> Outcome {
    let mut names_only = false;
    while let Some(word) = words.next()? {
        match word {
            Word::Short('1') => names_only = true,
            other => return Err(unknown(&other)),
        }
    }
    let mut chapter: Option<Group> = None;
    for applet in APPLETS {
        if names_only {
            writeln!(out, "{}", applet.name)?;
            continue;
        }
        if chapter != Some(applet.group) {
            chapter = Some(applet.group);
            writeln!(out, "{}:", applet.group.title())?;
        }
        writeln!(out, "  {:12}{}", applet.name, applet.doc)?;
    }
    Ok(0)
}

/// A file of /proc as text.
pub(crate) fn read(path: &str) -> Result<String, Trouble> {
    let bytes = fs::read(path).map_err(Trouble::doing(format_args!("cannot read {path}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_their_escapes_and_options() {
        let line = r"36 35 98:0 /mnt1 /mnt/my\040disk rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let mount = Mount::read(line).expect("a mount");
        assert_eq!((mount.point.as_str(), mount.options.as_str()), ("/mnt/my disk", "rw,noatime,errors=continue"));
        assert_eq!(Mount::read("36 35 98:0"), None);
    }

    #[test]
    fn amounts_fit() {
        for (bytes, expect) in [(0, "0B"), (1023, "1023B"), (1536, "1.5Ki"), (10 << 20, "10Mi"), (u64::MAX, "16383Pi")]
        {
            assert_eq!(fitting(bytes), expect);
        }
    }
}
