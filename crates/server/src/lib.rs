//! The server in a cluster: the API group `fathom.dev`, behind the API server.
//!
//! **Owns** who gets a session, which streams belong to whom, which agents are ours, and the record of all that.
//! **Does not** authenticate (the API server does), decide about rights (RBAC does), or enter anything (agents do, who
//! are another crate: both know only the protocol). It prints nothing: what happens goes to a sink.
//!
//! Read in this order: `api` (what can be asked), `front` (who asks), `admission` (who gets what), [`policy`],
//! `sessions`, `agents` and `bridge` (the streams), `legacy` (sessions of the server before), `enrolment` and [`authority`]
//! (certificates), `upkeep` (what changes meanwhile).

mod admission;
mod agents;
mod api;
pub mod audit;
pub mod authority;
mod bridge;
mod discovery;
mod enrolment;
mod front;
mod gate;
mod legacy;
pub mod manifest;
pub mod policy;
mod refusal;
mod service;
mod sessions;
mod upkeep;

use std::future::Future;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use fathom_cluster::Cluster;
use fathom_cluster::server::{Kept, KeptIn};
use fathom_model::{Class, Failure};
use ring::rand::SecureRandom as _;
use tokio::net::TcpListener;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use agents::Agents;
use audit::Sink;
use authority::rotation::Terms;
use authority::{Authority, Identity, Keyring};
use enrolment::Desk;
use front::Front;
use gate::Gate;
use service::Server;
use sessions::Sessions;
use upkeep::Upkeep;

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The namespace that it is installed in.
    pub namespace: String,
    /// The service account of agents.
    pub agent_account: String,
    /// Where agents listen.
    pub agent_port: u16,
    /// How long an agent's certificate is good.
    pub certificate_life: Duration,
    /// How long our authority is, and how one follows the other.
    pub authority: Terms,
}

/// How long we take our leave.
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves the API on one listener and the enrolment of agents on the other, until `stop`.
///
/// # Errors
/// When what a server cannot do without is not there: its own objects, or what the API server says of itself.
pub async fn serve(
    cluster: Cluster,
    settings: Settings,
    (api, desk): (TcpListener, TcpListener),
    sink: Sink,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let settings = Arc::new(settings);
    let kept = |kind, name: &str| Kept { kind, namespace: settings.namespace.clone(), name: name.to_owned() };
    let (authority, bundle) = (kept(KeptIn::Secret, manifest::AUTHORITY), kept(KeptIn::ConfigMap, manifest::BUNDLE));
    let keyring = Arc::new(Keyring::new(Authority::keep(&cluster, &authority, settings.authority).await?));
    let published = keyring.now().bundle.clone();
    upkeep::publish(&cluster, &bundle, &published).await?;
    let front = Front { proxy: cluster.front_proxy().await?, generation: 0 };
    let remembered = kept(KeptIn::ConfigMap, manifest::REMEMBERED);
    let (serving, manner) = upkeep::papers(&keyring.now(), &settings)?;
    let gates = (Arc::new(Gate::new(facing(&front, &serving)?)), Arc::new(Gate::new(plain(&serving)?)));
    let server = Arc::new(Server {
        agents: Agents::new(cluster.clone(), settings.clone(), remembered.clone(), manner),
        remembered: remembered.clone(),
        legacy: Default::default(),
        cluster: cluster.clone(),
        policy: kept(KeptIn::ConfigMap, manifest::POLICY),
        sessions: Sessions::default(),
        front: RwLock::new(Arc::new(front)),
        sink: sink.clone(),
        settings: settings.clone(),
    });
    let enrolment = Desk { cluster, settings, keyring: keyring.clone(), remembered, sink };
    let instance = fresh_id();
    let (renewed, announced) = (Some(Instant::now()), None);
    let upkeep = Upkeep {
        authority,
        bundle,
        instance: instance.clone(),
        keyring,
        gates: gates.clone(),
        serving,
        renewed,
        published,
        announced,
    };
    tokio::select! {
        () = gate::listen(api, gates.0, api::router(server.clone())) => {}
        () = gate::listen(desk, gates.1, enrolment::router(Arc::new(enrolment))) => {}
        () = upkeep.go_on(&server) => {}
        () = stop => {
            let goodbye = server.cluster.withdraw(&instance);
            return tokio::time::timeout(GOODBYE, goodbye).await.unwrap_or(Ok(()));
        }
    }
    Ok(())
}

/// For the API server, which shows a certificate; what keeps us alive has none, and gets no further than that.
fn facing(front: &Front, identity: &Identity) -> Result<ServerConfig, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(front.proxy.authority.as_bytes()) {
        let certificate = certificate.map_err(|error| tls("read the authority of the API server", error))?;
        roots.add(certificate).map_err(|error| tls("use the authority of the API server", error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| tls("use the authority of the API server", error))?;
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config
                .with_client_cert_verifier(verifier)
                .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        })
        .map_err(|error| tls("use our own certificate", error))
}

/// For agents, which have no certificate yet.
fn plain(identity: &Identity) -> Result<ServerConfig, Failure> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config.with_no_client_auth().with_single_cert(identity.chain.clone(), identity.key.clone_key())
        })
        .map_err(|error| tls("use our own certificate", error))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())
}

fn tls(what: &str, cause: impl std::fmt::Display) -> Failure {
    Failure { cause: Some(cause.to_string()), ..Failure::new(Class::System, format!("cannot {what}")) }
}

/// SHA-256, in hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

/// 128 bits that nobody guesses.
fn fresh_id() -> String {
    let mut bytes = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the kernel has random numbers");
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
