//! Pods that no node takes: the scheduler's own reasons, computed again where the snapshot allows it.

use serde_json::Value;

use crate::cause::Effect;
use crate::claim::{Claim, Fix};
use crate::eval::messages::schedule::{self, Blocker};
use crate::eval::{binding, scheduling, selector};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::{Scene, Trouble};
use crate::snapshot::{Judged, Proof};

/// A pod without a node: what the scheduler says, and where.
struct Waiting<'a, 's> {
    trouble: &'s Trouble<'a>,
    blockers: Vec<Blocker>,
    proof: Proof,
}

/// Reasons, the one that decides first: what a pod lacks itself, what the nodes that it may use lack, and last what
/// keeps it off nodes that it was never meant for.
fn order(blocker: &Blocker) -> usize {
    match blocker {
        Blocker::NoNodes | Blocker::NoClaim(_) | Blocker::Unbound | Blocker::BindingFailed => 0,
        Blocker::DeviceClaim | Blocker::Resource(_) | Blocker::Pods => 1,
        Blocker::Ports | Blocker::ExistingAntiAffinity | Blocker::AntiAffinity => 2,
        Blocker::PodAffinity | Blocker::Spread | Blocker::VolumeAffinity | Blocker::VolumeLimit | Blocker::NoVolume => {
            3
        }
        Blocker::NodeAffinity | Blocker::Cordon | Blocker::Taint => 4,
        Blocker::Other(_) => 5,
    }
}

fn waiting<'a, 's>(scene: &'s Scene<'a>, pod: &'a Object) -> Option<Waiting<'a, 's>> {
    let trouble = scene.suffers(pod, Effect::Unscheduled)?;
    let (at, condition) = pod.condition("PodScheduled")?;
    let mut blockers: Vec<Blocker> =
        schedule::blockers(condition.text("/message")).into_iter().map(|(_, one)| one).collect();
    blockers.sort_by_key(order);
    Some(Waiting { trouble, blockers, proof: Proof::field(pod, &format!("{at}/message")) })
}

/// The claim, if this reason decides.
fn decided<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: &Blocker, says: &str) -> Option<Claim> {
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
fn short<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<(Claim, String)> {
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
    let largest = largest.map(|node| Proof::field(node, &format!("/status/allocatable/{resource}")));
    let says = format!("it asks for more {resource} than any node has, even an empty one");
    Ok(Some(Claim { says, ..claim }.by_all(greedy(pod, &resource)).by_all(largest)))
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
    Ok((!offered).then(|| Claim { says, ..claim }.by_all(greedy(pod, &resource)).by_all(none)))
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
    Ok((none && nodes.iter().any(|node| scheduling::selector_fits(pod, node)) && pod.at(asks).is_some())
        .then(|| claim.field(pod, asks)))
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

fn nodename<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let name = pod.text("/spec/nodeName");
    let Some(trouble) = scene.suffers(pod, Effect::Unscheduled).filter(|_| !name.is_empty()) else { return Ok(None) };
    let absent = scene.snapshot.absent("Node", "", name)?;
    Ok(absent.map(|absent| {
        Claim::of(trouble, format!("it is put on node {name}, which does not exist"))
            .field(pod, "/spec/nodeName")
            .by(absent)
    }))
}

/// Pods that hold or repel, as proofs.
fn holders<'a>(
    scene: &Scene<'a>,
    pod: &'a Object,
    who: fn(&'a crate::Snapshot, &'a Object, &'a Object) -> Option<&'a Object>,
) -> Vec<&'a Object> {
    scene.snapshot.all("Node").filter_map(|node| who(scene.snapshot, pod, node)).collect()
}

fn host_port<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = decided(scene, pod, &Blocker::Ports, "its host port is taken on every node that it may use")
    else {
        return Ok(None);
    };
    let holders = holders(scene, pod, |snapshot, pod, node| scheduling::port_holder(snapshot, pod, node));
    let index = pod
        .list("/spec/containers")
        .iter()
        .position(|one| one.list("/ports").iter().any(|port| port.int("/hostPort").is_some()));
    let own = index.map(|index| Proof::field(pod, &format!("/spec/containers/{index}/ports")));
    let others = holders.first().map(|other| Proof::field(other, "/spec/nodeName"));
    Ok(Some(claim.by_all(own).by_all(others)))
}

fn existing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) =
        decided(scene, pod, &Blocker::ExistingAntiAffinity, "pods that run on every node do not want it beside them")
    else {
        return Ok(None);
    };
    let holders = holders(scene, pod, |snapshot, pod, node| scheduling::repelled_by(snapshot, pod, node));
    let Some(holder) = holders.first() else { return Ok(Some(claim)) };
    let says = format!("{} does not want it beside itself", scene.top(holder));
    Ok(Some(Claim { says, ..claim }.field(holder, "/spec/affinity/podAntiAffinity")))
}

