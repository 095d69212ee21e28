//! A conversation with a node: our terminal or pipes on one side, frames on the other.

use std::io::Write as _;
use std::time::Instant;

use fathom_cluster::{Listener, Speaker};
use fathom_model::{Class, Ending, Failure};
use fathom_protocol::frame::{BEAT, PATIENCE};
use fathom_protocol::keys::{Keys, Typed};
use fathom_protocol::{Frame, Input, Word};
use tokio::sync::mpsc;

use crate::printer;
use crate::terminal::{self, Event, Events, Raw};

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
    let _raw = (terminal && input == Input::Forwarded).then(Raw::new).flatten();
    let say = say(speaker);
    match input {
        Input::Forwarded => read_stdin(say.clone(), terminal),
        // Nobody hears us any more if this fails; then the node's last word is still to come.
        Input::Closed => drop(say.send(Frame::Input(Vec::new())).await),
    }
    let (show, shows) = show();
    let mut events = Events::new(terminal).map_err(deaf)?;
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
            event = events.next() => {
                let word = match event {
                    Event::Resized(columns, rows) => Word::Resize(columns, rows),
                    // A shell would ignore it, and nobody would be there to end the shell.
                    Event::Signal(_) if terminal => Word::Kill,
                    Event::Signal(name) => Word::Signal(name.to_owned()),
                };
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

fn deaf(error: std::io::Error) -> Failure {
    Failure { cause: Some(error.to_string()), ..Failure::new(Class::System, "cannot receive signals") }
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
        let (mut stdin, mut keys) = (terminal::Stdin::open(), Keys::default());
        loop {
            let read = stdin.read();
            let count = read.len();
            let frame = match terminal.then(|| keys.sift(read)) {
                Some(Typed::Leave) => Frame::Word(Word::Detach),
                // To a node, no bytes are the end of all.
                Some(Typed::Bytes(bytes)) if bytes.is_empty() && count > 0 => continue,
                Some(Typed::Bytes(bytes)) => Frame::Input(bytes),
                None => Frame::Input(read.to_vec()),
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
        let (mut output, mut errors) = (terminal::screen(std::io::stdout()), terminal::screen(std::io::stderr()));
        while let Some(frame) = frames.blocking_recv() {
            // A reader that has gone is told by the end of the command, as in any pipeline.
            let _ = match frame {
                Frame::Output(bytes) => output.write_all(&bytes).and_then(|()| output.flush()),
                Frame::Errors(bytes) => errors.write_all(&bytes),
                Frame::Input(_) | Frame::Word(_) => Ok(()),
            };
        }
    });
    (sender, thread)
}
