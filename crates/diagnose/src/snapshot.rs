//! What is known of a cluster at one moment: objects, logs, and what could not be looked at. Immutable; every question
//! is answered yes, no, or unknown with the reason.
//!
//! Comes from [`Gathering`], which reads lists, folders' files and logs that somebody hands to it. Goes to the rules.

mod archive;
mod coverage;
mod encoding;
mod events;
mod facts;
mod gathering;
mod layout;
mod logs;
mod pointer;
mod saved;
mod sketches;
mod veil;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use coverage::{Coverage, FORBIDDEN, List, Need, fold};
pub use events::Event;
pub use facts::is_fact;
pub use gathering::Gathering;
pub use logs::{Log, LogName, Run};
pub use pointer::Proof;

use crate::object::{Object, Ref, View};
use crate::time::Time;

/// An answer, or what would have to be known for one.
pub type Judged<T> = Result<T, Need>;

/// What is known of a cluster at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    now: Time,
    /// Shared, so that a snapshot with a change costs little.
    objects: Vec<Arc<Object>>,
    kinds: HashMap<String, Vec<usize>>,
    places: HashMap<(String, String), Vec<usize>>,
    refs: HashMap<Ref, usize>,
    uids: HashMap<String, usize>,
    about: HashMap<Ref, Vec<usize>>,
    logs: Arc<BTreeMap<LogName, Log>>,
    coverage: Coverage,
    /// What was wrong with the source, in words.
    pub damage: Vec<String>,
    /// What could not be read of a machine.
    pub lacks: Vec<Need>,
}

impl Snapshot {
    fn new(now: Time, objects: Vec<Arc<Object>>, logs: Arc<BTreeMap<LogName, Log>>, coverage: Coverage) -> Self {
        let mut snapshot = Snapshot {
            now,
            objects,
            kinds: HashMap::new(),
            places: HashMap::new(),
            refs: HashMap::new(),
            uids: HashMap::new(),
            about: HashMap::new(),
            logs,
            coverage,
            damage: Vec::new(),
            lacks: Vec::new(),
        };
        for (at, object) in snapshot.objects.iter().enumerate() {
            snapshot.kinds.entry(object.id.kind.clone()).or_default().push(at);
            let place = (object.id.kind.clone(), object.id.namespace.clone());
            snapshot.places.entry(place).or_default().push(at);
            snapshot.refs.insert(object.id.clone(), at);
            if !object.uid().is_empty() {
                snapshot.uids.insert(object.uid().to_owned(), at);
            }
            if object.id.kind == "Event" {
                snapshot.about.entry(Event(object).about()).or_default().push(at);
            }
        }
        let Snapshot { about, objects, .. } = &mut snapshot;
        for events in about.values_mut() {
            events.sort_by_key(|&at| (Event(&objects[at]).last(), objects[at].id.name.clone()));
        }
        snapshot
    }

