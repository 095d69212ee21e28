//! Reading what somebody saved: archives and folders, lists and objects in JSON or YAML, one after another, what kubectl
//! printed, and logs.
//!
//! A partial or damaged file gives what it can, and what was wrong is said.

mod manifests;
mod reading;

pub use manifests::{Fault, parts};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::named::Named;
use super::older::renew;
use super::sketches::Sketches;
use super::veil::veil;
use super::{Coverage, Log, LogName, Need, Snapshot};
use crate::object::{Fields as _, Object, Ref};
use crate::time::Time;
use crate::value::Value;

/// A snapshot in the making.
#[derive(Debug, Default)]
pub struct Gathering {
    objects: BTreeSet<Named>,
    logs: Arc<BTreeMap<LogName, Log>>,
    now: Option<Time>,
    coverage: Option<Coverage>,
    damage: Vec<String>,
    /// What could not be read of a machine.
    pub(super) lacks: Vec<Need>,
    /// Whether it says to hold all that could be read.
    pub(super) whole: bool,
    /// What the list that is read now holds, by the name of its file: kind and namespace.
    pub(super) expected: Option<(&'static str, String)>,
    /// The lists that came, one by one, where a bundle has a file for each.
    lists: BTreeMap<&'static str, BTreeSet<String>>,
    /// Whether these lists are all that is known to be whole.
    bundled: bool,
    /// Kinds of lists without an object.
    empty: BTreeSet<String>,
    /// What could not be listed, with the reason: kind, namespace.
    refused: BTreeMap<(String, Option<String>), String>,
    /// What was printed for a person.
    sketches: Sketches,
    /// Manifests that cannot be read.
    pub(super) faults: Vec<Fault>,
    /// How many files of manifests were none.
    pub(super) left_out: usize,
    /// Whether a kustomization came along with them.
    pub(super) kustomized: bool,
    /// Manifests that came more than once.
    pub(super) again: BTreeSet<Ref>,
    /// Files that may be logs of pods that come later: their paths and bytes.
    pub(super) loose: Vec<(String, Vec<u8>)>,
}

/// Kinds of which a bundle of single objects holds all.
const SINGLE: [&str; 3] = ["Node", "PersistentVolume", "StorageClass"];

/// Moments that have passed when an object is read. Deadlines, such as the end of a certificate, are not among them.
const PASSED: [&str; 8] = [
    "/metadata/creationTimestamp",
    "/lastTimestamp",
    "/series/lastObservedTime",
    "/eventTime",
    "/spec/renewTime",
    "/status/startTime",
    "/status/completionTime",
    "/status/lastScheduleTime",
];

impl Gathering {
    /// Nothing yet.
    pub fn new() -> Self {
        Gathering::default()
    }

    /// An object, or the objects of a List.
    pub fn value(&mut self, value: impl Into<Value>) {
        let mut value: Value = value.into();
        let own = value.text("/kind").to_owned();
        let listed = own.ends_with("List") || own.is_empty() && self.expected.is_some();
        let items = match &mut value {
            Value::Array(items) => Some(std::mem::take(items)),
            _ if listed => value.get_mut("items").map(Value::take).and_then(|items| match items {
                Value::Array(items) => Some(items),
                // An empty list may have none.
                _ => own.ends_with("List").then(Vec::new),
            }),
            _ => None,
        };
        let Some(items) = items else { return self.object(value) };
        let of_items = own.strip_suffix("List").filter(|kind| !kind.is_empty()).map(str::to_owned);
        let of_items = of_items.or_else(|| Some(self.expected.as_ref()?.0.to_owned()));
        self.came(&items);
        if items.is_empty() {
            self.empty.extend(of_items.clone());
        }
        for mut item in items {
            // kubectl's typed lists leave the kind of their items out.
            if item.text("/kind").is_empty()
                && let (Some(map), Some(kind)) = (item.as_object_mut(), &of_items)
            {
                map.insert("kind", kind.as_str().into());
            }
            self.object(item);
        }
    }

    fn object(&mut self, mut value: Value) {
        veil(&mut value);
        renew(&mut value);
        let Some(object) = Object::new(value) else { return };
        if let Some((kind, place)) = &self.expected
            && place.is_empty()
            && SINGLE.contains(kind)
            && object.id.kind == *kind
        {
            self.lists.entry(kind).or_default().insert(String::new());
        }
        self.objects.replace(Named(Arc::new(object)));
    }

    /// Objects of a kind, in one namespace or in any, are listed anew: what came of them before may have gone.
    pub fn forget(&mut self, kind: &str, namespace: Option<&str>) {
        self.objects.retain(|Named(object)| {
            object.id.kind != kind || namespace.is_some_and(|namespace| object.id.namespace != namespace)
        });
    }

