//! Who looks after what bears a name, `DOMAIN/WHAT` or `DOMAIN`: controllers that are seen, and those that run outside of
//! the cluster or inside of other programs, where nobody sees them.

use crate::object::{Fields as _, Object};
use crate::snapshot::{Judged, Snapshot};

/// Domains of which clouds and distributions run controllers that have no pod.
const OUTSIDE: [&str; 13] = [
    "kubernetes.io",
    "k8s.io",
    "k8s.aws",
    "amazonaws.com",
    "karpenter.sh",
    "gke.io",
    "google.com",
    "googleapis.com",
    "azure.com",
    "aliyun.com",
    "alibabacloud.com",
    "cattle.io",
    "openshift.io",
];

/// Schedulers that a cloud runs, by their whole name.
const SCHEDULERS: [&str; 1] = ["fargate-scheduler"];

/// Kinds whose names tell which controllers there are.
const SIGNS: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", "Lease", "CustomResourceDefinition"];

/// The domain of a name.
pub fn domain(name: &str) -> &str {
    name.split_once('/').map_or(name, |(domain, _)| domain)
}

/// Whether what bears a name is looked after by somebody who has no pod here.
pub fn is_outside(name: &str) -> bool {
    let domain = domain(name);
    let within = |known: &str| domain.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    OUTSIDE.iter().any(|known| within(known)) || SCHEDULERS.contains(&name)
}

/// Whether anybody may be there who looks after what bears a name: somebody whose name, image or group has a word of its
/// domain. Where nobody can be told by it, somebody may.
///
/// # Errors
///
/// When nobody is seen, and not all pods are known.
pub fn is_tended(snapshot: &Snapshot, name: &str) -> Judged<bool> {
    let words: Vec<&str> = domain(name).split(['.', '-']).filter(|word| word.len() > 3).collect();
    let told = |text: &str| words.iter().any(|word| text.contains(word));
    let runs = |pod: &Object| {
        let images = pod.list("/spec/containers").iter().any(|one| told(one.text("/image")));
        images || told(pod.name()) || told(pod.ns())
    };
    let signs = || SIGNS.iter().flat_map(|kind| snapshot.all(kind)).any(|one| told(one.name()));
    if words.is_empty() || is_outside(name) || snapshot.all("Pod").any(runs) || signs() {
        return Ok(true);
    }
    for namespace in snapshot.every("Namespace", "")? {
        if !["kube-public", "kube-node-lease"].contains(&namespace.name()) {
            snapshot.coverage().complete("Pod", namespace.name())?;
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clouds_look_after_is_told_by_its_domain() {
        let outside = ["karpenter.sh/termination", "service.k8s.aws/resources", "gke.io/optimize", "fargate-scheduler"];
        for name in outside {
            assert!(is_outside(name), "{name}");
        }
        for name in ["example.com/guard", "notgke.io/x", "volcano", "sh"] {
            assert!(!is_outside(name), "{name}");
        }
    }
}
