//! A line of a table as an object: what the columns of its kind say, and nothing else.

mod pod;
mod workload;

use super::moment;
use super::sketch::{Sketch, is_none, labels, number};
use super::table::Row;
use crate::kinds;
use crate::object::View;
use crate::value::{Value, json};

/// Which kind has these columns: (columns, kind), the most particular first.
const COLUMNS: [(&[&str], &str); 23] = [
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
    (&["ALLOWED DISRUPTIONS"], "PodDisruptionBudget"),
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

/// Where the cells of a line are kept as they were printed, for proofs.
const ROW: &str = "/row";

/// Columns that tell whether something is wrong.
const QUOTED: [&str; 9] =
    ["STATUS", "READY", "DESIRED", "COMPLETIONS", "EXTERNAL-IP", "ENDPOINTS", "TARGETS", "ADDRESS", "AVAILABLE"];

/// An object of a line.
pub(super) fn sketch(kind: &str, namespace: &str, name: &str, row: &Row<'_>) -> Sketch {
    let mut sketch = Sketch::new(kind, namespace, name, View::Listed);
    for column in QUOTED {
        if let Some(text) = row.cell(column) {
            sketch.set(&format!("{ROW}/{column}"), text);
        }
    }
    sketch.aged("/metadata/creationTimestamp", row.cell("AGE").and_then(moment::age));
    if let Some(text) = row.cell("LABELS") {
        sketch.set("/metadata/labels", labels([text]));
    }
    match kind {
        "Pod" => pod::pod(&mut sketch, row),
        "Node" => node(&mut sketch, row),
        "Service" => service(&mut sketch, row),
        "Deployment" | "StatefulSet" => workload::replicas(&mut sketch, row),
        "DaemonSet" => workload::daemon_set(&mut sketch, row),
        "ReplicaSet" => workload::replica_set(&mut sketch, row),
        "Job" => workload::job(&mut sketch, row),
        "CronJob" => workload::cron_job(&mut sketch, row),
        "HorizontalPodAutoscaler" => workload::autoscaler(&mut sketch, row),
        "Ingress" => ingress(&mut sketch, row),
        "StorageClass" => class(&mut sketch, row),
        "APIService" => api(&mut sketch, row),
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

/// Cells that are counts.
fn counted(sketch: &mut Sketch, row: &Row<'_>, fields: &[(&str, &str)]) {
    for (column, pointer) in fields {
        if let Some(count) = row.cell(column).and_then(|text| text.parse::<i64>().ok()) {
            sketch.set(pointer, count);
        }
    }
}

/// `2/3`.
fn share(text: &str) -> Option<(i64, i64)> {
    let (part, whole) = text.split_once('/')?;
    Some((part.parse().ok()?, whole.parse().ok()?))
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
    match row.cell("SELECTOR") {
        Some(text) if is_none(text) => sketch.set("/spec/selector", json!({})),
        Some(text) => sketch.set("/spec/selector", labels([text])),
        None => {}
    }
    let outside = row.text("EXTERNAL-IP");
    if row.text("TYPE") == "ExternalName" {
        sketch.set("/spec/externalName", outside);
    } else if outside == "<pending>" {
        sketch.set("/status/loadBalancer", json!({}));
    } else if row.text("TYPE") == "LoadBalancer" && !is_none(outside) {
        addresses(sketch, outside);
    }
    let ports: Vec<Value> = row.text("PORT(S)").split(',').filter_map(service_port).collect();
    if !ports.is_empty() {
        sketch.set("/spec/ports", ports);
    }
}

/// `80:31234/TCP`.
fn service_port(text: &str) -> Option<Value> {
    let (numbers, protocol) = text.split_once('/')?;
    let (own, of_node) = numbers.split_once(':').unwrap_or((numbers, ""));
    let mut port = json!({"port": own.parse::<i64>().ok()?, "protocol": protocol});
    if let Ok(of_node) = of_node.parse::<i64>() {
        port["nodePort"] = of_node.into();
    }
    Some(port)
}

/// Addresses or names of a load balancer.
fn addresses(sketch: &mut Sketch, text: &str) {
    let address = |one: &str| match one.contains(|letter: char| letter.is_ascii_alphabetic()) && !one.contains(':') {
        true => json!({"hostname": one}),
        false => json!({"ip": one}),
    };
    sketch.set("/status/loadBalancer/ingress", text.split(',').map(address).collect::<Vec<_>>());
}

fn ingress(sketch: &mut Sketch, row: &Row<'_>) {
    told(sketch, row, &[("CLASS", "/spec/ingressClassName")]);
    if let Some(text) = row.cell("ADDRESS") {
        addresses(sketch, text);
    }
}

fn class(sketch: &mut Sketch, row: &Row<'_>) {
    told(sketch, row, &[("PROVISIONER", "/provisioner"), ("VOLUMEBINDINGMODE", "/volumeBindingMode")]);
}

/// `False (MissingEndpoints)`.
fn api(sketch: &mut Sketch, row: &Row<'_>) {
    if let Some((namespace, name)) = row.text("SERVICE").split_once('/') {
        sketch.set("/spec/service", json!({"namespace": namespace, "name": name}));
    }
    let (status, reason) = row.text("AVAILABLE").split_once(" (").unwrap_or((row.text("AVAILABLE"), ""));
    if !status.is_empty() {
        let mut condition = json!({"type": "Available", "status": status});
        if !reason.is_empty() {
            condition["reason"] = reason.trim_end_matches(')').into();
        }
        sketch.set("/status/conditions", json!([condition]));
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
