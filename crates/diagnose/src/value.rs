//! JSON as small as it can be held: names and words that come again and again are here once, and a map is no larger
//! than what is in it. Objects of a large cluster are made of this; it is used like `serde_json`'s own. Comes from
//! whatever serde reads (`reading`), and from `json!`.

mod map;
mod putting;
mod reading;

use std::fmt;
use std::ops::{Deref, Index, IndexMut};
use std::sync::Arc;

pub use map::Map;
use serde::{Serialize, Serializer};
pub use serde_json::Number;

pub use crate::json;

/// A value from JSON, as `serde_json::json!` writes it.
#[macro_export]
macro_rules! json {
    ($($json:tt)+) => { $crate::value::Value::from(serde_json::json!($($json)+)) };
}

/// A word or a text, shared by all who have the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<str>);

impl Text {
    /// Its letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! words {
    ($($kind:ty),*) => { $(impl From<$kind> for Text {
        fn from(text: $kind) -> Text {
            Text(Arc::from(text))
        }
    })* };
}

words!(&str, String, Arc<str>);

impl From<&String> for Text {
    fn from(text: &String) -> Text {
        text.as_str().into()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        *self.0 == **other
    }
}

/// Any value.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    String(Text),
    /// A list.
    Array(Vec<Value>),
    /// A map.
    Object(Map),
}

/// What an index leads to that leads to nothing.
static NOTHING: Value = Value::Null;

impl Value {
    /// Its text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// Its elements, where it is a list.
    pub fn as_array(&self) -> Option<&Vec<Value>> {
        if let Value::Array(list) = self { Some(list) } else { None }
    }

    /// The same, to be changed.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        if let Value::Array(list) = self { Some(list) } else { None }
    }

    /// Its entries, where it is a map.
    pub fn as_object(&self) -> Option<&Map> {
        if let Value::Object(map) = self { Some(map) } else { None }
    }

    /// The same, to be changed.
    pub fn as_object_mut(&mut self) -> Option<&mut Map> {
        if let Value::Object(map) = self { Some(map) } else { None }
    }

    /// The whole number that it is.
    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Number(number) = self { number.as_i64() } else { None }
    }

    /// The number that it is.
    pub fn as_f64(&self) -> Option<f64> {
        if let Value::Number(number) = self { number.as_f64() } else { None }
    }

    /// Yes or no, where it says so.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(yes) = self { Some(*yes) } else { None }
    }

    /// Whether it is a text.
    pub fn is_string(&self) -> bool {
        matches!(self, Value::String(_))
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.as_object_mut()?.get_mut(key)
    }

    /// Itself, with nothing left in its place.
    #[must_use]
    pub fn take(&mut self) -> Value {
        std::mem::take(self)
    }

    /// What a pointer of RFC 6901 leads to.
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        let mut found = self;
        for part in parts(pointer)? {
            found = match found {
                Value::Object(map) => map.get(&plain(part))?,
                Value::Array(list) => list.get(place(part)?)?,
                _ => return None,
            };
        }
        Some(found)
    }

    /// The same, to be changed.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        let mut found = self;
        for part in parts(pointer)? {
            found = match found {
                Value::Object(map) => map.get_mut(&plain(part))?,
                Value::Array(list) => list.get_mut(place(part)?)?,
                _ => return None,
            };
        }
        Some(found)
    }
}

/// The parts of a pointer: none of an empty one.
fn parts(pointer: &str) -> Option<impl Iterator<Item = &str>> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return None;
    }
    let mut rest = pointer.as_bytes().first().map(|_| &pointer[1..]);
    Some(std::iter::from_fn(move || {
        let from = rest?;
        let end = from.bytes().position(|byte| byte == b'/');
        rest = end.map(|end| &from[end + 1..]);
        Some(end.map_or(from, |end| &from[..end]))
    }))
}

/// A part of a pointer as the key that it means.
fn plain(part: &str) -> std::borrow::Cow<'_, str> {
    if part.bytes().any(|byte| byte == b'~') { part.replace("~1", "/").replace("~0", "~").into() } else { part.into() }
}

