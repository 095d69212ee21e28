//! Clusters from 1.20 on: shapes of older versions of the API, made by hand. What is wrong in them is found by the same
//! rules, and what is well in them stays so.

use fathom_diagnose::snapshot::{Coverage, Gathering};
use fathom_diagnose::time::Time;
use fathom_diagnose::value::{Value, json};
use fathom_diagnose::{Question, Report, diagnose};

const NOW: &str = "2022-03-01T12:00:00Z";
const BEFORE: &str = "2022-03-01T10:00:00Z";

/// The kinds that such a cluster serves: no slices.
const SERVED: [&str; 14] = [
    "Pod",
    "Node",
    "Event",
    "Namespace",
    "Deployment",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Service",
    "Endpoints",
    "Ingress",
    "IngressClass",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
];

fn report(objects: Vec<Value>) -> Report {
    let mut gathering = Gathering::new();
    gathering.taken_at(Time::parse(NOW).expect("a moment"));
    let mut coverage = Coverage::nothing();
    SERVED.iter().for_each(|kind| coverage.list(kind, None));
    gathering.covers(coverage);
    background().into_iter().chain(objects).for_each(|object| gathering.value(object));
    let snapshot = gathering.finish();
    let report = diagnose(&snapshot, &Question::Everything);
    for proof in report.findings.iter().flat_map(|finding| &finding.proofs) {
        assert!(snapshot.holds(proof), "{proof:?}");
    }
    report
}

#[track_caller]
fn assert_said(objects: Vec<Value>, expect: &[&str]) {
    let report = report(objects);
    let said: Vec<String> = report.findings.iter().map(|one| format!("{} {}", one.code, one.object)).collect();
    assert_eq!(said, expect, "{}", fathom_diagnose::report::text::render(&report));
    assert!(!expect.is_empty() || report.unexplained.is_empty(), "{:?}", report.unexplained);
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "shop", "uid": name, "creationTimestamp": BEFORE})
}

/// A control plane with the taint of its time, and a worker; both beat in their leases and, as before, in their status.
fn background() -> Vec<Value> {
    let node = |name: &str, role: &str, taints: Value| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name, "creationTimestamp": BEFORE,
                "labels": {"kubernetes.io/hostname": name, "beta.kubernetes.io/os": "linux", (format!("node-role.kubernetes.io/{role}")): ""}},
            "spec": {"taints": taints},
            "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}, "nodeInfo": {"kubeletVersion": "v1.20.15", "containerRuntimeVersion": "docker://20.10.7"},
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": NOW, "lastTransitionTime": BEFORE}]}})
    };
    let taint = json!([{"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}]);
    vec![
        node("m1", "master", taint),
        node("n1", "worker", json!(null)),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}}),
    ]
}

fn pod(name: &str, app: &str, ready: bool) -> Value {
    let is = if ready { "True" } else { "False" };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": BEFORE, "labels": {"app": app}},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "registry.example/web:1", "ports": [{"containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": "10.0.0.7", "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": is, "lastTransitionTime": BEFORE}],
            "containerStatuses": [{"name": "app", "ready": ready, "started": true, "restartCount": 0, "state": {"running": {"startedAt": BEFORE}}}]}})
}

fn service(selector: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("web"),
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.7", "selector": {"app": selector}, "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]}})
}

fn endpoints(subsets: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": meta("web"), "subsets": subsets})
}

