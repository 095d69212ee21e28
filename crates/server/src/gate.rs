//! Connections: TLS, then HTTP/1.1, each on its own. Who is at the other end goes along with every request.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::front::{self, Peer};

/// Who does not finish a handshake or a request's head in this time is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// How connections are taken, until that changes.
pub(crate) struct Gate {
    now: RwLock<(Arc<ServerConfig>, u64)>,
}

impl Gate {
    pub(crate) fn new(config: ServerConfig) -> Self {
        Gate { now: RwLock::new((Arc::new(config), 0)) }
    }

    /// From the next connection on; `generation` is what their peers carry.
    pub(crate) fn change(&self, config: ServerConfig, generation: u64) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(config), generation);
    }

    fn now(&self) -> (Arc<ServerConfig>, u64) {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Takes connections for as long as it is polled.
pub(crate) async fn listen(listener: TcpListener, gate: Arc<Gate>, router: Router) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: those that are open may close meanwhile.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (config, generation) = gate.now();
        let router = router.clone();
        tokio::spawn(async move {
            // Whoever is refused hears so from TLS or HTTP; there is nobody else to tell.
            let _ = serve(stream, config, generation, router).await;
        });
    }
}

async fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    generation: u64,
    router: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let stream = tokio::time::timeout(PATIENCE, TlsAcceptor::from(config).accept(stream)).await??;
    let certificates = stream.get_ref().1.peer_certificates();
    let peer = Peer { name: certificates.and_then(<[_]>::first).and_then(front::common_name), generation };
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await?;
    Ok(())
}
