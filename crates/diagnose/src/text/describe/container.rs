//! Containers, their states, probes, variables and mounts, and the volumes of a pod or of a template.

use super::Told;
use crate::text::sketch::{is_none, number, port};
use crate::text::tree::{self, Node};
use crate::value::{Map, Value, json};

/// What is told of containers: what was asked for, and how it goes.
pub(super) struct Containers {
    pub(super) specs: Vec<Value>,
    pub(super) statuses: Vec<Value>,
}

/// Reads `Containers` or `Init Containers`.
pub(super) fn containers(told: &mut Told<'_, '_>, node: &Node<'_>) -> Containers {
    let mut found = Containers { specs: Vec::new(), statuses: Vec::new() };
    for one in node.children.iter().filter(|one| !one.key.is_empty()) {
        found.specs.push(spec(one));
        found.statuses.extend(status(told, one));
    }
    found
}

fn spec(node: &Node<'_>) -> Value {
    let mut spec = json!({"name": node.key});
    let Value::Object(map) = &mut spec else { return spec };
    let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
    put("image", node.text("Image").into());
    let ports = ports(node);
    if !ports.is_empty() {
        put("ports", ports.into());
    }
    for (key, field) in [("Command", "command"), ("Args", "args")] {
        if let Some(words) = node.child(key) {
            put(field, flat(words).into());
        }
    }
    let amounts = |key: &str| {
        let amounts = node.child(key)?.children.iter().filter(|one| !one.key.is_empty());
        Some(amounts.map(|one| (one.key.to_owned(), Value::from(one.value))).collect::<Map>())
    };
    let resources = [("limits", amounts("Limits")), ("requests", amounts("Requests"))];
    let resources = resources.into_iter().filter_map(|(key, map)| Some((key.to_owned(), Value::from(map?))));
    put("resources", resources.collect::<Map>().into());
    for (key, field) in [("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")] {
        if let Some(value) = node.child(key).and_then(|one| probe(one.value)) {
            put(field, value);
        }
    }
    if let Some(kind) = Some(node.text("SeccompProfile")).filter(|kind| !kind.is_empty()) {
        put("securityContext", json!({"seccompProfile": {"type": kind}}));
    }
    if let Some(sources) = node.child("Environment Variables from") {
        put("envFrom", sources.children.iter().filter_map(|one| source(one.line)).collect());
    }
    if let Some(variables) = node.child("Environment") {
        put("env", variables.children.iter().filter(|one| !one.key.is_empty()).map(variable).collect());
    }
    if let Some(mounts) = node.child("Mounts") {
        put("volumeMounts", mounts.children.iter().filter_map(|one| mount(one.line)).collect());
    }
    spec
}

/// The lines under a node, however deep they stand.
fn flat(node: &Node<'_>) -> Vec<Value> {
    fn walk(node: &Node<'_>, out: &mut Vec<Value>) {
        for child in &node.children {
            out.push(child.line.into());
            out.extend(child.more.iter().map(|line| Value::from(*line)));
            walk(child, out);
        }
    }
    let mut out = Vec::new();
    walk(node, &mut out);
    out
}

/// `8080/TCP (http), 53/UDP`, and the same of the host.
fn ports(node: &Node<'_>) -> Vec<Value> {
    let of =
        |keys: [&str; 2]| keys.into_iter().map(|key| node.text(key)).find(|text| !text.is_empty()).unwrap_or_default();
    let split = |text: &'_ str| -> Vec<(i64, String, String)> {
        let one = |part: &str| {
            let (number, rest) = part.trim().split_once('/')?;
            let (protocol, name) = rest.split_once(" (").unwrap_or((rest, ""));
            Some((number.parse().ok()?, protocol.to_owned(), name.trim_end_matches(')').to_owned()))
        };
        text.split(',').filter_map(one).collect()
    };
    let hosts = split(of(["Host Ports", "Host Port"]));
    let ports = split(of(["Ports", "Port"])).into_iter().enumerate();
    let whole = |(index, (number, protocol, name)): (usize, (i64, String, String))| {
        let mut port = json!({"containerPort": number, "protocol": protocol});
        if !name.is_empty() {
            port["name"] = name.into();
        }
        if let Some((host, ..)) = hosts.get(index).filter(|(host, ..)| *host > 0) {
            port["hostPort"] = (*host).into();
        }
        port
    };
    ports.map(whole).collect()
}

