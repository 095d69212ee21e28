//! A recording of the terminal as an asciicast, version 2: a header line, then one JSON array per event
//! (<https://docs.asciinema.org/manual/asciicast/v2/>). It is whole after every line, so a killed session leaves a
//! file that plays to its last moment.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::time::{Instant, SystemTime};

use serde_json::json;

use crate::options::Streams;
use crate::plan::Plan;

/// An open recording.
#[derive(Debug)]
pub(super) struct Cast {
    file: File,
    started: Instant,
    /// The beginning of a character whose rest has not come yet.
    partial: Vec<u8>,
}

impl Cast {
    /// Writes the header.
    pub(super) fn begin(file: OwnedFd, plan: &Plan) -> Cast {
        let (width, height) = match plan.streams {
            Streams::Terminal { columns, rows } => (columns, rows),
            Streams::Pipes => (80, 24),
        };
        let timestamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let term = plan.env.iter().find(|(name, _)| name == "TERM").map_or("", |(_, value)| value);
        let mut cast = Cast { file: file.into(), started: Instant::now(), partial: Vec::new() };
        cast.line(&json!({
            "version": 2, "width": width, "height": height, "timestamp": timestamp,
            "title": plan.target, "command": plan.command.join(" "), "env": {"TERM": term},
        }));
        cast
    }

    /// Adds output. A character that is cut between two reads is kept whole; what is no UTF-8 is replaced.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.partial) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.partial.len(),
        };
        let rest = self.partial.split_off(whole);
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial = rest;
        if !text.is_empty() {
            self.event("o", &text);
        }
    }

    /// Adds a change of size.
    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        self.event("r", &format!("{columns}x{rows}"));
    }

    fn event(&mut self, kind: &str, data: &str) {
        let time = (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        self.line(&json!([time, kind, data]));
    }

    /// A full disk ends the recording and not the session.
    fn line(&mut self, value: &serde_json::Value) {
        let _ = self.file.write_all(format!("{value}\n").as_bytes());
    }
}
