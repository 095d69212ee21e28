//! One container, told in the words of a pod with one container, so that one set of rules judges both: its state and
//! its last run, where its counters are, the file systems it sees, and the end of what it wrote.

use std::collections::BTreeMap;

use fathom_diagnose::time::Time;
use fathom_host::cgroup::Layout;
use fathom_host::facts::{counters, disks};
use fathom_host::namespace::Kind;
use fathom_host::{Pinned, sighting};
use fathom_model::detail::Runs;
use fathom_model::fact::Topic;
use fathom_model::{Container, Detail, Engine, Fact, Facts, State};
use fathom_runtime::PATIENCE;
use serde_json::{Map, Value, json};

use super::{output, podman};
use crate::Node;

/// Reads a container.
pub(super) fn read(node: &Node, layout: &Layout, found: &Container, all: &mut Facts) {
    let name = name(found, all);
    let mut detail = fathom_runtime::detail(&node.places, found, PATIENCE);
    let pinned = found.pid.and_then(|pid| node.host.pin(pid).ok());
    let pinned = pinned.filter(|one| sighting::is_meant(&node.host, found, &one.process, &one.cgroup));
    if pinned.is_none() {
        podman::ask(&node.places, found, &name, &mut detail.runs, all);
        podman::doubt(found, &mut detail.runs);
    }
    let place = match (&pinned, &found.cgroup) {
        (Some(pinned), _) => Some(counters::Place::of(layout, &pinned.cgroup)),
        (None, _) if !detail.cgroups.is_empty() => Some(counters::Place::at(&detail.cgroups)),
        (None, Some(path)) => Some(counters::Place::of(layout, path)),
        (None, None) => None,
    };
    let counters = place.map(|place| counters::read(&node.host, &place, all)).unwrap_or_default();
    all.logs.extend(output::of(&node.places, found, &detail.runs).map(|text| (name.clone(), text)));
    let mut body = body(found, &detail, pinned.is_some(), &all.machine, &name);
    body.insert("counters".into(), Value::Object(counters));
    around(pinned.as_ref(), &mut body, all);
    all.add(Fact { topic: Topic::Container, name, body });
}

/// Of a pod's container that runs, what the cluster does not know: its counters, and what its file systems have left.
pub(super) fn measure(node: &Node, layout: &Layout, found: &Container, all: &mut Facts) {
    let pinned = found.pid.and_then(|pid| node.host.pin(pid).ok());
    let pinned = pinned.filter(|one| sighting::is_meant(&node.host, found, &one.process, &one.cgroup));
    let (Some(pinned), Some(pod)) = (pinned, &found.pod) else { return };
    let name = name(found, all);
    let counters = counters::read(&node.host, &counters::Place::of(layout, &pinned.cgroup), all);
    let spec = json!({"nodeName": all.machine, "containers": [{"name": pod.container, "image": found.image}]});
    let runs = json!({"running": {"startedAt": moment(found.started)}});
    let status = json!({"name": pod.container, "ready": true, "restartCount": 0, "state": runs});
    let fields = [
        ("engine", json!(found.engine.scheme())),
        ("id", json!(found.id)),
        ("pod", json!({"namespace": pod.namespace, "name": pod.name})),
        ("spec", spec),
        ("status", json!({"phase": "Running", "containerStatuses": [status]})),
        ("counters", Value::Object(counters)),
    ];
    let mut body = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    around(Some(&pinned), &mut body, all);
    all.add(Fact { topic: Topic::Container, name, body });
}

/// A process that is asked about by its number.
pub(super) fn of_process(node: &Node, layout: &Layout, pinned: &Pinned, all: &mut Facts) {
    let name = format!("pid:{}", pinned.process.pid);
    let counters = counters::read(&node.host, &counters::Place::of(layout, &pinned.cgroup), all);
    let mut found = Container::new(&name, Engine::Unknown);
    found.pid = Some(pinned.process.pid);
    let mut body = body(&found, &Detail::default(), true, &all.machine, &name);
    body.insert("counters".into(), Value::Object(counters));
    around(Some(pinned), &mut body, all);
    all.add(Fact { topic: Topic::Container, name, body });
}

