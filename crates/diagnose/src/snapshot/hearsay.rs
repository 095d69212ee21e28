//! Objects of which only events tell: what the last of them says is taken for their state, as far as it can be. It is
//! never more than likely, and what was given should be asked for: tables of them tell whether it is still so.
//!
//! Comes from events about objects of a kind and a namespace of which nothing else is here, and goes to the rules as
//! objects that are [`View::Heard`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Need, Proof, Snapshot};
use crate::eval::messages::{between, start};
use crate::kinds;
use crate::object::{Fields as _, Object, Ref, View};
use crate::time::Time;
use crate::value::{Value, json};

/// What a last event says of the state of its object: the fields that it would have.
type State = fn(Event<'_>) -> Option<Value>;

/// A reason: of which kinds, what it is (empty for any message), how long it is believed after it was last said in
/// seconds, and what it says. One that says nothing says that all is well. What is in no row decides nothing.
struct Row(&'static [&'static str], &'static [&'static str], i64, State);

/// Probes and measurements come again within seconds.
const SOON: i64 = 90;
/// Mounts and sandboxes are tried again after two minutes at most.
const SETUP: i64 = 240;
/// Pulls and starts after five.
const RETRIED: i64 = 360;
/// The scheduler looks at what does not fit after five minutes, and a few more for its own back-off.
const QUEUED: i64 = 600;
/// Controllers that may not create pods wait for up to a quarter of an hour.
const REFUSED: i64 = 1200;
/// What is said once is kept for an hour.
const LONG: i64 = 3600;

const ROWS: &[Row] = &[
    Row(&["Pod"], &["FailedScheduling"], QUEUED, unscheduled),
    Row(&["Pod"], &start::SETUP, SETUP, |event| waits(event, "ContainerCreating")),
    Row(&["Pod"], &["InspectFailed"], RETRIED, |event| waits(event, "InvalidImageName")),
    Row(&["Pod"], &["ErrImageNeverPull"], RETRIED, |event| waits(event, "ErrImageNeverPull")),
    Row(&["Pod"], &["Failed"], RETRIED, failed),
    Row(&["Pod"], &["BackOff"], RETRIED, backs_off),
    Row(&["Pod"], &["Unhealthy"], SOON, unready),
    Row(&["Pod"], &["NodeNotReady"], RETRIED, |_| Some(not_ready())),
    Row(&["Pod"], &["Evicted"], QUEUED, |event| {
        Some(json!({"status": {"phase": "Failed", "reason": "Evicted", "message": event.message()}}))
    }),
    Row(
        &["Pod"],
        &["Scheduled", "Pulling", "Pulled", "Created", "Started", "Killing", "SuccessfulAttachVolume", "Preempted"],
        LONG,
        |_| None,
    ),
    Row(&["Node"], &["NodeNotReady"], LONG, |_| {
        Some(json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}))
    }),
    Row(&["Node"], &["NodeReady", "Starting", "RegisteredNode", "RemovingNode"], LONG, |_| None),
    Row(&["ReplicaSet", "StatefulSet", "DaemonSet", "Job"], &["FailedCreate"], REFUSED, |event| {
        Some(json!({"status": {"conditions": [condition(event, "ReplicaFailure", "True")]}}))
    }),
    Row(&["Job"], &["BackoffLimitExceeded", "DeadlineExceeded"], LONG, |event| {
        Some(json!({"status": {"conditions": [condition(event, "Failed", "True")]}}))
    }),
    Row(
        &["ReplicaSet", "StatefulSet", "DaemonSet", "Job"],
        &["SuccessfulCreate", "SuccessfulDelete", "Completed"],
        LONG,
        |_| None,
    ),
    Row(&["PersistentVolumeClaim"], &["ProvisioningFailed", "FailedBinding"], QUEUED, |_| {
        Some(json!({"status": {"phase": "Pending"}}))
    }),
    Row(&["PersistentVolumeClaim"], &["ProvisioningSucceeded", "WaitForFirstConsumer"], LONG, |_| None),
    Row(
        &["HorizontalPodAutoscaler"],
        &["FailedGetResourceMetric", "FailedComputeMetricsReplicas", "FailedGetExternalMetric", "FailedGetPodsMetric"],
        SOON,
        |event| Some(json!({"status": {"conditions": [condition(event, "ScalingActive", "False")]}})),
    ),
    Row(&["HorizontalPodAutoscaler"], &["FailedGetScale"], SOON, |event| {
        Some(json!({"status": {"conditions": [condition(event, "AbleToScale", "False")]}}))
    }),
    Row(&["HorizontalPodAutoscaler"], &["SuccessfulRescale"], LONG, |_| None),
    Row(&["Service"], &["SyncLoadBalancerFailed", "AllocationFailed"], QUEUED, |_| {
        Some(json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}}))
    }),
    Row(&["Service"], &["EnsuredLoadBalancer"], LONG, |_| None),
];

