//! The scheduler's filters: would this pod fit that node, and if not, which filter says no.
//!
//! Follows k8s.io/kubernetes/pkg/scheduler/framework/plugins. What other namespaces run may not be in the snapshot;
//! sums over a node are then too low, and only what is certain all the same may be concluded from them.

use super::controllers::domain;
use super::template::Template;
use super::{binding, owners, selector};
use crate::object::{Fields as _, Object};
use crate::quantity;
use crate::snapshot::Snapshot;
use crate::value::Value;

/// What a filter says no with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// `spec.nodeName` of another node.
    NodeName,
    /// A taint without a toleration.
    Taint,
    /// `spec.nodeSelector`.
    NodeSelector,
    /// Required node affinity.
    NodeAffinity,
    /// A host port is taken.
    Ports,
    /// CPU, memory or another resource.
    Resources,
    /// The volume is somewhere else.
    Volume,
    /// Anti-affinity of this pod.
    AntiAffinity,
    /// Anti-affinity of a pod that runs there.
    ExistingAntiAffinity,
    /// Affinity to pods.
    Affinity,
    /// Spread constraints.
    Spread,
    /// `spec.unschedulable`.
    Unschedulable,
}

/// The first filter that keeps a pod off a node; what somebody else can undo at any moment comes last.
pub fn first_no(snapshot: &Snapshot, pod: &Object, node: &Object) -> Option<Filter> {
    let checks: [(Filter, bool); 9] = [
        (Filter::Taint, untolerated(pod, node).is_some()),
        (Filter::NodeSelector, !selector_fits(pod, node)),
        (Filter::NodeAffinity, !affinity_fits(pod, node)),
        (Filter::Ports, port_holder(snapshot, pod, node).is_some()),
        (Filter::Resources, lacking(snapshot, pod, node).is_some()),
        (Filter::Volume, volume_elsewhere(snapshot, pod, node).is_some()),
        (Filter::ExistingAntiAffinity, repelled_by(snapshot, pod, node).is_some()),
        (Filter::AntiAffinity, repels(snapshot, pod, node).is_some()),
        (Filter::Unschedulable, node.holds("/spec/unschedulable") && !tolerates_cordon(pod)),
    ];
    checks.into_iter().find_map(|(filter, no)| no.then_some(filter))
}

/// Whether nothing but the state of the node itself keeps a pod off it: what was asked for fits, and its volumes can be
/// had there.
pub fn would_fit(snapshot: &Snapshot, pod: &Object, node: &Object) -> bool {
    let own = |taint: &Value| taint.text("/key").starts_with("node.kubernetes.io/");
    selector_fits(pod, node)
        && affinity_fits(pod, node)
        && untolerated(pod, node).is_none_or(own)
        && too_big(pod, node).is_none()
        && volume_elsewhere(snapshot, pod, node).is_none()
}

/// Whether `spec.nodeSelector` fits a node.
pub fn selector_fits(pod: &Value, node: &Object) -> bool {
    pod.map("/spec/nodeSelector").is_none_or(|wanted| selector::equal(wanted, node.labels()))
}

/// Whether required node affinity fits a node: one term is enough.
pub fn affinity_fits(pod: &Value, node: &Object) -> bool {
    let required = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = pod.list(required);
    pod.at(required).is_none() || terms.iter().any(|term| term_fits(term, node))
}

/// Whether a NodeSelectorTerm fits a node; an empty one fits none.
pub fn term_fits(term: &Value, node: &Object) -> bool {
    let (labels, fields) = (term.list("/matchExpressions"), term.list("/matchFields"));
    let name = crate::value::json!({"metadata.name": node.name()});
    !(labels.is_empty() && fields.is_empty())
        && labels.iter().all(|one| selector::expression(one, node.labels()))
        && fields.iter().all(|one| selector::expression(one, name.as_object()))
}

