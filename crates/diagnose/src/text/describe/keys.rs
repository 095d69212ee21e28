//! What holds keys and amounts: ConfigMaps, secrets, quotas, limits. Their descriptions are lists more than trees.

use super::{As, Fields, Told};
use crate::text::sketch::is_none;
use crate::value::{Map, Value, json};

/// The lines of a part that begins with its name and a line of `=`.
fn part<'l, 'a>(lines: &'l [&'a str], name: &str) -> &'l [&'a str] {
    let begins = |pair: &[&str]| pair[0] == name && pair[1].starts_with("===");
    let from = lines.windows(2).position(begins).map_or(lines.len(), |at| at + 2);
    let rest = &lines[from..];
    let ends = |pair: &[&str]| pair[1].starts_with("===");
    let to = rest.windows(2).position(ends).or_else(|| rest.iter().position(|line| line.starts_with("Events:")));
    &rest[..to.unwrap_or(rest.len())]
}

/// A key, a line of dashes, and the value.
pub(super) fn config_map(told: &mut Told<'_, '_>) {
    let lines = part(told.lines, "Data");
    let mut data: Vec<(&str, Vec<&str>)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let is_key = lines.get(at + 1) == Some(&"----");
        match line.strip_suffix(':').filter(|_| is_key) {
            Some(key) => data.push((key, Vec::new())),
            None if *line == "----" && at > 0 && lines[at - 1].ends_with(':') => {}
            None => data.last_mut().into_iter().for_each(|(_, value)| value.push(line)),
        }
    }
    let data: Map = data.into_iter().map(|(key, value)| (key.to_owned(), value.join("\n").trim_end().into())).collect();
    if !data.is_empty() {
        told.sketch.set("/data", data);
    }
    let binary = part(told.lines, "BinaryData").iter().filter_map(|line| line.split_once(": "));
    let binary: Map = binary.map(|(key, _)| (key.to_owned(), "".into())).collect();
    if !binary.is_empty() {
        told.sketch.set("/binaryData", binary);
    }
}

pub(super) const SECRET: Fields = &[("Type", "/type", As::Text)];

/// Keys alone: values, which old versions print for tokens, are left out.
pub(super) fn secret(told: &mut Told<'_, '_>) {
    let keys = part(told.lines, "Data").iter().filter_map(|line| line.split_once(':')).map(|(key, _)| key);
    let data: Map = keys.filter(|key| !key.contains(' ')).map(|key| (key.to_owned(), "".into())).collect();
    if !data.is_empty() {
        told.sketch.set("/data", data);
    }
}

/// The rows below a line that begins with a word, by words.
fn rows<'a>(lines: &[&'a str], begin: &str) -> Vec<Vec<&'a str>> {
    let rows = lines.iter().skip_while(|line| !line.starts_with(begin)).skip(1);
    let rows = rows.filter(|line| !line.starts_with("---")).take_while(|line| !line.trim().is_empty());
    rows.map(|line| line.split_whitespace().collect()).collect()
}

pub(super) fn quota(told: &mut Told<'_, '_>) {
    for row in rows(told.lines, "Resource ") {
        let [resource, used, hard] = row.as_slice() else { continue };
        let key = resource.replace('~', "~0").replace('/', "~1");
        told.sketch.set(&format!("/status/used/{key}"), *used);
        told.sketch.set(&format!("/status/hard/{key}"), *hard);
        told.sketch.set(&format!("/spec/hard/{key}"), *hard);
    }
    let scopes: Vec<Value> = told.text("Scopes").split(", ").filter(|scope| !is_none(scope)).map(Value::from).collect();
    if !scopes.is_empty() {
        told.sketch.set("/spec/scopes", scopes);
    }
}

pub(super) fn limits(told: &mut Told<'_, '_>) {
    let mut limits: Vec<Value> = Vec::new();
    for row in rows(told.lines, "Type ") {
        let [kind, resource, min, max, request, limit, ratio] = row.as_slice() else { continue };
        if limits.last().is_none_or(|last| last["type"] != **kind) {
            limits.push(json!({"type": kind}));
        }
        let Some(last) = limits.last_mut() else { continue };
        for (field, amount) in [
            ("min", min),
            ("max", max),
            ("defaultRequest", request),
            ("default", limit),
            ("maxLimitRequestRatio", ratio),
        ] {
            if *amount != "-" {
                last[field][*resource] = (*amount).into();
            }
        }
    }
    told.sketch.set("/spec/limits", limits);
}
