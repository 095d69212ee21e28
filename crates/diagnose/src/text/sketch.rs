//! An object as a text tells of it: fields that are known, and ages that become moments once it is known when the text
//! was printed.

use crate::object::View;
use crate::value::{Map, Value, json};

/// An object that was printed.
#[derive(Debug, Clone)]
pub struct Sketch {
    /// What is told of it, as the API would have it.
    pub value: Value,
    /// What is not told.
    pub view: View,
    /// Fields that are told as ages: pointer, seconds before the text was printed.
    pub ages: Vec<(String, i64)>,
}

impl Sketch {
    /// Nothing but who it is.
    pub(super) fn new(kind: &str, namespace: &str, name: &str, view: View) -> Sketch {
        let mut metadata = Map::new();
        metadata.insert("name", name.into());
        if !namespace.is_empty() {
            metadata.insert("namespace", namespace.into());
        }
        Sketch { value: json!({"kind": kind, "metadata": metadata}), view, ages: Vec::new() }
    }

    /// With a field.
    pub(super) fn set(&mut self, pointer: &str, value: impl Into<Value>) {
        self.value.put(pointer, value.into());
    }

    /// With a field that is told as an age.
    pub(super) fn aged(&mut self, pointer: &str, seconds: Option<i64>) {
        self.ages.extend(seconds.map(|seconds| (pointer.to_owned(), seconds)));
    }
}

/// Text as a number where it is one.
pub(super) fn number(text: &str) -> Option<i64> {
    let digits: String = text.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// `a=b,c=d` as a map; nothing where it says that there is none.
pub(super) fn labels<'a>(parts: impl IntoIterator<Item = &'a str>) -> Map {
    let pairs = parts.into_iter().flat_map(|part| part.split(',')).map(str::trim);
    let pairs = pairs.filter(|pair| !is_none(pair)).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

/// Whether a text says that there is nothing.
pub(super) fn is_none(text: &str) -> bool {
    ["", "<none>", "<unset>", "<unknown>", "<nil>", "<invalid>"].contains(&text)
}

/// A port: a number, or a name.
pub(super) fn port(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
}
