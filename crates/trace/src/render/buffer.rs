//! Data that was read or written, in the ways in which it can be shown.

use std::io::Write;

use crate::moment::{Buffers, Json, Style};
use crate::state::path::is_printable;

/// Appends `data` in the style that was asked for.
pub fn write(data: &[u8], style: &Style, into: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    let begin = into.len();
    match style.buffers {
        Buffers::Dots => into.extend(data.iter().map(|byte| if is_printable(*byte) { *byte } else { b'.' })),
        Buffers::Ascii => ascii(data, into),
        Buffers::Hex => hex(data, Beside::Nothing, into),
        Buffers::HexAscii => hex(data, Beside::Ascii, into),
        Buffers::Base64 => base64(data, into),
    }
    if style.buffers == Buffers::Dots
        && style.json == Json::No
        && let Some(longest) = style.longest
        && into.len() - begin > longest
    {
        into.truncate(begin + longest);
        if longest > 3 {
            into.truncate(begin + longest - 3);
            into.extend_from_slice(b"...");
        }
    }
}

/// What can be printed, on lines of its own.
fn ascii(data: &[u8], into: &mut Vec<u8>) {
    into.push(b'\n');
    let mut before = 0;
    for (index, byte) in data.iter().enumerate() {
        match byte {
            b'\r' => into.push(b'\n'),
            b'\n' if index > 0 && before != b'\r' => into.push(b'\n'),
            byte if is_printable(*byte) => into.push(*byte),
            _ => {}
        }
        before = *byte;
    }
}

/// What stands beside numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Ascii,
}

/// Rows of sixteen bytes, two by two.
fn hex(data: &[u8], beside: Beside, into: &mut Vec<u8>) {
    for (index, row) in data.chunks(16).enumerate() {
        let _ = write!(into, "\n\t0x{:04x}:", index * 16);
        for pair in row.chunks(2) {
            into.push(b' ');
            for byte in pair {
                let _ = write!(into, "{byte:02x}");
            }
        }
        if beside == Beside::Ascii {
            into.extend(std::iter::repeat_n(b' ', (8 - row.len().div_ceil(2)) * 5));
            into.extend_from_slice(b"  ");
            into.extend(row.iter().map(|byte| if is_printable(*byte) { *byte } else { b'.' }));
        }
    }
    into.push(b'\n');
}

fn base64(data: &[u8], into: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for three in data.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or_default());
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            into.push(if place > three.len() { b'=' } else { letter });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(buffers: Buffers, data: &[u8], expect: &str) {
        let mut text = Vec::new();
        write(data, &Style { buffers, longest: Some(20), ..Style::default() }, &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), expect);
    }

    #[test]
    fn data_is_shown_in_every_way() {
        check(Buffers::Dots, b"GET / HTTP/1.1\r\n", "GET / HTTP/1.1..");
        check(Buffers::Dots, b"0123456789012345678901234", "01234567890123456...");
        check(Buffers::Ascii, b"a\r\nb\nc\x01d", "\na\nb\ncd");
        check(Buffers::Hex, b"GET /", "\n\t0x0000: 4745 5420 2f\n");
        check(
            Buffers::HexAscii,
            b"GET / HTTP/1.1\r\nHost",
            "\n\t0x0000: 4745 5420 2f20 4854 5450 2f31 2e31 0d0a  GET / HTTP/1.1..\n\t0x0010: 486f 7374                                Host\n",
        );
        check(Buffers::Base64, b"hello", "aGVsbG8=");
        check(Buffers::Hex, b"", "");
    }
}
