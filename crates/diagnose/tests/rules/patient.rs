//! What takes a while in a healthy cluster, and is a fault only once it lasts; and what only looks like a fault.

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
    // A description does not tell since when.
    let described = |at: &str| emptied(at).set("Namespace", "old", "/metadata/deletionTimestamp", Value::Null);
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
        ("a namespace that is only described", described(JUST_NOW), &[]),
        ("a described namespace that is not emptied", described(MINUTES_AGO), &["term.namespace-content old"]),
        ("a namespace that is not emptied", emptied(MINUTES_AGO), &["term.namespace-content old"]),
    ];
    check(rows);
    let two = deleted("ConfigMap", "shop", MINUTES_AGO, "acme.test/guard");
    let two = world().with(two).set(
        "ConfigMap",
        "old",
        "/metadata/finalizers",
        json!(["acme.test/guard", "other.test/guard"]),
    );
    let mends = |world: World| world.report().findings.iter().all(|one| one.fix.verified);
    assert!(mends(world().with(deleted("ConfigMap", "shop", MINUTES_AGO, "acme.test/guard"))));
    assert!(!mends(two), "the other one holds it as well");
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
        ("no runtime yet, since the kubelet was started again", again(NO_RUNTIME), &[]),
        ("no runtime any more", again("container runtime is down"), &["node.runtime-down n2"]),
        ("no network any more", again(NO_NETWORK), &["cni.not-installed n2"]),
    ];
    check(rows);
}

const FULL: &str = "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.";

/// A pod of a deployment without a node, made then, for want of processors.
fn homeless(at: &str) -> World {
    let condition = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": FULL, "lastTransitionTime": at}]);
    let asks = json!([{"name": "app", "image": "registry.example/web:1", "resources": {"requests": {"cpu": "3"}}}]);
    let world = ["n1", "n2"].into_iter().fold(world(), |world, node| {
        let name = format!("big-{node}");
        world.with(json!({"kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": LONG_AGO},
            "spec": {"nodeName": node, "containers": asks},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": LONG_AGO}}}]}}))
    });
    unplaced(world, at).set("Pod", "web-1", "/spec/containers", asks).set(
        "Pod",
        "web-1",
        "/status/conditions",
        condition,
    )
}

/// A pod of a deployment without a node, made then, of which no scheduler has spoken.
fn unplaced(world: World, at: &str) -> World {
    world
        .runs("web", Well, &[])
        .set("Pod", "web-1", "/metadata/creationTimestamp", at)
        .set("Pod", "web-1", "/spec/nodeName", "")
        .set("Pod", "web-1", "/status", json!({"phase": "Pending"}))
}

fn gated(at: &str, template: bool) -> World {
    let gates = json!([{"name": "kueue.x-k8s.io/admission"}]);
    let condition = json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "Scheduling is blocked due to non-empty scheduling gates", "lastTransitionTime": at}]);
    let world = unplaced(world(), at).set("Pod", "web-1", "/spec/schedulingGates", gates.clone());
    let world = world.set("Pod", "web-1", "/status/conditions", condition);
    if !template {
        return world;
    }
    let world = world.set("ReplicaSet", "web-set", "/spec/template/spec/schedulingGates", gates.clone());
    world.set("Deployment", "web", "/spec/template/spec/schedulingGates", gates)
}

/// A pod with a gate that no workload made, with this label.
fn alone(label: Value) -> World {
    gated(JUST_NOW, false)
        .without("Deployment", "web")
        .without("ReplicaSet", "web-set")
        .set("Pod", "web-1", "/metadata/ownerReferences", json!([]))
        .set("Pod", "web-1", "/metadata/labels", label)
}

