//! What must agree with what in objects of each kind.

use std::collections::BTreeSet;

use super::{Fault, is_placeholder};
use crate::eval::selector;
use crate::object::{Fields as _, Object};
use crate::value::{Map, Value};

/// A check of objects of some kinds.
type Check = (&'static [&'static str], fn(&Object) -> Vec<Fault>);

/// All of them.
const CHECKS: &[Check] = &[
    (&["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"], selects_its_pods),
    (&["ReplicationController"], selects_its_pods_plainly),
    (&["Deployment"], strategy),
    (&["CronJob"], cron_job),
    (&["Service"], service),
    (&["Ingress"], ingress),
    (&["PersistentVolumeClaim"], claim),
    (&["HorizontalPodAutoscaler"], autoscaler),
    (&["PodDisruptionBudget"], budget),
    (&["RoleBinding", "ClusterRoleBinding"], binding),
    (&["Secret"], secret),
];

/// What is wrong with an object as a whole.
pub(super) fn faults(object: &Object) -> Vec<Fault> {
    let fitting = CHECKS.iter().filter(|(kinds, _)| kinds.contains(&object.id.kind.as_str()));
    fitting.flat_map(|(_, check)| check(object)).collect()
}

/// The first label that is wanted and not there, and what is there instead.
fn differing<'a>(wanted: &'a Map, labels: Option<&Map>) -> Option<(&'a str, &'a str)> {
    let mut pairs = wanted.iter().filter(|(key, value)| labels.and_then(|labels| labels.get(key)) != Some(*value));
    pairs.next().and_then(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

fn selects_its_pods(object: &Object) -> Vec<Fault> {
    let Some(wanted) = object.at("/spec/selector") else {
        let fault = Fault::new("/spec/selector", "Required value");
        let labels = object.at("/spec/template/metadata/labels").cloned();
        return vec![
            labels
                .map_or_else(|| fault.clone(), |labels| fault.clone().mended_at("/spec/selector/matchLabels", labels)),
        ];
    };
    let empty = wanted.map("/matchLabels").is_none_or(Map::is_empty) && wanted.list("/matchExpressions").is_empty();
    if empty {
        let says = format!("Invalid value: empty selector is invalid for {}", object.id.kind.to_lowercase());
        return vec![Fault::new("/spec/selector", says)];
    }
    let labels = object.map("/spec/template/metadata/labels");
    let told = wanted
        .map("/matchLabels")
        .into_iter()
        .flat_map(Map::values)
        .all(|value| value.as_str().is_some_and(|text| !is_placeholder(text)));
    if object.at("/spec/template").is_none() || !told || selector::selects(wanted, labels) {
        return Vec::new();
    }
    let shown = labels.map_or_else(|| "{}".to_owned(), selector::show);
    let fault = Fault::new(
        "/spec/template/metadata/labels",
        format!("Invalid value: {shown}: `selector` does not match template `labels`"),
    );
    let differing = wanted.map("/matchLabels").and_then(|wanted| differing(wanted, labels));
    vec![match differing {
        Some((key, value)) => {
            let key = key.replace('~', "~0").replace('/', "~1");
            fault.mended_at(format!("/spec/template/metadata/labels/{key}"), value)
        }
        None => fault,
    }]
}

fn selects_its_pods_plainly(object: &Object) -> Vec<Fault> {
    let Some(wanted) = object.map("/spec/selector") else { return Vec::new() };
    let differs = differing(wanted, object.map("/spec/template/metadata/labels"));
    let fault = differs.filter(|(_, value)| !is_placeholder(value)).map(|(key, value)| {
        let at = format!("/spec/template/metadata/labels/{}", key.replace('~', "~0").replace('/', "~1"));
        let says = "Invalid value: `selector` does not match template `labels`";
        Fault::new("/spec/template/metadata/labels", says).mended_at(at, value)
    });
    fault.into_iter().collect()
}

fn strategy(object: &Object) -> Vec<Fault> {
    let rolling = object.map("/spec/strategy/rollingUpdate").filter(|rolling| !rolling.is_empty());
    if object.text("/spec/strategy/type") == "Recreate" && rolling.is_some() {
        let says = "Forbidden: may not be specified when strategy `type` is 'Recreate'";
        return vec![Fault::new("/spec/strategy/rollingUpdate", says).mended(Value::Null)];
    }
    let none = |field: &str| {
        let value = object.at(&format!("/spec/strategy/rollingUpdate/{field}"));
        value.is_some_and(|value| value.as_i64() == Some(0) || value.as_str() == Some("0%"))
    };
    let at = "/spec/strategy/rollingUpdate/maxUnavailable";
    let stuck = none("maxUnavailable") && none("maxSurge");
    let says = "Invalid value: may not be 0 when `maxSurge` is 0";
    stuck.then(|| Fault::new(at, says).mended(1)).into_iter().collect()
}

/// A job's name is that of its schedule with eleven letters more.
fn cron_job(object: &Object) -> Vec<Fault> {
    let mut found = Vec::new();
    if object.name().len() > 52 {
        found.push(Fault::new("/metadata/name", "Invalid value: must be no more than 52 characters"));
    }
    if object.at("/spec/schedule").is_none() {
        found.push(Fault::new("/spec/schedule", "Required value"));
    }
    found
}

fn service(object: &Object) -> Vec<Fault> {
    let (kind, headless) = (object.text("/spec/type"), object.text("/spec/clusterIP") == "None");
    let ports = object.list("/spec/ports");
    let mut found = Vec::new();
    if kind == "ExternalName" {
        if object.text("/spec/externalName").is_empty() {
            found.push(Fault::new("/spec/externalName", "Required value"));
        }
        return found;
    }
    if ports.is_empty() && !headless {
        found.push(Fault::new("/spec/ports", "Required value"));
    }
    if headless && ["NodePort", "LoadBalancer"].contains(&kind) {
        let says = format!("Invalid value: may not be set to 'None' for {kind} services");
        found.push(Fault::new("/spec/clusterIP", says).mended(Value::Null));
    }
    let inside = ["", "ClusterIP"].contains(&kind);
    if inside && object.at("/spec/externalTrafficPolicy").is_some() && object.list("/spec/externalIPs").is_empty() {
        let says = "Invalid value: may only be set for externally-accessible services";
        found.push(Fault::new("/spec/externalTrafficPolicy", says).mended(Value::Null));
    }
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in ports.iter().enumerate() {
        let at = |field: &str| format!("/spec/ports/{index}{field}");
        let name = port.text("/name");
        if port.at("/port").is_none() {
            found.push(Fault::new(at("/port"), "Required value"));
        }
        if inside && port.int("/nodePort") > Some(0) {
            let says = "Forbidden: may not be used when `type` is 'ClusterIP'";
            found.push(Fault::new(at("/nodePort"), says).mended(Value::Null));
        }
        if ports.len() > 1 && name.is_empty() {
            found.push(Fault::new(at("/name"), "Required value").mended(format!("port-{}", index + 1)));
        } else if !name.is_empty() && !names.insert(name) {
            found.push(Fault::new(at("/name"), format!("Duplicate value: \"{name}\"")));
        }
        let protocol = if port.text("/protocol").is_empty() { "TCP" } else { port.text("/protocol") };
        if let Some(number) = port.int("/port")
            && !numbers.insert((number, protocol))
        {
            found.push(Fault::new(at("/port"), format!("Duplicate value: {number} with protocol {protocol}")));
        }
    }
    found
}

fn ingress(object: &Object) -> Vec<Fault> {
    let mut found: Vec<Fault> = Vec::new();
    if object.list("/spec/rules").is_empty() && object.at("/spec/defaultBackend").is_none() {
        found.push(Fault::new("/spec", "Invalid value: either `defaultBackend` or `rules` must be specified"));
    }
    if let Some(backend) = object.at("/spec/defaultBackend") {
        found.extend(backend_fault(backend, "/spec/defaultBackend"));
    }
    for (rule, one) in object.list("/spec/rules").iter().enumerate() {
        found.extend(host(one.text("/host")).map(|says| Fault::new(format!("/spec/rules/{rule}/host"), says)));
        for (index, path) in one.list("/http/paths").iter().enumerate() {
            let at = format!("/spec/rules/{rule}/http/paths/{index}");
            if path.at("/pathType").is_none() {
                let says = "Required value: pathType must be specified";
                found.push(Fault::new(format!("{at}/pathType"), says).mended("Prefix"));
            }
            let begins = path.text("/path").starts_with('/') || is_placeholder(path.text("/path"));
            if ["Exact", "Prefix"].contains(&path.text("/pathType")) && !begins {
                let says = format!("Invalid value: \"{}\": must be an absolute path", path.text("/path"));
                found.push(Fault::new(format!("{at}/path"), says).mended(format!("/{}", path.text("/path"))));
            }
            match path.at("/backend") {
                Some(backend) => found.extend(backend_fault(backend, &format!("{at}/backend"))),
                None => found.push(Fault::new(format!("{at}/backend"), "Required value")),
            }
        }
    }
    found
}

/// What is wrong with the name of a host of an ingress, which may begin with one star.
fn host(text: &str) -> Option<String> {
    let rest = text.strip_prefix("*.").unwrap_or(text);
    if text.is_empty() || is_placeholder(text) {
        return None;
    }
    if rest.parse::<std::net::IpAddr>().is_ok() {
        return Some(format!("Invalid value: \"{text}\": must be a DNS name, not an IP address"));
    }
    super::names::fault(rest, super::names::Form::Subdomain)
}

fn backend_fault(backend: &Value, at: &str) -> Option<Fault> {
    if !backend.text("/serviceName").is_empty() {
        let says = format!(
            "unknown field \"{}.serviceName\": in networking.k8s.io/v1 it is service.name and service.port",
            super::path(at)
        );
        let port = backend.at("/servicePort").cloned().unwrap_or(Value::Null);
        let field = if port.is_string() { "name" } else { "number" };
        let service = crate::value::json!({"service": {"name": backend.text("/serviceName"), "port": {(field.to_owned()): port}}});
        return Some(Fault::new(format!("{at}/serviceName"), says).mended_at(at, service));
    }
    if backend.at("/resource").is_some() {
        return None;
    }
    let port = ["/service/port/number", "/service/port/name"].iter().any(|port| backend.at(port).is_some());
    match () {
        () if backend.at("/service/name").is_none() => Some(Fault::new(format!("{at}/service/name"), "Required value")),
        () if !port => {
            let says = "Required value: port name or number is required";
            Some(Fault::new(format!("{at}/service/port"), says))
        }
        () => None,
    }
}

fn claim(object: &Object) -> Vec<Fault> {
    let mut found = Vec::new();
    if object.list("/spec/accessModes").is_empty() {
        let says = "Required value: at least 1 access mode is required";
        found.push(Fault::new("/spec/accessModes", says).mended(vec!["ReadWriteOnce"]));
    }
    if object.at("/spec/resources/requests/storage").is_none() {
        found.push(Fault::new("/spec/resources/requests/storage", "Required value"));
    }
    found
}

fn autoscaler(object: &Object) -> Vec<Fault> {
    let (min, max) = (object.int("/spec/minReplicas").unwrap_or(1), object.int("/spec/maxReplicas"));
    let mut found = Vec::new();
    match max {
        None if object.at("/spec/maxReplicas").is_none() => {
            found.push(Fault::new("/spec/maxReplicas", "Required value"))
        }
        Some(max) if max >= 1 && max < min => {
            let says = format!("Invalid value: {max}: must be greater than or equal to `minReplicas`");
            found.push(Fault::new("/spec/maxReplicas", says).mended(min));
        }
        _ => {}
    }
    let lacks = ["/spec/scaleTargetRef/kind", "/spec/scaleTargetRef/name"].into_iter();
    found.extend(lacks.filter(|at| object.text(at).is_empty()).map(|at| Fault::new(at, "Required value")));
    found
}

fn budget(object: &Object) -> Vec<Fault> {
    let both = ["/spec/minAvailable", "/spec/maxUnavailable"].iter().all(|at| object.at(at).is_some());
    let says = "Invalid value: minAvailable and maxUnavailable cannot be both set";
    both.then(|| Fault::new("/spec/maxUnavailable", says).mended(Value::Null)).into_iter().collect()
}

fn binding(object: &Object) -> Vec<Fault> {
    let mut found = Vec::new();
    let supported: &[&str] = if object.id.kind == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    let kind = object.text("/roleRef/kind");
    if !supported.contains(&kind) && !is_placeholder(kind) {
        let words: Vec<String> = supported.iter().map(|word| format!("\"{word}\"")).collect();
        let says = format!("Unsupported value: \"{kind}\": supported values: {}", words.join(", "));
        found.push(Fault::new("/roleRef/kind", says));
    }
    if object.text("/roleRef/name").is_empty() {
        found.push(Fault::new("/roleRef/name", "Required value"));
    }
    for (index, subject) in object.list("/subjects").iter().enumerate() {
        if subject.text("/kind") == "ServiceAccount" && subject.text("/namespace").is_empty() {
            found.push(Fault::new(format!("/subjects/{index}/namespace"), "Required value"));
        }
    }
    found
}

/// The keys that a Secret of a type must have.
const TYPES: [(&str, &[&str]); 4] = [
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
];

/// What was no base64 was replaced by this when the values were taken out.
fn secret(object: &Object) -> Vec<Fault> {
    let values = object.map("/data").into_iter().flat_map(Map::iter);
    let plain = values.filter(|(_, value)| value.as_str() == Some(crate::snapshot::PLAIN));
    let at = |key: &str| format!("/data/{}", key.replace('~', "~0").replace('/', "~1"));
    let says = "illegal base64 data: values below data are base64, plain ones belong below stringData";
    let plain = plain.map(|(key, _)| Fault::new(at(key), says));
    let has =
        |key: &str| ["/data", "/stringData"].iter().any(|map| object.map(map).is_some_and(|map| map.contains_key(key)));
    let wanted = TYPES.iter().filter(|(name, _)| *name == object.text("/type")).flat_map(|(_, keys)| *keys);
    let lacks = wanted.filter(|key| !has(key)).map(|key| Fault::new(at(key), "Required value"));
    plain.chain(lacks).collect()
}
