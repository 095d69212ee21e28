//! Pods that no node takes: the scheduler's own reasons, computed again where the snapshot allows it.

use crate::cause::Effect;
use crate::claim::{Claim, Fix};
use crate::eval::messages::schedule::{self, Blocker};
use crate::eval::{scheduling, selector};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::{Scene, Trouble};
use crate::snapshot::{Judged, Proof};
use crate::value::Value;

/// A pod without a node: what the scheduler says, and where.
pub(super) struct Waiting<'a, 's> {
    pub(super) trouble: &'s Trouble<'a>,
    pub(super) blockers: Vec<Blocker>,
    pub(super) proof: Proof,
}

/// Reasons, the one that decides first: what a pod lacks itself, what the nodes that it may use lack, and last what
/// keeps it off nodes that it was never meant for.
fn order(blocker: &Blocker) -> usize {
    match blocker {
        Blocker::NoNodes | Blocker::NoClaim(_) | Blocker::Unbound | Blocker::BindingFailed => 0,
        Blocker::DeviceClaim | Blocker::Resource(_) | Blocker::Pods => 1,
        Blocker::Ports | Blocker::ExistingAntiAffinity | Blocker::AntiAffinity => 2,
        Blocker::PodAffinity | Blocker::Spread | Blocker::VolumeLimit | Blocker::NoVolume => 3,
        Blocker::NodeAffinity | Blocker::VolumeAffinity | Blocker::Cordon | Blocker::Taint => 4,
        Blocker::Other(_) => 5,
    }
}

pub(super) fn waiting<'a, 's>(scene: &'s Scene<'a>, pod: &'a Object) -> Option<Waiting<'a, 's>> {
    let trouble = scene.suffers(pod, Effect::Unscheduled)?;
    let condition = pod.condition("PodScheduled").map(|(at, condition)| (format!("{at}/message"), condition));
    if condition.is_none() && pod.tells("/status/conditions") {
        return None;
    }
    let told = condition.filter(|(at, _)| pod.tells(at));
    let told = told.map(|(at, condition)| (condition.text("/message"), Proof::field(pod, &at)));
    // A text that does not tell it has the event that says the same.
    let (message, proof) = told.or_else(|| {
        let event = scene.warnings(pod, &["FailedScheduling"]).next()?;
        Some((event.message(), Proof::field(event.0, event.pointer())))
    })?;
    let mut blockers: Vec<Blocker> = schedule::blockers(message).into_iter().map(|(_, one)| one).collect();
    blockers.sort_by_key(order);
    Some(Waiting { trouble, blockers, proof })
}

/// The claim, if this reason decides.
pub(super) fn decided<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: &Blocker, says: &str) -> Option<Claim> {
    let waiting = waiting(scene, pod)?;
    let decides = waiting.blockers.first().filter(|first| {
        let alike = order(first) == order(wanted);
        alike && waiting.blockers.contains(wanted)
    });
    decides.map(|_| Claim::of(waiting.trouble, says).by(waiting.proof))
}

/// The nodes that fit what the pod says of nodes: selector, affinity, tolerations.
fn meant<'a>(scene: &Scene<'a>, pod: &'a Object) -> Vec<&'a Object> {
    let fits = |node: &&Object| {
        scheduling::selector_fits(pod, node)
            && scheduling::affinity_fits(pod, node)
            && scheduling::untolerated(pod, node).is_none()
    };
    scene.snapshot.all("Node").filter(fits).collect()
}

/// The resource that is short, if it is one.
pub(super) fn short<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<(Claim, String)> {
    let waiting = waiting(scene, pod)?;
    let Blocker::Resource(resource) = waiting.blockers.iter().find(|one| matches!(one, Blocker::Resource(_)))?.clone()
    else {
        return None;
    };
    if waiting.blockers.first().is_some_and(|first| order(first) < order(&Blocker::Resource(String::new()))) {
        return None;
    }
    Some((Claim::of(waiting.trouble, format!("no node has enough {resource} left")).by(waiting.proof), resource))
}

/// Whether a pod's request is more than any node that it may use could ever give.
fn exceeds<'a>(scene: &Scene<'a>, pod: &'a Object, resource: &str) -> Judged<bool> {
    scene.snapshot.every("Node", "")?;
    let nodes = meant(scene, pod);
    let asked = scheduling::request(pod.value(), resource);
    Ok(!nodes.is_empty() && nodes.iter().all(|node| scheduling::allocatable(node, resource) < asked))
}

