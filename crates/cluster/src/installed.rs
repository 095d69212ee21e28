//! The client's side of a server that is installed in the cluster: a session is asked for, its streams are a WebSocket.
//!
//! Everything goes through the API server, which authenticates, audits and passes on.

use std::time::Duration;

use fathom_model::{Class, Failure};
use fathom_protocol::Entry;
use fathom_protocol::api::{
    self, Act, Archive, EnterRequest, EnterSpec, GROUP, GROUP_VERSION, SUBPROTOCOL, Session, SessionList,
};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use serde::de::DeserializeOwned;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::conversation::{self, Listener, Speaker};
use crate::error::{Tried, failure};
use crate::{Cluster, Located, Next};

/// Whether a cluster has a server of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It answers.
    Served,
    /// It is installed, and does not answer: why.
    Silent(String),
    /// There is none, or we may not know of it.
    Absent,
}

/// How long the API server may take to say whether our group is served.
const PRESENCE: Duration = Duration::from_secs(10);

/// How long a session and its streams may take to be granted: the server asks the cluster, and tries an agent more than
/// once.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a session is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// The node of this name.
    Node(String),
    /// All containers of a pod, which is only for who looks at them.
    Pod {
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        pod: String,
        /// The pod's uid.
        uid: String,
    },
    /// A container of a pod, whether it runs or not.
    Container {
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        pod: String,
        /// The pod's uid.
        uid: String,
        /// The container's name.
        name: String,
    },
}

impl From<&Located> for Goal {
    fn from(located: &Located) -> Self {
        match &located.container {
            None => Goal::Node(located.node.clone()),
            Some(container) => Goal::Container {
                namespace: container.namespace.clone(),
                pod: container.pod.clone(),
                uid: container.uid.clone(),
                name: container.name.clone(),
            },
        }
    }
}

impl From<&Next> for Goal {
    fn from(next: &Next) -> Self {
        Goal::Container {
            namespace: next.namespace.clone(),
            pod: next.pod.clone(),
            uid: next.uid.clone(),
            name: next.container.clone(),
        }
    }
}

impl Cluster {
    /// Asks whether our group is served.
    pub async fn server(&self) -> Result<Presence, Failure> {
        let path = format!("/apis/{GROUP_VERSION}");
        let Ok(answer) = tokio::time::timeout(PRESENCE, self.client.request_text(get(&path))).await else {
            return Ok(Presence::Silent(format!("it says nothing within {} s", PRESENCE.as_secs())));
        };
        match answer {
            Ok(_) => Ok(Presence::Served),
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {
                let installed = self.is_installed().await;
                let away = "it is starting, or it is down, and has taken its announcement back";
                Ok(if installed { Presence::Silent(away.to_owned()) } else { Presence::Absent })
            }
            Err(kube::Error::Api(status)) if status.code >= 500 => {
                Ok(Presence::Silent(self.unavailable().await.unwrap_or(status.message)))
            }
            Err(error) => Err(failure(tried("get", "sessions", None, ""), error)),
        }
    }

    /// A server that goes takes its announcement back; what everybody may see of an installation stays.
    async fn is_installed(&self) -> bool {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{}", api::EVERYBODY);
        self.client.request_text(get(&path)).await.is_ok()
    }

    /// Asks for a session at `goal`, or for one that takes in `archive` on its node. The node is told by the server,
    /// and not by us.
    pub async fn ask(&self, goal: &Goal, entry: Entry, archive: Option<Archive>) -> Result<Session, Failure> {
        self.ask_to(Act::Enter, goal, EnterSpec { entry, archive, ..EnterSpec::default() }).await
    }

    async fn ask_to(&self, act: Act, goal: &Goal, spec: EnterSpec) -> Result<Session, Failure> {
        let (nodes, pods) = match act {
            Act::Enter => ("nodes/enter", "pods/enter"),
            Act::Trace => ("nodes/trace", "pods/trace"),
        };
        let (path, spec, tried) = match goal {
            Goal::Node(node) => (api::node_path(node, act), spec, tried("create", nodes, None, node)),
            Goal::Pod { namespace, pod, uid } => (
                api::pod_path(namespace, pod, act),
                EnterSpec { pod_uid: Some(uid.clone()), ..spec },
                tried("create", pods, Some(namespace), pod),
            ),
            Goal::Container { namespace, pod, uid, name } => (
                api::pod_path(namespace, pod, act),
                EnterSpec { pod_uid: Some(uid.clone()), container: Some(name.clone()), ..spec },
                tried("create", pods, Some(namespace), pod),
            ),
        };
        let body = serde_json::to_vec(&EnterRequest::new(act, spec)).expect("wishes are plain data");
        let answer = tokio::time::timeout(PATIENCE, self.answer(post(&path, body))).await.map_err(|_| silent())?;
        answer.map_err(|error| refused(tried, error))
    }

    /// A session where `goal` says, and its streams. A server that has started afresh meanwhile knows nothing of
    /// what it has granted: nothing has begun then, and it is asked once more.
    pub async fn begin_session(&self, act: Act, goal: &Goal, entry: Entry) -> Result<(Speaker, Listener), Failure> {
        let spec = EnterSpec { entry, ..EnterSpec::default() };
        let session = self.ask_to(act, goal, spec.clone()).await?;
        match self.attach(&session.metadata.name).await {
            Err(failure) if failure.class == Class::NotFound => {
                let session = self.ask_to(act, goal, spec).await?;
                self.attach(&session.metadata.name).await
            }
            result => result,
        }
    }

