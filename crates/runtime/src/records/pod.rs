//! The pod of a container, from the labels and annotations that kubelet, containerd, CRI-O and cri-dockerd write.

use std::collections::BTreeMap;

use fathom_model::PodRef;

/// From kubelet's labels, which every CRI engine keeps.
pub(crate) fn of_labels(labels: &BTreeMap<String, String>) -> Option<PodRef> {
    let label = |key: &str| labels.get(key).filter(|value| !value.is_empty()).cloned();
    let is_sandbox = labels.get("io.kubernetes.docker.type").is_some_and(|kind| kind == "podsandbox");
    Some(PodRef {
        namespace: label("io.kubernetes.pod.namespace")?,
        name: label("io.kubernetes.pod.name")?,
        // Dockershim and its heirs call a sandbox's container `POD`.
        container: label("io.kubernetes.container.name").filter(|_| !is_sandbox),
        uid: label("io.kubernetes.pod.uid"),
    })
}

/// Of a sandbox, whose labels are the pod's own and need not name it.
pub(crate) fn of_sandbox(namespace: String, name: String, uid: String) -> PodRef {
    PodRef { namespace, name, container: None, uid: Some(uid).filter(|uid| !uid.is_empty()) }
}
