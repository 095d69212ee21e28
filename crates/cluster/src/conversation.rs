//! Frames with a node, from the wish to the last word: through an exec that starts a relay in an agent's pod, or
//! through the WebSocket of a server that is installed.

use std::pin::Pin;
use std::time::Duration;

use fathom_model::{Class, Failure};
use fathom_protocol::credit::WINDOW;
use fathom_protocol::frame::BEAT;
use fathom_protocol::{Action, Decoder, Frame, VERSION, Wish, Word};
use futures_util::future::{BoxFuture, Shared};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams, AttachedProcess};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::error::{Tried, failure};
use crate::{Agent, AgentOptions, Cluster};

/// How much the streams of one exec may hold: all that can be under way, so that the client of the API never waits
/// for us. One that waits hears and says nothing.
const BUFFER: usize = WINDOW + (1 << 20);

/// How long the streams of an exec that is over are asked for what is left in them.
const REST: Duration = Duration::from_millis(500);

/// How much is read at once.
const PIECE: usize = 128 << 10;

/// A WebSocket through the API server.
pub(crate) type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// What we say. Apart from [`Listener`], so that neither waits for the other.
pub struct Speaker(To);

enum To {
    Exec(Pin<Box<dyn AsyncWrite + Send>>),
    Socket(Box<SplitSink<Socket, Message>>),
}

/// What the node says.
pub struct Listener {
    from: From,
    decoder: Decoder,
    /// What was heard before anybody asked.
    first: Option<Frame>,
}

enum From {
    Exec(Exec),
    Socket { stream: Box<SplitStream<Socket>>, goodbye: Option<CloseFrame> },
}

struct Exec {
    process: AttachedProcess,
    /// What the API says of the exec when it is over, whether or not its streams say so.
    over: Shared<BoxFuture<'static, Option<Status>>>,
    stdout: Pin<Box<dyn AsyncRead + Send>>,
    buffer: Vec<u8>,
}

/// A conversation that did not begin.
struct Silence {
    failure: Failure,
    wish: Heard,
}

/// Whether anybody knows what is wished.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Never,
    /// And may have begun to do it.
    Perhaps,
}

/// A conversation over the WebSocket of a server, which has said the wish itself.
pub(crate) fn over(socket: Socket) -> (Speaker, Listener) {
    let (sink, stream) = socket.split();
    let from = From::Socket { stream: Box::new(stream), goodbye: None };
    (Speaker(To::Socket(Box::new(sink))), Listener { from, decoder: Decoder::default(), first: None })
}

impl Cluster {
    /// An agent on `node`, and a conversation with it. An agent that goes just when we come is no reason to fail; one
    /// that may have begun to do what is wished is: nothing is done twice.
    pub async fn reach(
        &self,
        node: &str,
        options: &AgentOptions,
        action: Action,
    ) -> Result<(Speaker, Listener), Failure> {
        let agent = self.agent(node, options, None).await?;
        if let Some(conversation) = self.try_converse(&agent, action.clone()).await? {
            return Ok(conversation);
        }
        let another = self.agent(node, options, Some(&agent)).await?;
        self.converse(&another, action).await
    }

    /// A conversation with an agent; none if it is going just now and has not heard us, so that another can be asked.
    pub(crate) async fn try_converse(
        &self,
        agent: &Agent,
        action: Action,
    ) -> Result<Option<(Speaker, Listener)>, Failure> {
        let silence = match self.begin(agent, action).await {
            Ok(conversation) => return Ok(Some(conversation)),
            Err(silence) => silence,
        };
        // One that may not be spoken with would not be the last.
        let goes = agent.found
            && silence.failure.class != Class::Denied
            && (silence.wish == Heard::Never || self.ended_well(agent).await);
        if goes { Ok(None) } else { Err(self.told(silence.failure, agent).await) }
    }

    /// Starts a relay in the agent and tells it what is wished. Fails when it goes without a word.
    pub async fn converse(&self, agent: &Agent, action: Action) -> Result<(Speaker, Listener), Failure> {
        match self.begin(agent, action).await {
            Ok(conversation) => Ok(conversation),
            Err(silence) => Err(self.told(silence.failure, agent).await),
        }
    }

    /// With what the pod says of an agent that seemed to run for a moment: more than the exec of what is not there.
    async fn told(&self, failure: Failure, agent: &Agent) -> Failure {
        if agent.found || failure.class == Class::Denied { failure } else { self.explain(failure, agent).await }
    }

