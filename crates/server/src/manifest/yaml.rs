//! YAML for people to read before they apply it. Strings are written as JSON strings, which YAML contains; lists of
//! scalars stand on one line.

use serde_json::Value;

/// One object.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                text.push_str(&format!("{indent}{}:", self::key(key)));
                entry(value, depth, text);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for item in list {
                let mut inner = String::new();
                block(item, depth + 1, &mut inner);
                // The first line of an item stands behind its dash.
                text.push_str(&format!("{indent}- {}", inner.trim_start()));
            }
        }
        scalar => text.push_str(&format!("{indent}{scalar}\n")),
    }
}

fn entry(value: &Value, depth: usize, text: &mut String) {
    let scalars = |list: &[Value]| list.iter().all(|item| !item.is_object() && !item.is_array());
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            block(value, depth + 1, text);
        }
        Value::Array(list) if !scalars(list) => {
            text.push('\n');
            block(value, depth, text);
        }
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(Value::to_string).collect();
            text.push_str(&format!(" [{}]\n", items.join(", ")));
        }
        // Texts of several lines are texts to read.
        Value::String(string) if reads_well(string) => {
            let indent = "  ".repeat(depth + 1);
            let lines = string.lines().map(|line| format!("{indent}{line}"));
            text.push_str(&format!(" |\n{}\n", lines.collect::<Vec<_>>().join("\n")));
        }
        scalar => text.push_str(&format!(" {scalar}\n")),
    }
}

/// Whole lines of visible text, so that nothing of it depends on rules about white space.
fn reads_well(text: &str) -> bool {
    let plain = |line: &str| !line.is_empty() && line == line.trim_end() && !line.contains(|c: char| c.is_control());
    text.ends_with('\n') && !text.starts_with(' ') && text.lines().all(plain)
}

/// Keys that YAML reads as anything but text stand in quotes.
fn key(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() > 1
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
        && !["yes", "no", "on", "off", "true", "false", "null"].contains(&name.to_ascii_lowercase().as_str());
    if plain { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn people_can_read_it() {
        let object = json!({
            "kind": "X",
            "list": [{"a1": 1, "b1": {"c1": ["x", 2]}}, {"a1": null}],
            "none": {},
            "no": "no",
            "text": "ttl: 8h\n# all\n",
        });
        let expect = "kind: \"X\"\nlist:\n- a1: 1\n  b1:\n    c1: [\"x\", 2]\n- a1: null\n\"no\": \"no\"\nnone: {}\ntext: |\n  ttl: 8h\n  # all\n";
        assert_eq!(document(&object), expect);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~]{0,12}".prop_map(Value::from),
            "([a-z: #]{1,8}\n){1,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z0-9./ -]{1,8}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What is read is what was written.
        #[test]
        fn nothing_is_lost(value in prop::collection::hash_map("[a-z0-9./ -]{1,8}", values(), 1..4)) {
            let value = Value::Object(value.into_iter().collect());
            let text = document(&value);
            let read: Value = serde_saphyr::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(read, value, "{}", text);
        }
    }
}
