//! What was deleted and does not go.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::controllers::is_tended;
use crate::eval::messages::{says, start};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};
use crate::value::Value;

/// Finalizers of Kubernetes' own controllers, which have rules of their own or pass by themselves.
const OWN: [&str; 7] = [
    "kubernetes.io/pvc-protection",
    "kubernetes.io/pv-protection",
    "foregroundDeletion",
    "orphan",
    "batch.kubernetes.io/job-tracking",
    "service.kubernetes.io/load-balancer-cleanup",
    "kubernetes",
];

/// Seconds since an object should have gone.
fn overdue(scene: &Scene<'_>, object: &Object) -> Option<i64> {
    let late = scene.now().since(object.deletion()?);
    (late > 0).then_some(late)
}

fn is_over(pod: &Object) -> bool {
    Part::all(pod).iter().all(|part| part.state("running").is_none())
}

/// Kinds that stand for something outside of the cluster, which takes minutes to be taken down: a machine, a disk, a load
/// balancer.
const SLOW: [&str; 6] = ["Node", "PersistentVolume", "PersistentVolumeClaim", "VolumeAttachment", "Service", "Ingress"];

/// How long a finalizer may take, in seconds.
pub(crate) const PATIENCE: i64 = 300;

/// The first finalizer of an object that no controller of Kubernetes' own takes away, and its place.
pub(crate) fn foreign(object: &Object) -> Option<(usize, &str)> {
    let all = object.list("/metadata/finalizers").iter().enumerate();
    all.filter_map(|(index, name)| Some((index, name.as_str()?))).find(|(_, name)| !OWN.contains(name))
}

/// Whether pods end first that have time to: those of a namespace, and those of a node, which is drained. Pods that every
/// node has end with it.
pub(crate) fn ends_pods(scene: &Scene<'_>, object: &Object) -> bool {
    let every =
        |pod: &Object| pod.controller().is_some_and(|owner| ["DaemonSet", "Node"].contains(&owner.text("/kind")));
    let over = |pod: &Object| ["Succeeded", "Failed"].contains(&pod.text("/status/phase"));
    let on = |pod: &&Object| pod.text("/spec/nodeName") == object.name();
    let in_grace = |pod: &Object| pod.deletion().is_some_and(|at| at > scene.now());
    match object.id.kind.as_str() {
        "Node" => scene.snapshot.all("Pod").filter(on).any(|pod| !every(pod) && !over(pod)),
        "Namespace" => scene.snapshot.within("Pod", object.name()).any(in_grace),
        _ => false,
    }
}

fn finalizer<'a>(scene: &Scene<'a>, object: &'a Object) -> Judged<Option<Claim>> {
    // A pod's containers have to end first.
    let waited = overdue(scene, object).filter(|late| *late >= 4 && (object.id.kind != "Pod" || is_over(object)));
    let Some((late, (index, name))) = waited.zip(foreign(object)) else { return Ok(None) };
    let young = late < PATIENCE;
    // Only where nobody is left who could take it away there is nothing to wait for.
    let tended = || SLOW.contains(&object.id.kind.as_str()) || is_tended(scene.snapshot, name).unwrap_or(true);
    if young && tended() || ends_pods(scene, object) {
        return Ok(None);
    }
    let all = object.list("/metadata/finalizers").iter().enumerate();
    let others: Vec<Value> = all.filter(|(at, _)| *at != index).map(|(_, one)| one.clone()).collect();
    let place = if object.ns().is_empty() { String::new() } else { format!("-n {} ", object.ns()) };
    let what = format!("{} {}", object.id.kind.to_lowercase(), object.name());
    let text = format!(
        "see the controller that owns {name}, and repair it; only if it is gone for good, as the last resort, for what the finalizer guards is left behind: kubectl {place}patch {what} --type json -p '[{{\"op\":\"remove\",\"path\":\"/metadata/finalizers/{index}\"}}]'"
    );
    let claim = Claim::new(format!("it was deleted, and the finalizer {name} is not taken away"));
    let claim = claim
        .about(object.id.clone())
        .field(object, "/metadata/deletionTimestamp")
        .field(object, &format!("/metadata/finalizers/{index}"))
        .fix(Fix::say(text).set(object, "/metadata/finalizers", others));
    Ok(Some(if young { claim.only(Confidence::Likely) } else { claim }))
}

