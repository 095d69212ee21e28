//! From a request to its answer: who asks, whether they may, and who answers it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response};
use serde_json::{Value, json};

use super::authority::Authority;
use super::call::Call;
use super::fault::Faults;
use super::kubelet::Kubelet;
use super::status::{self, Refusal};
use super::store::{Key, Store};
use super::user::{self, Tokens, User};
use super::{aggregation, exec, kind, objects, rbac, reviews};

pub(super) type Body = BoxBody<Bytes, Infallible>;

/// What every request is answered from.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) store: Store,
    pub(super) tokens: Tokens,
    pub(super) faults: Faults,
    /// Signs the API server's own certificate.
    pub(super) authority: Authority,
    /// Signs the certificate that the API server shows to those it forwards to.
    pub(super) front_proxy: Mutex<Arc<Authority>>,
    pub(super) nodes: Mutex<Vec<Arc<Kubelet>>>,
    /// Logs of containers that no node runs: namespace, pod, container, and whether of the run before.
    pub(super) logs: Mutex<BTreeMap<(String, String, String, bool), String>>,
    /// Where it listens.
    pub(super) address: OnceLock<std::net::SocketAddr>,
    /// The cluster ends.
    pub(super) stopping: Arc<AtomicBool>,
}

impl Api {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Who signs what the API server shows to those it forwards to.
    pub(super) fn front_proxy(&self) -> Arc<Authority> {
        self.front_proxy.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The kubelet of the node with this name.
    pub(super) fn node(&self, name: &str) -> Option<Arc<Kubelet>> {
        let nodes = self.nodes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        nodes.iter().find(|node| node.name() == name).cloned()
    }
}

/// A request whose body has been read. Connections that change their protocol keep it for that.
pub(super) struct Asking {
    pub(super) user: User,
    pub(super) call: Call,
    pub(super) headers: HeaderMap,
    pub(super) request: Request<Bytes>,
}

impl Asking {
    /// The body as an object. The real one reads protobuf too.
    pub(super) fn object(&self) -> Result<Value, Refusal> {
        let format = self.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if format.contains("protobuf") {
            return Err(status::unsupported(format));
        }
        serde_json::from_slice(self.request.body())
            .map_err(|error| status::bad_request(&format!("the object provided is unrecognized: {error}")))
    }
}

/// Never fails: whatever goes wrong has a status.
pub(super) async fn handle(api: Arc<Api>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if api.faults.hear(request.method().as_str(), &request.uri().to_string()) {
        // Nobody is there to answer.
        std::future::pending::<()>().await;
    }
    api.faults.pass(&request.uri().to_string()).await;
    let answered = match api.faults.strike(request.uri().path()) {
        Some(refusal) => Err(refusal),
        None => answer(&api, request).await,
    };
    Ok(answered.unwrap_or_else(|refusal| refused(&refusal)))
}

async fn answer(api: &Arc<Api>, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let user = user::authenticate(request.headers(), &api.tokens, &api.store)?;
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let Some(call) = Call::parse(request.method(), &path, &query) else {
        if let Some(service) = aggregation::service_of(api, &path) {
            return aggregation::forward(api, &service, &user, whole(request).await?).await;
        }
        return Ok(about_itself(api, &path, request.headers()));
    };
    if api.faults.hidden().contains(&call.group) {
        return Ok(text(404, "404 page not found\n"));
    }
    authorize(api, &user, &call)?;
    let headers = request.headers().clone();
    let request = whole(request).await?;
    if let Some(service) = aggregation::service_of(api, &path) {
        return aggregation::forward(api, &service, &user, request).await;
    }
    let asking = Asking { user, call, headers, request };
    match (asking.call.resource.as_str(), asking.call.subresource.as_deref()) {
        ("pods", Some("exec")) => exec::start(api, asking),
        ("pods", Some("log")) => log(api, &asking.call),
        _ => match reviews::answer(api, &asking)? {
            Some(review) => Ok(json_body(201, &review)),
            None => objects::answer(api, &asking),
        },
    }
}

/// Reads the body; the connection stays with the request, so that it can become something else.
async fn whole(request: Request<Incoming>) -> Result<Request<Bytes>, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.map_err(|error| status::bad_request(&error.to_string()))?.to_bytes();
    Ok(Request::from_parts(parts, bytes))
}

