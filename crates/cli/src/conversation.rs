//! A conversation with a node: our terminal or pipes on one side, frames on the other.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::Instant;

use fathom_cluster::{Listener, Speaker};
use fathom_enter::client::{self, Input};
use fathom_model::{Class, Ending, Failure};
use fathom_protocol::frame::{BEAT, PATIENCE};
use fathom_protocol::keys::{Keys, Typed};
use fathom_protocol::{Frame, Word};
use tokio::sync::mpsc;

use crate::printer;

/// How our own streams take part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Whether the command has a terminal, which ours stands for.
    pub(crate) terminal: bool,
    /// Whether what is typed reaches it.
    pub(crate) input: Input,
}

/// How a conversation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Last {
    /// The command has ended.
    Ended(Ending),
    /// The session of this id goes on without us.
    Left(String),
    /// The answer to a question.
    Answer(String),
}

/// Until the node has said its last word.
pub(crate) async fn carry(manner: Manner, speaker: Speaker, mut listener: Listener) -> Result<Last, Failure> {
    let Manner { terminal, input } = manner;
    let stdin = std::io::stdin();
    let _raw = (terminal && input == Input::Forwarded).then(|| client::Raw::new(stdin.as_fd())).flatten();
    let say = say(speaker);
    match input {
        Input::Forwarded => read_stdin(say.clone(), terminal),
        // Nobody hears us any more if this fails; then the node's last word is still to come.
        Input::Closed => drop(say.send(Frame::Input(Vec::new())).await),
    }
    let (show, shows) = show();
    let mut signals = Signals::new(terminal)?;
    let mut beat = tokio::time::interval(BEAT);
    let (mut heard, mut shown, mut started) = (Instant::now(), None, None);
    let last = loop {
        tokio::select! {
            // What is not shown yet holds the node back, and nothing else.
            room = show.reserve(), if shown.is_some() => {
                if let (Ok(room), Some(frame)) = (room, shown.take()) {
                    room.send(frame);
                }
            }
            frame = listener.next(), if shown.is_none() => {
                heard = Instant::now();
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(failure) => break Err(failure),
                };
                match frame {
                    // A relay that is killed cannot take its leave with a status; one that ends well has left a session.
                    None => match (started, listener.post_mortem().await) {
                        (Some(id), None) => break Ok(Last::Left(id)),
                        (_, why) => break Err(why.unwrap_or_else(fathom_cluster::cut_off)),
                    },
                    Some(Frame::Word(Word::Ended(ending))) => break Ok(Last::Ended(ending)),
                    Some(Frame::Word(Word::Failed(failure))) => break Err(failure),
                    Some(Frame::Word(Word::Answer(text))) => break Ok(Last::Answer(text)),
                    Some(Frame::Word(Word::Notice(text))) => printer::notice(&text),
                    Some(Frame::Word(Word::Started(id))) => started = Some(id),
                    Some(Frame::Word(_) | Frame::Input(_)) => {}
                    Some(frame) => shown = Some(frame),
                }
            }
            word = signals.next() => {
                let _ = say.send(Frame::Word(word)).await;
            }
            _ = beat.tick() => {
                // A full queue says by itself that we are there.
                let _ = say.try_send(Frame::Word(Word::Alive));
                if shown.is_none() && heard.elapsed() > PATIENCE {
                    break Err(Failure::new(Class::System, "the node has not been heard for a while")
                        .hinting("the network or the node is gone; the session ends there by itself"));
                }
            }
        }
    };
    // All that came before the last word is to be seen before we go.
    drop(show);
    let _ = shows.join();
    last
}

/// Whoever sends into it speaks to the node, without waiting for what the node says.
fn say(mut speaker: Speaker) -> mpsc::Sender<Frame> {
    let (sender, mut frames) = mpsc::channel::<Frame>(4);
    tokio::spawn(async move {
        while let Some(frame) = frames.recv().await {
            if speaker.send(&frame).await.is_err() {
                // The other direction says why.
                return;
            }
        }
    });
    sender
}

fn read_stdin(say: mpsc::Sender<Frame>, terminal: bool) {
    std::thread::spawn(move || {
        let (mut buffer, mut keys) = (vec![0; 128 << 10], Keys::default());
        loop {
            let count = std::io::stdin().read(&mut buffer).unwrap_or(0);
            let frame = match terminal.then(|| keys.sift(&buffer[..count])) {
                Some(Typed::Leave) => Frame::Word(Word::Detach),
                // To a node, no bytes are the end of all.
                Some(Typed::Bytes(bytes)) if bytes.is_empty() && count > 0 => continue,
                Some(Typed::Bytes(bytes)) => Frame::Input(bytes),
                None => Frame::Input(buffer[..count].to_vec()),
            };
            if say.blocking_send(frame).is_err() || count == 0 {
                return;
            }
        }
    });
}

/// Whoever sends into it writes to our stdout and stderr, without blocking us when nobody reads there.
fn show() -> (mpsc::Sender<Frame>, std::thread::JoinHandle<()>) {
    let (sender, mut frames) = mpsc::channel::<Frame>(4);
    let thread = std::thread::spawn(move || {
        while let Some(frame) = frames.blocking_recv() {
            // A reader that has gone is told by the end of the command, as in any pipeline.
            let _ = match frame {
                Frame::Output(bytes) => std::io::stdout().write_all(&bytes).and_then(|()| std::io::stdout().flush()),
                Frame::Errors(bytes) => std::io::stderr().write_all(&bytes),
                Frame::Input(_) | Frame::Word(_) => Ok(()),
            };
        }
    });
    (sender, thread)
}

/// What our terminal or whoever sends signals tells us.
struct Signals {
    terminal: bool,
    resize: tokio::signal::unix::Signal,
    others: Vec<(&'static str, tokio::signal::unix::Signal)>,
}

impl Signals {
    fn new(terminal: bool) -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| fathom_enter::failure::refused("receive signals", error));
        let kinds = [
            ("INT", SignalKind::interrupt()),
            ("TERM", SignalKind::terminate()),
            ("HUP", SignalKind::hangup()),
            ("QUIT", SignalKind::quit()),
            ("USR1", SignalKind::user_defined1()),
            ("USR2", SignalKind::user_defined2()),
        ];
        // With a terminal, keys are bytes; what is left are its end and somebody's wish to end us.
        let kinds = kinds.into_iter().filter(|(name, _)| !terminal || matches!(*name, "TERM" | "HUP"));
        let others = kinds.map(|(name, kind)| Ok((name, listen(kind)?))).collect::<Result<_, Failure>>()?;
        Ok(Signals { terminal, resize: listen(SignalKind::window_change())?, others })
    }

    async fn next(&mut self) -> Word {
        let terminal = self.terminal;
        let others = std::future::poll_fn(|context| {
            let mut came = self
                .others
                .iter_mut()
                .filter_map(|(name, signal)| signal.poll_recv(context).is_ready().then_some(*name));
            came.next().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        });
        tokio::select! {
            _ = self.resize.recv() => {
                let (columns, rows) = client::terminal_size(std::io::stdout());
                Word::Resize(columns, rows)
            }
            // A shell would ignore it, and nobody would be there to end the shell.
            name = others => if terminal { Word::Kill } else { Word::Signal(name.to_owned()) },
        }
    }
}
