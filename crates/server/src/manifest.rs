//! What an installation consists of: pure functions from options to objects, and to the text that `kubectl apply`
//! takes.
//!
//! Everything that the server writes to is there from the beginning, empty, so that it needs no right to create
//! anything but events, reviews, and the one APIService: that announces the server when it serves, and is taken back
//! when it goes, since nothing in a cluster can delete a namespace while a group that is announced does not answer.

use fathom_protocol::api::{GROUP, VERSION};
use fathom_protocol::link;
use serde_json::{Value, json};

use crate::policy;

mod roles;
mod yaml;

pub use roles::ROLES;

/// The server: its deployment, service and account.
pub const SERVER: &str = "fathom-server";
/// The agents: their daemon set and account.
pub const AGENT: &str = "fathom-agent";
/// The secret with our authority.
pub const AUTHORITY: &str = "fathom-authority";
/// The ConfigMap with the certificate that agents verify the server by.
pub const BUNDLE: &str = "fathom-ca";
/// The ConfigMap with what is remembered of agents.
pub const REMEMBERED: &str = "fathom-agents";
/// The ConfigMap with the policy.
pub const POLICY: &str = "fathom-policy";

/// Where the API listens in the server's pod.
pub const API_PORT: u16 = 8443;
/// Where agents enrol.
pub const ENROLMENT_PORT: u16 = 8444;

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Into which namespace.
    pub namespace: String,
    /// The image of server and agents.
    pub image: String,
    /// Names of secrets for its pull.
    pub pull_secrets: Vec<String>,
    /// The text of the policy; see [`policy::RULES`].
    pub policy: String,
    /// How much of it.
    pub parts: Parts,
}

/// How much is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// Everything.
    All,
    /// What agents need.
    Agent,
    /// All but the agents.
    Server,
}

/// Before all objects, as comments.
const PREAMBLE: &str = "\
# fathom in this cluster: `fathom install | kubectl apply -f -`.
#
# Who may enter what is ordinary RBAC. Bind one of the ClusterRoles fathom-enter… in a namespace:
#   kubectl -n shop create rolebinding jane-enters --clusterrole fathom-enter --user jane
#
# To take it away, the APIService first, which the server has made: while it is there and the server is not, no
# namespace of the cluster can be deleted.
#   kubectl delete apiservice v1alpha1.fathom.dev
#   fathom install | kubectl delete --ignore-not-found -f -
";

impl Installation {
    /// As text.
    pub fn render(&self) -> String {
        let objects = self.objects();
        let documents = objects.iter().map(|object| format!("---\n{}", yaml::document(object)));
        format!("{PREAMBLE}{}", documents.collect::<String>())
    }

    /// In the order in which they are made.
    pub fn objects(&self) -> Vec<Value> {
        let agent = matches!(self.parts, Parts::All | Parts::Agent);
        let server = matches!(self.parts, Parts::All | Parts::Server);
        let mut objects = vec![self.home()];
        if server {
            objects.extend(self.accounts(SERVER));
            objects.extend(self.rights());
            objects.extend(self.kept());
            objects.extend(roles::objects());
            objects.extend([self.service(), self.deployment()]);
        }
        if agent {
            objects.extend(self.accounts(AGENT));
            objects.push(self.daemon_set());
        }
        objects
    }