/// A part of a pointer as a place in a list.
fn place(part: &str) -> Option<usize> {
    let odd = part.starts_with('+') || part.starts_with('0') && part.len() > 1;
    if odd { None } else { part.parse().ok() }
}

impl Index<&str> for Value {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&NOTHING)
    }
}

impl Index<usize> for Value {
    type Output = Value;

    fn index(&self, at: usize) -> &Value {
        self.as_array().and_then(|list| list.get(at)).unwrap_or(&NOTHING)
    }
}

/// Nothing becomes a map; what is no map is replaced by one.
impl IndexMut<&str> for Value {
    fn index_mut(&mut self, key: &str) -> &mut Value {
        if !matches!(self, Value::Object(_)) {
            *self = Value::Object(Map::new());
        }
        let Value::Object(map) = self else { unreachable!("it was made a map") };
        map.place(key)
    }
}

impl IndexMut<usize> for Value {
    fn index_mut(&mut self, at: usize) -> &mut Value {
        let Value::Array(list) = self else { panic!("no list has a place {at}") };
        &mut list[at]
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() { serde_json::to_string_pretty(self) } else { serde_json::to_string(self) };
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(yes) => serializer.serialize_bool(*yes),
            Value::Number(number) => number.serialize(serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(list) => serializer.collect_seq(list),
            Value::Object(map) => map.serialize(serializer),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, value)| (key.as_str(), value)))
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Value {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(yes) => Value::Bool(yes),
            serde_json::Value::Number(number) => Value::Number(number),
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Array(list) => list.into_iter().collect(),
            serde_json::Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, value)| (key, Value::from(value))).collect())
            }
        }
    }
}

macro_rules! texts {
    ($($kind:ty),*) => { $(impl From<$kind> for Value {
        fn from(text: $kind) -> Value {
            Value::String(Text::from(text))
        }
    })* };
}

texts!(&str, String, &String, Text);

macro_rules! numbers {
    ($($kind:ty),*) => { $(impl From<$kind> for Value {
        fn from(number: $kind) -> Value {
            Value::Number(number.into())
        }
    })* };
}

numbers!(i32, i64, u16, u32, u64, usize);

impl From<bool> for Value {
    fn from(yes: bool) -> Value {
        Value::Bool(yes)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Value {
        Value::Object(map)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Value {
        list.into_iter().collect()
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Value {
        Value::Array(all.into_iter().map(Into::into).collect())
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == Some(text)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == Some(*text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_and_written_like_any_json() {
        let text = r#"{"b":[1,-2,2.5,true,null,"é\n"],"a":{"x/y":{"~":"z"}},"a~":18446744073709551615}"#;
        let (ours, theirs): (Value, serde_json::Value) =
            (serde_json::from_str(text).expect("JSON"), serde_json::from_str(text).expect("JSON"));
        assert_eq!(ours.to_string(), theirs.to_string());
        assert_eq!(ours, Value::from(theirs.clone()));
        for pointer in ["", "/b/0", "/b/5", "/b/6", "/b/00", "/b/+1", "/a/x~1y/~0", "/a~0", "/a/x", "a", "/", "/b/"] {
            let same = theirs.pointer(pointer).cloned().map(Value::from);
            assert_eq!(ours.pointer(pointer).cloned(), same, "{pointer}");
            assert_eq!(ours.clone().pointer_mut(pointer).cloned(), same, "{pointer}");
        }
        assert_eq!(format!("{ours:#}"), format!("{theirs:#}"));
    }

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Value>() <= 24, "{}", size_of::<Value>());
    }

    #[test]
    fn what_is_set_by_its_name_is_there() {
        let mut value = json!({"b": 1});
        value["c"]["d"] = "x".into();
        value["a"] = Value::from(vec!["y"]);
        value["b"] = Value::Null;
        assert_eq!(value.to_string(), r#"{"a":["y"],"b":null,"c":{"d":"x"}}"#);
        assert_eq!((&value["a"][0], &value["z"]["z"]), (&Value::from("y"), &Value::Null));
    }
}
