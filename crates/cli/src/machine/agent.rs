//! `fathom agent`, which a pod on a node runs, and `fathom relay`, which every client of it runs there.

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fathom_agent::beside::door;
use fathom_agent::installed::{self, Settings};
use fathom_agent::relay;
use fathom_agent::watch::{self, Presence};
use fathom_enter::failure::Step as _;
use fathom_host::sys;
use fathom_protocol::link;

use super::node;
use super::serve::stop;
use super::words::{Agent, InstalledAgent};
use crate::{environment, kubernetes, printer};

/// Stays until nobody needs it; where a server is installed, until it is told to go.
pub(crate) fn run(words: &Agent) -> anyhow::Result<i32> {
    if let InstalledAgent { server: Some(server), node: Some(node), .. } = &words.installed {
        return stay(server, node, &words.installed);
    }
    if let Some(door) = environment::value(door::VARIABLE) {
        door::stay(&node::node(), Path::new(&door), words.grace).context("cannot wait for clients")?;
        return Ok(0);
    }
    let signals = sys::signal_fd(&[libc::SIGTERM, libc::SIGINT]).context("cannot receive signals")?;
    let stop = || matches!(sys::read_signal(&signals), Ok(Some(_)));
    let shut = watch::until_unneeded(&node::node(), &lock(), words.grace, stop).context("cannot watch for clients")?;
    // Held until the kernel lets go of it: whoever is behind the door must not meet somebody who goes.
    std::mem::forget(shut);
    Ok(0)
}

fn stay(server: &str, node: &str, words: &InstalledAgent) -> anyhow::Result<i32> {
    let settings = Settings {
        node: node.to_owned(),
        server: server.to_owned(),
        authority: words.authority.clone(),
        token: words.token.clone(),
        keys: words.keys.clone(),
        program: "/proc/self/exe".into(),
    };
    let address = SocketAddr::new(words.address, link::AGENT_PORT);
    kubernetes::block_on(async {
        let stop = stop().step("receive signals")?;
        tokio::select! {
            served = installed::serve(settings, address, printer::trouble, stop) => served,
            never = watch::sweep_always(node::node()) => match never {},
        }
    })?;
    // Sessions end with their agent: nobody else could be asked for them.
    watch::end_sessions(&node::node());
    Ok(0)
}

/// Speaks with one client over stdin and stdout.
pub(crate) fn relay() -> anyhow::Result<i32> {
    if let Some(door) = environment::value(door::VARIABLE) {
        let streams = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        return door::pass_on(Path::new(&door), [streams.0.as_fd(), streams.1.as_fd(), streams.2.as_fd()])
            .context("cannot reach the first process of this container");
    }
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
