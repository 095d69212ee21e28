//! The agent of a node where fathom is installed: it listens, with TLS, for one peer, the server of the cluster.
//!
//! Each conversation is a WebSocket, and a relay of its own, executed afresh: nothing here joins a namespace, and this
//! process has tokio in it. A connection that is gone ends its relay, and the relay its session.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fathom_enter::failure::refused;

use fathom_model::Failure;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;

mod conversation;
mod credentials;
mod enrolment;

pub use credentials::Credentials;

/// How an agent is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its node.
    pub node: String,
    /// Where the server takes enrolments: `10.96.3.7:8444`.
    pub server: String,
    /// The certificate that the server is verified by, PEM. May come later.
    pub authority: PathBuf,
    /// Its own token, which the kubelet renews.
    pub token: PathBuf,
    /// The folder for its key and certificate, which should be in memory and live as long as its pod.
    pub keys: PathBuf,
    /// The program that is executed as `relay` for each conversation.
    pub program: PathBuf,
}

/// How long after a failed enrolment the next one is tried; doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// How often is looked whether others are to be trusted. A kubelet takes longer to say so.
const LOOK: Duration = Duration::from_secs(10);

/// Who does not finish a handshake in this time is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// What connections are taken with; nothing before there is a certificate.
type Now = Option<Arc<ServerConfig>>;

/// Listens at `address` until `stop`, once there is a certificate; `tell` hears of what goes wrong meanwhile.
///
/// # Errors
/// When nobody can listen there.
pub async fn serve(
    settings: Settings,
    address: SocketAddr,
    tell: impl Fn(&Failure),
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (change, now) = watch::channel(Now::None);
    let settings = Arc::new(settings);
    tokio::select! {
        () = renew(&settings, &change, tell) => Ok(()),
        result = accept(address, &settings, now) => result,
        () = stop => Ok(()),
    }
}

/// Keeps a certificate that is good: gets one where there is none, and another after two thirds of its life, or when
/// others are to be trusted.
async fn renew(settings: &Settings, now: &watch::Sender<Now>, tell: impl Fn(&Failure)) {
    let mut pause = SHORTEST;
    let mut kept = Credentials::load(&settings.keys);
    loop {
        if let Some(credentials) = kept.take() {
            let trusted = std::fs::read(&settings.authority).ok();
            match credentials.config(&settings.authority) {
                Ok(config) => {
                    now.send_replace(Some(Arc::new(config)));
                    tokio::select! {
                        () = tokio::time::sleep(credentials.until_renewal()) => {}
                        () = others(&settings.authority, trusted) => {}
                    }
                }
                Err(failure) => tell(&failure),
            }
        }
        match enrolment::enrol(settings).await {
            Ok(credentials) => {
                pause = SHORTEST;
                kept = Some(credentials);
            }
            Err(failure) => {
                tell(&failure);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
}

/// Returns when others are to be trusted than these.
async fn others(authority: &Path, these: Option<Vec<u8>>) {
    loop {
        tokio::time::sleep(LOOK).await;
        // A file that is not there says nothing.
        if let Ok(now) = std::fs::read(authority)
            && Some(&now) != these.as_ref()
        {
            return;
        }
    }
}

async fn accept(address: SocketAddr, settings: &Arc<Settings>, mut now: watch::Receiver<Now>) -> Result<(), Failure> {
    // Without a certificate there is nobody to be, and nothing that looks ready.
    if now.wait_for(Option::is_some).await.is_err() {
        return Ok(());
    }
    let listener = TcpListener::bind(address).await.map_err(|error| refused(format!("listen on {address}"), error))?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: those that are open may close meanwhile.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Some(config) = now.borrow().clone() else { continue };
        let settings = settings.clone();
        tokio::spawn(async move {
            // Whoever is refused hears so from TLS; there is nobody else to tell.
            let _ = conversation::serve(stream, config, &settings).await;
        });
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())
}
