//! Pods that are never made: what the API server answered to their controller.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::admission::{self as grammar, Refusal};
use crate::eval::template::Template;
use crate::eval::{admission, security, selector};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::rules::manifests::{self, first};
use crate::scene::Scene;
use crate::snapshot::{Judged, Proof};

/// The kinds that make pods.
const MAKERS: &[&str] = &["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"];

/// The same with what only a manifest shows: of what runs, others tell of them.
const WRITTEN: &[&str] =
    &["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController", "CronJob", "Pod"];

/// What was answered to a controller that has fewer pods than it wants, and where that is read.
pub(crate) fn refused<'a>(scene: &Scene<'a>, maker: &'a Object) -> Option<(&'a str, Proof)> {
    // A Deployment repeats what its ReplicaSet was told; it is here for what is only planned.
    let silent = ["Deployment", "CronJob", "Pod"].contains(&maker.id.kind.as_str()) || maker.deletion().is_some();
    if silent || !scene.lives(maker.ns()) || !is_short(maker) {
        return None;
    }
    if let Some((at, condition)) = super::workloads::is_true(maker, "ReplicaFailure")
        && maker.tells(&format!("{at}/message"))
    {
        return Some((condition.text("/message"), Proof::field(maker, &format!("{at}/message"))));
    }
    let event = scene.warnings(maker, &["FailedCreate"]).next()?;
    // A refusal that a success followed is over.
    let success = scene
        .snapshot
        .events(maker)
        .filter(|event| event.reason() == "SuccessfulCreate")
        .filter_map(|event| event.last())
        .max();
    let recent = event
        .last()
        .is_some_and(|last| scene.now().since(last) < 1800 && success.is_none_or(|success| last >= success));
    recent.then(|| (event.message(), Proof::field(event.0, event.pointer())))
}

fn is_short(maker: &Object) -> bool {
    let status = |field: &str| maker.int(&format!("/status/{field}")).unwrap_or(0);
    match maker.id.kind.as_str() {
        "DaemonSet" => status("currentNumberScheduled") < status("desiredNumberScheduled"),
        "Job" => {
            status("active") == 0 && status("succeeded") == 0 && super::workloads::is_true(maker, "Complete").is_none()
        }
        _ => status("replicas") < maker.int("/spec/replicas").unwrap_or(1),
    }
}

pub(super) fn says<'a>(
    scene: &Scene<'a>,
    maker: &'a Object,
    what: &str,
    check: impl Fn(&Refusal<'_>) -> bool,
) -> Judged<Option<Claim>> {
    let found =
        refused(scene, maker).filter(|(message, _)| grammar::read(message).is_some_and(|refusal| check(&refusal)));
    Ok(found.map(|(_, proof)| Claim::new(what).seen(maker).by(proof)))
}

/// Whether it is only planned; of kinds that make no pods themselves, only a manifest tells.
fn is_planned(scene: &Scene<'_>, maker: &Object) -> bool {
    if MAKERS.contains(&maker.id.kind.as_str()) { scene.is_planned(maker) } else { scene.is_written(maker) }
}

/// What the pods are made of, or a pod itself.
fn template_of(maker: &Object) -> Option<&crate::value::Value> {
    Template::of(maker)?.value()
}

/// A quota that was exceeded in a resource of this family, and still would be.
fn quota<'a>(scene: &Scene<'a>, maker: &'a Object, family: &[&str]) -> Judged<Option<Claim>> {
    if let Some(claim) = manifests::quota_exceeded(scene, maker, family) {
        return Ok(Some(claim));
    }
    let Some((message, proof)) = refused(scene, maker) else { return Ok(None) };
    let Some(Refusal::Quota { quota, resource }) = grammar::read(message) else { return Ok(None) };
    let bare = resource.trim_start_matches("requests.").trim_start_matches("limits.").trim_start_matches("count/");
    if !family.iter().any(|name| bare == *name || name.is_empty()) {
        return Ok(None);
    }
    let claim = Claim::new(format!("quota {quota} has no {resource} left")).seen(maker).by(proof);
    let Some(found) = scene.snapshot.seen("ResourceQuota", maker.ns(), quota) else { return Ok(Some(claim)) };
    let template = maker.at("/spec/template").cloned().unwrap_or_default();
    // Raised in the meantime: the controller will try again.
    if admission::adds(&template, resource).is_some() && admission::exceeded(found, &template).is_none() {
        return Ok(None);
    }
    let key = resource.replace('/', "~1");
    let hard = format!("/status/hard/{key}");
    let fix =
        Fix::say(format!("raise {resource} in quota {quota}, or free some of it")).set(found, &hard, "1000000000");
    Ok(Some(claim.field(found, &hard).field(found, &format!("/status/used/{key}")).fix(fix)))
}

