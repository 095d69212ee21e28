//! The kinds of objects that this API keeps: one row each.

use serde_json::{Value, json};

/// A kind.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) resource: &'static str,
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    pub(super) short: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Namespaced,
    Cluster,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    resource: &'static str,
    name: &'static str,
    scope: Scope,
    short: &'static str,
) -> Kind {
    Kind { group, version, resource, name, scope, short }
}

use Scope::{Cluster, Namespaced};

/// Group, version, resource, kind, scope and short name.
const KINDS: &[Kind] = &[
    kind("", "v1", "configmaps", "ConfigMap", Namespaced, "cm"),
    kind("", "v1", "endpoints", "Endpoints", Namespaced, "ep"),
    kind("", "v1", "events", "Event", Namespaced, "ev"),
    kind("", "v1", "limitranges", "LimitRange", Namespaced, "limits"),
    kind("", "v1", "namespaces", "Namespace", Cluster, "ns"),
    kind("", "v1", "nodes", "Node", Cluster, "no"),
    kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", Namespaced, "pvc"),
    kind("", "v1", "persistentvolumes", "PersistentVolume", Cluster, "pv"),
    kind("", "v1", "pods", "Pod", Namespaced, "po"),
    kind("", "v1", "replicationcontrollers", "ReplicationController", Namespaced, "rc"),
    kind("", "v1", "resourcequotas", "ResourceQuota", Namespaced, "quota"),
    kind("", "v1", "secrets", "Secret", Namespaced, ""),
    kind("", "v1", "serviceaccounts", "ServiceAccount", Namespaced, "sa"),
    kind("", "v1", "services", "Service", Namespaced, "svc"),
    kind(
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        Cluster,
        "",
    ),
    kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", Cluster, ""),
    kind(
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        Cluster,
        "",
    ),
    kind(
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        Cluster,
        "",
    ),
    kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", Cluster, "crd"),
    kind("apiregistration.k8s.io", "v1", "apiservices", "APIService", Cluster, ""),
    kind("apps", "v1", "daemonsets", "DaemonSet", Namespaced, "ds"),
    kind("apps", "v1", "deployments", "Deployment", Namespaced, "deploy"),
    kind("apps", "v1", "replicasets", "ReplicaSet", Namespaced, "rs"),
    kind("apps", "v1", "statefulsets", "StatefulSet", Namespaced, "sts"),
    kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", Namespaced, "hpa"),
    kind("batch", "v1", "cronjobs", "CronJob", Namespaced, "cj"),
    kind("batch", "v1", "jobs", "Job", Namespaced, ""),
    kind("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", Cluster, "csr"),
    kind("coordination.k8s.io", "v1", "leases", "Lease", Namespaced, ""),
    kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", Namespaced, ""),
    kind("networking.k8s.io", "v1", "ingressclasses", "IngressClass", Cluster, ""),
    kind("networking.k8s.io", "v1", "ingresses", "Ingress", Namespaced, "ing"),
    kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", Namespaced, "netpol"),
    kind("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", Cluster, ""),
    kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", Namespaced, "pdb"),
    kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", Cluster, ""),
    kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", Cluster, ""),
    kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", Namespaced, ""),
    kind("rbac.authorization.k8s.io", "v1", "roles", "Role", Namespaced, ""),
    kind("resource.k8s.io", "v1", "deviceclasses", "DeviceClass", Cluster, ""),
    kind("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", Namespaced, ""),
    kind("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplate", Namespaced, ""),
    kind("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", Cluster, "pc"),
    kind("storage.k8s.io", "v1", "csidrivers", "CSIDriver", Cluster, ""),
    kind("storage.k8s.io", "v1", "csinodes", "CSINode", Cluster, ""),
    kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", Cluster, "sc"),
    kind("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", Cluster, ""),
];

impl Kind {
    /// The kind behind a resource's name in a path.
    pub(super) fn of(group: &str, resource: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.group == group && kind.resource == resource)
    }

    /// The kind of this name.
    pub(super) fn named(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// `v1` or `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// The answer to `GET /api/v1` or `GET /apis/GROUP/VERSION`; none for a group that nobody keeps here.
pub(super) fn resources(group: &str, version: &str) -> Option<Value> {
    let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
    let of_group = KINDS.iter().filter(|kind| kind.group == group && kind.version == version);
    let rows: Vec<Value> = of_group
        .map(|kind| {
            let short: Vec<&str> = Some(kind.short).into_iter().filter(|short| !short.is_empty()).collect();
            json!({
                "name": kind.resource, "singularName": kind.name.to_lowercase(), "kind": kind.name, "verbs": verbs,
                "namespaced": kind.scope == Namespaced, "shortNames": short,
            })
        })
        .collect();
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!rows.is_empty())
        .then(|| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": rows}))
}

/// Groups and their versions, those of others among them; less what is hidden.
fn versions(aggregated: &[(String, String)], hidden: &[String]) -> Vec<(String, String)> {
    let own = KINDS.iter().filter(|kind| !kind.group.is_empty());
    let mut all: Vec<(String, String)> = own.map(|kind| (kind.group.to_owned(), kind.version.to_owned())).collect();
    all.extend(aggregated.iter().cloned());
    all.dedup();
    all.retain(|(group, _)| !hidden.contains(group));
    all
}

/// The groups of `GET /apis`, with those that others serve.
pub(super) fn groups(aggregated: &[(String, String)], hidden: &[String]) -> Value {
    let rows: Vec<Value> = versions(aggregated, hidden)
        .iter()
        .map(|(group, version)| {
            let named = json!({"groupVersion": format!("{group}/{version}"), "version": version});
            json!({"name": group, "versions": [named], "preferredVersion": named})
        })
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": rows})
}

/// The same with the resources of each, as servers from 1.26 on tell them who ask for it. Groups of others that do not
/// answer are stale.
pub(super) fn discovery(aggregated: &[(String, String)], hidden: &[String], stale: &[(String, String)]) -> Value {
    let rows: Vec<Value> = versions(aggregated, hidden)
        .iter()
        .map(|(group, version)| {
            let of_group = KINDS.iter().filter(|kind| kind.group == group && kind.version == version);
            let resources: Vec<Value> = of_group
                .map(|kind| {
                    let response = json!({"group": kind.group, "version": kind.version, "kind": kind.name});
                    let scope = if kind.scope == Namespaced { "Namespaced" } else { "Cluster" };
                    json!({"resource": kind.resource, "responseKind": response, "scope": scope, "verbs": ["get", "list"]})
                })
                .collect();
            let freshness = if stale.contains(&(group.clone(), version.clone())) { "Stale" } else { "Current" };
            json!({"metadata": {"name": group}, "versions": [{"version": version, "freshness": freshness, "resources": resources}]})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": rows})
}