fn condition(event: Event<'_>, kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status, "reason": event.reason(), "message": event.message()})
}

fn unscheduled(event: Event<'_>) -> Option<Value> {
    let condition =
        json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": event.message()});
    Some(json!({"spec": {"nodeName": ""}, "status": {"phase": "Pending", "conditions": [condition]}}))
}

/// The container that an event is about: by its path, or by its words.
fn container(event: Event<'_>) -> (bool, &str) {
    let path = event.0.text("/involvedObject/fieldPath");
    let path = if path.is_empty() { event.0.text("/regarding/fieldPath") } else { path };
    let name = between(path, "{", "}").or_else(|| between(event.message(), "failed container ", " in pod"));
    (path.starts_with("spec.initContainers"), name.unwrap_or_default())
}

/// A pod with one container of which this is the state.
fn with(event: Event<'_>, phase: &str, restarts: i64, state: &Value) -> Option<Value> {
    let (init, name) = container(event);
    let (specs, statuses) =
        if init { ("initContainers", "initContainerStatuses") } else { ("containers", "containerStatuses") };
    let status = json!([{"name": name, "ready": false, "restartCount": restarts, "state": state}]);
    Some(json!({"spec": {specs: [{"name": name}]}, "status": {"phase": phase, statuses: status}}))
}

fn waits(event: Event<'_>, reason: &str) -> Option<Value> {
    with(event, "Pending", 0, &json!({"waiting": {"reason": reason}}))
}

/// What a kubelet failed at: `Error: ErrImagePull`, `Failed to pull image …`, `Error: secret "x" not found`.
fn failed(event: Event<'_>) -> Option<Value> {
    let message = event.message();
    let told = message.strip_prefix("Error: ").filter(|word| !word.contains(' '));
    let starts = ["failed to start container", "failed to create containerd task", "runc create failed", "exec: "];
    let refers = ["not found", "couldn't find key", "run as root", "runAsNonRoot"];
    let reason = match told {
        Some(word) => word,
        None if message.starts_with("Failed to pull image") => "ErrImagePull",
        None if starts.iter().any(|word| message.contains(word)) => "RunContainerError",
        None if refers.iter().any(|word| message.contains(word)) => "CreateContainerConfigError",
        None => "CreateContainerError",
    };
    waits(event, reason)
}

fn backs_off(event: Event<'_>) -> Option<Value> {
    if event.message().starts_with("Back-off pulling image") {
        return waits(event, "ImagePullBackOff");
    }
    with(event, "Running", 1, &json!({"waiting": {"reason": "CrashLoopBackOff"}}))
}

fn not_ready() -> Value {
    json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}})
}

/// A readiness probe that fails; of others the kubelet's next step tells.
fn unready(event: Event<'_>) -> Option<Value> {
    event.message().starts_with("Readiness probe").then(not_ready)
}

/// How long a program may take until it is ready, in seconds.
const STARTS: i64 = 60;

