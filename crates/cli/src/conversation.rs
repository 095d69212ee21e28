//! A conversation with a node: our terminal or pipes on one side, frames on the other.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use fathom_cluster::{Listener, Speaker};
use fathom_model::{Class, Ending, Failure};
use fathom_protocol::credit::{Allowance, Passed};
use fathom_protocol::frame::{BEAT, PATIENCE};
use fathom_protocol::keys::{Keys, Typed};
use fathom_protocol::{Frame, Input, Word};
use tokio::sync::mpsc;

use crate::printer;
use crate::recording::Recording;
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

/// Where what comes from the command goes.
pub(crate) enum Sink {
    /// To our stdout, and into a recording of what is seen. A reader that has gone is told by the end of the command, as
    /// in any pipeline.
    Screen(Option<Recording>),
    /// To our stdout, for as long as somebody reads there: then nothing more is wanted.
    Reader,
    /// Into a file.
    File(File),
}

/// Until the node has said its last word.
pub(crate) async fn carry(manner: Manner, speaker: Speaker, listener: Listener) -> Result<Last, Failure> {
    carry_to(Sink::Screen(None), manner, speaker, listener).await
}

/// The same, to somewhere else.
pub(crate) async fn carry_to(
    sink: Sink,
    manner: Manner,
    speaker: Speaker,
    mut listener: Listener,
) -> Result<Last, Failure> {
    let Manner { terminal, input } = manner;
    let _raw = (terminal && input == Input::Forwarded).then(Raw::new).flatten();
    let (say, allowance) = (say(speaker), Arc::new(Room::default()));
    match input {
        Input::Forwarded => read_stdin(say.clone(), allowance.clone(), terminal),
        // Nobody hears us any more if this fails; then the node's last word is still to come.
        Input::Closed => drop(say.send(Frame::Input(Vec::new())).await),
    }
    let (mut screen, mut unwritten) = (Screen::new(sink), None);
    let mut events = Events::new(terminal).map_err(deaf)?;
    let mut beat = tokio::time::interval(BEAT);
    let (mut heard, mut started) = (Instant::now(), None);
    let (mut passed, mut words) = (Passed::default(), VecDeque::new());
    let last = loop {
        tokio::select! {
            frame = listener.next() => {
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
                    Some(Frame::Word(Word::Room(room))) => allowance.grow(room),
                    Some(Frame::Word(_) | Frame::Input(_)) => {}
                    Some(frame) => screen.show(Sight::Frame(frame)),
                }
            }
            shown = screen.shown() => {
                words.extend(passed.add(shown.count));
                if let (Some(error), None) = (shown.error, &unwritten) {
                    unwritten = Some(error);
                    words.push_back(Word::Signal("TERM".to_owned()));
                }
            }
            event = events.next() => words.push_back(match event {
                Event::Resized(columns, rows) => {
                    screen.show(Sight::Resized(columns, rows));
                    Word::Resize(columns, rows)
                }
                // A shell would ignore it, and nobody would be there to end the shell.
                Event::Signal(_) if terminal => Word::Kill,
                Event::Signal(name) => Word::Signal(name.to_owned()),
            }),
            // A node that does not take our words is heard all the same.
            room = say.reserve(), if !words.is_empty() => match (room, words.pop_front()) {
                (Ok(room), Some(word)) => room.send(Frame::Word(word)),
                // The other direction says why.
                _ => words.clear(),
            },
            _ = beat.tick() => {
                // A full queue says by itself that we are there.
                let _ = say.try_send(Frame::Word(Word::Alive));
                if heard.elapsed() > PATIENCE {
                    break Err(unheard());
                }
            }
        }
    };
    // All that came before the last word is to be seen before we go.
    let unwritten = screen.end().or(unwritten);
    match unwritten.filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        Some(error) if last.is_ok() => {
            let failure = Failure::new(Class::System, "cannot write all that has come");
            Err(Failure { cause: Some(error.to_string()), ..failure })
        }
        _ => last,
    }
}

/// What a command said that nobody has to see.
#[derive(Debug)]
pub(crate) struct Heard {
    /// How it ended.
    pub(crate) ending: Ending,
    /// Its stdout.
    pub(crate) output: Vec<u8>,
    /// The end of its stderr.
    pub(crate) errors: String,
}

/// Until the node has said its last word, or more than `most` bytes.
pub(crate) async fn listen(mut speaker: Speaker, mut listener: Listener, most: usize) -> Result<Heard, Failure> {
    /// Of what is wrong, the last lines tell.
    const ERRORS: usize = 4096;
    // Whoever hears us no more says so himself.
    let _ = speaker.send(&Frame::Input(Vec::new())).await;
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let (mut heard, mut passed) = (Instant::now(), Passed::default());
    let mut beat = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            frame = listener.next() => {
                heard = Instant::now();
                let count = match frame? {
                    None => return Err(listener.post_mortem().await.unwrap_or_else(fathom_cluster::cut_off)),
                    Some(Frame::Word(Word::Ended(ending))) => {
                        let errors = String::from_utf8_lossy(&errors).into_owned();
                        return Ok(Heard { ending, output, errors });
                    }
                    Some(Frame::Word(Word::Failed(failure))) => return Err(failure),
                    Some(Frame::Output(bytes)) => {
                        output.extend_from_slice(&bytes);
                        bytes.len()
                    }
                    Some(Frame::Errors(bytes)) => {
                        errors.extend_from_slice(&bytes);
                        errors.drain(..errors.len().saturating_sub(ERRORS));
                        bytes.len()
                    }
                    Some(Frame::Word(_) | Frame::Input(_)) => 0,
                };
                if output.len() > most {
                    return Err(Failure::new(Class::System, format!("more than {most} bytes came as an answer")));
                }
                if let Some(word) = passed.add(count) {
                    let _ = speaker.send(&Frame::Word(word)).await;
                }
            }
            _ = beat.tick() => {
                let _ = speaker.send(&Frame::Word(Word::Alive)).await;
                if heard.elapsed() > PATIENCE {
                    return Err(unheard());
                }
            }
        }
    }
}

