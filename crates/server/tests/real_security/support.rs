//! A server of ours beside a Kubernetes of the test's own, and raw requests to both.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use fathom_cluster::{Access, Cluster};
use fathom_protocol::link;
use fathom_server::audit::{Line, Sink};
use fathom_server::authority::rotation::Terms;
use fathom_server::{Settings, manifest};
use fathom_testkit::kubernetes::{Authority, Identity, Kubernetes, NEEDS};
use fathom_testkit::need;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Where everything of ours is.
pub(crate) const HOME: &str = "fathom";
/// A node that no kubelet works for: its pods stay as they are written.
pub(crate) const NODE: &str = "node7";
/// How long two authorities are trusted before the new one signs, and after.
pub(crate) const OVERLAP: Duration = Duration::from_secs(6);
/// The one container of the pod that is entered.
const CONTAINER: &str = "containerd://4f1c";

/// What a test works with.
pub(crate) struct World {
    pub(crate) kubernetes: Arc<Kubernetes>,
    pub(crate) api: u16,
    desk: u16,
    pub(crate) agents: u16,
    record: Arc<Mutex<Vec<Line>>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// Runs `story` while a server of ours serves. Nothing, on record, where no cluster can be had.
pub(crate) fn with_server(story: impl AsyncFnOnce(&World)) {
    if need::missing(&NEEDS) {
        return;
    }
    // Held here, so that it ends outside of what is asynchronous.
    let kubernetes = Arc::new(Kubernetes::start());
    furnish(&kubernetes);
    let kubeconfig = kubernetes.kubeconfig();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let listen = async || TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback can be listened on");
        let (api, desk, agents) = (listen().await, listen().await, listen().await);
        let port = |listener: &TcpListener| listener.local_addr().expect("it listens").port();
        let record = Arc::new(Mutex::new(Vec::new()));
        let world = World { api: port(&api), desk: port(&desk), agents: port(&agents), kubernetes: kubernetes.clone(), record: record.clone() };
        drop(agents);
        let settings = Settings {
            namespace: HOME.to_owned(),
            agent_account: manifest::AGENT.to_owned(),
            agent_port: world.agents,
            certificate_life: Duration::from_secs(3600),
            authority: Terms { life: Duration::from_secs(3600), overlap: OVERLAP },
        };
        let access = Access { kubeconfig: Some(kubeconfig), ..Access::default() };
        let cluster = Cluster::open(&access).await.expect("it is a kubeconfig");
        let sink: Sink = Arc::new(move |line: &Line| record.lock().expect("nobody panics").push(line.clone()));
        tokio::select! {
            ended = fathom_server::serve(cluster, settings, (api, desk), sink, std::future::pending()) => panic!("{ended:?}"),
            () = async {
                // It listens from the start, and answers when it has read what it needs.
                until(async || world.get_plain("/readyz").await.is_ok()).await;
                story(&world).await;
            } => {}
        }
    });
}

/// What an installation would have made, and the pods that matter.
fn furnish(kubernetes: &Kubernetes) {
    let named = |name: &str| json!({"metadata": {"name": name, "namespace": HOME}});
    kubernetes.put("", "namespaces", json!({"metadata": {"name": HOME}, "status": {"phase": "Active"}}));
    kubernetes.put("", "secrets", named(manifest::AUTHORITY));
    for name in [manifest::BUNDLE, manifest::REMEMBERED] {
        kubernetes.put("", "configmaps", named(name));
    }
    let mut policy = named(manifest::POLICY);
    policy["data"] = json!({"policy.yaml": ""});
    kubernetes.put("", "configmaps", policy);
    for name in [manifest::AGENT, "other"] {
        kubernetes.put("", "serviceaccounts", named(name));
    }
    pod(kubernetes, "agent-1", NODE, manifest::AGENT);
    pod(kubernetes, "target", NODE, "other");
}

pub(crate) fn pod(kubernetes: &Kubernetes, name: &str, node: &str, account: &str) {
    let (key, value) = link::AGENT_LABEL.split_once('=').expect("it is a label");
    let labels = if account == manifest::AGENT { json!({key: value}) } else { json!({}) };
    let running =
        json!({"name": "app", "containerID": CONTAINER, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}});
    let pod = json!({
        "metadata": {"name": name, "namespace": HOME, "labels": labels},
        "spec": {"nodeName": node, "serviceAccountName": account, "containers": [{"name": "app", "image": "busybox:1.35"}]},
        "status": {"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [running]},
    });
    kubernetes.put("", "pods", pod);
}