fn node_unreachable<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let late = overdue(scene, pod).filter(|late| *late > 30);
    let node = scene.snapshot.seen("Node", "", pod.text("/spec/nodeName")).filter(|node| crate::scene::is_lost(node));
    Ok(late.and(node).map(|node| {
        let ready = node.condition("Ready").map(|(at, _)| Proof::field(node, &format!("{at}/status")));
        Claim::new("the kubelet of its node does not answer, so nobody can say that it ended")
            .about(pod.id.clone())
            .field(pod, "/metadata/deletionTimestamp")
            .by_all(ready)
    }))
}

fn unkillable<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(_) = overdue(scene, pod).filter(|late| *late > 60) else { return Ok(None) };
    let other = |message: &str| is_volume(message) || start::keeps_network(message);
    let event = scene.warnings(pod, &["FailedKillPod"]).next().filter(|event| !other(event.message()));
    Ok(event.map(|event| {
        Claim::new("its processes cannot be killed").about(pod.id.clone()).field(event.0, event.pointer())
    }))
}

fn is_volume(message: &str) -> bool {
    says(message, &["device or resource busy", "umount", "unmount"])
}

fn volume_busy<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(_) = overdue(scene, pod).filter(|late| *late > 30) else { return Ok(None) };
    let mut events = scene.warnings(pod, &["FailedUnMount", "FailedUnmount", "FailedKillPod", "FailedUnmountDevice"]);
    let event = events.find(|event| is_volume(event.message()));
    Ok(event.map(|event| {
        Claim::new("its volume cannot be unmounted: somebody holds it")
            .about(pod.id.clone())
            .field(event.0, event.pointer())
    }))
}

fn prestop<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(_) = overdue(scene, pod).filter(|late| *late > 15) else { return Ok(None) };
    let hook = Part::all(pod).into_iter().find(|part| part.spec.at("/lifecycle/preStop").is_some());
    let event = scene.warnings(pod, &["FailedPreStopHook", "ExceededGracePeriod"]).next();
    Ok(hook.zip(event).map(|(part, event)| {
        Claim::new("its preStop hook does not end within the grace period")
            .about(pod.id.clone())
            .by(part.asked("/lifecycle/preStop"))
            .field(event.0, event.pointer())
    }))
}

/// How long a namespace takes to be emptied, in seconds.
const EMPTIES: i64 = 120;

/// Something is left in a namespace, and had time to go.
fn content<'a>(scene: &Scene<'a>, object: &'a Object) -> Judged<Option<Claim>> {
    if ends_pods(scene, object) {
        return Ok(None);
    }
    let kinds = ["NamespaceFinalizersRemaining", "NamespaceContentRemaining", "NamespaceDeletionContentFailure"];
    namespace(scene, object, &kinds, EMPTIES, "something in it does not go")
}

/// A condition of a namespace that is being deleted, for so many seconds at least.
fn namespace<'a>(
    scene: &Scene<'a>,
    namespace: &'a Object,
    kinds: &[&str],
    least: i64,
    what: &str,
) -> Judged<Option<Claim>> {
    let found = kinds
        .iter()
        .filter_map(|kind| namespace.condition(kind))
        .find(|(_, condition)| condition.text("/status") == "True");
    // A description tells that it is going, not since when.
    let going = namespace.text("/status/phase") == "Terminating";
    let (since, sign) = match (namespace.deletion(), &found) {
        (Some(deletion), _) => (Some(deletion), "/metadata/deletionTimestamp"),
        (None, Some((_, condition))) if going => (condition.time("/lastTransitionTime"), "/status/phase"),
        _ => (None, ""),
    };
    let waited = since.filter(|since| scene.now().since(*since) >= least);
    Ok(waited
        .and(found)
        .map(|(at, _)| Claim::new(what).field(namespace, &format!("{at}/message")).field(namespace, sign)))
}

