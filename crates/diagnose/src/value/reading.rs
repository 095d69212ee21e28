//! Values as they are read: what comes again and again is kept once, and what nobody reads is never built.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Map, Number, Text, Value};

/// What is longer comes once.
const WORD: usize = 48;

/// So many words are remembered; then it is begun anew, for what is read together is alike.
const WORDS: usize = 1 << 16;

/// Who wrote which field last: often half of an object, and no rule asks for it.
const WRITERS: &str = "managedFields";

thread_local! {
    /// Kept from one text to the next.
    static DESK: Cell<Option<Box<Desk>>> = const { Cell::new(None) };
}

/// What reading needs at hand.
#[derive(Default)]
struct Desk {
    words: HashSet<Arc<str>>,
    /// Entries of the maps and elements of the lists that are open.
    entries: Vec<(Text, Value)>,
    elements: Vec<Value>,
}

impl Desk {
    fn text(&mut self, text: &str) -> Text {
        if text.len() > WORD {
            return Text::from(text);
        }
        if let Some(known) = self.words.get(text) {
            return Text::from(known.clone());
        }
        if self.words.len() >= WORDS {
            self.words.clear();
        }
        let new: Arc<str> = text.into();
        self.words.insert(new.clone());
        Text::from(new)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        let mut desk = DESK.take().unwrap_or_default();
        let value = deserializer.deserialize_any(Any(&mut desk));
        desk.entries.clear();
        desk.elements.clear();
        DESK.set(Some(desk));
        value
    }
}

/// Any value.
struct Any<'d>(&'d mut Desk);

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(self.0.text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let from = self.0.elements.len();
        while let Some(element) = list.next_element_seed(Any(&mut *self.0))? {
            self.0.elements.push(element);
        }
        Ok(Value::Array(self.0.elements.drain(from..).collect()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let from = self.0.entries.len();
        while let Some(key) = map.next_key_seed(Key(&mut *self.0))? {
            if key.as_str() == WRITERS {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value_seed(Any(&mut *self.0))?;
            self.0.entries.push((key, value));
        }
        Ok(Value::Object(Map::of(self.0.entries.drain(from..).collect())))
    }
}

/// The key of a map.
struct Key<'d>(&'d mut Desk);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Text;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(self.0.text(text))
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Text, E> {
        std::str::from_utf8(bytes).map(|text| self.0.text(text)).map_err(|_| E::custom("a key is no text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_once_and_texts_as_they_come() {
        let text = format!(r#"[{{"key": "Running"}}, {{"key": "Running"}}, "{0}", "{0}"]"#, "x".repeat(WORD + 1));
        let Value::Array(list) = serde_json::from_str(&text).expect("JSON") else { panic!("a list") };
        let same = |one: &Value, other: &Value| match (one, other) {
            (Value::String(one), Value::String(other)) => one.as_ptr() == other.as_ptr(),
            _ => panic!("texts"),
        };
        assert!(same(&list[0]["key"], &list[1]["key"]) && !same(&list[2], &list[3]));
        assert_eq!(list[2], list[3]);
    }

    #[test]
    fn who_wrote_what_is_never_built() {
        let value: Value =
            serde_json::from_str(r#"{"metadata": {"managedFields": [{"a": 1}], "name": "x"}}"#).expect("JSON");
        assert_eq!(value.to_string(), r#"{"metadata":{"name":"x"}}"#);
    }

    #[test]
    fn what_breaks_off_leaves_nothing_behind() {
        assert!(serde_json::from_str::<Value>(r#"{"a": {"b": [1, 2, {"c": "#).is_err());
        assert_eq!(serde_json::from_str::<Value>("[3, {}]").expect("JSON").to_string(), "[3,{}]");
    }

    #[test]
    fn yaml_is_read_too() {
        let value: Value = serde_saphyr::from_str("a: [1, x, null, 1.5, true]\n\"2\": {}\n").expect("YAML");
        assert_eq!(value.to_string(), r#"{"2":{},"a":[1,"x",null,1.5,true]}"#);
    }
}