    /// The file that is read now is a list of this kind in this namespace, by its name; of the cluster where it is empty.
    pub(super) fn assume(&mut self, kind: &'static str, namespace: &str) {
        self.expected = Some((kind, namespace.to_owned()));
    }

    /// A list came whose file says of what it is, if its objects say the same.
    fn came(&mut self, items: &[Value]) {
        let Some((kind, namespace)) = &self.expected else { return };
        let of = |place: &str| items.iter().all(|item| item.text("/metadata/namespace") == place);
        let place = if of(namespace) { namespace.as_str() } else { "" };
        if !of(place) {
            return;
        }
        self.lists.entry(kind).or_default().insert(place.to_owned());
        self.bundled |= !items.is_empty() && !place.is_empty();
    }

    /// A kind could not be listed, in one namespace or in any.
    pub(super) fn refuse(&mut self, kind: &str, namespace: Option<&str>, reason: &str) {
        self.refused.insert((kind.to_owned(), namespace.map(str::to_owned)), reason.to_owned());
    }

    /// The log of a container's run.
    pub fn log(&mut self, name: LogName, bytes: &[u8]) {
        let log = Log::read(bytes);
        if !log.is_refusal() {
            Arc::make_mut(&mut self.logs).insert(name, log);
        }
    }

    /// When it was taken, where the source says so.
    pub fn taken_at(&mut self, now: Time) {
        self.now = Some(now);
    }

    /// What was looked at, where the source says so. Else the kinds that came are whole, and all others unknown.
    pub fn covers(&mut self, coverage: Coverage) {
        self.coverage = Some(coverage);
    }

    /// Something that was wrong with the source.
    pub fn damaged(&mut self, what: impl Into<String>) {
        self.damage.push(what.into());
    }

    /// When a file was written, where nothing in it tells the time.
    pub fn written_at(&mut self, moment: Time) {
        self.sketches.written_at(moment);
    }

    /// Whether no object was found.
    pub fn is_empty(&mut self) -> bool {
        self.settle();
        self.objects.is_empty() && self.sketches.is_empty()
    }

    /// The pods of a name, of whatever namespace.
    pub(super) fn pods<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Object> {
        let objects = self.objects.iter().map(|Named(object)| object.as_ref());
        objects.filter(move |object| object.id.kind == "Pod" && object.id.name == name)
    }

    /// The namespaces of which something came.
    pub fn namespaces(&self) -> BTreeSet<String> {
        let all: BTreeSet<&str> = self.objects.iter().map(|Named(object)| object.ns()).collect();
        all.into_iter().filter(|namespace| !namespace.is_empty()).map(str::to_owned).collect()
    }

