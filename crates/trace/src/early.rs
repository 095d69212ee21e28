//! What need not be recorded at all, said before anything happens: of which calls no event can pass a filter, of which
//! only failed ones, and which calls are followed for what they change all the same.
//!
//! Sound, not sharp: whatever the filter could let pass is recorded. What a call changes that later events are
//! understood by (what is open, who somebody is) is left out only where neither the filter nor what is shown depends
//! on it.

mod knowledge;
mod needs;

use fathom_filter::Predicate;
use fathom_filter::compare::Constant;
use fathom_scap::schema::syscalls::SYSCALLS;
use fathom_scap::schema::{EventType, Traits, event_type};

use crate::fields::Bound;
use knowledge::{End, Moments};
use needs::Needs;

/// What is wanted of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Nothing.
    Nothing,
    /// Both its events, if it fails.
    Failures,
    /// Both its events.
    Everything,
}

/// What becomes of the events that the filter lets pass.
pub enum Shown<'f> {
    /// These fields are read.
    Fields(Vec<&'f Bound>),
    /// They are kept as they are.
    Whole,
}

/// What a filter says of the container that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// The short form of its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The name of its pod.
    pub pod: Option<String>,
    /// The namespace of that.
    pub namespace: Option<String>,
}

/// What is wanted of a live source.
pub struct Early<'f> {
    filter: Option<&'f Predicate<Bound>>,
    needs: Needs,
}

impl<'f> Early<'f> {
    /// Of what `filter` lets pass, for what is `shown`.
    pub fn new(filter: Option<&'f Predicate<Bound>>, shown: &Shown<'f>) -> Self {
        let asked = filter.map(Predicate::fields).unwrap_or_default();
        let mut needs = asked.iter().fold(Needs::default(), |needs, field| needs.and(Needs::of(field)));
        match shown {
            Shown::Fields(fields) => needs = fields.iter().fold(needs, |needs, field| needs.and(Needs::of(field))),
            Shown::Whole => needs = needs.and(Needs::WHOLE),
        }
        // Where an event's place among the others counts, all others count.
        let filter = filter.filter(|_| !asked.iter().any(|field| knowledge::counts_events(field)));
        Early { filter, needs }
    }

    /// Of the call that the kernel names `name`, and that begins with events of type `event`, or of type 0 where captures
    /// have none for it.
    pub fn call(&self, event: u16, name: &str) -> Want {
        let identity = SYSCALLS.iter().position(|row| row.0 == name).unwrap_or(0) as u16;
        let enter = event & !1;
        let wants = |number: u16, moment| self.may_pass(number, identity, moment);
        let alters = |number: u16| event_type(number).is_some_and(|kind| self.is_followed(kind));
        if wants(enter, Moments::Enter) || wants(enter + 1, Moments::Success) || alters(enter) || alters(enter + 1) {
            return Want::Everything;
        }
        if wants(enter + 1, Moments::Failure) { Want::Failures } else { Want::Nothing }
    }

    /// Of what happens besides calls: whether events of this type may pass or change what others mean.
    pub fn event(&self, number: u16) -> bool {
        self.may_pass(number, 0, Moments::Any) || event_type(number).is_some_and(|kind| self.is_followed(kind))
    }

    /// Whether the filter asks for this type of event by its name: reason enough to record what is not recorded unless
    /// somebody asks.
    pub fn names(&self, name: &str) -> bool {
        self.only("evt.type").is_some_and(|types| types.iter().any(|one| one == name))
    }

    /// Whether data that programs read and write is looked at.
    pub fn needs_data(&self) -> bool {
        self.needs.data
    }

    /// The processes outside of which nothing passes, if there are only some. A process that has the number of one of them
    /// later on is another one.
    pub fn processes(&self) -> Option<Vec<u32>> {
        if self.needs.ancestors {
            return None;
        }
        self.only("proc.pid")?.iter().map(|number| number.parse().ok()).collect()
    }

    /// The container or the pod outside of which nothing passes, if there is only one.
    pub fn container(&self) -> Option<Named> {
        if self.needs.ancestors {
            return None;
        }
        let one = |name: &str| self.only(name).filter(|values| values.len() == 1).map(|mut values| values.remove(0));
        let [id, name, pod, namespace] = ["container.id", "container.name", "k8s.pod.name", "k8s.ns.name"].map(one);
        let is_named = id.is_some() || name.is_some() || pod.is_some();
        is_named.then_some(Named { id, name, pod, namespace })
    }

    /// The values of the field `name` without which nothing passes; nothing if there is no such condition.
    pub fn only(&self, name: &str) -> Option<Vec<String>> {
        let constants = self.filter?.only(&|field| field.row.name == name)?;
        let word = |constant: Constant| match constant {
            Constant::Bytes(bytes) => String::from_utf8(bytes).ok(),
            Constant::Number(number) => Some(number.to_string()),
            _ => None,
        };
        constants.into_iter().map(word).collect()
    }

    fn may_pass(&self, number: u16, identity: u16, moments: Moments) -> bool {
        let Some(kind) = event_type(number) else { return true };
        self.filter.is_none_or(|filter| filter.outlook(&End { kind, identity, moments }).holds)
    }

    fn is_followed(&self, kind: &EventType) -> bool {
        kind.traits.any(Traits::STATE) && (self.needs.descriptors || needs::is_about_threads(kind))
    }
}
