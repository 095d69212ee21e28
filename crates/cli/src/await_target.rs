//! `--wait` and `--hold`: the next incarnation of a container, found as soon as it exists, stopped before it gets far.

use std::time::{Duration, Instant};

use fathom_enter::launcher::guard::{self, Guard};
use fathom_enter::subject::Nature;
use fathom_enter::{Class, Failure, Subject};
use fathom_host::Host;
use fathom_host::incarnation::{self, Awaited, Freezer, TICK};
use fathom_model::directory::Found;
use fathom_model::{Container, Hint as _, Target};

use crate::{directory, printer};

/// What is to be done with it when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Enter it.
    Enter,
    /// Freeze it as soon as its own program runs, then enter it.
    Hold,
}

/// A target that is frozen, until a session answers for it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) freezer: Freezer,
    pub(crate) guard: Guard,
}

/// Waits for the next incarnation of the container that `text` names.
pub(crate) fn next(host: &Host, text: &str, arrival: Arrival) -> Result<(Subject, Option<Held>), Failure> {
    let target = text
        .parse::<Target>()
        .map_err(|error| Failure { hint: error.hint(), ..Failure::new(Class::Usage, error.to_string()) })?;
    let Target::Container { engine, name } = &target else {
        return Err(Failure::new(Class::Usage, format!("`{text}` does not come back: only containers do"))
            .hinting("leave --wait and --hold out"));
    };
    let find = || match directory::at_once(host).find(name, *engine) {
        Found::One(container) => Some(container.clone()),
        _ => None,
    };
    printer::notice(&format!("waiting for the next `{name}`"));
    let pid = match find() {
        Some(container) => after(host, &container, arrival, find)?,
        // Never seen: then its first incarnation is the next one.
        None => poll(Duration::from_millis(20), || find()?.pid),
    };
    let held = match arrival {
        Arrival::Hold => Some(hold(host, pid)?),
        Arrival::Enter => {
            settle(host, pid);
            None
        }
    };
    let title = find().map_or_else(|| text.to_owned(), |container| container.describe());
    Ok((Subject { title, nature: Nature::Process, pinned: host.pin(pid)?, network: None }, held))
}

/// By the cgroup that it has or had; without one, by its name in the directory.
fn after(
    host: &Host,
    container: &Container,
    arrival: Arrival,
    find: impl Fn() -> Option<Container>,
) -> Result<u32, Failure> {
    let Some(cgroup) = &container.cgroup else {
        let known = container.pid;
        return Ok(poll(Duration::from_millis(5), || find()?.pid.filter(|pid| Some(*pid) != known)));
    };
    let mut awaited = Awaited::new(host, cgroup, container.pid)?;
    let tick = if arrival == Arrival::Hold { TICK } else { Duration::from_millis(1) };
    Ok(poll(tick, || awaited.arrived(host)))
}

fn poll<T>(tick: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(tick);
    }
}

/// Until the runtime has made it what it is to be; its namespaces are not complete before.
fn settle(host: &Host, pid: u32) {
    let started = Instant::now();
    while incarnation::is_its_own(host, pid) == Some(false) && started.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn hold(host: &Host, pid: u32) -> Result<Held, Failure> {
    let freezer = Freezer::of(host, pid)?;
    // Busy: each microsecond here is one that the program runs.
    let its_own = loop {
        match incarnation::is_its_own(host, pid) {
            Some(false) => std::thread::yield_now(),
            Some(true) => break true,
            None => break false,
        }
    };
    if !its_own {
        return Err(fathom_host::Error::Gone { pid }.into());
    }
    let guard = guard::freeze(&freezer)?;
    let used = incarnation::cpu_used(host, pid);
    printer::notice(&format!(
        "holding it (pid {pid}) after {:.1} ms of CPU; it goes on when the session ends, or by `fathom sessions release`",
        used.as_secs_f64() * 1e3
    ));
    Ok(Held { freezer, guard })
}
