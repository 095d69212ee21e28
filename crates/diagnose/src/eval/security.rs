//! Pod Security: which controls of a level a pod's spec violates
//! (kubernetes.io/docs/concepts/security/pod-security-standards).

use crate::object::Fields as _;
use crate::value::Value;

/// Sysctls that every level allows, the newest Kubernetes' included: which of them an older one knows is not asked.
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// The controls of `baseline` or `restricted` that a spec violates, in the admission plug-in's words.
pub fn violations(spec: &Value, level: &str) -> Vec<&'static str> {
    if !["baseline", "restricted"].contains(&level) {
        return Vec::new();
    }
    let containers =
        || ["/containers", "/initContainers", "/ephemeralContainers"].iter().flat_map(|list| spec.list(list));
    let any = |check: &dyn Fn(&Value) -> bool| containers().any(check);
    let all = |check: &dyn Fn(&Value) -> bool| containers().all(check);
    const ADDED: [&str; 13] = [
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
    let adds = |one: &Value, allowed: &[&str]| {
        one.list("/securityContext/capabilities/add")
            .iter()
            .filter_map(Value::as_str)
            .any(|name| !allowed.contains(&name))
    };
    let own = |one: &Value, pointer: &str| one.at(pointer).or_else(|| spec.at(pointer)).cloned();
    let host = ["/hostNetwork", "/hostPID", "/hostIPC"];
    let profile = |one: &Value| own(one, "/securityContext/seccompProfile/type");
    let drops_all =
        |one: &Value| one.list("/securityContext/capabilities/drop").iter().any(|name| name.as_str() == Some("ALL"));
    let port = |one: &Value| one.list("/ports").iter().any(|port| port.int("/hostPort").unwrap_or(0) > 0);
    const VOLUMES: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
        "name",
    ];
    let foreign =
        |volume: &Value| volume.as_object().is_some_and(|map| map.keys().any(|key| !VOLUMES.contains(&key.as_str())));
    let sysctl = |one: &Value| !SYSCTLS.contains(&one.text("/name").replace('/', ".").as_str());
    let mounts = |one: &Value| !["", "Default"].contains(&one.text("/securityContext/procMount"));
    let baseline: [(&str, bool); 8] = [
        ("host namespaces", host.iter().any(|pointer| spec.holds(pointer))),
        ("privileged", any(&|one| one.holds("/securityContext/privileged"))),
        ("non-default capabilities", any(&|one| adds(one, &ADDED))),
        ("hostPath volumes", spec.list("/volumes").iter().any(|volume| volume.at("/hostPath").is_some())),
        ("hostPort", any(&port)),
        ("seccompProfile", any(&|one| profile(one).is_some_and(|kind| kind == "Unconfined"))),
        ("forbidden sysctls", spec.list("/securityContext/sysctls").iter().any(sysctl)),
        ("procMount", any(&mounts)),
    ];
    let restricted: [(&str, bool); 6] = [
        (
            "allowPrivilegeEscalation != false",
            !all(&|one| one.at("/securityContext/allowPrivilegeEscalation") == Some(&Value::Bool(false))),
        ),
        ("unrestricted capabilities", !all(&drops_all) || any(&|one| adds(one, &["NET_BIND_SERVICE"]))),
        ("restricted volume types", spec.list("/volumes").iter().any(foreign)),
        ("runAsNonRoot != true", !all(&|one| own(one, "/securityContext/runAsNonRoot") == Some(Value::Bool(true)))),
        ("runAsUser=0", any(&|one| own(one, "/securityContext/runAsUser").and_then(|user| user.as_i64()) == Some(0))),
        (
            "seccompProfile",
            !all(&|one| profile(one).is_some_and(|kind| kind == "RuntimeDefault" || kind == "Localhost")),
        ),
    ];
    let checks = baseline.into_iter().chain(restricted.into_iter().filter(|_| level == "restricted"));
    let mut found: Vec<&str> = checks.filter(|(_, violated)| *violated).map(|(name, _)| name).collect();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn levels_forbid_more_and_more() {
        let plain = json!({"containers": [{"name": "a"}]});
        assert!(violations(&plain, "privileged").is_empty() && violations(&plain, "baseline").is_empty());
        assert_eq!(violations(&plain, "restricted").len(), 4);
        let good = json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}, "containers": [
            {"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]});
        assert!(violations(&good, "restricted").is_empty());
        let bad = json!({"hostNetwork": true, "containers": [{"securityContext": {"privileged": true}}]});
        assert_eq!(violations(&bad, "baseline"), ["host namespaces", "privileged"]);
    }
}
