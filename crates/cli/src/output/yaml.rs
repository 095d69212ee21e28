//! YAML for our own records: maps of scalars and of maps of scalars. Strings are written as JSON strings, which YAML
//! contains, so that nothing needs quoting rules.

use serde_json::Value as Json;

pub(super) fn document(value: &Json) -> String {
    let mut text = "---\n".to_owned();
    lines(value, 0, &mut text);
    text
}

fn lines(value: &Json, depth: usize, text: &mut String) {
    let Json::Object(map) = value else { return };
    for (key, value) in map {
        let indent = "  ".repeat(depth);
        match value {
            Json::Object(inner) if !inner.is_empty() => {
                text.push_str(&format!("{indent}{}:\n", Json::from(key.as_str())));
                lines(value, depth + 1, text);
            }
            scalar => text.push_str(&format!("{indent}{}: {scalar}\n", Json::from(key.as_str()))),
        }
    }
}
