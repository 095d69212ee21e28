//! Versions of the API that are gone, and what takes their place
//! (kubernetes.io/docs/reference/using-api/deprecation-guide).

use crate::kinds;

/// A version of kinds that is no longer served.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone {
    /// `extensions/v1beta1`.
    pub version: &'static str,
    /// The kinds that were in it.
    pub kinds: &'static [&'static str],
    /// The minor version of Kubernetes 1 that removed it.
    pub since: u32,
    /// `apps/v1`; nothing where nothing takes its place.
    pub instead: Option<&'static str>,
    /// What else has to change with it.
    pub change: &'static str,
}

const fn gone(
    version: &'static str,
    kinds: &'static [&'static str],
    since: u32,
    instead: &'static str,
    change: &'static str,
) -> Gone {
    Gone { version, kinds, since, instead: Some(instead), change }
}

const SELECTOR: &str = "spec.selector must be given, and select the labels of the template";
const BACKENDS: &str =
    "a backend is service.name with service.port.number or service.port.name, and each path has a pathType";
const HOOKS: &str = "sideEffects and admissionReviewVersions must be given";
const SCHEMA: &str = "each of spec.versions has a schema of its own";
const METRICS: &str = "a metric has a target with a type";
const POLICY: &[&str] = &["PodSecurityPolicy"];
const ROLES: &[&str] = &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
const FLOWS: &[&str] = &["FlowSchema", "PriorityLevelConfiguration"];
const REVIEWS: &[&str] =
    &["SubjectAccessReview", "SelfSubjectAccessReview", "LocalSubjectAccessReview", "SelfSubjectRulesReview"];
const WEBHOOKS: &[&str] = &["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"];

/// All of them.
pub const GONE: &[Gone] = &[
    gone("extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet"], 16, "apps/v1", SELECTOR),
    gone("extensions/v1beta1", &["NetworkPolicy"], 16, "networking.k8s.io/v1", ""),
    gone("extensions/v1beta1", &["Ingress"], 22, "networking.k8s.io/v1", BACKENDS),
    Gone { version: "extensions/v1beta1", kinds: POLICY, since: 16, instead: None, change: "" },
    gone("apps/v1beta1", &["Deployment", "StatefulSet", "ControllerRevision"], 16, "apps/v1", SELECTOR),
    gone(
        "apps/v1beta2",
        &["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet", "ControllerRevision"],
        16,
        "apps/v1",
        SELECTOR,
    ),
    gone("batch/v2alpha1", &["CronJob"], 21, "batch/v1", ""),
    gone("batch/v1beta1", &["CronJob"], 25, "batch/v1", ""),
    gone("policy/v1beta1", &["PodDisruptionBudget"], 25, "policy/v1", "an empty selector is of all pods"),
    Gone { version: "policy/v1beta1", kinds: POLICY, since: 25, instead: None, change: "" },
    gone("autoscaling/v2beta1", &["HorizontalPodAutoscaler"], 25, "autoscaling/v2", METRICS),
    gone("autoscaling/v2beta2", &["HorizontalPodAutoscaler"], 26, "autoscaling/v2", ""),
    gone("networking.k8s.io/v1beta1", &["Ingress"], 22, "networking.k8s.io/v1", BACKENDS),
    gone("networking.k8s.io/v1beta1", &["IngressClass"], 22, "networking.k8s.io/v1", ""),
    gone("apiextensions.k8s.io/v1beta1", &["CustomResourceDefinition"], 22, "apiextensions.k8s.io/v1", SCHEMA),
    gone("apiregistration.k8s.io/v1beta1", &["APIService"], 22, "apiregistration.k8s.io/v1", ""),
    gone("rbac.authorization.k8s.io/v1alpha1", ROLES, 22, "rbac.authorization.k8s.io/v1", ""),
    gone("rbac.authorization.k8s.io/v1beta1", ROLES, 22, "rbac.authorization.k8s.io/v1", ""),
    gone("admissionregistration.k8s.io/v1beta1", WEBHOOKS, 22, "admissionregistration.k8s.io/v1", HOOKS),
    gone(
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        22,
        "storage.k8s.io/v1",
        "",
    ),
    gone("storage.k8s.io/v1beta1", &["CSIStorageCapacity"], 27, "storage.k8s.io/v1", ""),
    gone("coordination.k8s.io/v1beta1", &["Lease"], 22, "coordination.k8s.io/v1", ""),
    gone(
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
        22,
        "certificates.k8s.io/v1",
        "signerName must be given",
    ),
    gone("authentication.k8s.io/v1beta1", &["TokenReview"], 22, "authentication.k8s.io/v1", ""),
    gone("authorization.k8s.io/v1beta1", REVIEWS, 22, "authorization.k8s.io/v1", ""),
    gone("scheduling.k8s.io/v1alpha1", &["PriorityClass"], 22, "scheduling.k8s.io/v1", ""),
    gone("scheduling.k8s.io/v1beta1", &["PriorityClass"], 22, "scheduling.k8s.io/v1", ""),
    gone("discovery.k8s.io/v1beta1", &["EndpointSlice"], 25, "discovery.k8s.io/v1", ""),
    gone("events.k8s.io/v1beta1", &["Event"], 25, "events.k8s.io/v1", ""),
    gone("node.k8s.io/v1beta1", &["RuntimeClass"], 25, "node.k8s.io/v1", ""),
    gone("flowcontrol.apiserver.k8s.io/v1alpha1", FLOWS, 21, "flowcontrol.apiserver.k8s.io/v1", ""),
    gone("flowcontrol.apiserver.k8s.io/v1beta1", FLOWS, 26, "flowcontrol.apiserver.k8s.io/v1", ""),
    gone("flowcontrol.apiserver.k8s.io/v1beta2", FLOWS, 29, "flowcontrol.apiserver.k8s.io/v1", ""),
    gone("flowcontrol.apiserver.k8s.io/v1beta3", FLOWS, 32, "flowcontrol.apiserver.k8s.io/v1", ""),
];

/// Whether a version of a kind is gone, and since when.
pub fn find(version: &str, kind: &str) -> Option<&'static Gone> {
    GONE.iter().find(|gone| gone.version == version && gone.kinds.contains(&kind))
}

/// The group of `apps/v1`; empty for `v1`.
pub fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// Groups in which nobody else may put kinds.
const CLOSED: [&str; 7] =
    ["", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "rbac.authorization.k8s.io"];

/// The version that a kind of Kubernetes itself has, where the one that was written never had it.
pub fn never(version: &str, kind: &str) -> Option<String> {
    let known = kinds::of_name(kind).filter(|kind| !kind.versions.is_empty())?;
    let is_foreign = CLOSED.contains(&group(version)) && CLOSED.contains(&known.group) && group(version) != known.group;
    let right = known.versions[0];
    is_foreign.then(|| if known.group.is_empty() { right.to_owned() } else { format!("{}/{right}", known.group) })
}
