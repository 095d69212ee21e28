//! What nobody may read in a snapshot is taken out as it comes in: values of secrets, variables that are called like
//! secrets, passwords in addresses, and annotations that repeat an object. Names stay: rules ask for keys, never for
//! what is under them.

pub(super) mod words;

use std::borrow::Cow;

use crate::eval::validation::is_placeholder;
use crate::object::Fields as _;
use crate::value::{Map, Value};
use words::{text_without_passwords, without_secrets};

/// Repeats the object, with all values.
const REPEATS: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Values of configuration that are longer are files of programs, which no rule reads.
const LONGEST: usize = 16 << 10;

/// What stands for a value.
const VEIL: &str = "***";

/// What stands for a value below a Secret's data that is no base64, which no API server has.
pub const PLAIN: &str = "no base64";

/// Where objects have containers.
const SPECS: [&str; 3] = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];

/// Parts of names of variables whose values are nobody's business.
const TELLING: [&str; 10] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
];

/// Takes out of an object what nobody may read, and what is too long to be read by anybody.
pub(super) fn veil(object: &mut Value) {
    if object.text("/kind") == "Secret" {
        for (field, encoded) in [("data", true), ("stringData", false)] {
            let values = object.get_mut(field).and_then(Value::as_object_mut);
            values.into_iter().flat_map(Map::values_mut).for_each(|value| {
                let plain = encoded && !value.is_null() && !value.as_str().is_some_and(is_base64);
                *value = if plain { PLAIN } else { "" }.into();
            });
        }
    }
    if object.text("/kind") == "ConfigMap" {
        let values = object.get_mut("data").and_then(Value::as_object_mut);
        let long = |value: &&mut Value| value.as_str().is_some_and(|text| text.len() > LONGEST);
        values.into_iter().flat_map(Map::values_mut).filter(long).for_each(|value| *value = "".into());
        let bytes = object.get_mut("binaryData").and_then(Value::as_object_mut);
        bytes.into_iter().flat_map(Map::values_mut).for_each(|value| *value = "".into());
    }
    if object.text("/kind") == "Output" {
        let lines = object.get_mut("value").and_then(Value::as_array_mut);
        lines.into_iter().flatten().filter_map(|line| line.get_mut("text")).for_each(line);
    }
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
        if let Some(annotations) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(REPEATS);
        }
    }
    for spec in SPECS {
        let Some(spec) = object.pointer_mut(spec) else { continue };
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            let containers = spec.get_mut(list).and_then(Value::as_array_mut);
            containers.into_iter().flatten().for_each(container);
        }
    }
}

/// Whether a text is what Go decodes as standard base64: line ends do not count, padding does.
fn is_base64(text: &str) -> bool {
    let letters: Vec<u8> = text.bytes().filter(|byte| !b"\r\n".contains(byte)).collect();
    let padding = letters.iter().rev().take_while(|byte| **byte == b'=').count();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    // What stands for a value that somebody else took out.
    let hidden = text == VEIL || text.is_empty() || is_placeholder(text);
    hidden || letters.len().is_multiple_of(4) && padding <= 2 && letters[..letters.len() - padding].iter().all(plain)
}

fn container(container: &mut Value) {
    for list in ["command", "args"] {
        let words = container.get_mut(list).and_then(Value::as_array_mut);
        words.into_iter().flatten().for_each(address);
    }
    for variable in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = variable.text("/name").to_uppercase();
        let Some(value) = variable.get_mut("value") else { continue };
        // A file's name is no secret, whatever the file holds.
        let secret = TELLING.iter().any(|part| name.contains(part)) && !name.ends_with("_FILE");
        if secret && value.as_str().is_some_and(|text| !text.is_empty() && !text.contains("$(")) {
            *value = VEIL.into();
        } else {
            address(value);
        }
    }
}

/// A line of a journal, as those of logs.
fn line(value: &mut Value) {
    if let Some(text) = value.as_str()
        && let Cow::Owned(veiled) = without_secrets(text)
    {
        *value = veiled.into();
    }
}

fn address(value: &mut Value) {
    if let Some(text) = value.as_str()
        && let Cow::Owned(veiled) = text_without_passwords(text)
    {
        *value = veiled.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn values_that_are_nobodys_business_go() {
        let env = json!([{"name": "DB_PASSWORD", "value": "hush"}, {"name": "DB_HOST", "value": "db"}, {"name": "URL", "value": "x://u:hush@db"}]);
        let mut object = json!({"kind": "Deployment", "metadata": {"annotations": {REPEATS: "hush", "kept": "1"}, "managedFields": []},
            "spec": {"template": {"spec": {"containers": [{"env": env, "args": ["--to=x://u:hush@db"]}]}}}});
        veil(&mut object);
        let text = object.to_string();
        assert!(!text.contains("hush") && !text.contains("managedFields") && text.contains("kept"), "{text}");
        assert_eq!(object.pointer("/spec/template/spec/containers/0/env/1/value"), Some(&json!("db")));
        let text = "E1121 x: token=hush of https://u:hush@api:6443";
        let mut journal = json!({"kind": "Output", "value": [{"ago": 1, "run": 0, "text": text}]});
        veil(&mut journal);
        assert_eq!(journal.pointer("/value/0/text"), Some(&json!("E1121 x: token=*** of https://u:***@api:6443")));
        let mut secret =
            json!({"kind": "Secret", "data": {"k": "aHVzaA==", "m": "hush!"}, "stringData": {"l": "hush"}});
        veil(&mut secret);
        assert_eq!(secret, json!({"kind": "Secret", "data": {"k": "", "m": PLAIN}, "stringData": {"l": ""}}));
    }
}