    /// Agents are privileged; their namespace has to allow that where others do not.
    fn home(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": self.namespace,
                "labels": {"pod-security.kubernetes.io/enforce": "privileged"},
            },
        })
    }

    fn named(&self, kind: &str, version: &str, name: &str) -> Value {
        json!({
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace, "labels": {"app.kubernetes.io/part-of": "fathom"}},
        })
    }

    fn accounts(&self, name: &str) -> Vec<Value> {
        let mut account = self.named("ServiceAccount", "v1", name);
        account["automountServiceAccountToken"] = json!(false);
        vec![account]
    }

    /// What the server may. The agents' account may nothing.
    fn rights(&self) -> Vec<Value> {
        let subject = json!([{"kind": "ServiceAccount", "name": SERVER, "namespace": self.namespace}]);
        let role =
            |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
        let mut everywhere = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": SERVER, "labels": {"app.kubernetes.io/part-of": "fathom"}},
        });
        everywhere["rules"] = json!([
            {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
            {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
            {
                "apiGroups": ["apiregistration.k8s.io"],
                "resources": ["apiservices"],
                "resourceNames": [format!("{VERSION}.{GROUP}")],
                "verbs": ["create", "delete", "get", "patch"],
            },
        ]);
        let bound_everywhere = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": SERVER, "labels": {"app.kubernetes.io/part-of": "fathom"}},
            "roleRef": role("ClusterRole", SERVER),
            "subjects": subject,
        });
        let front_proxy = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {
                "name": SERVER,
                "namespace": "kube-system",
                "labels": {"app.kubernetes.io/part-of": "fathom"},
            },
            "roleRef": role("Role", "extension-apiserver-authentication-reader"),
            "subjects": subject,
        });
        let mut here = self.named("Role", "rbac.authorization.k8s.io/v1", SERVER);
        here["rules"] = json!([
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [AUTHORITY], "verbs": ["get", "update"]},
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [BUNDLE, REMEMBERED], "verbs": ["get", "update"]},
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [POLICY], "verbs": ["get"]},
        ]);
        let mut bound_here = self.named("RoleBinding", "rbac.authorization.k8s.io/v1", SERVER);
        bound_here["roleRef"] = role("Role", SERVER);
        bound_here["subjects"] = subject;
        vec![everywhere, bound_everywhere, front_proxy, here, bound_here]
    }

    /// What the server keeps, empty, and the policy.
    fn kept(&self) -> Vec<Value> {
        let mut authority = self.named("Secret", "v1", AUTHORITY);
        authority["type"] = json!("Opaque");
        let mut policy = self.named("ConfigMap", "v1", POLICY);
        policy["data"] = json!({policy::KEY: self.policy});
        vec![authority, self.named("ConfigMap", "v1", BUNDLE), self.named("ConfigMap", "v1", REMEMBERED), policy]
    }

    fn service(&self) -> Value {
        let mut service = self.named("Service", "v1", SERVER);
        let port = |name: &str, port: u16, target: u16| json!({"name": name, "port": port, "targetPort": target});
        service["spec"] = json!({
            "selector": {"app.kubernetes.io/name": SERVER},
            "ports": [port("api", 443, API_PORT), port("enrolment", ENROLMENT_PORT, ENROLMENT_PORT)],
        });
        service
    }

    fn deployment(&self) -> Value {
        let mut deployment = self.named("Deployment", "apps/v1", SERVER);
        let listening = format!("--address={}", "$(POD_IP)");
        deployment["spec"] = json!({
            // Sessions live in the server's memory: a second one would not know them.
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app.kubernetes.io/name": SERVER}},
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": SERVER, "app.kubernetes.io/part-of": "fathom"}},
                "spec": {
                    "serviceAccountName": SERVER,
                    "automountServiceAccountToken": true,
                    "enableServiceLinks": false,
                    "imagePullSecrets": self.secrets(),
                    "containers": [{
                        "name": "server",
                        "image": self.image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["/fathom", "serve", "--api", listening, format!("--namespace={}", self.namespace)],
                        "env": [field("POD_IP", "status.podIP")],
                        "ports": [
                            {"name": "api", "containerPort": API_PORT},
                            {"name": "enrolment", "containerPort": ENROLMENT_PORT},
                        ],
                        "readinessProbe": {
                            "httpGet": {"path": "/readyz", "port": API_PORT, "scheme": "HTTPS"},
                            "periodSeconds": 2,
                        },
                        "livenessProbe": {
                            "httpGet": {"path": "/livez", "port": API_PORT, "scheme": "HTTPS"},
                            "periodSeconds": 20,
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "capabilities": {"drop": ["ALL"]},
                            "readOnlyRootFilesystem": true,
                            "runAsNonRoot": true,
                            "runAsUser": 65532,
                            "runAsGroup": 65532,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
                    }],
                },
            },
        });
        deployment
    }

    fn daemon_set(&self) -> Value {
        let mut set = self.named("DaemonSet", "apps/v1", AGENT);
        let (label, kind) = link::AGENT_LABEL.split_once('=').expect("it is a label");
        let env = |name: &str, value: &str| json!({"name": name, "value": value});
        set["spec"] = json!({
            "selector": {"matchLabels": {label: kind}},
            "template": {
                "metadata": {"labels": {label: kind, "app.kubernetes.io/part-of": "fathom"}},
                "spec": {
                    "serviceAccountName": AGENT,
                    "automountServiceAccountToken": false,
                    // The server's address comes by the environment: a node whose DNS is broken is one to enter.
                    "enableServiceLinks": true,
                    "hostPID": true,
                    "terminationGracePeriodSeconds": 5,
                    "tolerations": [{"operator": "Exists"}],
                    "imagePullSecrets": self.secrets(),
                    "containers": [{
                        "name": "agent",
                        "image": self.image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": [
                            "/fathom",
                            "agent",
                            format!("--server=$(FATHOM_SERVER_SERVICE_HOST):{ENROLMENT_PORT}"),
                            "--node=$(NODE_NAME)",
                            "--address=$(POD_IP)",
                        ],
                        "env": [
                            field("NODE_NAME", "spec.nodeName"),
                            field("POD_IP", "status.podIP"),
                            env("FATHOM_ROOT", "/host"),
                            env("FATHOM_RUN", "/host/run/fathom"),
                            env("FATHOM_STORE", "/host/var/lib/fathom/store"),
                            env("FATHOM_RECORDINGS", "/host/var/lib/fathom/recordings"),
                            env("TMPDIR", "/tmp"),
                        ],
                        // It listens when it has a certificate.
                        "readinessProbe": {"tcpSocket": {"port": link::AGENT_PORT}, "periodSeconds": 5},
                        "securityContext": {"privileged": true, "runAsUser": 0, "readOnlyRootFilesystem": true},
                        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "512Mi"}},
                        "volumeMounts": [
                            {"name": "host", "mountPath": "/host", "mountPropagation": "HostToContainer"},
                            {"name": "cgroup", "mountPath": "/sys/fs/cgroup", "mountPropagation": "HostToContainer"},
                            {"name": "tmp", "mountPath": "/tmp"},
                            {"name": "keys", "mountPath": "/run/fathom-keys"},
                            {"name": "authority", "mountPath": "/etc/fathom/authority", "readOnly": true},
                            {"name": "token", "mountPath": "/var/run/secrets/fathom", "readOnly": true},
                        ],
                    }],
                    "volumes": [
                        {"name": "host", "hostPath": {"path": "/"}},
                        {"name": "cgroup", "hostPath": {"path": "/sys/fs/cgroup"}},
                        {"name": "tmp", "emptyDir": {}},
                        {"name": "keys", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
                        {"name": "authority", "configMap": {"name": BUNDLE, "optional": true}},
                        {"name": "token", "projected": {"defaultMode": 256, "sources": [{"serviceAccountToken": {
                            "audience": link::AUDIENCE, "expirationSeconds": 3600, "path": "token",
                        }}]}},
                    ],
                },
            },
        });
        set
    }

    fn secrets(&self) -> Vec<Value> {
        self.pull_secrets.iter().map(|name| json!({"name": name})).collect()
    }
}

