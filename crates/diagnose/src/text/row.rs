//! A line of a table as an object: what the columns of its kind say, and nothing else.

use super::moment;
use super::sketch::{Sketch, is_none, labels, number};
use super::table::Row;
use crate::kinds;
use crate::object::View;
use crate::value::{Value, json};

/// Which kind has these columns: (columns, kind), the most particular first.
const COLUMNS: [(&[&str], &str); 22] = [
    (&["READY", "STATUS", "RESTARTS"], "Pod"),
    (&["STATUS", "ROLES", "VERSION"], "Node"),
    (&["TYPE", "CLUSTER-IP"], "Service"),
    (&["DESIRED", "UP-TO-DATE", "AVAILABLE"], "DaemonSet"),
    (&["READY", "UP-TO-DATE", "AVAILABLE"], "Deployment"),
    (&["DESIRED", "CURRENT", "READY"], "ReplicaSet"),
    (&["SCHEDULE", "SUSPEND"], "CronJob"),
    (&["COMPLETIONS", "DURATION"], "Job"),
    (&["RECLAIM POLICY", "CLAIM"], "PersistentVolume"),
    (&["STATUS", "VOLUME", "CAPACITY"], "PersistentVolumeClaim"),
    (&["PROVISIONER"], "StorageClass"),
    (&["REFERENCE", "TARGETS"], "HorizontalPodAutoscaler"),
    (&["MIN AVAILABLE", "MAX UNAVAILABLE"], "PodDisruptionBudget"),
    (&["HOSTS", "ADDRESS"], "Ingress"),
    (&["CONTROLLER", "PARAMETERS"], "IngressClass"),
    (&["POD-SELECTOR"], "NetworkPolicy"),
    (&["ADDRESSTYPE"], "EndpointSlice"),
    (&["ENDPOINTS"], "Endpoints"),
    (&["TYPE", "DATA"], "Secret"),
    (&["SERVICE", "AVAILABLE"], "APIService"),
    (&["READY", "AGE"], "StatefulSet"),
    (&["DATA", "AGE"], "ConfigMap"),
];

/// The kind of a table, by its columns.
pub(super) fn kind(columns: &[&str]) -> Option<&'static str> {
    let has = |wanted: &[&str]| wanted.iter().all(|column| columns.contains(column));
    COLUMNS.iter().find(|(wanted, _)| has(wanted)).map(|(_, kind)| *kind)
}

/// Whether a kind is in no namespace.
pub(super) fn is_of_cluster(kind: &str) -> bool {
    kinds::of_name(kind).is_some_and(|kind| !kind.is_namespaced())
}

/// An object of a line.
pub(super) fn sketch(kind: &str, namespace: &str, name: &str, row: &Row<'_>) -> Sketch {
    let mut sketch = Sketch::new(kind, namespace, name, View::Listed);
    sketch.aged("/metadata/creationTimestamp", row.cell("AGE").and_then(moment::age));
    if let Some(text) = row.cell("LABELS") {
        sketch.set("/metadata/labels", labels([text]));
    }
    match kind {
        "Pod" => pod(&mut sketch, row),
        "Node" => node(&mut sketch, row),
        "Service" => service(&mut sketch, row),
        "Deployment" | "StatefulSet" => replicas(&mut sketch, row),
        "PersistentVolumeClaim" | "PersistentVolume" => storage(&mut sketch, row),
        "Namespace" => told(&mut sketch, row, &[("STATUS", "/status/phase")]),
        "Endpoints" => endpoints(&mut sketch, row),
        "RoleBinding" | "ClusterRoleBinding" => binding(&mut sketch, row),
        _ => {}
    }
    sketch
}

/// Cells that are fields as they stand.
fn told(sketch: &mut Sketch, row: &Row<'_>, fields: &[(&str, &str)]) {
    for (column, pointer) in fields {
        if let Some(text) = row.cell(column).filter(|text| !is_none(text)) {
            sketch.set(pointer, text);
        }
    }
}

/// `2/3`.
fn share(text: &str) -> Option<(i64, i64)> {
    let (part, whole) = text.split_once('/')?;
    Some((part.parse().ok()?, whole.parse().ok()?))
}

/// Reasons of pods that are over.
const OVER: [&str; 6] =
    ["Evicted", "NodeLost", "DeadlineExceeded", "NodeAffinity", "Shutdown", "UnexpectedAdmissionError"];

/// What a status says of the container that it is about.
fn state(status: &str) -> Option<Value> {
    let running = ["Running", "Pending", "Unknown", "Terminating", "NotReady", "SchedulingGated"].contains(&status);
    let counted = status.contains('/');
    let code = status.strip_prefix("ExitCode:").and_then(number);
    let signal = status.strip_prefix("Signal:").and_then(number);
    match status {
        _ if running || counted => None,
        "Completed" => Some(json!({"terminated": {"reason": status, "exitCode": 0}})),
        "Error" | "OOMKilled" => Some(json!({"terminated": {"reason": status}})),
        _ if code.is_some() => Some(json!({"terminated": {"exitCode": code}})),
        _ if signal.is_some() => Some(json!({"terminated": {"exitCode": signal.map(|signal| 128 + signal)}})),
        _ => Some(json!({"waiting": {"reason": status}})),
    }
}

