//! What an agent's pod runs: a wait for the moment when nobody needs the node's `fathom` any more.
//!
//! Clients come by an exec of their own each, which runs a relay. As long as a relay shares the lock of [`Presence`],
//! or a session of this agent is on record, the agent stays. It has no port, and starts nothing.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use fathom_enter::{client, sweep};
use rustix::fs::FlockOperation;

use crate::Node;

/// A lock that every relay shares, so that the agent can see whether there is one.
#[derive(Debug)]
pub struct Presence(#[allow(dead_code, reason = "held, and let go by whatever end we come to")] File);

impl Presence {
    /// Says that somebody is here, for as long as the result lives.
    pub fn announce(lock: &Path) -> io::Result<Self> {
        let file = open(lock)?;
        rustix::fs::flock(&file, FlockOperation::LockShared)?;
        Ok(Presence(file))
    }

    /// The lock itself, if nobody is here; nobody can come for as long as it lives.
    fn shut(lock: &Path) -> io::Result<Option<File>> {
        let file = open(lock)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn open(lock: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(lock)
}

/// Returns when nobody has been here for `grace` and no session of ours lives, or when `stop` says so; then no session
/// of ours lives either. For as long as the result lives, a client that comes too late hears nothing, and so looks for
/// another agent.
pub fn until_unneeded(
    node: &Node,
    lock: &Path,
    grace: Duration,
    mut stop: impl FnMut() -> bool,
) -> io::Result<Option<File>> {
    const TICK: Duration = Duration::from_millis(200);
    let mut needed = Instant::now();
    let shut = loop {
        if stop() {
            break None;
        }
        let shut = Presence::shut(lock)?;
        if shut.is_none() || !sessions(node).is_empty() {
            needed = Instant::now();
        } else if needed.elapsed() >= grace {
            break shut;
        }
        drop(shut);
        std::thread::sleep(TICK);
    };
    end_sessions(node);
    Ok(shut)
}

/// Removes what dead sessions left, again and again: that of an agent before us too, which was killed with all that
/// could clear up after it.
pub async fn sweep_always(node: Node) -> Infallible {
    const ROUND: Duration = Duration::from_secs(5);
    loop {
        let registry = node.registry.clone();
        // It may wait for processes to end, and here conversations are carried.
        let _ = tokio::task::spawn_blocking(move || sweep::sweep(&registry)).await;
        tokio::time::sleep(ROUND).await;
    }
}

/// Ends the sessions that this agent's relays have started.
pub fn end_sessions(node: &Node) {
    for id in sessions(node) {
        // One that ended meanwhile is no loss.
        let _ = client::kill(&node.registry, &id);
    }
}

/// The sessions that this agent's relays have started: their supervisors are in our cgroup, wherever the record is
/// shared with others. What dead ones left is removed first.
pub(crate) fn sessions(node: &Node) -> Vec<String> {
    sweep::sweep(&node.registry);
    let cgroup = |pid: u32| node.host.read(format!("proc/{pid}/cgroup")).ok();
    let own = cgroup(std::process::id());
    let is_ours = |id: &String| node.registry.state(id).is_ok_and(|state| cgroup(state.seen.supervisor) == own);
    node.registry.ids().unwrap_or_default().into_iter().filter(is_ours).collect()
}