    async fn begin(&self, agent: &Agent, action: Action) -> Result<(Speaker, Listener), Silence> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &agent.namespace);
        let streams = AttachParams::default()
            .container(&agent.container)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .max_stdin_buf_size(BUFFER)
            .max_stdout_buf_size(BUFFER)
            .max_stderr_buf_size(BUFFER);
        let tried = Tried {
            verb: "create",
            resource: "pods/exec",
            group: "",
            namespace: Some(&agent.namespace),
            name: &agent.pod,
        };
        let mut process = pods
            .exec(&agent.pod, ["/fathom", "relay"], &streams)
            .await
            .map_err(|error| Silence { failure: failure(tried, error), wish: Heard::Never })?;
        let perhaps = |failure| Silence { failure, wish: Heard::Perhaps };
        let mut speaker = Speaker(To::Exec(Box::pin(process.stdin().expect("it was asked for"))));
        let stdout = Box::pin(process.stdout().expect("it was asked for"));
        let over = process.take_status().expect("nobody else takes it").boxed().shared();
        let from = From::Exec(Exec { process, over, stdout, buffer: vec![0; PIECE] });
        let mut listener = Listener { from, decoder: Decoder::default(), first: None };
        speaker.send(&Frame::Word(Word::Wish(Wish { version: VERSION, action }))).await.map_err(perhaps)?;
        // A slow one may have heard us already: it is for whoever carries the conversation to lose patience, and not
        // for us to wish a second time.
        if let Ok(first) = tokio::time::timeout(BEAT, listener.next()).await {
            match first.map_err(perhaps)? {
                Some(frame) => listener.first = Some(frame),
                None => return Err(perhaps(listener.post_mortem().await.unwrap_or_else(cut_off))),
            }
        }
        Ok((speaker, listener))
    }
}

impl Speaker {
    /// Sends a frame; waits for as long as the node does not take it.
    pub async fn send(&mut self, frame: &Frame) -> Result<(), Failure> {
        let sent = match &mut self.0 {
            To::Exec(to) => async {
                to.write_all(&frame.encode()).await?;
                to.flush().await
            }
            .await
            .map_err(|error| error.to_string()),
            To::Socket(sink) => {
                sink.send(Message::Binary(frame.encode().into())).await.map_err(|error| error.to_string())
            }
        };
        sent.map_err(|error| lost(Some(error)))
    }
}

impl Listener {
    /// The next frame; none when the other side has ended the conversation. Can be dropped and called again.
    pub async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        if let Some(frame) = self.first.take() {
            return Ok(Some(frame));
        }
        loop {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => return Ok(Some(frame)),
                Ok(None) => {}
                Err(garbage) => return Err(lost(Some(format!("the node sent {garbage}")))),
            }
            match &mut self.from {
                From::Exec(exec) => {
                    // A connection that broke ends the exec, and leaves its streams open for ever.
                    let ended = tokio::select! {
                        biased;
                        read = exec.stdout.read(&mut exec.buffer) => Some(read),
                        _ = exec.over.clone() => None,
                    };
                    // What came before the end is still in the stream, even if that says that nothing is ready: its
                    // turn may be over, which tokio calls its budget.
                    let read = match ended {
                        Some(read) => read,
                        None => match tokio::time::timeout(REST, exec.stdout.read(&mut exec.buffer)).await {
                            Ok(read) => read,
                            Err(_) => return Ok(None),
                        },
                    };
                    match read {
                        Ok(0) => return Ok(None),
                        Ok(count) => self.decoder.feed(&exec.buffer[..count]),
                        Err(error) => return Err(lost(Some(error.to_string()))),
                    }
                }
                From::Socket { stream, goodbye } => match stream.next().await {
                    Some(Ok(Message::Binary(bytes))) => self.decoder.feed(&bytes),
                    Some(Ok(Message::Close(frame))) => {
                        *goodbye = frame;
                        return Ok(None);
                    }
                    Some(Ok(_)) => {}
                    // Whoever was killed takes no leave.
                    Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) | None => return Ok(None),
                    Some(Err(error)) => return Err(lost(Some(error.to_string()))),
                },
            }
        }
    }

    /// Why it ended without a last word: what the relay wrote to its stderr, or what the API says of the exec. None
    /// where the relay ended well.
    pub async fn post_mortem(self) -> Option<Failure> {
        let mut exec = match self.from {
            From::Exec(exec) => exec,
            From::Socket { goodbye, .. } => {
                let well = goodbye.as_ref().is_some_and(|frame| frame.code == CloseCode::Normal);
                let why = goodbye.map(|frame| frame.reason.to_string()).filter(|why| !why.is_empty());
                return (!well).then(|| lost(why));
            }
        };
        let mut said = String::new();
        if let Some(mut stderr) = exec.process.stderr() {
            // Open for ever where the connection broke.
            let _ = tokio::time::timeout(Duration::from_millis(500), stderr.read_to_string(&mut said)).await;
        }
        let status = exec.over.await;
        if status.as_ref().is_some_and(|status| status.status.as_deref() == Some("Success")) {
            return None;
        }
        let said = Some(said.trim().to_owned()).filter(|said| !said.is_empty());
        Some(lost(said.or_else(|| status.and_then(|status| status.message))))
    }
}

/// A conversation that ended without a last word and without a reason.
pub fn cut_off() -> Failure {
    lost(None)
}

fn lost(cause: Option<String>) -> Failure {
    Failure { cause, ..Failure::new(Class::System, "the conversation with the node was cut off") }
        .hinting("the session has ended there; try again")
}
