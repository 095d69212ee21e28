//! Where objects have the pods that they make, or are: one table for whatever reads what was written of pods.

use crate::object::{Fields as _, Object};
use crate::value::{Map, Value};

/// (kind, where its template is).
const PLACES: &[(&str, &str)] = &[
    ("Pod", ""),
    ("Deployment", "/spec/template"),
    ("ReplicaSet", "/spec/template"),
    ("StatefulSet", "/spec/template"),
    ("DaemonSet", "/spec/template"),
    ("ReplicationController", "/spec/template"),
    ("Job", "/spec/template"),
    ("CronJob", "/spec/jobTemplate/spec/template"),
];

/// The lists of containers of a pod, and whether they run before the others.
const LISTS: [(&str, bool); 2] = [("/spec/initContainers", true), ("/spec/containers", false)];

/// The pods that an object makes.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// Who makes them; itself for a pod.
    pub owner: &'a Object,
    /// The pointer to what they are made of.
    pub at: &'static str,
}

/// A container that a template has.
#[derive(Debug, Clone)]
pub struct Written<'a> {
    /// What was written.
    pub spec: &'a Value,
    /// Where, in the owner.
    pub at: String,
    /// Whether it runs before the others and ends.
    pub init: bool,
}

/// Where objects of a kind have their template.
pub fn place(kind: &str) -> Option<&'static str> {
    PLACES.iter().find(|(name, _)| *name == kind).map(|(_, at)| *at)
}

/// The kinds that make pods.
pub fn makers() -> impl Iterator<Item = &'static str> {
    PLACES.iter().filter(|(_, at)| !at.is_empty()).map(|(kind, _)| *kind)
}

impl<'a> Template<'a> {
    /// That of an object; nothing where its kind has none.
    pub fn of(owner: &'a Object) -> Option<Template<'a>> {
        place(&owner.id.kind).map(|at| Template { owner, at })
    }

    /// The pointer to a field of the pods.
    pub fn pointer(&self, field: &str) -> String {
        format!("{}{field}", self.at)
    }

    /// The template itself.
    pub fn value(&self) -> Option<&'a Value> {
        if self.at.is_empty() { Some(self.owner.value()) } else { self.owner.value().at(self.at) }
    }

    /// The labels of the pods.
    pub fn labels(&self) -> Option<&'a Map> {
        self.value()?.map("/metadata/labels")
    }

    /// A list of the pods' spec.
    pub fn list(&self, field: &str) -> &'a [Value] {
        self.value().map_or(&[], |value| value.list(field))
    }

    /// The containers, those that run first at the front.
    pub fn containers(&self) -> impl Iterator<Item = Written<'a>> + use<'a> {
        let (at, value) = (self.at, self.value());
        LISTS.into_iter().flat_map(move |(list, first)| {
            value.map_or(&[][..], |value| value.list(list)).iter().enumerate().map(move |(index, spec)| Written {
                spec,
                at: format!("{at}{list}/{index}"),
                init: first && spec.text("/restartPolicy") != "Always",
            })
        })
    }
}
