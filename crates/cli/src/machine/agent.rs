//! `fathom agent`, which a pod on a node runs, and `fathom relay`, which every client of it runs there.

use std::os::fd::AsFd as _;
use std::path::PathBuf;

use anyhow::Context as _;
use fathom_agent::relay;
use fathom_agent::watch::{self, Presence};
use fathom_host::sys;

use super::node;
use super::words::Agent;

/// Stays until nobody needs it.
pub(crate) fn run(words: &Agent) -> anyhow::Result<i32> {
    let signals = sys::signal_fd(&[libc::SIGTERM, libc::SIGINT]).context("cannot receive signals")?;
    let stop = || matches!(sys::read_signal(&signals), Ok(Some(_)));
    let shut = watch::until_unneeded(&node::node(), &lock(), words.grace, stop).context("cannot watch for clients")?;
    // Held until the kernel lets go of it: whoever is behind the door must not meet somebody who goes.
    std::mem::forget(shut);
    Ok(0)
}

/// Speaks with one client over stdin and stdout.
pub(crate) fn relay() -> anyhow::Result<i32> {
    let _presence = Presence::announce(&lock()).context("cannot tell the agent that a client is here")?;
    let own =
        |fd: std::os::fd::BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 3).context("cannot copy a descriptor");
    let (from, to) = (own(std::io::stdin().as_fd())?, own(std::io::stdout().as_fd())?);
    relay::serve(&node::node(), from, to).context("cannot speak with the client")?;
    Ok(0)
}

/// In the pod's own file system: each agent has its clients.
fn lock() -> PathBuf {
    std::env::temp_dir().join("fathom-presence")
}
