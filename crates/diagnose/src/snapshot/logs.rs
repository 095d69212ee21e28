//! Logs of containers: the end of what a run wrote.

use std::fmt;

use super::encoding::decode;
use super::veil::words::without_secrets;
use crate::time::Time;

/// Which run of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Run {
    /// The one that runs, or that ended last.
    Current,
    /// The one before.
    Previous,
}

/// Whose log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName {
    /// Of the pod.
    pub namespace: String,
    /// Of the pod.
    pub pod: String,
    /// Of the pod.
    pub container: String,
    /// Which of its runs.
    pub run: Run,
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = if self.run == Run::Previous { "/previous" } else { "" };
        write!(f, "{}/{}/{}{run}", self.namespace, self.pod, self.container)
    }
}

/// The end of a log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Lines, the oldest first, without their ends and without colours.
    pub lines: Vec<String>,
}

impl Log {
    /// Of the bytes of a file, which need not be UTF-8. Moments that kubectl wrote before each line are taken off.
    pub fn read(bytes: &[u8]) -> Log {
        let text = decode(bytes);
        let stamped = !text.is_empty() && text.lines().all(|line| unstamped(line).is_some());
        let bare = |line| if stamped { unstamped(line).unwrap_or(line) } else { line };
        let read = |line| without_secrets(&plain(bare(line))).into_owned();
        Log { lines: text.lines().map(read).collect() }
    }

    /// Whether it is the engine's answer instead of a log: nothing that the program wrote.
    pub fn is_refusal(&self) -> bool {
        self.lines.len() == 1 && self.lines[0].starts_with("unable to retrieve container logs for ")
    }
}

/// A line without the moment before it, in nanoseconds, that `kubectl logs --timestamps` writes.
fn unstamped(line: &str) -> Option<&str> {
    let (stamp, rest) = line.split_once(' ').unwrap_or((line, ""));
    let exact = stamp.len() == 30 && stamp.as_bytes()[19] == b'.' && Time::parse(stamp).is_some();
    exact.then_some(rest)
}

/// A line without escape sequences of terminals.
fn plain(line: &str) -> String {
    if !line.contains('\u{1b}') {
        return line.to_owned();
    }
    let mut out = String::new();
    let mut parts = line.split("\u{1b}[");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').get(1..).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_off() {
        assert_eq!(plain("\u{1b}[31mfatal\u{1b}[0m: no"), "fatal: no");
        assert_eq!(Log::read(b"a\r\nb\xff\n").lines, ["a", "b\u{fffd}"]);
        assert_eq!(
            Log::read(b"2026-01-01T00:00:00.500000000Z a\n2026-01-01T00:00:00.123456789Z b c\n").lines,
            ["a", "b c"]
        );
        assert_eq!(Log::read(b"2026-01-01T00:00:00.5Z a\nb\n").lines[0], "2026-01-01T00:00:00.5Z a");
    }
}
