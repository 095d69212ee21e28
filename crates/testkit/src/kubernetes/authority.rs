//! A certificate authority of a test's own, and what it signs.

use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};

/// One authority.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// PKCS #8.
    pub key: Vec<u8>,
    /// Both as PEM, the certificate first.
    pub pem: (String, String),
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// Never: its parameters are fixed.
    pub fn new(name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are no mistake");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("the parameters are sound");
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Authority { pem, der, issuer: Issuer::new(params, key) }
    }

    /// Its certificate as PEM: what others trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for this common name and these DNS names or addresses, for servers and clients both.
    ///
    /// # Panics
    /// When a name cannot stand in a certificate.
    #[track_caller]
    pub fn sign(&self, common: &str, names: &[&str]) -> Identity {
        self.sign_from(common, names, SystemTime::UNIX_EPOCH)
    }

    /// The same, valid from then on.
    ///
    /// # Panics
    /// When a name cannot stand in a certificate.
    #[track_caller]
    pub fn sign_from(&self, common: &str, names: &[&str], from: SystemTime) -> Identity {
        let key = KeyPair::generate().expect("a key can be made");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are well-formed");
        params.distinguished_name.push(DnType::CommonName, common);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = from.into();
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are sound");
        let pem = (certificate.pem(), key.serialize_pem());
        Identity { certificate: certificate.der().clone(), key: key.serialize_der(), pem }
    }

    /// Those who trust this authority and nobody else.
    ///
    /// # Panics
    /// Never: its own certificate is one.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("an authority's certificate is one");
        roots
    }
}

impl Identity {
    fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.certificate.clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone())))
    }

    /// A server with this identity, which asks nobody for theirs.
    ///
    /// # Panics
    /// Never: certificate and key belong together.
    pub fn server(&self) -> ServerConfig {
        let (chain, key) = self.parts();
        let builder = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("ring has them");
        builder.with_no_client_auth().with_single_cert(chain, key).expect("they belong together")
    }

    /// A client with this identity that trusts `roots`.
    ///
    /// # Panics
    /// Never: certificate and key belong together.
    pub fn client(&self, roots: RootCertStore) -> ClientConfig {
        let (chain, key) = self.parts();
        let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("ring has them");
        builder.with_root_certificates(roots).with_client_auth_cert(chain, key).expect("they belong together")
    }
}
