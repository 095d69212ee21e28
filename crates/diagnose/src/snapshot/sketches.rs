//! Objects that were printed, put together: the same one may be in several outputs, each of which tells something else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::veil::veil;
use crate::object::{Fields as _, Object, Ref, View};
use crate::text::{SOMEWHERE, Sketch};
use crate::time::Time;
use crate::value::Value;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sketches {
    found: BTreeMap<Ref, Sketch>,
    /// Names of events by what they tell, with the namespace.
    events: HashMap<(String, String), String>,
    /// Those of which the namespace is not told.
    adrift: Vec<Sketch>,
    listed: BTreeMap<String, BTreeSet<String>>,
    /// The latest moment that had passed.
    latest: Option<Time>,
    /// When the text was written, by what does not stand in it.
    written: Option<Time>,
}

impl Sketches {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn written_at(&mut self, moment: Time) {
        self.written = Some(moment);
    }

    /// What a text told.
    pub(super) fn take(&mut self, sketches: Vec<Sketch>, listed: Vec<(String, Option<String>)>, moments: Vec<Time>) {
        for mut sketch in sketches {
            self.number(&mut sketch);
            let text = |pointer: &str| sketch.value.text(pointer).to_owned();
            let id = Ref::new(text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
            if id.namespace == SOMEWHERE {
                self.adrift.push(sketch);
                continue;
            }
            match self.found.get_mut(&id) {
                Some(known) => join(known, sketch),
                None => drop(self.found.insert(id, sketch)),
            }
        }
        for (kind, namespace) in listed {
            self.listed.entry(kind).or_default().insert(namespace.unwrap_or_default());
        }
        self.latest = self.latest.max(moments.into_iter().max());
    }

    /// Names an event by its place among all that were told: of two of the same second the later one is told last.
    fn number(&mut self, sketch: &mut Sketch) {
        if sketch.value.text("/kind") != "Event" {
            return;
        }
        let (place, told) = (sketch.value.text("/metadata/namespace"), sketch.value.text("/metadata/name"));
        let about = told.rsplit_once('.').map_or(told, |(about, _)| about);
        let (key, next) = ((place.to_owned(), told.to_owned()), format!("{about}.{:06}", self.events.len()));
        let name = self.events.entry(key).or_insert(next).as_str().into();
        sketch.value.put("/metadata/name", name);
    }

    /// The kinds of which all names are known: in these namespaces, of which an empty one means all.
    pub(super) fn listed(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.listed
    }

    /// When the text was printed, as far as it tells: not before anything that had happened, nor before what is so old
    /// was that old.
    pub(super) fn now(&self) -> Option<Time> {
        let of = |sketch: &Sketch| {
            let told = |(pointer, age): &(String, i64)| Some(Time(sketch.value.time(pointer)?.0 + age));
            sketch.ages.iter().filter_map(told).max()
        };
        let told = self.found.values().filter_map(of).max().max(self.latest);
        told.or(self.written.filter(|_| !self.found.is_empty()))
    }

    /// As objects, at a moment.
    pub(super) fn objects(&self, now: Time) -> impl Iterator<Item = Object> {
        let mut found = self.found.clone();
        for sketch in &self.adrift {
            let same =
                |id: &&Ref| id.kind == sketch.value.text("/kind") && id.name == sketch.value.text("/metadata/name");
            // Where a table tells of one of this name, it is that.
            let mut places = self.found.keys().filter(same);
            let (Some(id), None) = (places.next(), places.next()) else { continue };
            if let Some(known) = found.get_mut(id) {
                let mut sketch = sketch.clone();
                sketch.value.put("/metadata/namespace", id.namespace.as_str().into());
                join(known, sketch);
            }
        }
        found.into_values().filter_map(move |mut sketch| {
            for (pointer, age) in &sketch.ages {
                if sketch.value.at(pointer).is_none() {
                    sketch.value.put(pointer, Time(now.0 - age).to_string().into());
                }
            }
            veil(&mut sketch.value);
            Object::sketched(sketch.value, sketch.view)
        })
    }
}

/// What is told of an object twice: the fuller view leads, the other adds what is not in it.
fn join(known: &mut Sketch, mut other: Sketch) {
    // A line of a table has a container without a name, for want of a better one.
    let nameless = |sketch: &mut Sketch| {
        for list in
            ["/spec/containers", "/spec/initContainers", "/status/containerStatuses", "/status/initContainerStatuses"]
        {
            if sketch.view == View::Listed && sketch.value.text(&format!("{list}/0/name")).is_empty() {
                sketch.value.put(list, Value::Null);
            }
        }
    };
    if other.view > known.view {
        std::mem::swap(known, &mut other);
    }
    if known.view != View::Listed {
        nameless(&mut other);
    }
    let repeated = known.value.text("/kind") == "Event";
    let count = |sketch: &Sketch| sketch.value.int("/count");
    let most = count(known).max(count(&other)).filter(|_| repeated);
    // The whole of a message is longer than its first line.
    let message = |sketch: &Sketch| sketch.value.text("/message").to_owned();
    let longest = [message(known), message(&other)].into_iter().max_by_key(String::len).filter(|_| repeated);
    add(&mut known.value, other.value);
    for (pointer, value) in [("/count", most.map(Value::from)), ("/message", longest.map(Value::from))] {
        if let Some(value) = value {
            known.value.put(pointer, value);
        }
    }
    for (pointer, age) in other.ages {
        match known.ages.iter_mut().find(|(other, _)| *other == pointer) {
            Some((_, known)) if pointer == "/firstTimestamp" => *known = age.max(*known),
            Some((_, known)) => *known = age.min(*known),
            None => known.ages.push((pointer, age)),
        }
    }
}

/// Adds what is missing.
fn add(known: &mut Value, other: Value) {
    let (Value::Object(known), Value::Object(other)) = (known, other) else { return };
    for (key, value) in other {
        match known.get_mut(&key) {
            Some(known) => add(known, value),
            None => drop(known.insert(key, value)),
        }
    }
}
