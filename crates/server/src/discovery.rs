//! What the group holds, as `kubectl api-resources` and the API server ask for it.
//!
//! Nothing here can be both listed and deleted, and nothing in a namespace can be listed: a namespace is deleted by
//! listing and deleting all that it may hold, and has nothing to wait for here.

use fathom_protocol::api::{GROUP, GROUP_VERSION, VERSION};
use serde_json::{Value, json};

/// One thing that can be asked for.
struct Resource {
    name: &'static str,
    namespaced: bool,
    kind: &'static str,
    verbs: &'static [&'static str],
}

const RESOURCES: &[Resource] = &[
    Resource { name: "nodes/enter", namespaced: false, kind: "EnterRequest", verbs: &["create"] },
    Resource { name: "nodes/trace", namespaced: false, kind: "TraceRequest", verbs: &["create"] },
    Resource { name: "pods/enter", namespaced: true, kind: "EnterRequest", verbs: &["create"] },
    Resource { name: "pods/trace", namespaced: true, kind: "TraceRequest", verbs: &["create"] },
    Resource { name: "profiles", namespaced: true, kind: "Profile", verbs: &["use"] },
    Resource { name: "sessions", namespaced: false, kind: "Session", verbs: &["list"] },
    Resource { name: "sessions/attach", namespaced: false, kind: "Session", verbs: &["get"] },
    Resource { name: "sessions/kill", namespaced: false, kind: "Session", verbs: &["create"] },
    Resource { name: "sessions/release", namespaced: false, kind: "Session", verbs: &["create"] },
];

/// `/apis/fathom.dev/v1alpha1`
pub(crate) fn resources() -> Value {
    let resources: Vec<Value> = RESOURCES
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "singularName": "",
                "namespaced": one.namespaced,
                "kind": one.kind,
                "verbs": one.verbs,
            })
        })
        .collect();
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP_VERSION, "resources": resources})
}

/// `/apis/fathom.dev`
pub(crate) fn group() -> Value {
    let version = json!({"groupVersion": GROUP_VERSION, "version": VERSION});
    json!({
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": GROUP,
        "versions": [version],
        "preferredVersion": version,
    })
}

/// `/apis`
pub(crate) fn groups() -> Value {
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group()]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_here_can_hold_up_the_deletion_of_a_namespace() {
        for resource in RESOURCES {
            let has = |verb: &str| resource.verbs.contains(&verb);
            assert!(!has("delete") && !has("deletecollection") && !has("watch"), "{}", resource.name);
            assert!(!(resource.namespaced && has("list")), "{}", resource.name);
        }
    }
}
