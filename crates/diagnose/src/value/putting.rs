//! Changing what stands at a pointer.

use super::{Map, Value};

impl Value {
    /// Sets the value at a pointer, with the maps on the way to it; null takes it away. Nothing where something else is
    /// in the way.
    pub(crate) fn put(&mut self, pointer: &str, value: Value) -> Option<()> {
        let (parent, key) = pointer.rsplit_once('/')?;
        let key = key.replace("~1", "/").replace("~0", "~");
        if self.pointer(parent).is_none_or(Value::is_null) {
            self.put(parent, Map::new().into())?;
        }
        match self.pointer_mut(parent)? {
            Value::Object(map) if value.is_null() => drop(map.remove(&key)),
            Value::Object(map) => drop(map.insert(key, value)),
            Value::Array(list) => *list.get_mut(key.parse::<usize>().ok()?)? = value,
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use crate::value::json;

    #[test]
    fn what_is_missing_on_the_way_is_made_and_nothing_else_is_broken() {
        let mut value = json!({"list": [1, 2], "text": "x"});
        assert_eq!(value.put("/a/b~1c", 1.into()), Some(()));
        assert_eq!(value.put("/list/1", 3.into()), Some(()));
        assert_eq!((value.put("/list/2", 3.into()), value.put("/text/y", 3.into())), (None, None));
        assert_eq!(value.to_string(), r#"{"a":{"b/c":1},"list":[1,3],"text":"x"}"#);
        value.put("/a", json!(null));
        assert_eq!(value.to_string(), r#"{"list":[1,3],"text":"x"}"#);
    }
}
