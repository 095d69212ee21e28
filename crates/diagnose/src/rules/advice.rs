//! What to do about words that say more than the kind of the fault: the same rule finds them, and its own advice would
//! lead elsewhere.

use crate::claim::Fix;
use crate::eval::messages::hears;
use crate::value::json;

/// Words in small letters, and what mends what they tell.
type Advice = (&'static [&'static str], &'static str);

/// Of programs.
const PROGRAMS: &[Advice] = &[
    (
        &["version `glibc", "version `cxxabi", "version `musl"],
        "it was built for a newer C library than its image has: build it in that image, or take a newer one",
    ),
    (
        &["vm.max_map_count"],
        "raise vm.max_map_count on the node to what the line asks for (sysctl -w), and keep it in /etc/sysctl.d",
    ),
    (
        &["file watchers reached", "user limit of inotify"],
        "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances on the node",
    ),
    (
        &[
            "too many clients already",
            "too many connections",
            "remaining connection slots are reserved",
            "max number of clients reached",
            "max_user_connections",
        ],
        "open fewer connections (smaller pools, a pooler between), or raise the server's limit of them",
    ),
    (
        &["cannot validate certificate for", "ip sans"],
        "issue the certificate for the address that is called (of kubelets: serverTLSBootstrap), or call a name that it has",
    ),
    (
        &["webidentity"],
        "let the role trust the service account of the pod: its namespace and name in the role's trust policy, and the cluster's issuer",
    ),
    (
        &["(accessdenied", "not authorized to perform", "unauthorizedoperation", "authorizationfailed"],
        "allow the call in the cloud's policy of the identity that the pod has",
    ),
];

/// Of registries.
const REGISTRIES: &[Advice] = &[
    (
        &["certificate has expired", "is not yet valid"],
        "renew the registry's certificate; if it is valid, set the node's clock",
    ),
    (
        &["500 internal", "502 bad", "503 service", "504 gateway"],
        "see the registry itself, or the proxy before it: it answers, and fails",
    ),
];

/// Objects that a controller makes in every namespace, and who that is.
const PUBLISHED: &[(&str, &str)] = &[
    ("kube-root-ca.crt", "kube-controller-manager, whose root-ca-cert-publisher makes it in every namespace"),
    ("openshift-service-ca.crt", "the service-ca operator, which makes it in every namespace"),
    ("istio-ca-root-cert", "istiod, which makes it in every namespace"),
];

/// How what a pod refers to comes to be: by whoever makes it, or by hand.
pub(super) fn making(kind: &str, namespace: &str, name: &str) -> Fix {
    if let Some((_, maker)) = PUBLISHED.iter().find(|(known, _)| *known == name && kind == "ConfigMap") {
        return Fix::say(format!("see {maker}"));
    }
    let verb = if kind == "Secret" { "secret generic" } else { "configmap" };
    let empty = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    Fix::say(format!("kubectl -n {namespace} create {verb} {name} …")).adding(empty)
}

fn found(rows: &[Advice], text: &str) -> Option<Fix> {
    let small = text.to_ascii_lowercase();
    rows.iter().find(|(words, _)| hears(&small, words)).map(|(_, fix)| Fix::say(*fix))
}

/// What a program's line asks for.
pub(super) fn of_program(line: &str) -> Option<Fix> {
    found(PROGRAMS, line)
}

/// What a registry's answer asks for.
pub(super) fn of_registry(message: &str) -> Option<Fix> {
    found(REGISTRIES, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_say_more_are_mended_by_what_they_say() {
        for (line, expect) in [
            ("/app: /lib/libc.so.6: version `GLIBC_2.34' not found (required by /app)", "newer C library"),
            ("max virtual memory areas vm.max_map_count [65530] is too low", "vm.max_map_count on the node"),
            ("FATAL: sorry, too many clients already", "open fewer connections"),
            (
                "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
                "the cloud's policy",
            ),
            ("(AccessDenied) when calling the AssumeRoleWithWebIdentity operation", "trust the service account"),
            (
                "x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs",
                "for the address",
            ),
        ] {
            assert!(of_program(line).is_some_and(|fix| fix.text.contains(expect)), "{line}");
        }
        assert_eq!(of_program("open /data/x: permission denied"), None);
        for (message, expect) in [
            ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid", "renew"),
            (
                "unexpected status from HEAD request to https://r.example/v2/: 503 Service Unavailable",
                "registry itself",
            ),
        ] {
            assert!(of_registry(message).is_some_and(|fix| fix.text.contains(expect)), "{message}");
        }
        assert_eq!(of_registry("x509: certificate signed by unknown authority"), None);
    }

    #[test]
    fn what_a_controller_makes_nobody_makes_by_hand() {
        let published = making("ConfigMap", "shop", "kube-root-ca.crt");
        assert!(published.changes.is_empty() && published.text.contains("kube-controller-manager"), "{published:?}");
        let own = making("Secret", "shop", "kube-root-ca.crt");
        assert_eq!(own.text, "kubectl -n shop create secret generic kube-root-ca.crt …");
    }
}
