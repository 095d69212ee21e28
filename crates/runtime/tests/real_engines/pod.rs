//! Runs a pod in a real containerd the way kubelet does: three calls of CRI. Numbers are those of Kubernetes'
//! `cri-api/pkg/apis/runtime/v1/api.proto`.

use std::collections::BTreeMap;
use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;

fn text(field: u32, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

fn bytes(field: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_key(field, prost::encoding::WireType::LengthDelimited, &mut out);
    prost::encoding::encode_varint(value.len() as u64, &mut out);
    out.extend_from_slice(value);
    out
}

fn number(field: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_key(field, prost::encoding::WireType::Varint, &mut out);
    prost::encoding::encode_varint(value, &mut out);
    out
}

fn nested(field: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    bytes(field, &parts.concat())
}

/// All three answers begin with the id.
#[derive(Clone, PartialEq, Message)]
struct Id {
    #[prost(string, tag = "1")]
    id: String,
}

async fn call(socket: &Path, method: &str, message: Vec<u8>) -> String {
    let stream = tokio::net::UnixStream::connect(socket).await.expect("containerd listens");
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("it speaks HTTP/2");
    tokio::spawn(connection);
    let length = u32::try_from(message.len()).expect("it is short").to_be_bytes();
    let body = [&[0], &length[..], &message].concat();
    let request = Request::post(format!("http://engine/runtime.v1.RuntimeService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::<Bytes>::from(body))
        .expect("it is a request");
    let (head, body) = sender.send_request(request).await.expect("it answers").into_parts();
    let body = body.collect().await.expect("it answers in full");
    let outcome = body.trailers().cloned().unwrap_or(head.headers);
    assert_eq!(outcome.get("grpc-status").expect("gRPC has a status"), "0", "{method}: {outcome:?}");
    Id::decode(body.to_bytes().get(5..).unwrap_or_default()).expect("it begins with an id").id
}

/// Starts pod `shop/web-0` (uid `u1`) with the container `app` of `image`; gives the ids of sandbox and container.
pub(crate) fn run(socket: &Path, cgroup: &str, image: &str) -> (String, String) {
    let labels: BTreeMap<&str, &str> = [
        ("io.kubernetes.pod.namespace", "shop"),
        ("io.kubernetes.pod.name", "web-0"),
        ("io.kubernetes.pod.uid", "u1"),
        ("app", "web"),
    ]
    .into();
    let labels =
        |field| labels.iter().flat_map(|(key, value)| nested(field, &[text(1, key), text(2, value)])).collect();
    let metadata = nested(1, &[text(1, "web-0"), text(2, "u1"), text(3, "shop")]);
    const NODE: u64 = 2;
    let network_of_node = nested(1, &[number(1, NODE)]);
    let linux = nested(8, &[text(1, cgroup), nested(2, &[network_of_node])]);
    let sandbox_config = [metadata, labels(6), linux].concat();
    let container_config =
        [nested(1, &[text(1, "app")]), nested(2, &[text(1, image)]), text(3, "/app"), labels(9)].concat();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("epoll works");
    runtime.block_on(async {
        let sandbox = call(socket, "RunPodSandbox", bytes(1, &sandbox_config)).await;
        let create = [text(1, &sandbox), bytes(2, &container_config), bytes(3, &sandbox_config)].concat();
        let container = call(socket, "CreateContainer", create).await;
        call(socket, "StartContainer", text(1, &container)).await;
        (sandbox, container)
    })
}
