//! The configuration file: its text goes in, what it sets comes out, each with its line.

use fathom_model::directory::distance;
use fathom_model::{Class, Failure};
use toml_edit::{Document, Item, Value};

use super::{Given, SETTINGS, Setting, Takes};

/// What `text` sets; `file` is how messages call it.
pub(super) fn parse(text: &str, file: &str) -> Result<Vec<Given>, Failure> {
    let line = |span: Option<std::ops::Range<usize>>| {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("{file}:{}", before.matches('\n').count() + 1)
    };
    let document = Document::parse(text).map_err(|error| {
        let failure = Failure::new(Class::Usage, format!("cannot read {}", line(error.span())));
        Failure { cause: Some(error.message().trim_end().to_owned()), ..failure }
            .hinting("write it as TOML, such as memory = \"1Gi\"")
    })?;
    let mut given = Vec::new();
    for (name, item) in document.iter() {
        let key = document.as_table().key(name).and_then(toml_edit::Key::span);
        let place = line(key.or_else(|| item.span()));
        let setting = SETTINGS.iter().find(|setting| setting.name == name).ok_or_else(|| unknown(name, &place))?;
        let values = values(setting, item).ok_or_else(|| misshapen(setting, &place))?;
        given.push(Given { setting, values, place: format!("`{name}` in {place}") });
    }
    Ok(given)
}

fn unknown(name: &str, place: &str) -> Failure {
    let far = |known: &str| distance(&name.replace('_', "-"), known);
    let nearest = SETTINGS.iter().map(|setting| setting.name).min_by_key(|known| far(known));
    let hint = match nearest {
        Some(known) if far(known) <= known.len().div_ceil(3) => format!("did you mean `{known}`"),
        _ => format!("use {}", SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>().join(", ")),
    };
    Failure::new(Class::Usage, format!("`{name}` in {place} is no setting")).hinting(hint)
}

fn misshapen(setting: &Setting, place: &str) -> Failure {
    let (wanted, example) = match setting.takes {
        Takes::One => ("one text or number", "\"…\""),
        Takes::Many => ("a list of texts", "[\"…\", \"…\"]"),
        Takes::Flag | Takes::Switch(_) => ("true or false", "false"),
    };
    Failure::new(Class::Usage, format!("`{}` in {place} is not {wanted}", setting.name))
        .hinting(format!("write {} = {example}", setting.name))
}

/// As they would be typed.
fn values(setting: &Setting, item: &Item) -> Option<Vec<String>> {
    let value = item.as_value()?;
    match (setting.takes, value) {
        (Takes::Many, Value::Array(values)) => values.iter().map(typed).collect(),
        (Takes::One | Takes::Many, value) => Some(vec![typed(value)?]),
        (Takes::Flag | Takes::Switch(_), value) => Some(vec![value.as_bool()?.to_string()]),
    }
}

fn typed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(&str, &[&str], &str)]) {
        let given = parse(text, "FILE").expect(text);
        let given: Vec<_> = given
            .iter()
            .map(|one| (one.setting.name, one.values.iter().map(String::as_str).collect::<Vec<_>>(), &*one.place))
            .collect();
        let expect: Vec<_> = expect.iter().map(|(name, values, place)| (*name, values.to_vec(), *place)).collect();
        assert_eq!(given, expect, "{text}");
    }

    #[test]
    fn each_kind_of_value_is_read_with_its_line() {
        check("", &[]);
        check("# nothing\n", &[]);
        check("memory = \"1Gi\"", &[("memory", &["1Gi"], "`memory` in FILE:1")]);
        check("\n\npids = 64\n", &[("pids", &["64"], "`pids` in FILE:3")]);
        check(
            "ns = [\"net\",\n  \"pid\"]\nttl = '1h'",
            &[("ns", &["net", "pid"], "`ns` in FILE:1"), ("ttl", &["1h"], "`ttl` in FILE:3")],
        );
        check("image-pull-secret = 'a'", &[("image-pull-secret", &["a"], "`image-pull-secret` in FILE:1")]);
        check(
            "kubectl-debug-config = false",
            &[("kubectl-debug-config", &["false"], "`kubectl-debug-config` in FILE:1")],
        );
        check("image-pull-secret = []", &[("image-pull-secret", &[], "`image-pull-secret` in FILE:1")]);
    }

    #[test]
    fn mistakes_name_their_line_and_what_would_be_right() {
        for (text, message, hint) in [
            ("memory", "cannot read FILE:1", "write it as TOML, such as memory = \"1Gi\""),
            ("pids = 1\nmemory = 1Gi", "cannot read FILE:2", "write it as TOML, such as memory = \"1Gi\""),
            ("pids = 1\npids = 2", "cannot read FILE:2", "write it as TOML, such as memory = \"1Gi\""),
            ("\nmemroy = 1", "`memroy` in FILE:2 is no setting", "did you mean `memory`"),
            ("agent_image = 1", "`agent_image` in FILE:1 is no setting", "did you mean `agent-image`"),
            ("memory = true", "`memory` in FILE:1 is not one text or number", "write memory = \"…\""),
            ("memory = ['1']", "`memory` in FILE:1 is not one text or number", "write memory = \"…\""),
            ("[memory]\na = 1", "`memory` in FILE:1 is not one text or number", "write memory = \"…\""),
            (
                "kubectl-debug-config = 1",
                "`kubectl-debug-config` in FILE:1 is not true or false",
                "write kubectl-debug-config = false",
            ),
            ("ns = [1.5]", "`ns` in FILE:1 is not a list of texts", "write ns = [\"…\", \"…\"]"),
        ] {
            let failure = parse(text, "FILE").expect_err(text);
            assert_eq!((failure.class, &*failure.message), (Class::Usage, message), "{text}");
            assert_eq!(failure.hint.as_deref(), Some(hint), "{text}");
        }
        let failure = parse("\n\n[enter]\nmemory = 1", "FILE").expect_err("there are no tables");
        assert_eq!(failure.message, "`enter` in FILE:3 is no setting");
        assert!(failure.hint.is_some_and(|hint| hint.starts_with("use root, toolkit, ")));
    }
}