    /// The streams of a session that we have asked for.
    pub async fn attach(&self, session: &str) -> Result<(Speaker, Listener), Failure> {
        let tried = tried("get", "sessions/attach", None, session);
        let key = generate_key();
        let request = http::Request::get(api::session_path(session, "attach"))
            .header(http::header::CONNECTION, "Upgrade")
            .header(http::header::UPGRADE, "websocket")
            .header(http::header::SEC_WEBSOCKET_VERSION, "13")
            .header(http::header::SEC_WEBSOCKET_KEY, &key)
            .header(http::header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
            .body(Body::empty())
            .expect("it is well formed");
        let response = tokio::time::timeout(PATIENCE, self.client.send(request)).await.map_err(|_| silent())?;
        let response = response.map_err(|error| failure(tried, error))?;
        if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
            let code = response.status();
            let text = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            return Err(refused(tried, kube::Error::Api(Box::new(status(code, &text)))));
        }
        let headers = response.headers().clone();
        let header = |name: http::header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if header(http::header::SEC_WEBSOCKET_ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_str())
            || header(http::header::SEC_WEBSOCKET_PROTOCOL) != Some(SUBPROTOCOL)
        {
            return Err(Failure::new(
                Class::System,
                "what answers for the cluster's server does not speak our protocol",
            )
            .hinting("use the same version of fathom on both sides; --agentless goes without the server"));
        }
        let upgraded =
            hyper::upgrade::on(response).await.map_err(|error| failure(tried, kube::Error::HyperError(error)))?;
        let stream: conversation::Socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(limits())).await;
        Ok(conversation::over(stream))
    }

    /// Our own sessions.
    pub async fn sessions(&self) -> Result<Vec<Session>, Failure> {
        let list: SessionList = self
            .answer(get(&api::sessions_path()))
            .await
            .map_err(|error| refused(tried("list", "sessions", None, ""), error))?;
        Ok(list.items)
    }

    /// Ends a session of ours.
    pub async fn kill(&self, session: &str) -> Result<(), Failure> {
        self.say_of(session, "kill", tried("create", "sessions/kill", None, session)).await
    }

    /// Lets the container that a session of ours holds go on.
    pub async fn release(&self, session: &str) -> Result<(), Failure> {
        self.say_of(session, "release", tried("create", "sessions/release", None, session)).await
    }

    async fn say_of(&self, session: &str, action: &str, tried: Tried<'_>) -> Result<(), Failure> {
        let answer: Result<serde_json::Value, _> =
            self.answer(post(&api::session_path(session, action), Vec::new())).await;
        answer.map(drop).map_err(|error| refused(tried, error))
    }

    async fn answer<T: DeserializeOwned>(&self, request: http::Request<Vec<u8>>) -> kube::Result<T> {
        self.client.request(request).await
    }
}

fn silent() -> Failure {
    Failure::new(Class::System, format!("the server of the cluster does not answer within {PATIENCE:?}"))
        .hinting("its pod's log says more; --agentless goes past it")
}

/// A time of the API, in seconds since 1970; the beginning of all where it is none.
pub fn since(time: &str) -> u64 {
    time.parse::<k8s_openapi::jiff::Timestamp>().map_or(0, |time| u64::try_from(time.as_second()).unwrap_or(0))
}

/// One message holds as much as anybody reads at once, and no more.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(4 << 20)).max_frame_size(Some(4 << 20))
}

fn get(path: &str) -> http::Request<Vec<u8>> {
    http::Request::get(path).body(Vec::new()).expect("it is well formed")
}

fn post(path: &str, body: Vec<u8>) -> http::Request<Vec<u8>> {
    http::Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .expect("it is well formed")
}

fn tried<'a>(verb: &'a str, resource: &'a str, namespace: Option<&'a str>, name: &'a str) -> Tried<'a> {
    Tried { verb, resource, group: GROUP, namespace, name }
}

/// What an API server says when it refuses an upgrade.
fn status(code: http::StatusCode, body: &[u8]) -> kube::core::Status {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        kube::core::Status::failure(&String::from_utf8_lossy(body), code.canonical_reason().unwrap_or_default())
            .with_code(code.as_u16())
    })
}

/// Our own server says message, cause and hint apart; the API server in front of it knows nothing of hints.
fn refused(tried: Tried<'_>, error: kube::Error) -> Failure {
    let said = |status: &kube::core::Status, part: &str| {
        let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
        causes.iter().find(|cause| cause.reason == part).map(|cause| cause.message.clone())
    };
    if let kube::Error::Api(status) = &error
        && let Some(message) = said(status, "Message")
    {
        let class = match status.code {
            401 | 403 => Class::Denied,
            404 | 409 => Class::NotFound,
            400 | 422 => Class::Usage,
            501 => Class::Unsupported,
            _ => Class::System,
        };
        return Failure { class, message, cause: said(status, "Cause"), hint: said(status, "Hint") };
    }
    failure(tried, error)
}
