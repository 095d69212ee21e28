//! Claims, volumes, classes.

use super::{As, Fields, Told};
use crate::text::sketch::{is_none, labels};
use crate::value::{Value, json};

pub(super) const CLAIM: Fields = &[
    ("StorageClass", "/spec/storageClassName", As::Text),
    ("Volume", "/spec/volumeName", As::Text),
    ("Capacity", "/status/capacity/storage", As::Text),
    ("VolumeMode", "/spec/volumeMode", As::Text),
];

pub(super) const VOLUME: Fields = &[
    ("StorageClass", "/spec/storageClassName", As::Text),
    ("Reclaim Policy", "/spec/persistentVolumeReclaimPolicy", As::Text),
    ("Capacity", "/spec/capacity/storage", As::Text),
    ("VolumeMode", "/spec/volumeMode", As::Text),
    ("Message", "/status/message", As::Text),
];

pub(super) const CLASS: Fields = &[
    ("Provisioner", "/provisioner", As::Text),
    ("ReclaimPolicy", "/reclaimPolicy", As::Text),
    ("VolumeBindingMode", "/volumeBindingMode", As::Text),
];

/// `RWO,ROX` or `[ReadWriteOnce]`, as the API has them.
fn modes(text: &str) -> Vec<Value> {
    let words = text.split([',', ' ']).map(|word| word.trim_matches(['[', ']'])).filter(|word| !is_none(word));
    let long = |word: &str| match word {
        "RWO" => "ReadWriteOnce".to_owned(),
        "ROX" => "ReadOnlyMany".to_owned(),
        "RWX" => "ReadWriteMany".to_owned(),
        "RWOP" => "ReadWriteOncePod".to_owned(),
        other => other.to_owned(),
    };
    words.map(|word| long(word).into()).collect()
}

fn finalizers(told: &mut Told<'_, '_>) {
    let names = told.text("Finalizers").trim_matches(['[', ']']).split(' ').filter(|name| !is_none(name));
    let names: Vec<Value> = names.map(Value::from).collect();
    if !names.is_empty() {
        told.sketch.set("/metadata/finalizers", names);
    }
}

pub(super) fn claim(told: &mut Told<'_, '_>) {
    told.phase();
    finalizers(told);
    let found = modes(told.text("Access Modes"));
    if !found.is_empty() {
        told.sketch.set("/status/accessModes", found);
    }
}

pub(super) fn volume(told: &mut Told<'_, '_>) {
    told.phase();
    finalizers(told);
    told.sketch.set("/spec/accessModes", modes(told.text("Access Modes")));
    if let Some((namespace, name)) = told.text("Claim").split_once('/') {
        told.sketch
            .set("/spec/claimRef", json!({"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name}));
    }
    let Some(required) = told.node("Node Affinity").and_then(|node| node.child("Required Terms")) else { return };
    let mut terms = Vec::new();
    for term in required.children.iter().filter(|term| term.key.starts_with("Term ")) {
        let expressions = term.values().chain(term.children.iter().map(|child| child.line)).filter_map(expression);
        terms.push(json!({"matchExpressions": expressions.collect::<Vec<_>>()}));
    }
    told.sketch.set("/spec/nodeAffinity/required/nodeSelectorTerms", terms);
}

/// `kubernetes.io/hostname in [n1, n2]`.
fn expression(line: &str) -> Option<Value> {
    let (key, rest) = line.trim().split_once(' ')?;
    let (operator, values) = rest.split_once(" [").unwrap_or((rest, ""));
    let operator = match operator {
        "in" => "In",
        "notin" | "not in" => "NotIn",
        "exists" => "Exists",
        _ => return None,
    };
    let values: Vec<&str> = values.trim_end_matches(']').split(", ").filter(|value| !value.is_empty()).collect();
    Some(json!({"key": key, "operator": operator, "values": values}))
}

pub(super) fn class(told: &mut Told<'_, '_>) {
    let parameters = labels([told.text("Parameters")]);
    if !parameters.is_empty() {
        told.sketch.set("/parameters", parameters);
    }
    if told.text("IsDefaultClass") == "Yes" {
        told.sketch.set("/metadata/annotations", json!({"storageclass.kubernetes.io/is-default-class": "true"}));
    }
}

pub(super) fn csi_node(told: &mut Told<'_, '_>) {
    let drivers = told.node("Spec").and_then(|spec| spec.child("Drivers"));
    let drivers = drivers.into_iter().flat_map(|node| &node.children).filter(|node| !node.key.is_empty());
    let drivers: Vec<Value> = drivers.map(|node| json!({"name": node.key, "nodeID": node.text("Node ID")})).collect();
    told.sketch.set("/spec/drivers", drivers);
}
