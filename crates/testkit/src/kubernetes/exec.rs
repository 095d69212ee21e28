//! `pods/exec`: the channels of a WebSocket on one side, the streams of a real process on the other.
//!
//! After v4 and v5 of Kubernetes' remote command protocol: each message begins with the number of its channel.

use std::process::Stdio;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use hyper::{HeaderMap, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::api::{Api, Asking, Body, authorize, key};
use super::status::{self, Refusal};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// Version 5 alone: the channel in the second byte has ended.
const CLOSE: u8 = 255;

/// What both sides may speak, the best first.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

pub(super) fn start(api: &Arc<Api>, mut asking: Asking) -> Result<Response<Body>, Refusal> {
    // An upgrade is a GET, but runs a program: both rights are asked for.
    let creates = super::call::Call { verb: "create", ..asking.call.clone() };
    authorize(api, &asking.user, &creates)?;
    let call = &asking.call;
    let pod = api.store.get(&key(call)).ok_or_else(|| status::not_found(call))?;
    let text = |name: &str| asking.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(socket_key) = text("sec-websocket-key") else {
        return Err(status::bad_request("Upgrade request required"));
    };
    let accept = derive_accept_key(socket_key.as_bytes());
    let protocol = chosen(&asking.headers).ok_or_else(|| status::bad_request("no subprotocol in common"))?;
    let first = || pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default();
    let container = call.parameter("container").unwrap_or_else(first).to_owned();
    let words: Vec<&str> = call.parameters("command").collect();
    let kubelet = pod["spec"]["nodeName"].as_str().and_then(|node| api.node(node));
    let command = kubelet.and_then(|kubelet| kubelet.exec(&pod, &container, &words));
    let command = command.ok_or_else(|| status::bad_request(&format!("container {container} is not running")))?;
    let wants_stdin = call.parameter("stdin") == Some("true");
    let place = (api.clone(), asking.request.uri().to_string());
    let upgrade = hyper::upgrade::on(&mut asking.request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            carry(&place, socket, command, wants_stdin).await;
        }
    });
    let response = Response::builder()
        .status(101)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", accept)
        .header("sec-websocket-protocol", protocol);
    Ok(response.body(Empty::new().boxed()).expect("the head is well-formed"))
}

fn chosen(headers: &HeaderMap) -> Option<&'static str> {
    let offered: Vec<&str> = headers
        .get_all("sec-websocket-protocol")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(',').map(str::trim))
        .collect();
    PROTOCOLS.into_iter().find(|protocol| offered.contains(protocol))
}

/// Until the process has ended and all it wrote is sent, or the client is gone: then its stdin ends, and no more.
///
/// As with a real node, the connection is closed as soon as the last word is handed to the kernel (containerd's
/// `ExecIO.Attach` stops reading stdin when an output ends, wsstream's `Conn.Close` closes at once). A client that still
/// sends is answered with a reset then, and what is under way to it is dropped.
async fn carry(
    (api, address): &(Arc<Api>, String),
    socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    command: std::process::Command,
    wants_stdin: bool,
) {
    let (mut to, mut from) = socket.split();
    let mut command = Command::from(command);
    command.stdin(if wants_stdin { Stdio::piped() } else { Stdio::null() });
    let mut child = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = to.send(message(STATUS, status::internal(&error.to_string()).body.to_string().as_bytes())).await;
            return;
        }
    };
    let (sender, mut messages) = mpsc::channel::<Message>(8);
    let mut stdin = child.stdin.take();
    let outputs = [
        pump(STDOUT, child.stdout.take().expect("it was asked for"), sender.clone()),
        pump(STDERR, child.stderr.take().expect("it was asked for"), sender.clone()),
    ];
    let pongs = sender.clone();
    let inward = (api.clone(), format!("{address}#in"));
    let reader = tokio::spawn(async move {
        while let Some(Ok(message)) = from.next().await {
            inward.0.faults.pass(&inward.1).await;
            match message {
                Message::Binary(bytes) => feed(&mut stdin, &bytes).await,
                Message::Ping(bytes) => drop(pongs.send(Message::Pong(bytes)).await),
                Message::Close(_) => break,
                _ => {}
            }
        }
        // Gone: the process hears no more, and is not ended by us.
    });
    let ender = tokio::spawn(async move {
        for output in outputs {
            let _ = output.await;
        }
        let _ = sender.send(message(STATUS, ended(&mut child).await.to_string().as_bytes())).await;
        let well = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
        let _ = sender.send(Message::Close(Some(well))).await;
    });
    while let Some(message) = messages.recv().await {
        api.faults.pass(&format!("{address}#out")).await;
        let last = matches!(message, Message::Close(_));
        if to.send(message).await.is_err() || last {
            break;
        }
    }
    drop(messages);
    reader.abort();
    let _ = reader.await;
    drop(to);
    let _ = ender.await;
}

fn message(channel: u8, bytes: &[u8]) -> Message {
    Message::binary([&[channel], bytes].concat())
}

fn pump(
    channel: u8,
    mut from: impl AsyncRead + Unpin + Send + 'static,
    to: mpsc::Sender<Message>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut buffer = vec![0; 32 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            // Read on when nobody listens any more: a process that is not read would never end.
            let _ = to.send(message(channel, &buffer[..count])).await;
        }
    })
}

async fn feed(stdin: &mut Option<ChildStdin>, bytes: &[u8]) {
    match bytes {
        [STDIN, rest @ ..] => {
            if let Some(open) = stdin
                && open.write_all(rest).await.is_err()
            {
                *stdin = None;
            }
        }
        [CLOSE, STDIN] => *stdin = None,
        _ => {}
    }
}

/// In the words of the real one, which clients take the exit status from.
async fn ended(child: &mut Child) -> Value {
    match child.wait().await.ok().and_then(|status| status.code()) {
        Some(0) => json!({"metadata": {}, "status": "Success"}),
        code => {
            let code = code.unwrap_or(137);
            json!({
                "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
                "message": format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
            })
        }
    }
}
