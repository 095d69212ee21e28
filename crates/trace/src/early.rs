//! What need not be recorded at all, said before anything happens: of which calls no event can pass a filter, of which
//! only failed ones, and which calls are followed for what they change all the same.
//!
//! Sound, not sharp: whatever the filter could let pass is recorded. What a call changes that later events are
//! understood by (what is open, who somebody is) is left out only where neither the filter nor what is shown depends
//! on it.

mod knowledge;
mod needs;
mod totals;

use fathom_filter::Predicate;
use fathom_filter::compare::Constant;
use fathom_scap::schema::syscalls::SYSCALLS;
use fathom_scap::schema::{EventType, Traits, event_type};

use crate::fields::Bound;
use crate::views::{Known, Reads};
use knowledge::{End, Moments};
use needs::Needs;
pub use totals::{Apart, FIELDS as APART, Time, Totals};

/// What is wanted of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Nothing.
    Nothing,
    /// What it adds up to.
    Total,
    /// Both its events, if it fails.
    Failures,
    /// Both its events.
    Everything,
}

/// What becomes of the events that the filter lets pass.
pub enum Shown<'f> {
    /// These fields are read.
    Fields(Vec<&'f Bound>),
    /// Views are shown of those of which this holds.
    Views(Option<&'f Predicate<Bound>>, Vec<Reads<'f>>, Each),
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

/// Whether it matters how many events a view is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    /// Each is counted, and only so many are wanted.
    Counts,
    /// Only what becomes of them.
    IsNothing,
}

/// What is wanted of a live source.
pub struct Early<'f> {
    /// All of them must hold.
    filters: Vec<&'f Predicate<Bound>>,
    /// And what one of the views is about, if views are shown.
    views: Option<Vec<Option<&'f Predicate<Bound>>>>,
    needs: Needs,
    totals: Option<Totals>,
}

impl<'f> Early<'f> {
    /// Of what `filter` lets pass, for what is `shown`.
    pub fn new(filter: Option<&'f Predicate<Bound>>, shown: &Shown<'f>) -> Self {
        let shown_filter = if let Shown::Views(filter, ..) = shown { *filter } else { None };
        let filters: Vec<_> = filter.into_iter().chain(shown_filter).collect();
        let asked: Vec<_> = filters.iter().flat_map(|filter| filter.fields()).collect();
        let of =
            |needs: Needs, fields: &[&Bound]| fields.iter().fold(needs, |needs, field| needs.and(Needs::of(field)));
        let mut needs = of(Needs::default(), &asked);
        // Where an event's place among the others counts, all others count.
        let counts = |fields: &[&Bound]| fields.iter().any(|field| knowledge::counts_events(field));
        let mut filters = if counts(&asked) { Vec::new() } else { filters };
        let (mut views, mut totals) = (None, None);
        match shown {
            Shown::Fields(fields) => needs = of(needs, fields),
            Shown::Whole => needs = needs.and(Needs::WHOLE),
            Shown::Views(_, reads, each) => {
                for one in reads {
                    let fields: Vec<_> = one.filter.iter().flat_map(|filter| filter.fields()).collect();
                    needs = of(of(needs, &fields), &one.fields.iter().collect::<Vec<_>>());
                    if one.known == Known::Shown {
                        needs = needs.and(Needs::WHOLE);
                    }
                }
                if reads.iter().any(|one| counts(&one.fields.iter().collect::<Vec<_>>())) {
                    filters.clear();
                } else {
                    views = Some(reads.iter().map(|one| one.filter).collect());
                }
                if let ([one], Each::IsNothing) = (&reads[..], each) {
                    totals = Totals::of(&asked, one);
                }
            }
        }
        Early { filters, views, needs, totals }
    }

    /// What calls are to be told apart by of which only a total is wanted, if there can be any.
    pub fn totals(&self) -> Option<&Totals> {
        self.totals.as_ref()
    }

    /// Of the call that the kernel names `name`, and that begins with events of type `event`, or of type 0 where captures
    /// have none for it.
    pub fn call(&self, event: u16, name: &str) -> Want {
        let identity = SYSCALLS.iter().position(|row| row.0 == name).unwrap_or(0) as u16;
        let enter = event & !1;
        let wants = |number: u16, moment| self.may_pass(number, identity, moment);
        let alters = |number: u16| event_type(number).is_some_and(|kind| self.is_followed(kind));
        if alters(enter) || alters(enter + 1) {
            return Want::Everything;
        }
        let want = if wants(enter, Moments::Enter) || wants(enter + 1, Moments::Success) {
            Want::Everything
        } else if wants(enter + 1, Moments::Failure) {
            Want::Failures
        } else {
            Want::Nothing
        };
        if want != Want::Nothing && self.totals.is_some() && totals::has_total(name) { Want::Total } else { want }
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

    /// Whether anybody asks what only engines know of containers.
    pub fn needs_containers(&self) -> bool {
        self.needs.containers
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
        let view = match self.views.as_deref() {
            Some([view]) => *view,
            _ => None,
        };
        let mut filters = self.filters.iter().copied().chain(view);
        let constants = filters.find_map(|filter| filter.only(&|field| field.row.name == name))?;
        let word = |constant: Constant| match constant {
            Constant::Bytes(bytes) => String::from_utf8(bytes).ok(),
            Constant::Number(number) => Some(number.to_string()),
            _ => None,
        };
        constants.into_iter().map(word).collect()
    }

    fn may_pass(&self, number: u16, identity: u16, moments: Moments) -> bool {
        let Some(kind) = event_type(number) else { return true };
        let end = End { kind, identity, moments };
        let may_hold = |filter: &Predicate<Bound>| filter.outlook(&end).holds;
        let about = |view: &Option<&Predicate<Bound>>| view.is_none_or(may_hold);
        self.filters.iter().all(|filter| may_hold(filter))
            && self.views.as_ref().is_none_or(|views| views.iter().any(about))
    }

    fn is_followed(&self, kind: &EventType) -> bool {
        kind.traits.any(Traits::STATE) && (self.needs.descriptors || needs::is_about_threads(kind))
    }
}
