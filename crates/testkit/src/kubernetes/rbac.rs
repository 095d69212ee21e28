//! Who may what: roles and bindings, as the API server evaluates them.

use serde_json::{Value, json};

use super::store::{Key, Store};
use super::user::User;

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) verb: &'a str,
    pub(super) group: &'a str,
    pub(super) resource: &'a str,
    pub(super) subresource: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

const GROUP: &str = "rbac.authorization.k8s.io";

/// Whether a role that is bound to them says so. `system:masters` may everything.
pub(super) fn allows(store: &Store, user: &User, asked: &Asked<'_>) -> bool {
    if user.groups.iter().any(|group| group == "system:masters") {
        return true;
    }
    let bound = |binding: &Value| array(&binding["subjects"]).iter().any(|subject| is_meant(subject, user));
    let permits = |binding: &Value| {
        let (kind, name) = (&binding["roleRef"]["kind"], binding["roleRef"]["name"].as_str().unwrap_or_default());
        let namespace = binding["metadata"]["namespace"].as_str().unwrap_or_default();
        let key = match kind.as_str() {
            Some("Role") => Key::new(GROUP, "roles", namespace, name),
            _ => Key::new(GROUP, "clusterroles", "", name),
        };
        store.get(&key).is_some_and(|role| array(&role["rules"]).iter().any(|rule| covers(rule, asked)))
    };
    let (_, everywhere) = store.list(GROUP, "clusterrolebindings", None);
    let here = match asked.namespace {
        "" => Vec::new(),
        namespace => store.list(GROUP, "rolebindings", Some(namespace)).1,
    };
    everywhere.iter().chain(&here).any(|binding| bound(binding) && permits(binding))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_meant(subject: &Value, user: &User) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str() {
        Some("User") => name == user.name,
        Some("Group") => user.groups.iter().any(|group| group == name),
        Some("ServiceAccount") => {
            let namespace = subject["namespace"].as_str().unwrap_or_default();
            user.name == format!("system:serviceaccount:{namespace}:{name}")
        }
        _ => false,
    }
}

fn covers(rule: &Value, asked: &Asked<'_>) -> bool {
    let has =
        |list: &str, wanted: &str| array(&rule[list]).iter().any(|own| own == &json!("*") || own == &json!(wanted));
    let resource = match asked.subresource {
        "" => asked.resource.to_owned(),
        subresource => format!("{}/{subresource}", asked.resource),
    };
    let names = array(&rule["resourceNames"]);
    has("verbs", asked.verb)
        && has("apiGroups", asked.group)
        && has("resources", &resource)
        && (names.is_empty() || names.iter().any(|name| name == &json!(asked.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::kind::Kind;

    #[test]
    fn a_binding_in_one_namespace_says_nothing_of_another() {
        let store = Store::new();
        let put = |resource: &str, namespace: &str, object: Value| {
            let kind = Kind::of(GROUP, resource).expect("it is kept");
            store.create(kind, namespace, object).expect("it is new");
        };
        let rules = json!([{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}]);
        put("clusterroles", "", json!({"metadata": {"name": "exec"}, "rules": rules}));
        let subjects = json!([{"kind": "User", "name": "ann"}]);
        let role = json!({"kind": "ClusterRole", "name": "exec"});
        put("rolebindings", "shop", json!({"metadata": {"name": "b"}, "subjects": subjects, "roleRef": role}));
        let check = |user: &str, namespace: &str, subresource: &str, expect: bool| {
            let user = User { name: user.into(), ..User::default() };
            let asked =
                Asked { verb: "create", resource: "pods", subresource, namespace, name: "web", ..Asked::default() };
            assert_eq!(allows(&store, &user, &asked), expect, "{user:?} {asked:?}");
        };
        check("ann", "shop", "exec", true);
        check("ann", "shop", "", false);
        check("ann", "other", "exec", false);
        check("bob", "shop", "exec", false);
    }
}
