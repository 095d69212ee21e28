//! Controllers that do not do what they are for, though no pod of theirs says why.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::call::CallFault;
use crate::eval::{endpoints, resolver};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};

/// Whether a condition of an object is true.
pub(super) fn is_true<'a>(object: &'a Object, kind: &str) -> Option<(String, &'a crate::value::Value)> {
    object.condition(kind).filter(|(_, condition)| condition.text("/status") == "True")
}

/// A change that waits behind a pause: the newest ReplicaSet is of another template.
fn paused<'a>(scene: &Scene<'a>, deployment: &'a Object) -> Judged<Option<Claim>> {
    if !deployment.holds("/spec/paused") || deployment.int("/spec/replicas") == Some(0) {
        return Ok(None);
    }
    let wanted = deployment.int("/spec/replicas").unwrap_or(1);
    let behind = deployment.int("/status/updatedReplicas").unwrap_or(0) < wanted;
    let _ = scene;
    let fix = Fix::say(format!("kubectl -n {} rollout resume deployment/{}", deployment.ns(), deployment.name()));
    let fix = fix.set(deployment, "/spec/paused", crate::value::Value::Null);
    Ok(behind.then(|| {
        Claim::new("it is paused in the middle of a change")
            .field(deployment, "/spec/paused")
            .field(deployment, "/status/updatedReplicas")
            .fix(fix)
    }))
}

/// Told to have no pods, while somebody would need them. The graph knows who.
fn idle<'a>(scene: &Scene<'a>, workload: &'a Object) -> Judged<Option<Claim>> {
    if workload.int("/spec/replicas") != Some(0) || workload.deletion().is_some() {
        return Ok(None);
    }
    // Nobody to resolve names is a cause of its own.
    let dns = resolver::cluster_dns(scene.snapshot)
        .is_some_and(|service| endpoints::feeding(scene.snapshot, service).iter().any(|one| one.id == workload.id));
    let fix = Fix::say(format!(
        "kubectl -n {} scale {} {} --replicas=1",
        workload.ns(),
        workload.id.kind.to_lowercase(),
        workload.name()
    ));
    Ok((!dns).then(|| {
        Claim::new("it is scaled to zero, and something needs it").field(workload, "/spec/replicas").fix(fix.set(
            workload,
            "/spec/replicas",
            1,
        ))
    }))
}

/// A rollout that got nowhere, though no pod of it is in trouble and nothing was refused.
fn stuck<'a>(scene: &Scene<'a>, deployment: &'a Object) -> Judged<Option<Claim>> {
    let late = deployment.condition("Progressing").filter(|(_, one)| one.text("/reason") == "ProgressDeadlineExceeded");
    let troubled = scene
        .snapshot
        .within("Pod", deployment.ns())
        .any(|pod| scene.trouble(pod).is_some() && scene.top(pod) == deployment.id);
    let refused = is_true(deployment, "ReplicaFailure").is_some();
    Ok(late.filter(|_| !troubled && !refused).map(|(at, _)| {
        Claim::new("its rollout does not go on, and none of its pods says why")
            .field(deployment, &format!("{at}/reason"))
            .field(deployment, &format!("{at}/message"))
    }))
}

/// A stateful set that was set back, while a pod of the broken revision stands in its way.
fn bad_revision<'a>(scene: &Scene<'a>, set: &'a Object) -> Judged<Option<Claim>> {
    if set.text("/spec/podManagementPolicy") == "Parallel" || set.text("/spec/updateStrategy/type") == "OnDelete" {
        return Ok(None);
    }
    let own = scene.snapshot.within("Pod", set.ns()).filter(|pod| scene.trouble(pod).is_some());
    let mut own = own.filter(|pod| scene.top(pod) == set.id);
    Ok(own.find_map(|pod| Some((pod, older(set, pod)?))).map(|(pod, proofs)| {
        let fix = Fix::say(format!("kubectl -n {} delete pod {}", pod.ns(), pod.name())).remove(pod);
        let says = format!("{} is of a broken revision, and is not replaced before it is ready", pod.name());
        Claim::new(says).seen(pod).by_all(proofs).fix(fix)
    }))
}

