//! Controllers that do not do what they are for, though no pod of theirs says why.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::{endpoints, owners, resolver, scheduling, selector};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};

/// Whether a condition of an object is true.
pub(super) fn is_true<'a>(object: &'a Object, kind: &str) -> Option<(String, &'a serde_json::Value)> {
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
    let fix = fix.set(deployment, "/spec/paused", serde_json::Value::Null);
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
    let update = set.text("/status/updateRevision");
    let old = |pod: &&Object| {
        let revision = pod.label("controller-revision-hash").unwrap_or_default();
        !update.is_empty() && !revision.is_empty() && revision != update && scene.trouble(pod).is_some()
    };
    let stuck = scene.snapshot.within("Pod", set.ns()).filter(|pod| scene.top(pod) == set.id).find(old);
    Ok(stuck.map(|pod| {
        let fix = Fix::say(format!("kubectl -n {} delete pod {}", pod.ns(), pod.name())).remove(pod);
        let says = format!("{} is of a broken revision, and is not replaced before it is ready", pod.name());
        Claim::new(says)
            .seen(pod)
            .field(set, "/status/updateRevision")
            .field(pod, "/metadata/labels/controller-revision-hash")
            .fix(fix)
    }))
}

fn no_headless<'a>(scene: &Scene<'a>, set: &'a Object) -> Judged<Option<Claim>> {
    let name = set.text("/spec/serviceName");
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
    let service = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": set.ns()},
        "spec": {"clusterIP": "None", "selector": set.at("/spec/selector/matchLabels")}});
    let claim =
        claim.fix(Fix::say(format!("create the headless service {name} with the selector of the set")).add(service));
    Ok(call.map(|call| claim.by(call.proof.clone())))
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

/// The nodes that a DaemonSet leaves out: for its selector and affinity, or for a taint.
fn zero_desired<'a>(scene: &Scene<'a>, set: &'a Object) -> Judged<Option<Claim>> {
    let none = set.int("/status/desiredNumberScheduled") == Some(0) && set.int("/status/observedGeneration").is_some();
    // What comes with the cluster waits for nodes that not every cluster has.
    if !none || set.deletion().is_some() || set.ns() == "kube-system" || scene.snapshot.every("Node", "")?.is_empty() {
        return Ok(None);
    }
    let template = set.at("/spec/template").cloned().unwrap_or_default();
    let fits =
        |node: &&Object| scheduling::selector_fits(&template, node) && scheduling::affinity_fits(&template, node);
    if scene.snapshot.all("Node").any(|node| fits(&node)) {
        return Ok(None);
    }
    // Who selects by a label that is set when it is wanted may mean to wait. Nobody can tell; say it with less weight.
    let wanted = set.map("/spec/template/spec/nodeSelector").map(selector::show);
    let says =
        wanted.map_or("no node fits its affinity".to_owned(), |wanted| format!("no node has the labels {wanted}"));
    let pointer = if set.at("/spec/template/spec/nodeSelector").is_some() {
        "/spec/template/spec/nodeSelector"
    } else {
        "/spec/template/spec/affinity"
    };
    Ok(Some(Claim::new(says).field(set, "/status/desiredNumberScheduled").field(set, pointer)))
}

fn partial<'a>(scene: &Scene<'a>, set: &'a Object) -> Judged<Option<Claim>> {
    let desired = set.int("/status/desiredNumberScheduled").unwrap_or(0);
    if desired == 0 || set.deletion().is_some() {
        return Ok(None);
    }
    let nodes = scene.snapshot.every("Node", "")?;
    let template = set.at("/spec/template").cloned().unwrap_or_default();
    let covered = |node: &&Object| {
        scene
            .snapshot
            .within("Pod", set.ns())
            .any(|pod| pod.text("/spec/nodeName") == node.name() && owners::belongs(scene.snapshot, pod, &set.id))
    };
    let by_hand = |taint: &serde_json::Value| {
        let key = taint.text("/key");
        !["node.kubernetes.io/", "node-role.kubernetes.io/", "node.cloudprovider"]
            .iter()
            .any(|known| key.starts_with(known))
    };
    let left = nodes.iter().filter(|node| {
        scheduling::selector_fits(&template, node) && scheduling::affinity_fits(&template, node) && !covered(node)
    });
    let mut left =
        left.filter_map(|node| Some((*node, scheduling::untolerated(&template, node).filter(|taint| by_hand(taint))?)));
    Ok(left.next().map(|(node, taint)| {
        let key = taint.text("/key");
        let index = node.list("/spec/taints").iter().position(|one| one == taint).unwrap_or(0);
        let fix = Fix::say(format!("add a toleration for {key} to the DaemonSet, if it is meant for {}", node.name()));
        let toleration = serde_json::json!([{"operator": "Exists"}]);
        Claim::new(format!("it leaves out {}, which has the taint {key}", node.name()))
            .field(set, "/status/desiredNumberScheduled")
            .field(node, &format!("/spec/taints/{index}/key"))
            .fix(fix.set(set, "/spec/template/spec/tolerations", toleration))
    }))
}

