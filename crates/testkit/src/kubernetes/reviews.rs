//! Questions to the API server that nobody keeps: whose token this is, who may what, and a new token.

use serde_json::{Value, json};

use super::api::{Api, Asking};
use super::rbac::{self, Asked};
use super::status::{self, Refusal};
use super::store::{self, Key};
use super::user::{Bound, User};

/// The answer, if it was such a question.
pub(super) fn answer(api: &Api, asking: &Asking) -> Result<Option<Value>, Refusal> {
    let call = &asking.call;
    if call.verb != "create" {
        return Ok(None);
    }
    let status = match call.resource.as_str() {
        "tokenreviews" => tokens(api, &asking.object()?["spec"]),
        "subjectaccessreviews" => access(api, &subject(&asking.object()?["spec"]), &asking.object()?["spec"]),
        "selfsubjectaccessreviews" => access(api, &asking.user, &asking.object()?["spec"]),
        "selfsubjectreviews" => json!({"userInfo": described(&asking.user)}),
        "serviceaccounts" if call.is_on("serviceaccounts", "token") => token(api, asking)?,
        _ => return Ok(None),
    };
    let mut review = asking.object()?;
    review["status"] = status;
    Ok(Some(review))
}

fn described(user: &User) -> Value {
    json!({"username": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra})
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}

fn tokens(api: &Api, spec: &Value) -> Value {
    let wanted = texts(&spec["audiences"]);
    let Some(grant) = api.tokens.find(spec["token"].as_str().unwrap_or_default(), &api.store) else {
        return json!({"user": {}, "error": "invalid bearer token"});
    };
    let common: Vec<&String> = wanted.iter().filter(|audience| grant.audiences.contains(audience)).collect();
    // Who names none asks for the API server's own.
    if common.is_empty() && !(wanted.is_empty() && grant.audiences.is_empty()) {
        let error = format!(
            "[invalid bearer token, token audiences {:?} is invalid for the target audiences {wanted:?}]",
            grant.audiences
        );
        return json!({"user": {}, "error": error});
    }
    json!({"authenticated": true, "user": described(&grant.user), "audiences": common})
}

fn subject(spec: &Value) -> User {
    let extra = spec["extra"].as_object().into_iter().flatten();
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        uid: spec["uid"].as_str().unwrap_or_default().to_owned(),
        groups: texts(&spec["groups"]),
        extra: extra.map(|(key, values)| (key.clone(), texts(values))).collect(),
    }
}

fn access(api: &Api, user: &User, spec: &Value) -> Value {
    let attributes = &spec["resourceAttributes"];
    let text = |name: &str| attributes[name].as_str().unwrap_or_default();
    let asked = Asked {
        verb: text("verb"),
        group: text("group"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
    };
    json!({"allowed": rbac::allows(&api.store, user, &asked)})
}

/// `POST serviceaccounts/NAME/token`, bound to a pod where one is named.
fn token(api: &Api, asking: &Asking) -> Result<Value, Refusal> {
    let call = &asking.call;
    let (namespace, name) = (call.namespace.as_deref().unwrap_or_default(), call.name.as_deref().unwrap_or_default());
    let account =
        api.store.get(&Key::new("", "serviceaccounts", namespace, name)).ok_or_else(|| status::not_found(call))?;
    let spec = asking.object()?["spec"].clone();
    let object = &spec["boundObjectRef"];
    let mut bound = Bound::default();
    if object["kind"] == json!("Pod") {
        let pod = Key::new("", "pods", namespace, object["name"].as_str().unwrap_or_default());
        let pod = api.store.get(&pod).ok_or_else(|| status::not_found(call))?;
        bound = bound_to(&pod);
    }
    let token = api.tokens.give_account(&account, texts(&spec["audiences"]), &bound);
    Ok(json!({"token": token, "expirationTimestamp": store::now()}))
}

/// What a kubelet's tokens for a pod are bound to.
pub(super) fn bound_to(pod: &Value) -> Bound {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Bound {
        pod: Some((text(&pod["metadata"]["name"]), text(&pod["metadata"]["uid"]))),
        node: pod["spec"]["nodeName"].as_str().map(str::to_owned),
    }
}
