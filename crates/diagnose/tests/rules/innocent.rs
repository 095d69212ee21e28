//! What looks guilty and is not: the cause is another, or nothing is wrong.

use fathom_diagnose::value::{Value, json};

use crate::chains::check;
use crate::world::How::{Crashes, Killed, Well};
use crate::world::World;

fn world() -> World {
    World::new().dns(Well)
}

/// A service of `shop` that selects these labels.
fn service(name: &str, selector: &Value, owners: &Value) -> Value {
    json!({"kind": "Service", "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-03-01T11:00:00Z", "ownerReferences": owners},
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.3.9", "selector": selector, "ports": [{"port": 5432, "targetPort": 8080}]}})
}

/// A database whose pod was told at run time that it leads.
fn leader() -> World {
    world().runs("db", Well, &[]).set("Pod", "db-1", "/metadata/labels/role", "leader")
}

/// A web server whose color stands in its template.
fn blue() -> World {
    let template = "/spec/template/metadata/labels/color";
    let world = world().runs("web", Well, &[]).set("Pod", "web-1", "/metadata/labels/color", "blue");
    world.set("Deployment", "web", template, "blue").set("ReplicaSet", "web-set", template, "blue")
}

#[test]
fn a_service_of_a_role_that_nobody_has_is_not_wrong() {
    let colored = |color: &str| json!({"app": "web", "color": color});
    let follower = json!({"app": "db", "role": "follower"});
    let cluster = json!([{"kind": "Cluster", "name": "pg", "uid": "pg", "controller": true}]);
    let operated = leader().set("Pod", "db-1", "/metadata/ownerReferences", cluster.clone());
    let called = |world: World| world.runs("api", Crashes, &["dial tcp 10.96.3.9:5432: connect: connection refused"]);
    check(vec![
        ("a role given at run time", leader().with(service("db-ro", &follower, &json!([]))), &[]),
        ("a role given by an operator", operated.with(service("db-ro", &follower, &cluster)), &[]),
        ("a service that an operator keeps", blue().with(service("web-green", &colored("green"), &cluster)), &[]),
        (
            "the other of two versions",
            blue().with(service("blue", &colored("blue"), &json!([]))).with(service(
                "green",
                &colored("green"),
                &json!([]),
            )),
            &[],
        ),
        ("a mistaken color", blue().with(service("web", &colored("bleu"), &json!([]))), &["svc.selector-mismatch web"]),
        (
            "somebody calls it",
            called(leader().with(service("db-ro", &follower, &json!([])))),
            &["svc.selector-mismatch db-ro"],
        ),
    ]);
    let report = called(leader().with(service("db-ro", &follower, &json!([])))).report();
    let fixes: Vec<_> = report.findings.iter().filter(|one| one.fix.text.contains("patch")).collect();
    assert!(fixes.is_empty(), "a selector is not to be turned to another role");
}

#[test]
fn a_server_of_names_does_not_call_what_others_ask_for() {
    let asked =
        "[INFO] 10.1.0.9:44 - 3 \"A IN foo.shop.svc.cluster.local. udp 45 false 512\" NXDOMAIN qr,aa,rd 138 0.1s";
    let replied = "dnsmasq[1]: reply error foo.shop.svc.cluster.local is NXDOMAIN";
    check(vec![
        ("its log of questions", world().wrote("kube-system/coredns-1", "app", &[asked]), &[]),
        ("its log of answers", world().wrote("kube-system/coredns-1", "app", &[replied]), &[]),
    ]);
}

/// A pod that the kubelet has just killed and that runs again since a moment.
fn again(code: i64) -> World {
    let at = "/status/containerStatuses/0";
    let run = json!({"running": {"startedAt": "2026-03-01T11:59:50Z"}});
    let ended = json!({"terminated": {"exitCode": code, "reason": "Error", "startedAt": "2026-03-01T11:58:20Z", "finishedAt": "2026-03-01T11:59:48Z"}});
    let world = world().runs("api", Killed, &[]).set("Pod", "api-1", &format!("{at}/state"), run);
    world.set("Pod", "api-1", &format!("{at}/lastState"), ended)
}

#[test]
fn a_kill_is_the_kubelets_also_right_after_it() {
    let told = |world: World, at: &str| {
        let world = world.set("Event", "api-1.0", "/lastTimestamp", at);
        world.set("Event", "api-1.1", "/lastTimestamp", at)
    };
    check(vec![
        ("killed", told(again(137), "2026-03-01T11:59:46Z"), &["crash.liveness.dependency api"]),
        ("ended as told", told(again(143), "2026-03-01T11:59:46Z"), &["crash.liveness.dependency api"]),
        ("it took its time", told(again(137), "2026-03-01T11:59:18Z"), &["crash.liveness.dependency api"]),
        ("failures of an earlier run", told(again(137), "2026-03-01T11:57:00Z"), &["crash.sigkill-unexplained api"]),
    ]);
}
