//! Rights for people, ready to be bound: one row each.

use fathom_protocol::api::{Act, EVERYBODY, GROUP};
use serde_json::{Value, json};

/// A role.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Its name.
    pub name: &'static str,
    /// What may be done.
    pub act: Act,
    /// With what: `pods`, `nodes`.
    pub what: &'static str,
    /// With which profiles; a trace has none.
    pub profiles: &'static [&'static str],
    /// Whom it is for, in one sentence.
    pub doc: &'static str,
}

/// All of them. Those for pods are meant for a RoleBinding in a namespace.
pub const ROLES: &[Role] = &[
    Role {
        name: "fathom-enter-restricted",
        act: Act::Enter,
        what: "pods",
        profiles: &["restricted"],
        doc: "look around in pods without any right beyond an ordinary user's",
    },
    Role {
        name: "fathom-enter",
        act: Act::Enter,
        what: "pods",
        profiles: &["restricted", "as-target", "general"],
        doc: "find out what is wrong with pods, with a debugger if need be",
    },
    Role {
        name: "fathom-enter-netadmin",
        act: Act::Enter,
        what: "pods",
        profiles: &["restricted", "as-target", "general", "netadmin"],
        doc: "the same, and change or capture what the network of pods does",
    },
    Role {
        name: "fathom-enter-sysadmin",
        act: Act::Enter,
        what: "pods",
        profiles: &["restricted", "as-target", "general", "netadmin", "sysadmin"],
        doc: "the same with nearly all rights in pods, which may lead beyond them",
    },
    Role {
        name: "fathom-enter-host",
        act: Act::Enter,
        what: "pods",
        profiles: &["restricted", "as-target", "general", "netadmin", "sysadmin", "host"],
        doc: "the same in pods that have a part of their node: whoever has this owns the nodes",
    },
    Role {
        name: "fathom-enter-nodes",
        act: Act::Enter,
        what: "nodes",
        profiles: &["host"],
        doc: "enter nodes themselves; needs a ClusterRoleBinding",
    },
    Role {
        name: "fathom-trace",
        act: Act::Trace,
        what: "pods",
        profiles: &[],
        doc: "see every system call of pods, with what they read and write, passwords too",
    },
    Role {
        name: "fathom-trace-nodes",
        act: Act::Trace,
        what: "nodes",
        profiles: &[],
        doc: "see the same of all that runs on nodes; needs a ClusterRoleBinding",
    },
];

/// To one's own sessions everybody may come: that they are one's own is what the server looks at. That it is there says
/// that fathom is installed, whether or not a server answers.
const OWN: &str = EVERYBODY;

/// As objects.
pub(super) fn objects() -> Vec<Value> {
    let metadata = |name: &str, doc: &str| {
        json!({
            "name": name,
            "labels": {"app.kubernetes.io/part-of": "fathom"},
            "annotations": {"fathom.dev/for": doc},
        })
    };
    let role = |name: &str, doc: &str, rules: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata(name, doc),
            "rules": rules,
        })
    };
    let mut objects: Vec<Value> = ROLES
        .iter()
        .map(|row| {
            let mut rules = json!([
                {"apiGroups": [""], "resources": [row.what], "verbs": ["get"]},
                {"apiGroups": [GROUP], "resources": [format!("{}/{}", row.what, row.act.name())], "verbs": ["create"]},
            ]);
            if row.act == Act::Enter {
                let with = json!({"apiGroups": [GROUP], "resources": ["profiles"], "resourceNames": row.profiles, "verbs": ["use"]});
                rules.as_array_mut().expect("it is a list").push(with);
            }
            role(row.name, row.doc, rules)
        })
        .collect();
    let rules = json!([
        {"apiGroups": [GROUP], "resources": ["sessions"], "verbs": ["list"]},
        {"apiGroups": [GROUP], "resources": ["sessions/attach"], "verbs": ["get"]},
        {"apiGroups": [GROUP], "resources": ["sessions/kill", "sessions/release"], "verbs": ["create"]},
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles"],
            "resourceNames": [OWN],
            "verbs": ["get"],
        },
    ]);
    objects.push(role(OWN, "come to one's own sessions, and to nobody else's", rules));
    objects.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata(OWN, "everybody who is somebody"),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": OWN},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
    }));
    objects
}
