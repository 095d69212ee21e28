//! Pods that have no node for no node's sake: a gate, a scheduler that nobody runs, a pod that took the place, a kubelet that refuses.

use super::scheduling::{SCHED, decided, short};
use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::schedule::Blocker;
use crate::eval::{controllers, scheduling};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::Scene;
use crate::snapshot::{Judged, Proof};

fn nodename<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let name = pod.text("/spec/nodeName");
    let Some(trouble) = scene.suffers(pod, Effect::Unscheduled).filter(|_| !name.is_empty()) else { return Ok(None) };
    let absent = scene.snapshot.absent("Node", "", name)?;
    let free = [("/spec/nodeName".to_owned(), crate::value::Value::Null)];
    let text = format!("kubectl -n {} delete pod {}, and create it again without nodeName", pod.ns(), pod.name());
    Ok(absent.map(|absent| {
        Claim::of(trouble, format!("it is put on node {name}, which does not exist"))
            .field(pod, "/spec/nodeName")
            .by(absent)
            .fix(Fix::again(pod, &text, &free))
    }))
}

fn unknown_scheduler<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let name = pod.text("/spec/schedulerName");
    let silent = scene.suffers(pod, Effect::Unscheduled).filter(|_| pod.condition("PodScheduled").is_none());
    let elsewhere = ["", "default-scheduler"].contains(&name) || controllers::is_outside(name);
    let Some(trouble) = silent.filter(|_| !elsewhere) else { return Ok(None) };
    let leads = scene.snapshot.all("Lease").any(|lease| lease.name().contains(name));
    let runs = scene
        .snapshot
        .all("Pod")
        .any(|other| other.id != pod.id && other.text("/status/phase") == "Running" && other.name().contains(name));
    let known = leads || runs || scene.snapshot.events(pod).any(|event| event.0.text("/source/component") == name);
    let change = ("/spec/schedulerName".to_owned(), "default-scheduler".into());
    Ok((!known).then(|| {
        Claim::of(trouble, format!("it waits for the scheduler {name}, and nobody by this name is seen"))
            .field(pod, "/spec/schedulerName")
            .field(pod, "/status/phase")
            .fix(Fix::patch(scene, pod, "leave it to the scheduler that is there", &[change]))
    }))
}

fn gated<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let gates: Vec<&str> = pod.list("/spec/schedulingGates").iter().map(|gate| gate.text("/name")).collect();
    let trouble = scene.suffers(pod, Effect::Unscheduled).filter(|_| !gates.is_empty());
    if let Some((trouble, gate)) = trouble.zip(scheduling::foreign_gate(scene.snapshot, pod)) {
        let owner = controllers::domain(gate);
        let says = format!("a controller set its scheduling gate {gate}, and has not taken it away");
        let text = format!("see what the pod waits for at the controller of {owner}: its queue and its log");
        let claim = Claim::of(trouble, says).field(pod, "/spec/schedulingGates").fix(Fix::say(text));
        return Ok(Some(claim.only(Confidence::Likely)));
    }
    Ok(trouble.map(|trouble| {
        Claim::of(trouble, format!("its scheduling gate {} was not taken away", gates.join(", ")))
            .field(pod, "/spec/schedulingGates")
            .fix(Fix::patch(
                scene,
                pod,
                "take the gate away",
                &[("/spec/schedulingGates".to_owned(), crate::value::Value::Null)],
            ))
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
    let free = [("/spec/nodeName".to_owned(), crate::value::Value::Null)];
    let text = format!("kubectl -n {} delete pod {}, and create it again without nodeName", pod.ns(), pod.name());
    let by_hand = pod.controller().is_none();
    Ok(counts.then(|| {
        let claim = Claim::new(format!("the kubelet of its node refused it: {reason}"));
        let claim = Claim { fix: by_hand.then(|| Fix::again(pod, &text, &free)), ..claim };
        claim.seen(pod).field(pod, "/status/reason").field(pod, "/status/message")
    }))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
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
        judge: |scene, pod| Ok(decided(scene, pod, &Blocker::NoNodes, "there are no nodes")),
        ..SCHED
    },
];
