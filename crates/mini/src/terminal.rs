//! The terminal: raw mode, size and keys, for the shell's line editor, `less` and `top`.
//!
//! Keys are read one byte at a time and never ahead: what was typed early belongs to whoever reads next.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// How big a terminal is taken to be when it says 0×0.
const ASSUMED: Size = Size { rows: 24, columns: 80 };

/// Rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// The size of the terminal behind `fd`, or [`ASSUMED`].
pub(crate) fn size(fd: impl AsFd) -> Size {
    match tcgetwinsize(fd) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            Size { rows: usize::from(size.ws_row), columns: usize::from(size.ws_col) }
        }
        Ok(_) | Err(_) => ASSUMED,
    }
}

/// A terminal in raw mode, until dropped.
pub(crate) struct Raw<Fd: AsFd> {
    fd: Fd,
    before: Termios,
}

impl<Fd: AsFd> Raw<Fd> {
    /// Switches to raw mode; a newline printed is one as ever, and what was typed before is kept.
    pub(crate) fn enter(fd: Fd) -> io::Result<Self> {
        let before = tcgetattr(&fd)?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        raw.output_modes = before.output_modes;
        // Enter is a newline as ever: a line typed before its reader was there is one when it comes.
        raw.input_modes |= before.input_modes & rustix::termios::InputModes::ICRNL;
        tcsetattr(&fd, OptionalActions::Drain, &raw)?;
        Ok(Raw { fd, before })
    }

    /// The terminal.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<Fd: AsFd> Drop for Raw<Fd> {
    fn drop(&mut self) {
        // A terminal that has gone away needs no settings.
        let _ = tcsetattr(&self.fd, OptionalActions::Drain, &self.before);
    }
}

/// One key, as far as these programs tell keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    /// With Control, as a small letter.
    Control(char),
    /// With Alt, or after Escape.
    Alt(char),
    Enter,
    Tab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Escape,
    /// Something else that was read whole.
    Other,
}

/// Waits for a key; `None` when `wait` is over first.
pub(crate) fn key_within(fd: BorrowedFd<'_>, wait: Duration) -> io::Result<Option<Key>> {
    if is_readable(fd, wait)? { key(fd).map(Some) } else { Ok(None) }
}

/// Waits for a key. A terminal that hangs up is [`io::ErrorKind::UnexpectedEof`].
pub(crate) fn key(fd: BorrowedFd<'_>) -> io::Result<Key> {
    Ok(match byte(fd)? {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x7f | 0x08 => Key::Backspace,
        0x1b => escape(fd)?,
        low @ 0..0x20 => Key::Control(char::from(low + 0x60)),
        first => Key::Char(character(fd, first)?),
    })
}

/// What follows Escape. A lone Escape is told from a sequence by the silence after it.
fn escape(fd: BorrowedFd<'_>) -> io::Result<Key> {
    if !is_readable(fd, Duration::from_millis(40))? {
        return Ok(Key::Escape);
    }
    match byte(fd)? {
        b'[' => sequence(fd),
        b'O' => Ok(match byte(fd)? {
            b'H' => Key::Home,
            b'F' => Key::End,
            other => arrow(other),
        }),
        0x7f => Ok(Key::Alt('\u{7f}')),
        first => Ok(Key::Alt(character(fd, first)?)),
    }
}

/// A control sequence (ECMA-48): parameters, then a final byte.
fn sequence(fd: BorrowedFd<'_>) -> io::Result<Key> {
    let mut parameters = Vec::new();
    loop {
        match byte(fd)? {
            parameter @ 0x20..0x40 => parameters.push(parameter),
            b'~' => {
                let number = parameters.split(|byte| *byte == b';').next().unwrap_or_default();
                return Ok(match number {
                    b"1" | b"7" => Key::Home,
                    b"4" | b"8" => Key::End,
                    b"3" => Key::Delete,
                    b"5" => Key::PageUp,
                    b"6" => Key::PageDown,
                    _ => Key::Other,
                });
            }
            b'H' => return Ok(Key::Home),
            b'F' => return Ok(Key::End),
            // With Control or Alt the arrows go by words.
            b'C' if parameters.len() > 1 => return Ok(Key::Alt('f')),
            b'D' if parameters.len() > 1 => return Ok(Key::Alt('b')),
            last => return Ok(arrow(last)),
        }
    }
}

fn arrow(last: u8) -> Key {
    match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        _ => Key::Other,
    }
}

/// The rest of a character in UTF-8; bytes that are none come out as the replacement character.
fn character(fd: BorrowedFd<'_>, first: u8) -> io::Result<char> {
    let length = match first {
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf8 => 4,
        _ => 1,
    };
    let mut bytes = vec![first];
    while bytes.len() < length {
        bytes.push(byte(fd)?);
    }
    Ok(String::from_utf8_lossy(&bytes).chars().next().unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn byte(fd: BorrowedFd<'_>) -> io::Result<u8> {
    let mut byte = [0];
    loop {
        match rustix::io::read(fd, &mut byte) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => return Ok(byte[0]),
            Err(Errno::INTR) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
}

/// Whether something can be read within `wait`.
pub(crate) fn is_readable(fd: BorrowedFd<'_>, wait: Duration) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    let wait = Timespec::try_from(wait).map_err(|_| io::ErrorKind::InvalidInput)?;
    match poll(&mut polled, Some(&wait)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(cause) => Err(cause.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: &[Key]) {
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        rustix::io::write(&writer, bytes).expect("room in the pipe");
        drop(writer);
        let mut keys = Vec::new();
        while let Ok(key) = key(reader.as_fd()) {
            keys.push(key);
        }
        assert_eq!(keys, expect, "{}", bytes.escape_ascii());
    }

    #[test]
    fn keys_are_told_apart() {
        check(b"a\r\x03\x7f\t", &[Key::Char('a'), Key::Enter, Key::Control('c'), Key::Backspace, Key::Tab]);
        check("é漢".as_bytes(), &[Key::Char('é'), Key::Char('漢')]);
        check(b"\x1b[A\x1bOB\x1b[1;5C\x1b[3~\x1b[H", &[Key::Up, Key::Down, Key::Alt('f'), Key::Delete, Key::Home]);
        check(b"\x1bb\x1b[200~\xff", &[Key::Alt('b'), Key::Other, Key::Char('\u{fffd}')]);
    }
}
