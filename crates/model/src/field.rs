//! One table per record type: the columns, JSON keys, sort keys and reference page of a record are all read
//! from its `&[Field<T>]`, so adding a field is adding a row.

use std::borrow::Cow;
use std::net::IpAddr;

/// What a field holds; decides alignment in tables and the type in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// A span of time; shown as an age, serialised as seconds.
    Age,
    /// `key=value` pairs; shown joined by commas, serialised as an object.
    Pairs,
    /// Bytes that need not be text.
    Bytes,
    /// A whole number that is never negative.
    Unsigned,
    /// A number with a fraction.
    Real,
    /// True or false.
    Flag,
    /// An address of the internet protocol.
    Address,
    /// An address, of which the network is asked for.
    Network,
    /// A port; services have names for them.
    Port,
    /// Nanoseconds to a point in time that was asked for; `= 3` holds up to 3 ms.
    Nearness,
}

/// The value of one field of one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nobody could say.
    Unknown,
    /// Text.
    Text(Cow<'a, str>),
    /// An id, in full and as tables show it.
    Id(&'a str, &'a str),
    /// A whole number.
    Number(i64),
    /// Seconds.
    Age(std::time::Duration),
    /// `key=value` pairs in order.
    Pairs(Vec<(&'a str, &'a str)>),
    /// Text of which nobody knows that it is UTF-8, or no text at all: the field's kind says which.
    Bytes(Cow<'a, [u8]>),
    /// A whole number.
    Unsigned(u64),
    /// A number with a fraction.
    Real(f64),
    /// True or false.
    Flag(bool),
    /// An address.
    Address(IpAddr),
    /// The addresses of both ends.
    Addresses([IpAddr; 2]),
    /// The ports of both ends.
    Ports([u16; 2]),
    /// Several; what is asked holds if it holds for one of them.
    Any(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// Borrowed text.
    pub fn text(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }

    /// Borrowed bytes.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Value::Bytes(Cow::Borrowed(bytes))
    }

    /// Text that may be missing.
    pub fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Value::Unknown, Value::text)
    }
}

/// One column of a record type.
pub struct Field<T: ?Sized + 'static> {
    /// Column title in lower case, and JSON key.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// One sentence for the reference page.
    pub doc: &'static str,
    /// Whether the plain table shows it, or only `-o wide`.
    pub shown: Shown,
    /// Reads it off a record.
    pub get: for<'a> fn(&'a T) -> Value<'a>,
}

/// In which table a column appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// In every table.
    Always,
    /// Only in `-o wide` (and in JSON and YAML).
    Wide,
}
