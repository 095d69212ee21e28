//! Names of containers for whoever sees cgroups: a thread of its own looks them up, so that nobody waits for an engine.
//!
//! Files are read first, which takes no time, then engines are asked, who know more. A container is often seen before its
//! engine has written down what it is, so that whoever is not known yet is looked up again.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use fathom_host::cgroup::naming;
use fathom_model::{Container, Directory, Engine};
use fathom_runtime::{Missing, PATIENCE};
use fathom_trace::state::cgroup;
use fathom_trace::state::described::Description;

use crate::Node;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// What engines keep on disk.
    Files,
    /// Engines that listen.
    Engines,
}

/// Who is asked, and how long after the time before.
const TRIES: &[(Whom, Duration)] = &[
    (Whom::Files, Duration::ZERO),
    (Whom::Engines, Duration::ZERO),
    (Whom::Files, Duration::from_millis(100)),
    (Whom::Engines, Duration::from_millis(400)),
    (Whom::Engines, Duration::from_secs(2)),
];

/// Looks up whose cgroups those are that it is asked about. Ends with this value.
#[derive(Debug)]
pub struct Names {
    questions: Sender<Vec<Vec<u8>>>,
    answers: Receiver<Answer>,
}

impl Names {
    /// Names of the containers on `node`.
    pub fn start(node: Node) -> Names {
        let (questions, asked) = mpsc::channel();
        let (told, answers) = mpsc::channel();
        // Without it, containers are called by the ids in their cgroups.
        let _ = thread::Builder::new().name("names".into()).spawn(move || Search::new(node, told).run(&asked));
        Names { questions, answers }
    }

    /// Whose are these, each as events have them: `SUBSYSTEM=PATH`, followed by NULs? They are looked up together.
    pub fn ask(&self, all: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        let all: Vec<Vec<u8>> = all.into_iter().map(|cgroups| cgroups.as_ref().to_vec()).collect();
        // Without the thread nobody answers.
        let _ = self.questions.send(all);
    }

    /// What was found out meanwhile. Never waits.
    pub fn answers(&self) -> impl Iterator<Item = Description> {
        self.answers.try_iter().filter_map(|answer| match answer {
            Answer::Found(description) => Some(*description),
            Answer::Looked(_) => None,
        })
    }

    /// What one look into files, or a question to engines, has found out; waits for it no longer than `patience`.
    pub fn wait(&self, whom: Whom, patience: Duration) -> Vec<Description> {
        let deadline = Instant::now() + patience;
        let mut found = Vec::new();
        loop {
            match self.answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Answer::Found(description)) => found.push(*description),
                Ok(Answer::Looked(at)) if at == whom => return found,
                Ok(Answer::Looked(_)) => {}
                Err(_) => return found,
            }
        }
    }
}

/// What the thread says.
#[derive(Debug)]
enum Answer {
    /// What is known of a container.
    Found(Box<Description>),
    /// All that was asked until then was looked up there.
    Looked(Whom),
}

/// Something that was asked, and is not done.
#[derive(Debug)]
struct Open {
    cgroups: Vec<u8>,
    tries: usize,
    due: Instant,
}

/// The thread.
struct Search {
    node: Node,
    told: Sender<Answer>,
    open: Vec<Open>,
    /// What was said last of whoever is in a cgroup.
    said: HashMap<String, Description>,
}

impl Search {
    fn new(node: Node, told: Sender<Answer>) -> Self {
        Search { node, told, open: Vec::new(), said: HashMap::new() }
    }

    /// Until nobody asks or listens any more.
    fn run(mut self, asked: &Receiver<Vec<Vec<u8>>>) {
        loop {
            let next = self.open.iter().map(|open| open.due).min();
            let patience = next.map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(Instant::now()));
            match asked.recv_timeout(patience) {
                Ok(all) => self.take(all),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            asked.try_iter().for_each(|all| self.take(all));
            // Whoever can be found in files does not wait for engines that are asked of others.
            let looked = self.look(Whom::Files).and_then(|()| {
                asked.try_iter().for_each(|all| self.take(all));
                self.look(Whom::Files)
            });
            if looked.and_then(|()| self.look(Whom::Engines)).is_err() {
                return;
            }
        }
    }

    fn take(&mut self, all: Vec<Vec<u8>>) {
        let due = Instant::now();
        self.open.extend(all.into_iter().map(|cgroups| Open { cgroups, tries: 0, due }));
    }