/// Brings what containers ask for within a bound.
fn within(scene: &Scene<'_>, maker: &Object, range: &Object, pointer: &str) -> Fix {
    let words = format!("change the container's resources, or the bound in LimitRange {}", range.name());
    let Some((bound, resource)) = range.at(pointer).zip(pointer.rsplit_once('/').map(|(_, resource)| resource)) else {
        return Fix::say(words);
    };
    let highest = pointer.contains("/max/");
    let limit = crate::quantity::of(Some(bound)).unwrap_or(0);
    let mut changes = Vec::new();
    let containers = template_of(maker).map_or(&[][..], |template| template.list("/spec/containers"));
    for (index, container) in containers.iter().enumerate() {
        for side in ["limits", "requests"] {
            let at = format!("/resources/{side}/{resource}");
            let asked = crate::quantity::of(container.at(&at));
            if asked.is_some_and(|asked| if highest { asked > limit } else { asked < limit }) {
                changes.push((format!("/spec/containers/{index}{at}"), bound.clone()));
            }
        }
    }
    Fix::patch_of(scene, maker, &words, &changes)
}

fn limit_range<'a>(scene: &Scene<'a>, maker: &'a Object) -> Judged<Option<Claim>> {
    let what = "its containers are outside the bounds of the namespace";
    let told = says(scene, maker, what, |one| *one == Refusal::LimitRange)?;
    if told.is_none() && !is_planned(scene, maker) {
        return Ok(None);
    }
    let template = template_of(maker).cloned().unwrap_or_default();
    // Within all bounds by now: the controller will try again.
    let ranges_of = || scene.snapshot.every("LimitRange", maker.ns());
    if template_of(maker).is_some() && ranges_of().is_ok_and(|all| admission::keeps_all(&all, &template)) {
        return Ok(None);
    }
    let mut ranges = scene.snapshot.within("LimitRange", maker.ns());
    let broken = ranges.find_map(|range| Some((range, admission::out_of_bounds(range, &template)?)));
    let Some((range, pointer)) = broken else { return Ok(told) };
    let fix = within(scene, maker, range, &pointer);
    Ok(Some(told.unwrap_or_else(|| Claim::new(what)).seen(maker).field(range, &pointer).fix(fix)))
}

fn pod_security<'a>(scene: &Scene<'a>, maker: &'a Object) -> Judged<Option<Claim>> {
    let told = says(scene, maker, "its pods violate the Pod Security level of the namespace", |one| {
        *one == Refusal::PodSecurity
    })?;
    let key = "pod-security.kubernetes.io/enforce";
    let namespace = scene.snapshot.seen("Namespace", "", maker.ns()).filter(|one| one.label(key).is_some());
    let Some(namespace) = namespace else { return Ok(told) };
    let spec = template_of(maker).and_then(|template| template.at("/spec")).cloned().unwrap_or_default();
    let violated = security::violations(&spec, namespace.label(key).unwrap_or_default());
    // What is only planned will be refused, if it violates anything that is known here.
    let planned = is_planned(scene, maker) && !violated.is_empty();
    let claim = told.or(planned.then(|| Claim::new("its pods will violate the Pod Security level of the namespace")));
    let fix = Fix::say("set what is named here in securityContext, or choose another level for the namespace");
    Ok(claim.map(|claim| {
        let says = format!("{}: {}", claim.says, violated.join(", "));
        Claim { says, ..claim }.field(namespace, "/metadata/labels/pod-security.kubernetes.io~1enforce").fix(fix)
    }))
}

