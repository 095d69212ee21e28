//! A client's loop: until the session ends, it carries keys and signals one way and output the other.
//!
//! With a terminal, everything goes through the supervisor. With pipes, three threads move bytes without looking at
//! them, and this loop only hears signals and the end.

use std::io::IsTerminal as _;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use fathom_host::sys;
use fathom_model::{Ending, Failure};
use fathom_protocol::Input;
use fathom_protocol::keys::{Keys, Typed};
use rustix::event::{PollFd, PollFlags, poll};

use super::{Pipes, Session, pump, screen};
use crate::failure::Step;
use crate::options::{Attachment, Streams};
use crate::wire::{self, Message, Received};

/// How a client's part ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The command ended.
    Ended(Ending),
    /// The session goes on without us.
    Detached,
}

/// Signals that a command without a terminal gets passed on.
const FORWARDED: &[i32] = &[libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

impl Session {
    /// Stays until the session ends. `notice` gets what the user should read meanwhile.
    pub fn carry(mut self, input: Input, notice: &mut dyn FnMut(&str)) -> Result<Outcome, Failure> {
        sys::ignore_signal(libc::SIGPIPE);
        let outcome = match (self.plan.streams, self.plan.attachment) {
            (_, Attachment::Detached) => self.until_started(notice)?,
            (Streams::Terminal { .. }, _) => with_terminal(&self.control, input, notice)?,
            (Streams::Pipes, _) => {
                let pipes = self.pipes.take();
                with_pipes(&self.control, pipes, input, notice)?
            }
        };
        outcome.ok_or_else(|| self.clear_up())
    }

    /// A detached session has started when its command runs.
    fn until_started(&self, notice: &mut dyn FnMut(&str)) -> Result<Option<Outcome>, Failure> {
        loop {
            wait_readable(&self.control);
            match wire::receive(&self.control).step("hear from the supervisor")? {
                Received::Message(Message::Started) => {
                    crate::launcher::post(&self.plan.registry, &self.plan.id)?;
                    let _ = wire::send(&self.control, &Message::Detach);
                    return Ok(Some(Outcome::Detached));
                }
                Received::Message(Message::Failed(failure)) => return Err(failure),
                Received::Message(Message::Notice(text)) => notice(&text),
                Received::Gone => return Ok(None),
                _ => {}
            }
        }
    }
}

pub(super) fn wait_readable(fd: impl AsFd) {
    let _ = poll(&mut [PollFd::new(&fd, PollFlags::IN)], None);
}

fn with_pipes(
    control: &OwnedFd,
    pipes: Option<Pipes>,
    input: Input,
    notice: &mut dyn FnMut(&str),
) -> Result<Option<Outcome>, Failure> {
    // Blocked before the threads are made, so that the signals come here.
    let signals = sys::signal_fd(FORWARDED).step("receive signals")?;
    let outputs = pipes.map_or_else(Vec::new, |pipes| start_pumps(pipes, input));
    sys::forget_code();
    let outcome = loop {
        let mut fds = [PollFd::new(control, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        let _ = poll(&mut fds, None);
        let spoken = !fds[0].revents().is_empty();
        while let Ok(Some(number)) = sys::read_signal(&signals) {
            let _ = wire::send(control, &Message::Signal(number));
        }
        if !spoken {
            continue;
        }
        match wire::receive(control).step("hear from the supervisor")? {
            Received::Message(Message::Ended(ending)) => break Some(Outcome::Ended(ending)),
            Received::Message(Message::Failed(failure)) => return Err(failure),
            Received::Message(Message::Notice(text)) => notice(&text),
            Received::Gone => break None,
            _ => {}
        }
    };
    // Everything that could write is dead, so the pipes end; what is in them is still to be shown.
    for thread in outputs {
        let _ = thread.join();
    }
    Ok(outcome)
}

/// A thread for each stream. Returns those of the outputs, once all are at work: what a thread needs to start is not
/// needed again.
fn start_pumps(pipes: Pipes, input: Input) -> Vec<JoinHandle<rustix::io::Result<()>>> {
    let at_work = Arc::new(AtomicUsize::new(0));
    let start = |pump: Box<dyn FnOnce() -> rustix::io::Result<()> + Send>| {
        let at_work = Arc::clone(&at_work);
        std::thread::spawn(move || {
            at_work.fetch_add(1, Ordering::Release);
            pump()
        })
    };
    let Pipes { input: to, output, errors } = pipes;
    let outputs = vec![
        start(Box::new(move || pump::pump(output, std::io::stdout()))),
        start(Box::new(move || pump::pump(errors, std::io::stderr()))),
    ];
    let mut started = outputs.len();
    if input == Input::Forwarded {
        // Nobody waits for this one: a read of a terminal has no end.
        start(Box::new(move || pump::pump(std::io::stdin(), to)));
        started += 1;
    }
    while at_work.load(Ordering::Acquire) < started {
        std::thread::yield_now();
    }
    outputs
}

pub(super) fn with_terminal(
    control: &OwnedFd,
    input: Input,
    notice: &mut dyn FnMut(&str),
) -> Result<Option<Outcome>, Failure> {
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    let signals =
        sys::signal_fd(&[libc::SIGWINCH, libc::SIGTERM, libc::SIGHUP, libc::SIGINT]).step("receive signals")?;
    let raw = (input == Input::Forwarded && stdin.is_terminal()).then(|| screen::Raw::new(stdin.as_fd())).flatten();
    let mut reads_input = input == Input::Forwarded;
    let mut keys = Keys::default();
    sys::forget_code();
    let outcome = loop {
        let wanted = if reads_input { PollFlags::IN } else { PollFlags::empty() };
        let mut fds =
            [PollFd::new(control, PollFlags::IN), PollFd::new(&signals, PollFlags::IN), PollFd::new(&stdin, wanted)];
        let _ = poll(&mut fds, None);
        let ready: [bool; 3] = std::array::from_fn(|index| !fds[index].revents().is_empty());
        if ready[1] && !hear_signals(control, &signals, &stdout) {
            // Our own terminal is gone, or somebody wants us gone: the session ends with us.
            let _ = wire::send(control, &Message::Kill);
        }
        if ready[2] && reads_input {
            match read_keys(&mut keys, &stdin) {
                Some(Typed::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Typed::Bytes(bytes)) => drop(wire::send(control, &Message::Input(bytes))),
                Some(Typed::Leave) => {
                    let _ = wire::send(control, &Message::Detach);
                    break Some(Outcome::Detached);
                }
                None => reads_input = false,
            }
        }
        if !ready[0] {
            continue;
        }
        match wire::receive(control).step("hear from the supervisor")? {
            Received::Message(Message::Output(bytes)) => write_all(&stdout, &bytes),
            Received::Message(Message::Ended(ending)) => break Some(Outcome::Ended(ending)),
            Received::Message(Message::Failed(failure)) => {
                drop(raw);
                return Err(failure);
            }
            Received::Message(Message::Notice(text)) => notice(&text),
            Received::Gone => break None,
            _ => {}
        }
    };
    drop(raw);
    Ok(outcome)
}

/// Returns whether to go on.
fn hear_signals(control: &OwnedFd, signals: &OwnedFd, stdout: &std::io::Stdout) -> bool {
    let mut go_on = true;
    while let Ok(Some(number)) = sys::read_signal(signals) {
        match number {
            libc::SIGWINCH => {
                let (columns, rows) = screen::size(stdout);
                let _ = wire::send(control, &Message::Resize(columns, rows));
            }
            libc::SIGINT => drop(wire::send(control, &Message::Input(vec![3]))),
            _ => go_on = false,
        }
    }
    go_on
}

fn write_all(out: impl AsFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(&out, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => drop(poll(&mut [PollFd::new(&out, PollFlags::OUT)], None)),
            Err(_) => return,
        }
    }
}

/// What was typed, where there was anything; none when there will be no more.
fn read_keys(keys: &mut Keys, stdin: &std::io::Stdin) -> Option<Typed> {
    let mut buffer = [0u8; 16 * 1024];
    match rustix::io::read(stdin, &mut buffer) {
        Ok(0) => None,
        Ok(count) => Some(keys.sift(&buffer[..count])),
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Some(Typed::Bytes(Vec::new())),
        Err(_) => None,
    }
}
