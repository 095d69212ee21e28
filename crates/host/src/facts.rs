//! What a machine tells that may explain why something on it fails: counters of cgroups, figures of the kernel and what
//! it logged, free space, the clock, certificates and settings of Kubernetes.
//!
//! From /proc, /sys and files to [`Facts`]: each fact is named by where it was read, so that anybody can read it again.
//! What is not there is no fact; what may not be read is a lack. Nothing is judged here.

pub mod certificate;
pub mod counters;
pub mod disks;
pub mod journal;
pub mod kernel;
pub mod log;
pub mod settings;
mod units;

use std::io::ErrorKind;

use fathom_model::fact::Topic;
use fathom_model::{Fact, Facts};
use serde_json::{Value, json};

use crate::{Error, Host, sys};

/// No file of settings is longer.
const LONGEST: usize = 256 * 1024;

/// All that concerns the machine as a whole.
pub fn of_machine(host: &Host, facts: &mut Facts) {
    itself(host, facts);
    kernel::read(host, facts);
    log::read(host, facts);
    disks::of_machine(host, facts);
    settings::read(host, facts);
    certificate::read(host, facts);
    units::read(host, facts);
}

/// The machine, with the state of its clock.
fn itself(host: &Host, facts: &mut Facts) {
    let clock = match sys::clock() {
        Ok(clock) => json!({"synchronized": clock.synchronized, "maxError": clock.max_error}),
        Err(error) => {
            facts.lack("ask for the clock's state", error);
            Value::Null
        }
    };
    let release = text(host, "proc/sys/kernel/osrelease").map_or(Value::Null, |text| text.trim().into());
    let name = facts.machine.clone();
    facts.add(Fact::of(Topic::Machine, name, [("kernel", release), ("clock", clock)]));
}

/// The name of the machine, as its kernel has it.
pub fn name(host: &Host) -> String {
    text(host, "proc/sys/kernel/hostname").map_or("host".to_owned(), |text| text.trim().to_owned())
}

/// A file as text; nothing where it cannot be read.
fn text(host: &Host, path: &str) -> Option<String> {
    host.read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A file as text. That it may not be read is said, that it is not there is not.
fn asked(host: &Host, path: &str, facts: &mut Facts) -> Option<String> {
    match host.read(path) {
        Ok(mut bytes) => {
            bytes.truncate(LONGEST);
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        Err(Error::Read { source, .. }) if is_absent(&source) => None,
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            facts.lack(format!("read /{path}"), cause);
            None
        }
    }
}

/// Whether an error means that there is nothing to read.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
        || matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO | libc::EOPNOTSUPP))
}

/// Whether a text has this word, in whatever case.
fn has(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// Lines of a name and a number, with or without a colon, as a map.
fn pairs(text: &str) -> Value {
    let pair = |line: &str| {
        let mut words = line.split([' ', ':', '\t']).filter(|word| !word.is_empty());
        Some((words.next()?.to_owned(), Value::from(words.next()?.parse::<u64>().ok()?)))
    };
    Value::Object(text.lines().filter_map(pair).collect())
}

/// A number where it is one, else the text.
fn scalar(text: &str) -> Value {
    let text = text.trim();
    text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
}
