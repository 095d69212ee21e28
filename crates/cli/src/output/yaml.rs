//! YAML for our own records: maps of scalars and of maps of scalars. Strings are written as JSON strings, which YAML
//! contains, so that nothing needs quoting rules; only keys that can be nothing else stand bare, as people expect.

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
                text.push_str(&format!("{indent}{}:\n", self::key(key)));
                lines(value, depth + 1, text);
            }
            scalar => text.push_str(&format!("{indent}{}: {scalar}\n", self::key(key))),
        }
    }
}

/// YAML reads a bare `no` as false and a bare `1` as a number.
fn key(name: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c));
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if letters && starts && !WORDS.contains(&name.to_ascii_lowercase().as_str()) {
        name.to_owned()
    } else {
        Json::from(name).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_stand_bare_and_no_other() {
        let record = serde_json::json!({"id": "no", "labels": {"io.kubernetes.pod/name": "web", "no": 1, "a b": null}});
        let expect = "---\nid: \"no\"\nlabels:\n  \"a b\": null\n  io.kubernetes.pod/name: \"web\"\n  \"no\": 1\n";
        assert_eq!(document(&record), expect);
    }
}