/// Two controllers that would own the same pods.
fn overlap<'a>(scene: &Scene<'a>, object: &'a Object) -> Judged<Option<Claim>> {
    let Some(wanted) =
        object.at("/spec/selector").filter(|_| object.deletion().is_none() && object.controller().is_none())
    else {
        return Ok(None);
    };
    let other =
        ["Deployment", "StatefulSet", "DaemonSet"].iter().flat_map(|kind| scene.snapshot.all(kind)).find(|other| {
            other.ns() == object.ns()
                && other.id > object.id
                && selector::selects(wanted, other.map("/spec/template/metadata/labels"))
                && other
                    .at("/spec/selector")
                    .is_some_and(|theirs| selector::selects(theirs, object.map("/spec/template/metadata/labels")))
                && other.at("/spec/selector") == object.at("/spec/selector")
        });
    Ok(other.map(|other| {
        Claim::new(format!("it and {} select the same pods", other.id))
            .field(object, "/spec/selector")
            .field(other, "/spec/selector")
    }))
}

/// The controller manager has not seen the latest change.
fn lag<'a>(scene: &Scene<'a>, object: &'a Object) -> Judged<Option<Claim>> {
    let (Some(wanted), seen) = (object.int("/metadata/generation"), object.int("/status/observedGeneration")) else {
        return Ok(None);
    };
    let behind = seen.unwrap_or(0) < wanted
        && scene.age(object) > 15
        && object.deletion().is_none()
        && object.at("/status").is_some();
    // Without the moment of the change, only what was never seen is certain to be old.
    let never = seen.is_none();
    Ok((behind && never).then(|| {
        Claim::new("no controller has looked at it")
            .field(object, "/metadata/generation")
            .field(object, "/status/observedGeneration")
    }))
}

/// A strategy that takes all pods away before the new ones are known to work.
fn outage<'a>(scene: &Scene<'a>, deployment: &'a Object) -> Judged<Option<Claim>> {
    let all = deployment.text("/spec/strategy/type") == "Recreate"
        || deployment.text("/spec/strategy/rollingUpdate/maxUnavailable") == "100%";
    let none =
        deployment.int("/status/readyReplicas").unwrap_or(0) == 0 && deployment.int("/spec/replicas").unwrap_or(1) > 0;
    let second =
        scene.snapshot.within("ReplicaSet", deployment.ns()).filter(|set| scene.top(set) == deployment.id).count() > 1;
    let troubled = scene
        .snapshot
        .within("Pod", deployment.ns())
        .find(|pod| scene.trouble(pod).is_some() && scene.top(pod) == deployment.id);
    Ok(troubled.filter(|_| all && none && second).map(|pod| {
        Claim::new("its strategy took the old pods away before the new ones worked")
            .seen(pod)
            .field(deployment, "/spec/strategy/type")
    }))
}

/// A duplicate variable, of a pod that is in trouble.
fn env_shadowed<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.trouble(pod) else { return Ok(None) };
    Ok(Part::all(pod).iter().find_map(|part| {
        let env = part.spec.list("/env");
        let (first, last) = env.iter().enumerate().find_map(|(at, one)| {
            let later = env.iter().rposition(|other| other.text("/name") == one.text("/name"))?;
            (later > at && env[later] != *one && !one.text("/name").is_empty()).then_some((at, later))
        })?;
        let says = format!("{} is set twice, and the later one counts", env[first].text("/name"));
        Some(
            Claim::of(trouble, says)
                .part(part)
                .by(part.asked(&format!("/env/{first}/name")))
                .by(part.asked(&format!("/env/{last}/name"))),
        )
    }))
}

