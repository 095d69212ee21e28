//! A Windows console: its modes, what it takes for text, and the events that stand for signals.
//!
//! Numbers are those of "SetConsoleMode" in the console's own documentation.

use std::future::poll_fn;
use std::io::{self, IsTerminal, Read as _, Write};
use std::task::{Context, Poll};
use std::time::Duration;

use crossterm_winapi::{Console, ConsoleMode, Handle, HandleType, InputRecord, KeyEventRecord, ScreenBuffer};
use tokio::signal::windows;
use tokio::time::Interval;

use super::Event;
use super::text::{Halves, Text};

const PROCESSED_INPUT: u32 = 0x1;
const LINE_INPUT: u32 = 0x2;
const ECHO_INPUT: u32 = 0x4;
/// Arrows and function keys come as the sequences that terminals send.
const VIRTUAL_TERMINAL_INPUT: u32 = 0x200;

const PROCESSED_OUTPUT: u32 = 0x1;
/// Sequences that terminals understand are understood.
const VIRTUAL_TERMINAL_PROCESSING: u32 = 0x4;
/// A line feed goes down and not to the left.
const DISABLE_NEWLINE_AUTO_RETURN: u32 = 0x8;

/// A console has no signal for its size; kubectl looks as often.
const GLANCE: Duration = Duration::from_millis(250);

/// The console in raw mode, put back when dropped.
#[derive(Debug)]
pub(crate) struct Raw {
    input: u32,
    /// None where stdout is no console.
    output: Option<u32>,
}

impl Raw {
    /// Every key goes to the session as it is. `None` where stdin is no console.
    pub(crate) fn new() -> Option<Raw> {
        let input = mode(HandleType::InputHandle)?;
        let raw = input & !(PROCESSED_INPUT | LINE_INPUT | ECHO_INPUT) | VIRTUAL_TERMINAL_INPUT;
        set_mode(HandleType::InputHandle, raw)?;
        let output = mode(HandleType::OutputHandle);
        if let Some(before) = output {
            // A console before Windows 10 cannot; then sequences are seen as they are.
            let flags = PROCESSED_OUTPUT | VIRTUAL_TERMINAL_PROCESSING | DISABLE_NEWLINE_AUTO_RETURN;
            let _ = set_mode(HandleType::OutputHandle, before | flags);
        }
        Some(Raw { input, output })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = set_mode(HandleType::InputHandle, self.input);
        if let Some(output) = self.output {
            let _ = set_mode(HandleType::OutputHandle, output);
        }
    }
}

/// The mode of a console; none where it is no console.
fn mode(of: HandleType) -> Option<u32> {
    ConsoleMode::from(Handle::new(of).ok()?).mode().ok()
}

fn set_mode(of: HandleType, mode: u32) -> Option<()> {
    ConsoleMode::from(Handle::new(of).ok()?).set_mode(mode).ok()
}

/// Columns and rows of the console at stdout; 0×0 where it is none, which programs take for "unknown".
pub(crate) fn size() -> (u16, u16) {
    let handle = Handle::new(HandleType::OutputHandle).ok();
    let info = handle.and_then(|handle| ScreenBuffer::from(handle).info().ok());
    info.map_or((0, 0), |info| {
        // What is said are the last column and row, counted from 0.
        let size = info.terminal_size();
        (size.width.unsigned_abs() + 1, size.height.unsigned_abs() + 1)
    })
}

/// What is typed or piped in.
pub(crate) struct Stdin {
    /// A console in raw mode: std would read lines, and take Ctrl-Z for their end.
    keyboard: Option<Console>,
    halves: Halves,
    buffer: Vec<u8>,
}

impl Stdin {
    /// To be opened once the terminal is in the mode that it will be read in.
    pub(crate) fn open() -> Self {
        let is_raw = mode(HandleType::InputHandle).is_some_and(|mode| mode & LINE_INPUT == 0);
        let console = || Handle::new(HandleType::InputHandle).ok().map(Console::from);
        Stdin { keyboard: is_raw.then(console).flatten(), halves: Halves::default(), buffer: Vec::new() }
    }

    /// Waits for what comes. No bytes are the end.
    pub(crate) fn read(&mut self) -> &[u8] {
        const MOST: usize = 128 << 10;
        self.buffer.clear();
        let Some(keyboard) = &self.keyboard else {
            self.buffer.resize(MOST, 0);
            let count = io::stdin().read(&mut self.buffer).unwrap_or(0);
            return &self.buffer[..count];
        };
        let more = || keyboard.number_of_console_input_events().is_ok_and(|waiting| waiting > 0);
        while self.buffer.is_empty() || (self.buffer.len() < MOST && more()) {
            match keyboard.read_single_input_event() {
                Ok(InputRecord::KeyEvent(key)) => {
                    (0..times(&key)).for_each(|_| self.halves.take(key.u_char, &mut self.buffer));
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        &self.buffer
    }
}

/// How often a key was typed. A character that is put together from digits comes when Alt is let go.
fn times(key: &KeyEventRecord) -> u16 {
    const ALT: u16 = 0x12;
    let is_typed = key.u_char != 0 && (key.key_down || key.virtual_key_code == ALT);
    if is_typed { key.repeat_count.max(1) } else { 0 }
}

/// `to`, for bytes that may be anything: a console takes only text.
pub(crate) fn screen(to: impl Write + IsTerminal + 'static) -> Box<dyn Write> {
    if to.is_terminal() { Box::new(Text::new(to)) } else { Box::new(to) }
}

type Listener = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<()>>>;

/// The console's events, as they come.
pub(crate) struct Events {
    size: (u16, u16),
    clock: Interval,
    others: Vec<(&'static str, Listener)>,
}

impl Events {
    /// `terminal` is whether ours stands for the command's.
    pub(crate) fn new(terminal: bool) -> io::Result<Self> {
        let (mut interrupt, mut stop) = (windows::ctrl_c()?, windows::ctrl_break()?);
        let (mut close, mut logoff, mut shutdown) =
            (windows::ctrl_close()?, windows::ctrl_logoff()?, windows::ctrl_shutdown()?);
        let keys: [(&str, Listener); 2] = [
            ("INT", Box::new(move |context| interrupt.poll_recv(context))),
            ("QUIT", Box::new(move |context| stop.poll_recv(context))),
        ];
        let ends: [(&str, Listener); 3] = [
            ("HUP", Box::new(move |context| close.poll_recv(context))),
            ("TERM", Box::new(move |context| logoff.poll_recv(context))),
            ("TERM", Box::new(move |context| shutdown.poll_recv(context))),
        ];
        // With a terminal, keys are bytes; what is left are its end and that of the machine.
        let keys = keys.into_iter().filter(|_| !terminal);
        Ok(Events { size: size(), clock: tokio::time::interval(GLANCE), others: keys.chain(ends).collect() })
    }

    /// The next one. May be dropped and asked again, nothing is lost.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let others = poll_fn(|context| {
                let mut listeners = self.others.iter_mut();
                let came = listeners.find_map(|(name, poll)| poll(context).is_ready().then_some(*name));
                came.map_or(Poll::Pending, Poll::Ready)
            });
            tokio::select! {
                _ = self.clock.tick() => {
                    let before = std::mem::replace(&mut self.size, size());
                    if self.size != before {
                        return Event::Resized(self.size.0, self.size.1);
                    }
                }
                name = others => return Event::Signal(name),
            }
        }
    }
}
