//! The API's port: TLS on every address of the cluster's own network namespace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::api::{Api, handle};
use super::kubelet::GATEWAY;

/// Listens with a certificate that is valid from then on; answers for as long as the runtime that this is called in
/// lives.
pub(super) async fn listen(api: Arc<Api>, from: SystemTime) -> std::io::Result<SocketAddr> {
    let names = ["127.0.0.1", GATEWAY, "localhost", "kubernetes.default.svc"];
    let identity = api.authority.sign_from("kube-apiserver", &names, from);
    let acceptor = TlsAcceptor::from(Arc::new(identity.server()));
    let listener = TcpListener::bind("0.0.0.0:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = api.faults.death() => return,
            };
            let Ok((connection, _)) = accepted else { return };
            let (api, acceptor) = (api.clone(), acceptor.clone());
            tokio::spawn(async move {
                let _ = connection.set_nodelay(true);
                let Ok(connection) = acceptor.accept(connection).await else { return };
                let own = api.clone();
                let service = service_fn(move |request| handle(own.clone(), request));
                let serving = http1::Builder::new().serve_connection(TokioIo::new(connection), service).with_upgrades();
                tokio::select! {
                    // A client that goes in the middle is its own business.
                    _ = serving => {}
                    () = api.faults.death() => {}
                }
            });
        }
    });
    Ok(address)
}
