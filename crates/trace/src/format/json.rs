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
        for (index, (name, part)) in self.names.iter().enumerate() {
            let Part::Field(bound, _) = &self.parts[*part] else { continue };
            if index > 0 {
                into.push(b',');
            }
            text(name.as_bytes(), into);
            into.push(b':');
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

/// A string. What is no UTF-8 becomes the character that says so; what is no ASCII is escaped.
fn text(bytes: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
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
                ' '..='\x7f' => into.push(character as u8),
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
    into.push(b'"');
}
