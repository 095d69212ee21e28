//! What a part of the shop has said: `NAME.log`, each line with its time, and `NAME.log.old` when it grew too long.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes in one file; there are two, so that something is left when one begins.
const LARGEST: u64 = 128 << 10;

/// A log that cannot fill a disk.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    size: u64,
    /// Whether the last line still goes on.
    amid: bool,
}

impl Journal {
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<Journal> {
        let path = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Journal { path, file, size, amid: false })
    }

    /// Adds `said`. What the disk does not take is lost, as it would be with any log.
    pub(super) fn write(&mut self, said: &[u8]) {
        let time = moment(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        let mut text = Vec::new();
        for line in said.split_inclusive(|byte| *byte == b'\n') {
            if !self.amid {
                text.extend_from_slice(time.as_bytes());
                text.push(b' ');
            }
            text.extend_from_slice(line);
            self.amid = !line.ends_with(b"\n");
        }
        if self.file.write_all(&text).is_ok() {
            self.size += text.len() as u64;
        }
        if self.size > LARGEST && !self.amid {
            self.turn_over();
        }
    }

    fn turn_over(&mut self) {
        let _ = fs::rename(&self.path, self.path.with_extension("log.old"));
        if let Ok(file) = File::options().create(true).append(true).open(&self.path) {
            (self.file, self.size) = (file, 0);
        }
    }
}

/// A time since 1970 as RFC 3339 writes it, in UTC and with milliseconds.
fn moment(since: Duration) -> String {
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// Year, month and day of the day that is `days` after 1 January 1970.
fn date(mut days: u64) -> (u64, u64, u64) {
    let leaps = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leaps(year)) {
        days -= 365 + u64::from(leaps(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leaps(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while month < 11 && days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month as u64 + 1, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(moment(Duration::ZERO), "1970-01-01T00:00:00.000Z");
        assert_eq!(moment(Duration::from_millis(951_827_696_789)), "2000-02-29T12:34:56.789Z");
        assert_eq!(moment(Duration::from_secs(1_767_225_599)), "2025-12-31T23:59:59.000Z");
    }

    #[test]
    fn a_log_stays_small_and_each_line_has_its_time_once() {
        let scratch = fathom_testkit::Scratch::new("journal");
        let mut journal = Journal::open(scratch.path(), "web").unwrap();
        journal.write(b"one\ntw");
        journal.write(b"o\n");
        let text = fs::read_to_string(scratch.join("web.log")).unwrap();
        let said: Vec<&str> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(said, ["one", "two"]);
        for _ in 0..3000 {
            journal.write(&[[b'x'; 99].as_slice(), b"\n"].concat());
        }
        let size = |name| fs::metadata(scratch.join(name)).unwrap().len();
        assert!(size("web.log") <= LARGEST + 4096 && size("web.log.old") <= LARGEST + 4096);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    }
}
