//! One request and its answer over a unix socket: HTTP/1.1 for Docker's API, HTTP/2 for gRPC.

use std::io;
use std::path::Path;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;

use crate::records::Garbled;

/// No engine's answer is longer; whoever sends more is no engine.
const LONGEST: usize = 32 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody accepts.
    #[error("cannot connect")]
    Unreachable(#[source] io::Error),
    /// The deadline came first.
    #[error("no answer in time")]
    Silent,
    /// The other side does not speak HTTP as it should.
    #[error("the exchange broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A status that is no success.
    #[error("the engine answered with status {0}")]
    Status(StatusCode),
    /// gRPC's status 12: the engine has no such service.
    #[error("the engine does not have this service")]
    Unimplemented,
    /// Any other status of gRPC.
    #[error("the engine answered with gRPC status {code}: {message}")]
    Call { code: u32, message: String },
    /// The answer holds something else.
    #[error("the answer is not what the engine's API promises")]
    Garbled(#[source] Garbled),
    /// The answer's protobuf is none.
    #[error("the answer is not what the engine's API promises")]
    Undecodable(#[source] prost::DecodeError),
    /// It is shorter than it says.
    #[error("the answer is cut short")]
    Short,
}

impl Failure {
    fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Failure::Broken(error.into())
    }
}

/// What came back.
pub(super) struct Reply {
    pub(super) headers: HeaderMap,
    pub(super) trailers: HeaderMap,
    pub(super) body: Bytes,
}

/// A connection that speaks HTTP/1.1. It ends with this value.
pub(super) struct Http1(http1::SendRequest<Full<Bytes>>);

impl Http1 {
    pub(super) async fn open(socket: &Path) -> Result<Self, Failure> {
        let stream = UnixStream::connect(socket).await.map_err(Failure::Unreachable)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::broken)?;
        tokio::spawn(connection);
        Ok(Http1(sender))
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Reply, Failure> {
        self.0.ready().await.map_err(Failure::broken)?;
        let request = Request::get(path).header(HOST, "engine").body(Full::default()).map_err(Failure::broken)?;
        receive(self.0.send_request(request).await.map_err(Failure::broken)?).await
    }
}

/// A connection that speaks HTTP/2, for any number of requests at once. It ends with its last copy.
#[derive(Clone)]
pub(super) struct Http2(http2::SendRequest<Full<Bytes>>);

impl Http2 {
    pub(super) async fn open(socket: &Path) -> Result<Self, Failure> {
        let stream = UnixStream::connect(socket).await.map_err(Failure::Unreachable)?;
        let connection = http2::Builder::new(TokioExecutor::new())
            // Large windows: answers of hundreds of containers come without waiting for our acknowledgements.
            .initial_stream_window_size(4 * 1024 * 1024)
            .initial_connection_window_size(8 * 1024 * 1024)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = connection.await.map_err(Failure::broken)?;
        tokio::spawn(connection);
        Ok(Http2(sender))
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        self.0.ready().await.map_err(Failure::broken)?;
        receive(self.0.send_request(request).await.map_err(Failure::broken)?).await
    }
}

async fn receive(response: Response<hyper::body::Incoming>) -> Result<Reply, Failure> {
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        return Err(Failure::Status(head.status));
    }
    let collected = Limited::new(body, LONGEST).collect().await.map_err(Failure::Broken)?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Ok(Reply { headers: head.headers, trailers, body: collected.to_bytes() })
}
