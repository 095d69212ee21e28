//! The group `fathom.dev`, as the API server passes it on to us.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use axum::{Extension, Router};
use fathom_model::{Class, Failure};
use fathom_protocol::api::{Act, EnterRequest, GROUP_VERSION, SUBPROTOCOL, SessionList};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::admission::Target;
use crate::front::Peer;
use crate::refusal::{Refusal, object};
use crate::service::{Server, Visit};
use crate::{bridge, discovery};

/// Everything that can be asked.
pub(crate) fn router(server: Arc<Server>) -> Router {
    let in_group = |path: &str| format!("/apis/{GROUP_VERSION}{path}");
    let fixed = |document: fn() -> serde_json::Value| get(move || async move { object(StatusCode::OK, &document()) });
    Router::new()
        .route("/apis", fixed(discovery::groups))
        .route("/apis/fathom.dev", fixed(discovery::group))
        .route(&in_group(""), fixed(discovery::resources))
        .route(&in_group("/namespaces/{namespace}/pods/{name}/enter"), post(enter_pod))
        .route(&in_group("/nodes/{name}/enter"), post(enter_node))
        .route(&in_group("/namespaces/{namespace}/pods/{name}/trace"), post(trace_pod))
        .route(&in_group("/nodes/{name}/trace"), post(trace_node))
        .route(&in_group("/sessions"), get(list))
        .route(&in_group("/sessions/{id}/attach"), get(attach))
        .route(&in_group("/sessions/{id}/kill"), post(kill))
        .route(&in_group("/sessions/{id}/release"), post(release))
        .fallback(|| async { Refusal::from(Failure::new(Class::NotFound, "there is no such path")).response() })
        .layer(middleware::from_fn_with_state(server.clone(), authenticate))
        .route("/healthz", get(async || "ok"))
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(async || "ok"))
        .with_state(server)
}

/// Nobody gets further without the API server's word for who they are.
async fn authenticate(
    State(server): State<Arc<Server>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    match server.front().person(&peer, request.headers()) {
        Some(person) => {
            let audit_id = request.headers().get("audit-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
            request.extensions_mut().insert(Visit { person, audit_id });
            next.run(request).await
        }
        None => Refusal::unauthorized().response(),
    }
}

async fn enter_pod(
    State(server): State<Arc<Server>>,
    Extension(visit): Extension<Visit>,
    Path((namespace, name)): Path<(String, String)>,
    body: Bytes,
) -> Response<Body> {
    grant(&server, &visit, Act::Enter, Target::Pod { namespace, name }, &body).await
}

async fn enter_node(
    State(server): State<Arc<Server>>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response<Body> {
    grant(&server, &visit, Act::Enter, Target::Node { name }, &body).await
}

async fn trace_pod(
    State(server): State<Arc<Server>>,
    Extension(visit): Extension<Visit>,
    Path((namespace, name)): Path<(String, String)>,
    body: Bytes,
) -> Response<Body> {
    grant(&server, &visit, Act::Trace, Target::Pod { namespace, name }, &body).await
}

async fn trace_node(
    State(server): State<Arc<Server>>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response<Body> {
    grant(&server, &visit, Act::Trace, Target::Node { name }, &body).await
}

async fn grant(server: &Arc<Server>, visit: &Visit, act: Act, target: Target, body: &[u8]) -> Response<Body> {
    let granted = match read(act, body) {
        Ok(request) => server.grant(visit, act, target, request.spec).await,
        Err(failure) => Err(failure.into()),
    };
    match granted {
        Ok(session) => object(StatusCode::CREATED, &session),
        Err(refusal) => refusal.response(),
    }
}

fn read(act: Act, body: &[u8]) -> Result<EnterRequest, Failure> {
    let unread = |cause: String| Failure { cause: Some(cause), ..Failure::new(Class::Usage, "cannot read the wish") };
    let request: EnterRequest = serde_json::from_slice(body).map_err(|error| unread(error.to_string()))?;
    if (request.api_version.as_str(), request.kind.as_str()) != (GROUP_VERSION, act.kind()) {
        let (kind, version) = (&request.kind, &request.api_version);
        let what = format!("it is {kind} of {version}, not {} of {GROUP_VERSION}", act.kind());
        return Err(unread(what).hinting("use the same version of fathom on both sides"));
    }
    Ok(request)
}

async fn list(State(server): State<Arc<Server>>, Extension(visit): Extension<Visit>) -> Response<Body> {
    let list = SessionList {
        api_version: GROUP_VERSION.to_owned(),
        kind: "SessionList".to_owned(),
        metadata: Default::default(),
        items: server.list(&visit.person).await,
    };
    object(StatusCode::OK, &list)
}

async fn kill(
    State(server): State<Arc<Server>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Response<Body> {
    done(server.kill(&visit, &id).await)
}

async fn release(
    State(server): State<Arc<Server>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Response<Body> {
    done(server.release(&visit, &id).await)
}

fn done(result: Result<(), Refusal>) -> Response<Body> {
    match result {
        Ok(()) => {
            object(StatusCode::OK, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}))
        }
        Err(refusal) => refusal.response(),
    }
}

/// The streams of a session. The agent is spoken with first, so that what goes wrong there is an answer.
///
/// All of it is a task of its own: a request is forgotten with the connection of whoever made it, and nobody would give
/// the session back that was taken for it.
async fn attach(
    State(server): State<Arc<Server>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    mut request: Request,
) -> Response<Body> {
    let key = match websocket(request.headers()) {
        Ok(key) => key,
        Err(failure) => return Refusal::from(failure).response(),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let (held, agent) = match server.come(&visit, &id).await {
            Ok(come) => come,
            Err(refusal) => return drop(tell.send(Err(refusal))),
        };
        let client = if tell.send(Ok(())).is_ok() { upgraded(upgrade).await } else { None };
        server.carry(held, client, agent).await;
    });
    match told.await {
        Ok(Ok(())) => {}
        Ok(Err(refusal)) => return refusal.response(),
        Err(_) => return Refusal::from(Failure::new(Class::System, "the session could not be come to")).response(),
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let mut set = |name, value: &str| {
        response.headers_mut().insert(name, value.parse().expect("it is ASCII"));
    };
    set(header::CONNECTION, "Upgrade");
    set(header::UPGRADE, "websocket");
    set(header::SEC_WEBSOCKET_ACCEPT, &key);
    set(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    response
}

/// The client's side, if there still is one.
async fn upgraded(upgrade: OnUpgrade) -> Option<bridge::Client> {
    let stream = TokioIo::new(upgrade.await.ok()?);
    Some(WebSocketStream::from_raw_socket(stream, Role::Server, Some(bridge::limits())).await)
}

/// What to accept a WebSocket of ours with (RFC 6455, 4.2.1).
fn websocket(headers: &HeaderMap) -> Result<String, Failure> {
    let has = |name: header::HeaderName, wanted: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(wanted))
    };
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let ours = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13")
        && has(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    match key.filter(|_| ours) {
        Some(key) => Ok(derive_accept_key(key.as_bytes())),
        None => Err(Failure::new(Class::Usage, format!("a session's streams are a WebSocket of `{SUBPROTOCOL}`"))),
    }
}
