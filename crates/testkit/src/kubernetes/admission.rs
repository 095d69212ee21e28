//! What is completed or refused before an object is kept: service accounts' volumes, namespaces that end, Pod Security.

use serde_json::{Value, json};

use super::call::Call;
use super::kind::Kind;
use super::pod_security;
use super::status::{self, Refusal};
use super::store;

/// Where a pod finds who it is to the API server.
pub(super) const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn admit(kind: &Kind, namespace: &Value, call: &Call, object: &mut Value) -> Result<(), Refusal> {
    let (place, name) = (&namespace["metadata"], object["metadata"]["name"].as_str().unwrap_or_default().to_owned());
    if place["deletionTimestamp"].is_string() {
        let own = place["name"].as_str().unwrap_or_default();
        let why = format!("unable to create new content in namespace {own} because it is being terminated");
        return Err(status::against_policy(call, &name, &why));
    }
    if kind.name != "Pod" {
        return Ok(());
    }
    pod_security::admit(namespace, call, object)?;
    complete(object);
    Ok(())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All containers of a pod's spec.
pub(super) fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    lists.into_iter().flat_map(|list| array(&spec[list]))
}

/// Defaults, and the volume with the account's token.
fn complete(pod: &mut Value) {
    let spec = &mut pod["spec"];
    for (field, default) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("serviceAccountName", json!("default")),
        ("dnsPolicy", json!("ClusterFirst")),
    ] {
        if spec[field].is_null() {
            spec[field] = default;
        }
    }
    let mounted = array(&spec["volumes"])
        .iter()
        .any(|volume| volume["name"].as_str().is_some_and(|name| name.starts_with("kube-api-access-")));
    if spec["automountServiceAccountToken"] != json!(false) && !mounted {
        let name = format!("kube-api-access-{}", store::random(5));
        let sources = json!([
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]);
        push(&mut spec["volumes"], json!({"name": name, "projected": {"defaultMode": 420, "sources": sources}}));
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                push(&mut container["volumeMounts"], json!({"name": name, "readOnly": true, "mountPath": ACCOUNT}));
            }
        }
    }
    if pod["status"].is_null() {
        pod["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
    }
}

fn push(list: &mut Value, element: Value) {
    match list.as_array_mut() {
        Some(list) => list.push(element),
        None => *list = json!([element]),
    }
}

/// Fields that an ephemeral container cannot have.
const NOT_EPHEMERAL: [&str; 6] = ["lifecycle", "livenessProbe", "ports", "readinessProbe", "resources", "startupProbe"];

/// Ephemeral containers can be added, and nothing else.
pub(super) fn admit_ephemeral(namespace: &Value, call: &Call, old: &Value, new: &Value) -> Result<(), Refusal> {
    let (before, after) = (array(&old["spec"]["ephemeralContainers"]), array(&new["spec"]["ephemeralContainers"]));
    let invalid = |why: &str| status::invalid(call, call.name.as_deref().unwrap_or_default(), why);
    let kept = before.iter().all(|own| after.contains(own));
    let mut rest = [old["spec"].clone(), new["spec"].clone()];
    for spec in &mut rest {
        spec["ephemeralContainers"] = Value::Null;
    }
    if !kept || rest[0] != rest[1] {
        return Err(invalid(
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers may not be changed or removed",
        ));
    }
    for (index, container) in after.iter().enumerate() {
        if let Some(why) = against_ephemeral(&new["spec"], container) {
            return Err(invalid(&format!("spec.ephemeralContainers[{index}].{why}")));
        }
    }
    pod_security::admit(namespace, call, new)
}

/// What cannot be of an ephemeral container.
fn against_ephemeral(spec: &Value, container: &Value) -> Option<String> {
    if let Some(field) = NOT_EPHEMERAL.iter().find(|field| !container[**field].is_null()) {
        return Some(format!("{field}: Forbidden: cannot be set for an Ephemeral Container"));
    }
    let target = &container["targetContainerName"];
    let mut all = array(&spec["containers"]).iter().chain(array(&spec["initContainers"]));
    if target.is_string() && !all.any(|own| own["name"] == *target) {
        return Some(format!("targetContainerName: Not found: {target}"));
    }
    let volumes = array(&spec["volumes"]);
    array(&container["volumeMounts"]).iter().enumerate().find_map(|(index, mount)| {
        let part = ["subPath", "subPathExpr"].into_iter().find(|field| mount[*field].is_string());
        let known = volumes.iter().any(|volume| volume["name"] == mount["name"]);
        match part {
            Some(field) => {
                Some(format!("volumeMounts[{index}].{field}: Forbidden: cannot be set for an Ephemeral Container"))
            }
            None => (!known).then(|| format!("volumeMounts[{index}].name: Not found: {}", mount["name"])),
        }
    })
}