    /// Looks up all that is due there; one look at the machine for all of them.
    fn look(&mut self, whom: Whom) -> Result<(), mpsc::SendError<Answer>> {
        let now = Instant::now();
        let is_due = |open: &Open| open.due <= now && TRIES[open.tries].0 == whom;
        let (due, rest) = std::mem::take(&mut self.open).into_iter().partition::<Vec<_>, _>(is_due);
        self.open = rest;
        if due.is_empty() {
            return Ok(());
        }
        let (directory, missing) = match whom {
            Whom::Files => (self.node.at_once(), Vec::new()),
            Whom::Engines => self.node.complete(),
        };
        // One that hangs would keep us waiting for every single container.
        let hangs = missing.iter().any(|missing| matches!(missing, Missing::Silent { .. }));
        let closer = if hangs { Whom::Files } else { whom };
        for mut open in due {
            let found = found(&directory, &open.cgroups);
            let is_known = found.is_some();
            if let Some((container, path)) = found {
                self.tell(container, path, closer)?;
            }
            // Engines know all that can be known; what looks like no container is none of theirs.
            let is_done = is_known && whom == Whom::Engines;
            open.tries += 1;
            if !is_known && !is_of_a_container(&open.cgroups) {
                open.tries = (open.tries..TRIES.len()).find(|at| TRIES[*at].0 == Whom::Files).unwrap_or(TRIES.len());
            }
            if let Some((_, pause)) = TRIES.get(open.tries).filter(|_| !is_done) {
                self.open.push(Open { due: now + *pause, ..open });
            }
        }
        self.told.send(Answer::Looked(whom))
    }

    /// Says what is known of the container at `path`, if it is more than before.
    fn tell(&mut self, container: &Container, path: &str, whom: Whom) -> Result<(), mpsc::SendError<Answer>> {
        let detail = match whom {
            Whom::Files => fathom_runtime::detail_on_disk(&self.node.places, container),
            Whom::Engines => fathom_runtime::detail(&self.node.places, container, PATIENCE),
        };
        let words = Description::new(container, &detail, path);
        if self.said.get(path) == Some(&words) {
            return Ok(());
        }
        self.said.insert(path.to_owned(), words.clone());
        self.told.send(Answer::Found(Box::new(words)))
    }
}

/// Paths of cgroups, without those that everybody is in.
fn paths(cgroups: &[u8]) -> impl Iterator<Item = &str> {
    cgroup::entries(cgroups).filter_map(|(_, path)| std::str::from_utf8(path).ok()).filter(|path| path.len() > 1)
}

/// Whether an engine's way of naming shows.
fn is_of_a_container(cgroups: &[u8]) -> bool {
    paths(cgroups).any(|path| naming::container_of(path).is_some())
}

/// The container of these cgroups, and the path that is its own.
fn found<'d, 'p>(directory: &'d Directory, cgroups: &'p [u8]) -> Option<(&'d Container, &'p str)> {
    let by_id = |path: &'p str| {
        let named = naming::container_of(path)?;
        let known = directory.containers().iter().find(|container| container.id == named.id)?;
        Some((known, named.path))
    };
    // Others are called by names that nobody can tell from a service's; their cgroup is their own only if it is called so.
    let by_place = |path: &'p str| {
        let known = directory.by_cgroup(path)?;
        let own = &path[..known.cgroup.as_deref()?.len()];
        let last = own.rsplit('/').next().unwrap_or_default();
        let is_called = |word: Option<&str>| word.is_some_and(|word| !word.is_empty() && last.contains(word));
        (is_called(Some(&known.id)) || is_called(known.name.as_deref())).then_some((known, own))
    };
    let is_told = |(container, _): &(&Container, &str)| {
        container.engine != Engine::Unknown || container.name.is_some() && container.has_random_id()
    };
    paths(cgroups).find_map(by_id).or_else(|| paths(cgroups).find_map(by_place)).filter(is_told)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c6a8f0d2b4c6e8a0b1c2d3e4f5061728394a5b6c7d8e9f0a1b2c3d4e5f607";

    fn directory() -> Directory {
        let mut directory = Directory::default();
        directory.add(Container { name: Some("web".into()), ..Container::new(ID, Engine::Docker) });
        directory.add(Container {
            name: Some("worker".into()),
            cgroup: Some("/jobs/worker".into()),
            ..Container::new("worker", Engine::Runc)
        });
        directory.add(Container { cgroup: Some("/user.slice/a".into()), ..Container::new("odd", Engine::Runc) });
        directory.add(Container { cgroup: Some("/x".into()), ..Container::new("pid:7", Engine::Unknown) });
        directory
    }

    #[track_caller]
    fn check(cgroups: &str, expect: Option<(&str, &str)>) {
        let directory = directory();
        let found = found(&directory, cgroups.as_bytes());
        assert_eq!(found.map(|(container, path)| (container.id.as_str(), path)), expect, "{cgroups:?}");
    }

    #[test]
    fn a_cgroup_is_that_of_the_container_whose_id_it_has() {
        let own = format!("/docker/{ID}");
        check(&format!("cpu=/\0memory={own}\0"), Some((ID, &own)));
        check(&format!("memory={own}/system.slice\0"), Some((ID, &own)));
        check(&format!("memory=/docker/{}\0", ID.replace('4', "5")), None);
    }

    #[test]
    fn a_cgroup_that_is_called_like_a_container_is_its_own() {
        check("cpu=/jobs/worker\0", Some(("worker", "/jobs/worker")));
        check("cpu=/jobs/worker/inner\0", Some(("worker", "/jobs/worker")));
        check("cpu=/jobs/worker2\0", None);
        // Others are in there too.
        check("cpu=/user.slice/a\0", None);
        check("cpu=/x\0", None);
        check("cpu=/\0", None);
        check("", None);
    }
}
