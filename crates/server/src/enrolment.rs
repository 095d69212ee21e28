//! How an agent gets its certificate: by a token that the cluster says is its own, for the node that its pod runs on.
//!
//! What is remembered of each node is one text in a ConfigMap, so that a server that starts afresh knows it too: the
//! fingerprint of the last certificate, and for which key each token was used.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fathom_cluster::Cluster;
use fathom_cluster::server::{Kept, Person};
use fathom_model::{Class, Failure};
use fathom_protocol::link::{self, Enrolled, Enrolment};
use serde::{Deserialize, Serialize};

use crate::audit::{Happened, Line, Sink};
use crate::authority::{Issued, Keyring};
use crate::refusal::{Refusal, object};
use crate::{Settings, digest};

/// What is remembered of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Of the last certificate.
    pub(crate) fingerprint: String,
    /// When that ends, in seconds since 1970.
    until: i64,
    /// Tokens that have been used: for which key, and until when they are good.
    tokens: BTreeMap<String, Used>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    key: String,
    until: i64,
}

/// What answers.
pub(crate) struct Desk {
    pub(crate) cluster: Cluster,
    pub(crate) settings: Arc<Settings>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) remembered: Kept,
    pub(crate) sink: Sink,
}

/// Who shows a token, and what is known of the token.
struct Bearer {
    person: Person,
    token: String,
    until: i64,
}

impl Remembered {
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// The one thing that can be asked here.
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    Router::new().route(link::ENROL, post(enrol)).with_state(desk)
}

async fn enrol(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let asked: Result<Enrolment, _> = serde_json::from_slice(&body);
    let node = asked.as_ref().ok().map(|asked| asked.node.clone());
    let line = |event| Line { node: node.clone(), ..Line::new(event) };
    let answer = async {
        let asked = asked.map_err(|error| Failure {
            cause: Some(error.to_string()),
            ..Failure::new(Class::Usage, "cannot read what is asked")
        })?;
        let bearer = desk.bearer(&headers).await?;
        desk.check(&bearer, &asked.node).await?;
        let issued = desk.keyring.now().agent(&asked.node, &asked.request, desk.settings.certificate_life)?;
        desk.remember(&bearer, &asked.node, &issued).await?;
        Ok((bearer.person, issued))
    };
    match answer.await {
        Ok((person, issued)) => {
            (desk.sink)(&line(Happened::Enrolled).by(&person));
            let life = desk.settings.certificate_life.as_secs();
            object(StatusCode::OK, &Enrolled { certificate: issued.pem, life })
        }
        Err(failure) => {
            let failure: Failure = failure;
            let cause = failure.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
            (desk.sink)(&line(Happened::EnrolmentRefused).because(format!("{failure}{cause}")));
            Refusal::from(failure).response()
        }
    }
}

impl Desk {
    /// Whose token it is, by the cluster's word.
    async fn bearer(&self, headers: &HeaderMap) -> Result<Bearer, Failure> {
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if token.is_empty() {
            return Err(Failure::new(Class::Denied, "an agent shows no token"));
        }
        let person = self.cluster.whose(token, link::AUDIENCE).await?;
        let person =
            person.ok_or_else(|| Failure::new(Class::Denied, "the token is none that the cluster gave out for us"))?;
        let name = one(&person, "credential-id").unwrap_or_else(|| digest(token.as_bytes()));
        // Only after the cluster has found it good is anything in it believed.
        let until = expiry(token).unwrap_or_else(|| now() + 24 * 3600);
        Ok(Bearer { person, token: name, until })
    }

    /// The token has to be of a pod of the agents' own account, which runs on the node.
    async fn check(&self, bearer: &Bearer, node: &str) -> Result<(), Failure> {
        let no = |why: String| Err(Failure::new(Class::Denied, why));
        let Settings { namespace, agent_account, .. } = &*self.settings;
        if bearer.person.name != format!("system:serviceaccount:{namespace}:{agent_account}") {
            return no(format!("{} is no agent", bearer.person.name));
        }
        let (Some(name), Some(uid)) = (one(&bearer.person, "pod-name"), one(&bearer.person, "pod-uid")) else {
            return no("the token is bound to no pod".to_owned());
        };
        if let Some(bound) = one(&bearer.person, "node-name").filter(|bound| bound != node) {
            return no(format!("the token's pod runs on {bound}, and asks for {node}"));
        }
        let pod = self.cluster.pod_facts(namespace, &name).await?;
        if pod.uid != uid || pod.leaves {
            return no(format!("the token's pod {name} is gone"));
        }
        if pod.account != *agent_account || pod.node.as_deref() != Some(node) {
            return no(format!("the token's pod {name} is no agent on {node}"));
        }
        Ok(())
    }

    /// A token is good for one key; and the last certificate of a node is the only one that is.
    async fn remember(&self, bearer: &Bearer, node: &str, issued: &Issued) -> Result<(), Failure> {
        let now = now();
        let life = i64::try_from(self.settings.certificate_life.as_secs()).unwrap_or(i64::MAX);
        let used = self
            .cluster
            .amend(&self.remembered, |texts| {
                texts.retain(|_, text| Remembered::read(text).is_none_or(|known| known.is_needed(now)));
                let known = texts.get(node).and_then(|text| Remembered::read(text));
                let mut tokens = known.map(|known| known.tokens).unwrap_or_default();
                tokens.retain(|_, used| used.until > now);
                if tokens.get(&bearer.token).is_some_and(|used| used.key != issued.key) {
                    return true;
                }
                tokens.insert(bearer.token.clone(), Used { key: issued.key.clone(), until: bearer.until });
                let known = Remembered { fingerprint: issued.fingerprint.clone(), until: now + life, tokens };
                texts.insert(node.to_owned(), serde_json::to_string(&known).expect("it is plain data"));
                false
            })
            .await?;
        if used {
            return Err(Failure::new(Class::Denied, "the token has been used for another key: somebody replays it"));
        }
        Ok(())
    }
}

impl Remembered {
    fn is_needed(&self, now: i64) -> bool {
        self.until > now || self.tokens.values().any(|used| used.until > now)
    }
}

/// What the cluster says beside the name.
fn one(person: &Person, key: &str) -> Option<String> {
    person.extra.get(&format!("authentication.kubernetes.io/{key}"))?.first().cloned()
}

/// When a token ends, as it says itself (RFC 7519, `exp`).
fn expiry(token: &str) -> Option<i64> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<serde_json::Value>(&payload).ok()?.get("exp")?.as_i64()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
