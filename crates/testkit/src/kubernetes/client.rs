//! Requests to the cluster by hand: for what no client of ours says, and for what it must not say.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Kubernetes;

/// What was answered: the status, and the body as JSON, or as text where it is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub code: u16,
    /// The body.
    pub body: Value,
}

impl Kubernetes {
    /// Sends one request and reads its answer to the end.
    ///
    /// # Panics
    /// When the API cannot be reached, or what is asked is no request.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let connector =
            TlsConnector::from(Arc::new(self.api.authority.sign("nobody", &[]).client(self.api.authority.roots())));
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("it is a request");
        let address = self.address();
        let answer = async move {
            let connection = TcpStream::connect(address).await.expect("the API listens");
            let server = ServerName::try_from("localhost").expect("it is a name");
            let connection = connector.connect(server, connection).await.expect("the API is itself");
            let (mut sender, connection) =
                http1::handshake(TokioIo::new(connection)).await.expect("the API speaks HTTP");
            tokio::spawn(connection);
            let response = sender.send_request(request).await.expect("the API answers");
            let code = response.status().as_u16();
            let bytes = response.into_body().collect().await.expect("the answer has an end").to_bytes();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Answer { code, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
        };
        self.runtime.as_ref().expect("it runs until the end").block_on(answer)
    }

    /// A token of a person, as in [`Kubernetes::kubeconfig_of`].
    pub fn token_of(&self, name: &str, groups: &[&str]) -> String {
        self.api.tokens.give(name, groups)
    }
}
