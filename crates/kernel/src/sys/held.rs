//! What a child does between fork and execve while it is held.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Signals that whoever traces takes care of; what it starts has them as everybody does.
const OURS: [libc::c_int; 5] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGCHLD, libc::SIGWINCH];

/// Has `command` say its number through `gate` and wait there for a byte before it executes; without one it does not.
/// `ours` is the other end, of which the child must have no copy: it could not see it being closed.
pub(crate) fn hold(command: &mut Command, gate: RawFd, ours: RawFd) {
    let wait = move || {
        let id = std::process::id().to_ne_bytes();
        let mut word = 0_u8;
        // SAFETY: both descriptors are open in the child, whose table is its own; what is read and written outlives the
        // calls. Nothing here allocates or takes a lock.
        let told = unsafe {
            libc::close(ours);
            libc::write(gate, id.as_ptr().cast(), id.len()) == id.len() as isize
                && libc::read(gate, (&raw mut word).cast(), 1) == 1
        };
        unblock();
        if told { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ECANCELED)) }
    };
    // SAFETY: see above: what runs in the child makes system calls, and touches no lock and no memory that others use.
    unsafe { command.pre_exec(wait) };
}

/// Lets through what the tracer has blocked.
fn unblock() {
    // SAFETY: an all-zero set is valid and filled before it is used; the calls take no other memory.
    unsafe {
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut signals);
        for signal in OURS {
            libc::sigaddset(&mut signals, signal);
        }
        libc::sigprocmask(libc::SIG_UNBLOCK, &signals, std::ptr::null_mut());
    }
}
