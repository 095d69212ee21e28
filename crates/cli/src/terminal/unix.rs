//! A Unix terminal: termios, and signals.

use std::future::poll_fn;
use std::io::{self, Read as _, Write};
use std::os::fd::AsFd as _;
use std::task::Poll;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Event;

/// The terminal at stdin in raw mode, put back when dropped.
#[derive(Debug)]
pub(crate) struct Raw {
    before: Termios,
}

impl Raw {
    /// Every key goes to the session as it is. `None` where stdin is no terminal.
    pub(crate) fn new() -> Option<Raw> {
        let stdin = io::stdin();
        let before = tcgetattr(stdin.as_fd()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin.as_fd(), OptionalActions::Now, &raw).ok()?;
        Some(Raw { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Drain, &self.before);
    }
}

/// Columns and rows of the terminal at stdout; some say 0×0, which programs take for "unknown".
pub(crate) fn size() -> (u16, u16) {
    tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row))
}

/// What is typed or piped in.
pub(crate) struct Stdin {
    buffer: Vec<u8>,
}

impl Stdin {
    /// To be opened once the terminal is in the mode that it will be read in.
    pub(crate) fn open() -> Self {
        Stdin { buffer: vec![0; 128 << 10] }
    }

    /// Waits for what comes. No bytes are the end.
    pub(crate) fn read(&mut self) -> &[u8] {
        let count = io::stdin().read(&mut self.buffer).unwrap_or(0);
        &self.buffer[..count]
    }
}

/// `to`, for bytes that may be anything.
pub(crate) fn screen(to: impl Write) -> impl Write {
    to
}

/// Signals, as they come.
pub(crate) struct Events {
    resize: Signal,
    others: Vec<(&'static str, Signal)>,
}

impl Events {
    /// `terminal` is whether ours stands for the command's.
    pub(crate) fn new(terminal: bool) -> io::Result<Self> {
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
        let others = kinds.map(|(name, kind)| Ok((name, signal(kind)?))).collect::<io::Result<_>>()?;
        Ok(Events { resize: signal(SignalKind::window_change())?, others })
    }

    /// The next one. May be dropped and asked again, nothing is lost.
    pub(crate) async fn next(&mut self) -> Event {
        let others = poll_fn(|context| {
            let mut signals = self.others.iter_mut();
            let came = signals.find_map(|(name, signal)| signal.poll_recv(context).is_ready().then_some(*name));
            came.map_or(Poll::Pending, Poll::Ready)
        });
        tokio::select! {
            _ = self.resize.recv() => {
                let (columns, rows) = size();
                Event::Resized(columns, rows)
            }
            name = others => Event::Signal(name),
        }
    }
}
