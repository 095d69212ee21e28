//! What is completed or refused before an object is kept: service accounts' volumes, namespaces that end, Pod Security.

use serde_json::{Value, json};

use super::call::Call;
use super::kind::Kind;
use super::status::{self, Refusal};
use super::store;

const LEVEL: &str = "pod-security.kubernetes.io/enforce";

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
    let level = place["labels"][LEVEL].as_str().unwrap_or("privileged");
    let violations = violations(level, &object["spec"]);
    if !violations.is_empty() {
        let why = format!("violates PodSecurity \"{level}:latest\": {}", violations.join(", "));
        return Err(status::against_policy(call, &name, &why));
    }
    complete(object);
    Ok(())
}

/// The commonest of the checks of each level, in its own words.
fn violations(level: &str, spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if level == "privileged" {
        return found;
    }
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[host] == json!(true) {
            found.push(format!("host namespaces ({host}=true)"));
        }
    }
    let paths = array(&spec["volumes"]).iter().filter(|volume| volume["hostPath"].is_object());
    found.extend(paths.map(|volume| format!("hostPath volumes (volume {})", volume["name"])));
    for container in containers(spec) {
        let (name, context) = (&container["name"], &container["securityContext"]);
        if context["privileged"] == json!(true) {
            found.push(format!("privileged (container {name} must not set securityContext.privileged=true)"));
        }
        if level == "restricted" && context["allowPrivilegeEscalation"] != json!(false) {
            let rule = "must set securityContext.allowPrivilegeEscalation=false";
            found.push(format!("allowPrivilegeEscalation != false (container {name} {rule})"));
        }
        let non_root = context["runAsNonRoot"] == json!(true) || spec["securityContext"]["runAsNonRoot"] == json!(true);
        if level == "restricted" && !non_root {
            let rule = "must set securityContext.runAsNonRoot=true";
            found.push(format!("runAsNonRoot != true (pod or container {name} {rule})"));
        }
    }
    found
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

/// Ephemeral containers can be added, and nothing else.
pub(super) fn admit_ephemeral(call: &Call, old: &Value, new: &Value) -> Result<(), Refusal> {
    let (before, after) = (array(&old["spec"]["ephemeralContainers"]), array(&new["spec"]["ephemeralContainers"]));
    let kept = before.iter().all(|own| after.contains(own));
    let mut rest = [old["spec"].clone(), new["spec"].clone()];
    for spec in &mut rest {
        spec["ephemeralContainers"] = Value::Null;
    }
    if kept && rest[0] == rest[1] {
        return Ok(());
    }
    let why = "spec.ephemeralContainers: Forbidden: existing ephemeral containers may not be changed or removed";
    Err(status::invalid(call, call.name.as_deref().unwrap_or_default(), why))
}
