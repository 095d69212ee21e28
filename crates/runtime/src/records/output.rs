//! What containers wrote, as engines keep it: docker's lines of JSON, and the lines with a time in front that the CRI's
//! engines and podman write.

use serde::Deserialize;

use super::json::parse;

/// How an engine keeps what a container wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// `{"log":"text\n","stream":"stderr","time":"…"}` (docker's driver `json-file`).
    Json,
    /// `TIME stdout F text` (the CRI's logs, and podman's driver `k8s-file`); `P` for a part of a line.
    Stamped,
}

/// The text of the end of such a file; its first line may be cut off and is left out where it is.
pub fn output(bytes: &[u8], kept: Output) -> String {
    let text = String::from_utf8_lossy(bytes);
    match kept {
        Output::Json => text.lines().filter_map(of_json).collect(),
        Output::Stamped => text.lines().filter_map(of_stamp).collect(),
    }
}

fn of_json(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        log: String,
    }
    parse::<Line>(line.as_bytes()).ok().map(|line| line.log)
}

fn of_stamp(line: &str) -> Option<String> {
    let mut words = line.splitn(4, ' ');
    let (_time, stream, tag) = (words.next()?, words.next()?, words.next()?);
    let text = words.next().unwrap_or_default();
    let end = if tag == "P" { "" } else { "\n" };
    ["stdout", "stderr"].contains(&stream).then(|| format!("{text}{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_keeping_give_what_was_written() {
        let json = "\"cut off\"}\n{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n{\"log\":\"two\\n\"}\n";
        assert_eq!(output(json.as_bytes(), Output::Json), "one\ntwo\n");
        let stamped = "ut F cut off\n2026-11-20T23:59:41Z stdout P on\n2026-11-20T23:59:41Z stdout F e\n2026-11-20T23:59:41Z stderr F two\n";
        assert_eq!(output(stamped.as_bytes(), Output::Stamped), "one\ntwo\n");
    }
}