fn anti_affinity<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let claim = decided(
        scene,
        pod,
        &Blocker::AntiAffinity,
        "every node that it may use has a pod that it does not want beside itself",
    );
    Ok(claim.map(|claim| claim.field(pod, "/spec/affinity/podAntiAffinity")))
}

fn affinity<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let claim = decided(scene, pod, &Blocker::PodAffinity, "no pod runs that it wants to be beside");
    Ok(claim.map(|claim| claim.field(pod, "/spec/affinity/podAffinity")))
}

fn volume_elsewhere<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = decided(scene, pod, &Blocker::VolumeAffinity, "its volume can be had on no node that it may use")
    else {
        return Ok(None);
    };
    let volume = holders(scene, pod, |snapshot, pod, node| scheduling::volume_elsewhere(snapshot, pod, node));
    Ok(Some(claim.by_all(volume.first().map(|volume| Proof::field(volume, "/spec/nodeAffinity")))))
}

fn claim_missing<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(waiting) = waiting(scene, pod) else { return Ok(None) };
    let Some(Blocker::NoClaim(name)) = waiting.blockers.iter().find(|one| matches!(one, Blocker::NoClaim(_))).cloned()
    else {
        return Ok(None);
    };
    let absent = match scene.snapshot.absent("PersistentVolumeClaim", pod.ns(), &name) {
        Ok(None) => return Ok(None),
        Ok(absent) => absent,
        Err(_) => None,
    };
    let near = selector::nearest(&name, scene.snapshot.within("PersistentVolumeClaim", pod.ns()).map(Object::name));
    let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
    Ok(Some(
        Claim::of(waiting.trouble, format!("the claim {name} does not exist{hint}")).by(waiting.proof).by_all(absent),
    ))
}

fn unknown_scheduler<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let name = pod.text("/spec/schedulerName");
    let silent = scene.suffers(pod, Effect::Unscheduled).filter(|_| pod.condition("PodScheduled").is_none());
    let Some(trouble) = silent.filter(|_| !["", "default-scheduler"].contains(&name)) else { return Ok(None) };
    let leads = scene.snapshot.all("Lease").any(|lease| lease.name().contains(name));
    let runs = scene
        .snapshot
        .all("Pod")
        .any(|other| other.id != pod.id && other.text("/status/phase") == "Running" && other.name().contains(name));
    let known = leads || runs || scene.snapshot.events(pod).any(|event| event.0.text("/source/component") == name);
    Ok((!known).then(|| {
        Claim::of(trouble, format!("it waits for the scheduler {name}, and nobody by this name is seen"))
            .field(pod, "/spec/schedulerName")
            .field(pod, "/status/phase")
    }))
}

fn gated<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let gates: Vec<&str> = pod.list("/spec/schedulingGates").iter().map(|gate| gate.text("/name")).collect();
    let trouble = scene.suffers(pod, Effect::Unscheduled).filter(|_| !gates.is_empty());
    Ok(trouble.map(|trouble| {
        Claim::of(trouble, format!("its scheduling gate {} was not taken away", gates.join(", ")))
            .field(pod, "/spec/schedulingGates")
    }))
}

/// Pods that had to go for pods of higher priority, and find no place.
fn preempted<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some((claim, _)) = short(scene, pod) else { return Ok(None) };
    let top = scene.top(pod);
    // Its predecessor is gone, but what was recorded about it may still be there.
    let mut events = scene
        .snapshot
        .within("Event", pod.ns())
        .map(crate::snapshot::Event)
        .filter(|event| event.reason() == "Preempted");
    let stem = pod.controller().map_or("", |owner| owner.text("/name"));
    let by_event = events.find(|event| {
        let recent = event.last().is_some_and(|last| scene.now().since(last) < 3600);
        recent && !stem.is_empty() && event.about().name.starts_with(&format!("{stem}-"))
    });
    let disrupted = scene.snapshot.within("Pod", pod.ns()).filter(|other| scene.top(other) == top).find_map(|other| {
        let (at, condition) = other.condition("DisruptionTarget")?;
        (condition.text("/reason") == "PreemptionByScheduler").then(|| Proof::field(other, &format!("{at}/reason")))
    });
    let proof = by_event.map(|event| Proof::field(event.0, event.pointer())).or(disrupted);
    Ok(proof.map(|proof| {
        Claim { says: "a pod of higher priority displaced it, and no place is left".into(), ..claim }.by(proof)
    }))
}

