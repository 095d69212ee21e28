//! Signals: what the user wants while events are shown, and that a command has stopped or ended.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use fathom_host::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing else.
    Nothing,
    /// To end, because of this signal.
    End(i32),
    /// The screen has another size.
    Resize,
}

/// Hears signals. Where a command runs, the first one that asks for an end is its own to answer; the second is ours.
#[derive(Debug)]
pub(super) struct Ears {
    signals: OwnedFd,
    asked: bool,
}

impl Ears {
    /// Blocks what is heard; threads that are started later have it from us.
    pub(super) fn new() -> io::Result<Ears> {
        let signals = sys::signal_fd(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGCHLD, libc::SIGWINCH])?;
        Ok(Ears { signals, asked: false })
    }

    /// Waits so long, unless something is heard before.
    pub(super) fn wait(&mut self, pause: Duration, command: Option<u32>) -> io::Result<Wanted> {
        let seconds = pause.as_secs().min(3600) as i64;
        let timeout = Timespec { tv_sec: seconds, tv_nsec: i64::from(pause.subsec_nanos()) };
        match poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Wanted::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut wanted = Wanted::Nothing;
        while let Some((signal, sender)) = sys::read_signal_and_sender(&self.signals)? {
            if signal == libc::SIGCHLD {
                continue;
            }
            if signal == libc::SIGWINCH {
                wanted = Wanted::Resize;
                continue;
            }
            let Some(command) = command.filter(|_| !self.asked) else { return Ok(Wanted::End(signal)) };
            self.asked = true;
            // A terminal has told it already.
            if sender != 0 {
                pass_on(signal, command);
            }
        }
        Ok(wanted)
    }
}

/// It may have ended meanwhile; then nobody needs the signal.
fn pass_on(signal: i32, command: u32) {
    if let (Some(signal), Some(pid)) = (Signal::from_named_raw(signal), Pid::from_raw(command as i32)) {
        let _ = kill_process(pid, signal);
    }
}