    /// The kinds of which something came.
    fn kinds(&self) -> BTreeSet<String> {
        let all: BTreeSet<&str> = self.objects.iter().map(|Named(object)| object.id.kind.as_str()).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    /// What is known now.
    pub fn finish(mut self) -> Snapshot {
        self.settle();
        self.look()
    }

    /// The same, with more to come.
    pub fn look(&self) -> Snapshot {
        let now = self.now.or_else(|| self.sketches.now().max(self.latest())).unwrap_or(Time(0));
        let coverage = self.coverage.clone().or_else(|| self.of_folder());
        let mut coverage = coverage.unwrap_or_else(|| self.of_lists(self.sketches.listed()));
        for ((kind, namespace), reason) in &self.refused {
            coverage.refuse(kind, namespace.as_deref(), reason);
        }
        let mut objects: Vec<Arc<Object>> = self.objects.iter().map(|Named(object)| object.clone()).collect();
        // What came whole is better than what was printed of it.
        let printed = self.sketches.objects(now).filter(|object| !self.objects.contains(&object.id));
        objects.extend(printed.map(Arc::new));
        let mut snapshot = Snapshot::new(now, objects, self.logs.clone(), coverage);
        let heard: Vec<_> = snapshot.hearsay().into_iter().map(|object| (object.id.clone(), Some(object))).collect();
        if !heard.is_empty() {
            snapshot = snapshot.with(&heard);
        }
        snapshot.damage.clone_from(&self.damage);
        snapshot.lacks.clone_from(&self.lacks);
        snapshot
    }

    /// What single lists cover: each what it is of, or else every kind that came in every namespace that came.
    fn of_lists(&self, printed: &BTreeMap<String, BTreeSet<String>>) -> Coverage {
        if !self.bundled && printed.is_empty() {
            if !self.damage.is_empty() {
                // What is not there may have been where it was cut.
                return Coverage::nothing();
            }
            let kinds = self.kinds().into_iter().chain(self.empty.clone());
            return Coverage::whole().kinds(kinds).namespaces(self.namespaces());
        }
        let mut coverage = Coverage::nothing();
        let lists = self.lists.iter().map(|(kind, places)| (*kind, places)).filter(|_| self.bundled);
        let printed = printed.iter().map(|(kind, places)| (kind.as_str(), places));
        for (kind, places) in lists.chain(printed) {
            places.iter().for_each(|place| coverage.list(kind, Some(place.as_str()).filter(|place| !place.is_empty())));
        }
        if !self.bundled && self.damage.is_empty() {
            let namespaces = self.namespaces();
            for kind in self.kinds() {
                namespaces.iter().for_each(|place| coverage.list(&kind, Some(place)));
            }
        }
        coverage
    }

    /// The latest moment that has passed.
    fn latest(&self) -> Option<Time> {
        const BEATS: [&str; 2] = ["/lastHeartbeatTime", "/lastTransitionTime"];
        let mut latest = ("", None);
        for Named(object) in &self.objects {
            let own = PASSED.iter().map(|pointer| object.text(pointer));
            let conditions = object.list("/status/conditions").iter();
            let beats = conditions.flat_map(|one| BEATS.iter().map(|pointer| one.text(pointer)));
            // Written alike they are in the order of time; most need not be read.
            for text in own.chain(beats).filter(|text| !text.ends_with('Z') || *text > latest.0) {
                let time = Time::parse(text);
                if time > latest.1 {
                    latest = (if text.ends_with('Z') { text } else { latest.0 }, time);
                }
            }
        }
        latest.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn what_is_listed_anew_replaces_what_came_before() {
        let mut gathering = Gathering::new();
        for (kind, namespace) in [("Pod", "shop"), ("Pod", "bank"), ("Service", "shop")] {
            gathering.value(json!({"kind": kind, "metadata": {"name": "a", "namespace": namespace}}));
        }
        let left = |gathering: &Gathering| {
            gathering.look().objects().map(|object| object.id.to_string()).collect::<Vec<_>>().join(" ")
        };
        gathering.forget("Pod", Some("shop"));
        assert_eq!(left(&gathering), "Pod/bank/a Service/shop/a");
        gathering.forget("Pod", None);
        assert_eq!(left(&gathering), "Service/shop/a");
    }

    #[test]
    fn a_list_that_is_damaged_gives_its_whole_objects_and_says_nothing_of_others() {
        let pod = |name: &str| json!({"metadata": {"name": name, "namespace": "n"}});
        let items = serde_json::to_string_pretty(&[pod("a"), pod("b"), pod("c")]).expect("it is JSON");
        let text = format!("{{\n  \"kind\": \"PodList\",\n  \"items\": {items}\n}}\n");
        let names = |snapshot: &Snapshot| snapshot.objects().map(|object| object.id.to_string()).collect::<Vec<_>>();
        let read = |text: &str| {
            let mut gathering = Gathering::new();
            gathering.json("list", text.as_bytes());
            gathering.finish()
        };
        assert!(read(&text).get("Pod", "n", "d").is_ok_and(|found| found.is_none()), "a whole list is all there is");
        let cut = read(&text[..text.find("\"c\"").expect("it has three")]);
        assert_eq!(names(&cut), ["Pod/n/a", "Pod/n/b"]);
        assert!(cut.get("Pod", "n", "c").is_err() && !cut.damage.is_empty());
        assert!(cut.get("Pod", "n", "a").is_ok_and(|found| found.is_some()));
        // Behind damage, objects on lines of their own are found again.
        let lines = [pod("a"), pod("b"), pod("c")].map(|pod| pod.to_string()).join(",\n");
        let text = format!("{{\"kind\": \"PodList\", \"items\": [\n{}\n]}}", lines.replace("\"b\"", "\"b\u{1}"));
        assert_eq!(names(&read(&text)), ["Pod/n/a", "Pod/n/c"]);
    }

    #[test]
    fn the_latest_moment_that_has_passed_is_now() {
        let mut gathering = Gathering::new();
        for (at, moment) in
            ["2026-01-01T10:00:00Z", "2026-01-01T13:00:00+02:00", "2026-01-01T10:30:00.5Z", "soonZ"].iter().enumerate()
        {
            let meta = json!({"name": format!("p{at}"), "namespace": "n", "creationTimestamp": moment});
            gathering.value(json!({"kind": "Pod", "metadata": meta}));
        }
        assert_eq!(gathering.finish().now().to_string(), "2026-01-01T11:00:00Z");
    }
}