/// An object of the cluster, or of the namespace, that the pods name and that does not exist.
fn missing<'a>(
    scene: &Scene<'a>,
    maker: &'a Object,
    kind: &str,
    field: &str,
    name_of: for<'m> fn(&Refusal<'m>) -> Option<&'m str>,
) -> Judged<Option<Claim>> {
    let Some((message, proof)) = refused(scene, maker) else { return Ok(None) };
    let Some(refusal) = grammar::read(message) else { return Ok(None) };
    let Some(name) = name_of(&refusal) else { return Ok(None) };
    let namespace = if kind == "ServiceAccount" { maker.ns() } else { "" };
    let absent = match scene.snapshot.absent(kind, namespace, name) {
        Ok(None) => return Ok(None),
        Ok(absent) => absent,
        Err(_) => None,
    };
    let near = selector::nearest(name, scene.snapshot.all(kind).filter(|one| one.ns() == namespace).map(Object::name));
    let hint = near.map_or(String::new(), |near| format!("; there is {near}"));
    let object = crate::value::json!({"kind": kind, "metadata": {"name": name, "namespace": namespace}});
    let fix = Fix::say(format!("create {kind} {name}, or correct its name in the workload")).adding(object);
    let claim = Claim::new(format!("{kind} {name} does not exist{hint}")).seen(maker).by(proof).by_all(absent);
    Ok(Some(claim.field(maker, &format!("/spec/template/spec/{field}")).fix(fix)))
}

