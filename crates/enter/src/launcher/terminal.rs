//! The command's terminal: from a devpts of its own, so that it is `/dev/pts/0` for the command and nothing at all
//! for the target.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fathom_host::sys;
use fathom_model::Failure;
use rustix::fs::{Mode, OFlags};
use rustix::mount::MountAttrFlags;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::tree;
use crate::failure::Step;

/// Both ends of a fresh terminal, and the file system it lives in.
#[derive(Debug)]
pub(super) struct Terminal {
    /// Ours.
    pub(super) master: OwnedFd,
    /// The command's.
    pub(super) slave: OwnedFd,
    /// To be attached at `/dev/pts`, where it is in none that is there.
    pub(super) mount: Option<OwnedFd>,
}

impl Terminal {
    /// Makes a terminal that belongs to `user` (uid and gid as we see them).
    pub(super) fn open(user: (u32, u32), columns: u16, rows: u16) -> Result<Terminal, Failure> {
        let (uid, gid) = (user.0.to_string(), user.1.to_string());
        let options = [("newinstance", ""), ("ptmxmode", "0666"), ("mode", "620"), ("uid", &uid), ("gid", &gid)];
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let mount = tree::filesystem("devpts", &options, attributes).step("make a devpts for the session")?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let master = rustix::fs::openat(&mount, "ptmx", flags, Mode::empty()).step("open a terminal")?;
        rustix::pty::unlockpt(&master).step("unlock the terminal")?;
        let slave =
            rustix::pty::ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .step("open the command's end of the terminal")?;
        let terminal = Terminal { master, slave, mount: Some(mount) };
        resize(&terminal.master, columns, rows).step("set the size of the terminal")?;
        Ok(terminal)
    }

    /// Takes one of the devpts that is there. By its name, because not every sandbox's kernel can open it otherwise.
    pub(super) fn found(columns: u16, rows: u16) -> Result<Terminal, Failure> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let master = rustix::fs::open("/dev/ptmx", flags | OFlags::NONBLOCK, Mode::empty()).step("open a terminal")?;
        rustix::pty::unlockpt(&master).step("unlock the terminal")?;
        let name = rustix::pty::ptsname(&master, Vec::new()).step("name the command's end of the terminal")?;
        let slave = rustix::fs::open(&name, flags, Mode::empty()).step("open the command's end of the terminal")?;
        resize(&master, columns, rows).step("set the size of the terminal")?;
        Ok(Terminal { master, slave, mount: None })
    }

    /// Makes the terminal the controlling one of a new session; called by the command's process.
    pub(super) fn take(slave: impl AsFd) -> Result<(), Failure> {
        sys::take_terminal(slave).step("take the terminal")
    }
}

/// Tells the terminal its size; the kernel tells the programs on it.
pub(super) fn resize(master: impl AsFd, columns: u16, rows: u16) -> rustix::io::Result<()> {
    rustix::termios::tcsetwinsize(master, Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 })
}

/// The three descriptors of a command.
#[derive(Debug)]
pub(super) enum Ends {
    /// One terminal for all.
    Terminal(OwnedFd),
    /// stdin, stdout, stderr.
    Pipes([OwnedFd; 3]),
}

impl Ends {
    /// What becomes descriptor 0, 1 and 2.
    pub(super) fn each(&self) -> [BorrowedFd<'_>; 3] {
        match self {
            Ends::Terminal(slave) => [slave.as_fd(); 3],
            Ends::Pipes([input, output, errors]) => [input.as_fd(), output.as_fd(), errors.as_fd()],
        }
    }
}