/// The container that asks for most of a resource, with the pointer to what it asks.
fn greedy(pod: &Object, resource: &str) -> Option<Proof> {
    let key = resource.replace('~', "~0").replace('/', "~1");
    let parts = crate::scene::Part::all(pod);
    let fields = [format!("/resources/requests/{key}"), format!("/resources/limits/{key}")];
    let asked = |part: &crate::scene::Part<'_>| fields.iter().find(|field| part.spec.at(field).is_some()).cloned();
    let most =
        parts.iter().max_by_key(|part| asked(part).and_then(|field| crate::quantity::of(part.spec.at(&field))))?;
    Some(most.asked(&asked(most)?))
}

/// Lowers what the greediest container asks for; to nothing where that is null.
fn lower(scene: &Scene<'_>, pod: &Object, resource: &str, to: &Value) -> Option<Fix> {
    let key = resource.replace('~', "~0").replace('/', "~1");
    let asked = greedy(pod, resource)?;
    let container = asked.at.split_once('#')?.1.split("/resources/").next()?.to_owned();
    let sides = ["requests", "limits"].iter().map(|side| format!("{container}/resources/{side}/{key}"));
    let changes: Vec<(String, Value)> = sides.filter(|at| pod.at(at).is_some()).map(|at| (at, to.clone())).collect();
    let words = match to.as_str() {
        Some(to) => format!("ask for less {resource} than {to}, which the largest node has for all its pods"),
        None => format!("ask for no {resource}, or install its device plug-in"),
    };
    Some(Fix::patch(scene, pod, &words, &changes))
}

fn insufficient<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((claim, resource)) = short(scene, pod) else { return Ok(None) };
    let extended = resource.contains('/');
    let offered = scene.snapshot.all("Node").any(|node| scheduling::allocatable(node, &resource) > 0);
    if extended && !offered || exceeds(scene, pod, &resource)? {
        return Ok(None);
    }
    Ok(Some(claim.by_all(greedy(pod, &resource))))
}

fn too_big<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((claim, resource)) = short(scene, pod).filter(|(_, resource)| !resource.contains('/')) else {
        return Ok(None);
    };
    if !exceeds(scene, pod, &resource)? {
        return Ok(None);
    }
    let largest = meant(scene, pod).into_iter().max_by_key(|node| scheduling::allocatable(node, &resource));
    let fits = largest.and_then(|node| node.at(&format!("/status/allocatable/{resource}")).cloned());
    let fix = fits.and_then(|most| lower(scene, pod, &resource, &most));
    let largest = largest.map(|node| Proof::field(node, &format!("/status/allocatable/{resource}")));
    let says = format!("it asks for more {resource} than any node has, even an empty one");
    let claim = Claim { says, fix, ..claim };
    Ok(Some(claim.by_all(greedy(pod, &resource)).by_all(largest)))
}

fn extended<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((claim, resource)) =
        short(scene, pod).filter(|(_, resource)| resource.contains('/') || resource.starts_with("hugepages-"))
    else {
        return Ok(None);
    };
    let nodes = scene.snapshot.every("Node", "")?;
    let offered = nodes.iter().any(|node| scheduling::allocatable(node, &resource) > 0);
    let key = resource.replace('/', "~1");
    let none = nodes.first().map(|node| Proof::field(node, &format!("/status/allocatable/{key}")));
    let says = format!("no node offers {resource}");
    // Who asks for none of it waits for something else.
    let asks = scheduling::request(pod.value(), &resource) > 0;
    let fix = lower(scene, pod, &resource, &Value::Null);
    Ok((!offered && asks).then(|| Claim { says, fix, ..claim }.by_all(greedy(pod, &resource)).by_all(none)))
}

fn node_selector<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = decided(scene, pod, &Blocker::NodeAffinity, "no node has the labels of its nodeSelector") else {
        return Ok(None);
    };
    let Some(wanted) = pod.map("/spec/nodeSelector") else { return Ok(None) };
    let nodes = scene.snapshot.every("Node", "")?;
    if nodes.iter().any(|node| scheduling::selector_fits(pod, node)) {
        return Ok(None);
    }
    let lacking = wanted.iter().find(|(key, value)| !nodes.iter().any(|node| node.label(key) == value.as_str()));
    let (key, value) = lacking.map_or(("", ""), |(key, value)| (key.as_str(), value.as_str().unwrap_or_default()));
    let near = selector::nearest(value, nodes.iter().filter_map(|node| node.label(key)));
    let says = match near {
        Some(near) => format!("no node has the label {key}={value}; there is {key}={near}"),
        None if key.is_empty() => "no single node has all labels of its nodeSelector".to_owned(),
        None => format!("no node has the label {key}={value}"),
    };
    let claim = Claim { says, ..claim }.field(pod, "/spec/nodeSelector");
    let Some(node) = nodes.first().filter(|_| !key.is_empty()) else { return Ok(Some(claim)) };
    let pointer = format!("/metadata/labels/{}", key.replace('~', "~0").replace('/', "~1"));
    let fix =
        Fix::say(format!("kubectl label node {} {key}={value} --overwrite, or correct nodeSelector", node.name()));
    Ok(Some(claim.fix(fix.set(node, &pointer, value))))
}