impl Snapshot {
    /// Objects that events tell of, of kinds and namespaces of which nothing is here; and those of tables with the owners
    /// that events name.
    pub(super) fn hearsay(&self) -> Vec<Object> {
        let owners = self.named_owners();
        let owned = |id: &Ref, value: &mut Value| {
            let Some(owner) = owners.get(id) else { return false };
            let owner = json!({"kind": owner.kind, "name": owner.name, "controller": true});
            value["metadata"]["ownerReferences"] = json!([owner]);
            true
        };
        let mut found = Vec::new();
        for (id, events) in &self.untold_events() {
            let Some(mut value) = self.decisive(id, events).and_then(|(row, event)| (row.3)(*event)) else { continue };
            value["kind"] = id.kind.as_str().into();
            value["metadata"] = match id.namespace.as_str() {
                "" => json!({"name": id.name}),
                namespace => json!({"name": id.name, "namespace": namespace}),
            };
            owned(id, &mut value);
            let image = events.iter().rev().find_map(|event| between(event.message(), "image \"", "\""));
            for list in ["/spec/containers/0", "/spec/initContainers/0"] {
                if let (Some(image), true) = (image, value.at(list).is_some()) {
                    value.put(&format!("{list}/image"), image.into());
                }
            }
            found.extend(Object::sketched(value, View::Heard));
        }
        // A replica set of which only its maker speaks stands between its pods and that.
        let makers: BTreeSet<&Ref> = owners.values().collect();
        for id in makers.into_iter().filter(|id| id.kind == "ReplicaSet" && self.find(id).is_none()) {
            let metadata = json!({"name": id.name, "namespace": id.namespace});
            let mut value = json!({"kind": id.kind, "metadata": metadata});
            let known = found.iter().any(|one: &Object| one.id == *id);
            if !known && owned(id, &mut value) {
                found.extend(Object::sketched(value, View::Heard));
            }
        }
        for kind in ["Pod", "ReplicaSet"] {
            for object in self.all(kind).filter(|one| one.view() == View::Listed && one.controller().is_none()) {
                let mut value = object.value().clone();
                if owned(&object.id, &mut value) {
                    found.extend(Object::sketched(value, View::Listed));
                }
            }
        }
        found
    }

    /// Who made what, as the events of the makers say.
    fn named_owners(&self) -> BTreeMap<Ref, Ref> {
        let listed = |kind: &str| self.all(kind).next().is_none_or(|one| one.view() <= View::Listed);
        if !listed("Pod") {
            return BTreeMap::new();
        }
        let made = self.all("Event").map(Event).filter_map(|event| {
            let message = event.message();
            let (kind, name) = match event.reason() {
                "SuccessfulCreate" => {
                    let name = message.strip_prefix("Created pod: ");
                    ("Pod", name.or_else(|| between(message, "create Pod ", " in "))?)
                }
                "ScalingReplicaSet" => ("ReplicaSet", message.split_once("replica set ")?.1.split(' ').next()?),
                _ => return None,
            };
            let owner = event.about();
            Some((Ref::new(kind, owner.namespace.as_str(), name.trim()), owner))
        });
        made.collect()
    }

