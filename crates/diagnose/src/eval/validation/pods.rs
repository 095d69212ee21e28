//! What must agree with what in the pods that somebody makes.

use std::collections::BTreeSet;

use super::{Fault, is_placeholder};
use crate::eval::selector;
use crate::eval::template::{Template, Written};
use crate::object::Fields as _;
use crate::quantity;
use crate::value::Value;

/// All of it.
pub(super) fn faults(template: &Template<'_>) -> Vec<Fault> {
    if template.list("/spec/containers").is_empty() {
        return vec![Fault::new(template.pointer("/spec/containers"), "Required value")];
    }
    let containers: Vec<Written<'_>> = template.containers().collect();
    let mut found: Vec<Fault> = restart(template).into_iter().collect();
    found.extend(volumes(template));
    for (index, container) in containers.iter().enumerate() {
        let earlier = containers[..index].iter().map(|one| one.spec.text("/name"));
        found.extend(named(container, earlier));
        found.extend(ports(template, container));
        found.extend(variables(container));
        found.extend(resources(container));
        found.extend(probes(container));
        found.extend(mounts(template, container));
        found.extend(security(container));
    }
    found
}

/// Pods of a workload are always started again, and those of a job never always.
fn restart(template: &Template<'_>) -> Option<Fault> {
    let at = template.pointer("/spec/restartPolicy");
    let policy = template.value()?.text("/spec/restartPolicy");
    match template.owner.id.kind.as_str() {
        "Pod" => None,
        "Job" | "CronJob" if policy.is_empty() => {
            Some(Fault::new(at, "Required value: valid values: \"OnFailure\", \"Never\"").mended("OnFailure"))
        }
        "Job" | "CronJob" if policy == "Always" => {
            let says = "Unsupported value: \"Always\": supported values: \"OnFailure\", \"Never\"";
            Some(Fault::new(at, says).mended("OnFailure"))
        }
        "Job" | "CronJob" => None,
        _ if ["OnFailure", "Never"].contains(&policy) => {
            let says = format!("Unsupported value: \"{policy}\": supported values: \"Always\"");
            Some(Fault::new(at, says).mended("Always"))
        }
        _ => None,
    }
}

/// A name that must be given once.
fn named<'a>(container: &Written<'_>, mut earlier: impl Iterator<Item = &'a str>) -> Vec<Fault> {
    let mut found = Vec::new();
    let (name, at) = (container.spec.text("/name"), format!("{}/name", container.at));
    match container.spec.at("/name") {
        None => found.push(Fault::new(at, "Required value")),
        Some(_) if earlier.any(|other| other == name) => {
            found.push(Fault::new(at, format!("Duplicate value: \"{name}\"")));
        }
        Some(_) => {}
    }
    let (image, at) = (container.spec.text("/image"), format!("{}/image", container.at));
    match container.spec.at("/image") {
        None => found.push(Fault::new(at, "Required value")),
        Some(Value::String(_)) if image.is_empty() => found.push(Fault::new(at, "Required value")),
        Some(Value::String(_)) if image.trim() != image => {
            let says = format!("Invalid value: \"{image}\": must not have leading or trailing whitespace");
            found.push(Fault::new(at, says).mended(image.trim()));
        }
        Some(_) => {}
    }
    found
}

/// What comes twice in a list, by a field: its index and the value.
fn twice<'a>(list: &'a [Value], field: &str) -> Vec<(usize, &'a str)> {
    let mut known = BTreeSet::new();
    let all = list.iter().enumerate().map(|(index, one)| (index, one.text(field)));
    all.filter(|(_, text)| !text.is_empty() && !known.insert(*text)).collect()
}