fn ingress(service: &str, port: Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1beta1", "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop", "uid": "i", "creationTimestamp": BEFORE, "annotations": {"kubernetes.io/ingress.class": "nginx"}},
        "spec": {"rules": [{"host": "shop.example", "http": {"paths": [{"path": "/", "backend": {"serviceName": service, "servicePort": port}}]}}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
}

#[test]
fn services_are_judged_by_endpoints_where_there_are_no_slices() {
    let served = json!([{"addresses": [{"ip": "10.0.0.7", "targetRef": {"kind": "Pod", "name": "web-0"}}], "ports": [{"port": 8080}]}]);
    assert_said(vec![service("web"), endpoints(served), pod("web-0", "web", true)], &[]);
    assert_said(
        vec![service("wep"), endpoints(json!([])), pod("web-0", "web", true)],
        &["svc.selector-mismatch Service/shop/web"],
    );
}

#[test]
fn ingresses_name_their_services_in_two_ways() {
    let served = json!([{"addresses": [{"ip": "10.0.0.7"}], "ports": [{"port": 8080}]}]);
    let base = || vec![service("web"), endpoints(served.clone()), pod("web-0", "web", true)];
    assert_said([base(), vec![ingress("web", 80.into())]].concat(), &[]);
    assert_said([base(), vec![ingress("wep", 80.into())]].concat(), &["ing.backend-svc-missing Ingress/shop/web"]);
    assert_said([base(), vec![ingress("web", 81.into())]].concat(), &["ing.port-missing Ingress/shop/web"]);
}

#[test]
fn schedules_and_budgets_of_beta_versions_are_left_alone() {
    let schedule = json!({"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": meta("nightly"),
        "spec": {"schedule": "0 3 * * *", "suspend": false, "concurrencyPolicy": "Allow"}, "status": {"lastScheduleTime": "2022-03-01T03:00:00Z"}});
    let budget = |name: &str, version: &str| {
        json!({"apiVersion": version, "kind": "PodDisruptionBudget", "metadata": meta(name), "spec": {"minAvailable": 1, "selector": {}},
            "status": {"disruptionsAllowed": 0, "expectedPods": 0, "currentHealthy": 0, "desiredHealthy": 1}})
    };
    let objects =
        |version: &str| vec![schedule.clone(), pod("web-0", "web", true), budget("a", version), budget("b", version)];
    // An empty selector was of no pod, and is of all since policy/v1.
    assert_said(objects("policy/v1beta1"), &[]);
    assert_said(objects("policy/v1"), &["pdb.multiple PodDisruptionBudget/shop/a"]);
}

#[test]
fn an_old_autoscaler_has_its_conditions_in_an_annotation() {
    let scaler = |conditions: Value| {
        json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "shop", "uid": "h", "creationTimestamp": BEFORE,
                "annotations": {"autoscaling.alpha.kubernetes.io/conditions": conditions.to_string()}},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 80},
            "status": {"currentReplicas": 1, "desiredReplicas": 0}})
    };
    let failed = json!([{"type": "AbleToScale", "status": "False", "lastTransitionTime": BEFORE, "reason": "FailedGetScale",
        "message": "the HPA controller was unable to get the target's current scale: deployments.apps \"web\" not found"}]);
    let well = json!([{"type": "AbleToScale", "status": "True", "lastTransitionTime": BEFORE, "reason": "ReadyForNewScale", "message": "recommended size matches current size"}]);
    assert_said(vec![scaler(failed)], &["hpa.target-missing HorizontalPodAutoscaler/shop/web"]);
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("web"), "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}}, "status": {}});
    assert_said(vec![target, scaler(well)], &[]);
}

/// An event as clients of that time wrote it: no series, and of the new API's fields only empty ones.
fn event(kind: &str, name: &str, reason: &str, message: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{name}.16"), "namespace": "shop", "creationTimestamp": "2022-03-01T11:59:00Z"},
        "involvedObject": {"kind": kind, "namespace": "shop", "name": name, "uid": name}, "type": "Warning", "reason": reason, "message": message,
        "source": {"component": "x"}, "count": 7, "firstTimestamp": "2022-03-01T11:50:00Z", "lastTimestamp": "2022-03-01T11:59:30Z",
        "eventTime": null, "reportingComponent": "", "reportingInstance": ""})
}

#[test]
fn a_policy_for_pod_security_refuses_pods() {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "registry.example/web:1"}]}});
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta("web"), "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}, "status": {"replicas": 0}});
    let says = "Error creating: pods \"web-\" is forbidden: PodSecurityPolicy: unable to admit pod: [spec.containers[0].securityContext.privileged: Invalid value: true: Privileged containers are not allowed]";
    assert_said(vec![set, event("ReplicaSet", "web", "FailedCreate", says)], &["adm.psp ReplicaSet/shop/web"]);
}

#[test]
fn the_taint_of_a_control_plane_has_its_old_name() {
    let mut waits = pod("web-0", "web", false);
    waits["spec"]["nodeName"] = Value::Null;
    waits["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": "m1"});
    let says = "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity, 1 node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't tolerate.";
    waits["status"] = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": says, "lastTransitionTime": BEFORE}]});
    assert_said(
        vec![waits, event("Pod", "web-0", "FailedScheduling", says)],
        &["sched.untolerated-taint Pod/shop/web-0"],
    );
}