fn rejected<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    const REASONS: [&str; 8] = [
        "NodeAffinity",
        "NodePorts",
        "UnexpectedAdmissionError",
        "TopologyAffinityError",
        "NodeShutdown",
        "SysctlForbidden",
        "NodeName",
        "PodOSNotSupported",
    ];
    let reason = pod.text("/status/reason");
    let refused = REASONS.contains(&reason) || reason.starts_with("OutOf");
    // A controller makes another one; only while none of its pods has found a place is it broken.
    let bare = scene.suffers(pod, Effect::Failed).is_some();
    let recent = pod.time("/status/startTime").or_else(|| pod.created()).is_some_and(|at| scene.now().since(at) < 600);
    let placed = || {
        let top = scene.top(pod);
        scene
            .snapshot
            .within("Pod", pod.ns())
            .any(|other| scene.top(other) == top && other.text("/status/phase") == "Running")
    };
    let counts = refused && pod.deletion().is_none() && (bare || pod.controller().is_some() && recent && !placed());
    Ok(counts.then(|| {
        Claim::new(format!("the kubelet of its node refused it: {reason}"))
            .seen(pod)
            .field(pod, "/status/reason")
            .field(pod, "/status/message")
    }))
}

fn device_claim<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = decided(scene, pod, &Blocker::DeviceClaim, "its resource claim cannot be allocated") else {
        return Ok(None);
    };
    let named = pod.list("/spec/resourceClaims").iter().map(|one| one.text("/resourceClaimName"));
    let open = named
        .filter_map(|name| scene.snapshot.seen("ResourceClaim", pod.ns(), name))
        .find(|one| one.at("/status/allocation").is_none());
    Ok(Some(claim.by_all(open.map(|one| Proof::field(one, "/status/allocation")))))
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

fn plain<'a>(scene: &Scene<'a>, pod: &'a Object, blocker: &Blocker, says: &str) -> Judged<Option<Claim>> {
    Ok(decided(scene, pod, blocker, says))
}

