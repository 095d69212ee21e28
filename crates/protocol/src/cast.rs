//! A recording of a terminal as an asciicast, version 2: a header line, then one JSON array per event
//! (<https://docs.asciinema.org/manual/asciicast/v2/>). It is whole after every line, so whatever is killed leaves a
//! file that plays to its last moment. Where the lines go is the caller's affair.

use std::time::{Instant, SystemTime};

use serde_json::json;

/// What a recording begins with.
#[derive(Debug, Clone, Default)]
pub struct Header<'a> {
    /// Columns and rows at the beginning.
    pub size: (u16, u16),
    /// What was entered.
    pub title: &'a str,
    /// What was run there.
    pub command: &'a [String],
    /// The kind of the terminal, as `TERM` says it.
    pub term: &'a str,
}

/// A recording that goes on.
#[derive(Debug)]
pub struct Cast {
    started: Instant,
    /// The beginning of a character whose rest has not come yet.
    partial: Vec<u8>,
}

impl Cast {
    /// The recording, and its first line.
    pub fn begin(header: &Header<'_>) -> (Cast, String) {
        let (width, height) = header.size;
        let timestamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let line = json!({
            "version": 2, "width": width, "height": height, "timestamp": timestamp,
            "title": header.title, "command": header.command.join(" "), "env": {"TERM": header.term},
        });
        (Cast { started: Instant::now(), partial: Vec::new() }, format!("{line}\n"))
    }

    /// The line for some output, if there is a whole character in it: one that is cut between two reads is kept until
    /// the rest comes. What is no UTF-8 is replaced.
    pub fn output(&mut self, bytes: &[u8]) -> Option<String> {
        self.partial.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.partial) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.partial.len(),
        };
        let rest = self.partial.split_off(whole);
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial = rest;
        (!text.is_empty()).then(|| self.event("o", &text))
    }

    /// The line for a change of size.
    pub fn resize(&self, columns: u16, rows: u16) -> String {
        self.event("r", &format!("{columns}x{rows}"))
    }

    fn event(&self, kind: &str, data: &str) -> String {
        let time = (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        format!("{}\n", json!([time, kind, data]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All but the time.
    fn said(line: &str) -> (String, String) {
        let event: (f64, String, String) = serde_json::from_str(line).expect("an event");
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line:?}");
        (event.1, event.2)
    }

    #[test]
    fn a_character_that_is_cut_comes_whole_and_garbage_is_replaced() {
        let (mut cast, header) = Cast::begin(&Header { size: (80, 24), title: "web", ..Header::default() });
        let header: serde_json::Value = serde_json::from_str(&header).expect("a header");
        assert_eq!((&header["width"], &header["title"]), (&80.into(), &"web".into()));
        assert_eq!(cast.output(b"\xc3"), None);
        let line = cast.output(b"\xbc\n\x1b[1m").expect("the rest has come");
        assert_eq!(said(&line), ("o".to_owned(), "\u{fc}\n\u{1b}[1m".to_owned()));
        assert_eq!(said(&cast.output(b"a\xffb").expect("output")).1, "a\u{fffd}b");
        assert_eq!(said(&cast.resize(100, 30)), ("r".to_owned(), "100x30".to_owned()));
    }
}
