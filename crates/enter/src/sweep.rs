//! Clearing up after a crash that took client, supervisor and init at once.
//!
//! A session whose lock nobody holds has no living owner: its leaf is killed and removed, its folder goes. Whoever
//! holds the lock while sweeping is the only one to do so, so that two sweeps at once are safe.

use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};

use crate::session::Registry;

/// What was cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Sessions without an owner.
    pub sessions: usize,
    /// Processes of theirs that still ran.
    pub processes: usize,
}

/// Clears every session of `registry` that has no living owner. Never fails: the next sweep tries again.
pub fn sweep(registry: &Registry) -> Swept {
    let mut swept = Swept::default();
    for id in registry.ids().unwrap_or_default() {
        let Some(_lock) = registry.abandoned(&id) else {
            continue;
        };
        if let Some(processes) = clear(registry, &id) {
            swept.sessions += 1;
            swept.processes += processes;
        }
    }
    swept
}

/// Removes what session `id` left; the caller holds its lock. Returns how many processes still ran, or nothing where
/// something could not be removed.
pub(crate) fn clear(registry: &Registry, id: &str) -> Option<usize> {
    let mut processes = 0;
    let state = registry.state(id).ok();
    if let Some(held) = state.as_ref().and_then(|state| state.held.as_ref()) {
        let _ = held.thaw();
    }
    if let Some(leaf) = state.and_then(|state| state.leaf) {
        if let Ok(mut kill) = leaf.kill_switch() {
            processes = kill.pids().map_or(0, |pids| pids.len());
            let _ = kill.kill();
            wait_until(|| kill.is_empty().unwrap_or(true));
        }
        // The kernel lets go of a cgroup a moment after the last process is dead.
        if !wait_until(|| leaf.remove().is_ok()) {
            return None;
        }
    }
    registry.forget(id);
    Some(processes)
}

fn wait_until(mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !done() {
        if started.elapsed() > Duration::from_secs(1) {
            return false;
        }
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 500_000 }));
    }
    true
}
