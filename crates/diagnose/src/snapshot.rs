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
mod hearsay;
mod index;
mod layout;
mod logs;
mod named;
mod older;
mod pointer;
mod saved;
mod sketches;
mod untold;
mod veil;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use coverage::{Coverage, FORBIDDEN, List, Need, fold};
pub use events::Event;
pub use facts::is_fact;
pub use gathering::{Fault, Gathering, parts};
use index::Index;
pub use logs::{Log, LogName, Run};
pub use pointer::Proof;
pub(crate) use pointer::parted;
pub(crate) use untold::whole;
pub use veil::PLAIN;

use crate::kinds;
use crate::object::{Object, Ref};
use crate::time::Time;
use crate::value::{Map, Text, Value};

/// An answer, or what would have to be known for one.
pub type Judged<T> = Result<T, Need>;

/// What is known of a cluster at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    now: Time,
    /// Shared, so that a snapshot with a change costs little. What was taken away leaves its place.
    objects: Vec<Option<Arc<Object>>>,
    index: Arc<Index>,
    /// Where those begin that the index does not know.
    changed: usize,
    logs: Arc<BTreeMap<LogName, Log>>,
    coverage: Coverage,
    /// What was wrong with the source, in words.
    pub damage: Vec<String>,
    /// What could not be read of a machine.
    pub lacks: Vec<Need>,
}

impl Snapshot {
    fn new(now: Time, objects: Vec<Arc<Object>>, logs: Arc<BTreeMap<LogName, Log>>, coverage: Coverage) -> Self {
        let objects: Vec<_> = objects.into_iter().map(Some).collect();
        let (index, changed) = (Arc::new(Index::of(&objects)), objects.len());
        Snapshot { now, objects, index, changed, logs, coverage, damage: Vec::new(), lacks: Vec::new() }
    }

    /// When it was taken; ages and deadlines are relative to it.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many objects it holds.
    pub fn len(&self) -> usize {
        self.objects().count()
    }

    /// Whether it holds no object.
    pub fn is_empty(&self) -> bool {
        self.objects().next().is_none()
    }

    /// All objects.
    pub fn objects(&self) -> impl DoubleEndedIterator<Item = &Object> {
        self.objects.iter().flatten().map(Arc::as_ref)
    }

    /// What was looked at, and what not.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What the index does not know, if it is meant.
    fn later(&self, is_meant: impl Fn(&Object) -> bool) -> impl DoubleEndedIterator<Item = &Object> {
        self.objects[self.changed..].iter().flatten().map(Arc::as_ref).filter(move |one| is_meant(one))
    }

    /// What is at these places, and what came later, if it is meant.
    fn pick(
        &self,
        places: impl DoubleEndedIterator<Item = usize>,
        is_meant: impl Fn(&Object) -> bool + Copy,
    ) -> impl DoubleEndedIterator<Item = &Object> {
        let known = places.filter_map(|at| self.objects[at].as_deref()).filter(move |one| is_meant(one));
        known.chain(self.later(is_meant))
    }

    /// The objects of a kind that are here. Says nothing about those that are not: for that, ask [`Snapshot::every`].
    pub fn all(&self, kind: &str) -> impl DoubleEndedIterator<Item = &Object> {
        let known = self.index.all(kind).iter().filter_map(|&at| self.objects[at].as_deref());
        known.chain(self.later(move |one| one.id.kind == kind))
    }

    /// Pods, and containers of machines, which are told in the same words.
    pub fn programs(&self) -> impl Iterator<Item = &Object> {
        self.all("Pod").chain(self.all("Container"))
    }

    /// Those in one namespace.
    pub fn within(&self, kind: &str, namespace: &str) -> impl DoubleEndedIterator<Item = &Object> {
        let known = self.index.within(kind, namespace).iter().filter_map(|&at| self.objects[at].as_deref());
        known.chain(self.later(move |one| one.id.kind == kind && one.id.namespace == namespace))
    }

    /// Those of them that may have these labels: of pods and slices, that have the rarest of them.
    pub fn labelled(&self, kind: &str, namespace: &str, labels: &Map) -> impl DoubleEndedIterator<Item = &Object> {
        let of = |(key, value): (&Text, &Value)| self.index.labelled(kind, namespace, (key, value.as_str()?));
        let rarest = labels.iter().filter_map(of).min_by_key(|places| places.len());
        let places = rarest.unwrap_or_else(|| self.index.within(kind, namespace));
        let known = places.iter().filter_map(|&at| self.objects[at].as_deref());
        known.chain(self.later(move |one| one.id.kind == kind && one.id.namespace == namespace))
    }

