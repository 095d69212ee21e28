//! A command that is started and waits before it becomes itself, so that whoever looks at it misses nothing.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command};
use std::thread::JoinHandle;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::sys;

/// A child of ours in the moment before its execve. Dropped, it ends without having become anything.
#[derive(Debug)]
pub struct Held {
    id: u32,
    gate: OwnedFd,
    starting: JoinHandle<io::Result<Child>>,
}

impl Held {
    /// Starts `command` up to there.
    ///
    /// # Errors
    /// Where no process can be made.
    pub fn start(mut command: Command) -> io::Result<Held> {
        let flags = SocketFlags::CLOEXEC;
        let (gate, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        sys::hold(&mut command, theirs.as_raw_fd(), gate.as_raw_fd());
        // Starting a command returns when it has become itself: somebody else has to wait for that.
        let starting = std::thread::Builder::new().spawn(move || {
            let child = command.spawn();
            drop(theirs);
            child
        })?;
        let mut id = [0; 4];
        match read_all(&gate, &mut id) {
            Ok(()) => Ok(Held { id: u32::from_ne_bytes(id), gate, starting }),
            Err(error) => Err(join(starting).err().unwrap_or(error)),
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Lets it become what it was asked to be.
    ///
    /// # Errors
    /// Where execve fails.
    pub fn go(self) -> io::Result<Child> {
        self.let_go()?;
        join(self.starting)
    }

    /// Opens the gate, and does not wait: whoever steps through its calls has to do so before it can be something else.
    pub(crate) fn let_go(&self) -> io::Result<()> {
        rustix::io::write(self.gate.as_fd(), &[1])?;
        Ok(())
    }

    /// What has become of it.
    pub(crate) fn started(self) -> io::Result<Child> {
        join(self.starting)
    }
}

fn join(starting: JoinHandle<io::Result<Child>>) -> io::Result<Child> {
    starting.join().unwrap_or_else(|_| Err(io::Error::other("the thread that starts the command has panicked")))
}

fn read_all(from: &OwnedFd, mut to: &mut [u8]) -> io::Result<()> {
    while !to.is_empty() {
        match rustix::io::read(from, &mut *to) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => to = &mut to[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn it_waits_goes_and_is_what_it_was_asked_to_be() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 7"]).stdin(Stdio::null());
        let held = Held::start(command).expect("a process can be made");
        let name = std::fs::read(format!("/proc/{}/cmdline", held.id())).expect("it is there");
        assert_eq!(name, std::fs::read("/proc/self/cmdline").expect("so are we"), "it is still a copy of us");
        let mut child = held.go().expect("there is a shell");
        assert_eq!(child.wait().expect("it ends").code(), Some(7));
    }

    #[test]
    fn what_does_not_exist_is_told_when_it_goes() {
        let held = Held::start(Command::new("/no/such/command")).expect("a process can be made");
        assert_eq!(held.go().expect_err("there is none").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn forgotten_it_ends() {
        let mut command = Command::new("sleep");
        command.arg("1000");
        let held = Held::start(command).expect("a process can be made");
        let Held { id, gate, starting } = held;
        drop(gate);
        assert!(join(starting).is_err(), "it never became anything");
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "and is collected");
    }
}