fn pod(sketch: &mut Sketch, row: &Row<'_>) {
    told(sketch, row, &[("NODE", "/spec/nodeName"), ("IP", "/status/podIP")]);
    let status = row.text("STATUS");
    let (init, status) = status.strip_prefix("Init:").map_or((false, status), |status| (true, status));
    let ready = row.cell("READY").and_then(share);
    let phase = match status {
        "Running" | "Pending" | "Failed" | "Unknown" => status,
        // What is left of a pod's life is not told.
        "" | "Terminating" => return,
        "Completed" | "Succeeded" if !init => "Succeeded",
        "CrashLoopBackOff" | "RunContainerError" | "Error" | "OOMKilled" | "NotReady" if !init => "Running",
        _ if OVER.contains(&status) || status.starts_with("OutOf") => "Failed",
        _ => "Pending",
    };
    sketch.set("/status/phase", phase);
    if phase == "Failed" && status != phase {
        return sketch.set("/status/reason", status);
    }
    if status == "SchedulingGated" {
        sketch.set("/status/conditions", json!([{"type": "PodScheduled", "status": "False", "reason": status}]));
    } else if let Some((ready, of)) = ready {
        let is = if ready == of { "True" } else { "False" };
        sketch.set("/status/conditions", json!([{"type": "Ready", "status": is}]));
    }
    // Which of several containers it is about is not told, nor its name.
    if let Some(state) = state(status) {
        let restarts = row.cell("RESTARTS").and_then(number).unwrap_or(0);
        let (specs, statuses) = if init {
            ("/spec/initContainers", "/status/initContainerStatuses")
        } else {
            ("/spec/containers", "/status/containerStatuses")
        };
        sketch.set(specs, json!([{"name": ""}]));
        sketch.set(statuses, json!([{"name": "", "ready": false, "restartCount": restarts, "state": state}]));
    }
}

fn node(sketch: &mut Sketch, row: &Row<'_>) {
    let mut words = row.text("STATUS").split(',');
    let ready = match words.next() {
        Some("Ready") => "True",
        Some("NotReady") => "False",
        Some("Unknown") => "Unknown",
        _ => return,
    };
    sketch.set("/status/conditions", json!([{"type": "Ready", "status": ready}]));
    if words.any(|word| word == "SchedulingDisabled") {
        sketch.set("/spec/unschedulable", true);
    }
    told(sketch, row, &[("VERSION", "/status/nodeInfo/kubeletVersion")]);
}

fn service(sketch: &mut Sketch, row: &Row<'_>) {
    told(sketch, row, &[("TYPE", "/spec/type"), ("CLUSTER-IP", "/spec/clusterIP")]);
    if let Some(selector) = row.cell("SELECTOR").filter(|text| !is_none(text)) {
        sketch.set("/spec/selector", labels([selector]));
    }
}

fn replicas(sketch: &mut Sketch, row: &Row<'_>) {
    if let Some((ready, wanted)) = row.cell("READY").and_then(share) {
        sketch.set("/spec/replicas", wanted);
        sketch.set("/status/readyReplicas", ready);
    }
}

fn storage(sketch: &mut Sketch, row: &Row<'_>) {
    let phase = row.text("STATUS");
    if phase != "Terminating" && !phase.is_empty() {
        sketch.set("/status/phase", phase);
    }
    told(sketch, row, &[("VOLUME", "/spec/volumeName"), ("STORAGECLASS", "/spec/storageClassName")]);
}

/// `ClusterRole/view`.
fn binding(sketch: &mut Sketch, row: &Row<'_>) {
    if let Some((kind, name)) = row.text("ROLE").split_once('/') {
        sketch.set("/roleRef", json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}));
    }
}

/// `10.0.0.1:80,10.0.0.2:80 + 1 more...`
fn endpoints(sketch: &mut Sketch, row: &Row<'_>) {
    let Some(text) = row.cell("ENDPOINTS") else { return };
    let (named, more) = text.split_once(" + ").unwrap_or((text, ""));
    let named = named.split(',').filter(|one| !is_none(one)).map(|one| one.rsplit_once(':').map_or(one, |(ip, _)| ip));
    let mut addresses: Vec<Value> = named.map(|ip| json!({"ip": ip})).collect();
    addresses.extend((0..number(more).unwrap_or(0).clamp(0, 1000)).map(|_| json!({})));
    let sets = if addresses.is_empty() { json!([]) } else { json!([{"addresses": addresses}]) };
    sketch.set("/subsets", sets);
}
