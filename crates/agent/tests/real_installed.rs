//! Whom an installed agent speaks with: the server of its cluster, and nobody else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fathom_agent::installed::{self, Settings};
use fathom_protocol::api::SUBPROTOCOL;
use fathom_protocol::link;
use fathom_testkit::Scratch;
use fathom_testkit::kubernetes::{Authority, Identity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

const NAME: &str = "node1.agent.fathom.dev";

/// Keeps what an enrolment would have brought, and serves with it.
async fn with_agent(authority: &Authority, story: impl AsyncFnOnce(SocketAddr)) {
    let folder = Scratch::new("agent");
    let own = authority.sign("node1", &[NAME]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after the epoch").as_secs();
    let kept = serde_json::json!({"key": own.pem.1, "certificate": own.pem.0, "since": now, "life": 3600});
    std::fs::write(folder.join("credentials.json"), kept.to_string()).expect("it is ours");
    std::fs::write(folder.join("ca.crt"), authority.pem()).expect("it is ours");
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback can be listened on");
    let address = free.local_addr().expect("it listens");
    drop(free);
    let settings = Settings {
        node: "node1".into(),
        server: "127.0.0.1:1".into(),
        authority: folder.join("ca.crt"),
        token: folder.join("token"),
        keys: folder.path().to_owned(),
        // What it starts for a conversation does not matter here: whether there is one does.
        program: "/bin/true".into(),
    };
    tokio::select! {
        ended = installed::serve(settings, address, |failure| panic!("{failure}"), std::future::pending()) => panic!("{ended:?}"),
        () = story(address) => {}
    }
}

/// What comes back for the beginning of a conversation.
async fn greet(
    address: SocketAddr,
    roots: RootCertStore,
    identity: Option<&Identity>,
    path: &str,
) -> Result<String, String> {
    let config = match identity {
        Some(identity) => identity.client(roots),
        None => ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(roots)
            .with_no_client_auth(),
    };
    let started = Instant::now();
    let stream = loop {
        match TcpStream::connect(address).await {
            Ok(stream) => break stream,
            Err(error) if started.elapsed() > Duration::from_secs(10) => return Err(error.to_string()),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    let said = async {
        let name = ServerName::try_from(NAME).expect("it is a name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
    };
    said.await.map_err(|error| error.to_string())
}

#[test]
fn nobody_but_the_server_is_heard() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let authority = Authority::new("fathom");
    runtime.block_on(with_agent(&authority, async |address| {
        let roots = authority.roots();
        let server = authority.sign("server", &[link::SERVER]);
        let heard = greet(address, roots.clone(), Some(&server), link::CONVERSE).await.expect("it is heard");
        assert!(heard.starts_with("HTTP/1.1 101 "), "{heard}");
        let elsewhere = greet(address, roots.clone(), Some(&server), "/").await.expect("it is heard");
        assert!(elsewhere.starts_with("HTTP/1.1 404 "), "{elsewhere}");

        let agent = authority.sign("node2", &["node2.agent.fathom.dev"]);
        let own = authority.sign("node1", &[NAME]);
        let nameless = authority.sign(link::SERVER, &[]);
        let stranger = Authority::new("fathom").sign("server", &[link::SERVER]);
        for (who, identity) in [
            ("nobody", None),
            ("another agent", Some(&agent)),
            ("the agent itself", Some(&own)),
            ("one that has the server's name where it does not count", Some(&nameless)),
            ("somebody else's server", Some(&stranger)),
        ] {
            let heard = greet(address, roots.clone(), identity, link::CONVERSE).await;
            // A client learns of the refusal when it reads, or by the end of the connection.
            assert!(heard.as_ref().map_or(true, String::is_empty), "{who} is heard: {heard:?}");
        }
    }));
}
