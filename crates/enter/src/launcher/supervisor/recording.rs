//! What a terminal shows, written to a file as an asciicast.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use fathom_protocol::cast::{Cast, Header};

use crate::options::Streams;
use crate::plan::Plan;

/// An open recording.
#[derive(Debug)]
pub(super) struct Recording {
    file: File,
    cast: Cast,
}

impl Recording {
    /// Writes the header.
    pub(super) fn begin(file: OwnedFd, plan: &Plan) -> Self {
        let size = match plan.streams {
            Streams::Terminal { columns, rows } => (columns, rows),
            Streams::Pipes => (80, 24),
        };
        let term = plan.env.iter().find(|(name, _)| name == "TERM").map_or("", |(_, value)| value);
        let (cast, line) = Cast::begin(&Header { size, title: &plan.target, command: &plan.command, term });
        let mut recording = Recording { file: file.into(), cast };
        recording.write(&line);
        recording
    }

    pub(super) fn output(&mut self, bytes: &[u8]) {
        if let Some(line) = self.cast.output(bytes) {
            self.write(&line);
        }
    }

    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        self.write(&self.cast.resize(columns, rows));
    }

    /// A full disk ends the recording and not the session.
    fn write(&mut self, line: &str) {
        let _ = self.file.write_all(line.as_bytes());
    }
}