/// A custom resource of a standard polarity whose condition is false for long.
fn custom<'a>(scene: &Scene<'a>, object: &'a Object) -> Judged<Option<Claim>> {
    let kinds = ["Ready", "Available", "Synced", "Accepted", "Programmed"];
    let found = kinds.iter().filter_map(|kind| object.condition(kind)).find(|(_, condition)| {
        let since = condition.time("/lastTransitionTime").map_or(0, |at| scene.now().since(at));
        condition.text("/status") == "False" && since > 300
    });
    Ok(found.filter(|_| object.deletion().is_none()).map(|(at, condition)| {
        let message = Proof::field(object, &format!("{at}/message"));
        Claim::new(format!("its condition {} is false: {}", condition.text("/type"), condition.text("/reason")))
            .field(object, &format!("{at}/status"))
            .by(message)
    }))
}

const WORK: Rule = Rule { on: &["Deployment"], effect: Effect::Short, ..Rule::PLAIN };

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
        stance: Stance::Yields,
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
        stance: Stance::Yields,
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
        stance: Stance::Yields,
        means: "Pods of a set are made one after another, and one of them is not ready.",
        proves: "The set has fewer pods than wanted, and one is in trouble.",
        refutes: "podManagementPolicy Parallel",
        fix: "mend the pod that is in trouble",
        judge: ordered,
        ..WORK
    },
    Rule {
        code: "wl.ds-zero-desired",
        on: &["DaemonSet"],
        confidence: Confidence::Likely,
        means: "No node fits the DaemonSet, so it has no pods.",
        proves: "desiredNumberScheduled is 0, and no node has the labels.",
        refutes: "a node with the labels",
        fix: "label nodes, or correct nodeSelector",
        judge: zero_desired,
        ..WORK
    },
    Rule {
        code: "wl.ds-partial",
        on: &["DaemonSet"],
        confidence: Confidence::Possible,
        means: "The DaemonSet leaves out a node for a taint that somebody set. That may be meant.",
        proves: "The node fits the selector, has the taint, and no pod of the set.",
        refutes: "the set not being meant for the node",
        fix: "add a toleration, if it is meant for the node",
        judge: partial,
        ..WORK
    },
    Rule {
        code: "wl.selector-overlap",
        on: &["Deployment", "StatefulSet", "DaemonSet"],
        means: "Two controllers select the same pods, and take them from each other.",
        proves: "Their selectors are the same.",
        refutes: "different labels",
        fix: "give each its own labels",
        judge: overlap,
        ..WORK
    },
    Rule {
        code: "wl.controller-lag",
        on: &["Deployment", "StatefulSet", "DaemonSet"],
        weight: 30,
        stance: Stance::Yields,
        confidence: Confidence::Likely,
        means: "No controller has looked at the object: the controller manager is down or far behind.",
        proves: "observedGeneration was never set.",
        refutes: "observedGeneration equal to generation",
        fix: "see the controller manager",
        judge: lag,
        ..WORK
    },
    Rule {
        code: "cfg.env-shadowed",
        on: &["Pod"],
        effect: Effect::Crashing,
        weight: 35,
        confidence: Confidence::Possible,
        means: "A variable is set twice with different values; the later one counts.",
        proves: "Both entries, in a pod that is in trouble.",
        refutes: "the program working with the later value",
        fix: "take one of them out",
        judge: env_shadowed,
        ..WORK
    },
    Rule {
        code: "cr.condition-false",
        on: &[
            "Certificate",
            "Issuer",
            "ClusterIssuer",
            "Kustomization",
            "HelmRelease",
            "Application",
            "Cluster",
            "Backup",
            "ExternalSecret",
            "SecretStore",
        ],
        effect: Effect::Down,
        weight: 40,
        stance: Stance::Yields,
        confidence: Confidence::Likely,
        means: "A custom resource says of itself that it is not well, for minutes.",
        proves: "A condition of standard polarity that is False.",
        refutes: "the condition being True",
        fix: "see the condition's message and the log of its operator",
        judge: custom,
        ..WORK
    },
];