const TERM: Rule = Rule { on: &["Pod"], effect: Effect::Stuck, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "term.finalizer",
        on: &[
            "Pod",
            "ConfigMap",
            "Secret",
            "Service",
            "Deployment",
            "ReplicaSet",
            "StatefulSet",
            "DaemonSet",
            "Job",
            "CronJob",
            "Ingress",
            "PersistentVolumeClaim",
            "PersistentVolume",
            "ServiceAccount",
            "Role",
            "RoleBinding",
            "NetworkPolicy",
            "CustomResourceDefinition",
            "Node",
            "VolumeAttachment",
            "ResourceClaim",
            "HorizontalPodAutoscaler",
        ],
        means: "The object was deleted, and a finalizer holds it: the controller that should take it away does not.",
        proves: "deletionTimestamp has passed by five minutes, and the finalizer is there; sooner where nobody is seen who could take it away.",
        refutes: "the finalizer being gone",
        fix: "see the controller that owns the finalizer, and repair it",
        judge: finalizer,
        ..TERM
    },
    Rule {
        code: "term.node-unreachable",
        stance: Stance::Yields,
        means: "The pod was deleted, and the kubelet of its node cannot confirm that it ended.",
        proves: "Its time has passed, and the node is not ready.",
        refutes: "the node being ready",
        fix: "bring the node back; when it is off for good, taint it node.kubernetes.io/out-of-service",
        judge: node_unreachable,
        ..TERM
    },
    Rule {
        code: "term.prestop-grace",
        confidence: Confidence::Likely,
        means: "The preStop hook takes longer than the grace period.",
        proves: "The pod's time has passed, and the kubelet says so.",
        refutes: "the hook ending in time",
        fix: "shorten the hook, or raise terminationGracePeriodSeconds",
        judge: prestop,
        ..TERM
    },
    Rule {
        code: "term.unkillable",
        stance: Stance::Yields,
        confidence: Confidence::Likely,
        means: "Processes of the pod cannot be killed: they wait for a disk or a file server.",
        proves: "The kubelet's FailedKillPod, a minute after the pod's time.",
        refutes: "no process in state D on the node",
        fix: "mend the storage that they wait for, or start the node again",
        judge: unkillable,
        ..TERM
    },
    Rule {
        code: "term.volume-busy",
        weight: 85,
        means: "A volume of the pod cannot be unmounted: another process holds it.",
        proves: "The kubelet's words.",
        refutes: "nobody holding the mount",
        fix: "find who holds the mount on the node, and end it",
        judge: volume_busy,
        ..TERM
    },
    Rule {
        code: "term.namespace-discovery",
        on: &["Namespace"],
        stance: Stance::Yields,
        means: "The namespace cannot be emptied, because an aggregated API does not answer what it holds.",
        proves: "Its condition says that discovery fails.",
        refutes: "all APIServices being available",
        fix: "repair or delete the APIService that is not available",
        judge: |scene, object| {
            namespace(
                scene,
                object,
                &["NamespaceDeletionDiscoveryFailure", "NamespaceDeletionGroupVersionParsingFailure"],
                2,
                "an aggregated API does not say what it holds",
            )
        },
        ..TERM
    },
    Rule {
        code: "term.namespace-content",
        on: &["Namespace"],
        stance: Stance::Yields,
        weight: 60,
        means: "Something in the namespace does not go.",
        proves: "Its condition names kinds and finalizers.",
        refutes: "the namespace being empty",
        fix: "see what is left: kubectl get all kinds in it; mend what holds it",
        judge: content,
        ..TERM
    },
];