pub(super) const ADM: Rule = Rule { on: MAKERS, effect: Effect::NotCreated, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "adm.quota-exceeded.pods",
        means: "The namespace may have no more pods.",
        proves: "The API server refused a pod by quota, and the quota is used up.",
        refutes: "used below hard in the quota's status",
        fix: "raise the quota, or free pods",
        judge: |scene, maker| quota(scene, maker, &["pods"]),
        ..ADM
    },
    Rule {
        code: "adm.quota-exceeded.cpu",
        means: "The namespace may request or use no more CPU.",
        proves: "The API server refused a pod by quota, and the quota is used up.",
        refutes: "used below hard in the quota's status",
        fix: "raise the quota, or lower requests",
        judge: |scene, maker| quota(scene, maker, &["cpu"]),
        ..ADM
    },
    Rule {
        code: "adm.quota-exceeded.memory",
        means: "The namespace may request or use no more memory.",
        proves: "The API server refused a pod by quota, and the quota is used up.",
        refutes: "used below hard in the quota's status",
        fix: "raise the quota, or lower requests",
        judge: |scene, maker| quota(scene, maker, &["memory"]),
        ..ADM
    },
    Rule {
        code: "adm.quota-exceeded.storage",
        means: "The namespace may have no more storage.",
        proves: "The API server refused by quota, and the quota is used up.",
        refutes: "used below hard in the quota's status",
        fix: "raise the quota, or delete claims",
        judge: |scene, maker| quota(scene, maker, &["storage", "ephemeral-storage", "persistentvolumeclaims"]),
        ..ADM
    },
    Rule {
        code: "adm.quota-exceeded.objects",
        weight: 70,
        means: "The namespace may have no more objects of a kind.",
        proves: "The API server refused by quota, and the quota is used up.",
        refutes: "used below hard in the quota's status",
        fix: "raise the quota, or delete objects",
        judge: |scene, maker| quota(scene, maker, &[""]),
        ..ADM
    },
    Rule {
        code: "adm.quota-requires-spec",
        on: WRITTEN,
        means: "A quota of the namespace counts something that the containers do not say.",
        proves: "The API server names the quota and the field.",
        refutes: "the field in every container, or a LimitRange with a default",
        fix: "set the field in every container, or a default by LimitRange",
        judge: |scene, maker| {
            let what = "a quota wants its containers to say requests or limits";
            let told = || says(scene, maker, what, |one| matches!(one, Refusal::QuotaWants(_)));
            first(manifests::quota_wants(scene, maker), told)
        },
        ..ADM
    },
    Rule {
        code: "adm.limitrange",
        on: WRITTEN,
        means: "The containers ask for more or less than a LimitRange of the namespace allows.",
        proves: "The API server names the bound.",
        refutes: "resources within the bounds",
        fix: "change the container's resources, or the LimitRange",
        judge: limit_range,
        ..ADM
    },
    Rule {
        code: "adm.psa",
        on: WRITTEN,
        means: "The pods violate the Pod Security level that the namespace enforces. Pods that run already stay.",
        proves: "The API server names the level and the fields.",
        refutes: "a spec that keeps the level",
        fix: "set the fields in securityContext, or choose another level",
        judge: pod_security,
        ..ADM
    },
    Rule {
        code: "adm.psp",
        means: "No PodSecurityPolicy that the pods' service account, or its controller, may use admits the pods.",
        proves: "The API server names the fields, or that there is no policy at all.",
        refutes: "a policy that admits them, and the right to use it",
        fix: "let the service account use a policy that admits the pods, or set the fields that are named in securityContext",
        judge: |scene, maker| {
            says(scene, maker, "no PodSecurityPolicy that it may use admits its pods", |one| {
                *one == Refusal::PodSecurityPolicy
            })
        },
        ..ADM
    },
    Rule {
        code: "adm.scc",
        means: "No SecurityContextConstraints of OpenShift that the pods' service account may use admit the pods.",
        proves: "The API server names each of them with the fields that it forbids.",
        refutes: "constraints that admit them, and the right to use these",
        fix: "leave out the fields that are named (runAsUser, fsGroup, hostPath, capabilities), or let the service account use constraints that admit them: oc adm policy add-scc-to-user SCC -z ACCOUNT",
        judge: |scene, maker| {
            says(scene, maker, "no SecurityContextConstraints that it may use admit its pods", |one| {
                *one == Refusal::SecurityContext
            })
        },
        ..ADM
    },
    Rule {
        code: "adm.sa-missing",
        on: WRITTEN,
        means: "The pods name a service account that does not exist.",
        proves: "The API server's words, and there is none.",
        refutes: "the service account",
        fix: "create the service account, or correct its name",
        judge: |scene, maker| {
            first(manifests::misnamed_account(scene, maker), || {
                missing(scene, maker, "ServiceAccount", "serviceAccountName", |one| match one {
                    Refusal::NoServiceAccount(name) => Some(name),
                    _ => None,
                })
            })
        },
        ..ADM
    },
    Rule {
        code: "adm.priorityclass-missing",
        means: "The pods name a priority class that does not exist.",
        proves: "The API server's words, and there is none.",
        refutes: "the priority class",
        fix: "create the priority class, or correct its name",
        judge: |scene, maker| {
            missing(scene, maker, "PriorityClass", "priorityClassName", |one| match one {
                Refusal::NoPriorityClass(name) => Some(name),
                _ => None,
            })
        },
        ..ADM
    },
    Rule {
        code: "adm.runtimeclass-missing",
        means: "The pods name a runtime class that does not exist.",
        proves: "The API server's words, and there is none.",
        refutes: "the runtime class",
        fix: "create the runtime class, or correct its name",
        judge: |scene, maker| {
            missing(scene, maker, "RuntimeClass", "runtimeClassName", |one| match one {
                Refusal::NoRuntimeClass(name) => Some(name),
                _ => None,
            })
        },
        ..ADM
    },
    Rule {
        code: "adm.invalid",
        on: manifests::CHECKED,
        weight: 60,
        means: "The API server does not accept the object, or the pods that its template makes.",
        proves: "The API server names the field; of a manifest, the field and what the API server answers to it.",
        refutes: "the object, or a pod of this template, being accepted",
        fix: "correct the field that the message names",
        judge: |scene, object| {
            let what = "the API server does not accept its pods";
            let makes = MAKERS.contains(&object.id.kind.as_str());
            let told = || if makes { says(scene, object, what, |one| *one == Refusal::Invalid) } else { Ok(None) };
            first(manifests::invalid(scene, object), told)
        },
        ..ADM
    },
    Rule {
        code: "adm.too-large",
        means: "The object is larger than the API server takes.",
        proves: "The API server's words.",
        refutes: "an object below 3 MiB, and below 1.5 MiB in etcd",
        fix: "split the object",
        judge: |scene, maker| says(scene, maker, "what it makes is too large", |one| *one == Refusal::TooLarge),
        ..ADM
    },
    Rule {
        code: "wl.replica-failure",
        weight: 15,
        stance: Stance::Yields,
        confidence: Confidence::Likely,
        means: "The controller cannot make its pods, for a reason that fits no other code.",
        proves: "The controller's words.",
        refutes: "a pod being made",
        fix: "see the message",
        judge: |scene, maker| {
            let unknown = refused(scene, maker).filter(|(message, _)| {
                !message.is_empty() && matches!(grammar::read(message), None | Some(Refusal::Forbidden))
            });
            Ok(unknown
                .map(|(message, proof)| Claim::new(format!("its pods are not made: {message}")).seen(maker).by(proof)))
        },
        ..ADM
    },
];