/// `http-get http://:8080/health delay=0s timeout=1s period=10s #success=1 #failure=3`.
fn probe(text: &str) -> Option<Value> {
    let (how, rest) = text.split_once(' ')?;
    let at = rest.find("delay=")?;
    let (what, numbers) = (rest[..at].trim(), &rest[at..]);
    let mut probe = match how {
        "exec" => {
            let words = what.trim_start_matches('[').trim_end_matches(']').split(' ');
            json!({"exec": {"command": words.collect::<Vec<_>>()}})
        }
        "http-get" => {
            let (scheme, address) = what.split_once("://")?;
            let (host, path) = address.find('/').map_or((address, ""), |at| address.split_at(at));
            let (host, number) = host.rsplit_once(':')?;
            let mut get = json!({"port": port(number), "scheme": scheme.to_uppercase()});
            for (field, text) in [("path", path), ("host", host)] {
                if !text.is_empty() {
                    get[field] = text.into();
                }
            }
            json!({"httpGet": get})
        }
        "tcp-socket" => json!({"tcpSocket": {"port": port(what.rsplit_once(':')?.1)}}),
        "grpc" => {
            let mut words = what.split(' ');
            let number = words.next()?.rsplit_once(':')?.1;
            json!({"grpc": {"port": port(number), "service": words.next().unwrap_or_default()}})
        }
        _ => return None,
    };
    for word in numbers.split(' ') {
        let Some((key, value)) = word.split_once('=') else { continue };
        let field = match key.trim_start_matches('#') {
            "delay" => "initialDelaySeconds",
            "timeout" => "timeoutSeconds",
            "period" => "periodSeconds",
            "success" | "successThreshold" => "successThreshold",
            "failure" | "failureThreshold" => "failureThreshold",
            _ => continue,
        };
        if let Some(number) = number(value).filter(|number| field != "initialDelaySeconds" || *number > 0) {
            probe[field] = number.into();
        }
    }
    Some(probe)
}

fn optional(text: &str) -> bool {
    text.trim_end().ends_with("Optional: true")
}

/// `settings  ConfigMap  Optional: false`.
fn source(line: &str) -> Option<Value> {
    let mut words = line.split_whitespace();
    let (name, kind) = (words.next()?, words.next()?);
    let field = match kind {
        "ConfigMap" => "configMapRef",
        "Secret" => "secretRef",
        _ => return None,
    };
    Some(json!({field: {"name": name, "optional": optional(line)}}))
}

/// `KEY:  value`, or where the value comes from.
fn variable(node: &Node<'_>) -> Value {
    let (name, value) = (node.key, node.value);
    let quoted: Vec<&str> = value.split('\'').collect();
    if value.starts_with("<set to the key '")
        && let [_, key, middle, object, rest] = quoted.as_slice()
    {
        let field = if middle.contains("secret") { "secretKeyRef" } else { "configMapKeyRef" };
        return json!({"name": name, "valueFrom": {field: {"key": key, "name": object, "optional": optional(rest)}}});
    }
    if let Some((_, path)) = value.trim_end_matches(')').rsplit_once("(v1:") {
        return json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    }
    json!({"name": name, "value": node.whole()})
}

/// `/data from data (rw,path="x")`.
fn mount(line: &str) -> Option<Value> {
    let (path, rest) = line.split_once(" from ")?;
    let (volume, flags) = rest.split_once(" (").unwrap_or((rest, ""));
    let mut mount = json!({"name": volume, "mountPath": path});
    let flags = flags.trim_end_matches(')');
    if flags.split(',').any(|flag| flag == "ro") {
        mount["readOnly"] = true.into();
    }
    if let Some((_, path)) = flags.split_once("path=\"") {
        mount["subPath"] = path.trim_end_matches('"').into();
    }
    Some(mount)
}

