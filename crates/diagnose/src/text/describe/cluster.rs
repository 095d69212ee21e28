//! Nodes, namespaces, and what governs others.

use super::{As, Fields, Told, network};
use crate::object::View;
use crate::text::sketch::{Sketch, is_none, number, port};
use crate::value::{Map, Value, json};

pub(super) const NODE: Fields = &[("PodCIDR", "/spec/podCIDR", As::Text), ("ProviderID", "/spec/providerID", As::Text)];

pub(super) const NAMESPACE: Fields = &[("Status", "/status/phase", As::Text)];

pub(super) const AUTOSCALER: Fields =
    &[("Min replicas", "/spec/minReplicas", As::Count), ("Max replicas", "/spec/maxReplicas", As::Count)];

pub(super) const PRIORITY: Fields =
    &[("Value", "/value", As::Count), ("PreemptionPolicy", "/preemptionPolicy", As::Text)];

pub(super) const INGRESS_CLASS: Fields = &[("Controller", "/spec/controller", As::Text)];

/// `key=value:NoSchedule`.
fn taint(line: &str) -> Option<Value> {
    let (key, effect) = line.trim().rsplit_once(':')?;
    let (key, value) = key.split_once('=').unwrap_or((key, ""));
    let mut taint = json!({"key": key, "effect": effect});
    if !value.is_empty() {
        taint["value"] = value.into();
    }
    Some(taint)
}

pub(super) fn node(told: &mut Told<'_, '_>) {
    told.conditions();
    if told.text("Unschedulable") == "true" {
        told.sketch.set("/spec/unschedulable", true);
    }
    let taints: Vec<Value> = told.node("Taints").into_iter().flat_map(|node| node.values()).filter_map(taint).collect();
    if !taints.is_empty() {
        told.sketch.set("/spec/taints", taints);
    }
    for (key, pointer) in [("Capacity", "/status/capacity"), ("Allocatable", "/status/allocatable")] {
        let amounts = told.node(key).into_iter().flat_map(|node| &node.children).filter(|one| !one.key.is_empty());
        let amounts: Map = amounts.map(|one| (one.key.to_owned(), one.value.into())).collect();
        if !amounts.is_empty() {
            told.sketch.set(pointer, amounts);
        }
    }
    let addresses = told.node("Addresses").into_iter().flat_map(|node| &node.children);
    let addresses: Vec<Value> = addresses.map(|one| json!({"type": one.key, "address": one.value})).collect();
    if !addresses.is_empty() {
        told.sketch.set("/status/addresses", addresses);
    }
    let info = told.node("System Info").into_iter().flat_map(|node| &node.children);
    let named = |key: &str| match key {
        "Kubelet Version" => Some("kubeletVersion"),
        "Container Runtime Version" => Some("containerRuntimeVersion"),
        "Kernel Version" => Some("kernelVersion"),
        "Architecture" => Some("architecture"),
        "Operating System" => Some("operatingSystem"),
        "OS Image" => Some("osImage"),
        "Boot ID" => Some("bootID"),
        _ => None,
    };
    let info: Map = info.filter_map(|one| Some((named(one.key)?.to_owned(), Value::from(one.value)))).collect();
    if !info.is_empty() {
        told.sketch.set("/status/nodeInfo", info);
    }
    let renewed = told.node("Lease").map_or("", |lease| lease.text("RenewTime"));
    if let Some(moment) = told.moment(renewed) {
        let name = told.text("Name");
        let mut lease = Sketch::new("Lease", "kube-node-lease", name, View::Listed);
        lease.set("/spec/holderIdentity", name);
        lease.set("/spec/renewTime", moment);
        told.beside.push(lease);
    }
}

pub(super) fn namespace(told: &mut Told<'_, '_>) {
    told.conditions();
}

