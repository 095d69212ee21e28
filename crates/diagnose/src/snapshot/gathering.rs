//! Reading what somebody saved: lists and objects in JSON or YAML, one after another, and logs.
//!
//! A partial or damaged file gives what it can, and what was wrong is said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::veil::veil;
use super::{Coverage, Log, LogName, Need, Snapshot};
use crate::object::{Fields as _, Object, Ref};
use crate::time::Time;

/// A snapshot in the making.
#[derive(Debug, Default)]
pub struct Gathering {
    objects: BTreeMap<Ref, Arc<Object>>,
    logs: BTreeMap<LogName, Log>,
    now: Option<Time>,
    coverage: Option<Coverage>,
    damage: Vec<String>,
    /// What could not be read of a machine.
    pub(super) lacks: Vec<Need>,
    /// Whether it says to hold all that could be read.
    pub(super) whole: bool,
}

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

/// The pod that a workload would make, without a status.
fn planned_pod(maker: &Object) -> Option<Value> {
    let owner = serde_json::json!({"kind": maker.id.kind, "name": maker.id.name, "controller": true});
    Some(serde_json::json!({
        "kind": "Pod",
        "metadata": {"name": maker.id.name, "namespace": maker.id.namespace, "labels": maker.at("/spec/template/metadata/labels"), "ownerReferences": [owner]},
        "spec": maker.at("/spec/template/spec")?,
    }))
}

impl Gathering {
    /// Nothing yet.
    pub fn new() -> Self {
        Gathering::default()
    }

    /// Objects of JSON: an object, a List, or several of them one after another.
    pub fn json(&mut self, source: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        loop {
            match documents.next() {
                None => return,
                Some(Ok(value)) => self.value(value),
                Some(Err(error)) => {
                    self.damage.push(format!("{source}: {error}"));
                    return self.salvage(&text[documents.byte_offset()..]);
                }
            }
        }
    }

    /// A list that is cut off has whole objects at its beginning, often one a line.
    fn salvage(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.trim().trim_end_matches(',');
            if line.starts_with('{')
                && line.ends_with('}')
                && let Ok(value) = serde_json::from_str::<Value>(line)
            {
                self.value(value);
            }
        }
    }

    /// Objects of YAML documents.
    pub fn yaml(&mut self, source: &str, text: &str) {
        // Line by line, so that one bad document does not take the others with it.
        let mut document = String::new();
        for line in text.lines().chain(["---"]) {
            if line.trim_end() != "---" {
                document.push_str(line);
                document.push('\n');
                continue;
            }
            if !document.trim().is_empty() {
                match serde_saphyr::from_str::<Value>(&document) {
                    Ok(value) => self.value(value),
                    Err(error) => {
                        let text = error.to_string();
                        self.damage.push(format!("{source}: {}", text.lines().next().unwrap_or_default()));
                    }
                }
            }
            document.clear();
        }
    }

    /// An object, or the objects of a List.
    pub fn value(&mut self, mut value: Value) {
        let kind = value.text("/kind").to_owned();
        match value.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if kind.ends_with("List") => {
                for mut item in items {
                    // kubectl's typed lists leave the kind of their items out.
                    if item.text("/kind").is_empty()
                        && let (Some(map), Some(kind)) = (item.as_object_mut(), kind.strip_suffix("List"))
                    {
                        map.insert("kind".into(), kind.into());
                    }
                    self.value(item);
                }
            }
            _ => {
                veil(&mut value);
                if let Some(object) = Object::new(value) {
                    self.objects.insert(object.id.clone(), Arc::new(object));
                }
            }
        }
    }

    /// Takes what came for manifests that are to be applied: the pods that workloads would make are judged as well.
    pub fn planned(&mut self) {
        let makers = ["Deployment", "StatefulSet", "DaemonSet", "Job"];
        let pods: Vec<Value> = self
            .objects
            .values()
            .filter(|object| makers.contains(&object.id.kind.as_str()))
            .filter_map(|object| planned_pod(object))
            .collect();
        pods.into_iter().for_each(|pod| self.value(pod));
    }

    /// The log of a container's run.
    pub fn log(&mut self, name: LogName, bytes: &[u8]) {
        let log = Log::read(bytes);
        if !log.is_refusal() {
            self.logs.insert(name, log);
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

    /// Whether no object was found.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The namespaces of which something came.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.objects.keys().map(|id| id.namespace.clone()).filter(|namespace| !namespace.is_empty()).collect()
    }

    /// What is known now.
    pub fn finish(self) -> Snapshot {
        self.look()
    }

    /// The same, with more to come.
    pub fn look(&self) -> Snapshot {
        let namespaces = self.namespaces();
        let now = self.now.or_else(|| self.latest()).unwrap_or(Time(0));
        let kinds = || self.objects.keys().map(|id| id.kind.clone()).collect::<BTreeSet<_>>();
        let coverage = self
            .coverage
            .clone()
            .or_else(|| self.of_folder())
            .unwrap_or_else(|| Coverage::whole().kinds(kinds()).namespaces(namespaces));
        let objects = self.objects.values().cloned().collect();
        let mut snapshot = Snapshot::new(now, objects, Arc::new(self.logs.clone()), coverage);
        snapshot.damage.clone_from(&self.damage);
        snapshot.lacks.clone_from(&self.lacks);
        snapshot
    }

    /// The latest moment that has passed.
    fn latest(&self) -> Option<Time> {
        let of = |object: &Arc<Object>| {
            let own = PASSED.iter().filter_map(|pointer| object.time(pointer)).max();
            let conditions = object.list("/status/conditions").iter();
            let beats = ["/lastHeartbeatTime", "/lastTransitionTime"];
            let beat = conditions.flat_map(|one| beats.iter().filter_map(|pointer| one.time(pointer))).max();
            own.max(beat)
        };
        self.objects.values().filter_map(of).max()
    }
}