/// A taint that keeps a pod off a node.
pub fn untolerated<'a>(pod: &Value, node: &'a Object) -> Option<&'a Value> {
    let blocking = |taint: &&Value| ["NoSchedule", "NoExecute"].contains(&taint.text("/effect"));
    let tolerations = pod.list("/spec/tolerations");
    // The taint of a cordon is a filter of its own.
    let cordon = |taint: &Value| taint.text("/key") == "node.kubernetes.io/unschedulable";
    let taints = node.list("/spec/taints").iter().filter(blocking);
    taints.into_iter().find(|taint| !cordon(taint) && !tolerations.iter().any(|one| tolerates(one, taint)))
}

/// Whether a toleration covers a taint.
pub fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let (effect, key) = (toleration.text("/effect"), toleration.text("/key"));
    let exists = toleration.text("/operator") == "Exists";
    (effect.is_empty() || effect == taint.text("/effect"))
        && (key == taint.text("/key") || key.is_empty() && exists)
        && (exists || toleration.text("/value") == taint.text("/value"))
}

fn tolerates_cordon(pod: &Value) -> bool {
    let taint = crate::value::json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    pod.list("/spec/tolerations").iter().any(|one| tolerates(one, &taint))
}

/// What a pod asks of a resource, in thousandths: the sum of its containers and sidecars, or its hungriest init
/// container where that is more, and the overhead.
pub fn request(pod: &Value, resource: &str) -> i128 {
    let pointer = format!("/resources/requests/{}", resource.replace('~', "~0").replace('/', "~1"));
    let limit = pointer.replace("requests", "limits");
    // A limit without a request is the request as well.
    let of = |container: &Value| quantity::of(container.at(&pointer).or_else(|| container.at(&limit))).unwrap_or(0);
    let sidecar = |container: &&Value| container.text("/restartPolicy") == "Always";
    let inits = pod.list("/spec/initContainers");
    let beside: i128 = inits.iter().filter(sidecar).map(of).sum();
    let together = pod.list("/spec/containers").iter().map(of).sum::<i128>() + beside;
    let hungriest = inits.iter().filter(|one| !sidecar(one)).map(of).max().unwrap_or(0);
    let overhead = format!("/spec/overhead/{}", resource.replace('/', "~1"));
    together.max(hungriest) + quantity::of(pod.at(&overhead)).unwrap_or(0)
}

/// Every resource that a pod asks for.
pub fn resources(pod: &Value) -> Vec<String> {
    let containers = pod.list("/spec/containers").iter().chain(pod.list("/spec/initContainers"));
    let asked = containers.flat_map(|one| [one.map("/resources/requests"), one.map("/resources/limits")]);
    let mut names: Vec<String> =
        asked.flatten().flat_map(|map| map.keys().map(|name| name.as_str().to_owned())).collect();
    names.sort();
    names.dedup();
    names
}

/// What a node has to give, in thousandths.
pub fn allocatable(node: &Value, resource: &str) -> i128 {
    let key = resource.replace('~', "~0").replace('/', "~1");
    quantity::of(node.at(&format!("/status/allocatable/{key}"))).unwrap_or(0)
}

/// The pods that hold resources of a node.
pub fn residents<'a>(snapshot: &'a Snapshot, node: &'a Object) -> impl Iterator<Item = &'a Object> {
    let over = |pod: &&Object| ["Succeeded", "Failed"].contains(&pod.text("/status/phase"));
    snapshot.all("Pod").filter(move |pod| pod.text("/spec/nodeName") == node.name() && !over(pod))
}

/// A resource of which the node has less left than the pod asks for.
pub fn lacking(snapshot: &Snapshot, pod: &Object, node: &Object) -> Option<String> {
    let short = |resource: &String| {
        let used: i128 = residents(snapshot, node).map(|other| request(other, resource)).sum();
        request(pod, resource) > allocatable(node, resource) - used
    };
    resources(pod).into_iter().find(short)
}

/// A resource of which even the empty node has less than the pod asks for.
pub fn too_big(pod: &Value, node: &Object) -> Option<String> {
    resources(pod).into_iter().find(|resource| request(pod, resource) > allocatable(node, resource))
}

