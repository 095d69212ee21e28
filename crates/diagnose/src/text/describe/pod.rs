//! Pods, and templates of pods.

use super::{As, Fields, Told, container};
use crate::object::Fields as _;
use crate::text::sketch::{is_none, labels, number};
use crate::text::tree::{self, Node};
use crate::value::{Map, Value, json};

/// What a description of a pod does not tell.
pub(super) const LEFT: &[&str] = &[
    "/metadata/finalizers",
    "/metadata/uid",
    "/spec/activeDeadlineSeconds",
    "/spec/affinity",
    "/spec/automountServiceAccountToken",
    "/spec/containers/*/imagePullPolicy",
    "/spec/containers/*/lifecycle",
    "/spec/containers/*/securityContext",
    "/spec/dnsConfig",
    "/spec/dnsPolicy",
    "/spec/hostIPC",
    "/spec/hostNetwork",
    "/spec/hostPID",
    "/spec/imagePullSecrets",
    "/spec/initContainers/*/restartPolicy",
    "/spec/initContainers/*/securityContext",
    "/spec/overhead",
    "/spec/resourceClaims",
    "/spec/restartPolicy",
    "/spec/schedulerName",
    "/spec/schedulingGates",
    "/spec/securityContext",
    "/spec/volumes/*/configMap/items",
    "/spec/volumes/*/secret/items",
    "/status/conditions",
    "/status/containerStatuses/*/started",
    "/status/containerStatuses/*/state/waiting/message",
    "/status/initContainerStatuses/*/state/waiting/message",
];

pub(super) const FIELDS: Fields = &[
    ("Start Time", "/status/startTime", As::Moment),
    // It was made no later than it began; of a pod that a table lists, the age is told too.
    ("Start Time", "/metadata/creationTimestamp", As::Moment),
    ("Reason", "/status/reason", As::Text),
    ("IP", "/status/podIP", As::Text),
    ("Priority Class Name", "/spec/priorityClassName", As::Text),
    ("QoS Class", "/status/qosClass", As::Text),
    ("NominatedNodeName", "/status/nominatedNodeName", As::Text),
    ("SeccompProfile", "/spec/securityContext/seccompProfile/type", As::Text),
    ("Priority", "/spec/priority", As::Count),
];

/// A pod.
pub(super) fn pod(told: &mut Told<'_, '_>) {
    if let Some((node, address)) = told.text("Node").split_once('/') {
        told.sketch.set("/spec/nodeName", node);
        if !address.is_empty() {
            told.sketch.set("/status/hostIP", address);
        }
    }
    told.phase();
    if let Some(message) = told.node("Message").map(Node::whole).filter(|message| !message.is_empty()) {
        told.sketch.set("/status/message", message);
    }
    // Who has the node's address shares its network.
    let (own, host) = (told.sketch.value.at("/status/podIP"), told.sketch.value.at("/status/hostIP"));
    if own.is_some() && own == host {
        told.sketch.set("/spec/hostNetwork", true);
    }
    let spec = spec(told, told.roots);
    for (key, value) in spec.fields {
        told.sketch.set(&format!("/spec/{key}"), value);
    }
    for (field, statuses) in [("containerStatuses", spec.statuses), ("initContainerStatuses", spec.init_statuses)] {
        if !statuses.is_empty() {
            told.sketch.set(&format!("/status/{field}"), statuses);
        }
    }
    told.conditions();
    let gates: Vec<Value> = told
        .node("Readiness Gates")
        .into_iter()
        .flat_map(super::grid)
        .filter_map(|row| Some(json!({"conditionType": row.first()?.1})))
        .collect();
    if !gates.is_empty() {
        told.sketch.set("/spec/readinessGates", gates);
    }
}

/// A spec, and how its containers go.
pub(super) struct Spec {
    pub(super) fields: Map,
    statuses: Vec<Value>,
    init_statuses: Vec<Value>,
}

