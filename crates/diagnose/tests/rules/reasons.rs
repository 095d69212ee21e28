//! Callers that end because of what is less plain than a server without pods: names, ways, nodes, volumes, quotas.

use fathom_diagnose::value::json;

use crate::chains::{Row, check};
use crate::world::How::{Crashes, Deaf, Homeless, NoImage, Unready, Waits, Well};
use crate::world::World;

const REFUSED: &str = "dial tcp 10.96.3.4:5432: connect: connection refused";
const TIMEOUT: &str = "dial tcp 10.96.3.4:5432: i/o timeout";
const UNKNOWN: &str = "Error: getaddrinfo ENOTFOUND db";
const LONG_AGO: &str = "2026-03-01T11:30:00Z";

fn world() -> World {
    World::new().dns(Well)
}

fn served() -> World {
    world().runs("db", Well, &[]).serves("db", 4, 5432, true)
}

#[test]
fn names_that_fail_have_one_cause() {
    let loops = "[FATAL] plugin/loop: Loop (127.0.0.1:5353 -> :53) detected for zone \".\", see https://coredns.io/plugins/loop#troubleshooting";
    let again = "Error: getaddrinfo EAI_AGAIN db";
    let outside = "Error: getaddrinfo ENOTFOUND payments.example";
    let rows: Vec<Row> = vec![
        (
            "the cluster's DNS meets itself",
            World::new().dns(Crashes).wrote("kube-system/coredns-1", "app", &[loops]).runs("db", Well, &[]).serves("db", 4, 5432, true).runs("api", Crashes, &[again]),
            &["dns.coredns-loop coredns"],
        ),
        (
            "the cluster's DNS meets itself, and many suffer",
            World::new()
                .dns(Crashes)
                .wrote("kube-system/coredns-1", "app", &[loops])
                .runs("db", Well, &[])
                .serves("db", 4, 5432, true)
                .runs("api", Crashes, &[again])
                .runs("web", Unready, &[again])
                .runs("job", Waits, &[again]),
            &["dns.coredns-loop coredns"],
        ),
        (
            "nobody is above the cluster's DNS",
            world()
                .wrote("kube-system/coredns-1", "app", &["[ERROR] plugin/errors: 2 payments.example. A: read udp 10.1.0.9:40000->192.0.2.53:53: i/o timeout"])
                .runs("api", Crashes, &[outside])
                .runs("web", Unready, &[outside]),
            &["dns.upstream-fail coredns"],
        ),
        (
            "a pod asks its node for names",
            served().runs("api", Crashes, &[UNKNOWN]).set("Pod", "api-1", "/spec/dnsPolicy", "Default"),
            &["dns.policy-wrong api"],
        ),
        (
            "the service is elsewhere",
            world()
                .with(json!({"kind": "Namespace", "metadata": {"name": "data"}, "status": {"phase": "Active"}}))
                .with(json!({"kind": "Service", "metadata": {"name": "db", "namespace": "data"}, "spec": {"type": "ClusterIP", "clusterIP": "10.96.3.4"}}))
                .runs("api", Crashes, &[UNKNOWN]),
            &["dns.name-wrong-ns api"],
        ),
        (
            "a service that is only another name",
            world()
                .with(json!({"kind": "Service", "metadata": {"name": "db", "namespace": "shop"}, "spec": {"type": "ExternalName", "externalName": "db.gone.example"}}))
                .runs("api", Crashes, &[UNKNOWN]),
            &["svc.externalname db"],
        ),
        (
            "a governing service that is not there",
            world()
                .with(json!({"kind": "StatefulSet", "metadata": {"name": "kv", "namespace": "shop", "uid": "kv", "creationTimestamp": LONG_AGO},
                    "spec": {"replicas": 1, "serviceName": "kv", "selector": {"matchLabels": {"app": "kv"}}, "template": {"metadata": {"labels": {"app": "kv"}}}}, "status": {"replicas": 1, "readyReplicas": 1}}))
                .with(json!({"kind": "Pod", "metadata": {"name": "kv-0", "namespace": "shop", "uid": "kv-0", "labels": {"app": "kv"}, "creationTimestamp": LONG_AGO,
                        "ownerReferences": [{"kind": "StatefulSet", "name": "kv", "uid": "kv", "controller": true}]},
                    "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "registry.example/kv:1"}]},
                    "status": {"phase": "Running", "podIP": "10.1.0.20", "conditions": [{"type": "Ready", "status": "True"}],
                        "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": LONG_AGO}}}]}}))
                .runs("api", Crashes, &["lookup kv-0.kv on 10.96.0.10:53: no such host"]),
            &["wl.sts-no-headless-svc kv"],
        ),
    ];
    check(rows);
}

