//! One conversation: TLS, a WebSocket, and a relay that speaks the protocol at its other end.

use std::error::Error;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use fathom_protocol::api::SUBPROTOCOL;
use fathom_protocol::link;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};

use super::{PATIENCE, Settings};

type Carrier = WebSocketStream<TlsStream<TcpStream>>;

/// How much is read from a relay at once.
const PIECE: usize = 64 << 10;

pub(super) async fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    settings: &Settings,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let carrier = tokio::time::timeout(PATIENCE, shake_hands(stream, config)).await??;
    let (ours, theirs) = Socket::pair()?;
    ours.set_nonblocking(true)?;
    let mut relay = start(settings, theirs)?;
    let mut carrier = carry(carrier, UnixStream::from_std(ours)?).await;
    // Its socket is closed: it has ended, or is about to.
    let ended = relay.wait().await;
    let goodbye = match &ended {
        Ok(status) if status.success() => CloseFrame { code: CloseCode::Normal, reason: "".into() },
        ended => CloseFrame { code: CloseCode::Error, reason: describe(ended).into() },
    };
    carrier.close(Some(goodbye)).await?;
    Ok(())
}

async fn shake_hands(stream: TcpStream, config: Arc<ServerConfig>) -> Result<Carrier, Box<dyn Error + Send + Sync>> {
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    let limits = WebSocketConfig::default().max_message_size(Some(4 << 20)).max_frame_size(Some(4 << 20));
    Ok(tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(limits)).await?)
}

/// There is one thing to be asked here.
#[allow(clippy::result_large_err, reason = "the library says what a refusal is")]
fn check(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let protocol = request.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
    if request.uri().path() != link::CONVERSE || protocol != Some(SUBPROTOCOL) {
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        return Err(refusal);
    }
    response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    Ok(response)
}

/// What enters namespaces has one thread and nothing of ours: the program, executed afresh.
fn start(settings: &Settings, theirs: Socket) -> std::io::Result<Child> {
    let input = theirs.try_clone()?;
    Command::new(&settings.program)
        // By whatever path it is found, this is who it is to be.
        .arg0("fathom")
        .arg("relay")
        .stdin(Stdio::from(OwnedFd::from(input)))
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
}

/// Bytes both ways, until one side ends; the relay's socket is closed then. A side that does not read holds back what
/// is for it, and nothing else.
async fn carry(carrier: Carrier, relay: UnixStream) -> Carrier {
    let (mut to_server, mut from_server) = carrier.split();
    let (mut from_relay, mut to_relay) = relay.into_split();
    let inward = async {
        while let Some(Ok(message)) = from_server.next().await {
            match message {
                // What a relay does not take any more has no end: its own last words are still to come.
                Message::Binary(bytes) if to_relay.write_all(&bytes).await.is_err() => std::future::pending().await,
                Message::Close(_) => return,
                _ => {}
            }
        }
    };
    let outward = async {
        let mut buffer = vec![0; PIECE];
        while let Ok(count @ 1..) = from_relay.read(&mut buffer).await {
            let bytes = buffer[..count].to_vec();
            if to_server.send(Message::Binary(bytes.into())).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = inward => {}
        () = outward => {}
    }
    to_server.reunite(from_server).expect("they are halves of one")
}

fn describe(ended: &std::io::Result<ExitStatus>) -> String {
    match ended {
        Ok(status) => format!("the relay ended with {status}"),
        Err(error) => format!("the relay is lost: {error}"),
    }
}
