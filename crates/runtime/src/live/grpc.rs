//! gRPC calls: one message there, one or more back (gRPC over HTTP/2, `doc/PROTOCOL-HTTP2.md` of grpc).

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, TE};
use prost::Message;

use super::exchange::{Failure, Http2, Reply};

/// gRPC's own name for "no such method".
const UNIMPLEMENTED: u32 = 12;

/// The header by which containerd tells its namespaces apart.
const NAMESPACE: &str = "containerd-namespace";

/// Calls `method`, written `/SERVICE/METHOD`, in a namespace of containerd if one is given.
pub(super) async fn call<A: Message + Default>(
    connection: &Http2,
    method: &str,
    namespace: Option<&str>,
    question: &impl Message,
) -> Result<A, Failure> {
    pieces(connection, method, namespace, question).await?.into_iter().next().ok_or(Failure::Short)
}

/// The same for a method that answers with any number of messages.
pub(super) async fn pieces<A: Message + Default>(
    connection: &Http2,
    method: &str,
    namespace: Option<&str>,
    question: &impl Message,
) -> Result<Vec<A>, Failure> {
    let mut body = vec![0; 5];
    question.encode(&mut body).expect("a vector grows");
    let length = u32::try_from(body.len() - 5).expect("our questions are short");
    body[1..5].copy_from_slice(&length.to_be_bytes());
    let mut request =
        Request::post(format!("http://engine{method}")).header(CONTENT_TYPE, "application/grpc").header(TE, "trailers");
    if let Some(namespace) = namespace {
        request = request.header(NAMESPACE, namespace);
    }
    let request = request.body(Full::from(Bytes::from(body))).map_err(|error| Failure::Broken(error.into()))?;
    answers(&connection.clone().send(request).await?)
}

fn answers<A: Message + Default>(reply: &Reply) -> Result<Vec<A>, Failure> {
    // An error without a message may come as headers only.
    let outcome = if reply.trailers.contains_key("grpc-status") { &reply.trailers } else { &reply.headers };
    match status(outcome) {
        Some(0) => {}
        Some(UNIMPLEMENTED) => return Err(Failure::Unimplemented),
        Some(code) => return Err(Failure::Call { code, message: text(outcome, "grpc-message") }),
        None => return Err(Failure::Short),
    }
    let mut rest: &[u8] = &reply.body;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        // One byte says whether it is compressed, which nobody asked for; four say how long it is.
        let length = rest.get(1..5).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or(Failure::Short)?;
        let message = rest.get(5..).and_then(|rest| rest.get(..length)).ok_or(Failure::Short)?;
        messages.push(A::decode(message).map_err(Failure::Undecodable)?);
        rest = &rest[5 + length..];
    }
    Ok(messages)
}

fn status(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}