    /// When it was taken; ages and deadlines are relative to it.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many objects it holds.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether it holds no object.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// All objects.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().map(Arc::as_ref)
    }

    /// What was looked at, and what not.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The objects of a kind that are here. Says nothing about those that are not: for that, ask [`Snapshot::every`].
    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.kinds.get(kind).into_iter().flatten().map(|&at| self.objects[at].as_ref())
    }

    /// Pods, and containers of machines, which are told in the same words.
    pub fn programs(&self) -> impl Iterator<Item = &Object> {
        self.all("Pod").chain(self.all("Container"))
    }

    /// Those in one namespace.
    pub fn within(&self, kind: &str, namespace: &str) -> impl Iterator<Item = &Object> {
        let place = (kind.to_owned(), namespace.to_owned());
        self.places.get(&place).into_iter().flatten().map(|&at| self.objects[at].as_ref())
    }

    /// An object that is here.
    pub fn seen(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        self.find(&Ref::new(kind, namespace, name))
    }

    /// An object that is here, by reference.
    pub fn find(&self, id: &Ref) -> Option<&Object> {
        self.refs.get(id).map(|&at| self.objects[at].as_ref())
    }

    /// An object that is here, by uid.
    pub fn by_uid(&self, uid: &str) -> Option<&Object> {
        self.uids.get(uid).map(|&at| self.objects[at].as_ref())
    }

    /// Whether there is such an object: it, certainly none, or unknown.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Judged<Option<&Object>> {
        match self.seen(kind, namespace, name) {
            Some(object) => Ok(Some(object)),
            None => self.coverage.complete(kind, namespace).map(|()| None),
        }
    }

    /// All objects of a kind in a namespace (of the cluster where it is empty), if it is known that these are all.
    pub fn every(&self, kind: &str, namespace: &str) -> Judged<Vec<&Object>> {
        self.coverage.complete(kind, namespace)?;
        self.told(kind, namespace)?;
        Ok(self.all(kind).filter(|object| namespace.is_empty() || object.id.namespace == namespace).collect())
    }

    /// Whether more than the names of a kind's objects is known.
    fn told(&self, kind: &str, namespace: &str) -> Judged<()> {
        let here = |object: &&Object| namespace.is_empty() || object.id.namespace == namespace;
        match self.all(kind).filter(here).find(|object| object.view() == View::Listed) {
            Some(_) => {
                let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
                let reason = "of some of them only a line of a table was given";
                Err(Need::new(format!("describe {kind}{place}"), reason))
            }
            None => Ok(()),
        }
    }

    /// What would have to be known for a proof that something is not there: a text need not tell of it.
    pub fn doubts(&self, proof: &Proof) -> Option<Need> {
        if let Some((id, pointer)) = proof.at.split_once('#') {
            let object = self.find(&Ref::parse(id)?)?;
            let reason = "what was given of it does not tell";
            return (!object.tells(pointer)).then(|| Need::new(format!("read {pointer} of {id}"), reason));
        }
        let id = Ref::parse(&proof.at)?;
        let counted = id.name.starts_with("*?") && proof.saw == "0";
        counted.then(|| self.told(&id.kind, &id.namespace).err()).flatten()
    }

    /// The proof that an object is missing, if that is known.
    pub fn absent(&self, kind: &str, namespace: &str, name: &str) -> Judged<Option<Proof>> {
        let found = self.get(kind, namespace, name)?;
        Ok(found.is_none().then(|| Proof::absent(&Ref::new(kind, namespace, name))))
    }

    /// What was recorded about a reference, of whatever bore it, the oldest first.
    pub fn about(&self, id: &Ref) -> impl DoubleEndedIterator<Item = Event<'_>> {
        let indices = self.about.get(id).map_or(&[][..], Vec::as_slice);
        indices.iter().map(|&at| Event(self.objects[at].as_ref()))
    }

    /// What was recorded about an object, the oldest first. Events of another object of the same name are left out.
    pub fn events<'a>(&'a self, object: &'a Object) -> impl DoubleEndedIterator<Item = Event<'a>> {
        self.about(&object.id)
            .filter(|event| event.uid().is_empty() || object.uid().is_empty() || event.uid() == object.uid())
    }

    /// The log of a container's run.
    pub fn log(&self, name: &LogName) -> Option<&Log> {
        self.logs.get(name)
    }

    /// All logs.
    pub fn logs(&self) -> impl Iterator<Item = (&LogName, &Log)> {
        self.logs.iter()
    }

    /// The same cluster with an object replaced, added, or taken away.
    pub fn with(&self, changes: &[(Ref, Option<Object>)]) -> Snapshot {
        let mut objects = self.objects.clone();
        for (id, change) in changes {
            objects.retain(|object| object.id != *id);
            objects.extend(change.clone().map(Arc::new));
        }
        Snapshot::new(self.now, objects, self.logs.clone(), self.coverage.clone())
    }
}