#[test]
fn a_pod_has_time_to_find_a_node() {
    let says = |reason: &str, message: &str, at: &str| {
        homeless(MINUTES_AGO).with(warning("shop", "web-1", reason, message, 1, at))
    };
    let grows = "pod triggered scale-up: [{asg 1->2 (max: 5)}]";
    let refuses = warning(
        "shop",
        "web-1",
        "NotTriggerScaleUp",
        "pod didn't trigger scale-up: 1 max node group size reached",
        1,
        "2026-03-01T11:59:55Z",
    );
    let nominated = |at: &str| homeless(at).set("Pod", "web-1", "/status/nominatedNodeName", "n1");
    let scheduler = |name: &str, at: &str| unplaced(world(), at).set("Pod", "web-1", "/spec/schedulerName", name);
    let short: &[&str] = &["sched.insufficient-resource web"];
    let rows: Vec<Row> = vec![
        ("no room", homeless(MINUTES_AGO), short),
        ("no room at the first look", homeless("2026-03-01T11:59:57Z"), &[]),
        ("a node is added", says("TriggeredScaleUp", grows, JUST_NOW), &[]),
        ("a node was added, and did not help", says("TriggeredScaleUp", grows, MINUTES_AGO), short),
        ("a node is added no more", says("TriggeredScaleUp", grows, JUST_NOW).with(refuses), short),
        ("a node is made for it", says("Nominated", "Pod should schedule on: nodeclaim/default-abcde", JUST_NOW), &[]),
        (
            "others end for it",
            nominated(MINUTES_AGO).set("Pod", "big-n1", "/metadata/deletionTimestamp", "2026-03-01T12:00:20Z"),
            &[],
        ),
        ("nobody ends for it", nominated(MINUTES_AGO), short),
        ("a scheduler of the cloud", scheduler("fargate-scheduler", JUST_NOW), &[]),
        (
            "a scheduler of the cloud that does nothing",
            scheduler("gke.io/optimize-utilization-scheduler", MINUTES_AGO),
            &["unexplained web"],
        ),
        ("a scheduler that nobody runs", scheduler("volcano", JUST_NOW), &["sched.unknown-scheduler web"]),
        ("a queue's gate", gated(JUST_NOW, false), &[]),
        ("a queue's gate of a pod that nobody made", alone(json!({"kueue.x-k8s.io/queue-name": "q"})), &[]),
        ("a gate of a pod that nobody made", alone(json!({"app": "web"})), &["sched.gated web-1"]),
        ("a queue's gate that stays", gated(MINUTES_AGO, false), &["sched.gated web"]),
        ("a gate that was written", gated(JUST_NOW, true), &["sched.gated web"]),
    ];
    check(rows);
    let queued: String = gated(MINUTES_AGO, false).report().findings.into_iter().map(|one| one.fix.text).collect();
    assert!(queued.contains("the controller of kueue.x-k8s.io") && !queued.contains("patch"), "{queued}");
}

