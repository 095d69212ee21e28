//! Pod Security: the commonest of the checks of each level, in its own words.

use serde_json::{Value, json};

use super::admission::containers;
use super::call::Call;
use super::status::{self, Refusal};

const LEVEL: &str = "pod-security.kubernetes.io/enforce";

/// Capabilities that a container may add where the level is `baseline`: those that it has anyway.
const USUAL: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Refuses a pod that the level of its namespace does not allow.
pub(super) fn admit(namespace: &Value, call: &Call, pod: &Value) -> Result<(), Refusal> {
    let level = namespace["metadata"]["labels"][LEVEL].as_str().unwrap_or("privileged");
    let violations = violations(level, &pod["spec"]);
    if violations.is_empty() {
        return Ok(());
    }
    let why = format!("violates PodSecurity \"{level}:latest\": {}", violations.join(", "));
    Err(status::against_policy(call, pod["metadata"]["name"].as_str().unwrap_or_default(), &why))
}

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
    let volumes = spec["volumes"].as_array().map_or(&[][..], Vec::as_slice);
    let paths = volumes.iter().filter(|volume| volume["hostPath"].is_object());
    found.extend(paths.map(|volume| format!("hostPath volumes (volume {})", volume["name"])));
    for container in containers(spec) {
        found.extend(against_baseline(container));
        if level == "restricted" {
            found.extend(against_restricted(spec, container));
        }
    }
    found
}

fn against_baseline(container: &Value) -> Vec<String> {
    let (name, context) = (&container["name"], &container["securityContext"]);
    let mut found = Vec::new();
    if context["privileged"] == json!(true) {
        found.push(format!("privileged (container {name} must not set securityContext.privileged=true)"));
    }
    let added = context["capabilities"]["add"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let unusual: Vec<String> = added.filter(|own| !USUAL.contains(own)).map(|own| format!("\"{own}\"")).collect();
    if !unusual.is_empty() {
        let rule = format!("must not include {} in securityContext.capabilities.add", unusual.join(", "));
        found.push(format!("non-default capabilities (container {name} {rule})"));
    }
    found
}

fn against_restricted(spec: &Value, container: &Value) -> Vec<String> {
    let (name, context, pod) = (&container["name"], &container["securityContext"], &spec["securityContext"]);
    // What a container says for itself counts, else what its pod says for all.
    let said = |field: &str| if context[field].is_null() { pod[field].clone() } else { context[field].clone() };
    let drops = context["capabilities"]["drop"].as_array().is_some_and(|drop| drop.contains(&json!("ALL")));
    let seccomp = said("seccompProfile")["type"].clone();
    let rules = [
        (
            context["allowPrivilegeEscalation"] != json!(false),
            "allowPrivilegeEscalation != false (container",
            "must set securityContext.allowPrivilegeEscalation=false",
        ),
        (!drops, "unrestricted capabilities (container", "must set securityContext.capabilities.drop=[\"ALL\"]"),
        (
            said("runAsNonRoot") != json!(true),
            "runAsNonRoot != true (pod or container",
            "must set securityContext.runAsNonRoot=true",
        ),
        (said("runAsUser") == json!(0), "runAsUser=0 (container", "must not set runAsUser=0"),
        (
            !["RuntimeDefault", "Localhost"].iter().any(|kind| seccomp == json!(kind)),
            "seccompProfile (pod or container",
            "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        ),
    ];
    let broken = rules.into_iter().filter(|(broken, ..)| *broken);
    broken.map(|(_, what, rule)| format!("{what} {name} {rule})")).collect()
}
