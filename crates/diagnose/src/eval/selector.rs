//! Label and field selectors, and the nearest name where none fits.

use crate::object::Fields as _;
use crate::value::{Map, Value};

type Labels = Map;

/// Whether labels hold all of `a=b,c=d`.
pub fn has_labels(labels: Option<&Labels>, wanted: &str) -> bool {
    let mut pairs = wanted.split(',').filter(|pair| !pair.is_empty());
    pairs.all(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        labels.and_then(|labels| labels.get(key)).and_then(Value::as_str) == Some(value)
    })
}

/// A map of labels as `a=b,c=d`.
pub fn show(wanted: &Labels) -> String {
    let pairs = wanted.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    pairs.collect::<Vec<_>>().join(",")
}

/// Whether labels hold each pair of a map; an empty map holds for all.
pub fn equal(wanted: &Labels, labels: Option<&Labels>) -> bool {
    wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

/// Whether a LabelSelector (`matchLabels`, `matchExpressions`) selects. An empty one selects everything.
pub fn selects(selector: &Value, labels: Option<&Labels>) -> bool {
    let pairs = selector.map("/matchLabels").is_none_or(|wanted| equal(wanted, labels));
    pairs && selector.list("/matchExpressions").iter().all(|one| expression(one, labels))
}

/// One expression: In, NotIn, Exists, DoesNotExist, and of nodes Gt and Lt.
pub fn expression(expression: &Value, labels: Option<&Labels>) -> bool {
    let found = labels.and_then(|labels| labels.get(expression.text("/key"))).and_then(Value::as_str);
    let values = expression.list("/values");
    let listed = || values.iter().any(|value| value.as_str() == found);
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = number(values.first().and_then(Value::as_str));
    match expression.text("/operator") {
        "In" => found.is_some() && listed(),
        "NotIn" => found.is_none() || !listed(),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => number(found).zip(bound).is_some_and(|(found, bound)| found > bound),
        "Lt" => number(found).zip(bound).is_some_and(|(found, bound)| found < bound),
        _ => false,
    }
}

/// Whether a field selector such as `metadata.name=web,status.phase!=Running` selects an object.
pub fn field_selects(selector: &str, object: &Value) -> bool {
    selector.split(',').filter(|part| !part.is_empty()).all(|part| {
        let (name, value, wanted) = match part.split_once("!=") {
            Some((name, value)) => (name, value, false),
            None => part
                .split_once('=')
                .map_or((part, "", true), |(name, value)| (name, value.trim_start_matches('='), true)),
        };
        let pointer = format!("/{}", name.replace('.', "/"));
        (object.text(&pointer) == value) == wanted
    })
}

/// The name among `names` that is meant by `name`, if one is near: few letters differ, or one contains the other.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |other: &&str| {
        let far = distance(name, other);
        far > 0 && (far <= 2 && far * 3 <= name.chars().count() || name.contains(other) || other.contains(name))
    };
    names.filter(|other| !other.is_empty()).filter(near).min_by_key(|other| (distance(name, other), *other))
}

/// The name among `names` that was certainly meant by `name`: one word of it is spelled wrong, and nothing that numbers or
/// tells apart.
pub fn misspelled<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let words = |name: &'_ str| name.split(['-', '.']).map(str::to_owned).collect::<Vec<_>>();
    let meant = |other: &&str| {
        let (left, right) = (words(name), words(other));
        let mut differing = left.iter().zip(&right).filter(|(left, right)| left != right);
        let pair = differing.next().filter(|_| left.len() == right.len() && differing.next().is_none());
        pair.is_some_and(|(left, right)| slipped(left, right))
    };
    names.filter(meant).min()
}

/// Whether two words differ by one slip: a letter too many, too few or another, or two that changed places.
fn slipped(left: &str, right: &str) -> bool {
    let lettered = |word: &str| word.len() >= 4 && word.chars().all(|letter| letter.is_ascii_alphabetic());
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let turned = distance(left, right) == 2 && sorted(left) == sorted(right);
    // Singular and plural are names of their own.
    let plural = left.strip_suffix('s') == Some(right) || right.strip_suffix('s') == Some(left);
    lettered(left) && lettered(right) && !plural && (distance(left, right) == 1 || turned)
}

/// Letters to change, add or take away (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (at, b) in right.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[at + 1];
            row[at + 1] = changed.min(corner + 1).min(row[at] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn selectors_select_as_the_api_server_does() {
        let labels = json!({"app": "web", "tier": "front", "gen": "7"});
        let labels = labels.as_object();
        for (selector, expect) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["db", "web"]}]}), true),
            (json!({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}), true),
            (json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "gen", "operator": "Gt", "values": ["6"]}]}), true),
            (json!({"matchExpressions": [{"key": "app", "operator": "Like", "values": ["w"]}]}), false),
        ] {
            assert_eq!(selects(&selector, labels), expect, "{selector}");
        }
        assert!(has_labels(labels, "app=web,tier=front") && !has_labels(None, "app=web") && has_labels(None, ""));
        let pod = json!({"status": {"phase": "Running"}});
        assert!(
            field_selects("status.phase=Running,metadata.name!=x", &pod)
                && !field_selects("status.phase!=Running", &pod)
        );
    }

    #[test]
    fn a_slip_is_told_from_another_name() {
        for (name, other, same) in [
            ("app-confg", "app-config", true),
            ("app-cofnig", "app-config", true),
            ("databse", "database", true),
            ("config-eu", "config-us", false),
            ("redis-0", "redis-1", false),
            ("app-v1", "app-v2", false),
            ("app-config", "app-configs", false),
            ("app", "app-config", false),
            ("app-config", "app-config", false),
            ("cert-a", "cert-b", false),
        ] {
            assert_eq!(misspelled(name, std::iter::once(other)).is_some(), same, "{name} and {other}");
        }
    }

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        let names = ["redis-master", "backend-svc", "db"];
        assert_eq!(nearest("redis-mastr", names.into_iter()), Some("redis-master"));
        assert_eq!(nearest("backend", names.into_iter()), Some("backend-svc"));
        assert_eq!(nearest("payments", names.into_iter()), None);
        assert_eq!(nearest("db", names.into_iter()), None, "the same name is not near, it is there");
    }
}
