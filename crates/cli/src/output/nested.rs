//! YAML for answers that are nested deeper than records. Scalars are written as JSON, which YAML contains.

use serde_json::Value as Json;

/// One document.
pub(crate) fn document(value: &Json) -> String {
    let mut text = "---\n".to_owned();
    block(value, 0, &mut text);
    text
}

fn block(value: &Json, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                text.push_str(&format!("{indent}{key}:"));
                follow(value, depth + 1, text);
            }
        }
        Json::Array(list) => {
            for value in list {
                // The first key stands after the dash, the others below it.
                let mut inner = String::new();
                block(value, depth + 1, &mut inner);
                let shift = (depth + 1) * 2;
                let first = if matches!(value, Json::Object(_) | Json::Array(_)) { inner.get(shift..) } else { None };
                text.push_str(&format!(
                    "{indent}- {}",
                    first.map_or_else(|| format!("{}\n", scalar(value)), str::to_owned)
                ));
            }
        }
        one => text.push_str(&format!("{indent}{}\n", scalar(one))),
    }
}

fn follow(value: &Json, depth: usize, text: &mut String) {
    let empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty);
    if empty || !(value.is_array() || value.is_object()) {
        text.push_str(&format!(" {}\n", scalar(value)));
    } else {
        text.push('\n');
        block(value, depth, text);
    }
}

/// A value as JSON; what YAML calls no letter is escaped.
fn scalar(value: &Json) -> String {
    let mut text = String::new();
    for letter in value.to_string().chars() {
        match letter {
            '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_reads_back() {
        let value = serde_json::json!({"a": [{"b": 1, "c": ["x", "y: z"]}, {"b": null}], "d": {}, "e": {"f": "no"}, "g": [[], {}, [1, [2]]], "h": "\u{7f}\u{85}\u{2028}\u{feff}\n\t\"'# é: 😀"});
        let read: Json = serde_saphyr::from_str(&document(&value)).expect("YAML");
        assert_eq!(read, value);
    }
}
