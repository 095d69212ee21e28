//! The guard of a frozen target: between the moment it is frozen and the moment when a session is answerable for it,
//! a forked child waits for us. If we die, it lets the target go on.

use std::os::fd::OwnedFd;

use fathom_host::incarnation::Freezer;
use fathom_host::sys::{self, Cloned};
use fathom_model::Failure;
use rustix::process::{Pid, WaitOptions};

use crate::failure::Step;

/// A guard that stands by.
#[derive(Debug)]
pub struct Guard {
    pid: Pid,
    /// A byte relieves the guard; its end without one is our death.
    pipe: OwnedFd,
}

/// Freezes what `freezer` is for, with a guard standing by.
///
/// Must be called before the process has a second thread.
pub fn freeze(freezer: &Freezer) -> Result<Guard, Failure> {
    let guard = stand_by(freezer)?;
    freezer.freeze()?;
    Ok(guard)
}

/// A guard for what may be frozen any moment, for when that must not wait for one.
///
/// Must be called before the process has a second thread.
pub fn stand_by(freezer: &Freezer) -> Result<Guard, Failure> {
    let (waits, pipe) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step("make a pipe")?;
    // SAFETY: a client that has not started its session has one thread.
    #[allow(unsafe_code, reason = "the guard is forked off")]
    let cloned = unsafe { sys::clone_process(None) }.step("start the guard of a frozen target")?;
    match cloned {
        Cloned::Child => {
            let _ = rustix::thread::set_name(c"fathom-guard");
            drop(pipe);
            let mut byte = [0u8; 1];
            let relieved = rustix::io::retry_on_intr(|| rustix::io::read(&waits, &mut byte)) == Ok(1);
            if !relieved {
                let _ = freezer.thaw();
            }
            sys::exit_now(0)
        }
        Cloned::Parent(pid) => Ok(Guard { pid, pipe }),
    }
}

impl Guard {
    /// Somebody else answers for the target now.
    pub fn relieve(self) {
        let _ = rustix::io::write(&self.pipe, b"1");
        let _ = rustix::process::waitpid(Some(self.pid), WaitOptions::empty());
    }
}
