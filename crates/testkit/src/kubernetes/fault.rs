//! What a test makes go wrong at the API server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::status::{self, Refusal};

/// Faults that wait for their request.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// A part of the path, and how many requests are still to be turned away.
    throttled: Mutex<Vec<(String, u32)>>,
    barriers: Mutex<Vec<Arc<State>>>,
    /// A part of the address, and how many pages after the first are still to be forgotten.
    expiring: Mutex<Vec<(String, u32)>>,
    /// API groups that nobody serves.
    hidden: Mutex<Vec<String>>,
    /// After so many requests the server dies.
    left: Mutex<Option<u32>>,
    /// Whether it has.
    dead: watch::Sender<bool>,
    /// Every request so far: method and address.
    heard: Mutex<Vec<String>>,
    /// Where those are gone to instead whom the API server forwards to.
    detours: Mutex<HashMap<SocketAddr, SocketAddr>>,
}

/// Lets nothing pass that has to do with a part of an address, for as long as it lives.
#[derive(Debug)]
pub struct Barrier(Arc<State>);

#[derive(Debug)]
struct State {
    part: String,
    /// How many wait, and whether they may go on.
    now: watch::Sender<(usize, bool)>,
}

impl Faults {
    /// The next `count` requests whose path holds `part` are told to come again.
    pub(super) fn throttle(&self, part: &str, count: u32) {
        lock(&self.throttled).push((part.to_owned(), count));
    }

    pub(super) fn strike(&self, path: &str) -> Option<Refusal> {
        let mut throttled = lock(&self.throttled);
        let (_, left) = throttled.iter_mut().find(|(part, left)| path.contains(part.as_str()) && *left > 0)?;
        *left -= 1;
        Some(status::throttled(1))
    }

    /// The next `count` pages after the first, of lists whose address holds `part`, are not to be had: the version that
    /// they go on from is forgotten.
    pub(super) fn expire(&self, part: &str, count: u32) {
        lock(&self.expiring).push((part.to_owned(), count));
    }

    /// Whether this page is.
    pub(super) fn has_expired(&self, address: &str) -> bool {
        let mut expiring = lock(&self.expiring);
        let found = expiring.iter_mut().find(|(part, left)| address.contains(part.as_str()) && *left > 0);
        found.map(|(_, left)| *left -= 1).is_some()
    }

    /// Nobody serves this API group any more.
    pub(super) fn hide(&self, group: &str) {
        lock(&self.hidden).push(group.to_owned());
    }

    /// The groups that nobody serves.
    pub(super) fn hidden(&self) -> Vec<String> {
        lock(&self.hidden).clone()
    }

    /// The server dies when it has answered so many more requests.
    pub(super) fn die_after(&self, requests: u32) {
        *lock(&self.left) = Some(requests);
    }

    /// Takes down that a request came; whether nobody is there any more to answer it.
    pub(super) fn hear(&self, method: &str, address: &str) -> bool {
        lock(&self.heard).push(format!("{method} {address}"));
        let mut left = lock(&self.left);
        match left.as_mut() {
            Some(0) => drop(self.dead.send_replace(true)),
            Some(count) => *count -= 1,
            None => {}
        }
        *left == Some(0) && *self.dead.borrow()
    }

    /// Every request so far.
    pub(super) fn heard(&self) -> Vec<String> {
        lock(&self.heard).clone()
    }

    /// Returns when the server dies.
    pub(super) async fn death(&self) {
        let _ = self.dead.subscribe().wait_for(|dead| *dead).await;
    }

    /// Whom the API server reaches at `address` it reaches by another one from now on.
    pub(super) fn detour(&self, address: SocketAddr, by: SocketAddr) {
        lock(&self.detours).insert(address, by);
    }

    /// There are no detours any more.
    pub(super) fn straighten(&self) {
        lock(&self.detours).clear();
    }

    /// Where to go for `address`.
    pub(super) fn way_to(&self, address: SocketAddr) -> SocketAddr {
        lock(&self.detours).get(&address).copied().unwrap_or(address)
    }

    /// See [`super::Kubernetes::hold`].
    pub(super) fn hold(&self, part: &str) -> Barrier {
        let state = Arc::new(State { part: part.to_owned(), now: watch::Sender::new((0, false)) });
        lock(&self.barriers).push(state.clone());
        Barrier(state)
    }

    /// Waits for as long as a barrier stands before `address`.
    pub(super) async fn pass(&self, address: &str) {
        let meant = || {
            let mut barriers = lock(&self.barriers);
            barriers.retain(|state| !state.now.borrow().1);
            barriers.iter().find(|state| address.contains(&state.part)).cloned()
        };
        while let Some(state) = meant() {
            state.now.send_modify(|(waiting, _)| *waiting += 1);
            let _ = state.now.subscribe().wait_for(|(_, open)| *open).await;
        }
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Barrier {
    /// Whether somebody has come to it within `patience`.
    pub fn is_reached(&self, patience: Duration) -> bool {
        let started = Instant::now();
        while self.0.now.borrow().0 == 0 {
            if started.elapsed() > patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        self.0.now.send_modify(|(_, open)| *open = true);
    }
}