const SCHED: Rule = Rule { effect: Effect::Unscheduled, stance: Stance::Yields, ..Rule::PLAIN };

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
        code: "sched.nodename-nonexistent",
        stance: Stance::Root,
        means: "spec.nodeName names a node that does not exist, so nobody will ever look at the pod.",
        proves: "There is no such node.",
        refutes: "the node",
        fix: "create the pod again without nodeName",
        judge: nodename,
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
        code: "sched.pod-affinity-unsatisfied",
        means: "No pod runs that the pod must be beside.",
        proves: "The scheduler says so, and the pod has a required affinity.",
        refutes: "a running pod that the term selects",
        fix: "correct the affinity's selector, or start what it selects",
        judge: affinity,
        ..SCHED
    },
    Rule {
        code: "sched.pod-anti-affinity",
        means: "Every node that the pod may use has a pod that it must not be beside.",
        proves: "The scheduler says so, and the pod has a required anti-affinity.",
        refutes: "a node, or zone, without such a pod",
        fix: "run fewer replicas than there are nodes, add nodes, or make the rule preferred",
        judge: anti_affinity,
        ..SCHED
    },
    Rule {
        code: "sched.existing-anti-affinity",
        means: "Pods that run already must not be beside this one; the pod itself has no such rule.",
        proves: "The scheduler says so; the pod that repels is named.",
        refutes: "a node without a pod that repels it",
        fix: "change the rule of the pod that repels, or the labels of this one",
        judge: existing,
        ..SCHED
    },
    Rule {
        code: "sched.topology-spread",
        means: "No node keeps the pod's spread constraints, or no node has their label.",
        proves: "The scheduler says so, and the constraint is DoNotSchedule.",
        refutes: "a domain in which one more pod keeps maxSkew",
        fix: "raise maxSkew, use ScheduleAnyway, or label the nodes",
        judge: |scene, pod| {
            let claim = decided(scene, pod, &Blocker::Spread, "no node keeps its topology spread constraints");
            Ok(claim.map(|claim| claim.field(pod, "/spec/topologySpreadConstraints/0/topologyKey")))
        },
        ..SCHED
    },
    Rule {
        code: "sched.host-port-conflict",
        means: "The host port is taken on every node that the pod may use.",
        proves: "The scheduler says so; the pod that holds it is named.",
        refutes: "a node where nobody holds the port",
        fix: "use a Service instead of hostPort, or another port",
        judge: host_port,
        ..SCHED
    },
    Rule {
        code: "sched.volume-node-affinity",
        means: "The pod's volume can be had only where the pod may not run, or where no node is.",
        proves: "The scheduler says so, and the volume's node affinity excludes the nodes.",
        refutes: "a node that fits both",
        fix: "move the pod to the volume's node or zone, or recreate the volume",
        judge: volume_elsewhere,
        ..SCHED
    },
    Rule {
        code: "sched.pvc-unbound",
        weight: 20,
        means: "The pod's claim has no volume yet.",
        proves: "The scheduler says so.",
        refutes: "the claim being bound",
        fix: "see what keeps the claim from being bound",
        judge: |scene, pod| {
            let claim = decided(scene, pod, &Blocker::Unbound, "its claim is not bound");
            let open = binding::claims(pod)
                .filter_map(|name| scene.snapshot.seen("PersistentVolumeClaim", pod.ns(), &name))
                .find(|one| one.text("/status/phase") != "Bound");
            Ok(claim.zip(open).map(|(claim, open)| claim.field(open, "/status/phase")))
        },
        ..SCHED
    },
    Rule {
        code: "sched.pvc-not-found",
        stance: Stance::Root,
        means: "The pod mounts a claim that does not exist.",
        proves: "The scheduler says so, and there is none.",
        refutes: "the claim in the namespace",
        fix: "create the claim, or correct claimName",
        judge: claim_missing,
        ..SCHED
    },
    Rule {
        code: "sched.prebind-timeout",
        weight: 30,
        means: "The volume that the scheduler ordered was not made in time.",
        proves: "The scheduler's volume binding ran out of time.",
        refutes: "the claim being bound",
        fix: "see the events of the claim and the driver's provisioner",
        judge: |scene, pod| plain(scene, pod, &Blocker::BindingFailed, "its volume was not made in time"),
        ..SCHED
    },
    Rule {
        code: "sched.no-matching-volume",
        weight: 60,
        means: "The claim waits for its first consumer, and no volume that the pod could use fits it.",
        proves: "The scheduler found no volume to bind.",
        refutes: "a volume that fits the claim on a node that fits the pod",
        fix: "create a volume for the claim, or correct its class",
        judge: |scene, pod| plain(scene, pod, &Blocker::NoVolume, "no volume fits its claim"),
        ..SCHED
    },
    Rule {
        code: "sched.volume-limit",
        means: "The nodes have as many volumes attached as they can.",
        proves: "The scheduler says so.",
        refutes: "a node with fewer volumes than its driver allows",
        fix: "spread the pods, or use nodes that take more volumes",
        judge: |scene, pod| plain(scene, pod, &Blocker::VolumeLimit, "its nodes have as many volumes as they can"),
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
            let least = scene.snapshot.all("Node").min_by_key(|node| scheduling::allocatable(node, "pods"));
            Ok(claim.map(|claim| claim.by_all(least.map(|node| Proof::field(node, "/status/allocatable/pods")))))
        },
        ..SCHED
    },
    Rule {
        code: "sched.gated",
        stance: Stance::Root,
        means: "The pod has a scheduling gate: whoever set it has not taken it away.",
        proves: "schedulingGates is not empty.",
        refutes: "an empty schedulingGates",
        fix: "repair the controller that owns the gate, or take the gate away",
        judge: gated,
        ..SCHED
    },
    Rule {
        code: "sched.unknown-scheduler",
        stance: Stance::Root,
        weight: 85,
        means: "The pod waits for a scheduler that nobody runs.",
        proves: "No scheduler ever looked at it, and neither a lease, a pod nor an event has the name.",
        refutes: "a running scheduler of this name",
        fix: "deploy that scheduler, or take schedulerName away",
        judge: unknown_scheduler,
        ..SCHED
    },
    Rule {
        code: "sched.preemption-churn",
        weight: 84,
        means: "Pods of higher priority displaced this one, and no place is left for it.",
        proves: "A pod of the same owner was preempted, and the new one does not fit.",
        refutes: "no preemption in the last hour",
        fix: "give it a priority class, or add a node; preemptionPolicy: Never keeps others from displacing",
        judge: preempted,
        ..SCHED
    },
    Rule {
        code: "sched.kubelet-rejected",
        effect: Effect::Failed,
        stance: Stance::Root,
        means: "The kubelet of the node refused the pod: it was put there by hand, or the node changed in between.",
        proves: "The pod failed with the kubelet's reason.",
        refutes: "none: the pod is over",
        fix: "take nodeName away and let the scheduler choose; see the reason",
        judge: rejected,
        ..SCHED
    },
    Rule {
        code: "sched.no-nodes",
        stance: Stance::Root,
        means: "The cluster has no nodes.",
        proves: "The scheduler says so.",
        refutes: "a node",
        fix: "add a node, or look at the autoscaler",
        judge: |scene, pod| plain(scene, pod, &Blocker::NoNodes, "there are no nodes"),
        ..SCHED
    },
    Rule {
        code: "sched.dra-claim",
        means: "The pod's resource claim cannot be allocated: no device of its class is free, or there is none.",
        proves: "The scheduler says so, and the claim has no allocation.",
        refutes: "an allocation in the claim's status",
        fix: "install the driver of the device class, or free a device",
        judge: device_claim,
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
