//! The way to the agent of a node: its pod, TLS both ways, and the one certificate that it has got last.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use fathom_cluster::Cluster;
use fathom_cluster::server::Kept;
use fathom_model::{Class, Failure};
use fathom_protocol::api::SUBPROTOCOL;
use fathom_protocol::{Action, Frame, VERSION, Wish, Word, link};
use futures_util::SinkExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Message, http::HeaderValue};

use crate::authority::Identity;
use crate::enrolment::Remembered;
use crate::{Settings, digest, provider};

/// A conversation with an agent.
pub(crate) type Conversation = WebSocketStream<TlsStream<TcpStream>>;

/// How long an agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often an agent may show a certificate that is not its last: it has a new one, and is about to use it.
const TRIES: u32 = 4;

/// How agents are reached.
pub(crate) struct Agents {
    cluster: Cluster,
    settings: Arc<Settings>,
    remembered: Kept,
    manner: RwLock<Arc<Manner>>,
}

/// Whom we believe to be an agent, and what we show it.
pub(crate) struct Manner {
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) identity: Identity,
}

impl Agents {
    pub(crate) fn new(cluster: Cluster, settings: Arc<Settings>, remembered: Kept, manner: Manner) -> Self {
        Agents { cluster, settings, remembered, manner: RwLock::new(Arc::new(manner)) }
    }

    /// From now on.
    pub(crate) fn change(&self, manner: Manner) {
        *self.manner.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(manner);
    }

    /// Tells the agent of `node` what is wished.
    pub(crate) async fn converse(&self, node: &str, action: Action) -> Result<Conversation, Failure> {
        let mut conversation = self.connect(node).await?;
        let wish = Frame::Word(Word::Wish(Wish { version: VERSION, action }));
        conversation
            .send(Message::Binary(wish.encode().into()))
            .await
            .map_err(|error| unreachable(node, error.to_string()))?;
        Ok(conversation)
    }

    async fn connect(&self, node: &str) -> Result<Conversation, Failure> {
        let mut tries = 0;
        loop {
            let (pods, texts) = tokio::join!(
                self.cluster.pods_on(&self.settings.namespace, node, link::AGENT_LABEL),
                self.cluster.kept(&self.remembered),
            );
            let ours = |account: &str| account == self.settings.agent_account;
            let pod = pods?.into_iter().find(|pod| ours(&pod.account) && !pod.leaves && pod.address.is_some());
            let Some(address) = pod.and_then(|pod| pod.address) else {
                return Err(Failure::new(Class::Unsupported, format!("there is no agent on the node {node}")).hinting(
                    format!(
                        "`kubectl -n {} get pods -o wide` shows them; --agentless needs none",
                        self.settings.namespace
                    ),
                ));
            };
            let known = texts?.unwrap_or_default().get(node).and_then(|text| Remembered::read(text));
            let Some(known) = known else {
                return Err(Failure::new(Class::System, format!("the agent on {node} has no certificate yet"))
                    .hinting("its log says why; try again"));
            };
            tries += 1;
            match tokio::time::timeout(PATIENCE, self.shake_hands(node, &address, &known.fingerprint)).await {
                Ok(Ok(conversation)) => return Ok(conversation),
                Ok(Err(Missed::NotTheLast)) if tries < TRIES => tokio::time::sleep(Duration::from_millis(300)).await,
                Ok(Err(Missed::NotTheLast)) => {
                    return Err(unreachable(
                        node,
                        "what answers there shows a certificate that has been replaced".to_owned(),
                    ));
                }
                Ok(Err(Missed::Other(cause))) => return Err(unreachable(node, cause)),
                Err(_) => return Err(unreachable(node, format!("it does not answer within {PATIENCE:?}"))),
            }
        }
    }

    async fn shake_hands(&self, node: &str, address: &str, fingerprint: &str) -> Result<Conversation, Missed> {
        let other = |cause: &dyn std::fmt::Display| Missed::Other(cause.to_string());
        let name = link::agent(node).ok_or_else(|| other(&"no certificate can carry its name"))?;
        let config = self.config(fingerprint).map_err(|error| other(&error))?;
        let stream = TcpStream::connect((address, self.settings.agent_port)).await.map_err(|error| other(&error))?;
        stream.set_nodelay(true).map_err(|error| other(&error))?;
        let server = ServerName::try_from(name.clone()).map_err(|error| other(&error))?;
        let stream = TlsConnector::from(Arc::new(config)).connect(server, stream).await.map_err(|error| {
            let replaced = error.to_string().contains(REPLACED);
            if replaced { Missed::NotTheLast } else { other(&error) }
        })?;
        let mut request =
            format!("wss://{name}{}", link::CONVERSE).into_client_request().map_err(|error| other(&error))?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let (conversation, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(crate::bridge::limits()))
                .await
                .map_err(|error| other(&error))?;
        Ok(conversation)
    }

    fn config(&self, fingerprint: &str) -> Result<ClientConfig, rustls::Error> {
        let manner = self.manner.read().unwrap_or_else(PoisonError::into_inner).clone();
        let inner = WebPkiServerVerifier::builder_with_provider(manner.roots.clone(), provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let verifier = Last { inner, fingerprint: fingerprint.to_owned() };
        let identity = &manner.identity;
        ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
    }
}

enum Missed {
    /// It shows a good certificate, which is not the last that was given out.
    NotTheLast,
    Other(String),
}

fn unreachable(node: &str, cause: String) -> Failure {
    Failure { cause: Some(cause), ..Failure::new(Class::System, format!("cannot speak with the agent on {node}")) }
        .hinting("its pod's log says more; `fathom enter --agentless` needs none")
}

const REPLACED: &str = "this certificate has been replaced by a later one";

/// On top of what any certificate has to be: the last one.
#[derive(Debug)]
struct Last {
    inner: Arc<WebPkiServerVerifier>,
    fingerprint: String,
}

impl ServerCertVerifier for Last {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp, now)?;
        if digest(end_entity) == self.fingerprint {
            Ok(verified)
        } else {
            Err(rustls::Error::General(REPLACED.to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
