//! A certificate from the server: our key, our token, and the server's word that both belong to this node.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use fathom_model::{Class, Failure};
use fathom_protocol::link::{self, Enrolled, Enrolment};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};

use super::credentials::{Credentials, now, roots};
use super::{Settings, provider};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The key that our token was last used for: the server takes no other for the same token.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    token: String,
    key: String,
}

const BEGUN: &str = "begun.json";

/// Asks for a certificate, and keeps it.
pub(super) async fn enrol(settings: &Settings) -> Result<Credentials, Failure> {
    let roots = roots(&settings.authority)?;
    let token = fs::read_to_string(&settings.token).map_err(|error| failed("read the agent's token", error))?;
    let token = token.trim();
    let key = key(settings, token)?;
    let request = CertificateParams::default().serialize_request(&key).and_then(|request| request.pem());
    let request = request.map_err(|error| failed("ask for a certificate", error))?;
    let asked = Enrolment { node: settings.node.clone(), request };
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed("speak with the server", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let answer = tokio::time::timeout(PATIENCE, ask(settings, token, &asked, config)).await;
    let enrolled =
        answer.map_err(|_| failed("enrol with the server", format!("it does not answer within {PATIENCE:?}")))??;
    let credentials =
        Credentials { key: key.serialize_pem(), certificate: enrolled.certificate, since: now(), life: enrolled.life };
    credentials.keep(&settings.keys).map_err(|error| failed("keep the agent's certificate", error))?;
    Ok(credentials)
}

/// The key for this token: a new one for each, as the kubelet brings one, and the same where we have asked before.
fn key(settings: &Settings, token: &str) -> Result<KeyPair, Failure> {
    let path = settings.keys.join(BEGUN);
    let begun = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Begun>(&text).ok());
    if let Some(begun) = begun.filter(|begun| begun.token == token)
        && let Ok(key) = KeyPair::from_pem(&begun.key)
    {
        return Ok(key);
    }
    let key = KeyPair::generate().map_err(|error| failed("make a key", error))?;
    let begun = Begun { token: token.to_owned(), key: key.serialize_pem() };
    let kept = super::credentials::write(&path, &serde_json::to_vec(&begun).expect("it is plain data"));
    kept.map_err(|error| failed("keep the agent's key", error))?;
    Ok(key)
}

async fn ask(settings: &Settings, token: &str, asked: &Enrolment, config: ClientConfig) -> Result<Enrolled, Failure> {
    let lost = |error: &dyn std::fmt::Display| failed("enrol with the server", error.to_string());
    let (host, port) = address(&settings.server)?;
    let stream = TcpStream::connect((host, port)).await.map_err(|error| lost(&error))?;
    // Whatever it is reached by, this is what it is called.
    let name = ServerName::try_from(link::SERVER).expect("it is a DNS name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| lost(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
    let connection = tokio::spawn(connection);
    let body = serde_json::to_vec(asked).expect("it is plain data");
    let request = hyper::Request::post(link::ENROL)
        .header(header::HOST, link::SERVER)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| lost(&error))?;
    let response = sender.send_request(request).await.map_err(|error| lost(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), 1 << 20).collect().await.map_err(|error| lost(&error))?.to_bytes();
    drop(sender);
    connection.abort();
    if !status.is_success() {
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let cause = said["message"].as_str().map_or_else(|| status.to_string(), str::to_owned);
        return Err(failed("enrol with the server", cause).hinting("the server's audit lines say more"));
    }
    serde_json::from_slice(&body).map_err(|error| lost(&error))
}

/// `HOST:PORT`, where a host of IPv6 may stand bare.
fn address(text: &str) -> Result<(&str, u16), Failure> {
    let parts =
        text.rsplit_once(':').and_then(|(host, port)| Some((host.trim_matches(['[', ']']), port.parse().ok()?)));
    parts.ok_or_else(|| {
        Failure::new(Class::Usage, format!("`{text}` is no HOST:PORT"))
            .hinting("the service of the server has to exist before the agents start")
    })
}

fn failed(what: &str, cause: impl ToString) -> Failure {
    Failure { cause: Some(cause.to_string()), ..Failure::new(Class::System, format!("cannot {what}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_reached_by_any_kind_of_address() {
        assert_eq!(address("10.96.3.7:8444"), Ok(("10.96.3.7", 8444)));
        assert_eq!(address("fd00::7:8444"), Ok(("fd00::7", 8444)));
        assert_eq!(address("[fd00::7]:8444"), Ok(("fd00::7", 8444)));
        assert!(address("$(FATHOM_SERVER_SERVICE_HOST):x").is_err());
    }
}
