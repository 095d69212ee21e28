//! Our own certificates: one authority, kept in the cluster, and the short-lived ones that it gives out. Another takes
//! its place in time: see [`rotation`].
//!
//! Three kinds, told apart by what they may be used for and by the name in them: the server's as a server, the
//! server's as a client of agents, and an agent's. None can stand in for another.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use fathom_cluster::{Cluster, server::Kept};
use fathom_model::{Class, Failure};
use fathom_protocol::link;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::digest;

pub mod rotation;

use rotation::Terms;

/// Under which keys its two halves are kept.
const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";

/// Clocks of a cluster differ.
const SKEW: Duration = Duration::from_secs(300);

/// What gives out certificates.
pub struct Authority {
    /// Its own certificate, PEM.
    pub pem: String,
    /// Of everybody who is trusted: itself, the one before and the one after it.
    pub bundle: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The authority of this moment, for all who need it.
pub struct Keyring(RwLock<Arc<Authority>>);

impl Keyring {
    /// With this one.
    pub fn new(authority: Authority) -> Self {
        Keyring(RwLock::new(Arc::new(authority)))
    }

    /// The one that signs now.
    pub fn now(&self) -> Arc<Authority> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this one.
    pub fn change(&self, authority: Authority) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(authority);
    }
}

/// A certificate with its key, in memory only.
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// What an agent gets, and what is remembered of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, PEM.
    pub pem: String,
    /// Of the certificate.
    pub fingerprint: String,
    /// Of the key in it.
    pub key: String,
}

impl Authority {
    /// The one that is kept there, made and kept first if there is none, and a step further on its way to the next one
    /// if it is time. Of several servers that come at once, one does it.
    pub async fn keep(cluster: &Cluster, kept: &Kept, terms: Terms) -> Result<Self, Failure> {
        let now = jiff::Timestamp::now().as_second();
        let texts = cluster.amend(kept, |texts| rotation::advance(texts, terms, now).map(|()| texts.clone())).await??;
        let text = |name: &str| texts.get(name).cloned().unwrap_or_default();
        Self::of(text(CERTIFICATE), &text(KEY), rotation::bundle(&texts))
    }

    /// A new one: its certificate and its key, PEM.
    pub fn fresh(life: Duration) -> Result<(String, String), Failure> {
        let key = KeyPair::generate().map_err(|error| broken("make a key", error))?;
        let mut params = named("fathom authority", life);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(|error| broken("make an authority", error))?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// The one with this certificate and this key, among others who are trusted.
    pub fn of(pem: String, key: &str, bundle: String) -> Result<Self, Failure> {
        let read = |error| broken("read the authority", error).hinting("empty its secret to have a new one made");
        let key = KeyPair::from_pem(key).map_err(read)?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(read)?;
        Ok(Authority { pem, bundle, issuer })
    }

    /// Everybody who is trusted.
    pub fn roots(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.bundle.as_bytes()) {
            let certificate = certificate.map_err(|error| broken("read the authority", error))?;
            roots.add(certificate).map_err(|error| broken("use our own authority", error))?;
        }
        Ok(roots)
    }

    /// For a server that is reached under `names`.
    pub fn serving(&self, names: &[String], life: Duration) -> Result<Identity, Failure> {
        self.identity(names, ExtendedKeyUsagePurpose::ServerAuth, life)
    }

    /// For the server when it speaks with agents.
    pub fn speaking(&self, life: Duration) -> Result<Identity, Failure> {
        self.identity(&[link::SERVER.to_owned()], ExtendedKeyUsagePurpose::ClientAuth, life)
    }

    /// For the agent on `node`, whose key is in `request`. Nothing else in the request is believed.
    pub fn agent(&self, node: &str, request: &str, life: Duration) -> Result<Issued, Failure> {
        let name = link::agent(node).ok_or_else(|| {
            Failure::new(Class::Unsupported, format!("no certificate can carry the name of the node `{node}`"))
        })?;
        let request = CertificateSigningRequestParams::from_pem(request).map_err(|error| Failure {
            cause: Some(error.to_string()),
            ..Failure::new(Class::Usage, "cannot read the request for a certificate")
        })?;
        let public_key = request.public_key;
        let key = digest(public_key.der_bytes());
        let params = leaf(&[name], ExtendedKeyUsagePurpose::ServerAuth, life)?;
        let certificate = CertificateSigningRequestParams { params, public_key }
            .signed_by(&self.issuer)
            .map_err(|error| broken("make a certificate", error))?;
        Ok(Issued { pem: certificate.pem(), fingerprint: digest(certificate.der()), key })
    }

    fn identity(&self, names: &[String], usage: ExtendedKeyUsagePurpose, life: Duration) -> Result<Identity, Failure> {
        let key = KeyPair::generate().map_err(|error| broken("make a key", error))?;
        let certificate = leaf(names, usage, life)?
            .signed_by(&key, &self.issuer)
            .map_err(|error| broken("make a certificate", error))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Identity { chain: vec![certificate.der().clone()], key })
    }
}

fn leaf(names: &[String], usage: ExtendedKeyUsagePurpose, life: Duration) -> Result<CertificateParams, Failure> {
    let mut params = named(names.first().map_or("fathom", String::as_str), life);
    let names = CertificateParams::new(names.to_vec()).map_err(|error| broken("name a certificate", error))?;
    params.subject_alt_names = names.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn named(name: &str, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    // 64 characters are what a common name may have (RFC 5280, ub-common-name); what counts are the names beside it.
    params.distinguished_name.push(DnType::CommonName, name.get(..64).unwrap_or(name));
    let now = SystemTime::now();
    params.not_before = (now - SKEW).into();
    params.not_after = (now + life).into();
    params
}

fn broken(what: &str, cause: impl std::fmt::Display) -> Failure {
    Failure { cause: Some(cause.to_string()), ..Failure::new(Class::System, format!("cannot {what}")) }
}
