//! Create, read, change, delete, list and watch: the same for every kind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};

use super::admission;
use super::api::{Api, Asking, Body, json_body, key, text};
use super::call::Call;
use super::kind::{Kind, Scope};
use super::patch::{self, Lists};
use super::selector::Selector;
use super::status::{self, Refusal};
use super::store::{Change, Key, Store, Update};

pub(super) fn answer(api: &Arc<Api>, asking: &Asking) -> Result<Response<Body>, Refusal> {
    let call = &asking.call;
    let kind = Kind::of(&call.group, &call.resource).filter(|kind| kind.version == call.version);
    let Some(kind) = kind else { return Ok(text(404, "404 page not found\n")) };
    match call.verb {
        "get" => api.store.get(&key(call)).map(|object| json_body(200, &object)).ok_or_else(|| status::not_found(call)),
        "list" => {
            if call.parameter("continue").is_some() && api.faults.has_expired(&asking.request.uri().to_string()) {
                return Err(status::forgotten(call.parameter("continue").unwrap_or_default()));
            }
            let mut list = list(&api.store, kind, call)?;
            let wanted = asking.headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
            if wanted.starts_with("application/json;as=PartialObjectMetadataList") {
                only_metadata(&mut list);
            }
            Ok(json_body(200, &list))
        }
        "watch" => watch(api, call),
        "create" => create(&api.store, kind, call, asking.object()?).map(|object| json_body(201, &object)),
        "update" => change(&api.store, call, |_| asking.object()),
        "patch" => patched(api, kind, asking),
        "delete" => delete(&api.store, call, serde_json::from_slice(asking.request.body()).unwrap_or_default()),
        _ => Err(status::no_method()),
    }
}

fn selector(call: &Call) -> Selector {
    let text = |name| call.parameter(name).unwrap_or_default();
    Selector::parse(text("labelSelector"), text("fieldSelector"))
}

/// A list, or a page of it: what a page goes on with is the place of the last object of the one before.
fn list(store: &Store, kind: &Kind, call: &Call) -> Result<Value, Refusal> {
    let (version, mut items) = store.list(&call.group, &call.resource, call.namespace.as_deref());
    let selector = selector(call);
    items.retain(|object| selector.matches(object));
    let place = |object: &Value| {
        let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", text("namespace"), text("name"))
    };
    if let Some(token) = call.parameter("continue").filter(|token| !token.is_empty()) {
        let after = token.strip_prefix("after:").ok_or_else(|| status::bad_request("continue key is not valid"))?;
        let at = items.iter().position(|object| place(object) == after).map_or(items.len(), |at| at + 1);
        items.drain(..at);
    }
    let mut metadata = json!({"resourceVersion": version.to_string()});
    let limit = call.parameter("limit").and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0);
    if let Some(limit) = limit.filter(|limit| *limit < items.len()) {
        metadata["remainingItemCount"] = json!(items.len() - limit);
        items.truncate(limit);
        metadata["continue"] = json!(format!("after:{}", place(&items[limit - 1])));
    }
    Ok(json!({
        "kind": format!("{}List", kind.name), "apiVersion": kind.api_version(), "metadata": metadata, "items": items,
    }))
}

/// Leaves nothing of a list's objects but what they are called.
fn only_metadata(list: &mut Value) {
    list["kind"] = json!("PartialObjectMetadataList");
    list["apiVersion"] = json!("meta.k8s.io/v1");
    for item in list["items"].as_array_mut().into_iter().flatten() {
        let metadata = item["metadata"].take();
        *item = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
    }
}

