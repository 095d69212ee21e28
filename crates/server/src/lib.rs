//! The server in a cluster: the API group `fathom.dev`, behind the API server.
//!
//! **Owns** who gets a session, which streams belong to whom, which agents are ours, and the record of all that.
//! **Does not** authenticate (the API server does), decide about rights (RBAC does), or enter anything (agents do, who
//! are another crate: both know only the protocol). It prints nothing: what happens goes to a sink.
//!
//! Read in this order: `api` (what can be asked), `front` (who asks), `admission` (who gets what), [`policy`],
//! `sessions`, `agents` and `bridge` (the streams), `enrolment` and [`authority`] (certificates).

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

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use fathom_cluster::Cluster;
use fathom_cluster::server::{Announced, Kept, KeptIn};
use fathom_model::{Class, Failure};
use fathom_protocol::link;
use ring::rand::SecureRandom as _;
use tokio::net::TcpListener;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use agents::Agents;
use audit::{Happened, Line, Sink};
use authority::{Authority, Identity};
use enrolment::Desk;
use front::Front;
use gate::Gate;
use service::Server;
use sessions::Sessions;

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
}

/// How long our own certificates are good; they are replaced after half of that.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// How often is looked after everything that may change.
const ROUND: Duration = Duration::from_secs(30);

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
    let authority = Arc::new(Authority::keep(&cluster, &kept(KeptIn::Secret, manifest::AUTHORITY)).await?);
    publish(&cluster, &kept(KeptIn::ConfigMap, manifest::BUNDLE), &authority).await?;
    let front = Front { proxy: cluster.front_proxy().await?, generation: 0 };
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate()?).map_err(|error| tls("use our own authority", error))?;
    let remembered = kept(KeptIn::ConfigMap, manifest::REMEMBERED);
    let identity = authority.speaking(LIFE)?;
    let serving = serving(&authority, &settings)?;
    let gates = (Arc::new(Gate::new(facing(&front, &serving)?)), Arc::new(Gate::new(plain(&serving)?)));
    let server = Arc::new(Server {
        agents: Agents::new(cluster.clone(), settings.clone(), remembered.clone(), Arc::new(roots), identity),
        remembered: remembered.clone(),
        legacy: Default::default(),
        cluster: cluster.clone(),
        policy: kept(KeptIn::ConfigMap, manifest::POLICY),
        sessions: Sessions::default(),
        front: RwLock::new(Arc::new(front)),
        sink: sink.clone(),
        settings: settings.clone(),
    });
    let enrolment = Desk { cluster, settings, authority: authority.clone(), remembered, sink };
    let instance = fresh_id();
    tokio::select! {
        () = gate::listen(api, gates.0.clone(), api::router(server.clone())) => {}
        () = gate::listen(desk, gates.1.clone(), enrolment::router(Arc::new(enrolment))) => {}
        () = keep(&server, &authority, &instance, serving, gates) => {}
        () = stop => {
            let goodbye = server.cluster.withdraw(&instance);
            return tokio::time::timeout(GOODBYE, goodbye).await.unwrap_or(Ok(()));
        }
    }
    Ok(())
}

/// Looks after what may change: what the API server says of itself, what it expects of us, our own certificates, and
/// sessions that are no more.
async fn keep(
    server: &Server,
    authority: &Authority,
    instance: &str,
    mut serving: Identity,
    gates: (Arc<Gate>, Arc<Gate>),
) {
    let service = Announced { namespace: &server.settings.namespace, name: manifest::SERVER, instance };
    let (mut fresh, mut announced) = (Instant::now(), false);
    loop {
        let mut troubles = Vec::new();
        // Once: who takes it away afterwards wants us gone.
        if !announced {
            let result = server.cluster.announce(service, &authority.pem).await;
            announced = result.is_ok();
            troubles.extend(result.err());
        }
        let renew = fresh.elapsed() > LIFE / 2;
        if renew {
            match self::serving(authority, &server.settings).and_then(|own| Ok((own, authority.speaking(LIFE)?))) {
                Ok((own, speaking)) => {
                    serving = own;
                    server.agents.change(speaking);
                    fresh = Instant::now();
                }
                Err(failure) => troubles.push(failure),
            }
        }
        troubles.extend(reload(server, &serving, &gates, renew).await.err());
        for failure in troubles {
            let cause = failure.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
            (server.sink)(&Line::new(Happened::Trouble).because(format!("{failure}{cause}")));
        }
        server.tidy().await;
        tokio::time::sleep(ROUND).await;
    }
}

/// Believes from now on whom the API server says to believe from now on.
async fn reload(
    server: &Server,
    serving: &Identity,
    gates: &(Arc<Gate>, Arc<Gate>),
    renew: bool,
) -> Result<(), Failure> {
    let old = server.front();
    let proxy = server.cluster.front_proxy().await?;
    let changed = proxy != old.proxy;
    let front = Front { proxy, generation: old.generation + u64::from(changed) };
    if changed || renew {
        gates.0.change(facing(&front, serving)?, front.generation);
        gates.1.change(plain(serving)?, 0);
        *server.front.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(front);
    }
    Ok(())
}

/// Agents verify us by this before they have anything else.
async fn publish(cluster: &Cluster, kept: &Kept, authority: &Authority) -> Result<(), Failure> {
    cluster.amend(kept, |texts| drop(texts.insert("ca.crt".to_owned(), authority.pem.clone()))).await
}

fn serving(authority: &Authority, settings: &Settings) -> Result<Identity, Failure> {
    authority.serving(&[format!("{}.{}.svc", manifest::SERVER, settings.namespace), link::SERVER.to_owned()], LIFE)
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
