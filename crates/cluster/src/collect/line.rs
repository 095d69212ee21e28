//! Requests to an API server, and what it takes to believe that it has gone: one that is throttled is asked again, one
//! that breaks off once more, and one that stays silent is not asked any more.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use k8s_openapi::jiff;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use super::View;
use crate::error::causes;

/// How long an answer may take to begin, with all the times that a server that is too busy has asked for patience.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a page may take to come.
const WHOLE: Duration = Duration::from_secs(60);

/// The pause before a request is made once more.
const PAUSE: Duration = Duration::from_millis(300);

/// After so many failures with no answer between them nobody is there.
const GONE: u32 = 4;

/// The largest page: nobody lists so much.
const LARGEST: usize = 256 << 20;

const OBJECTS: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Why something cannot be read.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    /// To whom it is forbidden.
    Forbidden(String),
    /// The server does not know these credentials.
    Unknown,
    Missing,
    /// The beginning of a list is forgotten; with what goes on from there all the same.
    Expired(Option<String>),
    /// Nobody answers, or in the middle no more.
    Silent(String),
    Other(String),
}

impl Refusal {
    /// In words.
    pub(super) fn reason(&self) -> String {
        match self {
            Refusal::Forbidden(who) => format!("forbidden to {who}"),
            Refusal::Unknown => "the cluster does not know these credentials any more".to_owned(),
            Refusal::Missing => "there is none".to_owned(),
            Refusal::Expired(_) => "it changes faster than it can be read".to_owned(),
            Refusal::Silent(why) => format!("the API server stopped answering: {why}"),
            Refusal::Other(why) => why.clone(),
        }
    }
}

/// The way to an API server.
pub(super) struct Line {
    client: Client,
    requests: AtomicUsize,
    failures: AtomicU32,
    gone: AtomicBool,
    now: AtomicI64,
}

impl Line {
    pub(super) fn new(client: Client) -> Line {
        let (requests, failures) = (AtomicUsize::new(0), AtomicU32::new(0));
        Line { client, requests, failures, gone: AtomicBool::new(false), now: AtomicI64::new(i64::MIN) }
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn now(&self) -> Option<i64> {
        Some(self.now.load(Ordering::Relaxed)).filter(|now| *now != i64::MIN)
    }

    /// What is at an address.
    pub(super) async fn get(&self, address: &str, view: View) -> Result<Vec<u8>, Refusal> {
        self.ask(address, if view == View::Metadata { METADATA } else { OBJECTS }).await
    }

    /// What is served.
    pub(super) async fn discover(&self, address: &str) -> Result<Vec<u8>, Refusal> {
        self.ask(address, DISCOVERY).await
    }

    async fn ask(&self, address: &str, accept: &str) -> Result<Vec<u8>, Refusal> {
        let mut answer = self.once(address, accept).await;
        if matches!(answer, Err(Refusal::Silent(_))) && !self.gone.load(Ordering::Relaxed) {
            tokio::time::sleep(PAUSE).await;
            answer = self.once(address, accept).await;
        }
        answer
    }

    async fn once(&self, address: &str, accept: &str) -> Result<Vec<u8>, Refusal> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(Refusal::Silent("it failed too often".to_owned()));
        }
        let answer = self.request(address, accept).await;
        match &answer {
            Err(Refusal::Silent(_)) => {
                if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= GONE {
                    self.gone.store(true, Ordering::Relaxed);
                }
            }
            _ => self.failures.store(0, Ordering::Relaxed),
        }
        answer
    }

    async fn request(&self, address: &str, accept: &str) -> Result<Vec<u8>, Refusal> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let request = Request::get(address).header(header::ACCEPT, accept).body(Body::empty());
        let request = request.map_err(|error| Refusal::Other(format!("`{address}` is no address: {error}")))?;
        let answer = tokio::time::timeout(ANSWER, self.client.send(request)).await;
        let answer = answer.map_err(|_| Refusal::Silent(format!("no answer within {} s", ANSWER.as_secs())))?;
        let answer = answer.map_err(|error| match error {
            kube::Error::Auth(error) => Refusal::Other(format!("cannot log in: {}", causes(&error))),
            other => Refusal::Silent(causes(&other)),
        })?;
        let (head, mut body) = answer.into_parts();
        let date = head.headers.get(header::DATE).and_then(|value| value.to_str().ok()).and_then(moment);
        if let Some(now) = date {
            self.now.fetch_max(now, Ordering::Relaxed);
        }
        let mut bytes = Vec::new();
        let whole = async {
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| Refusal::Silent(causes(&error)))?;
                bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                if bytes.len() > LARGEST {
                    return Err(Refusal::Other(format!("a page has more than {} MiB", LARGEST >> 20)));
                }
            }
            Ok(())
        };
        tokio::time::timeout(WHOLE, whole)
            .await
            .map_err(|_| Refusal::Silent(format!("an answer did not end within {} s", WHOLE.as_secs())))??;
        if head.status.is_success() { Ok(bytes) } else { Err(refusal(head.status, &bytes)) }
    }
}

/// What a status that is no success means.
fn refusal(status: StatusCode, bytes: &[u8]) -> Refusal {
    let body = serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let said = body["message"].as_str().map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), str::to_owned);
    let said = said.lines().next().unwrap_or_default().trim();
    match status.as_u16() {
        401 => Refusal::Unknown,
        403 => Refusal::Forbidden(who(said).unwrap_or("whoever asks").to_owned()),
        404 => Refusal::Missing,
        410 => {
            Refusal::Expired(body["metadata"]["continue"].as_str().filter(|token| !token.is_empty()).map(str::to_owned))
        }
        429 => Refusal::Other("the API server is too busy, and was asked seven times".to_owned()),
        code if said.is_empty() => Refusal::Other(format!("the API server answered {code}")),
        code => Refusal::Other(format!("the API server answered {code}: {said}")),
    }
}

/// `ada` of `pods is forbidden: User "ada" cannot list …`
fn who(message: &str) -> Option<&str> {
    message.split_once("User \"")?.1.split_once('"').map(|(who, _)| who)
}

/// The `Date` of an answer.
fn moment(text: &str) -> Option<i64> {
    let text = text.strip_suffix("GMT").map_or_else(|| text.to_owned(), |rest| format!("{rest}+0000"));
    jiff::fmt::rfc2822::parse(&text).ok().map(|time| time.timestamp().as_second())
}

/// A value of a query.
pub(super) fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_clock_is_read() {
        assert_eq!(moment("Fri, 20 Nov 2026 23:29:27 GMT"), Some(1_795_217_367));
        assert_eq!(moment("yesterday"), None);
    }

    #[test]
    fn who_is_refused_is_told() {
        let said = r#"{"message": "pods is forbidden: User \"ada\" cannot list resource \"pods\" in API group \"\" at the cluster scope"}"#;
        assert_eq!(refusal(StatusCode::FORBIDDEN, said.as_bytes()).reason(), "forbidden to ada");
        assert_eq!(escape("a+b/c="), "a%2Bb%2Fc%3D");
    }
}