fn host_ports(pod: &Value) -> impl Iterator<Item = (i64, &str, &str)> {
    let ports = pod.list("/spec/containers").iter().flat_map(|container| container.list("/ports"));
    ports.filter_map(|port| {
        let protocol = if port.text("/protocol").is_empty() { "TCP" } else { port.text("/protocol") };
        Some((port.int("/hostPort").filter(|&number| number > 0)?, protocol, port.text("/hostIP")))
    })
}

/// Who holds a host port on a node that the pod wants.
pub fn port_holder<'a>(snapshot: &'a Snapshot, pod: &Object, node: &'a Object) -> Option<&'a Object> {
    let any = |address: &str| address.is_empty() || address == "0.0.0.0";
    let clash = |other: &Object| {
        host_ports(pod).any(|(port, protocol, address)| {
            host_ports(other).any(|(other_port, other_protocol, other_address)| {
                port == other_port
                    && protocol == other_protocol
                    && (any(address) || any(other_address) || address == other_address)
            })
        })
    };
    residents(snapshot, node).find(|other| other.id != pod.id && clash(other))
}

/// A bound volume of the pod that cannot be had on a node.
pub fn volume_elsewhere<'a>(snapshot: &'a Snapshot, pod: &Object, node: &Object) -> Option<&'a Object> {
    let volumes = binding::claims(pod).filter_map(|name| {
        let claim = snapshot.seen("PersistentVolumeClaim", pod.ns(), &name)?;
        snapshot.seen("PersistentVolume", "", claim.text("/spec/volumeName"))
    });
    let mut volumes = volumes.collect::<Vec<_>>().into_iter();
    volumes.find(|volume| !reachable(volume, node))
}

/// Whether a volume's node affinity lets a node have it.
pub fn reachable(volume: &Value, node: &Object) -> bool {
    let terms = volume.list("/spec/nodeAffinity/required/nodeSelectorTerms");
    terms.is_empty() || terms.iter().any(|term| term_fits(term, node))
}

/// The required terms of pod affinity or anti-affinity.
pub fn terms<'a>(pod: &'a Value, which: &str) -> &'a [Value] {
    pod.list(&format!("/spec/affinity/{which}/requiredDuringSchedulingIgnoredDuringExecution"))
}

/// Whether an affinity term of `owner` speaks of `other`.
pub fn speaks_of(snapshot: &Snapshot, term: &Value, owner: &Object, other: &Object) -> bool {
    let named = term.list("/namespaces").iter().any(|name| name.as_str() == Some(other.ns()));
    let labelled = term.at("/namespaceSelector").is_some_and(|wanted| {
        let labels = snapshot.seen("Namespace", "", other.ns()).and_then(|namespace| namespace.labels());
        selector::selects(wanted, labels)
    });
    let own =
        term.list("/namespaces").is_empty() && term.at("/namespaceSelector").is_none() && other.ns() == owner.ns();
    (named || labelled || own) && term.at("/labelSelector").is_some_and(|one| selector::selects(one, other.labels()))
}

/// Whether two nodes are in the same domain of a topology key.
fn same_domain(node: &Object, other: &Object, key: &str) -> bool {
    node.label(key).is_some() && node.label(key) == other.label(key)
}

/// The pods that run in the domain of a node.
fn neighbours<'a>(snapshot: &'a Snapshot, node: &'a Object, key: &'a str) -> impl Iterator<Item = &'a Object> {
    let inside = move |other: &&Object| same_domain(node, other, key);
    snapshot.all("Node").filter(inside).flat_map(|other| residents(snapshot, other))
}

/// A running pod that this pod's own anti-affinity keeps away from.
pub fn repels<'a>(snapshot: &'a Snapshot, pod: &'a Object, node: &'a Object) -> Option<&'a Object> {
    terms(pod, "podAntiAffinity").iter().find_map(|term| {
        neighbours(snapshot, node, term.text("/topologyKey")).find(|other| speaks_of(snapshot, term, pod, other))
    })
}

