//! The end of a session: what is left is killed, counted and removed.

use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};
use rustix::process::Signal;

use super::Supervisor;
use super::clients::Clients;
use crate::launcher::offspring;
use crate::plan::{Ground, Plan};
use crate::wire::Message;

/// How long init may take to end everything before we do it ourselves.
pub(super) const GRACE: Duration = Duration::from_millis(300);

/// Takes down what init did not: the leaf, and init itself.
pub(super) fn force(supervisor: &mut Supervisor) {
    kill_leaf(supervisor);
    let _ = rustix::process::kill_process(supervisor.init, Signal::KILL);
}

/// Whom this kills, nobody of ours collects; who they were is remembered, to be counted at the end.
fn kill_leaf(supervisor: &mut Supervisor) {
    let Some(kill) = &mut supervisor.kill else { return };
    for pid in kill.pids().unwrap_or_default() {
        if !supervisor.survivors.contains(&pid) {
            supervisor.survivors.push(pid);
        }
    }
    let _ = kill.kill();
}

/// The session is over: says so if nobody has yet, and removes what it had.
pub(super) fn close(mut supervisor: Supervisor, plan: &Plan, mut clients: Clients, ending: Option<Message>) {
    kill_leaf(&mut supervisor);
    if plan.ground == Ground::Found {
        offspring::end(|_, _| {});
    }
    let zombies = count_zombies(&supervisor.survivors);
    if zombies > 0 {
        clients.tell(&Message::Notice(format!(
            "{zombies} zombies stay under the target's first process, which never reaps: the session's init was killed"
        )));
    }
    if let Some(message) = ending {
        clients.tell(&message);
    }
    drop(clients);
    undo(plan);
}

/// Removes cgroup and record of a session, whatever of them is there.
pub(crate) fn undo(plan: &Plan) {
    if let Some(held) = &plan.held {
        // Its cgroup may be gone with it.
        let _ = held.thaw();
    }
    if let Some(leaf) = &plan.leaf {
        // The kernel lets go of a cgroup a moment after the last process is dead.
        let started = Instant::now();
        while leaf.remove().is_err() && started.elapsed() < Duration::from_millis(900) {
            let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 500_000 }));
        }
    }
    plan.registry.forget(&plan.id);
}

/// How many of `pids`, which all have their SIGKILL, end up dead and uncollected.
fn count_zombies(pids: &[u32]) -> usize {
    const PATIENCE: Duration = Duration::from_millis(500);
    let host = fathom_host::Host::local();
    let state = |pid: &u32| host.process(*pid).map_or('?', |process| process.state);
    let started = Instant::now();
    while pids.iter().any(|pid| !matches!(state(pid), 'Z' | '?')) && started.elapsed() < PATIENCE {
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 1_000_000 }));
    }
    pids.iter().filter(|pid| state(pid) == 'Z').count()
}
