//! A session whose client is far away: frames on one side, the supervisor's socket and the command's pipes on the
//! other.
//!
//! One loop, no thread, nothing that can block: a client that does not read stops the command's output and nothing
//! else, a command that does not read stops its input and nothing else, and a client that is gone is noticed within
//! [`PATIENCE`](fathom_protocol::frame::PATIENCE), whatever the network does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fathom_enter::client::{self, Line, Outcome, Session};
use fathom_enter::failure::Step as _;
use fathom_enter::wire::{self, Message, Received};
use fathom_model::{Class, Ending, Failure};
use fathom_protocol::credit::WINDOW;
use fathom_protocol::frame::BEAT;
use fathom_protocol::{Action, Frame, Input, Seen, VERSION, Wish, Word};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::entry::{self, Sought};
use crate::{Listener as _, Node, tracer};

mod arrival;
mod outgoing;
mod peer;
mod recording;
mod streams;

use peer::Client;
use streams::Streams;

/// Bytes that may wait for the network: few enough to be in the processor's cache when they leave.
const MOST_WAITING: usize = 256 << 10;

/// How long engines may take over a question that only they can answer.
const ENGINES: std::time::Duration = std::time::Duration::from_secs(5);

/// How much is read at once: what a pipe holds.
const PIECE: usize = 64 << 10;

