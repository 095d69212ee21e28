//! Label and field selectors of lists and watches.

use serde_json::Value;

/// Both selectors of a call.
#[derive(Debug, Default)]
pub(super) struct Selector {
    labels: Vec<Rule>,
    /// A path into the object and what stands there, or must not.
    fields: Vec<(Vec<String>, bool, String)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Rule {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Selector {
    pub(super) fn parse(labels: &str, fields: &str) -> Selector {
        let fields = fields.split(',').filter(|rule| !rule.is_empty()).filter_map(|rule| {
            let (path, equal, value) = match rule.split_once("!=") {
                Some((path, value)) => (path, false, value),
                None => {
                    rule.split_once("==").or_else(|| rule.split_once('=')).map(|(path, value)| (path, true, value))?
                }
            };
            Some((path.split('.').map(str::to_owned).collect(), equal, value.to_owned()))
        });
        Selector { labels: split(labels).into_iter().map(|rule| parse(&rule)).collect(), fields: fields.collect() }
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let label = |key: &str| labels.get(key).and_then(Value::as_str);
        let labelled = self.labels.iter().all(|rule| match rule {
            Rule::In(key, values) => label(key).is_some_and(|value| values.iter().any(|own| own == value)),
            Rule::NotIn(key, values) => label(key).is_none_or(|value| values.iter().all(|own| own != value)),
            Rule::Exists(key) => label(key).is_some(),
            Rule::Missing(key) => label(key).is_none(),
        });
        labelled
            && self.fields.iter().all(|(path, equal, value)| {
                let found = path.iter().try_fold(object, |at, part| at.get(part));
                (found.and_then(Value::as_str).unwrap_or_default() == value) == *equal
            })
    }
}

/// At the commas outside parentheses.
fn split(text: &str) -> Vec<String> {
    let (mut rules, mut depth) = (vec![String::new()], 0);
    for letter in text.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        match letter {
            ',' if depth == 0 => rules.push(String::new()),
            _ => rules.last_mut().expect("there is one from the start").push(letter),
        }
    }
    rules.into_iter().map(|rule| rule.trim().to_owned()).filter(|rule| !rule.is_empty()).collect()
}

fn parse(rule: &str) -> Rule {
    let values = |list: &str| {
        list.trim_matches(['(', ')', ' ']).split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>()
    };
    if let Some((key, list)) = rule.split_once(" notin ") {
        return Rule::NotIn(key.trim().to_owned(), values(list));
    }
    if let Some((key, list)) = rule.split_once(" in ") {
        return Rule::In(key.trim().to_owned(), values(list));
    }
    if let Some((key, value)) = rule.split_once("!=") {
        return Rule::NotIn(key.to_owned(), vec![value.to_owned()]);
    }
    if let Some((key, value)) = rule.split_once("==").or_else(|| rule.split_once('=')) {
        return Rule::In(key.to_owned(), vec![value.to_owned()]);
    }
    match rule.strip_prefix('!') {
        Some(key) => Rule::Missing(key.to_owned()),
        None => Rule::Exists(rule.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_choose_as_the_api_does() {
        let pod = json!({"metadata": {"name": "web-0", "labels": {"app": "web", "tier": "front"}}, "spec": {"nodeName": "n1"}});
        let check = |labels: &str, fields: &str, expect: bool| {
            assert_eq!(Selector::parse(labels, fields).matches(&pod), expect, "{labels} {fields}");
        };
        check("", "", true);
        check("app=web,tier=front", "", true);
        check("app=db", "", false);
        check("app in (web, db),!gone", "", true);
        check("app notin (web)", "", false);
        check("app!=db,tier", "", true);
        check("", "spec.nodeName=n1", true);
        check("", "metadata.name=web-0,spec.nodeName!=n1", false);
    }
}
