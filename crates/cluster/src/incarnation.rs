//! From what a person names to a container that will run: one of a pod that crashes, or that has not begun.

use fathom_model::target::{Object, ObjectKind};
use fathom_model::{Class, Failure};
use fathom_protocol::Place;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use kube::ResourceExt as _;

use crate::Cluster;
use crate::locate::{default_container, ready_since};

/// A container by its name, and what is known of its last incarnation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The node.
    pub node: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// The container's name.
    pub container: String,
    /// The id of its last incarnation, if it had one: `containerd://4f1c…`
    pub after: Option<String>,
    /// The pod's runtime class, where it names one.
    pub runtime_class: Option<String>,
}

impl Next {
    /// As a person would type it.
    pub fn describe(&self) -> String {
        format!("{}/pod/{}/{}", self.namespace, self.pod, self.container)
    }

    /// As a node is told.
    pub fn place(&self) -> Place {
        Place::Incarnation {
            pod: self.uid.clone(),
            namespace: self.namespace.clone(),
            name: self.pod.clone(),
            container: self.container.clone(),
            after: self.after.clone(),
        }
    }
}

impl Cluster {
    /// Finds the one container that `object` means, whether it runs or not. A workload leads to a pod that is not
    /// ready, if there is one: that is where somebody waits.
    pub async fn locate_next(&self, object: &Object) -> Result<Next, Failure> {
        let namespace = object.namespace.as_deref().unwrap_or(&self.namespace);
        if object.kind == ObjectKind::Node {
            return Err(Failure::new(Class::Usage, format!("`{object}` does not come back: only containers do"))
                .hinting("leave --wait and --hold out"));
        }
        let pod = self.troubled_pod(object, namespace).await?;
        let next = next_of(&pod, namespace, object.container.as_deref())?;
        self.check_node(&next.node).await?;
        Ok(next)
    }

    /// The pod that `object` means; of a workload's, one that is not ready, if there is one.
    pub(crate) async fn troubled_pod(&self, object: &Object, namespace: &str) -> Result<Pod, Failure> {
        let Some(selector) = self.selector(object, namespace).await? else {
            return self.get::<Pod>(namespace, &object.name, "pods", "").await;
        };
        let pods = self.pods(namespace, &selector).await?;
        let stays = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && !is_over(pod));
        stays.min_by_key(|pod| ready_since(pod).is_some()).ok_or_else(|| {
            Failure::new(Class::NotFound, format!("`{object}` has no pods"))
                .hinting(format!("`kubectl -n {namespace} describe {object}` says why"))
        })
    }
}

/// Nothing of it will start again.
fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

pub(crate) fn next_of(pod: &Pod, namespace: &str, wanted: Option<&str>) -> Result<Next, Failure> {
    let name = pod.name_any();
    let describe = format!("`kubectl -n {namespace} describe pod {name}` says why");
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let container = wanted.map_or_else(|| default_container(pod), str::to_owned);
    let all = || spec.init_containers.iter().flatten().chain(&spec.containers).map(|container| &container.name);
    if !all().any(|known| *known == container) {
        let names: Vec<&str> = all().map(String::as_str).collect();
        return Err(Failure::new(
            Class::NotFound,
            format!("the pod {namespace}/{name} has no container `{container}`"),
        )
        .hinting(format!("its containers: {}", names.join(", "))));
    }
    if is_over(pod) {
        let phase = status.phase.unwrap_or_default();
        return Err(Failure::new(
            Class::NotFound,
            format!("the pod {namespace}/{name} has ended ({phase}): nothing of it starts again"),
        )
        .hinting(describe));
    }
    let Some(node) = spec.node_name.clone() else {
        let unscheduled = |condition: &&PodCondition| condition.type_ == "PodScheduled" && condition.status != "True";
        let why = status.conditions.iter().flatten().find(unscheduled).and_then(|why| why.message.clone());
        let failure = Failure::new(Class::NotFound, format!("the pod {namespace}/{name} is on no node yet"));
        return Err(Failure { cause: why, ..failure }.hinting(describe));
    };
    let statuses = [status.container_statuses, status.init_container_statuses].into_iter().flatten().flatten();
    let after = statuses.filter(|status| status.name == container).find_map(last_id);
    let uid = pod.uid().unwrap_or_default();
    let runtime_class = spec.runtime_class_name.clone();
    Ok(Next { node, namespace: namespace.to_owned(), pod: name, uid, container, after, runtime_class })
}

/// Of the one that runs, or of the one that ran last.
pub(crate) fn last_id(status: ContainerStatus) -> Option<String> {
    let last = status.last_state.and_then(|state| state.terminated).and_then(|end| end.container_id);
    status.container_id.or(last).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The container that is waited for in a pod with this status, and its last id.
    #[track_caller]
    fn check(status: Value, wanted: Option<&str>, expect: Result<(&str, Option<&str>), &str>) {
        let pod = json!({
            "metadata": {"name": "web-0", "uid": "8f"},
            "spec": {
                "nodeName": "node1",
                "initContainers": [{"name": "first"}],
                "containers": [{"name": "web"}, {"name": "side"}],
            },
            "status": status,
        });
        let pod: Pod = serde_json::from_value(pod).expect("it is a pod");
        let got = next_of(&pod, "shop", wanted);
        let got = got.as_ref().map(|next| (next.container.as_str(), next.after.as_deref()));
        match (got, expect) {
            (Err(failure), Err(expect)) => assert!(failure.message.contains(expect), "{failure}"),
            (got, expect) => assert_eq!(got.ok(), expect.ok()),
        }
    }

    #[test]
    fn a_container_need_not_run_to_be_waited_for() {
        let status = |status: Value| json!({"phase": "Running", "containerStatuses": [status]});
        let base = json!({"name": "web", "image": "", "imageID": "", "ready": false, "restartCount": 1});
        let with = |key: &str, value: Value| {
            let mut base = base.clone();
            base[key] = value;
            status(base)
        };
        check(json!({"phase": "Pending"}), None, Ok(("web", None)));
        check(json!({"phase": "Pending"}), Some("first"), Ok(("first", None)));
        check(json!({"phase": "Pending"}), Some("none"), Err("has no container `none`"));
        check(with("containerID", json!("containerd://4f")), None, Ok(("web", Some("containerd://4f"))));
        check(with("containerID", json!("")), None, Ok(("web", None)));
        let ended = json!({"terminated": {"exitCode": 1, "containerID": "containerd://3e"}});
        check(with("lastState", ended), None, Ok(("web", Some("containerd://3e"))));
        check(json!({"phase": "Failed"}), None, Err("has ended (Failed)"));
    }
}
