//! Services, what stands behind them, and what leads to them.

use std::collections::BTreeSet;

use super::{As, Fields, Told};
use crate::object::{Fields as _, View};
use crate::text::sketch::{Sketch, is_none, labels, number, port};
use crate::value::{Map, Value, json};

pub(super) const SERVICE: Fields = &[
    ("Type", "/spec/type", As::Text),
    ("External Name", "/spec/externalName", As::Text),
    ("Session Affinity", "/spec/sessionAffinity", As::Text),
    ("External Traffic Policy", "/spec/externalTrafficPolicy", As::Text),
    ("Internal Traffic Policy", "/spec/internalTrafficPolicy", As::Text),
];

pub(super) const SLICE: Fields = &[("AddressType", "/addressType", As::Text)];

pub(super) const INGRESS: Fields = &[("Ingress Class", "/spec/ingressClassName", As::Text)];

/// Only that there is one: its rules are printed in words.
pub(super) const POLICY: Fields = &[("Created on", "/metadata/creationTimestamp", As::Moment)];

/// A selector as it is printed: `app=web,tier in (a,b),!old`.
pub(super) fn selector(text: &str) -> Value {
    let mut parts: Vec<String> = Vec::new();
    let mut depth = 0;
    let mut part = String::new();
    for letter in text.chars() {
        match letter {
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(letter == '(') - i32::from(letter == ')');
                part.push(letter);
            }
        }
    }
    parts.push(part);
    let (mut wanted, mut expressions) = (Map::new(), Vec::new());
    for part in parts.iter().map(|part| part.trim()).filter(|part| !is_none(part)) {
        let list = |text: &str| {
            text.trim_matches(['(', ')', ' ']).split(',').map(str::trim).map(Value::from).collect::<Vec<_>>()
        };
        if let Some((key, values)) = part.split_once(" notin ") {
            expressions.push(json!({"key": key, "operator": "NotIn", "values": list(values)}));
        } else if let Some((key, values)) = part.split_once(" in ") {
            expressions.push(json!({"key": key, "operator": "In", "values": list(values)}));
        } else if let Some((key, value)) = part.split_once('=') {
            wanted.insert(key.to_owned(), value.into());
        } else if let Some(key) = part.strip_prefix('!') {
            expressions.push(json!({"key": key, "operator": "DoesNotExist"}));
        } else {
            expressions.push(json!({"key": part, "operator": "Exists"}));
        }
    }
    let mut selector = json!({});
    if !wanted.is_empty() {
        selector["matchLabels"] = wanted.into();
    }
    if !expressions.is_empty() {
        selector["matchExpressions"] = expressions.into();
    }
    selector
}

pub(super) fn service(told: &mut Told<'_, '_>) {
    let selector = told.node("Selector").map(|node| labels(node.values())).unwrap_or_default();
    if !selector.is_empty() {
        told.sketch.set("/spec/selector", selector);
    }
    let address = told.text("IP");
    if !address.is_empty() {
        told.sketch.set("/spec/clusterIP", address);
    }
    let mut ports: Vec<Value> = Vec::new();
    for node in told.roots {
        // `Port:  http  80/TCP`, then what belongs to it.
        let mut words = node.value.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        match (node.key, ports.last_mut()) {
            ("Port", _) => {
                let (name, address) = second.map_or(("", first), |second| (first, second));
                let Some((number, protocol)) = address.split_once('/') else { continue };
                let mut one = json!({"port": port(number), "protocol": protocol});
                if !is_none(name) {
                    one["name"] = name.into();
                }
                ports.push(one);
            }
            ("TargetPort", Some(last)) => {
                last["targetPort"] = port(first.rsplit_once('/').map_or(first, |(target, _)| target));
            }
            ("NodePort", Some(last)) => {
                if let Some(number) = second.or(Some(first)).and_then(number) {
                    last["nodePort"] = number.into();
                }
            }
            _ => {}
        }
    }
    if !ports.is_empty() {
        told.sketch.set("/spec/ports", ports);
    }
    let balanced = told.text("LoadBalancer Ingress").split(',').map(str::trim).filter(|one| !is_none(one));
    let balanced: Vec<Value> = balanced.map(|one| json!({"ip": one.split(' ').next()})).collect();
    if !balanced.is_empty() {
        told.sketch.set("/status/loadBalancer/ingress", balanced);
    }
    told.beside.extend(behind(told));
}

