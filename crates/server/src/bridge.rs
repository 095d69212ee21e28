//! Between a client and an agent: every frame goes through, and what matters for the record is read on the way.
//!
//! Each direction waits only for its own receiver, so that one that does not read holds back what is for it, and
//! nothing else.

use std::time::Duration;

use fathom_model::{Ending, Failure};
use fathom_protocol::frame::PATIENCE;
use fathom_protocol::{Decoder, Frame, Word};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::agents::Conversation;

/// How long somebody may take to hear the end.
const GOODBYE: Duration = Duration::from_secs(5);

/// The client's side.
pub(crate) type Client = WebSocketStream<TokioIo<Upgraded>>;

/// How a conversation ended, as far as we have heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With a last word.
    Ended(Ending),
    Failed(Failure),
    /// What was asked is answered.
    Answered,
    /// Somebody who may has ended it.
    Stopped,
    /// The client has left the session to itself.
    Left,
    /// The client is gone without a word.
    ClientGone,
    /// The agent is, and why.
    AgentGone(String),
}

/// One message holds as much as anybody reads at once, and no more.
pub(crate) fn limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(4 << 20)).max_frame_size(Some(4 << 20))
}

/// Carries everything until one of them ends it. `started` hears what the agent calls the session, which the client
/// knows as `id`; `stop` ends it from outside.
pub(crate) async fn carry(
    client: Client,
    agent: Conversation,
    id: &str,
    notices: &[String],
    mut started: impl FnMut(&str) + Send,
    stop: &Notify,
) -> Outcome {
    let (mut to_client, mut from_client) = client.split();
    let (mut to_agent, mut from_agent) = agent.split();
    for notice in notices {
        let frame = Frame::Word(Word::Notice(notice.clone()));
        let _ = to_client.send(Message::Binary(frame.encode().into())).await;
    }
    let (mut said, mut heard) = (Said::default(), Heard::default());
    let first = tokio::select! {
        gone = pass(&mut from_agent, &mut to_client, |frame| heard.note(frame, id, &mut started)) => Side::Agent(gone),
        _ = pass(&mut from_client, &mut to_agent, |frame| said.note(frame)) => Side::Client,
        () = stop.notified() => Side::Neither,
    };
    let outcome = match first {
        Side::Neither => Outcome::Stopped,
        // A client that has left hangs up first; so it may when it has heard the last word.
        Side::Client => heard.last.take().unwrap_or(if said.left { Outcome::Left } else { Outcome::ClientGone }),
        Side::Agent(gone) => heard.last.take().unwrap_or(match gone {
            Gone::Well => Outcome::Left,
            Gone::Because(why) => Outcome::AgentGone(why),
        }),
    };
    let (code, reason) = match &outcome {
        Outcome::AgentGone(why) => (CloseCode::Error, why.as_str()),
        Outcome::Stopped => (CloseCode::Error, "the session was ended from elsewhere"),
        _ => (CloseCode::Normal, ""),
    };
    // A close frame holds 125 bytes, two of them for its code.
    let reason = &reason[..reason.floor_char_boundary(123)];
    let close = Message::Close(Some(CloseFrame { code, reason: reason.to_owned().into() }));
    // Whoever has stopped reading has a full pipe before it, and would never take its leave.
    let _ = tokio::time::timeout(GOODBYE, async { tokio::join!(to_client.send(close), to_agent.close()) }).await;
    outcome
}

enum Side {
    Neither,
    Client,
    Agent(Gone),
}

enum Gone {
    /// It took its leave.
    Well,
    Because(String),
}

/// From one to the other, until one of them is gone.
async fn pass<A, B>(
    from: &mut SplitStream<WebSocketStream<A>>,
    to: &mut SplitSink<WebSocketStream<B>, Message>,
    mut note: impl FnMut(Frame) -> Frame,
) -> Gone
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut decoder = Decoder::default();
    loop {
        let bytes = match tokio::time::timeout(PATIENCE, from.next()).await {
            Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
            Ok(Some(Ok(Message::Close(Some(frame))))) if frame.code != CloseCode::Normal => {
                return Gone::Because(frame.reason.to_string());
            }
            Ok(Some(Ok(Message::Close(_)))) => return Gone::Well,
            Ok(Some(Ok(_))) => continue,
            Ok(Some(Err(error))) if !has_hung_up(&error) => return Gone::Because(error.to_string()),
            Ok(Some(Err(_)) | None) => return Gone::Because("it hung up".to_owned()),
            Err(_) => return Gone::Because("it was not heard for a while".to_owned()),
        };
        decoder.feed(&bytes);
        loop {
            let frame = match decoder.next_frame() {
                Ok(Some(frame)) => note(frame),
                Ok(None) => break,
                Err(garbage) => return Gone::Because(format!("it sent {garbage}")),
            };
            if to.send(Message::Binary(frame.encode().into())).await.is_err() {
                // Who does not take any more is heard to the end: its last words may be under way.
                return std::future::pending().await;
            }
        }
    }
}

/// Whether a connection ended with nothing but that: who is killed says no more.
fn has_hung_up(error: &Error) -> bool {
    use std::io::ErrorKind;
    match error {
        Error::Io(error) => matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => true,
        _ => false,
    }
}

/// What the client said that matters.
#[derive(Default)]
struct Said {
    left: bool,
}

impl Said {
    fn note(&mut self, frame: Frame) -> Frame {
        self.left |= frame == Frame::Word(Word::Detach);
        frame
    }
}

/// What the agent said that matters.
#[derive(Default)]
struct Heard {
    last: Option<Outcome>,
}

impl Heard {
    fn note(&mut self, frame: Frame, id: &str, started: &mut impl FnMut(&str)) -> Frame {
        match &frame {
            Frame::Word(Word::Started(there)) => {
                started(there);
                return Frame::Word(Word::Started(id.to_owned()));
            }
            Frame::Word(Word::Ended(ending)) => self.last = Some(Outcome::Ended(*ending)),
            Frame::Word(Word::Answer(_)) => self.last = Some(Outcome::Answered),
            Frame::Word(Word::Failed(failure)) => self.last = Some(Outcome::Failed(failure.clone())),
            _ => {}
        }
        frame
    }
}
