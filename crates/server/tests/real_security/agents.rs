//! With whom the server speaks, and about which pod.

use std::sync::Arc;

use fathom_protocol::api;
use fathom_protocol::link::AUDIENCE;
use fathom_server::manifest::AGENT;
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::support::{Answer, HOME, NODE, World, with_server};

const UPGRADE: [(&str, &str); 5] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", api::SUBPROTOCOL),
];

pub(crate) async fn enter(world: &World, uid: &str) -> Answer {
    let line = format!("POST {} HTTP/1.1", api::pod_path(HOME, "target", api::Act::Enter));
    let wish = json!({"apiVersion": api::GROUP_VERSION, "kind": "EnterRequest", "spec": {"podUid": uid}});
    world.ask_as(Some(&world.front_proxy()), "jane", &line, &[], Some(wish)).await.expect("it answers")
}

pub(crate) async fn attach(world: &World, user: &str, id: &str) -> Answer {
    let line = format!("GET {} HTTP/1.1", api::session_path(id, "attach"));
    world.ask_as(Some(&world.front_proxy()), user, &line, &UPGRADE, None).await.expect("it answers")
}

#[test]
fn another_pod_of_the_same_name_is_not_entered() {
    with_server(async |world| {
        let answer = enter(world, "another").await;
        assert_eq!((answer.status, &answer.body["reason"]), (409, &"Conflict".into()), "{answer:?}");
        let answer = enter(world, "").await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let answer = enter(world, &world.uid("target")).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let id = answer.body["metadata"]["name"].as_str().unwrap_or_default();
        assert_eq!(id.len(), 32, "{answer:?}");
        // Somebody else's and none at all are the same.
        let (theirs, none) = (attach(world, "bob", id).await, attach(world, "bob", &"0".repeat(32)).await);
        assert_eq!((theirs.status, none.status), (404, 404), "{theirs:?} {none:?}");
        let lines = world.record();
        let last = lines.iter().rfind(|line| line["session"] == id).expect("it is on record");
        assert_eq!((&last["event"], &last["user"]), (&Value::from("denied"), &Value::from("bob")), "{last}");
    });
}

#[test]
fn a_certificate_that_was_replaced_is_nobody_s() {
    with_server(async |world| {
        let enrolled = async || {
            let key = KeyPair::generate().expect("a key can be made");
            let token = world.token(AGENT, AUDIENCE, Some("agent-1")).await;
            let answer = world.enrol(&token, NODE, &key).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            (answer.body["certificate"].as_str().unwrap_or_default().to_owned(), key)
        };
        let (old, new) = (enrolled().await, enrolled().await);
        // Whoever has the old one answers at the agent's address.
        for ((pem, key), expect) in [(&old, "has been replaced"), (&new, "")] {
            let answers = answer_with(world.agents, pem, key).await;
            let session = enter(world, &world.uid("target")).await;
            let id = session.body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let answer = attach(world, "jane", &id).await;
            answers.abort();
            let _ = answers.await;
            assert_eq!(answer.status, 500, "{answer:?}");
            let said = answer.body["message"].as_str().unwrap_or_default();
            assert_eq!(said.contains("has been replaced"), !expect.is_empty(), "{said}");
        }
    });
}

/// Takes TLS connections with this certificate, and says nothing.
pub(crate) async fn answer_with(port: u16, pem: &str, key: &KeyPair) -> tokio::task::JoinHandle<()> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("it is PEM");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    })
}
