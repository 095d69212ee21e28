//! How much memory a test has taken: `/proc/PID/status` of Linux. Tests run in processes of their own under nextest,
//! so that the peak is the test's.

use std::fs;

/// The most that this process ever had resident, in MiB; nothing where nobody tells.
pub fn peak() -> Option<u64> {
    peak_of(std::process::id())
}

/// The same of another process, as long as it lives.
pub fn peak_of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

/// Fails if this process ever had more than so many MiB resident since it had `before`.
///
/// # Panics
/// If it had.
#[track_caller]
pub fn assert_grew_at_most(before: Option<u64>, most: u64) {
    if let (Some(before), Some(now)) = (before, peak()) {
        assert!(now.saturating_sub(before) <= most, "{} MiB more than before, not {most}", now - before);
    }
}
