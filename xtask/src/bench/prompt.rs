//! The first byte of a shell's prompt on a terminal of our own.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;

use super::containers::Containers;
use super::page::Page;
use super::turns::{Contender, take};
use crate::program::words;

/// How long a prompt may take before there is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// fathom's shell beside a shell that runc and docker start.
pub(super) fn measure(containers: &Containers, rounds: u32, page: &mut Page) -> anyhow::Result<()> {
    let (runc, target) = &containers.runc;
    let mut contenders = Vec::new();
    for toolkit in containers.toolkits() {
        contenders.push(Contender::new(&format!("fathom enter ({})", toolkit.name()), move || {
            first_byte(&containers.enter(target, toolkit))
        }));
    }
    contenders.push(Contender::new("runc exec -t … sh", || {
        let mut command = runc.command();
        command.args(["exec", "--tty", target.id(), "sh"]);
        first_byte(&command)
    }));
    if let Some((engine, target)) = &containers.docker {
        contenders.push(Contender::new("docker exec -it … sh", || {
            let mut command = engine.command();
            command.args(["exec", "--interactive", "--tty", target.id(), "sh"]);
            first_byte(&command)
        }));
    }
    page.times(
        "The first byte of a prompt",
        "the program on a terminal, up to the first byte it shows",
        take(contenders, rounds)?,
    );
    Ok(())
}

/// Starts the command on a terminal, waits for the first byte, ends the shell.
fn first_byte(command: &Command) -> anyhow::Result<Duration> {
    let (master, slave) = terminal().context("cannot open a terminal")?;
    let mut wrapped = on_terminal(command, &slave)?;
    let started = Instant::now();
    let mut child = wrapped.spawn().context("cannot run setsid")?;
    let shown = wait_readable(&master, PATIENCE);
    let time = started.elapsed();
    // The command object holds copies too; with them open, the terminal would never end.
    drop((slave, wrapped));
    let mut screen = File::from(master);
    std::io::Write::write_all(&mut screen, b"exit\n").context("cannot type into the terminal")?;
    // To its end: a shell that is still writing would be in the way of the next turn. EIO is the end.
    let mut said = Vec::new();
    let _ = screen.read_to_end(&mut said);
    let status = child.wait().context("cannot wait for the shell")?;
    if !shown || !status.success() {
        bail!("`{}` ended with {status}: {}", words(command), String::from_utf8_lossy(&said).trim());
    }
    Ok(time)
}

/// The same command with a terminal of its own. runc wants it to be the controlling one.
pub(super) fn on_terminal(command: &Command, slave: &OwnedFd) -> anyhow::Result<Command> {
    let end = || slave.try_clone().map(Stdio::from).context("cannot share a terminal");
    let mut wrapped = Command::new("setsid");
    wrapped.arg("--ctty").arg(command.get_program()).args(command.get_args());
    wrapped.stdin(end()?).stdout(end()?).stderr(end()?);
    Ok(wrapped)
}

pub(super) fn terminal() -> anyhow::Result<(OwnedFd, OwnedFd)> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let size = rustix::termios::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&slave, size)?;
    Ok((master, slave))
}

pub(super) fn wait_readable(fd: impl AsFd, patience: Duration) -> bool {
    let patience = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: 0 };
    matches!(poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&patience)), Ok(1..))
}
