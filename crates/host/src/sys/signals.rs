//! Signals as something to read, and as a fresh program has them.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

/// Blocks `signals` in this thread (and in what it starts) and returns a descriptor that reads them.
pub fn signal_fd(signals: &[i32]) -> io::Result<OwnedFd> {
    let set = set_of(signals);
    // SAFETY: `set` is initialised; the mask belongs to this thread.
    let fd = unsafe {
        if libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    if fd == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: signalfd made it, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The next signal number waiting in a descriptor made by [`signal_fd`].
pub fn read_signal(fd: impl AsFd) -> io::Result<Option<i32>> {
    Ok(read_signal_and_sender(fd)?.map(|(signal, _)| signal))
}

/// The same, with the process that sent it; 0: the kernel, as a terminal's driver has it do.
pub fn read_signal_and_sender(fd: impl AsFd) -> io::Result<Option<(i32, u32)>> {
    let mut record = [0u8; size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(fd, &mut record) {
        Ok(count) if count == record.len() => {
            // Fields of four bytes: the signal, an error, a code, the sender.
            let field = |index: usize| [0, 1, 2, 3].map(|byte| record[index * 4 + byte]);
            Ok(Some((i32::from_ne_bytes(field(0)), u32::from_ne_bytes(field(3)))))
        }
        Ok(_) | Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Gives every signal its default action and blocks none, as a freshly started program expects.
pub fn reset_signals() {
    // SAFETY: no handler of ours remains, and the process is about to exec.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let empty = set_of(&[]);
        libc::sigprocmask(libc::SIG_SETMASK, &empty, std::ptr::null_mut());
    }
}

/// Ignores `signal` in this process.
pub fn ignore_signal(signal: i32) {
    // SAFETY: ignoring runs no code.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: sigemptyset initialises the set before anything reads it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in signals {
            libc::sigaddset(&mut set, *signal);
        }
        set
    }
}
