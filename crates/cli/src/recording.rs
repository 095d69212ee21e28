//! A recording of a terminal whose command runs in a cluster: what we show is also written to a file here.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use fathom_model::{Class, Failure};
use fathom_protocol::Entry;
use fathom_protocol::cast::{Cast, Header};

/// An open recording.
pub(crate) struct Recording {
    file: File,
    cast: Cast,
}

impl Recording {
    /// The file must be there before anybody is entered: no recording, no session.
    pub(crate) fn begin(path: &Path, title: &str, entry: &Entry) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure {
            cause: Some(error.to_string()),
            ..Failure::new(Class::System, format!("cannot record to {}", path.display()))
        };
        let header = Header {
            size: entry.terminal.unwrap_or((80, 24)),
            title,
            command: &entry.command,
            term: entry.env.get("TERM").map_or("", String::as_str),
        };
        let (cast, line) = Cast::begin(&header);
        let mut file = File::create(path).map_err(failed)?;
        file.write_all(line.as_bytes()).map_err(failed)?;
        Ok(Recording { file, cast })
    }

    pub(crate) fn output(&mut self, bytes: &[u8]) {
        if let Some(line) = self.cast.output(bytes) {
            self.write(&line);
        }
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.write(&self.cast.resize(columns, rows));
    }

    /// A full disk ends the recording and not the session.
    fn write(&mut self, line: &str) {
        let _ = self.file.write_all(line.as_bytes());
    }
}