/// Whether a pod is of another revision than the set's newest: by its label, or where the set's is not told, by an
/// image that the set does not have any more.
fn older(set: &Object, pod: &Object) -> Option<[Proof; 2]> {
    let (newest, label) = ("/status/updateRevision", "/metadata/labels/controller-revision-hash");
    if set.tells(newest) {
        let (update, revision) = (set.text(newest), pod.text(label));
        let older = !update.is_empty() && !revision.is_empty() && revision != update;
        return older.then(|| [Proof::field(set, newest), Proof::field(pod, label)]);
    }
    let at = "/spec/template/spec/containers";
    set.list(at).iter().enumerate().find_map(|(index, wanted)| {
        let mut parts = Part::all(pod).into_iter();
        let part = parts.find(|part| part.name() == wanted.text("/name") && !part.name().is_empty())?;
        let differs = part.image() != wanted.text("/image");
        differs.then(|| [Proof::field(set, &format!("{at}/{index}/image")), part.asked("/image")])
    })
}

fn no_headless<'a>(scene: &Scene<'a>, set: &'a Object) -> Judged<Option<Claim>> {
    let name = set.text("/spec/serviceName");
    if !set.tells("/spec/serviceName") {
        return asked_for(scene, set);
    }
    if name.is_empty() || set.deletion().is_some() || set.int("/spec/replicas") == Some(0) {
        return Ok(None);
    }
    let Some(absent) = scene.snapshot.absent("Service", set.ns(), name)? else { return Ok(None) };
    // Many sets live well without names for their pods; somebody who asks for one makes it a fault.
    let call = scene.calls().iter().find(|call| {
        call.ungoverned.as_deref() == Some(name)
            || call.missing.as_ref().is_some_and(|(missing, at)| missing == name && at == set.ns())
    });
    let claim = Claim::new(format!("its governing service {name} does not exist, so its pods have no names"))
        .field(set, "/spec/serviceName")
        .by(absent);
    let service = crate::value::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": set.ns()},
        "spec": {"clusterIP": "None", "selector": set.at("/spec/selector/matchLabels")}});
    let claim =
        claim.fix(Fix::say(format!("create the headless service {name} with the selector of the set")).adding(service));
    Ok(call.map(|call| claim.by(call.proof.clone())))
}

/// A set of which a text does not tell its governing service: whoever calls one of its pods says what that is called.
fn asked_for<'a>(scene: &Scene<'a>, set: &'a Object) -> Judged<Option<Claim>> {
    let named = scene.calls().iter().filter(|call| matches!(call.fault, CallFault::NoName | CallFault::NoResolver));
    let named = named.filter_map(|call| {
        let mut labels = call.host.split('.');
        let ordinal = labels.next()?.strip_prefix(set.name())?.strip_prefix('-')?;
        let (service, namespace) = (labels.next()?, labels.next().unwrap_or(call.pod.ns()));
        (ordinal.parse::<u32>().is_ok() && namespace == set.ns()).then_some((call, service))
    });
    for (call, service) in named {
        if let Some(absent) = scene.snapshot.absent("Service", set.ns(), service)? {
            let says = format!("no service {service} exists, so its pods have no names in it");
            return Ok(Some(Claim::new(says).only(Confidence::Likely).by(absent).by(call.proof.clone())));
        }
    }
    Ok(None)
}

/// The first of ordered pods that keeps the later ones from being made.
fn ordered<'a>(scene: &Scene<'a>, set: &'a Object) -> Judged<Option<Claim>> {
    let wanted = set.int("/spec/replicas").unwrap_or(1);
    let have = set.int("/status/replicas").unwrap_or(0);
    let parallel = set.text("/spec/podManagementPolicy") == "Parallel";
    let blocker =
        scene.snapshot.within("Pod", set.ns()).find(|pod| scene.top(pod) == set.id && scene.trouble(pod).is_some());
    Ok(blocker.filter(|_| !parallel && have < wanted).map(|pod| {
        Claim::new(format!("{} has to be ready before the next is made", pod.name()))
            .seen(pod)
            .field(set, "/status/replicas")
            .field(pod, "/status/phase")
    }))
}

