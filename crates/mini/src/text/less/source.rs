//! What a pager shows: lines of files or of a pipe, read as they are asked for.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::frame::Trouble;
use crate::terminal;

/// When reading stops before there is enough.
#[derive(Clone, Copy)]
pub(super) enum Until<'a> {
    /// Only at the end.
    End,
    /// When nothing is there at the moment.
    Pause,
    /// When a key is pressed.
    Key(BorrowedFd<'a>),
}

/// What was read so far, and what is left to read, the next file last.
pub(super) struct Text {
    pub(super) inputs: Vec<File>,
    pub(super) lines: Vec<String>,
    partial: Vec<u8>,
}

impl Text {
    pub(super) fn of(inputs: Vec<File>) -> Self {
        Text { inputs, lines: Vec::new(), partial: Vec::new() }
    }

    /// Reads until there are `count` lines, nothing is left, or, while more may come, `until` says so.
    pub(super) fn read(&mut self, count: usize, until: Until<'_>) -> Result<(), Trouble> {
        let mut buffer = vec![0; 64 * 1024];
        while self.lines.len() < count {
            let Some(input) = self.inputs.last_mut() else { return Ok(()) };
            let more = match until {
                Until::End => true,
                Until::Pause => terminal::is_readable(input.as_fd(), Duration::ZERO)?,
                Until::Key(tty) => {
                    let mut polled = [
                        PollFd::from_borrowed_fd(tty, PollFlags::IN),
                        PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN),
                    ];
                    match poll(&mut polled, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(cause) => return Err(cause.into()),
                    }
                    polled[0].revents().is_empty() && !polled[1].revents().is_empty()
                }
            };
            if !more {
                return Ok(());
            }
            match input.read(&mut buffer)? {
                0 => {
                    self.inputs.pop();
                    if !self.partial.is_empty() {
                        self.lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned());
                    }
                }
                length => self.add(&buffer[..length]),
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend(part);
            if part.ends_with(b"\n") {
                self.partial.pop();
                self.lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned());
            }
        }
    }
}
