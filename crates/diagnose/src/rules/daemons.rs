//! Workloads whose pods are where they should not be, or not where they should; and what says of itself that it is not well.

use super::workloads::WORK;
use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::{owners, scheduling, selector};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};

/// The nodes that a DaemonSet leaves out: for its selector and affinity, or for a taint.
fn zero_desired<'a>(scene: &Scene<'a>, set: &'a Object) -> Judged<Option<Claim>> {
    let generation = "/status/observedGeneration";
    let judged = set.int(generation).is_some() || !set.tells(generation);
    let none = set.int("/status/desiredNumberScheduled") == Some(0) && judged;
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
    let labels = set.map("/spec/template/spec/nodeSelector").into_iter().flatten();
    let node = scene.snapshot.all("Node").min_by_key(|node| &node.id).filter(|_| pointer.ends_with("nodeSelector"));
    let fix = node.map(|node| {
        let wanted = set.map("/spec/template/spec/nodeSelector").map(selector::show).unwrap_or_default();
        let fix = Fix::say(format!(
            "kubectl label node {} {}, or correct nodeSelector",
            node.name(),
            wanted.replace(',', " ")
        ));
        labels.fold(fix, |fix, (key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            fix.set(node, &format!("/metadata/labels/{key}"), value.clone())
        })
    });
    let claim = Claim::new(says).field(set, "/status/desiredNumberScheduled").field(set, pointer);
    Ok(Some(Claim { fix, ..claim }))
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
    let by_hand = |taint: &crate::value::Value| {
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
        let toleration = crate::value::json!([{"operator": "Exists"}]);
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
    let makers = ["Deployment", "StatefulSet", "DaemonSet"];
    let other = makers.iter().flat_map(|kind| scene.snapshot.within(kind, object.ns())).find(|other| {
        other.id > object.id
            && other.at("/spec/selector") == Some(wanted)
            && selector::selects(wanted, other.map("/spec/template/metadata/labels"))
            && selector::selects(wanted, object.map("/spec/template/metadata/labels"))
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

/// A duplicate variable, of a pod that is in trouble.
fn env_shadowed<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    if scene.trouble(pod).is_none() {
        return Ok(None);
    }
    Ok(Part::all(pod).iter().find_map(|part| {
        let env = part.spec.list("/env");
        let (first, last) = env.iter().enumerate().find_map(|(at, one)| {
            let later = env.iter().rposition(|other| other.text("/name") == one.text("/name"))?;
            (later > at && env[later] != *one && !one.text("/name").is_empty()).then_some((at, later))
        })?;
        let says = format!("{} is set twice, and the later one counts", env[first].text("/name"));
        let names = [first, last].map(|at| part.asked(&format!("/env/{at}/name")));
        Some(Claim::new(says).seen(pod).part(part).by_all(names))
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

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
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
    },
];
