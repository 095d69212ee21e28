//! The RBAC authorizer: may this subject do that, and if not, which rule comes nearest
//! (k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac).

use super::messages::between;
use crate::object::{Fields as _, Object};
use crate::snapshot::{Judged, Snapshot};
use crate::value::Value;

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// `system:serviceaccount:shop:api`.
    pub user: String,
    /// `list`.
    pub verb: String,
    /// `pods`, `deployments/scale`.
    pub resource: String,
    /// Empty for the core group.
    pub group: String,
    /// Empty for what belongs to the cluster, and for all namespaces.
    pub namespace: String,
}

impl Wish {
    /// Reads `… is forbidden: User "u" cannot list resource "pods" in API group "" in the namespace "shop"`.
    pub fn parse(text: &str) -> Option<Wish> {
        let text = text.replace("\\\"", "\"");
        let of = |before: &str| between(&text, before, "\"").map(str::to_owned);
        Some(Wish {
            user: of("User \"")?,
            verb: between(&text, "\" cannot ", " ")?.to_owned(),
            resource: of("resource \"")?,
            group: of("in API group \"").unwrap_or_default(),
            namespace: of("in the namespace \"").unwrap_or_default(),
        })
    }

    /// Namespace and name of the service account that wishes it.
    pub fn account(&self) -> Option<(&str, &str)> {
        self.user.strip_prefix("system:serviceaccount:")?.split_once(':')
    }
}

/// Whether a binding speaks of the wish's user.
pub fn binds(binding: &Object, wish: &Wish) -> bool {
    binding.list("/subjects").iter().any(|subject| match subject.text("/kind") {
        "ServiceAccount" => {
            let namespace =
                if subject.text("/namespace").is_empty() { binding.ns() } else { subject.text("/namespace") };
            wish.account() == Some((namespace, subject.text("/name")))
        }
        "User" => subject.text("/name") == wish.user,
        "Group" => wish.account().is_some_and(|(namespace, _)| {
            let groups =
                ["system:serviceaccounts", "system:authenticated", &format!("system:serviceaccounts:{namespace}")];
            groups.contains(&subject.text("/name"))
        }),
        _ => false,
    })
}

fn covers(rule: &Value, list: &str, wanted: &str) -> bool {
    rule.list(list).iter().filter_map(Value::as_str).any(|one| one == "*" || one == wanted)
}

/// Whether a rule grants a verb on a resource.
fn grants(rule: &Value, wish: &Wish) -> bool {
    covers(rule, "/verbs", &wish.verb) && touches(rule, wish)
}

/// Whether a rule speaks of the resource.
fn touches(rule: &Value, wish: &Wish) -> bool {
    let sub = wish.resource.split_once('/').map(|(_, sub)| format!("*/{sub}")).unwrap_or_default();
    let resource = covers(rule, "/resources", &wish.resource) || !sub.is_empty() && covers(rule, "/resources", &sub);
    covers(rule, "/apiGroups", &wish.group) && resource && rule.list("/resourceNames").is_empty()
}

/// How a wish fares.
#[derive(Debug)]
pub struct Opinion<'a> {
    /// A rule grants it.
    pub allowed: bool,
    /// Bindings of the user that matter in the namespace.
    pub bindings: Vec<&'a Object>,
    /// Those whose role is not there.
    pub dangling: Vec<&'a Object>,
    /// A role of the user that speaks of the resource with other verbs.
    pub near: Option<&'a Object>,
    /// A role of the user, of any content.
    pub role: Option<&'a Object>,
}

/// What the bindings and roles that are here say.
pub fn opinion<'a>(snapshot: &'a Snapshot, wish: &Wish) -> Judged<Opinion<'a>> {
    snapshot.coverage().complete("ClusterRoleBinding", "")?;
    if !wish.namespace.is_empty() {
        snapshot.coverage().complete("RoleBinding", &wish.namespace)?;
    }
    let local = snapshot.all("RoleBinding").filter(|one| !wish.namespace.is_empty() && one.ns() == wish.namespace);
    let bindings: Vec<&Object> =
        local.chain(snapshot.all("ClusterRoleBinding")).filter(|one| binds(one, wish)).collect();
    let mut opinion = Opinion { allowed: false, bindings, dangling: Vec::new(), near: None, role: None };
    for binding in &opinion.bindings {
        let kind = binding.text("/roleRef/kind");
        let namespace = if kind == "Role" { binding.ns() } else { "" };
        let role = snapshot.seen(kind, namespace, binding.text("/roleRef/name"));
        let Some(role) = role else {
            // Built-in cluster roles are often left out of a dump.
            if kind == "Role" && snapshot.coverage().complete(kind, namespace).is_ok() {
                opinion.dangling.push(binding);
            }
            continue;
        };
        opinion.allowed |= role.list("/rules").iter().any(|rule| grants(rule, wish));
        opinion.role = opinion.role.or(Some(role));
        if role.list("/rules").iter().any(|rule| touches(rule, wish)) {
            opinion.near = opinion.near.or(Some(role));
        }
    }
    Ok(opinion)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn a_refusal_is_read_as_it_is_written() {
        let text = r#"pods is forbidden: User \"system:serviceaccount:shop:api\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\""#;
        let wish = Wish::parse(text).expect("a refusal");
        assert_eq!((wish.verb.as_str(), wish.resource.as_str(), wish.namespace.as_str()), ("list", "pods", "shop"));
        assert_eq!(wish.account(), Some(("shop", "api")));
        assert_eq!(Wish::parse("all is well"), None);
    }

    #[test]
    fn rules_grant_verbs_on_resources() {
        let wish = Wish {
            user: "u".into(),
            verb: "list".into(),
            resource: "pods/log".into(),
            group: String::new(),
            namespace: "n".into(),
        };
        for (rule, expect) in [
            (json!({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["list"]}), true),
            (json!({"apiGroups": [""], "resources": ["*/log"], "verbs": ["*"]}), true),
            (json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}), false),
            (json!({"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]}), false),
            (json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["get"]}), false),
            (json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "resourceNames": ["a"]}), false),
        ] {
            assert_eq!(grants(&rule, &wish), expect, "{rule}");
        }
    }
}