/// Speaks with the client at `from` and `to` until what it wishes is done.
pub fn serve(node: &Node, from: OwnedFd, to: OwnedFd) -> io::Result<()> {
    let mut client = Client::new(from, to)?;
    let result = match client.hear_wish() {
        Ok(Some(wish)) => grant(node, wish, &mut client),
        // Nobody ever said anything.
        Ok(None) => return Ok(()),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = result {
        client.say(Word::Failed(failure));
    }
    client.flush()?;
    client.see_off();
    Ok(())
}

fn grant(node: &Node, wish: Wish, peer: &mut Client) -> Result<(), Failure> {
    if wish.version != VERSION {
        return Err(Failure::new(
            Class::Unsupported,
            format!("the client speaks version {} of the protocol, this node {VERSION}", wish.version),
        )
        .hinting("use the same version of fathom on both sides"));
    }
    // So that a client can tell a node that heard it from one that is just going.
    peer.say(Word::Alive);
    match wish.action {
        Action::Enter(entry) => {
            peer.typed = entry.terminal.is_some();
            let prepared = entry::prepare(node, Sought::Placed(&entry.place), &entry, peer)?;
            let recording = recording::begin(node, &entry, &prepared)?;
            let mut session = prepared.start(recording)?;
            if entry.detach {
                return detached(session, peer);
            }
            carry(session.line()?, &|| session.clear_up(), peer)
        }
        Action::Trace(entry) => {
            peer.typed = entry.terminal.is_some();
            let prepared = tracer::prepare(node, &entry)?;
            let recording = recording::begin(node, &entry, &prepared)?;
            let mut session = prepared.start(recording)?;
            carry(session.line()?, &|| session.clear_up(), peer)
        }
        Action::Attach { session } => {
            let lost = || Failure::new(Class::System, format!("session {session} ended without a word"));
            carry(client::line(&node.registry, &session)?, &lost, peer)
        }
        Action::Kill { session } => {
            client::kill(&node.registry, &session)?;
            peer.say(Word::Ended(Ending::Exited(0)));
            Ok(())
        }
        Action::Bring { archive, size } => arrival::take(node, &archive, size, peer),
        Action::Release { session } => {
            client::release(&node.registry, &session)?;
            peer.say(Word::Ended(Ending::Exited(0)));
            Ok(())
        }
        Action::Command { id, image } => {
            let id = id.as_deref().map(|id| id.rsplit("://").next().unwrap_or(id));
            let known = fathom_runtime::command(&node.places, id, &image, ENGINES);
            peer.say(Word::Answer(serde_json::to_string(&known).expect("it is plain data")));
            Ok(())
        }
        Action::List => {
            fathom_enter::sweep::sweep(&node.registry);
            let ids = node.registry.ids().unwrap_or_default();
            let seen: Vec<Seen> = ids.iter().filter_map(|id| Some(node.registry.state(id).ok()?.seen)).collect();
            peer.say(Word::Answer(serde_json::to_string(&seen).expect("what is seen is plain data")));
            Ok(())
        }
    }
}

/// Starts it and leaves it to itself.
fn detached(session: Session, client: &mut Client) -> Result<(), Failure> {
    let id = session.id().to_owned();
    match session.carry(Input::Closed, &mut |text| client.notice(text))? {
        Outcome::Detached => client.say(Word::Started(id)),
        Outcome::Ended(ending) => client.say(Word::Ended(ending)),
    }
    Ok(())
}

/// Until the command has ended and all that it wrote is on its way, or the client is gone.
/// `lost` is what to say when the supervisor is.
fn carry(mut line: Line, lost: &dyn Fn() -> Failure, client: &mut Client) -> Result<(), Failure> {
    let mut streams = Streams::of(line.pipes.take()).step("use the command's pipes")?;
    let mut ending = None;
    client.say(Word::Started(line.id.clone()));
    loop {
        if let Some(ending) = ending.filter(|_| streams.outputs.is_empty()) {
            client.say(Word::Ended(ending));
            return Ok(());
        }
        let happened = wait(&line, &streams, client);
        if happened.supervisor && ending.is_none() {
            match wire::receive(&line.control).step("hear from the supervisor")? {
                Received::Message(Message::Output(bytes)) => client.queue(&Frame::Output(bytes)),
                Received::Message(Message::Ended(end)) => ending = Some(end),
                Received::Message(Message::Failed(failure)) => return Err(failure),
                Received::Message(Message::Notice(text)) => client.say(Word::Notice(text)),
                Received::Gone => return Err(lost()),
                Received::Message(_) | Received::Nothing => {}
            }
        }
        // From the last one on: those that end are taken out.
        for index in happened.outputs.into_iter().rev() {
            streams.drain(index, client);
        }
        client.gone |= happened.deaf;
        client.write();
        if happened.client {
            client.read();
        }
        while let Some(frame) = client.next() {
            if let Frame::Word(Word::Room(room)) = frame {
                client.allowance.grow(room);
            } else if ending.is_none() && obey(&frame, &line, &mut streams, client) == Next::Leave {
                return Ok(());
            }
        }
        let fed = streams.feed();
        client.pass(fed);
        // One that sends more than it may is none of ours.
        client.gone |= streams.waiting.len() > WINDOW;
        if client.is_gone() {
            // The supervisor sees the line go, and ends what was not to go on without a client.
            return Ok(());
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Go,
    /// The client goes, the session stays.
    Leave,
}

/// Does what the client says.
fn obey(frame: &Frame, line: &Line, streams: &mut Streams, client: &mut Client) -> Next {
    // A supervisor that hears no more is noticed where it is heard.
    let tell = |message: &Message| {
        let _ = wire::send(&line.control, message);
    };
    match frame {
        Frame::Input(bytes) if line.has_terminal => {
            for piece in bytes.chunks(wire::LONGEST / 2) {
                tell(&Message::Input(piece.to_vec()));
            }
            client.pass(bytes.len());
        }
        Frame::Input(bytes) if bytes.is_empty() => streams.input_ended = true,
        Frame::Input(bytes) => streams.waiting.extend(bytes),
        Frame::Word(Word::Resize(columns, rows)) => tell(&Message::Resize(*columns, *rows)),
        Frame::Word(Word::Signal(name)) => {
            if let Some(number) = signal(name) {
                tell(&Message::Signal(number));
            }
        }
        Frame::Word(Word::Kill) => tell(&Message::Kill),
        Frame::Word(Word::Detach) => {
            tell(&Message::Detach);
            return Next::Leave;
        }
        Frame::Word(_) | Frame::Output(_) | Frame::Errors(_) => {}
    }
    Next::Go
}

/// Signals that are passed on, by name.
fn signal(name: &str) -> Option<i32> {
    const NAMES: [(&str, i32); 6] = [
        ("INT", libc::SIGINT),
        ("TERM", libc::SIGTERM),
        ("HUP", libc::SIGHUP),
        ("QUIT", libc::SIGQUIT),
        ("USR1", libc::SIGUSR1),
        ("USR2", libc::SIGUSR2),
    ];
    NAMES.iter().find(|(own, _)| *own == name).map(|(_, number)| *number)
}

/// What there is to do.
struct Happened {
    supervisor: bool,
    client: bool,
    /// Nobody reads what we say any more.
    deaf: bool,
    outputs: Vec<usize>,
}

fn wait(line: &Line, streams: &Streams, client: &Client) -> Happened {
    let wants = |wanted: bool, flags: PollFlags| if wanted { flags } else { PollFlags::empty() };
    let (reads, writes) = (PollFlags::IN, PollFlags::OUT);
    let has_room = client.outgoing.len() < MOST_WAITING && client.allowance.left() > 0;
    let mut fds: Vec<(BorrowedFd<'_>, PollFlags)> = vec![
        (line.control.as_fd(), wants(has_room, reads)),
        (client.from.as_fd(), reads),
        (client.to.as_fd(), wants(!client.outgoing.is_empty(), writes)),
    ];
    fds.extend(streams.outputs.iter().filter(|_| has_room).map(|(file, _)| (file.as_fd(), reads)));
    fds.extend(streams.input.iter().filter(|_| !streams.waiting.is_empty()).map(|fd| (fd.as_fd(), writes)));
    let mut fds: Vec<PollFd<'_>> = fds.into_iter().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)).collect();
    let beat = Timespec { tv_sec: BEAT.as_secs() as i64, tv_nsec: 0 };
    let _ = poll(&mut fds, Some(&beat));
    let happened = |index: usize| !fds[index].revents().is_empty();
    let outputs = if has_room { streams.outputs.len() } else { 0 };
    Happened {
        supervisor: happened(0),
        client: happened(1),
        deaf: fds[2].revents().intersects(PollFlags::ERR | PollFlags::HUP),
        outputs: (0..outputs).filter(|index| happened(3 + index)).collect(),
    }
}