#[test]
fn what_is_meant_for_somebody_else_is_no_fault() {
    let ingress = |class: &str, backend: Value, annotations: Value| {
        json!({"kind": "Ingress", "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": LONG_AGO, "annotations": annotations},
            "spec": {"ingressClassName": class, "rules": [{"host": "shop.example", "http": {"paths": [{"path": "/", "backend": {"service": backend}}]}}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    };
    let class = |name: &str| json!({"kind": "IngressClass", "metadata": {"name": name}, "spec": {"controller": "k8s.io/ingress-nginx"}});
    let action = || json!({"name": "to-tls", "port": {"name": "use-annotation"}});
    let described = json!({"alb.ingress.kubernetes.io/actions.to-tls": "{\"Type\":\"redirect\"}"});
    let alb = |annotations: Value| world().with(class("alb")).with(ingress("alb", action(), annotations));
    let outside = |ports: Value| {
        let port = json!({"name": "out", "port": {"number": 443}});
        let service = json!({"kind": "Service", "metadata": {"name": "out", "namespace": "shop", "creationTimestamp": LONG_AGO},
            "spec": {"type": "ExternalName", "externalName": "shop.example", "ports": ports}});
        world().with(class("nginx")).with(ingress("nginx", port, json!({}))).with(service)
    };
    let node = |version: &str, labels: Value| {
        let world = world().set("Node", "n1", "/status/nodeInfo", json!({"kubeletVersion": "v1.33.1"}));
        world.set("Node", "n2", "/status/nodeInfo", json!({"kubeletVersion": version})).set(
            "Node",
            "n2",
            "/metadata/labels",
            labels,
        )
    };
    let rows: Vec<Row> = vec![
        ("an action of a load balancer", alb(described), &[]),
        ("an action that nobody describes", alb(json!({})), &["ing.backend-svc-missing web"]),
        ("a name outside", outside(json!([])), &[]),
        ("a name outside with another port", outside(json!([{"port": 80}])), &["ing.port-missing web"]),
        ("a virtual kubelet", node("v1.19.10-vk-azure-aci-1.5.2", json!({})), &[]),
        ("a virtual kubelet by its label", node("v1.19.0", json!({"type": "virtual-kubelet"})), &[]),
        ("a simulated kubelet", node("kwok-v0.5.1", json!({})), &[]),
        ("a kubelet of a distribution", node("v1.33.1+k3s1", json!({})), &[]),
        ("an old kubelet", node("v1.28.3-eks-4f4795d", json!({})), &["node.version-skew n2"]),
    ];
    check(rows);
}

/// A pod of a deployment that is not set up since then, and why.
fn unset(at: &str, reason: &str, says: &str, count: i64) -> World {
    let waits = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False", "lastTransitionTime": at}],
        "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]});
    world()
        .runs("web", Well, &[])
        .set("Pod", "web-1", "/metadata/creationTimestamp", at)
        .set("Pod", "web-1", "/spec/volumes", json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]))
        .set("Pod", "web-1", "/status", waits)
        .with(warning("shop", "web-1", reason, says, count, "2026-03-01T11:59:55Z"))
}

/// A volume that another node has, and perhaps gives away since then.
fn attached(world: World, deleted: Option<&str>) -> World {
    let mut attachment = json!({"kind": "VolumeAttachment", "metadata": {"name": "a", "creationTimestamp": LONG_AGO},
        "spec": {"attacher": "x.csi", "nodeName": "n2", "source": {"persistentVolumeName": "pv1"}}, "status": {"attached": true}});
    if let Some(at) = deleted {
        attachment["metadata"]["deletionTimestamp"] = at.into();
    }
    world
        .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop", "creationTimestamp": LONG_AGO},
            "spec": {"volumeName": "pv1", "accessModes": ["ReadWriteOnce"], "storageClassName": "s"}, "status": {"phase": "Bound"}}))
        .with(json!({"kind": "PersistentVolume", "metadata": {"name": "pv1", "creationTimestamp": LONG_AGO},
            "spec": {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "x.csi", "volumeHandle": "v"}, "claimRef": {"name": "data", "namespace": "shop"}}, "status": {"phase": "Bound"}}))
        .with(json!({"kind": "StorageClass", "metadata": {"name": "s"}, "provisioner": "x.csi", "volumeBindingMode": "Immediate"}))
        .with(attachment)
}

/// A claim that waits for its provisioner since then.
fn provisioned(world: World, at: &str) -> World {
    let waits = "Waiting for a volume to be created either by the external provisioner 'acme.test/disks' or manually by the system administrator.";
    world
        .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop", "creationTimestamp": at},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "s", "resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Pending"}}))
        .with(json!({"kind": "StorageClass", "metadata": {"name": "s"}, "provisioner": "acme.test/disks", "volumeBindingMode": "Immediate"}))
        .with(json!({"kind": "Event", "metadata": {"name": "data.e", "namespace": "shop"}, "type": "Normal", "reason": "ExternalProvisioning", "message": waits,
            "lastTimestamp": "2026-03-01T11:59:55Z", "involvedObject": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data"}}))
}

#[test]
fn the_first_try_may_fail() {
    const NO_ADDRESS: &str = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"a\": plugin type=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container";
    const TAKEN: &str = "Multi-Attach error for volume \"pv1\" Volume is already exclusively attached to one node and can't be attached to another";
    let address = |at: &str, count: i64| unset(at, "FailedCreatePodSandBox", NO_ADDRESS, count);
    let taken = |at: &str, deleted: Option<&str>| attached(unset(at, "FailedAttachVolume", TAKEN, 1), deleted);
    let recently = "2026-03-01T11:58:00Z";
    let rows: Vec<Row> = vec![
        ("no address at once", address(JUST_NOW, 1), &[]),
        ("no address again", address(JUST_NOW, 3), &["cni.ip-exhausted n1"]),
        ("no address for long", address(recently, 1), &["cni.ip-exhausted n1"]),
        ("a volume that comes", taken(recently, Some(recently)), &[]),
        ("a volume at the first try", taken(JUST_NOW, None), &[]),
        ("a volume that stays elsewhere", taken(recently, None), &["vol.multi-attach web"]),
        ("a claim at the first try", provisioned(world(), JUST_NOW), &[]),
        ("a claim that waits", provisioned(world(), recently), &["pvc.provisioner-absent data"]),
    ];
    check(rows);
}
