//! Archives that we write: to a file that is there in full or not at all, or to stdout where that is no terminal.

use std::fs::File;
use std::io::{IsTerminal as _, Write};
use std::path::Path;

use anyhow::Context as _;
use fathom_enter::failure::refused;
use fathom_model::{Class, Failure};

/// Writes to `file`, or else to stdout.
pub(crate) fn to(file: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> anyhow::Result<()> {
    match file {
        Some(path) => whole(path, |out| Ok(write(out)?)),
        None if std::io::stdout().is_terminal() => {
            Err(Failure::new(Class::Usage, "will not write an archive to a terminal")
                .hinting("name a file, or redirect stdout")
                .into())
        }
        None => Ok(write(&mut std::io::stdout().lock())?),
    }
}

/// Writes a file that is there in full or not at all.
pub(crate) fn whole(path: &Path, write: impl FnOnce(&mut File) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".part");
    let mut file = File::create(&half).map_err(|error| refused(format!("write {}", path.display()), error))?;
    let written = write(&mut file).and_then(|()| file.flush().context("cannot finish the file"));
    match written {
        Ok(()) => std::fs::rename(&half, path).with_context(|| format!("cannot put {} in its place", path.display())),
        Err(error) => {
            let _ = std::fs::remove_file(&half);
            Err(error)
        }
    }
}
