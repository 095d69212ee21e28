//! What the first process of an ephemeral container does: takes relays over, and goes when nobody needs it any more.
//!
//! A client comes by an exec of its own, as everywhere. There that exec hands its streams through a socket to the first
//! process, which starts the relay as a child of its own: all that a session leaves behind is then collected here, and
//! not left to the target's first process, whose pid namespace this is and which may never collect anything.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fathom_enter::{beside, wire};
use fathom_host::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Pid, WaitOptions};

use crate::Node;
use crate::watch::{end_sessions, sessions};

/// What a relay is told that nothing listens behind, so that it serves by itself.
pub const VARIABLE: &str = "FATHOM_DOOR";

/// How often is looked whether a session goes on without a relay.
const LOOK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A relay that is our child.
struct Relay {
    pid: Pid,
    /// To the exec whose streams it has, which waits for it.
    caller: OwnedFd,
}

/// Takes relays over at `door`. Returns when nobody has been here for `grace` and no session lives, or when a signal
/// says so; then no session of ours lives either, nor anything else that was started here.
pub fn stay(node: &Node, door: &Path, grace: Duration) -> io::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let signals = sys::signal_fd(&[libc::SIGTERM, libc::SIGINT, libc::SIGCHLD])?;
    let listener = listen(door)?;
    attend(node, &signals, &listener, grace)?;
    // Whoever comes now is refused, and looks for another.
    drop(listener);
    end_sessions(node);
    beside::end_all_below();
    Ok(())
}

fn attend(node: &Node, signals: &OwnedFd, listener: &OwnedFd, grace: Duration) -> io::Result<()> {
    let (mut relays, mut needed): (Vec<Relay>, _) = (Vec::new(), Instant::now());
    loop {
        let mut fds = [PollFd::new(listener, PollFlags::IN), PollFd::new(signals, PollFlags::IN)];
        let _ = poll(&mut fds, Some(&LOOK));
        while let Some(signal) = sys::read_signal(signals)? {
            if signal != libc::SIGCHLD {
                return Ok(());
            }
        }
        collect(&mut relays);
        while let Ok(caller) = rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
            relays.extend(admit(caller));
        }
        if !relays.is_empty() || !sessions(node).is_empty() {
            needed = Instant::now();
        } else if needed.elapsed() >= grace {
            return Ok(());
        }
    }
}

fn listen(door: &Path) -> io::Result<OwnedFd> {
    let _ = std::fs::remove_file(door);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    // Nobody but ourselves may connect.
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let bound = rustix::net::bind(&socket, &SocketAddrUnix::new(door)?);
    rustix::process::umask(before);
    bound?;
    rustix::net::listen(&socket, 64)?;
    Ok(socket)
}

/// Collects whoever has ended below us; an exec whose relay that was hears how.
fn collect(relays: &mut Vec<Relay>) {
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if let Some(at) = relays.iter().position(|relay| relay.pid == pid) {
            let relay = relays.swap_remove(at);
            let code = status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(70);
            let _ = rustix::net::send(&relay.caller, &[code], SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        }
    }
}

/// Starts the relay for an exec that hands its streams over; one that brings none is let go.
fn admit(caller: OwnedFd) -> Option<Relay> {
    let mut fds = [PollFd::new(&caller, PollFlags::IN)];
    poll(&mut fds, Some(&LOOK)).ok().filter(|ready| *ready > 0)?;
    let (_, streams) = wire::receive_fds(&caller).ok()?;
    let [from, to, errors]: [OwnedFd; 3] = streams.try_into().ok()?;
    let mut relay = Command::new("/proc/self/exe");
    relay.arg0("fathom").arg("relay").env_remove(VARIABLE).stdin(from).stdout(to).stderr(errors);
    let child = relay.spawn().ok()?;
    Some(Relay { pid: Pid::from_raw(i32::try_from(child.id()).ok()?)?, caller })
}

/// A container that runs may not listen yet.
fn connect(door: &Path) -> io::Result<OwnedFd> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let (address, started) = (SocketAddrUnix::new(door)?, Instant::now());
    loop {
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        match rustix::net::connect(&socket, &address) {
            Err(Errno::NOENT | Errno::CONNREFUSED) if started.elapsed() < PATIENCE => {
                let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 10_000_000 }));
            }
            connected => return connected.map(|()| socket).map_err(io::Error::from),
        }
    }
}

/// Hands these three streams to whoever listens at `door`, and waits for the status of the relay that it starts.
pub fn pass_on(door: &Path, streams: [BorrowedFd<'_>; 3]) -> io::Result<i32> {
    let socket = connect(door)?;
    wire::send_fds(&socket, b"relay", &streams)?;
    let mut code = [0];
    match rustix::io::retry_on_intr(|| rustix::net::recv(socket.as_fd(), &mut code, RecvFlags::empty()))? {
        (1, _) => Ok(i32::from(code[0])),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
