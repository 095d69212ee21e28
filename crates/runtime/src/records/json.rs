//! JSON of foreign hands: reads no further than it must, and keeps the good elements of a list with a bad one.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Bytes that are not what their engine writes. Says where, never what: the file may be another user's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unexpected content at line {line}, column {column}")]
pub struct Garbled {
    /// Counted from 1; 0 where the format has no lines.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
}

impl From<serde_json::Error> for Garbled {
    fn from(error: serde_json::Error) -> Self {
        Garbled { line: error.line(), column: error.column() }
    }
}

/// A string that borrows where JSON has no escapes in it.
pub(super) type Text<'a> = Cow<'a, str>;

/// What is not empty, as the engines write "unknown" as an empty string.
pub(super) fn said(text: Option<Text<'_>>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(Cow::into_owned)
}

pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Garbled> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Whether to read on.
pub(super) enum Next {
    /// There may be more of interest.
    Member,
    /// The rest need not even be well-formed, or be there.
    Nothing,
}

/// Shows `see` each member of the object that `bytes` starts with, until it has seen enough.
///
/// # Errors
/// When what was read is no object. What lies behind the last member that was needed is never looked at.
pub(super) fn members<'a>(bytes: &'a [u8], see: impl FnMut(&str, &'a RawValue) -> Next) -> Result<(), Garbled> {
    let mut visitor = Members { see, enough: false };
    match serde_json::Deserializer::from_slice(bytes).deserialize_map(&mut visitor) {
        Err(error) if !visitor.enough => Err(error.into()),
        _ => Ok(()),
    }
}

struct Members<F> {
    see: F,
    enough: bool,
}

impl<'a, F: FnMut(&str, &'a RawValue) -> Next> Visitor<'a> for &mut Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Key(key)) = map.next_key()? {
            if let Next::Nothing = (self.see)(&key, map.next_value()?) {
                self.enough = true;
                return Err(M::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

/// A key that borrows; `Cow` alone would always own.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Shows `see` each element of the list that `bytes` is; a list that breaks off has shown what came before.
///
/// # Errors
/// When it is no list, or breaks off.
pub(super) fn elements<'a>(bytes: &'a [u8], see: impl FnMut(&'a RawValue)) -> Result<(), Garbled> {
    serde_json::Deserializer::from_slice(bytes).deserialize_seq(Elements(see)).map_err(Garbled::from)
}

struct Elements<F>(F);

impl<'a, F: FnMut(&'a RawValue)> Visitor<'a> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'a>>(mut self, mut list: S) -> Result<(), S::Error> {
        while let Some(element) = list.next_element()? {
            (self.0)(element);
        }
        Ok(())
    }
}