fn ports(template: &Template<'_>, container: &Written<'_>) -> Vec<Fault> {
    let list = container.spec.list("/ports");
    let at = |index: usize, field: &str| format!("{}/ports/{index}/{field}", container.at);
    let again = twice(list, "/name").into_iter();
    let again = again.map(|(index, name)| Fault::new(at(index, "name"), format!("Duplicate value: \"{name}\"")));
    let host = template.value().is_some_and(|value| value.holds("/spec/hostNetwork"));
    let numbered = list.iter().enumerate().filter_map(|(index, port)| {
        let Some(number) = port.at("/containerPort") else {
            return Some(Fault::new(at(index, "containerPort"), "Required value"));
        };
        let moved = port.at("/hostPort").filter(|other| host && other.as_i64() > Some(0) && *other != number)?;
        let says = format!("Invalid value: {moved}: must match `containerPort` when `hostNetwork` is true");
        Some(Fault::new(at(index, "hostPort"), says).mended(number.clone()))
    });
    again.chain(numbered).collect()
}

fn variables(container: &Written<'_>) -> Vec<Fault> {
    let both = container.spec.list("/env").iter().enumerate().filter(|(_, variable)| {
        !variable.text("/value").is_empty() && variable.map("/valueFrom").is_some_and(|from| !from.is_empty())
    });
    let says = "Invalid value: \"\": may not be specified when `value` is not empty";
    both.map(|(index, _)| Fault::new(format!("{}/env/{index}/valueFrom", container.at), says)).collect()
}

/// Who is privileged is not kept from more privileges, and what runs before the others has no life to hook into.
fn security(container: &Written<'_>) -> Vec<Fault> {
    let kept = container.spec.at("/securityContext/allowPrivilegeEscalation") == Some(&Value::Bool(false));
    let mut added = container.spec.list("/securityContext/capabilities/add").iter().filter_map(Value::as_str);
    let at = format!("{}/securityContext", container.at);
    let mut found = Vec::new();
    if kept && container.spec.holds("/securityContext/privileged") {
        let says = "Invalid value: cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        found.push(Fault::new(format!("{at}/allowPrivilegeEscalation"), says));
    } else if kept && added.any(|name| name == "CAP_SYS_ADMIN") {
        let says = "Invalid value: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        found.push(Fault::new(format!("{at}/allowPrivilegeEscalation"), says));
    }
    if container.init && container.spec.map("/lifecycle").is_some_and(|hooks| !hooks.is_empty()) {
        let says = "Forbidden: must not be set for init containers";
        found.push(Fault::new(format!("{}/lifecycle", container.at), says).mended(Value::Null));
    }
    found
}

/// What is asked for is at most what is allowed; of what cannot be lent it is the same.
fn resources(container: &Written<'_>) -> Vec<Fault> {
    let Some(requests) = container.spec.map("/resources/requests") else { return Vec::new() };
    let of = |(name, asked): (&crate::value::Text, &Value)| {
        let key = name.replace('~', "~0").replace('/', "~1");
        let limit = container.spec.at(&format!("/resources/limits/{key}"));
        let lent = ["cpu", "memory", "ephemeral-storage", "storage"].contains(&name.as_str());
        let at = format!("{}/resources/requests/{key}", container.at);
        let Some(limit) = limit else {
            let says = "Required value: Limit must be set for non overcommitable resources";
            let limit = format!("{}/resources/limits/{key}", container.at);
            return (!lent).then(|| Fault::new(limit.clone(), says).mended(asked.clone()));
        };
        let (amount, most) = (quantity::of(Some(asked))?, quantity::of(Some(limit))?);
        let quoted = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let (asked, most_shown) = (quoted(asked), quoted(limit));
        let says = match lent {
            true if amount > most => format!("must be less than or equal to {name} limit of {most_shown}"),
            false if amount != most => format!("must be equal to {name} limit of {most_shown}"),
            _ => return None,
        };
        Some(Fault::new(at, format!("Invalid value: \"{asked}\": {says}")).mended(limit.clone()))
    };
    requests.iter().filter_map(of).collect()
}

/// The ways in which a probe can ask.
const HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];

