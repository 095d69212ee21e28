//! Somebody who has a certificate and a key that were another's, and answers with them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

/// Answers until the cluster ends.
#[derive(Debug)]
pub struct Impostor {
    address: SocketAddr,
    met: Arc<Met>,
}

#[derive(Debug, Default)]
struct Met {
    came: AtomicUsize,
    believed: AtomicUsize,
}

impl Impostor {
    pub(super) async fn at(own: &str, (certificate, key): (&str, &str)) -> Impostor {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("it is a certificate");
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("it is a key");
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("they belong together");
        let listener = TcpListener::bind((own, 0)).await.expect("the address can be listened on");
        let address = listener.local_addr().expect("it is bound");
        let met = Arc::new(Met::default());
        let own = met.clone();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((connection, _)) = listener.accept().await {
                own.came.fetch_add(1, Ordering::Relaxed);
                // To have shaken hands is to have been believed: whoever does not, breaks off before.
                if acceptor.accept(connection).await.is_ok() {
                    own.believed.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Impostor { address, met }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many came, and how many of them believed it.
    pub fn met(&self) -> (usize, usize) {
        (self.met.came.load(Ordering::Relaxed), self.met.believed.load(Ordering::Relaxed))
    }
}
