//! Clusters in which nothing is wrong, made at random, with all the noise of a real one: old warnings, pods that ended,
//! restarts long ago, schedules that are suspended, nodes that are cordoned. Nothing may be said of them.

use fathom_diagnose::snapshot::{Coverage, Gathering};
use fathom_diagnose::time::Time;
use fathom_diagnose::value::{Value, json};
use fathom_diagnose::{Question, diagnose};
use proptest::prelude::*;

const NOW: i64 = 1_772_366_400;

fn ago(seconds: i64) -> String {
    Time(NOW - seconds).to_string()
}

/// A workload with its pods, perhaps a service, and what is left of its past.
#[derive(Debug, Clone)]
struct Workload {
    kind: usize,
    replicas: usize,
    restarts: i64,
    service: bool,
    noise: usize,
    probe: bool,
    age: i64,
}

fn workload() -> impl Strategy<Value = Workload> {
    (0..4usize, 0..4usize, 0..6i64, any::<bool>(), 0..8usize, any::<bool>(), 600..900_000i64).prop_map(
        |(kind, replicas, restarts, service, noise, probe, age)| Workload {
            kind,
            replicas,
            restarts,
            service,
            noise,
            probe,
            age,
        },
    )
}

const NOISE: [(&str, &str); 8] = [
    (
        "FailedMount",
        "MountVolume.SetUp failed for volume \"kube-api-access-x\" : failed to sync configmap cache: timed out waiting for the condition",
    ),
    (
        "Unhealthy",
        "Readiness probe failed: Get \"http://10.0.0.1:8080/\": dial tcp 10.0.0.1:8080: connect: connection refused",
    ),
    ("BackOff", "Back-off restarting failed container app"),
    (
        "FailedScheduling",
        "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found.",
    ),
    ("Failed", "Failed to pull image \"registry.example/a:1\": registry.example/a:1: not found"),
    ("FailedCreatePodSandBox", "Failed to create pod sandbox: cni plugin not initialized"),
    ("Killing", "Container app failed liveness probe, will be restarted"),
    ("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500"),
];