/// What a living process of it sees: its network, its names, its file systems.
fn around(pinned: Option<&Pinned>, body: &mut Map<String, Value>, all: &mut Facts) {
    let Some(pinned) = pinned else { return };
    body.insert("pid".into(), pinned.process.pid.into());
    let own = pinned.foreign_kinds().is_ok_and(|kinds| kinds.contains(&Kind::Net));
    body.insert("network".into(), if own { "own" } else { "host" }.into());
    for (key, name) in [("resolver", "resolv.conf"), ("hosts", "hosts")] {
        let path = format!("/proc/{}/root/etc/{name}", pinned.process.pid);
        if let Ok(text) = std::fs::read_to_string(&path) {
            body.insert(key.into(), path.clone().into());
            all.add(Fact::file(path, text.trim_end()));
        }
    }
    let before = all.facts.len();
    disks::of_process(pinned, all);
    let disks: Vec<Value> = all.facts[before..].iter().map(|fact| fact.name.clone().into()).collect();
    body.insert("disks".into(), disks.into());
}

/// By name; where several have it, with engine and id.
fn name(found: &Container, all: &Facts) -> String {
    let own = match &found.pod {
        Some(pod) => format!("{}/{}/{}", pod.namespace, pod.name, pod.container.as_deref().unwrap_or_default()),
        None => found.name.clone().unwrap_or_else(|| found.short_id().to_owned()),
    };
    let is_taken = all.facts.iter().any(|fact| fact.topic == Topic::Container && fact.name == own);
    if is_taken { format!("{own} ({}://{})", found.engine, found.short_id()) } else { own }
}

fn moment(seconds: Option<u64>) -> Value {
    seconds.and_then(|at| i64::try_from(at).ok()).map_or(Value::Null, |at| Time(at).to_string().into())
}

/// Whether and how it is started again, in the words of a pod.
fn policy(runs: &Runs) -> &'static str {
    match runs.policy.as_deref() {
        Some("always" | "unless-stopped") => "Always",
        Some("on-failure") => "OnFailure",
        _ => "Never",
    }
}

fn body(found: &Container, detail: &Detail, lives: bool, machine: &str, name: &str) -> Map<String, Value> {
    let runs = &detail.runs;
    let last = runs.status.map(|status| {
        let mut end = json!({"exitCode": status, "finishedAt": moment(runs.ended), "startedAt": moment(found.started)});
        // A start after the end is that of the next run.
        if found.started > runs.ended {
            end["startedAt"] = Value::Null;
        }
        end["reason"] = runs.reason.clone().map_or(Value::Null, Value::from);
        end["message"] = runs.message.clone().map_or(Value::Null, Value::from);
        end
    });
    let runs_now = lives && matches!(found.state, State::Running | State::Paused);
    let (state, before) = match (runs_now, last) {
        (true, last) => (json!({"running": {"startedAt": moment(found.started)}}), last),
        (false, Some(last)) => (json!({"terminated": last}), None),
        (false, None) => (Value::Null, None),
    };
    let ended_well = runs.status == Some(0) || runs.was_stopped == Some(true);
    let phase = match (runs_now, runs.status, policy(runs)) {
        (true, ..) => "Running",
        (false, None, _) => "",
        (false, ..) if runs.was_stopped == Some(true) => "Succeeded",
        (false, _, "Always") => "Running",
        (false, Some(_), "OnFailure") if !ended_well => "Running",
        (false, ..) if ended_well => "Succeeded",
        _ => "Failed",
    };
    // That a variable is set is told, never to what: it may be a secret.
    let set: BTreeMap<&str, ()> = detail.env.iter().filter_map(|pair| Some((pair.split_once('=')?.0, ()))).collect();
    let env: Vec<Value> = set.keys().map(|name| json!({"name": name, "valueFrom": {"engine": "given"}})).collect();
    let mut spec = json!({"name": name, "image": found.image});
    if !env.is_empty() {
        spec["env"] = env.into();
    }
    if let Some(limit) = runs.memory {
        spec["resources"] = json!({"limits": {"memory": limit.to_string()}});
    }
    let status = json!({
        "name": name, "ready": runs_now, "restartCount": runs.restarts.unwrap_or(0), "state": state,
        "lastState": before.map(|end| json!({"terminated": end})),
    });
    let fields = [
        ("engine", json!(found.engine.scheme())),
        ("id", json!(found.id)),
        ("cgroup", json!(found.cgroup)),
        ("spec", json!({"nodeName": machine, "restartPolicy": policy(runs), "containers": [spec]})),
        ("status", json!({"phase": phase, "startTime": moment(found.started), "containerStatuses": [status]})),
    ];
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect()
}
