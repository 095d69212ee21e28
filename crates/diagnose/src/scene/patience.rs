//! What passes by itself in a healthy cluster, and is no trouble until it lasts: nodes that start, room that is made, and
//! first tries that fail.

use super::Scene;
use crate::eval::messages::says;
use crate::eval::messages::schedule::{self, Blocker};
use crate::eval::messages::start::{self, Mount, Network};
use crate::eval::{binding, controllers, scheduling};
use crate::object::{Fields as _, Object};
use crate::snapshot::Event;

/// How long a node may take to be ready after it joined or was started again, in seconds.
const STARTS: i64 = 180;
/// How long a node that is not ready any more, or an attached volume, may take to go, in seconds.
const LEAVES: i64 = 300;
/// How long whoever makes room, or opens a gate, may take for it, in seconds.
const ROOM: i64 = 300;

/// What those who add nodes say of a pod: (reason, whether a node is on its way).
const SCALERS: [(&str, bool); 3] = [("TriggeredScaleUp", true), ("Nominated", true), ("NotTriggerScaleUp", false)];

/// Whether an event is of the last seconds.
fn is_within(scene: &Scene<'_>, event: &Event<'_>, seconds: i64) -> bool {
    event.last().is_some_and(|at| scene.now().since(at) < seconds)
}

/// What a kubelet says of parts that it has not looked at since it was started.
const BEGINS: [&str; 3] = ["may not have completed yet", "has yet to be successful", "is not yet initialized"];

/// Whether a node has joined or was started again so lately, or its kubelet, that its agents need not be there.
pub(super) fn starts(scene: &Scene<'_>, node: &Object) -> bool {
    let kubelet = node.condition("Ready").is_some_and(|(_, ready)| {
        let lately = ready.time("/lastTransitionTime").is_some_and(|at| scene.now().since(at) < STARTS);
        lately && ready.text("/status") == "False" && says(ready.text("/message"), &BEGINS)
    });
    let begun = |event: &Event<'_>| event.reason() == "Rebooted" && is_within(scene, event, STARTS);
    kubelet || scene.age(node) < STARTS || scene.snapshot.events(node).any(|event| begun(&event))
}

/// Whether an object was deleted so lately that it need not be gone, nor well.
pub(super) fn leaves(scene: &Scene<'_>, object: &Object) -> bool {
    object.deletion().is_some_and(|at| scene.now().since(at) < LEAVES)
}

/// Whether a pod without a node is about to have one: somebody makes room for it, or has had no time yet to look at it.
pub(super) fn is_served(scene: &Scene<'_>, pod: &Object) -> bool {
    let cloud = controllers::is_outside(pod.text("/spec/schedulerName"));
    let gated = scheduling::foreign_gate(scene.snapshot, pod).is_some();
    (cloud || gated) && scene.age(pod) < ROOM || has_room_made(scene, pod) || is_first_look(scene, pod)
}

/// Whether a node is added for a pod, or others end to make room for it.
fn has_room_made(scene: &Scene<'_>, pod: &Object) -> bool {
    let mut events = scene.snapshot.events(pod).rev();
    let scaler = events.find_map(|event| {
        let (_, comes) = SCALERS.iter().find(|(reason, _)| *reason == event.reason())?;
        Some(*comes && is_within(scene, &event, ROOM))
    });
    let place = pod.text("/status/nominatedNodeName");
    let ends = |other: &Object| other.deletion().is_some_and(|at| scene.now().since(at) < 60);
    let on_place = |other: &Object| other.text("/spec/nodeName") == place;
    let displaced = || scene.snapshot.all("Pod").any(|other| on_place(other) && ends(other));
    scaler == Some(true) || !place.is_empty() && (scene.age(pod) < 60 || displaced())
}

/// Whether a pod is so young that pods which just end may still count against the nodes. What no node ever has is not
/// waited for.
fn is_first_look(scene: &Scene<'_>, pod: &Object) -> bool {
    let Some((_, said)) = pod.condition("PodScheduled").filter(|_| scene.age(pod) < 5) else { return false };
    let may_come = |resource: &str| {
        let asked = scheduling::request(pod.value(), resource);
        scene.snapshot.all("Node").any(|node| scheduling::allocatable(node, resource) >= asked.max(1))
    };
    let mut blockers = schedule::blockers(said.text("/message")).into_iter();
    blockers.any(|(_, blocker)| matches!(blocker, Blocker::Resource(resource) if may_come(&resource)))
}

/// Whether what keeps a pod from being set up was said once, of what passes: an address or an agent that is there with
/// the next try, or a volume that its last node lets go.
pub(super) fn is_first_try(scene: &Scene<'_>, pod: &Object, event: &Event<'_>) -> bool {
    let network = start::network(event.message());
    let passes = matches!(network, Some(Network::Exhausted | Network::AgentDown));
    let attached = start::mount(event.message()) == Some(Mount::MultiAttach);
    let tries =
        || scene.snapshot.events(pod).filter(|one| one.reason() == event.reason()).map(Event::count).sum::<i64>();
    (passes || attached) && scene.age(pod) < 60 && tries() < 2 || attached && is_let_go(scene, pod)
}

/// Whether a volume of a pod is on its way from the node that had it.
fn is_let_go(scene: &Scene<'_>, pod: &Object) -> bool {
    let claims = binding::claims(pod).filter_map(|name| scene.snapshot.seen("PersistentVolumeClaim", pod.ns(), &name));
    let volumes: Vec<&str> = claims.map(|claim| claim.text("/spec/volumeName")).collect();
    let goes = |one: &Object| leaves(scene, one) && volumes.contains(&one.text("/spec/source/persistentVolumeName"));
    scene.snapshot.all("VolumeAttachment").any(goes)
}
