//! The next incarnation of a pod's container: by the pod's cgroup, and by the names that engines keep with their ids.
//!
//! A kubelet makes a new container for each restart, so there is no id to wait for. What has come is asked for its
//! name while its runtime still prepares it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fathom_enter::launcher::guard;
use fathom_enter::subject::Nature;
use fathom_enter::{Class, Failure, Subject};
use fathom_host::Host;
use fathom_host::incarnation::{self, Freezer, Leaf, Pod, TICK};
use fathom_model::Container;
use fathom_protocol::wish::Await;

use super::{Held, runs_its_own, tell};
use crate::{Listener, Node, resolve};

/// Which container.
pub(crate) struct Wanted<'a> {
    pub(crate) pod: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) container: &'a str,
    pub(crate) after: Option<&'a str>,
}

/// How often is looked for a pod that is not on this node yet.
const SLOW: Duration = Duration::from_millis(100);

/// How often whoever waits is asked whether they still do.
const ASK: Duration = Duration::from_millis(100);

/// How often is looked at a program before it is looked whether its process is still the first.
const LOOKS: usize = 16;

/// How long a container may be here before engines are asked for a name that their files do not tell.
const NAMELESS: Duration = Duration::from_millis(200);

/// Waits for it.
pub(crate) fn next(
    node: &Node,
    wanted: &Wanted<'_>,
    arrival: Await,
    listener: &mut dyn Listener,
) -> Result<(Subject, Option<Held>), Failure> {
    listener.notice(&format!("waiting for the next `{}`", wanted.title()));
    let pod = loop {
        if let Some(pod) = Pod::find(&node.host, wanted.pod)? {
            break pod;
        }
        wanted.go_on(listener)?;
        std::thread::sleep(SLOW);
    };
    let mut arrivals = Arrivals::new(node, wanted);
    let tick = if arrival == Await::Hold { TICK } else { Duration::from_millis(1) };
    loop {
        let leaves = pod.containers().ok_or_else(|| wanted.is_gone())?;
        if let Some(Arrived { leaf, pid, brake }) = arrivals.meet(&leaves, arrival, listener)? {
            if brake.is_some() {
                tell(&node.host, pid, listener);
            }
            let pinned = node.host.pin(pid).map_err(Failure::from).and_then(|pinned| {
                let subject = Subject { title: wanted.title(), nature: Nature::Process, pinned, network: None };
                resolve::check_pod(&subject, wanted.pod).map(|()| subject)
            });
            match pinned {
                Ok(subject) => return Ok((subject, brake.map(|brake| brake.held))),
                // It came and went while we reached for it; there will be another.
                Err(_) if node.host.process(pid).is_err() => arrivals.forget(&leaf),
                Err(failure) => return Err(failure),
            }
        }
        arrivals.ask(listener)?;
        std::thread::sleep(tick);
    }
}

/// What can stop a container at once: made while its runtime still prepares it.
struct Brake {
    held: Held,
}

impl Brake {
    fn of(host: &Host, pid: u32) -> Result<Self, Failure> {
        let freezer = Freezer::of(host, pid)?;
        let guard = guard::stand_by(&freezer)?;
        Ok(Brake { held: Held { freezer, guard } })
    }

    /// A cgroup that is gone has nothing that could run.
    fn pull(&self) {
        let _ = self.held.freezer.freeze();
    }

    fn let_go(&self) {
        let _ = self.held.freezer.thaw();
    }

    fn discard(self) {
        self.let_go();
        self.held.guard.relieve();
    }
}

impl Wanted<'_> {
    fn title(&self) -> String {
        format!("{}/pod/{}/{}", self.namespace, self.name, self.container)
    }

    fn is(&self, container: &Container) -> Option<bool> {
        let pod = container.pod.as_ref()?;
        let own = pod.uid.as_deref().is_none_or(|uid| uid == self.pod);
        let named = pod.namespace == self.namespace && pod.name == self.name;
        Some(own && named && pod.container.as_deref() == Some(self.container))
    }

    fn go_on(&self, listener: &mut dyn Listener) -> Result<(), Failure> {
        if listener.waits() {
            return Ok(());
        }
        Err(Failure::new(Class::System, format!("nobody waits for the next `{}` any more", self.title())))
    }

    fn is_gone(&self) -> Failure {
        Failure::new(Class::NotFound, format!("the pod {}/{} has left this node", self.namespace, self.name))
            .hinting("its successor has another uid; wait for that one")
    }
}