#[test]
fn ways_that_lead_nowhere_have_one_cause() {
    let rows: Vec<Row> = vec![
        (
            "headless, and the port is mapped by nobody",
            served()
                .set("Service", "db", "/spec/clusterIP", "None")
                .runs("api", Crashes, &["dial tcp db:5432: connect: connection refused"]),
            &["svc.headless-misuse db"],
        ),
        (
            "it answers on its own node only",
            served()
                .set("Service", "db", "/spec/internalTrafficPolicy", "Local")
                .runs("api", Crashes, &[TIMEOUT])
                .set("Pod", "api-1", "/spec/nodeName", "n2"),
            &["svc.internal-policy-local db"],
        ),
        (
            "a proxy takes what belongs to the cluster",
            served()
                .runs("api", Crashes, &["proxyconnect tcp: dial tcp: lookup proxy.example on 10.96.0.10:53: no such host (db:5432)"])
                .set("Pod", "api-1", "/spec/containers/0/env", json!([{"name": "HTTP_PROXY", "value": "http://proxy.example:3128"}])),
            &["net.proxy-env api"],
        ),
        (
            "the probe of the server asks the wrong port",
            world().runs("db", Deaf, &["listening on 0.0.0.0:5433"]).serves("db", 4, 5432, false).runs("api", Crashes, &[REFUSED]),
            &["rdy.port db"],
        ),
        (
            "a chain of errors: who is called answers, and calls in vain",
            world()
                .runs("c", NoImage, &[])
                .serves("c", 8, 80, false)
                .runs("b", Well, &["dial tcp 10.96.3.8:80: connect: connection refused"])
                .serves("b", 7, 80, true)
                .runs("a", Crashes, &["requests.exceptions.HTTPError: 500 Server Error: Internal Server Error for url: http://b:80/"])
                .runs("web", Unready, &["wget: server returned error: HTTP/1.1 500 Internal Server Error"])
                .set("Pod", "web-1", "/spec/containers/0/command", json!(["sh", "-c", "wget -qO- http://b:80/"])),
            &["img.not-found c"],
        ),
        (
            "who is called answers with an error of its own",
            world()
                .runs("c", NoImage, &[])
                .serves("c", 8, 80, false)
                .runs("b", Well, &["listening on :8080"])
                .serves("b", 7, 80, true)
                .runs("a", Crashes, &["requests.exceptions.HTTPError: 500 Server Error: Internal Server Error for url: http://b:80/"]),
            &["img.not-found c", "unexplained a"],
        ),
        (
            "two servers, both without an image",
            world()
                .runs("db", NoImage, &[])
                .serves("db", 4, 5432, false)
                .runs("cache", NoImage, &[])
                .serves("cache", 5, 6379, false)
                .runs("api", Crashes, &["redis: dial tcp 10.96.3.5:6379: connect: connection refused", REFUSED]),
            &["img.not-found cache", "img.not-found db"],
        ),
        (
            "two that call each other, and one of them lacks its image",
            world()
                .runs("a", NoImage, &[])
                .serves("a", 5, 80, false)
                .runs("b", Crashes, &["dial tcp 10.96.3.5:80: connect: connection refused"])
                .serves("b", 6, 80, false),
            &["img.not-found a"],
        ),
        (
            "two that only wait for each other",
            world()
                .runs("a", Crashes, &["dial tcp 10.96.3.6:80: connect: connection refused"])
                .serves("a", 5, 80, false)
                .runs("b", Crashes, &["dial tcp 10.96.3.5:80: connect: connection refused"])
                .serves("b", 6, 80, false),
            &["crash.app.dependency-refused a"],
        ),
        (
            "a chain of four, the last without a place",
            world()
                .runs("d", Homeless, &[])
                .serves("d", 9, 80, false)
                .runs("c", Waits, &["wget: can't connect to remote host (10.96.3.9): Connection refused"])
                .serves("c", 8, 80, false)
                .runs("b", Unready, &["Get \"http://c:80/\": dial tcp 10.96.3.8:80: connect: connection refused"])
                .serves("b", 7, 80, false)
                .runs("a", Crashes, &["requests.exceptions.ConnectionError: HTTPConnectionPool(host='b', port=80): Max retries exceeded with url: / (Caused by NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))"]),
            &["sched.node-selector-mismatch d"],
        ),
    ];
    check(rows);
}

#[test]
fn what_is_below_the_server_is_the_cause() {
    let gone = json!([{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status.", "lastTransitionTime": LONG_AGO}]);
    let claim = json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop", "creationTimestamp": LONG_AGO},
        "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Pending"}});
    let unbound = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": LONG_AGO,
        "message": "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."}]});
    let rows: Vec<Row> = vec![
        (
            "the server's node is gone",
            world()
                .runs("db", Unready, &[])
                .serves("db", 4, 5432, false)
                .set("Node", "n1", "/status/conditions", gone)
                .set("Lease", "n1", "/spec/renewTime", LONG_AGO)
                .without("Event", "db-1.0")
                .set("Pod", "coredns-1", "/spec/nodeName", "n2")
                .runs("api", Crashes, &[TIMEOUT])
                .set("Pod", "api-1", "/spec/nodeName", "n2"),
            &["node.kubelet-down n1"],
        ),
        (
            "the server's volume has no class",
            world()
                .runs("db", Homeless, &[])
                .set("Pod", "db-1", "/spec/volumes", json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]))
                .set("Pod", "db-1", "/spec/nodeSelector", json!({}))
                .set("Pod", "db-1", "/status", unbound)
                .without("Event", "db-1.0")
                .with(claim)
                .serves("db", 4, 5432, false)
                .runs("api", Unready, &[REFUSED]),
            &["pvc.storageclass-missing data"],
        ),
        (
            "a quota keeps the server's pods from being made",
            world()
                .runs("db", Well, &[])
                .without("Pod", "db-1")
                .with(json!({"kind": "ResourceQuota", "metadata": {"name": "few", "namespace": "shop"}, "spec": {"hard": {"pods": "1"}}, "status": {"hard": {"pods": "1"}, "used": {"pods": "1"}}}))
                .set("ReplicaSet", "db-set", "/status", json!({"replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "lastTransitionTime": LONG_AGO,
                    "message": "pods \"db-1\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"}]}))
                .serves("db", 4, 5432, false)
                .runs("api", Crashes, &[REFUSED]),
            &["adm.quota-exceeded.pods db"],
        ),
    ];
    check(rows);
}