    /// An object that is here.
    pub fn seen(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        let is = |one: &Object| one.id.name == name && one.id.kind == kind && one.id.namespace == namespace;
        self.pick(self.index.named((kind, namespace, name)), is).next()
    }

    /// An object that is here, by reference.
    pub fn find(&self, id: &Ref) -> Option<&Object> {
        self.seen(&id.kind, &id.namespace, &id.name)
    }

    /// An object that is here, by uid.
    pub fn by_uid(&self, uid: &str) -> Option<&Object> {
        self.pick(self.index.uid(uid), |one| !uid.is_empty() && one.uid() == uid).next_back()
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
        self.is_told(kind, namespace)?;
        Ok(if namespace.is_empty() { self.all(kind).collect() } else { self.within(kind, namespace).collect() })
    }

    /// All objects of a kind in a namespace, if it is known that these are all and which labels each has: `--show-labels`
    /// tells them in a table.
    pub fn every_labelled(&self, kind: &str, namespace: &str) -> Judged<Vec<&Object>> {
        self.coverage.complete(kind, namespace)?;
        self.labels_told(kind, namespace)?;
        Ok(self.within(kind, namespace).collect())
    }

    /// Whether it is known which labels the objects of a kind have.
    fn labels_told(&self, kind: &str, namespace: &str) -> Judged<()> {
        let shown = self.within(kind, namespace).all(|object| object.tells("/metadata/labels"));
        if shown { Ok(()) } else { self.told(kind, namespace) }
    }

    /// Whether all objects of a kind are here, and more of them than their names.
    pub fn is_told(&self, kind: &str, namespace: &str) -> Judged<()> {
        self.coverage.complete(kind, namespace)?;
        self.told(kind, namespace)
    }

    /// Whether more than the names of a kind's objects is known.
    fn told(&self, kind: &str, namespace: &str) -> Judged<()> {
        if !self.index.is_listed(kind, namespace) {
            return Ok(());
        }
        let (place, flag) = match namespace {
            "" => (String::new(), " -A".to_owned()),
            _ => (format!(" in {namespace}"), format!(" -n {namespace}")),
        };
        let (plural, flag) = match kinds::of_name(kind) {
            Some(kind) if !kind.is_namespaced() => (kind.plural.to_owned(), String::new()),
            Some(kind) => (kind.plural.to_owned(), flag),
            None => (kind.to_lowercase(), flag),
        };
        let reason = format!("of some only a line of a table was given; `kubectl describe {plural}{flag}` tells more");
        Err(Need::new(format!("describe {kind}{place}"), reason))
    }

    /// What would have to be known for a proof that something is not there: a text need not tell of it.
    pub fn doubts(&self, proof: &Proof) -> Option<Need> {
        if let Some((id, pointer)) = pointer::parted(&proof.at) {
            let object = self.find(&Ref::parse(id)?)?;
            let reason = || format!("what was given of it does not tell; {} does", untold::whole(&object.id));
            return (!object.tells(pointer)).then(|| Need::new(format!("read {pointer} of {id}"), reason()));
        }
        let id = Ref::parse(&proof.at)?;
        let counted = id.name.starts_with("*?") && proof.saw == "0";
        counted.then(|| self.labels_told(&id.kind, &id.namespace).err()).flatten()
    }

    /// The proof that an object is missing, if that is known.
    pub fn absent(&self, kind: &str, namespace: &str, name: &str) -> Judged<Option<Proof>> {
        let found = self.get(kind, namespace, name)?;
        Ok(found.is_none().then(|| Proof::absent(&Ref::new(kind, namespace, name))))
    }

    /// What was recorded about a reference, of whatever bore it, the oldest first.
    pub fn about(&self, id: &Ref) -> impl DoubleEndedIterator<Item = Event<'_>> {
        let is = move |one: &Object| one.id.kind == "Event" && Event(one).is_about(id);
        self.pick(self.index.about(id).iter().copied(), is).map(Event)
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
        let mut changed = self.clone();
        changed.damage.clear();
        changed.lacks.clear();
        for (id, change) in changes {
            let known = self.index.named((id.kind.as_str(), id.namespace.as_str(), id.name.as_str()));
            let is = |at: &usize| self.objects[*at].as_deref().is_some_and(|one| one.id == *id);
            known.chain(self.changed..self.objects.len()).filter(is).for_each(|at| changed.objects[at] = None);
            changed.objects.extend(change.clone().map(|one| Some(Arc::new(one))));
        }
        changed
    }
}