/// The one that is meant, and runs its own program.
struct Arrived {
    leaf: Leaf,
    pid: u32,
    /// With which it was stopped, where that is wished.
    brake: Option<Brake>,
}

/// A process gets the name of its new program a moment after the program.
fn has_become_its_own(host: &Host, pid: u32) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1) {
        if runs_its_own(host, pid) {
            return true;
        }
    }
    false
}

/// What has come to the pod's cgroup so far.
struct Arrivals<'a> {
    node: &'a Node,
    wanted: &'a Wanted<'a>,
    /// Ids of what is not meant.
    others: BTreeSet<String>,
    /// When those were first seen whose name nobody knows yet.
    nameless: BTreeMap<String, Instant>,
    /// The id of the one that is meant.
    own: Option<String>,
    asked: Instant,
}

impl<'a> Arrivals<'a> {
    fn new(node: &'a Node, wanted: &'a Wanted<'a>) -> Self {
        let after = wanted.after.map(|id| id.rsplit("://").next().unwrap_or(id).to_owned());
        let others = after.into_iter().collect();
        Arrivals { node, wanted, others, nameless: BTreeMap::new(), own: None, asked: Instant::now() }
    }

    fn forget(&mut self, leaf: &Leaf) {
        self.own = None;
        self.others.insert(leaf.id.clone());
    }

    fn ask(&mut self, listener: &mut dyn Listener) -> Result<(), Failure> {
        if self.asked.elapsed() < ASK {
            return Ok(());
        }
        self.asked = Instant::now();
        self.wanted.go_on(listener)
    }

    /// The one that is meant, once its own program runs; stopped, where that is wished.
    fn meet(
        &mut self,
        leaves: &[Leaf],
        arrival: Await,
        listener: &mut dyn Listener,
    ) -> Result<Option<Arrived>, Failure> {
        self.name(leaves);
        let Some(leaf) = leaves.iter().find(|leaf| Some(&leaf.id) == self.own.as_ref()) else {
            // It came and went unseen.
            self.own = None;
            return Ok(None);
        };
        let (host, mut brake, mut seen) = (&self.node.host, None, None);
        // Once a runtime prepares it, nothing is waited for any more: each moment is one that its program may run.
        while let Some(pid) = leaf.first(host) {
            if arrival == Await::Hold && brake.is_none() {
                match Brake::of(host, pid) {
                    Ok(made) => brake = Some(made),
                    // A helper of the runtime, which has gone already.
                    Err(_) if host.process(pid).is_err() => continue,
                    Err(failure) => return Err(failure),
                }
            }
            for _ in 0..LOOKS {
                let program = incarnation::program(host, pid);
                if program == seen && arrival == Await::Hold {
                    continue;
                }
                // Another program: stopped first, looked at then. A runtime that executes itself anew hardly notices.
                brake.iter().for_each(Brake::pull);
                if program.is_some() && has_become_its_own(host, pid) {
                    return Ok(Some(Arrived { leaf: leaf.clone(), pid, brake }));
                }
                brake.iter().for_each(Brake::let_go);
                seen = program;
            }
            self.ask(listener)?;
            std::thread::yield_now();
        }
        if let Some(brake) = brake {
            brake.discard();
        }
        Ok(None)
    }

    /// Finds out who the new ones are.
    fn name(&mut self, leaves: &[Leaf]) {
        let is_new = |leaf: &&Leaf| !self.others.contains(&leaf.id) && self.own.as_ref() != Some(&leaf.id);
        let fresh: Vec<&Leaf> = leaves.iter().filter(is_new).collect();
        if fresh.is_empty() {
            return;
        }
        // Neither /proc nor an engine is asked: while names are looked up, the container comes nearer to its program.
        let files = fathom_runtime::on_disk(&self.node.places).containers;
        for leaf in fresh {
            let seen = *self.nameless.entry(leaf.id.clone()).or_insert_with(Instant::now);
            let known = whose(&files, self.wanted, leaf);
            // Files that say nothing may not be written yet, or be those of an engine that keeps them elsewhere.
            let known = known.or_else(|| {
                (seen.elapsed() > NAMELESS)
                    .then(|| whose(self.node.complete().0.containers(), self.wanted, leaf).unwrap_or(false))
            });
            match known {
                Some(true) => self.own = Some(leaf.id.clone()),
                Some(false) => drop(self.others.insert(leaf.id.clone())),
                None => {}
            }
        }
    }
}

fn whose(known: &[Container], wanted: &Wanted<'_>, leaf: &Leaf) -> Option<bool> {
    known.iter().find(|container| container.id == leaf.id).and_then(|found| wanted.is(found))
}