/// Nothing came for longer than a node that lives keeps silent.
pub(crate) fn unheard() -> Failure {
    Failure::new(Class::System, "the node has not been heard for a while")
        .hinting("the network or the node is gone; the session ends there by itself")
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

/// What the node has room for, to be waited for by a thread.
#[derive(Default)]
struct Room {
    allowance: Mutex<Allowance>,
    grown: Condvar,
}

impl Room {
    fn grow(&self, room: u32) {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner).grow(room);
        self.grown.notify_all();
    }

    /// Some of `wanted`, as soon as there is room for any.
    fn spend(&self, wanted: usize) -> usize {
        let allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.grown.wait_while(allowance, |allowance| allowance.left() == 0);
        let mut allowance = waited.unwrap_or_else(PoisonError::into_inner);
        let count = wanted.min(allowance.left());
        allowance.spend(count);
        count
    }
}

fn read_stdin(say: mpsc::Sender<Frame>, room: Arc<Room>, terminal: bool) {
    std::thread::spawn(move || {
        let (mut stdin, mut keys) = (terminal::Stdin::open(), Keys::default());
        loop {
            let read = stdin.read();
            let is_end = read.is_empty();
            let mut bytes = match terminal.then(|| keys.sift(read)) {
                Some(Typed::Leave) => {
                    let _ = say.blocking_send(Frame::Word(Word::Detach));
                    return;
                }
                Some(Typed::Bytes(bytes)) => bytes,
                None => read.to_vec(),
            };
            while !bytes.is_empty() {
                let rest = bytes.split_off(room.spend(bytes.len()));
                if say.blocking_send(Frame::Input(std::mem::replace(&mut bytes, rest))).is_err() {
                    return;
                }
            }
            if is_end {
                // To a node, no bytes are the end of all.
                let _ = say.blocking_send(Frame::Input(Vec::new()));
                return;
            }
        }
    });
}

/// What there is to see.
enum Sight {
    Frame(Frame),
    /// Of this many columns and rows, from now on.
    Resized(u16, u16),
}

/// So many bytes are dealt with.
#[derive(Debug, Default)]
struct Shown {
    count: usize,
    /// Why nothing more need come.
    error: Option<io::Error>,
}

/// Our stdout and stderr, behind a thread: nobody waits when nobody reads there. The node sends no more than there is
/// room for.
struct Screen {
    sights: std::sync::mpsc::Sender<Sight>,
    shown: mpsc::UnboundedReceiver<Shown>,
    thread: std::thread::JoinHandle<()>,
}

impl Screen {
    fn new(mut sink: Sink) -> Self {
        let (sights, waiting) = std::sync::mpsc::channel();
        let (tell, shown) = mpsc::unbounded_channel();
        let thread = std::thread::spawn(move || {
            let (mut output, mut errors) = (terminal::screen(io::stdout()), terminal::screen(io::stderr()));
            for sight in waiting {
                let shown = match sight {
                    Sight::Frame(Frame::Output(bytes)) => {
                        let error = sink.take(&bytes, &mut output).err();
                        Shown { count: bytes.len(), error }
                    }
                    Sight::Frame(Frame::Errors(bytes)) => {
                        let _ = errors.write_all(&bytes);
                        Shown { count: bytes.len(), error: None }
                    }
                    Sight::Resized(columns, rows) => {
                        if let Sink::Screen(Some(recording)) = &mut sink {
                            recording.resize(columns, rows);
                        }
                        continue;
                    }
                    Sight::Frame(Frame::Input(_) | Frame::Word(_)) => Shown::default(),
                };
                let _ = tell.send(shown);
            }
        });
        Screen { sights, shown, thread }
    }

    fn show(&self, sight: Sight) {
        // The thread lives until we end.
        let _ = self.sights.send(sight);
    }

    /// How much more has been shown.
    async fn shown(&mut self) -> Shown {
        match self.shown.recv().await {
            Some(shown) => shown,
            None => std::future::pending().await,
        }
    }

    /// Returns when everything has been shown; with why some of it was not.
    fn end(mut self) -> Option<io::Error> {
        drop(self.sights);
        let _ = self.thread.join();
        std::iter::from_fn(|| self.shown.try_recv().ok()).find_map(|shown| shown.error)
    }
}

impl Sink {
    fn take(&mut self, bytes: &[u8], screen: &mut impl Write) -> io::Result<()> {
        match self {
            Sink::Screen(recording) => {
                if let Some(recording) = recording {
                    recording.output(bytes);
                }
                let _ = screen.write_all(bytes).and_then(|()| screen.flush());
                Ok(())
            }
            Sink::Reader => screen.write_all(bytes).and_then(|()| screen.flush()),
            Sink::File(file) => file.write_all(bytes),
        }
    }
}
