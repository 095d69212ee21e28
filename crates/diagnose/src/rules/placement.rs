//! Pods that no node takes for what else is there: other pods, ports, volumes, devices.

use super::scheduling::{SCHED, decided, waiting};
use crate::claim::{Claim, Fix};
use crate::eval::messages::schedule::Blocker;
use crate::eval::{binding, scheduling, selector};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::Scene;
use crate::snapshot::{Judged, Proof};

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
    // Without a port of the host it is in nobody's way.
    let Some(index) = index else { return Ok(None) };
    let own = Proof::field(pod, &format!("/spec/containers/{index}/ports"));
    let fix = make_way(scene, pod, &holders);
    let others = holders.first().map(|other| Proof::field(other, "/spec/nodeName"));
    Ok(Some(claim.by(own).by_all(others).fix(fix)))
}

/// How a pod gets its port of the host: what holds it goes first, or the pod does without.
fn make_way(scene: &Scene<'_>, pod: &Object, holders: &[&Object]) -> Fix {
    let top = scene.top(pod);
    let mut sisters = holders.iter().filter(|other| scene.top(other) == top && top != pod.id).peekable();
    let maker = |pod: &Object| pod.controller().map(|owner| owner.text("/name").to_owned());
    let is_old = |other: &&&Object| maker(other) != maker(pod);
    if top.kind == "Deployment" && sisters.clone().any(|other| is_old(&other)) {
        let patch = "'{\"spec\":{\"strategy\":{\"type\":\"Recreate\",\"rollingUpdate\":null}}}'";
        let command = format!("kubectl -n {} patch deployment {} -p {patch}", top.namespace, top.name);
        return Fix::say(format!("let the old pod go first (strategy Recreate, or maxSurge 0): {command}"));
    }
    // Whoever uses the node's own network has every port of its containers there, and the API server says so again.
    if pod.holds("/spec/hostNetwork") {
        return Fix::say(match sisters.peek() {
            Some(_) => "run no more replicas than there are nodes: each of them holds the port on its own",
            None => "let one of the two use another port, or do without hostNetwork, with a Service in its place",
        });
    }
    let ports = pod.list("/spec/containers").iter().enumerate().flat_map(|(index, one)| {
        let ports = one.list("/ports").iter().enumerate().filter(|(_, port)| port.at("/hostPort").is_some());
        ports.map(move |(port, _)| {
            (format!("/spec/containers/{index}/ports/{port}/hostPort"), crate::value::Value::Null)
        })
    });
    Fix::patch(scene, pod, "do without hostPort, with a Service in its place", &ports.collect::<Vec<_>>())
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
    // Where a node could have it, that node's own state is what the pod waits for.
    if scene.snapshot.all("Node").any(|node| scheduling::would_fit(scene.snapshot, pod, node)) {
        return Ok(None);
    }
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

fn plain<'a>(scene: &Scene<'a>, pod: &'a Object, blocker: &Blocker, says: &str) -> Judged<Option<Claim>> {
    Ok(decided(scene, pod, blocker, says))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
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
            let strict = |one: &crate::value::Value| one.text("/whenUnsatisfiable") != "ScheduleAnyway";
            let constraints = pod.list("/spec/topologySpreadConstraints").iter().enumerate();
            let strict: Vec<usize> = constraints.filter(|(_, one)| strict(one)).map(|(index, _)| index).collect();
            let claim = decided(scene, pod, &Blocker::Spread, "no node keeps its topology spread constraints");
            let Some((claim, first)) = claim.zip(strict.first()) else { return Ok(None) };
            let at = |index: &usize| format!("/spec/topologySpreadConstraints/{index}/whenUnsatisfiable");
            let changes: Vec<_> = strict.iter().map(|index| (at(index), "ScheduleAnyway".into())).collect();
            let fix = Fix::patch(scene, pod, "spread as far as it can be done", &changes);
            Ok(Some(claim.field(pod, &format!("/spec/topologySpreadConstraints/{first}/topologyKey")).fix(fix)))
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
        fix: "let the pod run where its volume is; a node that is gone takes what was on its own disks with it",
        judge: volume_elsewhere,
        ..SCHED
    },
    Rule {
        code: "sched.pvc-unbound",
        weight: 20,
        stance: Stance::Symptom,
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
        judge: |scene, pod| {
            super::manifests::first(super::manifests::misnamed_claim(scene, pod), || claim_missing(scene, pod))
        },
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
        code: "sched.dra-claim",
        means: "The pod's resource claim cannot be allocated: no device of its class is free, or there is none.",
        proves: "The scheduler says so, and the claim has no allocation.",
        refutes: "an allocation in the claim's status",
        fix: "install the driver of the device class, or free a device",
        judge: device_claim,
        ..SCHED
    },
];
