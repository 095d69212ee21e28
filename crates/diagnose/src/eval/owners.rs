//! Chains of owners: pod, replica set, deployment. What was read on a node stands for what the API knows of it.

use crate::object::{Fields as _, Object, Ref};
use crate::snapshot::Snapshot;

/// The last controller of the chain that begins at an object: itself where it has none. A controller that is not
/// here is named all the same: its reference is known.
pub fn top(snapshot: &Snapshot, object: &Object) -> Ref {
    if let Some(known) = known_as(snapshot, object) {
        return top(snapshot, known);
    }
    let mut id = object.id.clone();
    let mut next = Some(object);
    // Chains are short; what is longer is a circle.
    for _ in 0..8 {
        let Some(owner) = next.and_then(Object::controller) else { break };
        // A static pod belongs to its node, which did not make what is wrong with it.
        if owner.text("/kind") == "Node" {
            break;
        }
        let namespace = if id.namespace.is_empty() { "" } else { &object.id.namespace };
        let above = Ref::new(owner.text("/kind"), namespace, owner.text("/name"));
        next = snapshot.find(&above);
        id = above;
    }
    id
}

/// The pod of a container, or the node of a machine, an engine or a unit, that was looked at on the node itself: what is wrong
/// with the one is wrong with the other.
fn known_as<'a>(snapshot: &'a Snapshot, fact: &Object) -> Option<&'a Object> {
    match fact.id.kind.as_str() {
        "Container" => snapshot.seen("Pod", fact.text("/pod/namespace"), fact.text("/pod/name")),
        "Machine" => snapshot.seen("Node", "", fact.name()),
        "Engine" | "Unit" => snapshot.seen("Node", "", fact.ns()),
        _ => None,
    }
}

/// The controllers of an object and of its controllers, the nearest first.
pub fn chain<'a>(snapshot: &'a Snapshot, object: &'a Object) -> Vec<&'a Object> {
    let mut chain = Vec::new();
    let mut next = object;
    while let Some(owner) = next.controller() {
        let found = snapshot
            .by_uid(owner.text("/uid"))
            .or_else(|| snapshot.seen(owner.text("/kind"), object.ns(), owner.text("/name")));
        let Some(found) = found.filter(|_| chain.len() < 8) else { break };
        chain.push(found);
        next = found;
    }
    chain
}

/// Whether `object` is, through any number of controllers, owned by `owner`.
pub fn belongs(snapshot: &Snapshot, object: &Object, owner: &Ref) -> bool {
    object.id == *owner
        || chain(snapshot, object).iter().any(|above| above.id == *owner)
        || top(snapshot, object) == *owner
}
