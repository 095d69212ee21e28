//! An agent's key and certificate, kept for as long as its pod lives, and whom it accepts with them.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fathom_model::{Class, Failure};
use fathom_protocol::link;
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    self, CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use super::provider;

/// What is in memory, and in a folder that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// PEM.
    pub(super) key: String,
    /// PEM.
    pub(super) certificate: String,
    /// When it was got, in seconds since 1970.
    pub(super) since: u64,
    /// Seconds that it is good for.
    pub(super) life: u64,
}

const FILE: &str = "credentials.json";

impl Credentials {
    /// Those of a container of the same pod before us, if they are still good for a while.
    pub(super) fn load(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(FILE)).ok()?;
        let kept: Credentials = serde_json::from_slice(&text).ok()?;
        (!kept.until_renewal().is_zero()).then_some(kept)
    }

    /// Keeps them, for nobody but us to read.
    pub(super) fn keep(&self, folder: &Path) -> io::Result<()> {
        write(&folder.join(FILE), &serde_json::to_vec(self).expect("they are plain data"))
    }

    /// How long they need no renewal; nothing when it is time.
    pub(super) fn until_renewal(&self) -> Duration {
        let due = self.since + self.life / 3 * 2;
        Duration::from_secs(due.saturating_sub(now()))
    }

    /// How connections are taken with them: only from the server, as it is named in certificates of `authority`.
    pub(super) fn config(&self, authority: &Path) -> Result<ServerConfig, Failure> {
        let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authority)?), provider())
            .build()
            .map_err(|error| unusable(&error))?;
        let name = ServerName::try_from(link::SERVER).expect("it is a DNS name");
        let certificates = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let chain = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| unusable(&error))?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|error| unusable(&error))?;
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|config| {
                config.with_client_cert_verifier(Arc::new(OnlyServer { inner, name })).with_single_cert(chain, key)
            })
            .map_err(|error| unusable(&error))
    }
}

/// Writes a file that is there in full or not at all, for nobody but us to read.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let half = path.with_extension("new");
    let mut file = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(&half)?;
    file.write_all(bytes)?;
    fs::rename(half, path)
}

/// The authority, once it is there.
pub(super) fn roots(authority: &Path) -> Result<RootCertStore, Failure> {
    let missing = |cause: String| {
        Failure {
            cause: Some(cause),
            ..Failure::new(Class::System, format!("cannot read the server's authority from {}", authority.display()))
        }
        .hinting("it comes when the server has started")
    };
    let text = fs::read(authority).map_err(|error| missing(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| missing(error.to_string()))?;
        roots.add(certificate).map_err(|error| missing(error.to_string()))?;
    }
    if roots.is_empty() { Err(missing("there is no certificate in it".to_owned())) } else { Ok(roots) }
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn unusable(cause: &dyn std::fmt::Display) -> Failure {
    Failure { cause: Some(cause.to_string()), ..Failure::new(Class::System, "cannot use the agent's certificate") }
}

/// A certificate of our authority that is a client's, and names the server: not that of another agent.
#[derive(Debug)]
struct OnlyServer {
    inner: Arc<dyn ClientCertVerifier>,
    name: ServerName<'static>,
}

impl ClientCertVerifier for OnlyServer {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_name(&certificate, &self.name)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
