//! Which volume a claim can be bound to, and by how much the others miss
//! (k8s.io/component-helpers/storage/volume/pv_helpers.go).

use super::selector;
use crate::object::{Fields as _, Object};
use crate::quantity;
use crate::snapshot::Snapshot;
use crate::value::Value;

/// Why a volume does not fit a claim, the last to be looked at being the nearest miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// Another storage class.
    Class,
    /// Block or file system.
    Mode,
    /// The claim's selector.
    Selector,
    /// An access mode is lacking.
    AccessMode,
    /// It is too small.
    Capacity,
    /// It is kept for, or bound to, another claim.
    Taken,
    /// Its claim is gone, its data are kept.
    Released,
}

const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// The class that a claim or a volume names: nothing is "the default one", empty is "none".
pub fn class(object: &Object) -> Option<&str> {
    object.annotation(CLASS).or_else(|| object.at("/spec/storageClassName").and_then(Value::as_str))
}

/// The names of the claims that a pod mounts.
pub fn claims(pod: &Object) -> impl Iterator<Item = String> {
    pod.list("/spec/volumes").iter().filter_map(|volume| {
        let named = volume.text("/persistentVolumeClaim/claimName");
        let own = volume.at("/ephemeral").map(|_| format!("{}-{}", pod.name(), volume.text("/name")));
        own.or_else(|| (!named.is_empty()).then(|| named.to_owned()))
    })
}

/// The pods on other nodes that hold a volume of a pod which one node alone can have.
pub fn holders<'a>(snapshot: &'a Snapshot, pod: &'a Object) -> impl Iterator<Item = &'a Object> {
    let shared = |name: &str| {
        let modes = snapshot.seen("PersistentVolumeClaim", pod.ns(), name).map(|claim| claim.list("/spec/accessModes"));
        modes.into_iter().flatten().any(|mode| mode.as_str().is_some_and(|mode| mode.ends_with("Many")))
    };
    let names: Vec<String> = claims(pod).filter(|name| !shared(name)).collect();
    let elsewhere = |other: &&Object| {
        let node = other.text("/spec/nodeName");
        other.id != pod.id && !node.is_empty() && node != pod.text("/spec/nodeName")
    };
    let over = |other: &&Object| ["Succeeded", "Failed"].contains(&other.text("/status/phase"));
    let others = (!names.is_empty()).then(|| snapshot.within("Pod", pod.ns())).into_iter().flatten();
    others.filter(elsewhere).filter(move |other| !over(other) && claims(other).any(|name| names.contains(&name)))
}

/// Why a volume cannot serve a claim; nothing where it can.
pub fn miss(claim: &Object, volume: &Object) -> Option<Miss> {
    let mode = |object: &Object| object.text("/spec/volumeMode") == "Block";
    let offered = volume.list("/spec/accessModes");
    let selected = claim.at("/spec/selector").is_none_or(|wanted| selector::selects(wanted, volume.labels()));
    let size = |object: &Object, pointer: &str| quantity::of(object.at(pointer)).unwrap_or(0);
    let small = size(volume, "/spec/capacity/storage") < size(claim, "/spec/resources/requests/storage");
    let kept = volume.at("/spec/claimRef");
    let for_this = kept.is_some_and(|kept| {
        kept.text("/name") == claim.name()
            && kept.text("/namespace") == claim.ns()
            && (kept.text("/uid").is_empty() || kept.text("/uid") == claim.uid())
    });
    let checks = [
        (Miss::Class, class(claim).unwrap_or_default() != class(volume).unwrap_or_default()),
        (Miss::Mode, mode(claim) != mode(volume)),
        (Miss::Selector, !selected),
        (Miss::AccessMode, !claim.list("/spec/accessModes").iter().all(|wanted| offered.contains(wanted))),
        (Miss::Capacity, small),
        (Miss::Released, volume.text("/status/phase") == "Released" && !for_this),
        (Miss::Taken, kept.is_some() && !for_this),
    ];
    checks.into_iter().find_map(|(miss, is)| is.then_some(miss))
}

/// The volume that comes nearest to a claim, with what it misses by.
pub fn nearest<'a>(claim: &Object, volumes: impl Iterator<Item = &'a Object>) -> Option<(&'a Object, Option<Miss>)> {
    // One that fits counts as nearer than any that does not.
    let rank = |miss: Option<Miss>| miss.map_or(u8::MAX, |miss| miss as u8);
    volumes.map(|volume| (volume, miss(claim, volume))).max_by_key(|(volume, miss)| (rank(*miss), volume.id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn a_volume_misses_by_one_thing() {
        let claim = json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "n", "uid": "1"},
            "spec": {"storageClassName": "s", "accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "2Gi"}},
                "selector": {"matchLabels": {"tier": "gold"}}}});
        let claim = Object::new(claim).expect("a claim");
        let good = json!({"kind": "PersistentVolume", "metadata": {"name": "v", "labels": {"tier": "gold"}},
            "spec": {"storageClassName": "s", "accessModes": ["ReadWriteOnce", "ReadWriteMany"], "capacity": {"storage": "2Gi"}}});
        let with = |pointer: &str, value: Value| {
            let mut volume = good.clone();
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            volume.pointer_mut(parent).expect("a parent")[key] = value;
            miss(&claim, &Object::new(volume).expect("a volume"))
        };
        assert_eq!(with("/spec/x", json!(1)), None);
        assert_eq!(with("/spec/storageClassName", json!("t")), Some(Miss::Class));
        assert_eq!(with("/metadata/labels", json!({})), Some(Miss::Selector));
        assert_eq!(with("/spec/accessModes", json!(["ReadWriteOnce"])), Some(Miss::AccessMode));
        assert_eq!(with("/spec/capacity/storage", json!("1Gi")), Some(Miss::Capacity));
        assert_eq!(with("/spec/claimRef", json!({"name": "o", "namespace": "n"})), Some(Miss::Taken));
        assert_eq!(with("/status", json!({"phase": "Released"})), Some(Miss::Released));
    }
}
