//! Patches: merge and strategic merge (lists of objects are merged by name), as far as clients here use them.

use serde_json::Value;

/// How lists are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// The new one replaces the old one (RFC 7386).
    Replaced,
    /// Elements with the same `name` are merged, others added.
    ByName,
}

pub(super) fn merge(object: &mut Value, patch: &Value, lists: Lists) {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    object.remove(key);
                } else {
                    merge(object.entry(key.clone()).or_insert(Value::Null), value, lists);
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if lists == Lists::ByName && new.iter().all(is_named) => {
            for element in new {
                match old.iter_mut().find(|own| own["name"] == element["name"]) {
                    Some(own) => merge(own, element, lists),
                    None => old.push(element.clone()),
                }
            }
        }
        (object, patch) => {
            let mut fresh = if patch.is_object() { Value::Object(serde_json::Map::new()) } else { patch.clone() };
            if patch.is_object() {
                merge(&mut fresh, patch, lists);
            }
            *object = fresh;
        }
    }
}

fn is_named(element: &Value) -> bool {
    element["name"].is_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_merge() {
        let check = |lists, mut object: Value, patch: Value, expect: Value| {
            merge(&mut object, &patch, lists);
            assert_eq!(object, expect);
        };
        check(
            Lists::Replaced,
            json!({"a": 1, "b": {"c": 2}}),
            json!({"a": null, "b": {"d": 3}}),
            json!({"b": {"c": 2, "d": 3}}),
        );
        check(Lists::Replaced, json!({"l": [1]}), json!({"l": [2]}), json!({"l": [2]}));
        let named = json!({"l": [{"name": "x", "v": 1}]});
        check(
            Lists::ByName,
            named,
            json!({"l": [{"name": "y"}, {"name": "x", "v": 2}]}),
            json!({"l": [{"name": "x", "v": 2}, {"name": "y"}]}),
        );
        check(Lists::Replaced, json!({}), json!({"a": {"b": null, "c": 1}}), json!({"a": {"c": 1}}));
    }
}