fn status(told: &mut Told<'_, '_>, node: &Node<'_>) -> Option<Value> {
    let state = node.child("State")?;
    let mut status = json!({
        "name": node.key,
        "image": node.text("Image"),
        "imageID": node.text("Image ID"),
        "containerID": node.text("Container ID"),
        "ready": node.text("Ready") == "True",
        "restartCount": number(node.text("Restart Count")).unwrap_or(0),
        "state": of_state(told, state),
    });
    if let Some(last) = node.child("Last State") {
        status["lastState"] = of_state(told, last);
    }
    Some(status)
}

fn of_state(told: &mut Told<'_, '_>, node: &Node<'_>) -> Value {
    let mut fields = Map::new();
    for child in &node.children {
        let value = match child.key {
            "Reason" => Some(("reason", child.value.into())),
            "Message" => Some(("message", child.whole().into())),
            "Exit Code" => child.value.parse::<i64>().ok().map(|code| ("exitCode", code.into())),
            "Signal" => number(child.value).map(|signal| ("signal", signal.into())),
            "Started" => told.moment(child.value).map(|moment| ("startedAt", moment.into())),
            "Finished" => told.moment(child.value).map(|moment| ("finishedAt", moment.into())),
            _ => None,
        };
        fields.extend(value.map(|(key, value)| (key.to_owned(), value)));
    }
    let which = match node.value {
        "Running" => "running",
        "Terminated" => "terminated",
        _ => "waiting",
    };
    json!({which: fields})
}

/// Reads `Volumes`.
pub(super) fn volumes(node: &Node<'_>) -> Vec<Value> {
    node.children.iter().filter(|one| !one.key.is_empty()).map(volume).collect()
}

fn volume(node: &Node<'_>) -> Value {
    let text = |key: &str| node.text(key);
    let optional = || text("Optional") == "true";
    let mut volume = json!({"name": node.key});
    let (field, value) = match text("Type").split(' ').next().unwrap_or_default() {
        "ConfigMap" => ("configMap", json!({"name": text("Name"), "optional": optional()})),
        "Secret" => ("secret", json!({"secretName": text("SecretName"), "optional": optional()})),
        "PersistentVolumeClaim" => {
            ("persistentVolumeClaim", json!({"claimName": text("ClaimName"), "readOnly": text("ReadOnly") == "true"}))
        }
        "HostPath" => ("hostPath", json!({"path": text("Path"), "type": text("HostPathType")})),
        "EmptyDir" => {
            let fields = [("medium", text("Medium")), ("sizeLimit", text("SizeLimit"))];
            let fields = fields.into_iter().filter(|(_, text)| !is_none(text));
            ("emptyDir", fields.map(|(key, text)| (key.to_owned(), Value::from(text))).collect::<Map>().into())
        }
        "NFS" => ("nfs", json!({"server": text("Server"), "path": text("Path")})),
        "CSI" => ("csi", json!({"driver": text("Driver")})),
        "Projected" => ("projected", json!({"sources": sources(node)})),
        "DownwardAPI" => ("downwardAPI", json!({})),
        _ => return volume,
    };
    volume[field] = value;
    volume
}

/// What a projected volume is made of.
fn sources(node: &Node<'_>) -> Vec<Value> {
    let mut sources = Vec::new();
    for child in &node.children {
        let optional = || tree::find(&node.children, "Optional").is_some_and(|one| one.value == "true");
        match child.key {
            "SecretName" => sources.push(json!({"secret": {"name": child.value, "optional": optional()}})),
            "ConfigMapName" => sources.push(json!({"configMap": {"name": child.value, "optional": optional()}})),
            "DownwardAPI" => sources.push(json!({"downwardAPI": {}})),
            "TokenExpirationSeconds" => {
                sources.push(json!({"serviceAccountToken": {"expirationSeconds": number(child.value)}}));
            }
            _ => {}
        }
    }
    sources
}