/// A strategy that takes all pods away before the new ones are known to work.
fn outage<'a>(scene: &Scene<'a>, deployment: &'a Object) -> Judged<Option<Claim>> {
    let all = deployment.text("/spec/strategy/type") == "Recreate"
        || deployment.text("/spec/strategy/rollingUpdate/maxUnavailable") == "100%";
    let none =
        deployment.int("/status/readyReplicas").unwrap_or(0) == 0 && deployment.int("/spec/replicas").unwrap_or(1) > 0;
    if !all || !none {
        return Ok(None);
    }
    let second =
        scene.snapshot.within("ReplicaSet", deployment.ns()).filter(|set| scene.top(set) == deployment.id).count() > 1;
    let troubled = scene
        .snapshot
        .within("Pod", deployment.ns())
        .find(|pod| scene.trouble(pod).is_some() && scene.top(pod) == deployment.id);
    Ok(troubled.filter(|_| second).map(|pod| {
        Claim::new("its strategy took the old pods away before the new ones worked")
            .seen(pod)
            .field(deployment, "/spec/strategy/type")
    }))
}

pub(super) const WORK: Rule = Rule { on: &["Deployment"], effect: Effect::Short, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "wl.paused",
        means: "The Deployment is paused, and a change of it waits.",
        proves: "spec.paused, and fewer updated pods than wanted.",
        refutes: "all pods being of the newest template",
        fix: "kubectl rollout resume",
        judge: paused,
        ..WORK
    },
    Rule {
        code: "wl.scaled-to-zero",
        on: &["Deployment", "StatefulSet"],
        effect: Effect::Idle,
        stance: Stance::Latent,
        means: "The workload is told to have no pods, and something that is broken depends on it.",
        proves: "replicas is 0, and the calls of others fail for it.",
        refutes: "the others failing when it runs",
        fix: "scale it up",
        judge: idle,
        ..WORK
    },
    Rule {
        code: "wl.progress-deadline",
        weight: 20,
        stance: Stance::Symptom,
        confidence: Confidence::Possible,
        means: "A rollout does not go on, and none of its pods says why.",
        proves: "The condition Progressing.",
        refutes: "a pod in trouble",
        fix: "kubectl rollout undo, then look at the new ReplicaSet",
        judge: stuck,
        ..WORK
    },
    Rule {
        code: "wl.strategy-outage",
        weight: 5,
        stance: Stance::Symptom,
        means: "The strategy takes all old pods away, and the new ones do not work.",
        proves: "Recreate or maxUnavailable 100%, no ready pod, and new pods in trouble.",
        refutes: "an old pod that serves",
        fix: "mend the new pods; use RollingUpdate with maxUnavailable below 100%",
        judge: outage,
        ..WORK
    },
    Rule {
        code: "wl.sts-bad-revision",
        on: &["StatefulSet"],
        effect: Effect::NotStarted,
        weight: 95,
        means: "The set was mended, but a pod of the broken revision is not replaced: the controller waits for it to be ready first.",
        proves: "The pod is in trouble, and of another revision than the set's newest.",
        refutes: "the pod being of the newest revision",
        fix: "delete the pod",
        judge: bad_revision,
        ..WORK
    },
    Rule {
        code: "wl.sts-no-headless-svc",
        on: &["StatefulSet"],
        effect: Effect::Nameless,
        means: "The set's governing service does not exist, so its pods have no names, and somebody asks for one.",
        proves: "There is no such service, and a call to a pod's name fails.",
        refutes: "the service",
        fix: "create the headless service",
        judge: no_headless,
        ..WORK
    },
    Rule {
        code: "wl.sts-ordered-blocked",
        on: &["StatefulSet"],
        weight: 5,
        stance: Stance::Symptom,
        means: "Pods of a set are made one after another, and one of them is not ready.",
        proves: "The set has fewer pods than wanted, and one is in trouble.",
        refutes: "podManagementPolicy Parallel",
        fix: "mend the pod that is in trouble",
        judge: ordered,
        ..WORK
    },
];
