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
    kind("", "v1", "namespaces", "Namespace", Cluster, "ns"),
    kind("", "v1", "nodes", "Node", Cluster, "no"),
    kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", Namespaced, "pvc"),
    kind("", "v1", "pods", "Pod", Namespaced, "po"),
    kind("", "v1", "secrets", "Secret", Namespaced, ""),
    kind("", "v1", "serviceaccounts", "ServiceAccount", Namespaced, "sa"),
    kind("", "v1", "services", "Service", Namespaced, "svc"),
    kind("apiregistration.k8s.io", "v1", "apiservices", "APIService", Cluster, ""),
    kind("apps", "v1", "daemonsets", "DaemonSet", Namespaced, "ds"),
    kind("apps", "v1", "deployments", "Deployment", Namespaced, "deploy"),
    kind("apps", "v1", "replicasets", "ReplicaSet", Namespaced, "rs"),
    kind("apps", "v1", "statefulsets", "StatefulSet", Namespaced, "sts"),
    kind("batch", "v1", "jobs", "Job", Namespaced, ""),
    kind("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", Cluster, ""),
    kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", Cluster, ""),
    kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", Cluster, ""),
    kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", Namespaced, ""),
    kind("rbac.authorization.k8s.io", "v1", "roles", "Role", Namespaced, ""),
];

impl Kind {
    /// The kind behind a resource's name in a path.
    pub(super) fn of(group: &str, resource: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.group == group && kind.resource == resource)
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

/// The groups of `GET /apis`, with those that others serve.
pub(super) fn groups(aggregated: &[(String, String)]) -> Value {
    let own = KINDS.iter().filter(|kind| !kind.group.is_empty());
    let mut all: Vec<(String, String)> = own.map(|kind| (kind.group.to_owned(), kind.version.to_owned())).collect();
    all.extend(aggregated.iter().cloned());
    all.dedup();
    let rows: Vec<Value> = all
        .iter()
        .map(|(group, version)| {
            let named = json!({"groupVersion": format!("{group}/{version}"), "version": version});
            json!({"name": group, "versions": [named], "preferredVersion": named})
        })
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": rows})
}