fn node_affinity<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = decided(scene, pod, &Blocker::NodeAffinity, "no node fits its required node affinity") else {
        return Ok(None);
    };
    let nodes = scene.snapshot.every("Node", "")?;
    let fits = |node: &&Object| scheduling::selector_fits(pod, node);
    let none = nodes.iter().copied().filter(fits).all(|node| !scheduling::affinity_fits(pod, node));
    let asks = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let fix = || {
        let terms = pod.list(&format!("{asks}/nodeSelectorTerms")).iter();
        let wishes: Vec<Value> = terms.map(|term| crate::value::json!({"weight": 1, "preference": term})).collect();
        let prefers = "/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution".to_owned();
        Fix::patch(scene, pod, "make the rule preferred", &[(asks.to_owned(), Value::Null), (prefers, wishes.into())])
    };
    Ok((none && nodes.iter().any(|node| scheduling::selector_fits(pod, node)) && pod.at(asks).is_some())
        .then(|| claim.field(pod, asks).fix(fix())))
}

fn taint<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(waiting) = waiting(scene, pod) else { return Ok(None) };
    if !waiting.blockers.contains(&Blocker::Taint) || waiting.blockers.first().is_some_and(|first| order(first) < 4) {
        return Ok(None);
    }
    let meant: Vec<&Object> = scene
        .snapshot
        .every("Node", "")?
        .into_iter()
        .filter(|node| scheduling::selector_fits(pod, node) && scheduling::affinity_fits(pod, node))
        .filter(|node| scheduling::volume_elsewhere(scene.snapshot, pod, node).is_none())
        .collect();
    // What the node itself suffers from is another's finding, and so is a node that nobody has set up yet.
    let by_hand = |taint: &Value| {
        let key = taint.text("/key");
        !key.starts_with("node.kubernetes.io/") && !key.ends_with("/uninitialized") && !key.starts_with("ToBeDeleted")
    };
    let plane = |taint: &Value| taint.text("/key").starts_with("node-role.kubernetes.io/");
    let mut taints: Vec<(&Object, &Value)> = meant
        .iter()
        .filter_map(|node| Some((*node, scheduling::untolerated(pod, node)?)))
        .filter(|(_, taint)| by_hand(taint))
        .collect();
    // A control plane's taint is meant, as long as there are other nodes.
    taints.sort_by_key(|(_, taint)| plane(taint));
    let Some((node, taint)) = taints.first() else { return Ok(None) };
    let (key, value) = (taint.text("/key"), taint.text("/value"));
    let says = format!(
        "no node that it may use is without a taint; {} has {key}={value}:{}",
        node.name(),
        taint.text("/effect")
    );
    let fix = Fix::say(format!("add a toleration for {key}, or kubectl taint node {} {key}-", node.name()));
    Ok(Some(Claim::of(waiting.trouble, says).by(waiting.proof).field(node, "/spec/taints").fix(fix.set(
        node,
        "/spec/taints",
        Value::Null,
    ))))
}

/// A node that only its cordon keeps from taking a pod that waits.
fn cordoned<'a>(scene: &Scene<'a>, node: &'a Object) -> Judged<Option<Claim>> {
    if !node.holds("/spec/unschedulable") {
        return Ok(None);
    }
    let fits = |pod: &&Object| {
        scene.suffers(pod, Effect::Unscheduled).is_some()
            && scheduling::first_no(scene.snapshot, pod, node) == Some(scheduling::Filter::Unschedulable)
            && decided(scene, pod, &Blocker::Cordon, "").is_some()
    };
    let Some(pod) = scene.snapshot.all("Pod").find(fits) else { return Ok(None) };
    let fix = Fix::say(format!("kubectl uncordon {}", node.name())).set(node, "/spec/unschedulable", Value::Null);
    let proof = waiting(scene, pod).map(|waiting| waiting.proof);
    let claim =
        Claim::new("it is cordoned, and pods wait for it").field(node, "/spec/unschedulable").by_all(proof).fix(fix);
    // A pod of its own is no owner of this claim.
    Ok(Some(claim))
}