/// A variable with what the cluster knows of the pod.
fn field(name: &str, path: &str) -> Value {
    json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(parts: Parts) -> Installation {
        Installation {
            namespace: "fathom".into(),
            image: "fathom-agent:1".into(),
            pull_secrets: vec!["pull".into()],
            policy: "ttl: 8h\n".into(),
            parts,
        }
    }

    #[test]
    fn what_is_printed_is_what_was_reviewed() {
        insta::assert_snapshot!(installation(Parts::All).render());
    }

    #[test]
    fn both_parts_together_are_everything() {
        let kinds = |parts: Parts| -> Vec<String> {
            installation(parts)
                .objects()
                .iter()
                .map(|object| format!("{} {}", object["kind"], object["metadata"]["name"]))
                .collect()
        };
        let (all, server, agent) = (kinds(Parts::All), kinds(Parts::Server), kinds(Parts::Agent));
        assert_eq!(all, server.iter().chain(&agent[1..]).cloned().collect::<Vec<_>>());
        assert_eq!(server[0], agent[0], "each has the namespace");
    }

    #[test]
    fn no_certificate_goes_unverified_and_no_port_is_open_on_a_node() {
        let text = installation(Parts::All).render();
        for never in ["insecureSkipTLSVerify", "hostPort", "hostNetwork", "\"*\""] {
            assert!(!text.contains(never), "{never}");
        }
    }
}
