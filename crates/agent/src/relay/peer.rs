//! The client at the other end of a relay: what it says, what it is told, and whether it is there.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use fathom_model::{Class, Failure};
use fathom_protocol::credit::{Allowance, Passed, WINDOW};
use fathom_protocol::frame::{BEAT, PATIENCE, Stream};
use fathom_protocol::{Decoder, Frame, Wish, Word};
use fathom_toolkit::Progress;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::PIECE;
use super::outgoing::Outgoing;
use crate::Listener;

/// The other side of the conversation.
pub(super) struct Client {
    pub(super) from: OwnedFd,
    pub(super) to: OwnedFd,
    decoder: Decoder,
    /// What it has not taken yet.
    pub(super) outgoing: Outgoing,
    pub(super) heard: Instant,
    said: Instant,
    pub(super) gone: bool,
    /// What it has room for.
    pub(super) allowance: Allowance,
    /// What came from it and has been dealt with.
    passed: Passed,
    /// It has been told the last word.
    parted: bool,
    /// What was said while nobody could obey.
    early: VecDeque<Frame>,
    /// Whether a terminal's keys are what comes.
    pub(super) typed: bool,
}

/// Frames that may wait for a session to begin: more than anybody types meanwhile.
const MOST_EARLY: usize = 1 << 16;

/// What Ctrl-C is to a terminal.
const INTERRUPT: u8 = 3;

impl Client {
    pub(super) fn new(from: OwnedFd, to: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&from, true)?;
        rustix::io::ioctl_fionbio(&to, true)?;
        let now = Instant::now();
        Ok(Client {
            from,
            to,
            decoder: Decoder::default(),
            outgoing: Outgoing::default(),
            heard: now,
            said: now,
            gone: false,
            allowance: Allowance::default(),
            passed: Passed::default(),
            parted: false,
            early: VecDeque::new(),
            typed: false,
        })
    }

    /// The first thing that is said; none if the client leaves without a word.
    pub(super) fn hear_wish(&mut self) -> Result<Option<Wish>, Failure> {
        while !self.is_gone() {
            match self.decoder.next_frame() {
                Ok(Some(Frame::Word(Word::Wish(wish)))) => return Ok(Some(wish)),
                Ok(Some(_)) => return Err(Failure::new(Class::Usage, "the client does not begin with a wish")),
                Ok(None) => {}
                Err(garbage) => return Err(Failure::new(Class::Usage, format!("the client sent {garbage}"))),
            }
            let mut fds = [PollFd::new(&self.from, PollFlags::IN)];
            let beat = Timespec { tv_sec: BEAT.as_secs() as i64, tv_nsec: 0 };
            let _ = poll(&mut fds, Some(&beat));
            self.read();
        }
        Ok(None)
    }

    pub(super) fn read(&mut self) {
        let mut buffer = vec![0; PIECE];
        match rustix::io::read(&self.from, buffer.as_mut_slice()) {
            Ok(0) => self.gone = true,
            Ok(count) => {
                self.decoder.feed(&buffer[..count]);
                self.heard = Instant::now();
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.gone = true,
        }
    }

    /// The next frame; a client that sends garbage is none of ours, and as good as gone.
    pub(super) fn next(&mut self) -> Option<Frame> {
        self.early.pop_front().or_else(|| self.decode())
    }

    fn decode(&mut self) -> Option<Frame> {
        self.decoder.next_frame().unwrap_or_else(|_| {
            self.gone = true;
            None
        })
    }

    pub(super) fn queue(&mut self, frame: &Frame) {
        if let Frame::Output(bytes) | Frame::Errors(bytes) = frame {
            self.allowance.spend(bytes.len());
        }
        self.parted |= matches!(frame, Frame::Word(Word::Ended(_) | Word::Failed(_) | Word::Answer(_)));
        self.outgoing.push(frame);
    }

    /// Passes on what `file` has of a stream, as far as there is room for it. Nothing is its end.
    pub(super) fn forward(&mut self, file: &File, stream: Stream) -> Result<usize, Errno> {
        let count = self.outgoing.forward(file, stream, PIECE.min(self.allowance.left()))?;
        self.allowance.spend(count);
        Ok(count)
    }

    /// So much of what it sent is dealt with.
    pub(super) fn pass(&mut self, count: usize) {
        if let Some(word) = self.passed.add(count) {
            self.queue(&Frame::Word(word));
        }
    }

    pub(super) fn say(&mut self, word: Word) {
        self.queue(&Frame::Word(word));
        self.write();
    }

    /// As much as goes, and a sign of life when it is time.
    pub(super) fn write(&mut self) {
        if self.said.elapsed() >= BEAT && self.outgoing.is_empty() {
            self.queue(&Frame::Word(Word::Alive));
        }
        if self.outgoing.is_empty() {
            return;
        }
        match self.outgoing.write(&self.to) {
            Ok(()) => self.said = Instant::now(),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.gone = true,
        }
    }

    /// The last words, for as long as a client is there to hear them.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let started = Instant::now();
        while !self.outgoing.is_empty() && !self.gone && started.elapsed() < PATIENCE {
            let mut fds = [PollFd::new(&self.to, PollFlags::OUT)];
            let _ = poll(&mut fds, Some(&Timespec { tv_sec: 1, tv_nsec: 0 }));
            self.write();
        }
        Ok(())
    }

    /// Waits until whoever was told the last word has gone: one that still says that it is there has not heard it. What
    /// carries us drops what is still under way as soon as it has words for us and we are no more.
    pub(super) fn see_off(&mut self) {
        while self.parted && !self.is_gone() {
            let mut fds = [PollFd::new(&self.from, PollFlags::IN)];
            let _ = poll(&mut fds, Some(&Timespec { tv_sec: 1, tv_nsec: 0 }));
            self.read();
            while self.next().is_some() {}
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone || self.heard.elapsed() > PATIENCE
    }
}

impl Listener for Client {
    fn notice(&mut self, text: &str) {
        self.say(Word::Notice(text.to_owned()));
    }

    /// Long work is no silence.
    fn progress(&mut self, _: &Progress) {
        self.write();
    }

    /// Hears what is said meanwhile; whoever interrupts, or would rather leave, waits no more.
    fn waits(&mut self) -> bool {
        self.write();
        self.read();
        while let Some(frame) = self.decode() {
            let ends = match &frame {
                Frame::Word(Word::Signal(_) | Word::Kill | Word::Detach) => true,
                Frame::Input(bytes) => self.typed && bytes.contains(&INTERRUPT),
                _ => false,
            };
            if ends {
                return false;
            }
            if frame != Frame::Word(Word::Alive) {
                self.early.push_back(frame);
            }
        }
        // One that sends more than it may is none of ours.
        let bytes = |frame: &Frame| if let Frame::Input(bytes) = frame { bytes.len() } else { 0 };
        self.gone |= self.early.len() > MOST_EARLY || self.early.iter().map(bytes).sum::<usize>() > WINDOW;
        !self.is_gone()
    }
}
