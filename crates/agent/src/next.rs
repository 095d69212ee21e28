//! `--wait` and `--hold`: the next incarnation of a container, found as soon as it exists, stopped before it gets far.

use std::time::Duration;

use fathom_enter::launcher::guard::{self, Guard};
use fathom_enter::subject::Nature;
use fathom_enter::{Class, Failure, Subject};
use fathom_host::Host;
use fathom_host::incarnation::{self, Awaited, Freezer, TICK};
use fathom_model::directory::Found;
use fathom_model::{Container, Hint as _, Target};
use fathom_protocol::wish::Await;

use crate::{Listener, Node};

mod pod;

pub(crate) use pod::{Wanted, next as next_of_pod};

/// A target that is frozen, until a session answers for it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) freezer: Freezer,
    pub(crate) guard: Guard,
}

/// Waits for the next incarnation of the container that `text` names.
pub(crate) fn next(
    node: &Node,
    text: &str,
    arrival: Await,
    listener: &mut dyn Listener,
) -> Result<(Subject, Option<Held>), Failure> {
    let host = &node.host;
    let target = text
        .parse::<Target>()
        .map_err(|error| Failure { hint: error.hint(), ..Failure::new(Class::Usage, error.to_string()) })?;
    let Target::Container { engine, name } = &target else {
        return Err(Failure::new(Class::Usage, format!("`{text}` does not come back: only containers do"))
            .hinting("leave --wait and --hold out"));
    };
    let find = || match node.at_once().find(name, *engine) {
        Found::One(container) => Some(container.clone()),
        _ => None,
    };
    if let Found::Several(all) = node.at_once().find(name, *engine) {
        let list: Vec<String> = all.iter().map(|container| container.describe()).collect();
        return Err(Failure::new(Class::NotFound, format!("`{name}` may be any of {}", list.join(", ")))
            .hinting("name one of them with its engine"));
    }
    listener.notice(&format!("waiting for the next `{name}`"));
    let pid = match find() {
        Some(container) => after(host, &container, arrival, find)?,
        // Never seen: then its first incarnation is the next one.
        None => poll(Duration::from_millis(20), || find()?.pid.filter(|pid| runs_its_own(host, *pid))),
    };
    let held = match arrival {
        Await::Hold => Some(hold(host, pid, listener)?),
        Await::Enter => None,
    };
    let title = find().map_or_else(|| text.to_owned(), |container| container.describe());
    Ok((Subject { title, nature: Nature::Process, pinned: host.pin(pid)?, network: None }, held))
}

/// By the cgroup that it has or had; without one, by its name in the directory.
fn after(
    host: &Host,
    container: &Container,
    arrival: Await,
    find: impl Fn() -> Option<Container>,
) -> Result<u32, Failure> {
    let Some(cgroup) = &container.cgroup else {
        let is_next = |pid: &u32| Some(*pid) != container.pid && runs_its_own(host, *pid);
        return Ok(poll(Duration::from_millis(5), || find()?.pid.filter(is_next)));
    };
    let mut awaited = Awaited::new(host, cgroup, container.pid)?;
    let tick = if arrival == Await::Hold { TICK } else { Duration::from_millis(1) };
    Ok(poll(tick, || {
        // Once a runtime prepares it, nothing is waited for any more: each moment is one that its program may run.
        while let Some(pid) = awaited.arrived(host) {
            if runs_its_own(host, pid) {
                return Some(pid);
            }
            std::thread::yield_now();
        }
        None
    }))
}

/// The runtime is through with it: its namespaces are complete, and its own program runs.
fn runs_its_own(host: &Host, pid: u32) -> bool {
    incarnation::is_its_own(host, pid) == Some(true)
}

fn poll<T>(tick: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(tick);
    }
}

/// Freezes it right away: it has just been seen to run its own program.
fn hold(host: &Host, pid: u32, listener: &mut dyn Listener) -> Result<Held, Failure> {
    let freezer = Freezer::of(host, pid)?;
    let guard = guard::freeze(&freezer)?;
    tell(host, pid, listener);
    Ok(Held { freezer, guard })
}

fn tell(host: &Host, pid: u32, listener: &mut dyn Listener) {
    let used = incarnation::cpu_used(host, pid);
    listener.notice(&format!(
        "holding it (pid {pid}) after {:.1} ms of CPU; it goes on when the session ends, or by `fathom sessions release`",
        used.as_secs_f64() * 1e3
    ));
}
