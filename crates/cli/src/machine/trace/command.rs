//! The command of `fathom trace -- CMD`: found, started so that it waits, and what its end means.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use fathom_model::{Class, Failure};

/// The command, ready to be started. What it prints is not what we print.
pub(super) fn ready(words: &[OsString]) -> Result<Command, Failure> {
    let mut command = Command::new(found(&words[0]));
    command.arg0(&words[0]).args(&words[1..]);
    let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(|error| cannot_start(words, &error))?;
    command.stdout(Stdio::from(stderr));
    Ok(command)
}

/// Where a command is, so that it is tried in one place only.
fn found(name: &OsString) -> PathBuf {
    if name.as_encoded_bytes().contains(&b'/') {
        return name.into();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let runs = |path: &PathBuf| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    let mut candidates = std::env::split_paths(&folders).map(|folder| folder.join(name));
    candidates.find(runs).unwrap_or_else(|| name.into())
}

pub(super) fn cannot_start(words: &[OsString], error: &io::Error) -> Failure {
    let class = if error.kind() == io::ErrorKind::NotFound { Class::NoCommand } else { Class::NotExecutable };
    let name = words.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    Failure { cause: Some(error.to_string()), ..Failure::new(class, format!("cannot start `{name}`")) }
}

/// The status of a command, as a shell tells it.
pub(super) fn passed_on(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(0)
}