/// A running pod whose anti-affinity keeps this pod away.
pub fn repelled_by<'a>(snapshot: &'a Snapshot, pod: &Object, node: &Object) -> Option<&'a Object> {
    let holds = |other: &&Object| {
        let home = snapshot.seen("Node", "", other.text("/spec/nodeName"));
        terms(other, "podAntiAffinity").iter().any(|term| {
            home.is_some_and(|home| same_domain(node, home, term.text("/topologyKey")))
                && speaks_of(snapshot, term, other, pod)
        })
    };
    let alive = |other: &&Object| !["Succeeded", "Failed"].contains(&other.text("/status/phase"));
    snapshot.all("Pod").filter(alive).find(|other| other.id != pod.id && holds(other))
}

/// The scheduling gate of a pod that nobody wrote for it: a controller set it when the pod was made, and its controller
/// takes it away.
pub fn foreign_gate<'a>(snapshot: &Snapshot, pod: &'a Object) -> Option<&'a str> {
    let owners = owners::chain(snapshot, pod);
    let maker = owners.iter().find_map(|owner| Template::of(owner));
    // Of a pod that nobody made: who has marked it with its own label or annotation has set the gate.
    let marked = |gate: &str| {
        let mut keys = ["/metadata/labels", "/metadata/annotations"].into_iter().filter_map(|at| pod.map(at));
        let of_gate = |key: &str| key.contains('/') && domain(key) == domain(gate);
        keys.any(|map| map.keys().any(|key| of_gate(key)))
    };
    let written = |gate: &str| match &maker {
        Some(maker) => maker.list("/spec/schedulingGates").iter().any(|one| one.text("/name") == gate),
        None => !marked(gate),
    };
    pod.list("/spec/schedulingGates").iter().map(|gate| gate.text("/name")).find(|gate| !written(gate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    fn node(value: Value) -> Object {
        let mut node = json!({"kind": "Node", "metadata": {"name": "a", "labels": {"zone": "x"}}});
        for (key, part) in value.as_object().into_iter().flatten() {
            node[key.as_str()] = part.clone();
        }
        Object::new(node).expect("a node has a kind and a name")
    }

    #[test]
    fn taints_want_tolerations() {
        let node = node(json!({"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}}));
        for (tolerations, fits) in [
            (json!([]), false),
            (json!([{"key": "gpu", "value": "yes"}]), true),
            (json!([{"key": "gpu", "value": "no"}]), false),
            (json!([{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}]), false),
            (json!([{"operator": "Exists"}]), true),
        ] {
            assert_eq!(untolerated(&json!({"spec": {"tolerations": tolerations}}), &node).is_none(), fits);
        }
    }

    #[test]
    fn requests_are_summed_as_the_scheduler_does() {
        let ask = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let mut sidecar = ask("100m");
        sidecar["restartPolicy"] = "Always".into();
        let pod = json!({"spec": {"containers": [ask("200m"), ask("300m")], "initContainers": [ask("2"), sidecar]}});
        assert_eq!(request(&pod, "cpu"), 2000);
        let pod = json!({"spec": {"containers": [{"resources": {"limits": {"cpu": "4"}}}], "overhead": {"cpu": "1"}}});
        assert_eq!(request(&pod, "cpu"), 5000);
        assert_eq!(too_big(&pod, &node(json!({"status": {"allocatable": {"cpu": "4"}}}))).as_deref(), Some("cpu"));
    }

    #[test]
    fn affinity_terms_are_alternatives() {
        let term = |value: &str| json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": [value]}]});
        let pod = |terms: Value| {
            json!({"spec": {"affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}})
        };
        assert!(affinity_fits(&pod(json!([term("y"), term("x")])), &node(json!({}))));
        assert!(!affinity_fits(&pod(json!([term("y"), {}])), &node(json!({}))));
    }
}
