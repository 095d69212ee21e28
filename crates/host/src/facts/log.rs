//! What the kernel logged that means trouble: killed for memory, broken disks, stuck tasks, full tables.
//!
//! From /dev/kmsg (Documentation/ABI/testing/dev-kmsg), which a recorded tree has as a plain file.

use std::fs::OpenOptions;
use std::io::{Read as _, Result};
use std::os::unix::fs::OpenOptionsExt as _;

use fathom_model::{Fact, Facts};
use serde_json::{Value, json};

use crate::Host;

/// Words of lines that are kept whatever their level is: the kernel says some of these as mere information.
const KEPT: &[&str] = &[
    "oom-kill:",
    "out of memory",
    "invoked oom-killer",
    "segfault at",
    "general protection",
    "trap invalid opcode",
    "table overflow",
    "table full",
    "blocked for more than",
    "soft lockup",
    "read-only",
    "I/O error",
    "type=1326",
    "audit: type=1400",
    "possible SYN flooding",
];

/// Errors and worse are kept too.
const WORST: u8 = 3;

/// How many lines are kept, the latest.
const MOST: usize = 400;

/// Reads the ring as it is now.
pub(super) fn read(host: &Host, facts: &mut Facts) {
    let path = host.path("dev/kmsg");
    let uptime = super::text(host, "proc/uptime").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    match records(&path) {
        Ok(bytes) => facts.add(Fact::file("/dev/kmsg", kept(&String::from_utf8_lossy(&bytes), uptime.unwrap_or(0.0)))),
        Err(error) if super::is_absent(&error) => {}
        Err(error) => facts.lack("read /dev/kmsg", error),
    }
}

/// Each read gives one record, and an error where the ring has overtaken us.
fn records(path: &std::path::Path) -> Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let (mut all, mut record) = (Vec::new(), vec![0; 8192]);
    // A kernel that logs faster than we read does not keep us.
    for _ in 0..200_000 {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&record[..count]),
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => break,
            Err(error) if all.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(all)
}

/// `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT`, and lines with a space in front that belong to the one before.
fn kept(text: &str, uptime: f64) -> Value {
    let line = |line: &str| {
        let (head, text) = line.split_once(';').filter(|_| !line.starts_with(' '))?;
        let mut head = head.split(',');
        let level = (head.next()?.parse::<u32>().ok()? & 7) as u8;
        let at = head.nth(1)?.parse::<f64>().ok()? / 1e6;
        let telling = level <= WORST || KEPT.iter().any(|word| super::has(text, word));
        telling.then(|| json!({"ago": (uptime - at).max(0.0) as u64, "text": text}))
    };
    let mut lines: Vec<Value> = text.lines().filter_map(line).collect();
    lines.drain(..lines.len().saturating_sub(MOST));
    Value::Array(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_trouble_is_kept_with_its_age() {
        let text = "6,1,5000000,-;docker0: port 1 entered disabled state\n\
                    6,2,90000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/web\n SUBSYSTEM=memory\n\
                    3,3,95500000,-;Memory cgroup out of memory: Killed process 7 (app)\ngarbage\n";
        let lines = kept(text, 100.0);
        let ages: Vec<_> = lines.as_array().into_iter().flatten().map(|line| line["ago"].as_u64()).collect();
        assert_eq!(ages, [Some(10), Some(4)]);
    }
}
