//! What takes a while in a healthy cluster, and is a fault only once it lasts.

use fathom_diagnose::value::{Value, json};

use crate::chains::{Row, check};
use crate::world::How::Well;
use crate::world::World;

const LONG_AGO: &str = "2026-03-01T11:00:00Z";
/// Seconds ago, as moments.
const JUST_NOW: &str = "2026-03-01T11:59:50Z";
const MINUTES_AGO: &str = "2026-03-01T11:52:00Z";

fn world() -> World {
    World::new().dns(Well)
}

/// An object that was deleted then, and is held by this.
fn deleted(kind: &str, namespace: &str, at: &str, finalizer: &str) -> Value {
    json!({"kind": kind, "metadata": {"name": "old", "namespace": namespace, "creationTimestamp": LONG_AGO, "deletionTimestamp": at, "finalizers": [finalizer]}})
}

/// A node that was deleted then, with its kubelet in this state.
fn leaving(at: &str, ready: &str) -> World {
    let node = json!({"kind": "Node", "metadata": {"name": "n3", "creationTimestamp": LONG_AGO, "deletionTimestamp": at, "finalizers": ["karpenter.sh/termination"]},
        "spec": {"unschedulable": true, "taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]},
        "status": {"conditions": [{"type": "Ready", "status": ready, "reason": "X", "lastTransitionTime": at}]}});
    world().with(node)
}

fn emptied(at: &str) -> World {
    let remains = json!([{"type": "NamespaceContentRemaining", "status": "True", "reason": "SomeResourcesRemain", "message": "Some resources are remaining: pods. has 1 resource instances", "lastTransitionTime": at}]);
    world().with(
        json!({"kind": "Namespace", "metadata": {"name": "old", "creationTimestamp": LONG_AGO, "deletionTimestamp": at},
        "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Terminating", "conditions": remains}}),
    )
}

/// A pod that ends at this moment, in the namespace that is emptied.
fn ending(at: &str) -> Value {
    json!({"kind": "Pod", "metadata": {"name": "slow", "namespace": "old", "creationTimestamp": LONG_AGO, "deletionTimestamp": at, "deletionGracePeriodSeconds": 600},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "registry.example/a:1"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": LONG_AGO}}}]}})
}

#[test]
fn what_was_deleted_has_time_to_go() {
    let runs_there = |world: World| world.runs("web", Well, &[]).set("Pod", "web-1", "/spec/nodeName", "n3");
    let rows: Vec<Row> = vec![
        (
            "a load balancer of a cloud",
            world().with(deleted("Ingress", "shop", JUST_NOW, "ingress.k8s.aws/resources")),
            &[],
        ),
        (
            "a load balancer of a service",
            world().with(deleted("Service", "shop", JUST_NOW, "lb.acme.test/cleanup")),
            &[],
        ),
        (
            "a disk",
            world().with(deleted(
                "PersistentVolume",
                "",
                JUST_NOW,
                "external-provisioner.volume.kubernetes.io/finalizer",
            )),
            &[],
        ),
        (
            "a disk that stays",
            world().with(deleted(
                "PersistentVolume",
                "",
                MINUTES_AGO,
                "external-provisioner.volume.kubernetes.io/finalizer",
            )),
            &["term.finalizer old"],
        ),
        (
            "a controller that is there",
            world().runs("acme-operator", Well, &[]).with(deleted("ConfigMap", "shop", JUST_NOW, "acme.test/guard")),
            &[],
        ),
        (
            "a controller that is there and does nothing",
            world().runs("acme-operator", Well, &[]).with(deleted("ConfigMap", "shop", MINUTES_AGO, "acme.test/guard")),
            &["term.finalizer old"],
        ),
        (
            "nobody left to take it away",
            world().with(deleted("ConfigMap", "shop", JUST_NOW, "acme.test/guard")),
            &["term.finalizer old"],
        ),
        ("a node that is drained", runs_there(leaving(JUST_NOW, "True")), &[]),
        ("a node that is drained for long", runs_there(leaving(MINUTES_AGO, "True")), &[]),
        ("a node that goes", leaving(JUST_NOW, "Unknown"), &[]),
        ("a node that is empty and stays", leaving(MINUTES_AGO, "True"), &["term.finalizer n3"]),
        ("a namespace", emptied(JUST_NOW), &[]),
        ("a namespace whose pod has its grace", emptied(MINUTES_AGO).with(ending("2026-03-01T12:01:00Z")), &[]),
        ("a namespace that is not emptied", emptied(MINUTES_AGO), &["term.namespace-content old"]),
    ];
    check(rows);
}

const NO_NETWORK: &str = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized";
const NO_RUNTIME: &str = "[container runtime status check may not have completed yet]";

/// A node that joined then, and has said this since.
fn joined(at: &str, message: &str) -> World {
    let condition = json!([{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": message, "lastTransitionTime": at}]);
    world()
        .set("Node", "n2", "/metadata/creationTimestamp", at)
        .set("Node", "n2", "/spec/taints", json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]))
        .set("Node", "n2", "/status/conditions", condition)
}

/// A pod of a network's agent on that node, made then, of which this is told.
fn agent(at: &str, reason: &str, says: &str) -> [Value; 2] {
    let pod = json!({"kind": "Pod", "metadata": {"name": "aws-node-x", "namespace": "kube-system", "uid": "a", "creationTimestamp": at},
        "spec": {"nodeName": "n2", "containers": [{"name": "app", "image": "registry.example/net:1"}]},
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False", "lastTransitionTime": at}],
            "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]}});
    [pod, warning("kube-system", "aws-node-x", reason, says, 1, JUST_NOW)]
}

fn warning(namespace: &str, pod: &str, reason: &str, says: &str, count: i64, last: &str) -> Value {
    json!({"kind": "Event", "metadata": {"name": format!("{pod}.{reason}"), "namespace": namespace}, "type": "Warning", "reason": reason, "message": says, "count": count,
        "lastTimestamp": last, "involvedObject": {"kind": "Pod", "namespace": namespace, "name": pod}})
}

#[test]
fn a_node_has_time_to_start() {
    let rebooted = json!({"kind": "Event", "metadata": {"name": "n2.r", "namespace": "default"}, "type": "Warning", "reason": "Rebooted", "message": "Node n2 has been rebooted",
        "lastTimestamp": JUST_NOW, "involvedObject": {"kind": "Node", "name": "n2"}});
    let again = |message| joined(JUST_NOW, message).set("Node", "n2", "/metadata/creationTimestamp", LONG_AGO);
    let with_agent = |at: &str| {
        let [pod, event] = agent(at, "NetworkNotReady", "network is not ready: cni plugin not initialized");
        joined(at, NO_NETWORK).with(pod).with(event)
    };
    let rows: Vec<Row> = vec![
        ("no network yet", joined(JUST_NOW, NO_NETWORK), &[]),
        ("no network yet, and its agent is made", with_agent(JUST_NOW), &[]),
        ("no network", joined(MINUTES_AGO, NO_NETWORK), &["cni.not-installed n2"]),
        ("no runtime yet", joined(JUST_NOW, NO_RUNTIME), &[]),
        ("no runtime", joined(MINUTES_AGO, NO_RUNTIME), &["node.runtime-down n2"]),
        ("something else yet", joined(JUST_NOW, "CSINode is not yet initialized"), &[]),
        ("no network since it was started again", again(NO_NETWORK).with(rebooted), &[]),
        ("no network any more", again(NO_NETWORK), &["cni.not-installed n2"]),
    ];
    check(rows);
}