/// Puts in what a client or a controller made.
pub(super) fn create(store: &Store, kind: &Kind, call: &Call, mut object: Value) -> Result<Value, Refusal> {
    let namespace = call.namespace.clone().unwrap_or_default();
    if !object["metadata"].is_object() {
        return Err(status::bad_request("the object has no metadata"));
    }
    if kind.scope == Scope::Namespaced {
        let place = Key::new("", "namespaces", "", &namespace);
        let found = store.get(&place);
        let Some(found) = found else {
            let missing =
                Call { resource: "namespaces".into(), group: String::new(), name: Some(namespace), ..call.clone() };
            return Err(status::not_found(&missing));
        };
        if kind.name == "Pod" {
            check_runtime_class(store, call, &object)?;
        }
        admission::admit(kind, &found, call, &mut object)?;
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if call.parameter("dryRun").is_some() {
        return Ok(object);
    }
    store.create(kind, &namespace, object).ok_or_else(|| status::exists(call, &name))
}

/// The namespace that a call is in.
fn namespace_of(store: &Store, call: &Call) -> Value {
    let name = call.namespace.as_deref().unwrap_or_default();
    store.get(&Key::new("", "namespaces", "", name)).unwrap_or_default()
}

/// A runtime class that a pod names has to be there.
fn check_runtime_class(store: &Store, call: &Call, pod: &Value) -> Result<(), Refusal> {
    let Some(class) = pod["spec"]["runtimeClassName"].as_str() else { return Ok(()) };
    if store.get(&Key::new("node.k8s.io", "runtimeclasses", "", class)).is_some() {
        return Ok(());
    }
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    Err(status::against_policy(call, name, &format!("pod rejected: RuntimeClass \"{class}\" not found")))
}

/// Reads, lets `new` decide, and writes, if nobody else wrote what it saw.
fn change(
    store: &Store,
    call: &Call,
    new: impl FnOnce(&Value) -> Result<Value, Refusal>,
) -> Result<Response<Body>, Refusal> {
    let mut outcome = Err(status::not_found(call));
    store.update(&key(call), |old| {
        let Some(old) = old else { return Update::Keep };
        outcome = new(old).and_then(|object| settled(call, old, object));
        match &outcome {
            Ok(object) => Update::Write(object.clone()),
            Err(_) => Update::Keep,
        }
    });
    outcome?;
    let written = store.get(&key(call)).ok_or_else(|| status::not_found(call))?;
    Ok(json_body(200, &written))
}

/// What a change may not touch stays; a version that was overtaken is refused.
fn settled(call: &Call, old: &Value, mut new: Value) -> Result<Value, Refusal> {
    let (seen, is) = (&new["metadata"]["resourceVersion"], &old["metadata"]["resourceVersion"]);
    if seen.as_str().is_some_and(|seen| !seen.is_empty()) && seen != is {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(status::conflict(call, why));
    }
    let (meant, is) = (&new["metadata"]["uid"], &old["metadata"]["uid"]);
    if let (Some(meant), Some(is)) = (meant.as_str(), is.as_str())
        && meant != is
    {
        let why = format!("Precondition failed: UID in precondition: {meant}, UID in object meta: {is}");
        return Err(status::conflict(call, &why));
    }
    for fixed in ["uid", "name", "namespace", "creationTimestamp", "resourceVersion", "deletionTimestamp"] {
        match old["metadata"].get(fixed) {
            Some(value) => new["metadata"][fixed] = value.clone(),
            None => drop(new["metadata"].as_object_mut().and_then(|meta| meta.remove(fixed))),
        }
    }
    let generation = old["metadata"]["generation"].as_u64().unwrap_or(1);
    new["metadata"]["generation"] = json!(generation + u64::from(new["spec"] != old["spec"]));
    Ok(new)
}

fn patched(api: &Arc<Api>, kind: &Kind, asking: &Asking) -> Result<Response<Body>, Refusal> {
    let call = &asking.call;
    let format = asking.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let lists = match format.split(';').next().unwrap_or_default() {
        "application/merge-patch+json" => Lists::Replaced,
        "application/strategic-merge-patch+json" => Lists::ByName,
        "application/apply-patch+yaml" | "application/apply-patch+json" => {
            if api.store.get(&key(call)).is_none() {
                return create(&api.store, kind, call, asking.object()?).map(|object| json_body(201, &object));
            }
            Lists::ByName
        }
        other => return Err(status::bad_request(&format!("the patch type {other} is not served here"))),
    };
    let patch = asking.object()?;
    let namespace = namespace_of(&api.store, call);
    change(&api.store, call, |old| {
        let mut object = old.clone();
        patch::merge(&mut object, &patch, lists);
        if call.subresource.as_deref() == Some("ephemeralcontainers") {
            admission::admit_ephemeral(&namespace, call, old, &object)?;
        }
        Ok(object)
    })
}

/// Pods, and namespaces with something in them, take their leave; the rest is gone at once.
fn delete(store: &Store, call: &Call, options: Value) -> Result<Response<Body>, Refusal> {
    let key = key(call);
    let old = store.get(&key).ok_or_else(|| status::not_found(call))?;
    let wanted = &options["preconditions"]["uid"];
    if wanted.is_string() && wanted != &old["metadata"]["uid"] {
        let (wanted, is) = (wanted.as_str().unwrap_or_default(), old["metadata"]["uid"].as_str().unwrap_or_default());
        let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {is}");
        return Err(status::conflict(call, &why));
    }
    let lingers = call.resource == "namespaces" || (call.resource == "pods" && old["spec"]["nodeName"].is_string());
    if !lingers {
        store.remove(&key);
        return Ok(json_body(200, &status::deleted(call, &old["metadata"]["uid"])));
    }
    let spec_grace = old["spec"]["terminationGracePeriodSeconds"].as_u64();
    let grace = options["gracePeriodSeconds"].as_u64().or(spec_grace).unwrap_or(30);
    let marked = store.update(&key, |old| match old {
        Some(old) => {
            let mut object = old.clone();
            object["metadata"]["deletionTimestamp"] = json!(super::store::now());
            object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            if call.resource == "namespaces" {
                object["status"]["phase"] = json!("Terminating");
            }
            Update::Write(object)
        }
        None => Update::Keep,
    });
    marked.map(|object| json_body(200, &object)).ok_or_else(|| status::not_found(call))
}

/// What a watcher sees next.
struct Watching {
    api: Arc<Api>,
    prefix: (String, Option<String>),
    selector: Selector,
    version: u64,
    until: tokio::time::Instant,
    waiting: VecDeque<Value>,
}

fn watch(api: &Arc<Api>, call: &Call) -> Result<Response<Body>, Refusal> {
    let seconds = call.parameter("timeoutSeconds").and_then(|text| text.parse().ok()).unwrap_or(300);
    let asked = call.parameter("resourceVersion").unwrap_or_default();
    let (now, present) = api.store.list(&call.group, &call.resource, call.namespace.as_deref());
    let selector = selector(call);
    let mut waiting = VecDeque::new();
    let says_the_end = call.parameter("sendInitialEvents") == Some("true");
    let version = match asked {
        // From whatever is there.
        _ if says_the_end || asked.is_empty() || asked == "0" => {
            let matching = present.into_iter().filter(|object| selector.matches(object));
            waiting.extend(matching.map(|object| json!({"type": "ADDED", "object": object})));
            waiting.extend(says_the_end.then(|| initial_end(call, now)));
            now
        }
        text => {
            let version = text.parse().map_err(|_| status::bad_request("the resource version is no number"))?;
            if version > now {
                waiting.push_back(json!({"type": "ERROR", "object": status::expired(version)}));
            }
            version
        }
    };
    let watching = Watching {
        api: api.clone(),
        prefix: (format!("{}/{}", call.group, call.resource), call.namespace.clone()),
        selector,
        version,
        until: tokio::time::Instant::now() + Duration::from_secs(seconds),
        waiting,
    };
    let lines = stream::unfold(watching, |mut watching| async move {
        let event = watching.next().await?;
        Some((Ok(Frame::data(Bytes::from(format!("{event}\n")))), watching))
    });
    let response = Response::builder().status(200).header("content-type", "application/json");
    Ok(response.body(StreamBody::new(lines).boxed()).expect("the head is well-formed"))
}

/// What tells a client that it has seen everything that was there when it came.
fn initial_end(call: &Call, version: u64) -> Value {
    let kind = Kind::of(&call.group, &call.resource);
    let (kind, api_version) = kind.map_or_else(Default::default, |kind| (kind.name, kind.api_version()));
    let end = json!({"k8s.io/initial-events-end": "true"});
    json!({"type": "BOOKMARK", "object": {
        "kind": kind, "apiVersion": api_version,
        "metadata": {"resourceVersion": version.to_string(), "annotations": end},
    }})
}

impl Watching {
    async fn next(&mut self) -> Option<Value> {
        let mut changes = self.api.store.subscribe();
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            for change in self.api.store.since(self.version) {
                self.version = change.version;
                self.waiting.extend(self.seen(change));
            }
            if self.waiting.is_empty() {
                let version = self.version;
                tokio::time::timeout_at(self.until, changes.wait_for(|now| *now > version)).await.ok()?.ok()?;
            }
        }
    }

    /// Through a selector, what stops matching is deleted, and what begins to is added.
    fn seen(&self, change: Change) -> Option<Value> {
        let (resource, namespace) = &self.prefix;
        if &change.key.resource != resource || namespace.as_ref().is_some_and(|own| *own != change.key.namespace) {
            return None;
        }
        let matching = |object: Option<Value>| object.filter(|object| self.selector.matches(object));
        let (kind, object) = match (matching(change.before), matching(change.after)) {
            (None, None) => return None,
            (None, Some(after)) => ("ADDED", after),
            (Some(_), Some(after)) => ("MODIFIED", after),
            (Some(before), None) => ("DELETED", before),
        };
        Some(json!({"type": kind, "object": object}))
    }
}
