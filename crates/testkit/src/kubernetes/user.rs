//! Who asks: bearer tokens, those of service accounts among them, and whom somebody acts as.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hyper::HeaderMap;
use serde_json::{Value, json};

use super::rbac;
use super::status::{self, Refusal};
use super::store::{self, Store};

/// Somebody, as the API server knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

/// Whom a token stands for, and where it is good.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) user: User,
    /// Empty for the API server itself.
    pub(super) audiences: Vec<String>,
    /// Uid of the pod whose end is the token's.
    pub(super) pod: Option<String>,
}

/// What a token of a service account is bound to.
#[derive(Debug, Clone, Default)]
pub(super) struct Bound {
    pub(super) pod: Option<(String, String)>,
    pub(super) node: Option<String>,
}

/// The tokens that were given out.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<BTreeMap<String, Grant>>);

impl Tokens {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Grant>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A new token for a person.
    pub(super) fn give(&self, name: &str, groups: &[&str]) -> String {
        let groups = groups.iter().copied().chain(["system:authenticated"]).map(str::to_owned).collect();
        let user = User { name: name.to_owned(), groups, ..User::default() };
        self.keep(Grant { user, audiences: Vec::new(), pod: None })
    }

    /// A new token of a service account.
    pub(super) fn give_account(&self, account: &Value, audiences: Vec<String>, bound: &Bound) -> String {
        let meta = &account["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&meta["namespace"]), text(&meta["name"]));
        let key = |name: &str| format!("authentication.kubernetes.io/{name}");
        let mut extra = BTreeMap::from([(key("credential-id"), vec![format!("JTI={}", store::uid())])]);
        if let Some((pod, uid)) = &bound.pod {
            extra.insert(key("pod-name"), vec![pod.clone()]);
            extra.insert(key("pod-uid"), vec![uid.clone()]);
        }
        if let Some(node) = &bound.node {
            extra.insert(key("node-name"), vec![node.clone()]);
        }
        let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
        let user = User {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            uid: text(&meta["uid"]),
            groups: groups.into_iter().chain(["system:authenticated".to_owned()]).collect(),
            extra,
        };
        self.keep(Grant { user, audiences, pod: bound.pod.as_ref().map(|(_, uid)| uid.clone()) })
    }

    fn keep(&self, grant: Grant) -> String {
        let token = store::hex(&store::bytes::<20>());
        self.lock().insert(token.clone(), grant);
        token
    }

    /// Whom the token stands for, if the pod that it is bound to is still there.
    pub(super) fn find(&self, token: &str, store: &Store) -> Option<Grant> {
        let grant = self.lock().get(token).cloned()?;
        let lives =
            |uid: &String| store.list("", "pods", None).1.iter().any(|pod| pod["metadata"]["uid"] == json!(uid));
        grant.pod.as_ref().is_none_or(lives).then_some(grant)
    }
}

/// Who sent this, or acts as whom they may act as.
pub(super) fn authenticate(headers: &HeaderMap, tokens: &Tokens, store: &Store) -> Result<User, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = match text("authorization") {
        None => {
            User { name: "system:anonymous".into(), groups: vec!["system:unauthenticated".into()], ..User::default() }
        }
        Some(value) => {
            let token = value.strip_prefix("Bearer ").ok_or_else(status::unauthorized)?;
            let grant = tokens.find(token, store).filter(|grant| grant.audiences.is_empty());
            grant.ok_or_else(status::unauthorized)?.user
        }
    };
    let Some(other) = text("impersonate-user") else { return Ok(own) };
    let groups: Vec<String> =
        headers.get_all("impersonate-group").iter().filter_map(|value| Some(value.to_str().ok()?.to_owned())).collect();
    let wanted = [("users", other)].into_iter().chain(groups.iter().map(|group| ("groups", group.as_str())));
    for (kind, name) in wanted {
        let asked = rbac::Asked { verb: "impersonate", resource: kind, name, ..rbac::Asked::default() };
        if !rbac::allows(store, &own, &asked) {
            return Err(status::no_impersonation(&own, kind, name));
        }
    }
    let groups = groups.into_iter().chain(["system:authenticated".to_owned()]).collect();
    Ok(User { name: other.to_owned(), groups, ..User::default() })
}