/// Waits until it is so.
pub(crate) async fn until(mut so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !so().await {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not come to be");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl World {
    /// The certificate of our own authority, as agents get it.
    pub(crate) fn bundle(&self) -> String {
        let bundle = self.kubernetes.get("", "configmaps", HOME, manifest::BUNDLE).unwrap_or_default();
        bundle["data"]["ca.crt"].as_str().unwrap_or_default().to_owned()
    }

    /// The uid of a pod.
    pub(crate) fn uid(&self, pod: &str) -> String {
        let pod = self.kubernetes.get("", "pods", HOME, pod).unwrap_or_default();
        pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
    }

    /// What the server put on record.
    pub(crate) fn record(&self) -> Vec<Value> {
        let lines = self.record.lock().expect("nobody panics");
        lines.iter().map(|line| serde_json::to_value(line).expect("lines are plain data")).collect()
    }

    /// A request without a certificate.
    pub(crate) async fn get_plain(&self, path: &str) -> Result<Answer, String> {
        self.get_trusting(&self.bundle(), path).await
    }

    /// The same by who trusts nobody but these.
    pub(crate) async fn get_trusting(&self, authority: &str, path: &str) -> Result<Answer, String> {
        ask(self.api, config(authority, None), &format!("GET {path} HTTP/1.1"), &[], None).await
    }

    /// A request as `user`, over a connection with this certificate.
    pub(crate) async fn ask_as(
        &self,
        identity: Option<&Identity>,
        user: &str,
        line: &str,
        more: &[(&str, &str)],
        body: Option<Value>,
    ) -> Result<Answer, String> {
        let mut headers = vec![("X-Remote-User", user), ("X-Remote-Group", "system:masters")];
        headers.extend(more);
        ask(self.api, config(&self.bundle(), identity), line, &headers, body).await
    }

    /// What the API server shows.
    pub(crate) fn front_proxy(&self) -> Identity {
        self.kubernetes.front_proxy().sign("front-proxy-client", &[])
    }

    /// A token of an account, made out for `audience`, bound to a pod if one is named.
    pub(crate) async fn token(&self, account: &str, audience: &str, pod: Option<&str>) -> String {
        let kubeconfig = std::fs::read_to_string(self.kubernetes.kubeconfig()).expect("it was written");
        let kubeconfig: Value = serde_json::from_str(&kubeconfig).expect("it is JSON");
        let authority = kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"].as_str().unwrap_or_default();
        let authority = String::from_utf8(BASE64.decode(authority).expect("it is base64")).expect("it is PEM");
        let own = kubeconfig["users"][0]["user"]["token"].as_str().unwrap_or_default();
        let bound = pod.map(|name| json!({"kind": "Pod", "apiVersion": "v1", "name": name, "uid": self.uid(name)}));
        let asked = json!({"spec": {"audiences": [audience], "boundObjectRef": bound}});
        let line = format!("POST /api/v1/namespaces/{HOME}/serviceaccounts/{account}/token HTTP/1.1");
        let bearer = format!("Bearer {own}");
        let headers = [("Authorization", bearer.as_str())];
        let port = self.kubernetes.address().port();
        let answer = ask_named("127.0.0.1", port, config(&authority, None), &line, &headers, Some(asked));
        let answer = answer.await.expect("it answers");
        answer.body["status"]["token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// An enrolment for `node` with this token and this key.
    pub(crate) async fn enrol(&self, token: &str, node: &str, key: &KeyPair) -> Answer {
        let request = CertificateParams::default().serialize_request(key).and_then(|request| request.pem());
        self.enrol_with(token, node, &request.expect("it can be written")).await
    }

    /// The same with this request.
    pub(crate) async fn enrol_with(&self, token: &str, node: &str, request: &str) -> Answer {
        let asked = json!({"node": node, "request": request});
        let line = format!("POST {} HTTP/1.1", link::ENROL);
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let answer = ask(self.desk, config(&self.bundle(), None), &line, &headers, Some(asked));
        answer.await.expect("it answers")
    }
}

fn config(authority: &str, identity: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(certificate.expect("it is PEM")).expect("it is a certificate");
    }
    if let Some(identity) = identity {
        return identity.client(roots);
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn ask(
    port: u16,
    config: ClientConfig,
    line: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> impl Future<Output = Result<Answer, String>> {
    ask_named(link::SERVER, port, config, line, headers, body)
}

async fn ask_named(
    name: &'static str,
    port: u16,
    config: ClientConfig,
    line: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Result<Answer, String> {
    let said = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let name = ServerName::try_from(name).expect("it is a name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let upgrade = headers.iter().any(|(name, _)| *name == "Upgrade");
        let close = if upgrade { "" } else { "Connection: close\r\n" };
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{line}\r\nHost: {}\r\n{close}Content-Type: application/json\r\nContent-Length: {}\r\n",
            link::SERVER,
            body.len()
        );
        stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).await?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).await?;
            bytes.extend(&buffer[..count]);
            if count == 0 || whole(&bytes) {
                return std::io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    };
    let said = said.await.map_err(|error| error.to_string())?;
    let (head, body) = said.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {said:?}"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| head.to_owned())?;
    Ok(Answer { status, body: serde_json::from_str(body).unwrap_or_else(|_| json!(body)) })
}

/// Whether the answer is there with all of its body: a connection that was upgraded stays open.
fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    head.contains(" 101 ") || length.max().is_some_and(|length: usize| body.len() >= length)
}

/// The certificates of somebody else.
pub(crate) fn stranger(common: &str) -> Identity {
    Authority::new("stranger").sign(common, &[])
}
