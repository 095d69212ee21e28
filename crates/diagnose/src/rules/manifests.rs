//! What a manifest proves before it is applied. Most of it is a cause that has a rule of its own among those of what
//! runs, which asks here first; each function is silent on what a cluster has.

mod pods;
mod references;
mod workloads;

use crate::cause::Effect;
use crate::claim::{Claim, Fix};
use crate::eval::validation::{self, Fault};
use crate::eval::versions;
use crate::object::{Fields as _, Object};
use crate::rule::Rule;
use crate::scene::Scene;
use crate::snapshot::Judged;

pub(super) use pods::{asks_missing_port, image, root, sysctl};
pub(super) use references::{Use, key, misnamed, misnamed_account, misnamed_backend, misnamed_claim, selects_nobody};
pub(super) use workloads::{budget, no_request, no_target, quota_exceeded, quota_wants, schedule, zone};

/// What is written says it, or else what runs does.
pub(super) fn first(written: Option<Claim>, running: impl FnOnce() -> Judged<Option<Claim>>) -> Judged<Option<Claim>> {
    written.map_or_else(running, |claim| Ok(Some(claim)))
}

/// The kinds of objects whose fields are looked at.
pub(super) const CHECKED: &[&str] = &[
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "ReplicationController",
    "CronJob",
    "Pod",
    "Service",
    "Ingress",
    "PersistentVolumeClaim",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "ConfigMap",
    "Secret",
    "Namespace",
    "ResourceQuota",
    "LimitRange",
    "NetworkPolicy",
    "PriorityClass",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "PersistentVolume",
    "StorageClass",
    "IngressClass",
];

/// How many faults of an object are named before they are counted.
const NAMED: usize = 4;

/// The API server will not take it.
pub(super) fn invalid(scene: &Scene<'_>, object: &Object) -> Option<Claim> {
    let meant = scene.is_to_be(object) && object.controller().is_none();
    let faults = if meant { validation::faults(object) } else { Vec::new() };
    let shown: Vec<String> = faults.iter().take(NAMED).map(Fault::shown).collect();
    let more = faults.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    (!faults.is_empty()).then(|| {
        let says = format!("the API server will refuse it: {}{more}", shown.join("; "));
        let claim = faults.iter().fold(Claim::new(says), |claim, fault| claim.field(object, &fault.at));
        claim.fix(mend(object, &faults))
    })
}

/// What is right is set where it can be told, and the rest named.
fn mend(object: &Object, faults: &[Fault]) -> Fix {
    let words = faults.iter().map(|fault| match &fault.right {
        Some((at, right)) if right.is_null() => format!("take {} away", validation::path(at)),
        Some((at, right)) => format!("set {} to {right}", validation::path(at)),
        None => format!("correct {}", validation::path(&fault.at)),
    });
    let fix = Fix::say(words.collect::<Vec<_>>().join(", "));
    // Half a mend does not make it go.
    if faults.iter().any(|fault| fault.right.is_none()) {
        return fix;
    }
    faults.iter().filter_map(|fault| fault.right.clone()).fold(fix, |fix, (at, right)| fix.set(object, &at, right))
}

/// Its version of the API is gone.
fn removed<'a>(scene: &Scene<'a>, object: &'a Object) -> Judged<Option<Claim>> {
    let version = object.text("/apiVersion");
    let gone = versions::find(version, &object.id.kind).filter(|_| scene.is_to_be(object));
    Ok(gone.map(|gone| {
        let says = format!("Kubernetes 1.{} removed {version} of {}", gone.since, object.id.kind);
        let fix = match gone.instead {
            Some(right) if gone.change.is_empty() => {
                Fix::say(format!("write apiVersion: {right}")).set(object, "/apiVersion", right)
            }
            Some(right) => {
                Fix::say(format!("write apiVersion: {right}; {}", gone.change)).set(object, "/apiVersion", right)
            }
            None => {
                Fix::say("nothing takes its place; Pod Security admission does most of it, by labels of namespaces")
            }
        };
        Claim::new(says).field(object, "/apiVersion").fix(fix)
    }))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[Rule {
    code: "adm.api-removed",
    on: &[
        "Deployment",
        "DaemonSet",
        "ReplicaSet",
        "StatefulSet",
        "ControllerRevision",
        "NetworkPolicy",
        "Ingress",
        "IngressClass",
        "PodSecurityPolicy",
        "CronJob",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
        "CustomResourceDefinition",
        "APIService",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "CSIDriver",
        "CSINode",
        "StorageClass",
        "VolumeAttachment",
        "CSIStorageCapacity",
        "Lease",
        "CertificateSigningRequest",
        "TokenReview",
        "SubjectAccessReview",
        "SelfSubjectAccessReview",
        "LocalSubjectAccessReview",
        "SelfSubjectRulesReview",
        "PriorityClass",
        "EndpointSlice",
        "Event",
        "RuntimeClass",
        "FlowSchema",
        "PriorityLevelConfiguration",
    ],
    effect: Effect::NotCreated,
    means: "The manifest is of a version of the API that Kubernetes no longer has: nothing is made of it.",
    proves: "Its apiVersion and kind, of a manifest that is to be applied.",
    refutes: "a cluster older than the version that removed it",
    fix: "write the apiVersion that takes its place",
    judge: removed,
    ..Rule::PLAIN
}];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_a_version_that_is_gone_is_judged() {
        let gone: BTreeSet<&str> = versions::GONE.iter().flat_map(|gone| gone.kinds.iter().copied()).collect();
        assert_eq!(RULES[0].on.iter().copied().collect::<BTreeSet<_>>(), gone);
    }
}