/// What stands behind a service, as its description says: addresses that are ready, of each port, the first of them.
fn behind(told: &Told<'_, '_>) -> Option<Sketch> {
    let lines: Vec<&str> = told.roots.iter().filter(|node| node.key == "Endpoints").map(|node| node.value).collect();
    let name = told.sketch.value.text("/metadata/name");
    let mut sketch = Sketch::new("Endpoints", told.sketch.value.text("/metadata/namespace"), name, View::Listed);
    // Before it was ever looked at there may be none; an empty line is one that was cut off.
    if lines.is_empty() || lines.iter().any(|line| line.is_empty() || is_none(line) && *line != "<none>") {
        return None;
    }
    let first = lines.iter().flat_map(|line| line.split(" + ").next()).flat_map(|line| line.split(','));
    let hosts =
        first.map(str::trim).filter(|one| !is_none(one)).map(|one| one.rsplit_once(':').map_or(one, |(ip, _)| ip));
    let hosts: BTreeSet<&str> = hosts.collect();
    let all: Vec<Value> = hosts.into_iter().map(|ip| json!({"ip": ip})).collect();
    let subsets = if all.is_empty() { Vec::new() } else { vec![json!({"addresses": all})] };
    sketch.set("/subsets", subsets);
    Some(sketch)
}

pub(super) fn endpoints(told: &mut Told<'_, '_>) {
    let Some(node) = told.node("Subsets") else { return };
    let mut subsets: Vec<Value> = Vec::new();
    for child in &node.children {
        let field = match child.key {
            "Addresses" => "addresses",
            "NotReadyAddresses" => "notReadyAddresses",
            _ => continue,
        };
        if field == "addresses" {
            subsets.push(json!({}));
        }
        let all = child.value.split(',').filter(|one| !is_none(one)).map(|ip| json!({"ip": ip})).collect::<Vec<_>>();
        if let Some(last) = subsets.last_mut().filter(|_| !all.is_empty()) {
            last[field] = all.into();
        }
    }
    told.sketch.set("/subsets", subsets);
}

pub(super) fn slice(told: &mut Told<'_, '_>) {
    let ports = told.node("Ports").map(super::grid).unwrap_or_default();
    let ports = ports.iter().filter_map(|row| {
        let cell = |name: &str| row.iter().find(|(column, _)| *column == name).map(|(_, cell)| *cell);
        let mut one = json!({"port": number(cell("Port")?)?, "protocol": cell("Protocol")?});
        if let Some(name) = cell("Name").filter(|name| !is_none(name)) {
            one["name"] = name.into();
        }
        Some(one)
    });
    told.sketch.set("/ports", ports.collect::<Vec<_>>());
    let mut all = Vec::new();
    for node in told.node("Endpoints").into_iter().flat_map(|node| &node.children) {
        if node.key != "- Addresses" {
            continue;
        }
        let mut one = json!({"addresses": node.value.split(',').map(str::trim).collect::<Vec<_>>()});
        let ready = node.child("Conditions").map_or("", |conditions| conditions.text("Ready"));
        if !is_none(ready) {
            one["conditions"] = json!({"ready": ready == "true"});
        }
        if let Some((kind, name)) = node.text("TargetRef").split_once('/') {
            one["targetRef"] = json!({"kind": kind, "name": name});
        }
        if !is_none(node.text("NodeName")) {
            one["nodeName"] = node.text("NodeName").into();
        }
        all.push(one);
    }
    told.sketch.set("/endpoints", all);
}

/// `web:80 (10.0.0.1:80,…)` as a backend.
fn backend(text: &str) -> Option<Value> {
    let (name, rest) = text.split(' ').next()?.split_once(':')?;
    let port = match rest.parse::<i64>() {
        Ok(number) => json!({"number": number}),
        Err(_) => json!({"name": rest}),
    };
    Some(json!({"service": {"name": name, "port": port}}))
}

pub(super) fn ingress(told: &mut Told<'_, '_>) {
    if let Some(whole) = Some(told.text("Default backend")).filter(|text| !text.starts_with('<')).and_then(backend) {
        told.sketch.set("/spec/defaultBackend", whole);
    }
    let mut rules: Vec<Value> = Vec::new();
    // A host, and under it its paths: the tree has them by their indents.
    let lines = told.lines.iter().skip_while(|line| !line.starts_with("Rules:")).skip(1);
    for line in lines.take_while(|line| line.starts_with(' ') || line.is_empty()) {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        match cells.as_slice() {
            [dashes, ..] if dashes.starts_with("---") || *dashes == "Host" => {}
            [host] => rules.push(json!({"host": host.trim_matches('*'), "http": {"paths": []}})),
            [path, whole] => {
                let paths = rules.last_mut().and_then(|rule| rule["http"]["paths"].as_array_mut());
                if let Some((paths, backend)) = paths.zip(backend(whole)) {
                    paths.push(json!({"path": path, "backend": backend}));
                }
            }
            _ => {}
        }
    }
    told.sketch.set("/spec/rules", rules);
    let mut tls = Vec::new();
    for node in told.node("TLS").into_iter().flat_map(|node| &node.children) {
        if let Some((secret, hosts)) = node.line.split_once(" terminates ") {
            tls.push(json!({"secretName": secret, "hosts": hosts.split(',').collect::<Vec<_>>()}));
        }
    }
    if !tls.is_empty() {
        told.sketch.set("/spec/tls", tls);
    }
}
