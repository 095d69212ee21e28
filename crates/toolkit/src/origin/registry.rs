//! An image in a registry, by `oci-client`. Its async runtime lives within one call and has no thread of its own.
//! Blobs are streamed into unnamed files of the store; what they hash to is checked where they are used.

use std::io::{Read, Write};
use std::time::Duration;

use futures_util::StreamExt;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use tokio::runtime::Runtime;

use super::Found;
use crate::credentials;
use crate::digest::Digest;
use crate::error::Error;
use crate::image::{self, Blobs, Place};
use crate::limits::Limits;
use crate::manifest::{self, Descriptor};
use crate::reference::{Reference, Transport};
use crate::store::{Progress, Store};

struct Registry {
    client: Client,
    runtime: Runtime,
    reference: Reference,
    auth: RegistryAuth,
    store: Store,
}

/// Without an answer for this long a registry counts as gone.
const PATIENCE: Duration = Duration::from_secs(30);

const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

pub(super) fn open(reference: &Reference, store: &Store, limits: &Limits) -> Result<Found, Error> {
    // Somebody else in this process may have chosen a provider before; either will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::io("start a runtime for", reference.to_string(), e))?;
    let client = Client::try_from(settings(reference)).map_err(|e| failed(reference, &e))?;
    let auth = login(reference);
    let mut registry = Registry { client, runtime, reference: reference.clone(), auth, store: store.clone() };
    let (bytes, digest) = registry.raw_manifest(reference.name())?;
    let what = "the manifest";
    let bytes = image::bounded(&mut bytes.as_slice(), what, limits)?;
    if let Some(wanted) = reference.name().digest() {
        let wanted: Digest = wanted.parse().map_err(|e| Error::malformed(what, e))?;
        image::check(what, wanted, digest)?;
    }
    let image = image::follow(&mut registry, manifest::parse(&bytes)?, digest, vec![reference.to_string()], limits)?;
    Ok((image, Box::new(registry)))
}

fn settings(reference: &Reference) -> ClientConfig {
    let variable = |name: &str| std::env::var(name).or_else(|_| std::env::var(name.to_lowercase())).ok();
    ClientConfig {
        protocol: match reference.transport() {
            Transport::Secure => ClientProtocol::Https,
            // No other host on the way, such as a token server, is spoken to in plain.
            Transport::Plain => ClientProtocol::HttpsExcept(vec![reference.name().resolve_registry().to_owned()]),
        },
        read_timeout: Some(PATIENCE),
        connect_timeout: Some(PATIENCE),
        user_agent: concat!("fathom/", env!("CARGO_PKG_VERSION")),
        https_proxy: variable("HTTPS_PROXY"),
        http_proxy: variable("HTTP_PROXY"),
        no_proxy: variable("NO_PROXY"),
        ..ClientConfig::default()
    }
}

fn login(reference: &Reference) -> RegistryAuth {
    let name = reference.name();
    let hosts = [name.registry(), name.resolve_registry()];
    match credentials::find(&credentials::files(), &hosts, name.repository()) {
        Some(login) => RegistryAuth::Basic(login.user, login.password),
        None => RegistryAuth::Anonymous,
    }
}

impl Registry {
    fn raw_manifest(&self, name: &oci_client::Reference) -> Result<(Vec<u8>, Digest), Error> {
        let pulled = self.runtime.block_on(self.client.pull_manifest_raw(name, &self.auth, &MANIFESTS));
        let (bytes, _) = pulled.map_err(|e| failed(&self.reference, &e))?;
        let digest = Digest::of(&bytes);
        Ok((bytes.into(), digest))
    }

    /// Streams a blob into an unnamed file; no more of it than was promised.
    fn blob(&self, descriptor: &Descriptor, progress: &mut dyn FnMut(Progress)) -> Result<std::fs::File, Error> {
        let wanted = OciDescriptor {
            digest: descriptor.digest.to_string(),
            size: i64::try_from(descriptor.size).map_err(|e| Error::malformed("the manifest", e))?,
            ..OciDescriptor::default()
        };
        let total = descriptor.size;
        self.store.spool(|spool| {
            self.runtime.block_on(async {
                let answer = self.client.pull_blob_stream(self.reference.name(), &wanted).await;
                let mut stream = answer.map_err(|e| failed(&self.reference, &e))?.stream;
                let mut bytes = 0;
                while let Some(piece) = stream.next().await {
                    let piece = piece.map_err(|e| failed(&self.reference, &OciDistributionError::IoError(e)))?;
                    bytes += piece.len() as u64;
                    if bytes > total {
                        return Err(Error::malformed(
                            "a blob",
                            format!("it is longer than the promised {total} bytes"),
                        ));
                    }
                    spool.write_all(&piece).map_err(|e| e.downcast().unwrap_or_else(|e| Error::io("write", "-", e)))?;
                    progress(Progress::Pulling { bytes, total });
                }
                Ok(())
            })
        })
    }
}

impl Blobs for Registry {
    fn open(&mut self, place: &Place, progress: &mut dyn FnMut(Progress)) -> Result<Box<dyn Read>, Error> {
        match place {
            Place::Blob(descriptor) => Ok(Box::new(self.blob(descriptor, progress)?)),
            Place::Member(name) => Err(Error::malformed("the manifest", format!("`{name}` is no blob"))),
        }
    }

    fn manifest(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read>, Error> {
        let name = self.reference.name().clone_with_digest(descriptor.digest.to_string());
        let (bytes, _) = self.raw_manifest(&name)?;
        Ok(Box::new(std::io::Cursor::new(bytes)))
    }
}

/// The registry's words, and what to do about them.
fn failed(reference: &Reference, error: &OciDistributionError) -> Error {
    use OciDistributionError as Oci;
    let remedy = match error {
        Oci::UnauthorizedError { .. } | Oci::AuthenticationFailure(_) => {
            Some("log in with `docker login` or `podman login`, as the user that runs `fathom`")
        }
        Oci::RegistryError { .. } | Oci::ImageManifestNotFoundError(_) => Some("check the name and the tag"),
        Oci::RequestError(_) | Oci::IoError(_) => {
            Some("check that the registry can be reached; without a network, import the image as a file")
        }
        Oci::DigestError(_) => Some("try again; if it stays so, do not trust this registry"),
        _ => None,
    };
    Error::Pull { image: reference.to_string(), why: words(error), remedy }
}

/// The error with its causes in one line: the client's own types are no part of this crate's promise.
fn words(error: &OciDistributionError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}