    /// The last event that decides how an object is, if it is not too old to say how it is now.
    fn decisive<'e, 'a>(&self, id: &Ref, events: &'e [Event<'a>]) -> Option<(&'static Row, &'e Event<'a>)> {
        let is = |row: &&Row, event: &Event<'_>| row.0.contains(&id.kind.as_str()) && row.1.contains(&event.reason());
        let mut rows = events.iter().rev().filter_map(|event| Some((ROWS.iter().find(|row| is(row, event))?, event)));
        let (row, event) = rows.next()?;
        // That a pull failed is said twice, and once better.
        let better = |(_, other): &(&Row, &Event<'_>)| {
            event.reason() == "Failed"
                && other.reason() == "Failed"
                && other.message().starts_with("Failed to pull image")
        };
        let (row, event) =
            rows.clone().find(better).filter(|_| event.message().starts_with("Error: Err")).unwrap_or((row, event));
        let age = event.last().map(|last| self.now().since(last))?;
        let started = |one: &Event<'_>| {
            one.reason() == "Started" && one.last().is_some_and(|last| self.now().since(last) < STARTS)
        };
        // What has only just begun may be slow, and nothing else.
        let young = event.reason() == "Unhealthy" && events.iter().any(started);
        (age <= row.2 && !young).then_some((row, event))
    }

    /// Events about objects of which nothing else is here and that nobody looked for, the oldest first.
    fn untold_events(&self) -> BTreeMap<Ref, Vec<Event<'_>>> {
        let mut known: BTreeMap<(String, String), bool> = BTreeMap::new();
        let mut about: BTreeMap<Ref, Vec<Event<'_>>> = BTreeMap::new();
        for event in self.all("Event").map(Event) {
            let id = event.about();
            let told = known.entry((id.kind.clone(), id.namespace.clone())).or_insert_with(|| {
                let untried = self.coverage.complete(&id.kind, &id.namespace).is_err_and(|need| need.is_untried());
                let seen = self.within(&id.kind, &id.namespace).any(|object| object.view() != View::Heard);
                !untried || seen || kinds::of_name(&id.kind).is_none()
            });
            if !*told && !id.name.is_empty() {
                about.entry(id).or_default().push(event);
            }
        }
        // What its controller has deleted is gone, whatever was said of it.
        for event in self.all("Event").map(Event).filter(|event| event.reason() == "SuccessfulDelete") {
            let message = event.message();
            let name = message.strip_prefix("Deleted pod: ").or_else(|| between(message, "delete Pod ", " in "));
            if let Some(name) = name {
                about.remove(&Ref::new("Pod", event.about().namespace, name.trim()));
            }
        }
        about.values_mut().for_each(|events| events.sort_by_key(|event| event.last()));
        about
    }

    /// Where only events were given: what they warn of, and what tells whether it is still so.
    pub fn rumours(&self) -> Option<Need> {
        let told = self.untold_events();
        let mut warnings: Vec<(Option<Time>, String)> = Vec::new();
        let (mut kinds, mut places) = (BTreeSet::new(), BTreeSet::new());
        for (id, events) in &told {
            let Some(last) = events.iter().rev().find(|event| event.warns()) else { continue };
            kinds.extend(kinds::of_name(&id.kind).map(|kind| kind.plural));
            places.extend(Some(id.namespace.as_str()).filter(|place| !place.is_empty()));
            let message: String = last.message().lines().next().unwrap_or_default().chars().take(100).collect();
            let said = format!("{} of {}/{} ({message})", last.reason(), id.kind.to_lowercase(), id.name);
            warnings.push((last.last(), said));
        }
        warnings.sort_by(|a, b| b.cmp(a));
        let named = warnings.iter().take(NAMED).map(|(_, said)| said.as_str()).collect::<Vec<_>>().join("; ");
        let more =
            if warnings.len() > NAMED { format!("; and {} more", warnings.len() - NAMED) } else { String::new() };
        let place = match places.iter().next() {
            Some(one) if places.len() == 1 => format!("-n {one}"),
            _ => "-A".to_owned(),
        };
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(",");
        (!warnings.is_empty()).then(|| {
            let reason =
                format!("only events were given of them: {named}{more}; `kubectl get {kinds} {place} -o wide` tells");
            Need::new("tell whether what events warn of is still so", reason)
        })
    }

    /// Whether an object is known from events alone.
    pub fn is_heard(&self, id: &Ref) -> bool {
        self.find(id).is_some_and(|object| object.view() == View::Heard)
    }

    /// What stands in place of proofs that were only heard: the event that says it.
    pub fn heard(&self, id: &Ref) -> Option<Proof> {
        let events: Vec<Event<'_>> = self.about(id).collect();
        let mut sorted = events;
        sorted.sort_by_key(|event| event.last());
        let (_, event) = self.decisive(id, &sorted)?;
        Some(Proof::field(event.0, event.pointer()))
    }
}

/// How many warnings are quoted before they are counted.
const NAMED: usize = 3;
