//! Events as JSON: one object on one line, its keys the fields of the format in the order of their names.

use std::io::Write;

use fathom_model::Value;

use super::{Format, Part, Written, write_value};
use crate::fields::Shape;
use crate::moment::Moment;
use crate::render::number::signed;
use crate::socket::{write_address, write_number};
use crate::state::path::until_nul;

impl Format {
    pub(super) fn write_json(&self, moment: &Moment<'_>, into: &mut Vec<u8>) -> Written {
        let mut scratch = self.resolved.borrow_mut();
        let mut complete = true;
        into.push(b'{');
        for (index, (key, part)) in self.keys.iter().enumerate() {
            let Part::Field(bound, _) = &self.parts[*part] else { continue };
            if index > 0 {
                into.push(b',');
            }
            into.extend_from_slice(key);
            scratch.clear();
            let value = bound.get(moment, &mut scratch);
            if !self::value(&value, bound.row.shape, moment, into) {
                complete &= self.tolerant;
                into.extend_from_slice(b"null");
            }
        }
        into.push(b'}');
        if complete { Written::Line } else { Written::Nothing }
    }
}

/// Writes a value; whether there is one.
fn value(value: &Value<'_>, shape: Shape, moment: &Moment<'_>, into: &mut Vec<u8>) -> bool {
    match (value, shape) {
        (Value::Unknown, _) | (_, Shape::Silent) => return false,
        // A time is its number.
        (_, Shape::Time) => write_number(moment.event.ts, into),
        (Value::Unsigned(number), _) => write_number(*number, into),
        (Value::Number(number), Shape::Plain) => signed(*number, into),
        (Value::Flag(flag), _) => into.extend_from_slice(if *flag { b"true" } else { b"false" }),
        (Value::Real(number), _) => {
            let _ = write!(into, "{number:?}");
        }
        (Value::Bytes(bytes), _) => text(until_nul(bytes), into),
        (Value::Text(inner), _) => text(inner.as_bytes(), into),
        (Value::Address(address), _) => {
            into.push(b'"');
            write_address(*address, into);
            into.push(b'"');
        }
        _ => {
            let mut plain = Vec::new();
            if !write_value(value, shape, &mut plain) {
                return false;
            }
            text(&plain, into);
        }
    }
    true
}

/// A key and the colon behind it.
pub(super) fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    text(name.as_bytes(), &mut key);
    key.push(b':');
    key
}

/// A string.
fn text(bytes: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
    let mut rest = bytes;
    while !rest.is_empty() {
        // Text is long stretches of what stands for itself, and short ones of what does not.
        let (plain, after) = split(rest, |byte| !is_plain(byte));
        let (special, after) = split(after, is_plain);
        into.extend_from_slice(plain);
        escape(special, into);
        rest = after;
    }
    into.push(b'"');
}

fn split(bytes: &[u8], at: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| at(*byte)).unwrap_or(bytes.len()))
}

/// Whether a byte is a character that stands for itself.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=0x7f) && byte != b'"' && byte != b'\\'
}

/// What does not stand for itself. What is no UTF-8 becomes the character that says so.
fn escape(bytes: &[u8], into: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => into.extend_from_slice(b"\\\""),
                '\\' => into.extend_from_slice(b"\\\\"),
                '\x08' => into.extend_from_slice(b"\\b"),
                '\x0c' => into.extend_from_slice(b"\\f"),
                '\n' => into.extend_from_slice(b"\\n"),
                '\r' => into.extend_from_slice(b"\\r"),
                '\t' => into.extend_from_slice(b"\\t"),
                _ => {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        let _ = write!(into, "\\u{unit:04x}");
                    }
                }
            }
        }
        if !chunk.invalid().is_empty() {
            into.extend_from_slice(b"\\ufffd");
        }
    }
}
