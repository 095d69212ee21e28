//! One thing that is wrong, of which several objects tell: it is said once, where it is mended.

use fathom_diagnose::value::{Value, json};

use crate::world::How::{Crashes, Deaf, NoImage, Well};
use crate::world::World;

const LONG_AGO: &str = "2026-03-01T11:30:00Z";

fn world() -> World {
    World::new().dns(Well)
}

/// An object of `shop` that says of itself that it is not well.
fn unwell(kind: &str, name: &str, condition: &str, message: &str, spec: Value) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": "shop", "creationTimestamp": LONG_AGO}, "spec": spec,
        "status": {"conditions": [{"type": condition, "status": "False", "reason": "Failed", "message": message, "lastTransitionTime": LONG_AGO}]}})
}

fn ingress() -> Value {
    json!({"kind": "Ingress", "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": LONG_AGO, "annotations": {"cert-manager.io/cluster-issuer": "le"}},
        "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["shop.example"], "secretName": "web-tls"}],
            "rules": [{"host": "shop.example", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
}

fn class() -> Value {
    json!({"kind": "IngressClass", "metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}})
}

fn api(name: &str, service: &str, reason: &str) -> Value {
    let group = name.split_once('.').map_or("", |(_, group)| group);
    json!({"kind": "APIService", "metadata": {"name": name, "creationTimestamp": LONG_AGO},
        "spec": {"group": group, "version": "v1beta1", "service": {"namespace": "shop", "name": service, "port": 443}},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": reason, "lastTransitionTime": LONG_AGO,
            "message": format!("endpoints for service/{service} in \"shop\" have no addresses with port name \"https\"")}]}})
}

fn scaler(reason: &str, message: &str, metric: Value) -> Value {
    json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": LONG_AGO},
        "spec": {"minReplicas": 1, "maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "metrics": [metric]},
        "status": {"currentReplicas": 1, "desiredReplicas": 1, "conditions": [
            {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale", "lastTransitionTime": LONG_AGO},
            {"type": "ScalingActive", "status": "False", "reason": reason, "message": message, "lastTransitionTime": LONG_AGO}]}})
}

/// A schedule, its last job, and the job's pod, which has ended and written this.
fn scheduled(world: World, log: &[&str]) -> World {
    let condition = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit", "lastTransitionTime": "2026-03-01T11:59:00Z"});
    let labels = json!({"job-name": "load-1"});
    let world = world
        .with(json!({"kind": "CronJob", "metadata": {"name": "load", "namespace": "shop", "uid": "load", "creationTimestamp": LONG_AGO},
            "spec": {"schedule": "*/10 * * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}}}, "status": {"lastScheduleTime": "2026-03-01T11:50:00Z"}}))
        .with(json!({"kind": "Job", "metadata": {"name": "load-1", "namespace": "shop", "uid": "load-1", "creationTimestamp": "2026-03-01T11:50:00Z",
                "ownerReferences": [{"kind": "CronJob", "name": "load", "uid": "load", "controller": true}]},
            "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}}}, "status": {"failed": 1, "conditions": [condition]}}))
        .with(json!({"kind": "Pod", "metadata": {"name": "load-1-x", "namespace": "shop", "uid": "load-1-x", "labels": labels, "creationTimestamp": "2026-03-01T11:50:00Z",
                "ownerReferences": [{"kind": "Job", "name": "load-1", "uid": "load-1", "controller": true}]},
            "spec": {"nodeName": "n1", "restartPolicy": "Never", "containers": [{"name": "app", "image": "registry.example/load:1"}]},
            "status": {"phase": "Failed", "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-03-01T11:55:00Z"}], "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-03-01T11:50:00Z", "finishedAt": "2026-03-01T11:58:00Z"}}}]}}));
    world.wrote("load-1-x", "app", log)
}

fn not_ready(world: World, message: &str) -> World {
    let condition = json!([{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "lastTransitionTime": LONG_AGO, "message": message}]);
    world.set("Node", "n1", "/status/conditions", condition)
}

fn unit(name: &str, runs: bool) -> Value {
    json!({"kind": "Unit", "metadata": {"name": name, "namespace": "n1"}, "wanted": true, "runs": runs, "program": name})
}

fn waits_for_secret(world: World) -> World {
    let waits = json!([{"name": "app", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"web-tls\" not found"}}}]);
    world.runs("gate", NoImage, &[]).set("Pod", "gate-1", "/status/containerStatuses", waits)
}

#[test]
fn one_thing_is_said_once() {
    let certificate = || {
        unwell(
            "Certificate",
            "web",
            "Ready",
            "Issuing certificate as Secret does not exist",
            json!({"secretName": "web-tls"}),
        )
    };
    let external =
        || unwell("ExternalSecret", "web-tls", "Ready", "could not get secret data from provider", json!({}));
    let issuer = || unwell("Issuer", "le", "Ready", "Failed to register ACME account", json!({"acme": {}}));
    let issued = || {
        unwell(
            "Certificate",
            "web",
            "Ready",
            "Issuing certificate as Secret does not exist",
            json!({"secretName": "web-tls", "issuerRef": {"kind": "Issuer", "name": "le"}}),
        )
    };
    let store = || unwell("SecretStore", "vault", "Ready", "unable to validate store", json!({}));
    let stored = || {
        unwell(
            "ExternalSecret",
            "web-tls",
            "Ready",
            "could not get secret data from provider",
            json!({"secretStoreRef": {"kind": "SecretStore", "name": "vault"}}),
        )
    };
    let requests = json!({"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": {"type": "AverageValue", "averageValue": "10"}}});
    let processor = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
    let shop = || world().runs("web", Well, &[]).serves("web", 8, 80, true).with(class());
    let rows: Vec<(&str, World, &[&str])> = vec![
        ("runtime and PLEG", not_ready(world(), "[container runtime is down, PLEG is not healthy: pleg was last seen active 3m12s ago; threshold is 3m0s]"), &["node.runtime-down n1"]),
        ("PLEG alone", not_ready(world(), "PLEG is not healthy: pleg was last seen active 3m12s ago; threshold is 3m0s"), &["node.pleg n1"]),
        (
            "runtime and network",
            not_ready(world(), "[container runtime is down, container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized]"),
            &["node.runtime-down n1"],
        ),
        (
            "the node's words and its unit",
            not_ready(world(), "container runtime is down").with(unit("containerd", false)).with(unit("kubelet", true)),
            &["node.runtime-down n1"],
        ),
        (
            "the node's words and its disk",
            world()
                .set("Node", "n1", "/status/conditions", json!([
                    {"type": "Ready", "status": "True", "lastTransitionTime": LONG_AGO},
                    {"type": "DiskPressure", "status": "True", "reason": "KubeletHasDiskPressure", "message": "kubelet has disk pressure", "lastTransitionTime": LONG_AGO}]))
                .with(json!({"kind": "Disk", "metadata": {"name": "/var/lib/containerd", "namespace": "n1"}, "source": "/dev/sda1",
                    "total": 107_374_182_400_i64, "available": 8192, "files": 6_553_600, "filesFree": 5_000_000, "options": "rw"})),
            &["node.disk-pressure /var/lib/containerd"],
        ),
        ("a certificate and its ingress", shop().with(ingress()).with(certificate()), &["cert.issuing-stuck web"]),
        ("an ingress whose certificate nobody makes", shop().with(ingress()), &["ing.tls-secret-missing web"]),
        ("a certificate and a pod", waits_for_secret(world()).with(certificate()), &["cert.issuing-stuck web"]),
        ("an issuer, its certificate and the ingress", shop().with(ingress()).with(issued()).with(issuer()), &["cr.condition-false le"]),
        ("an external secret and a pod", waits_for_secret(world()).with(external()), &["cr.condition-false web-tls"]),
        ("a store, its secret and a pod", waits_for_secret(world()).with(stored()).with(store()), &["cr.condition-false vault"]),
        ("a secret that nobody makes", waits_for_secret(world()), &["cfg.secret-missing gate"]),
        (
            "another external secret",
            waits_for_secret(world()).with(unwell("ExternalSecret", "other", "Ready", "could not get secret data from provider", json!({}))),
            &["cfg.secret-missing gate", "cr.condition-false other"],
        ),
        (
            "a pod that waits for a secret that is made, and has another image too",
            waits_for_secret(world()).with(external()).runs("web", NoImage, &[]),
            &["cr.condition-false web-tls", "img.not-found web"],
        ),
        (
            "the adapter of custom metrics crashes",
            world()
                .runs("adapter", Crashes, &["KeyError: 'PROMETHEUS_URL'"])
                .serves("adapter", 8, 443, false)
                .with(api("v1beta1.custom.metrics.k8s.io", "adapter", "MissingEndpoints"))
                .runs("web", Well, &[])
                .with(scaler("FailedGetPodsMetric", "the HPA was unable to compute the replica count: unable to get metric requests: unable to fetch metrics from custom metrics API: the server is currently unable to handle the request (get pods.custom.metrics.k8s.io)", requests.clone())),
            &["crash.app.missing-env adapter"],
        ),
        (
            "the adapter of custom metrics calls a service that is not there",
            world()
                .runs("adapter", Deaf, &["lookup prometheus.shop.svc on 10.96.0.10:53: no such host"])
                .serves("adapter", 8, 443, false)
                .with(api("v1beta1.custom.metrics.k8s.io", "adapter", "MissingEndpoints"))
                .runs("web", Well, &[])
                .with(scaler("FailedGetPodsMetric", "the HPA was unable to compute the replica count: unable to get metric requests: unable to fetch metrics from custom metrics API: the server is currently unable to handle the request (get pods.custom.metrics.k8s.io)", requests.clone())),
            &["svc.missing adapter"],
        ),
        (
            "nobody serves custom metrics",
            world().runs("web", Well, &[]).with(scaler("FailedGetPodsMetric", "the HPA was unable to compute the replica count: unable to get metric requests: unable to fetch metrics from custom metrics API: the server could not find the requested resource (get pods.custom.metrics.k8s.io)", requests)),
            &["hpa.custom-metric-missing web"],
        ),
        (
            "metrics-server has no image",
            world()
                .runs("metrics-server", NoImage, &[])
                .serves("metrics-server", 8, 443, false)
                .with(api("v1beta1.metrics.k8s.io", "metrics-server", "MissingEndpoints"))
                .runs("web", Well, &[])
                .with(scaler("FailedGetResourceMetric", "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get pods.metrics.k8s.io)", processor)),
            &["img.not-found metrics-server"],
        ),
        ("a schedule, its job and the pod", scheduled(world(), &["KeyError: 'BUCKET_URL'"]), &["crash.app.missing-env load"]),
        (
            "a schedule whose job calls in vain",
            scheduled(world().runs("db", NoImage, &[]).serves("db", 4, 5432, false), &["dial tcp 10.96.3.4:5432: connect: connection refused"]),
            &["img.not-found db"],
        ),
        ("a schedule whose job says nothing", scheduled(world(), &[]), &["unexplained load"]),
    ];
    crate::chains::check(rows);
}
