//! TLS by rustls and ring. Trusted are Mozilla's authorities, those in the root's /etc/ssl, and `--cacert`'s.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};

use super::Talk;
use crate::frame::Trouble;

/// Where distributions keep the authorities that a company adds.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Speaks TLS over `stream`.
pub(super) fn wrap(
    stream: TcpStream,
    host: &str,
    insecure: bool,
    authority: Option<&Path>,
) -> Result<Box<dyn Talk>, Trouble> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Trouble::Failed(cause.to_string()))?;
    let config = if insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth()
    } else {
        builder.with_root_certificates(authorities(authority)?).with_no_client_auth()
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Trouble::Words(format!("not a host: `{host}`")))?;
    let connection = ClientConnection::new(Arc::new(config), name)
        .map_err(|cause| Trouble::Failed(format!("cannot start TLS: {cause}")))?;
    let mut stream = StreamOwned::new(connection, stream);
    // The handshake now, so that its failure is told as such.
    stream
        .conn
        .complete_io(&mut stream.sock)
        .map_err(Trouble::doing(format_args!("cannot agree on TLS with {host}")))?;
    Ok(Box::new(stream))
}

fn authorities(extra: Option<&Path>) -> Result<RootCertStore, Trouble> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for path in BUNDLES {
        // A root without the file has no authorities of its own; one that is no certificate is passed over.
        store.add_parsable_certificates(
            CertificateDer::pem_file_iter(path).into_iter().flatten().filter_map(Result::ok),
        );
    }
    if let Some(path) = extra {
        let unreadable = |cause: rustls::pki_types::pem::Error| {
            Trouble::Failed(format!("cannot read certificates from {}: {cause}", path.display()))
        };
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            store.add(certificate.map_err(unreadable)?).map_err(|cause| Trouble::Failed(cause.to_string()))?;
        }
    }
    Ok(store)
}

/// Believes any certificate, but still checks that the other side has its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
