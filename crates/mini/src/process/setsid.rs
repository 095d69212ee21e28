//! `setsid`: runs a command as the leader of a session of its own.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use crate::frame::{Manual, Trouble, complain, reason, serve};

/// Runs `setsid`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "setsid [-c] [-f] [-w] COMMAND [WORD...]
  -c: stdin becomes the session's terminal   -f: in a child, always   -w: wait for the child's end";
    serve(argv, &Manual { usage, failure: 1 }, |mut words, _| {
        let rest = words.rest()?;
        let flags = rest.iter().take_while(|word| word.to_string_lossy().starts_with('-')).count();
        let (mut fork, mut wait, mut terminal) = (false, false, false);
        for flag in &rest[..flags] {
            match flag.to_string_lossy().as_ref() {
                "-f" | "--fork" => fork = true,
                "-w" | "--wait" => wait = true,
                "-fw" | "-wf" => (fork, wait) = (true, true),
                "-c" | "--ctty" => terminal = true,
                "--" => {}
                "--help" => return Err(Trouble::Help),
                other => return Err(Trouble::Words(format!("unknown option `{other}`"))),
            }
        }
        let Some((command, arguments)) = rest[flags..].split_first() else {
            return Err(Trouble::Words("which command?".to_owned()));
        };
        if !fork && rustix::process::setsid().is_ok() {
            if terminal {
                rustix::process::ioctl_tiocsctty(std::io::stdin())?;
            }
            return Ok(failure(command, &Command::new(command).args(arguments).exec()));
        }
        // A group leader cannot leave its group: a child of ours can, and becomes the command by a second `setsid`.
        let child = Command::new("/proc/self/exe")
            .arg0("setsid")
            .arg(if terminal { "-c" } else { "--" })
            .arg(command)
            .args(arguments)
            .spawn();
        match child {
            Ok(mut child) if wait => {
                let status = child.wait()?;
                Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
            }
            Ok(_) => Ok(0),
            Err(cause) => Ok(failure(command, &cause)),
        }
    })
}

/// 127 for a command that is not there, 126 for one that does not run.
fn failure(command: &OsString, cause: &std::io::Error) -> i32 {
    complain("setsid", &format!("cannot run {}: {}", command.to_string_lossy(), reason(cause)));
    if cause.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
}