fn objects(index: usize, one: &Workload) -> Vec<Value> {
    let name = format!("w{index}");
    let kind = ["Deployment", "StatefulSet", "DaemonSet", "Job"][one.kind];
    let replicas = if kind == "Deployment" { one.replicas } else { one.replicas.max(1) };
    let labels = json!({"app": name});
    let mut container = json!({"name": "app", "image": "registry.example/a:1", "ports": [{"containerPort": 8080}]});
    if one.probe {
        container["readinessProbe"] = json!({"httpGet": {"path": "/", "port": 8080}});
        container["livenessProbe"] = json!({"httpGet": {"path": "/", "port": 8080}});
    }
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let status = match kind {
        "DaemonSet" => {
            json!({"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "numberReady": 2, "observedGeneration": 1})
        }
        "Job" => {
            json!({"succeeded": 1, "failed": 1, "conditions": [{"type": "Complete", "status": "True"}], "completionTime": ago(300)})
        }
        _ => {
            json!({"replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas, "observedGeneration": 1})
        }
    };
    let mut all = vec![
        json!({"kind": kind, "metadata": {"name": name, "namespace": "calm", "uid": name, "generation": 1, "creationTimestamp": ago(one.age)},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, "serviceName": ""}, "status": status}),
    ];
    let count = if kind == "DaemonSet" { 2 } else { replicas };
    let mut endpoints = Vec::new();
    for pod in 0..count {
        let (node, address) = (format!("n{}", pod % 2), format!("10.0.{index}.{}", pod + 1));
        let ended = kind == "Job";
        let state = if ended {
            json!({"terminated": {"exitCode": i64::from(pod > 0), "reason": if pod > 0 { "Error" } else { "Completed" }, "startedAt": ago(500), "finishedAt": ago(400)}})
        } else {
            json!({"running": {"startedAt": ago(one.age.min(7200))}})
        };
        let mut container_status =
            json!({"name": "app", "ready": !ended, "restartCount": one.restarts, "state": state});
        if one.restarts > 0 {
            container_status["lastState"] = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": ago(90_000), "finishedAt": ago(80_000)}});
        }
        let phase = if !ended {
            "Running"
        } else if pod > 0 {
            "Failed"
        } else {
            "Succeeded"
        };
        let uid = format!("{name}-{pod}");
        all.push(json!({"kind": "Pod", "metadata": {"name": uid, "namespace": "calm", "uid": uid, "labels": labels, "creationTimestamp": ago(one.age),
                "ownerReferences": [{"kind": kind, "name": name, "uid": name, "controller": true}]},
            "spec": {"nodeName": node, "containers": template["spec"]["containers"]},
            "status": {"phase": phase, "podIP": address, "conditions": [{"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": if ended { "False" } else { "True" }, "lastTransitionTime": ago(300)}], "containerStatuses": [container_status]}}));
        let (reason, message) = NOISE[(one.noise + pod) % NOISE.len()];
        all.push(json!({"kind": "Event", "metadata": {"name": format!("{uid}.e"), "namespace": "calm"}, "type": "Warning", "reason": reason, "message": message,
            "count": 12, "firstTimestamp": ago(9_000), "lastTimestamp": ago(8_000),
            "involvedObject": {"kind": "Pod", "namespace": "calm", "name": uid, "uid": uid}}));
        endpoints.push(json!({"addresses": [address], "conditions": {"ready": true}, "nodeName": node, "targetRef": {"kind": "Pod", "name": uid}}));
    }
    if one.service && kind != "Job" {
        all.push(json!({"kind": "Service", "metadata": {"name": name, "namespace": "calm", "creationTimestamp": ago(one.age)},
            "spec": {"type": "ClusterIP", "clusterIP": format!("10.96.0.{}", index + 1), "selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}}));
        all.push(json!({"kind": "EndpointSlice", "metadata": {"name": name, "namespace": "calm", "labels": {"kubernetes.io/service-name": name}}, "endpoints": endpoints}));
    }
    all
}

fn background(cordoned: bool) -> Vec<Value> {
    let node = |name: &str, cordoned: bool| {
        let mut node = json!({"kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}, "creationTimestamp": ago(900_000)},
            "spec": {}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}, "nodeInfo": {"kubeletVersion": "v1.33.1"},
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "NetworkingReady", "status": "True"}, {"type": "Ready", "status": "True"}]}});
        if cordoned {
            node["spec"]["unschedulable"] = true.into();
            node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]);
        }
        node
    };
    let lease = |namespace: &str, name: &str, seconds: i64| {
        json!({"kind": "Lease", "metadata": {"name": name, "namespace": namespace, "creationTimestamp": ago(900_000)},
            "spec": {"leaseDurationSeconds": seconds, "renewTime": ago(3), "leaseTransitions": 3, "acquireTime": ago(80_000)}})
    };
    vec![
        json!({"kind": "Namespace", "metadata": {"name": "calm"}, "status": {"phase": "Active"}}),
        node("n0", cordoned),
        node("n1", false),
        lease("kube-node-lease", "n0", 40),
        lease("kube-node-lease", "n1", 40),
        lease("kube-system", "kube-scheduler", 15),
        lease("kube-system", "kube-controller-manager", 15),
        json!({"kind": "CronJob", "metadata": {"name": "nightly", "namespace": "calm"}, "spec": {"schedule": "0 3 * * *", "suspend": true}}),
        json!({"kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "calm"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}),
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "later", "namespace": "calm", "creationTimestamp": ago(900)},
            "spec": {"storageClassName": "lazy", "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Pending"}}),
        json!({"kind": "StorageClass", "metadata": {"name": "lazy"}, "provisioner": "x.csi", "volumeBindingMode": "WaitForFirstConsumer"}),
        json!({"kind": "Service", "metadata": {"name": "outside", "namespace": "calm"}, "spec": {"type": "ExternalName", "externalName": "db.example"}}),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_said_of_a_healthy_cluster(workloads in prop::collection::vec(workload(), 0..12), cordoned in any::<bool>()) {
        let mut gathering = Gathering::new();
        gathering.taken_at(Time(NOW));
        gathering.covers(Coverage::whole());
        background(cordoned).into_iter().for_each(|object| gathering.value(object));
        for (index, one) in workloads.iter().enumerate() {
            objects(index, one).into_iter().for_each(|object| gathering.value(object));
        }
        let report = diagnose(&gathering.finish(), &Question::Everything);
        let said: Vec<String> = report.findings.iter().map(|one| format!("{} {}: {}", one.code, one.object, one.says)).collect();
        prop_assert!(said.is_empty(), "{said:?}");
        prop_assert!(report.unexplained.is_empty(), "{:?}", report.unexplained);
    }
}

/// A pod whose container began some seconds ago, was refused so often by its probe, and may say so in an event.
fn starting(seconds: i64, failures: i64, probe: &str, begins: &str) -> Vec<Value> {
    let mut container = json!({"name": "app", "image": "registry.example/a:1"});
    container[probe] = json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "failureThreshold": 60});
    let mut pod = json!({"kind": "Pod", "metadata": {"name": "slow", "namespace": "calm", "uid": "slow", "creationTimestamp": ago(seconds + 2)},
        "spec": {"nodeName": "n1", "containers": [container]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(seconds)}],
            "containerStatuses": [{"name": "app", "ready": false, "started": probe != "startupProbe", "restartCount": 0,
                "state": {"running": {"startedAt": ago(seconds)}}}]}});
    if probe == "readinessProbe" {
        pod["spec"]["containers"][0]["readinessProbe"]["failureThreshold"] = 3.into();
    }
    let message = format!(
        "{begins} probe failed: Get \"http://10.0.0.1:8080/\": dial tcp 10.0.0.1:8080: connect: connection refused"
    );
    let event = json!({"kind": "Event", "metadata": {"name": "slow.e", "namespace": "calm"}, "type": "Warning", "reason": "Unhealthy", "message": message,
        "count": failures, "firstTimestamp": ago(seconds - 1), "lastTimestamp": ago(1),
        "involvedObject": {"kind": "Pod", "namespace": "calm", "name": "slow", "uid": "slow"}});
    vec![pod, event]
}

#[test]
fn what_only_starts_is_left_alone_and_what_never_does_is_not() {
    for (seconds, failures, probe, begins, quiet) in [
        (12, 11, "readinessProbe", "Readiness", true),
        (200, 190, "readinessProbe", "Readiness", false),
        (40, 39, "startupProbe", "Startup", true),
    ] {
        let mut gathering = Gathering::new();
        gathering.taken_at(Time(NOW));
        gathering.covers(Coverage::whole());
        let objects = background(false).into_iter().chain(starting(seconds, failures, probe, begins));
        objects.for_each(|object| gathering.value(object));
        let report = diagnose(&gathering.finish(), &Question::Everything);
        assert_eq!(
            !report.found_something(),
            quiet,
            "{probe} after {seconds} s: {:?}",
            report.findings.first().map(|one| one.code)
        );
    }
}