fn uninitialized<'a>(scene: &Scene<'a>, node: &'a Object) -> Judged<Option<Claim>> {
    let index = node
        .list("/spec/taints")
        .iter()
        .position(|taint| taint.text("/key") == "node.cloudprovider.kubernetes.io/uninitialized");
    let old = scene.age(node) > 180;
    Ok(index
        .filter(|_| old)
        .map(|index| Claim::new("no cloud controller has set it up").field(node, &format!("/spec/taints/{index}/key"))))
}

pub(super) const SCHED: Rule = Rule { effect: Effect::Unscheduled, stance: Stance::Yields, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "sched.insufficient-resource",
        means: "The nodes that the pod may use have not enough left of what it requests. Requests count, not usage.",
        proves: "The scheduler says so, and an empty node would be large enough.",
        refutes: "a node with enough allocatable minus requested",
        fix: "lower requests, free a node, or add one",
        judge: insufficient,
        ..SCHED
    },
    Rule {
        code: "sched.request-exceeds-any-node",
        weight: 85,
        stance: Stance::Root,
        means: "The pod requests more than any node has, even an empty one. Deleting other pods does not help.",
        proves: "The request is above the largest allocatable of the nodes that it may use.",
        refutes: "a node whose allocatable is above the request",
        fix: "lower the request, or add a larger node",
        judge: too_big,
        ..SCHED
    },
    Rule {
        code: "sched.extended-resource-missing",
        weight: 85,
        stance: Stance::Root,
        means: "The pod requests a resource that no node offers: its device plug-in is not installed or not registered.",
        proves: "The key is in no node's allocatable.",
        refutes: "the resource in a node's allocatable",
        fix: "install or repair the device plug-in, or take the request away",
        judge: extended,
        ..SCHED
    },
    Rule {
        code: "sched.node-selector-mismatch",
        stance: Stance::Root,
        means: "No node has all labels of the pod's nodeSelector.",
        proves: "The scheduler says so, and no node's labels fit.",
        refutes: "a node with these labels",
        fix: "label a node, or correct nodeSelector",
        judge: node_selector,
        ..SCHED
    },
    Rule {
        code: "sched.node-affinity-mismatch",
        stance: Stance::Root,
        means: "No node fits the pod's required node affinity.",
        proves: "The scheduler says so, and no term fits a node's labels.",
        refutes: "a node that fits one term",
        fix: "label a node, or make the rule preferred",
        judge: node_affinity,
        ..SCHED
    },
    Rule {
        code: "sched.untolerated-taint",
        means: "Every node that the pod may use has a taint that it does not tolerate.",
        proves: "The scheduler says so, and the taints and tolerations agree.",
        refutes: "a node without the taint that fits otherwise",
        fix: "add a toleration, or take the taint away",
        judge: taint,
        ..SCHED
    },
    Rule {
        code: "sched.node-cordoned",
        on: &["Node"],
        effect: Effect::Cordoned,
        stance: Stance::Latent,
        means: "The node takes no new pods, and only that keeps a pod waiting.",
        proves: "spec.unschedulable is true, and the pod would fit.",
        refutes: "the pod still waiting after uncordon",
        fix: "kubectl uncordon the node",
        judge: cordoned,
        ..SCHED
    },
    Rule {
        code: "sched.too-many-pods",
        means: "The nodes that the pod may use run as many pods as they may.",
        proves: "The scheduler says so.",
        refutes: "a node below its allocatable pods",
        fix: "add nodes, or raise maxPods of the kubelet",
        judge: |scene, pod| {
            let claim = decided(scene, pod, &Blocker::Pods, "the nodes that it may use run as many pods as they may");
            let least = || scene.snapshot.all("Node").min_by_key(|node| scheduling::allocatable(node, "pods"));
            Ok(claim.map(|claim| claim.by_all(least().map(|node| Proof::field(node, "/status/allocatable/pods")))))
        },
        ..SCHED
    },
    Rule {
        code: "node.uninitialized-taint",
        on: &["Node"],
        effect: Effect::Pressed,
        means: "No cloud controller has set the node up, so it keeps its first taint.",
        proves: "The taint is there, three minutes after the node joined.",
        refutes: "the taint being gone",
        fix: "install or repair the cloud controller manager",
        judge: uninitialized,
        ..SCHED
    },
];