fn probes(container: &Written<'_>) -> Vec<Fault> {
    let mut found = Vec::new();
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.spec.map(&format!("/{name}")).filter(|probe| !probe.is_empty()) else { continue };
        let at = format!("{}/{name}", container.at);
        let ways: Vec<&str> =
            HANDLERS.into_iter().filter(|way| probe.get(way).is_some_and(|way| !way.is_null())).collect();
        if container.init {
            found.push(Fault::new(at, "Forbidden: must not be set for init containers").mended(Value::Null));
            continue;
        }
        match ways.as_slice() {
            [] => found.push(Fault::new(at.clone(), "Required value: must specify a handler type")),
            [_] => {}
            [_, second, ..] => {
                let says = "Forbidden: may not specify more than 1 handler type";
                found.push(Fault::new(format!("{at}/{second}"), says));
            }
        }
        let needed =
            |field: &str| probe.get("httpGet").or_else(|| probe.get("tcpSocket")).filter(|way| way.at(field).is_none());
        if ["httpGet", "tcpSocket"].iter().any(|way| ways == [*way]) && needed("/port").is_some() {
            found.push(Fault::new(format!("{at}/{}/port", ways[0]), "Required value"));
        }
        let once = probe.get("successThreshold").and_then(Value::as_i64).unwrap_or(1) <= 1;
        if name != "readinessProbe" && !once {
            let says = "Invalid value: must be 1";
            found.push(Fault::new(format!("{at}/successThreshold"), says).mended(1));
        }
    }
    found
}

/// What no volume is: its name.
const SOURCELESS: &str = "name";

fn volumes(template: &Template<'_>) -> Vec<Fault> {
    let list = template.list("/spec/volumes");
    let at = |index: usize| template.pointer(&format!("/spec/volumes/{index}"));
    let again = twice(list, "/name").into_iter();
    let again =
        again.map(|(index, name)| Fault::new(format!("{}/name", at(index)), format!("Duplicate value: \"{name}\"")));
    let sources = list.iter().enumerate().filter_map(|(index, volume)| {
        let mut sources =
            volume.as_object()?.iter().filter(|(key, value)| key.as_str() != SOURCELESS && !value.is_null());
        let (_, second) = (sources.next()?, sources.next()?);
        let says = "Forbidden: may not specify more than 1 volume type";
        Some(Fault::new(format!("{}/{}", at(index), second.0.as_str()), says))
    });
    let nameless = list.iter().enumerate().filter(|(_, volume)| volume.at("/name").is_none());
    let nameless = nameless.map(|(index, _)| Fault::new(format!("{}/name", at(index)), "Required value"));
    again.chain(sources).chain(nameless).collect()
}

fn mounts(template: &Template<'_>, container: &Written<'_>) -> Vec<Fault> {
    let claims = template.owner.value().list("/spec/volumeClaimTemplates").iter().map(|one| one.text("/metadata/name"));
    let known: Vec<&str> = template.list("/spec/volumes").iter().map(|one| one.text("/name")).chain(claims).collect();
    let list = container.spec.list("/volumeMounts");
    let at = |index: usize, field: &str| format!("{}/volumeMounts/{index}/{field}", container.at);
    let again = twice(list, "/mountPath").into_iter();
    let again = again
        .map(|(index, path)| Fault::new(at(index, "mountPath"), format!("Invalid value: \"{path}\": must be unique")));
    let single = list.iter().enumerate().filter_map(|(index, mount)| {
        let name = mount.text("/name");
        if mount.at("/mountPath").is_none() {
            return Some(Fault::new(at(index, "mountPath"), "Required value"));
        }
        if mount.at("/name").is_none() {
            return Some(Fault::new(at(index, "name"), "Required value"));
        }
        if !known.contains(&name) && !is_placeholder(name) {
            let fault = Fault::new(at(index, "name"), format!("Not found: \"{name}\""));
            let near = selector::nearest(name, known.iter().copied());
            return Some(near.map_or_else(|| fault.clone(), |near| fault.clone().mended(near)));
        }
        let sub = mount.text("/subPath");
        (sub.starts_with('/') || sub.split('/').any(|part| part == "..")).then(|| {
            let why = if sub.starts_with('/') { "must be a relative path" } else { "must not contain '..'" };
            Fault::new(at(index, "subPath"), format!("Invalid value: \"{sub}\": {why}"))
        })
    });
    again.chain(single).collect()
}
