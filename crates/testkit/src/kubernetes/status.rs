//! `Status` objects, in the server's own sentences: what clients show, and what they decide by.

use serde_json::{Value, json};

use super::call::Call;
use super::user::User;

/// A refusal: the code of the answer and its body.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) body: Value,
}

fn refusal(code: u16, reason: &str, message: &str, details: Option<Value>) -> Refusal {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {},
        "status": "Failure", "message": message, "reason": reason, "code": code,
    });
    if let Some(details) = details {
        body["details"] = details;
    }
    Refusal { code, body }
}

/// `pods` or `deployments.apps`, as messages name it.
fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

fn details(call: &Call) -> Value {
    let mut details = json!({"kind": call.resource});
    if let Some(name) = &call.name {
        details["name"] = json!(name);
    }
    if !call.group.is_empty() {
        details["group"] = json!(call.group);
    }
    details
}

pub(super) fn unauthorized() -> Refusal {
    refusal(401, "Unauthorized", "Unauthorized", None)
}

pub(super) fn forbidden(call: &Call, user: &User) -> Refusal {
    let what = qualified(&call.group, &call.resource);
    let name = call.name.as_ref().map_or_else(String::new, |name| format!(" \"{name}\""));
    let asked = match &call.subresource {
        Some(subresource) => format!("{}/{subresource}", call.resource),
        None => call.resource.clone(),
    };
    let place = match &call.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let message = format!(
        "{what}{name} is forbidden: User \"{}\" cannot {} resource \"{asked}\" in API group \"{}\" {place}",
        user.name, call.verb, call.group
    );
    refusal(403, "Forbidden", &message, Some(details(call)))
}

/// Somebody who may not act as somebody else.
pub(super) fn no_impersonation(user: &User, kind: &str, name: &str) -> Refusal {
    let message = format!(
        "{kind} \"{name}\" is forbidden: User \"{}\" cannot impersonate resource \"{kind}\" in API group \"\" at the cluster scope",
        user.name
    );
    refusal(403, "Forbidden", &message, Some(json!({"kind": kind, "name": name})))
}

pub(super) fn not_found(call: &Call) -> Refusal {
    let what = qualified(&call.group, &call.resource);
    let message = format!("{what} \"{}\" not found", call.name.as_deref().unwrap_or_default());
    refusal(404, "NotFound", &message, Some(details(call)))
}

pub(super) fn exists(call: &Call, name: &str) -> Refusal {
    let message = format!("{} \"{name}\" already exists", qualified(&call.group, &call.resource));
    refusal(409, "AlreadyExists", &message, Some(json!({"kind": call.resource, "name": name})))
}

pub(super) fn conflict(call: &Call, why: &str) -> Refusal {
    let name = call.name.as_deref().unwrap_or_default();
    let message =
        format!("Operation cannot be fulfilled on {} \"{name}\": {why}", qualified(&call.group, &call.resource));
    refusal(409, "Conflict", &message, Some(details(call)))
}

pub(super) fn bad_request(message: &str) -> Refusal {
    refusal(400, "BadRequest", message, None)
}

pub(super) fn invalid(call: &Call, name: &str, why: &str) -> Refusal {
    let message = format!("{} \"{name}\" is invalid: {why}", qualified(&call.group, &call.resource));
    refusal(422, "Invalid", &message, Some(json!({"kind": call.resource, "name": name})))
}

/// A policy's refusal, which is a prohibition to who asks.
pub(super) fn against_policy(call: &Call, name: &str, why: &str) -> Refusal {
    let message = format!("{} \"{name}\" is forbidden: {why}", qualified(&call.group, &call.resource));
    refusal(403, "Forbidden", &message, Some(json!({"kind": call.resource, "name": name})))
}

pub(super) fn no_method() -> Refusal {
    refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", Some(json!({})))
}

pub(super) fn unsupported(format: &str) -> Refusal {
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: application/json ({format})"
    );
    refusal(415, "UnsupportedMediaType", &message, Some(json!({})))
}

pub(super) fn throttled(seconds: u32) -> Refusal {
    let details = json!({"retryAfterSeconds": seconds});
    refusal(429, "TooManyRequests", "too many requests, please try again later", Some(details))
}

pub(super) fn expired(version: u64) -> Value {
    refusal(410, "Expired", &format!("too old resource version: {version}"), None).body
}

/// A page that goes on from what is forgotten; the same token goes on from what is there now.
pub(super) fn forgotten(token: &str) -> Refusal {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new \
                   list without the continue parameter, or use the continue token in this response to retrieve the \
                   remainder of the results.";
    let mut refusal = refusal(410, "Expired", message, None);
    refusal.body["metadata"]["continue"] = json!(token);
    refusal
}

pub(super) fn internal(message: &str) -> Refusal {
    refusal(500, "InternalError", &format!("Internal error occurred: {message}"), None)
}

/// What a deletion of something without a farewell answers.
pub(super) fn deleted(call: &Call, uid: &Value) -> Value {
    let mut details = details(call);
    details["uid"] = uid.clone();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