/// RBAC's word on what was asked, before anybody else hears of it.
pub(super) fn authorize(api: &Api, user: &User, call: &Call) -> Result<(), Refusal> {
    let reviews_oneself = ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"];
    let asked = rbac::Asked {
        verb: call.verb,
        group: &call.group,
        resource: &call.resource,
        subresource: call.subresource.as_deref().unwrap_or_default(),
        namespace: call.namespace.as_deref().unwrap_or_default(),
        name: call.name.as_deref().unwrap_or_default(),
    };
    let known = user.groups.iter().any(|group| group == "system:authenticated");
    if (known && reviews_oneself.contains(&call.resource.as_str())) || rbac::allows(&api.store, user, &asked) {
        Ok(())
    } else {
        Err(status::forbidden(call, user))
    }
}

/// What a container has written so far, or the end of it.
fn log(api: &Arc<Api>, call: &Call) -> Result<Response<Body>, Refusal> {
    let pod = api.store.get(&key(call)).ok_or_else(|| status::not_found(call))?;
    let first = || pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default();
    let container = call.parameter("container").unwrap_or_else(first);
    let name = call.name.as_deref().unwrap_or_default();
    let previous = call.parameter("previous") == Some("true");
    let place = (call.namespace.clone().unwrap_or_default(), name.to_owned(), container.to_owned(), previous);
    let kept = api.logs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&place).cloned();
    if kept.is_none() && previous {
        let said = format!("previous terminated container \"{container}\" in pod \"{name}\" not found");
        return Err(status::bad_request(&said));
    }
    let kubelet = pod["spec"]["nodeName"].as_str().and_then(|node| api.node(node));
    let written = || {
        let place = kubelet.and_then(|kubelet| kubelet.log(&pod, container))?;
        Some(String::from_utf8_lossy(&std::fs::read(place).unwrap_or_default()).into_owned())
    };
    let whole = kept.or_else(written).ok_or_else(|| {
        status::bad_request(&format!("container \"{container}\" in pod \"{name}\" is waiting to start"))
    })?;
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let wanted = call.parameter("tailLines").and_then(|count| count.parse().ok()).unwrap_or(lines.len());
    let mut end = lines[lines.len().saturating_sub(wanted)..].concat();
    if let Some(most) = call.parameter("limitBytes").and_then(|count| count.parse().ok()) {
        end = String::from_utf8_lossy(&end.as_bytes()[..end.len().min(most)]).into_owned();
    }
    Ok(text(200, &end))
}

/// How resources are told with their groups.
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Versions, health and what is served.
fn about_itself(api: &Api, path: &str, headers: &HeaderMap) -> Response<Body> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let found = match parts.as_slice() {
        ["version"] => Some(json!({
            "major": "1", "minor": "34", "gitVersion": "v1.34.0+fathom-testkit", "platform": "linux/amd64",
            "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "",
        })),
        ["healthz" | "readyz" | "livez"] => return text(200, "ok"),
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => {
            let (others, hidden) = (aggregation::versions(api), api.faults.hidden());
            let wanted = headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
            if !wanted.starts_with(DISCOVERY) {
                return json_body(200, &kind::groups(&others, &hidden));
            }
            let stale: Vec<_> = others.iter().filter(|one| !aggregation::answers(api, one)).cloned().collect();
            return body(200, DISCOVERY, kind::discovery(&others, &hidden, &stale).to_string());
        }
        ["api", version] => kind::resources("", version),
        ["apis", group, version] => kind::resources(group, version),
        _ => None,
    };
    found.map_or_else(|| text(404, "404 page not found\n"), |value| json_body(200, &value))
}

pub(super) fn refused(refusal: &Refusal) -> Response<Body> {
    let mut response = json_body(refusal.code, &refusal.body);
    if let Some(seconds) = refusal.body["details"]["retryAfterSeconds"].as_u64() {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

pub(super) fn json_body(code: u16, value: &Value) -> Response<Body> {
    body(code, "application/json", value.to_string())
}

pub(super) fn text(code: u16, text: &str) -> Response<Body> {
    body(code, "text/plain; charset=utf-8", text.to_owned())
}

fn body(code: u16, kind: &str, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).boxed();
    let response =
        Response::builder().status(code).header("content-type", kind).header("cache-control", "no-cache, private");
    response.body(body).expect("the head is well-formed")
}

/// The key of what a call names.
pub(super) fn key(call: &Call) -> Key {
    let (namespace, name) = (call.namespace.as_deref().unwrap_or_default(), call.name.as_deref().unwrap_or_default());
    Key::new(&call.group, &call.resource, namespace, name)
}
