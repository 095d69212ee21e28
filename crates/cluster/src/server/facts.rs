//! What the server has to know of a pod: where it runs, what it is, and how near to its node it is.

use fathom_model::Failure;
use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Node, Pod, PodSpec, VolumeMount};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use crate::error::{Tried, failure};
use crate::{Cluster, Located, Next, incarnation, locate};

/// A pod, as far as it matters here.
#[derive(Debug, Clone)]
pub struct PodFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its node, once it has one.
    pub node: Option<String>,
    /// Its address, once it has one.
    pub address: Option<String>,
    /// Its service account.
    pub account: String,
    /// Whether it has ended, or is about to.
    pub leaves: bool,
    /// What gives it a part of its node, in words: whoever enters it has that too.
    pub near_node: Vec<String>,
    pod: Pod,
}

impl Cluster {
    /// The pod of this name.
    pub async fn pod_facts(&self, namespace: &str, name: &str) -> Result<PodFacts, Failure> {
        let tried = Tried { verb: "get", resource: "pods", group: "", namespace: Some(namespace), name };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        api.get(name).await.map(facts).map_err(|error| failure(tried, error))
    }

    /// The pods of `namespace` on `node` with these labels (`key=value`).
    pub async fn pods_on(&self, namespace: &str, node: &str, labels: &str) -> Result<Vec<PodFacts>, Failure> {
        let tried = Tried { verb: "list", resource: "pods", group: "", namespace: Some(namespace), name: "" };
        let listing = ListParams::default().labels(labels).fields(&format!("spec.nodeName={node}"));
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pods = api.list(&listing).await.map_err(|error| failure(tried, error))?;
        Ok(pods.items.into_iter().map(facts).collect())
    }

    /// Whether there is a node of this name.
    pub async fn has_node(&self, name: &str) -> Result<bool, Failure> {
        let tried = Tried { verb: "get", resource: "nodes", group: "", namespace: None, name };
        let api: Api<Node> = Api::all(self.client.clone());
        Ok(api.get_opt(name).await.map_err(|error| failure(tried, error))?.is_some())
    }
}

impl PodFacts {
    /// Its container `wanted`, or its main one, if it runs.
    pub fn container(&self, wanted: Option<&str>) -> Result<Located, Failure> {
        locate::container_of(&self.pod, &self.namespace, wanted)
    }

    /// Its container `wanted`, or its main one, as it will run next.
    pub fn next(&self, wanted: Option<&str>) -> Result<Next, Failure> {
        incarnation::next_of(&self.pod, &self.namespace, wanted)
    }
}

fn facts(pod: Pod) -> PodFacts {
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let ended = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    PodFacts {
        namespace: pod.namespace().unwrap_or_default(),
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        node: spec.node_name.clone(),
        address: status.pod_ip,
        account: spec.service_account_name.clone().unwrap_or_default(),
        leaves: ended || pod.metadata.deletion_timestamp.is_some(),
        near_node: near_node(&spec),
        pod,
    }
}

/// A pod shares its namespaces and volumes among its containers: one that is near its node brings all of them there.
fn near_node(spec: &PodSpec) -> Vec<String> {
    let mut why = Vec::new();
    let shared = [("hostPID", spec.host_pid), ("hostNetwork", spec.host_network), ("hostIPC", spec.host_ipc)];
    why.extend(shared.into_iter().filter(|(_, is)| *is == Some(true)).map(|(name, _)| name.to_owned()));
    let host_paths: Vec<&str> = spec
        .volumes
        .iter()
        .flatten()
        .filter(|volume| volume.host_path.is_some())
        .map(|volume| volume.name.as_str())
        .collect();
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let containers = containers.map(Parts::of);
    let containers = containers.chain(spec.ephemeral_containers.iter().flatten().map(Parts::of_ephemeral));
    for container in containers {
        if container.privileged {
            why.push(format!("the privileged container {}", container.name));
        }
        let writable = container
            .mounts
            .iter()
            .find(|mount| mount.read_only != Some(true) && host_paths.contains(&mount.name.as_str()));
        if let Some(mount) = writable {
            why.push(format!("the writable hostPath {} of {}", mount.name, container.name));
        }
    }
    why
}

/// What containers of every kind have.
struct Parts<'a> {
    name: &'a str,
    privileged: bool,
    mounts: &'a [VolumeMount],
}

impl<'a> Parts<'a> {
    fn of(container: &'a Container) -> Self {
        let privileged = container.security_context.as_ref().and_then(|context| context.privileged);
        let mounts = container.volume_mounts.as_deref().unwrap_or_default();
        Parts { name: &container.name, privileged: privileged == Some(true), mounts }
    }

    fn of_ephemeral(container: &'a EphemeralContainer) -> Self {
        let privileged = container.security_context.as_ref().and_then(|context| context.privileged);
        let mounts = container.volume_mounts.as_deref().unwrap_or_default();
        Parts { name: &container.name, privileged: privileged == Some(true), mounts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: serde_json::Value, expect: &[&str]) {
        let spec: PodSpec = serde_json::from_value(spec).expect("it is a pod's");
        assert_eq!(near_node(&spec), expect);
    }

    #[test]
    fn what_brings_a_pod_near_its_node() {
        use serde_json::json;
        let plain = json!([{"name": "app"}]);
        check(json!({"containers": plain}), &[]);
        check(json!({"containers": plain, "hostPID": false}), &[]);
        check(json!({"containers": plain, "hostPID": true, "hostIPC": true}), &["hostPID", "hostIPC"]);
        check(json!({"containers": plain, "hostNetwork": true}), &["hostNetwork"]);
        let privileged = json!({"name": "driver", "securityContext": {"privileged": true}});
        for kind in ["containers", "initContainers", "ephemeralContainers"] {
            let mut spec = json!({"containers": plain});
            spec[kind] = json!([privileged]);
            check(spec, &["the privileged container driver"]);
        }
        let volumes = json!([{"name": "logs", "hostPath": {"path": "/var/log"}}, {"name": "tmp", "emptyDir": {}}]);
        let mounting = |name: &str, read_only: bool| json!([{"name": "app", "volumeMounts": [{"name": name, "mountPath": "/m", "readOnly": read_only}]}]);
        check(
            json!({"containers": mounting("logs", false), "volumes": volumes}),
            &["the writable hostPath logs of app"],
        );
        check(json!({"containers": mounting("logs", true), "volumes": volumes}), &[]);
        check(json!({"containers": mounting("tmp", false), "volumes": volumes}), &[]);
    }
}