pub(super) fn autoscaler(told: &mut Told<'_, '_>) {
    told.conditions();
    if let Some((kind, name)) = told.text("Reference").split_once('/') {
        told.sketch.set("/spec/scaleTargetRef", json!({"kind": kind, "name": name}));
    }
    let pods = told.roots.iter().find(|node| node.key.ends_with(" pods")).map_or("", |node| node.value);
    if let Some((current, desired)) = pods.split_once(" / ") {
        for (text, pointer) in [(current, "/status/currentReplicas"), (desired, "/status/desiredReplicas")] {
            if let Some(count) = number(text) {
                told.sketch.set(pointer, count);
            }
        }
    }
    let mut metrics = Vec::new();
    let lines = told.node("Metrics").into_iter().flat_map(|node| &node.children).map(|node| node.line);
    for line in lines {
        if let Some(rest) = line.strip_prefix("resource ") {
            let name = rest.split(' ').next().unwrap_or_default();
            let target = line.rsplit_once(" / ").map_or("", |(_, target)| target);
            let target = match target.strip_suffix('%').and_then(number) {
                Some(share) => json!({"type": "Utilization", "averageUtilization": share}),
                None => json!({"type": "AverageValue", "averageValue": target}),
            };
            metrics.push(json!({"type": "Resource", "resource": {"name": name, "target": target}}));
        } else if let Some((name, rest)) = line.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            let kind = if rest.starts_with(" on pods") {
                "Pods"
            } else if rest.starts_with(" on ") {
                "Object"
            } else {
                "External"
            };
            metrics.push(json!({"type": kind, (kind.to_lowercase()): {"metric": {"name": name}}}));
        }
    }
    if !metrics.is_empty() {
        told.sketch.set("/spec/metrics", metrics);
    }
}

pub(super) fn budget(told: &mut Told<'_, '_>) {
    for (key, pointer) in [("Min available", "/spec/minAvailable"), ("Max unavailable", "/spec/maxUnavailable")] {
        let text = told.text(key);
        if !is_none(text) {
            told.sketch.set(pointer, port(text));
        }
    }
    let selector = told.text("Selector");
    if !is_none(selector) {
        told.sketch.set("/spec/selector", network::selector(selector));
    }
    let Some(status) = told.node("Status") else { return };
    let counts = [
        ("Allowed disruptions", "/status/disruptionsAllowed"),
        ("Current", "/status/currentHealthy"),
        ("Desired", "/status/desiredHealthy"),
        ("Total", "/status/expectedPods"),
    ];
    let counts: Vec<(&str, i64)> =
        counts.iter().filter_map(|(key, pointer)| Some((*pointer, number(status.text(key))?))).collect();
    counts.into_iter().for_each(|(pointer, count)| told.sketch.set(pointer, count));
}

pub(super) fn account(told: &mut Told<'_, '_>) {
    let of = |told: &Told<'_, '_>, key: &str| -> Vec<Value> {
        let names = told.node(key).into_iter().flat_map(|node| node.values()).filter(|name| !is_none(name));
        names.map(|name| json!({"name": name.split(' ').next()})).collect()
    };
    for (key, pointer) in [("Image pull secrets", "/imagePullSecrets"), ("Mountable secrets", "/secrets")] {
        let names = of(told, key);
        if !names.is_empty() {
            told.sketch.set(pointer, names);
        }
    }
}

pub(super) fn priority(told: &mut Told<'_, '_>) {
    if told.text("GlobalDefault") == "true" {
        told.sketch.set("/globalDefault", true);
    }
}

/// `[get list]`.
fn words(text: &str) -> Vec<&str> {
    text.trim_matches(['[', ']']).split(' ').filter(|word| !word.is_empty()).collect()
}

pub(super) fn role(told: &mut Told<'_, '_>) {
    let rows = told.node("PolicyRule").map(super::grid).unwrap_or_default();
    let rules = rows.iter().map(|row| {
        let cell = |name: &str| row.iter().find(|(column, _)| *column == name).map_or("", |(_, cell)| *cell);
        let mut rule = json!({"verbs": words(cell("Verbs"))});
        let resources = cell("Resources");
        if !resources.is_empty() {
            let (resource, group) = resources.split_once('.').unwrap_or((resources, ""));
            let group = if resource == "*" && group == "*" { "*" } else { group };
            rule["resources"] = json!([resource]);
            rule["apiGroups"] = json!([group]);
        }
        for (column, field) in [("Non-Resource URLs", "nonResourceURLs"), ("Resource Names", "resourceNames")] {
            if !words(cell(column)).is_empty() {
                rule[field] = words(cell(column)).into();
            }
        }
        rule
    });
    told.sketch.set("/rules", rules.collect::<Vec<_>>());
}

pub(super) fn binding(told: &mut Told<'_, '_>) {
    if let Some(role) = told.node("Role") {
        let role =
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": role.text("Kind"), "name": role.text("Name")});
        told.sketch.set("/roleRef", role);
    }
    let rows = told.node("Subjects").map(super::grid).unwrap_or_default();
    let subjects = rows.iter().map(|row| {
        let cell = |name: &str| row.iter().find(|(column, _)| *column == name).map_or("", |(_, cell)| *cell);
        let mut subject = json!({"kind": cell("Kind"), "name": cell("Name")});
        if !is_none(cell("Namespace")) {
            subject["namespace"] = cell("Namespace").into();
        }
        subject
    });
    told.sketch.set("/subjects", subjects.collect::<Vec<_>>());
}
