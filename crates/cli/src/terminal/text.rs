//! Bytes for a console that takes only text, and bytes from one that has only halves of characters: what comes in pieces
//! is put together, and what is no character is shown as the sign for that.

use std::io::{self, Write};

/// Writes text to what takes nothing else.
#[derive(Debug)]
pub(super) struct Text<W> {
    to: W,
    /// What has not been written yet: the beginning of a character.
    rest: Vec<u8>,
}

impl<W> Text<W> {
    pub(super) fn new(to: W) -> Self {
        Text { to, rest: Vec::new() }
    }
}

impl<W: Write> Write for Text<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend(bytes);
        let whole: Vec<u8> = self.rest.drain(..whole(&self.rest)).collect();
        self.to.write_all(String::from_utf8_lossy(&whole).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// How many bytes there are before the beginning of a character whose end is still to come.
fn whole(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let is_beginning = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
    if is_beginning { bytes.len() - last.len() } else { bytes.len() }
}

/// Puts characters together from what they are in UTF-16: one unit, or two.
#[derive(Debug, Default)]
pub(super) struct Halves {
    first: Option<u16>,
}

impl Halves {
    /// Adds what `unit` completes to `bytes`.
    pub(super) fn take(&mut self, unit: u16, bytes: &mut Vec<u8>) {
        // The first half of two, which alone is nothing yet (RFC 2781, section 2.2).
        if self.first.is_none() && (0xd800..0xdc00).contains(&unit) {
            self.first = Some(unit);
            return;
        }
        let units = self.first.take().into_iter().chain([unit]);
        for character in char::decode_utf16(units) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&[u8]], expect: &str) {
        let mut text = Text::new(Vec::new());
        for piece in pieces {
            text.write_all(piece).expect("a vector takes everything");
        }
        assert_eq!(String::from_utf8(text.to).expect("only text is written"), expect);
    }

    #[test]
    fn characters_in_pieces_are_put_together_and_others_are_marked() {
        check(&[b"plain\r\n"], "plain\r\n");
        check(&["容器".as_bytes()], "容器");
        check(&[b"\xe5", b"\xae", b"\xb9!"], "容!");
        check(&[b"a\xffb"], "a\u{fffd}b");
        check(&[b"\xf0\x9f", b"x"], "\u{fffd}x");
        check(&[b"held back: \xe5\xae"], "held back: ");
    }

    #[test]
    fn halves_become_characters() {
        let typed = |units: &[u16]| {
            let (mut halves, mut bytes) = (Halves::default(), Vec::new());
            units.iter().for_each(|unit| halves.take(*unit, &mut bytes));
            String::from_utf8(bytes).expect("only text comes out")
        };
        for text in ["ls\r", "\u{3}\u{1a}", "容器", "🦀!"] {
            assert_eq!(typed(&text.encode_utf16().collect::<Vec<_>>()), text);
        }
        assert_eq!(typed(&[0xd83e, 0x61]), "\u{fffd}a");
    }
}
