//! Files that are there in full or not at all, whenever we are killed: what is half written has another name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use fathom_model::{Class, Failure};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever may read what its owner makes.
    #[cfg(target_os = "linux")]
    Usual,
    /// Its owner alone.
    Owner,
}

/// Writes the file at `path`, in place of one that is there.
pub(crate) fn write(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&mut File) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".part");
    let half = Path::new(&half);
    // One that was left there may have other readers.
    let _ = fs::remove_file(half);
    let mut file = begin(half, readers).map_err(|error| cannot(path, &error))?;
    let written = write(&mut file).and_then(|()| Ok(file.flush().map_err(|error| cannot(path, &error))?));
    let placed = written.and_then(|()| Ok(fs::rename(half, path).map_err(|error| cannot(path, &error))?));
    placed.inspect_err(|_| drop(fs::remove_file(half)))
}

/// What is said where a file cannot be written.
pub(crate) fn cannot(path: &Path, error: &io::Error) -> Failure {
    let (class, hint) = match error.kind() {
        ErrorKind::PermissionDenied => (Class::Denied, Some("name a file in a folder that you may write to")),
        ErrorKind::NotFound => (Class::NotFound, Some("make its folder first")),
        ErrorKind::StorageFull => (Class::System, Some("name a file on a disk with more room")),
        _ => (Class::System, None),
    };
    let failure = Failure::new(class, format!("cannot write {}", path.display()));
    Failure { cause: Some(error.to_string()), hint: hint.map(str::to_owned), ..failure }
}

fn begin(half: &Path, readers: Readers) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    options.open(half)
}
