//! Logs of containers: the end of what a run wrote.

use super::veil::text_without_passwords;

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

/// The end of a log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Lines, the oldest first, without their ends and without colours.
    pub lines: Vec<String>,
}

impl Log {
    /// Of the bytes of a file, which need not be UTF-8.
    pub fn read(bytes: &[u8]) -> Log {
        let text = String::from_utf8_lossy(bytes);
        Log { lines: text.lines().map(|line| text_without_passwords(&plain(line)).into_owned()).collect() }
    }

    /// Whether it is the engine's answer instead of a log: nothing that the program wrote.
    pub fn is_refusal(&self) -> bool {
        self.lines.len() == 1 && self.lines[0].starts_with("unable to retrieve container logs for ")
    }
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
    }
}
