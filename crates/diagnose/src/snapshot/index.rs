//! Where objects are found: by kind, by namespace, by reference, by uid, by a label, and events by what they are about.
//! Made once for a snapshot; one with a few changes shares it.
//!
//! Names are not copied: what is kept of them is a hash, and what is found is compared.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::Event;
use crate::object::{Object, Ref, View};

/// Places in the list of all objects.
pub(super) type Places = Vec<usize>;

/// Objects of one kind.
#[derive(Debug, Default)]
struct Kind {
    all: Places,
    within: HashMap<String, Places>,
    /// Namespaces of those of which only a line of a table is known.
    listed: HashMap<String, usize>,
}

/// The index.
#[derive(Debug, Default)]
pub(super) struct Index {
    hasher: RandomState,
    kinds: HashMap<String, Kind>,
    named: HashMap<u64, usize>,
    uids: HashMap<u64, usize>,
    /// Those whose hash another one has.
    odd: Places,
    labelled: HashMap<u64, Places>,
    about: HashMap<u64, Places>,
}

/// Kinds that are looked for by their labels.
const LABELLED: [&str; 2] = ["Pod", "EndpointSlice"];

const NONE: &[usize] = &[];

impl Index {
    pub(super) fn of(objects: &[Option<Arc<Object>>]) -> Index {
        let mut index = Index::default();
        for (at, object) in objects.iter().enumerate().filter_map(|(at, object)| Some((at, object.as_deref()?))) {
            index.add(at, object);
        }
        // The latest of them is asked for most.
        for events in index.about.values_mut().filter(|events| events.len() > 1) {
            let event = |at: &usize| objects[*at].as_deref().map(|one| (Event(one).last(), one.id.name.clone()));
            events.sort_by_cached_key(event);
        }
        index
    }

    fn add(&mut self, at: usize, object: &Object) {
        let id = &object.id;
        if !self.kinds.contains_key(&id.kind) {
            self.kinds.insert(id.kind.clone(), Kind::default());
        }
        let Some(kind) = self.kinds.get_mut(&id.kind) else { return };
        kind.all.push(at);
        match kind.within.get_mut(&id.namespace) {
            Some(known) => known.push(at),
            None => drop(kind.within.insert(id.namespace.clone(), vec![at])),
        }
        if object.view() <= View::Listed {
            *kind.listed.entry(id.namespace.clone()).or_default() += 1;
        }
        let hash = self.hasher.hash_one((id.kind.as_str(), id.namespace.as_str(), id.name.as_str()));
        self.odd.extend(self.named.insert(hash, at));
        if !object.uid().is_empty() {
            self.odd.extend(self.uids.insert(self.hasher.hash_one(object.uid()), at));
        }
        if LABELLED.contains(&id.kind.as_str()) {
            for (key, value) in object.labels().into_iter().flatten() {
                let hash = self.label(&id.kind, &id.namespace, key, value.as_str().unwrap_or_default());
                self.labelled.entry(hash).or_default().push(at);
            }
        }
        if id.kind == "Event" {
            let [kind, namespace, name] = Event(object).about_parts();
            self.about.entry(self.hasher.hash_one((kind, namespace, name))).or_default().push(at);
        }
    }

    fn label(&self, kind: &str, namespace: &str, key: &str, value: &str) -> u64 {
        self.hasher.hash_one((kind, namespace, key, value))
    }

    /// All of a kind.
    pub(super) fn all(&self, kind: &str) -> &[usize] {
        self.kinds.get(kind).map_or(NONE, |kind| &kind.all)
    }

    /// Those in one namespace.
    pub(super) fn within(&self, kind: &str, namespace: &str) -> &[usize] {
        self.kinds.get(kind).and_then(|kind| kind.within.get(namespace)).map_or(NONE, Vec::as_slice)
    }

    /// Whether of one of a kind, in a namespace or in any where it is empty, only a line of a table is known.
    pub(super) fn is_listed(&self, kind: &str, namespace: &str) -> bool {
        let Some(kind) = self.kinds.get(kind) else { return false };
        if namespace.is_empty() { !kind.listed.is_empty() } else { kind.listed.contains_key(namespace) }
    }

    /// Where an object of this reference may be.
    pub(super) fn named(&self, id: (&str, &str, &str)) -> impl DoubleEndedIterator<Item = usize> {
        let found = self.named.get(&self.hasher.hash_one(id));
        self.odd.iter().chain(found).copied()
    }

    /// Where an object of this uid may be.
    pub(super) fn uid(&self, uid: &str) -> impl DoubleEndedIterator<Item = usize> {
        self.odd.iter().chain(self.uids.get(&self.hasher.hash_one(uid))).copied()
    }

    /// Where objects with this label may be; nothing where a kind is not known by its labels.
    pub(super) fn labelled(&self, kind: &str, namespace: &str, (key, value): (&str, &str)) -> Option<&[usize]> {
        let known = LABELLED.contains(&kind);
        known.then(|| self.labelled.get(&self.label(kind, namespace, key, value)).map_or(NONE, Vec::as_slice))
    }

    /// Where events about this reference may be, the oldest first.
    pub(super) fn about(&self, id: &Ref) -> &[usize] {
        let hash = self.hasher.hash_one((id.kind.as_str(), id.namespace.as_str(), id.name.as_str()));
        self.about.get(&hash).map_or(NONE, Vec::as_slice)
    }
}
