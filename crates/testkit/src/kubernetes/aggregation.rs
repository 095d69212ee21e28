//! API groups that others serve: requests for them go on to a service of the cluster, under the front proxy's
//! certificate, with the name of who asks in headers.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use super::api::{Api, Body, text};
use super::status::Refusal;
use super::store::Key;
use super::user::User;

/// The common name in the front proxy's certificate.
pub(super) const FRONT_PROXY: &str = "front-proxy-client";

/// The `APIService` that a path belongs to, if another server has it.
pub(super) fn service_of(api: &Api, path: &str) -> Option<Value> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let ("apis", group, version) = (parts.next()?, parts.next()?, parts.next()?) else { return None };
    let name = format!("{version}.{group}");
    let found = api.store.get(&Key::new("apiregistration.k8s.io", "apiservices", "", &name))?;
    found["spec"]["service"].is_object().then_some(found)
}

/// Groups and versions of all of them.
pub(super) fn versions(api: &Api) -> Vec<(String, String)> {
    let (_, services) = api.store.list("apiregistration.k8s.io", "apiservices", None);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    services.iter().map(|service| (text(&service["spec"]["group"]), text(&service["spec"]["version"]))).collect()
}

/// Whether somebody is behind an aggregated version.
pub(super) fn answers(api: &Api, (group, version): &(String, String)) -> bool {
    let Some(found) = service_of(api, &format!("/apis/{group}/{version}")) else { return true };
    let service = &found["spec"]["service"];
    let text = |name: &str| service[name].as_str().unwrap_or_default();
    endpoint(api, text("namespace"), text("name"), service["port"].as_u64().unwrap_or(443)).is_some()
}

/// Asks the other server, and gives its answer; a connection that becomes something else is passed through.
pub(super) async fn forward(
    api: &Arc<Api>,
    service: &Value,
    user: &User,
    request: Request<Bytes>,
) -> Result<Response<Body>, Refusal> {
    match tried(api, service, user, request).await {
        Ok(response) => Ok(response),
        Err(error) => Ok(text(503, &format!("error trying to reach service: {error}"))),
    }
}

async fn tried(
    api: &Arc<Api>,
    service: &Value,
    user: &User,
    mut request: Request<Bytes>,
) -> Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&service["spec"]["service"]["namespace"]), text(&service["spec"]["service"]["name"]));
    let port = service["spec"]["service"]["port"].as_u64().unwrap_or(443);
    let address = endpoint(api, &namespace, &name, port).ok_or("no endpoints available for service")?;
    let mut roots = RootCertStore::empty();
    let bundle = service["spec"]["caBundle"].as_str().ok_or("the service names nobody to trust")?;
    let bundle = BASE64.decode(bundle)?;
    for certificate in CertificateDer::pem_slice_iter(&bundle) {
        roots.add(certificate?)?;
    }
    let connector = TlsConnector::from(Arc::new(api.front_proxy().sign(FRONT_PROXY, &[]).client(roots)));
    let connection = TcpStream::connect(api.faults.way_to(address)).await?;
    connection.set_nodelay(true)?;
    let server = ServerName::try_from(format!("{name}.{namespace}.svc"))?;
    let connection = connector.connect(server, connection).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await?;
    tokio::spawn(connection.with_upgrades());
    let upgrade = hyper::upgrade::on(&mut request);
    let address = request.uri().to_string();
    let (mut parts, body) = request.into_parts();
    introduce(&mut parts.headers, user);
    parts.headers.insert("host", format!("{name}.{namespace}.svc").parse()?);
    let mut response = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    if response.status() == 101 {
        let (other, api) = (hyper::upgrade::on(&mut response), api.clone());
        tokio::spawn(async move {
            if let (Ok(client), Ok(server)) = (upgrade.await, other.await) {
                let (client, server) = (tokio::io::split(TokioIo::new(client)), tokio::io::split(TokioIo::new(server)));
                let (inward, outward) = (format!("{address}#in"), format!("{address}#out"));
                tokio::join!(pass(&api, &inward, client.0, server.1), pass(&api, &outward, server.0, client.1));
            }
        });
        return Ok(response.map(|_| Full::new(Bytes::new()).boxed()));
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.remove("transfer-encoding");
    let whole = body.collect().await?.to_bytes();
    Ok(Response::from_parts(parts, Full::new(whole).boxed()))
}

/// Carries bytes one way until their end, as the API server does that passes an upgraded connection through.
async fn pass(api: &Api, address: &str, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut buffer = vec![0; 32 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        api.faults.pass(address).await;
        if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// What the caller says of itself is taken out; what the API server knows is put in.
fn introduce(headers: &mut HeaderMap, user: &User) {
    let own: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-remote-") || name.as_str().starts_with("impersonate-"))
        .cloned()
        .collect();
    for name in own.iter().chain([&hyper::header::AUTHORIZATION]) {
        headers.remove(name);
    }
    let mut say = |name: &str, value: &str| {
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).expect("it was escaped");
        if let Ok(value) = value.parse() {
            headers.append(name, value);
        }
    };
    say("x-remote-user", &user.name);
    if !user.uid.is_empty() {
        say("x-remote-uid", &user.uid);
    }
    for group in &user.groups {
        say("x-remote-group", group);
    }
    for (key, values) in &user.extra {
        let key = key.replace('%', "%25").replace('/', "%2f");
        for value in values {
            say(&format!("x-remote-extra-{key}"), value);
        }
    }
}

/// A ready pod behind a service, and the port that it listens on.
fn endpoint(api: &Api, namespace: &str, name: &str, port: u64) -> Option<SocketAddr> {
    let service = api.store.get(&Key::new("", "services", namespace, name))?;
    let wanted = service["spec"]["selector"].as_object()?;
    let ports = service["spec"]["ports"].as_array()?;
    let port = ports.iter().find(|own| own["port"].as_u64() == Some(port))?;
    let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
    let (_, pods) = api.store.list("", "pods", Some(namespace));
    let ready = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
        let fits = wanted.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value);
        fits && conditions.iter().any(|one| one["type"] == json!("Ready") && one["status"] == json!("True"))
    };
    let pod = pods.iter().find(ready)?;
    let named = || {
        let ports = pod["spec"]["containers"].as_array()?.iter().filter_map(|container| container["ports"].as_array());
        ports.flatten().find(|own| &own["name"] == target)?["containerPort"].as_u64()
    };
    let port = target.as_u64().or_else(named)?;
    let address = pod["status"]["podIP"].as_str()?.parse().ok()?;
    Some(SocketAddr::new(address, u16::try_from(port).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_introduces_themselves() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("x-remote-user", "root"), ("x-remote-group", "system:masters"), ("x-remote-extra-a", "b")]
        {
            headers.insert(name, value.parse().expect("a value"));
        }
        let extra = [("authentication.kubernetes.io/pod-name".to_owned(), vec!["p".to_owned()])].into();
        let user = User { name: "ann".into(), groups: vec!["dev".into()], extra, ..User::default() };
        introduce(&mut headers, &user);
        let got: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
        let expect = [
            ("x-remote-user", "ann"),
            ("x-remote-group", "dev"),
            ("x-remote-extra-authentication.kubernetes.io%2fpod-name", "p"),
        ];
        assert_eq!(got, expect);
    }
}