/// What a pod and a template tell alike.
pub(super) fn spec(told: &mut Told<'_, '_>, nodes: &[Node<'_>]) -> Spec {
    let mut spec = Spec { fields: Map::new(), statuses: Vec::new(), init_statuses: Vec::new() };
    let text = |key: &str| tree::find(nodes, key).map_or("", |node| node.value);
    for (keys, field) in [
        (["Service Account", "Service Account Name"], "serviceAccountName"),
        (["Runtime Class Name", "Runtime Class Name"], "runtimeClassName"),
        (["Priority Class Name", "Priority Class Name"], "priorityClassName"),
    ] {
        let found = keys.into_iter().map(text).find(|text| !is_none(text));
        spec.fields.extend(found.map(|found| (field.to_owned(), found.into())));
    }
    if let Some(node) = tree::find(nodes, "Containers") {
        let found = container::containers(told, node);
        spec.fields.insert("containers", found.specs.into());
        spec.statuses = found.statuses;
    }
    if let Some(node) = tree::find(nodes, "Init Containers") {
        let found = container::containers(told, node);
        spec.fields.insert("initContainers", found.specs.into());
        spec.init_statuses = found.statuses;
    }
    if let Some(node) = tree::find(nodes, "Volumes") {
        spec.fields.insert("volumes", container::volumes(node).into());
    }
    if let Some(node) = tree::find(nodes, "Node-Selectors").or_else(|| tree::find(nodes, "Node-Selector")) {
        let selector = labels(node.values());
        if !selector.is_empty() {
            spec.fields.insert("nodeSelector", selector.into());
        }
    }
    if let Some(node) = tree::find(nodes, "Tolerations") {
        let all: Vec<Value> = node.values().filter(|line| !is_none(line)).map(toleration).collect();
        spec.fields.insert("tolerations", all.into());
    }
    if let Some(node) = tree::find(nodes, "Topology Spread Constraints") {
        let all: Vec<Value> = node.values().filter_map(spread).collect();
        spec.fields.insert("topologySpreadConstraints", all.into());
    }
    spec
}

/// `key=value:NoSchedule op=Exists for 300s`.
fn toleration(line: &str) -> Value {
    let mut toleration = json!({});
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let first = words.clone().next().unwrap_or_default();
    if first != "op=Exists" {
        words.next();
        let (key, effect) = first.split_once(':').unwrap_or((first, ""));
        let (key, value) = key.split_once('=').unwrap_or((key, ""));
        for (field, text) in [("key", key), ("value", value), ("effect", effect)] {
            if !text.is_empty() {
                toleration[field] = text.into();
            }
        }
    }
    let rest: Vec<&str> = words.collect();
    toleration["operator"] = if rest.contains(&"op=Exists") { "Exists" } else { "Equal" }.into();
    if let Some(seconds) = rest.iter().skip_while(|word| **word != "for").nth(1).and_then(|word| number(word)) {
        toleration["tolerationSeconds"] = seconds.into();
    }
    toleration
}

/// `zone:DoNotSchedule when max skew 1 is exceeded for selector app=web`.
fn spread(line: &str) -> Option<Value> {
    let (head, rest) = line.split_once(" when max skew ")?;
    let (key, action) = head.rsplit_once(':')?;
    let mut spread = json!({"topologyKey": key, "whenUnsatisfiable": action, "maxSkew": number(rest)?});
    if let Some((_, selector)) = rest.split_once(" for selector ") {
        spread["labelSelector"] = super::network::selector(selector);
    }
    Some(spread)
}

/// The template of a workload.
pub(super) fn template(told: &mut Told<'_, '_>, node: &Node<'_>) -> Value {
    let spec = spec(told, &node.children);
    let of = |key: &str| node.child(key).map(|node| labels(node.values())).unwrap_or_default();
    let notes = node.child("Annotations").map(super::annotations).unwrap_or_default();
    json!({"metadata": {"labels": of("Labels"), "annotations": notes}, "spec": spec.fields})
}
