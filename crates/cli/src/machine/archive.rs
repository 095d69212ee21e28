//! Archives that we write: to a file that is there in full or not at all, or to stdout where that is no terminal.

use std::io::{IsTerminal as _, Write};
use std::path::Path;

use fathom_model::{Class, Failure};

use crate::whole::{self, Readers};

/// Writes to `file`, or else to stdout.
pub(crate) fn to(file: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> anyhow::Result<()> {
    match file {
        Some(path) => whole::write(path, Readers::Usual, |out| Ok(write(out)?)),
        None if std::io::stdout().is_terminal() => {
            Err(Failure::new(Class::Usage, "will not write an archive to a terminal")
                .hinting("name a file, or redirect stdout")
                .into())
        }
        None => Ok(write(&mut std::io::stdout().lock())?),
    }
}
