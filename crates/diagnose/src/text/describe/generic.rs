//! Objects of which kubectl knows no more than their fields: names of fields as words, values under them.

use super::Told;
use crate::text::moment;
use crate::text::sketch::is_none;
use crate::text::tree::Node;
use crate::value::{Map, Value};

/// Fields that are lists of maps, which are printed one after another without a mark between them.
const LISTS: [&str; 12] = [
    "conditions",
    "devices",
    "requests",
    "rules",
    "webhooks",
    "ownerReferences",
    "subjects",
    "parentRefs",
    "backendRefs",
    "listeners",
    "hosts",
    "ports",
];

/// Fields that are lists of words, of which one may be printed like a value.
const WORDS: [&str; 8] = [
    "finalizers",
    "resources",
    "operations",
    "apiGroups",
    "apiVersions",
    "admissionReviewVersions",
    "dnsNames",
    "verbs",
];

/// Numbers and yes or no look like words; these are words even where they look like numbers.
fn value(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

/// `Failure Policy` as `failurePolicy`.
fn field(key: &str) -> String {
    if key.contains(['.', '/', '_']) {
        return key.to_owned();
    }
    let mut field = String::new();
    for (at, word) in key.split(' ').enumerate() {
        let upper = word.chars().all(|letter| letter.is_ascii_uppercase());
        match (at, upper) {
            (0, true) => field.push_str(&word.to_lowercase()),
            (0, false) => {
                let mut letters = word.chars();
                field.extend(letters.next().map(|letter| letter.to_ascii_lowercase()));
                field.push_str(letters.as_str());
            }
            _ => field.push_str(word),
        }
    }
    field
}

/// Reads an object of any kind.
pub(super) fn object(told: &mut Told<'_, '_>) {
    told.metadata();
    for node in told.roots {
        match node.key {
            "Name" | "Namespace" | "Labels" | "Annotations" | "Kind" | "Events" | "" => {}
            "API Version" => told.sketch.set("/apiVersion", node.value),
            "Metadata" => metadata(told, node),
            key => {
                let value = whole(node);
                told.sketch.set(&format!("/{}", field(key)), value);
            }
        }
    }
    // Of what was renewed it is known that it was.
    let renewed = told.sketch.value.pointer("/spec/renewTime").and_then(Value::as_str).and_then(moment::moment);
    told.moments.extend(renewed);
}

fn metadata(told: &mut Told<'_, '_>, node: &Node<'_>) {
    if let Some(moment) = told.moment(node.text("Creation Timestamp")) {
        told.sketch.set("/metadata/creationTimestamp", moment);
    }
    if let Some(deletion) = moment::moment(node.text("Deletion Timestamp")) {
        told.sketch.set("/metadata/deletionTimestamp", deletion.to_string());
    }
    if let Some(finalizers) = node.child("Finalizers") {
        told.sketch.set("/metadata/finalizers", words(finalizers));
    }
    if !node.text("UID").is_empty() {
        told.sketch.set("/metadata/uid", node.text("UID"));
    }
}

fn words(node: &Node<'_>) -> Vec<Value> {
    node.children.iter().map(|child| Value::from(child.line)).collect()
}

fn whole(node: &Node<'_>) -> Value {
    let name = field(node.key);
    if node.children.is_empty() {
        let text = node.whole();
        return if is_none(&text) { Value::Null } else { value(&text) };
    }
    if WORDS.contains(&name.as_str()) || node.children.iter().all(|child| child.key.is_empty()) {
        return words(node).into();
    }
    if !LISTS.contains(&name.as_str()) {
        return map(node.children.iter()).into();
    }
    // A key that comes again begins another one.
    let mut list: Vec<Vec<&Node<'_>>> = Vec::new();
    for child in &node.children {
        match list.last_mut().filter(|last| last.iter().all(|known| known.key != child.key)) {
            Some(last) => last.push(child),
            None => list.push(vec![child]),
        }
    }
    list.into_iter().map(|children| Value::from(map(children.into_iter()))).collect()
}

fn map<'n, 'a: 'n>(children: impl Iterator<Item = &'n Node<'a>>) -> Map {
    let mut map = Map::new();
    for child in children.filter(|child| !child.key.is_empty()) {
        let value = whole(child);
        if !value.is_null() {
            map.insert(field(child.key), value);
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use crate::value::json;

    use super::*;

    #[test]
    fn names_of_fields_are_found_again() {
        for (key, expect) in [
            ("Failure Policy", "failurePolicy"),
            ("API Groups", "apiGroups"),
            ("Ca Bundle", "caBundle"),
            ("Name", "name"),
            ("app.kubernetes.io/name", "app.kubernetes.io/name"),
        ] {
            assert_eq!(field(key), expect);
        }
        assert_eq!((value("5"), value("true"), value("x")), (json!(5), json!(true), json!("x")));
    }
}
