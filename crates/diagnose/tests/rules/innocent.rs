//! What looks guilty and is not: the cause is another, or nothing is wrong.

use fathom_diagnose::value::{Value, json};

use crate::chains::check;
use crate::world::How::{Crashes, Killed, NoConfig, Well};
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

/// A pod of `shop` that is not started, with what the kubelet says about it.
fn waits(reason: &str, message: &str) -> World {
    let world = world().runs("web", Well, &[]);
    let state = json!([{"name": "app", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]);
    let world =
        world.set("Pod", "web-1", "/status/containerStatuses", state).set("Pod", "web-1", "/status/phase", "Pending");
    told(world.set("Pod", "web-1", "/status/conditions/1/status", "False"), "web-1", reason, message)
}

/// With an event about a pod of `shop`.
fn told(world: World, pod: &str, reason: &str, message: &str) -> World {
    world.with(json!({"kind": "Event", "metadata": {"name": "said", "namespace": "shop"}, "type": "Warning", "reason": reason, "message": message,
        "count": 20, "firstTimestamp": "2026-03-01T11:40:00Z", "lastTimestamp": "2026-03-01T11:59:50Z",
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": pod, "uid": pod}}))
}

#[test]
fn a_network_fails_for_more_than_its_agent() {
    let unauthorized = "failed to setup network for sandbox \"a\": error getting ClusterInformation: connection is unauthorized: Unauthorized";
    let unnamed = "failed to setup network for sandbox \"a\": Multus: cannot find a network-attachment-definition (lan) in namespace (shop)";
    let kept = "failed to \"KillPodSandbox\" for \"a\": failed to destroy network for sandbox \"a\": plugin type=\"calico\" failed (delete): Unauthorized";
    let agent = |how| waits("FailedCreatePodSandBox", unauthorized).runs_in("kube-system", "calico-node", how, &[]);
    let going =
        world().runs("web", Well, &[]).set("Pod", "web-1", "/metadata/deletionTimestamp", "2026-03-01T11:20:00Z");
    check(vec![
        ("nobody knows of an agent", waits("FailedCreatePodSandBox", unauthorized), &["cni.agent-down n1"]),
        ("the agent is well", agent(Well), &["unexplained web"]),
        ("a network that is not there", waits("FailedCreatePodSandBox", unnamed), &["unexplained web"]),
        ("a network that stays", told(going.clone(), "web-1", "FailedKillPod", kept), &["unexplained web-1"]),
    ]);
    // Whoever looks has the kubelet's words.
    for (world, says) in
        [(waits("FailedCreatePodSandBox", unnamed), unnamed), (told(going, "web-1", "FailedKillPod", kept), kept)]
    {
        let report = world.report();
        assert!(
            report.unexplained[0].proofs.iter().any(|proof| proof.saw == says),
            "{:?}",
            report.unexplained[0].proofs
        );
    }
}

#[test]
fn an_attachment_fails_for_more_than_its_driver() {
    let failed =
        |why: &str| waits("FailedAttachVolume", &format!("AttachVolume.Attach failed for volume \"v\" : {why}"));
    check(vec![
        (
            "held elsewhere",
            failed("disk(d) already attached to node(a), could not be attached to node(n1)"),
            &["vol.multi-attach web"],
        ),
        (
            "no attacher",
            failed("timed out waiting for external-attacher of x.csi to attach volume v"),
            &["vol.attach-failed web"],
        ),
    ]);
    for (why, expect) in [
        (
            "rpc error: code = ResourceExhausted desc = attachment limit exceeded",
            "volume v: its node has as many volumes as it can",
        ),
        ("rpc error: code = NotFound desc = volume vol-1 not found", "volume v: the storage does not know it any more"),
        ("rpc error: code = Internal desc = quota service is away", "volume v: its driver cannot attach it"),
    ] {
        let report = failed(why).report();
        let said: Vec<&str> = report.findings.iter().map(|one| one.says.as_str()).collect();
        assert_eq!(said, [expect], "{why}");
        assert!(!report.findings[0].fix.text.contains("external-attacher"), "{why}");
    }
}

#[test]
fn an_abort_for_a_full_heap_is_the_heaps() {
    let full =
        ["FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "Aborted (core dumped)"];
    let ended = |log| {
        world().runs("web", Crashes, log).set(
            "Pod",
            "web-1",
            "/status/containerStatuses/0/lastState/terminated/exitCode",
            134,
        )
    };
    check(vec![
        ("a full heap", ended(&full), &["crash.app.heap-full web"]),
        ("nothing said", ended(&["started"]), &["crash.abort web"]),
    ]);
}

#[test]
fn a_port_of_the_host_is_freed_by_what_holds_it() {
    let busy = "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.";
    let ports = json!([{"containerPort": 80, "hostPort": 80}]);
    let pod = |name: &str, set: &str, node: Value, host: bool| {
        let placed = if node.is_null() {
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": busy}]})
        } else {
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {}}}]})
        };
        json!({"kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": "2026-03-01T11:30:00Z",
                "ownerReferences": [{"kind": "ReplicaSet", "name": set, "uid": set, "controller": true}]},
            "spec": {"nodeName": node, "hostNetwork": host, "containers": [{"name": "app", "image": "registry.example/web:1", "ports": ports.clone()}]}, "status": placed})
    };
    let old = json!({"kind": "ReplicaSet", "metadata": {"name": "web-old", "namespace": "shop", "uid": "web-old", "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "web", "controller": true}]}});
    for (name, set, host, expect) in [
        ("its own old pod", "web-old", true, "Recreate"),
        ("its own sister", "web-set", true, "no more replicas"),
        ("a stranger on the node's network", "other", true, "another port"),
        ("a stranger", "other", false, "do without hostPort"),
    ] {
        let world = world().runs("web", Well, &[]).without("Pod", "web-1").with(old.clone());
        let world = world.with(pod("web-a", set, "n1".into(), host)).with(pod("web-b", set, "n2".into(), host));
        let report = world.with(pod("web-c", "web-set", Value::Null, host)).report();
        let found = report.findings.iter().find(|one| one.code == "sched.host-port-conflict").expect(name);
        assert!(found.fix.text.contains(expect), "{name}: {}", found.fix.text);
    }
}

#[test]
fn what_is_called_at_ones_own_address_is_in_the_same_pod() {
    let crashing = |world: World| {
        let at = "/status/containerStatuses/1";
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-03-01T11:58:00Z", "finishedAt": "2026-03-01T11:58:02Z"}});
        let world = world.set("Pod", "web-1", &format!("{at}/lastState"), ended).set(
            "Pod",
            "web-1",
            &format!("{at}/ready"),
            false,
        );
        world.set("Pod", "web-1", &format!("{at}/state"), json!({"waiting": {"reason": "CrashLoopBackOff"}}))
    };
    let refused = "connection to server at \"127.0.0.1\", port 5432 failed: Connection refused";
    let pod = || world().runs("web", Crashes, &[refused]);
    let key = "error: unable to load credentials: open /secrets/key.json: no such file or directory";
    check(vec![
        ("the proxy crashes", crashing(pod().beside("web", "proxy", &[key])), &["crash.app.file-missing web"]),
        ("the proxy runs", pod().beside("web", "proxy", &[]), &["crash.app.dependency-refused web"]),
    ]);
}

#[test]
fn what_is_called_at_a_nodes_own_address_is_on_the_same_node() {
    let refused = "dial tcp 127.0.0.1:2379: connect: connection refused";
    let broken = "open /etc/pki/server.crt: no such file or directory";
    let on_node = |world: World, name: &str, node: &str| {
        let world = world.set("Pod", &format!("{name}-1"), "/spec/hostNetwork", true);
        world.set("Pod", &format!("{name}-1"), "/spec/nodeName", node)
    };
    let told = |world: World, name: &str, port: i64| {
        world.set(
            "Pod",
            &format!("{name}-1"),
            "/spec/containers/0/command",
            json!([name, format!("--client=https://127.0.0.1:{port}")]),
        )
    };
    let pair = |node: &str, port| {
        let world = world().runs("api", Crashes, &[refused]).runs("store", Crashes, &[broken]);
        told(told(on_node(on_node(world, "api", "n1"), "store", node), "api", 2379), "store", port)
    };
    check(vec![
        ("the same node", pair("n1", 2379), &["crash.app.file-missing store"]),
        ("nobody knows why", pair("n1", 2379).wrote("store-1", "app", &["it ended"]), &["unexplained store"]),
        ("another node", pair("n2", 2379), &["crash.app.dependency-refused api", "crash.app.file-missing store"]),
        ("another port", pair("n1", 9000), &["crash.app.dependency-refused api", "crash.app.file-missing store"]),
        (
            "not on the node's network",
            pair("n1", 2379).set("Pod", "store-1", "/spec/hostNetwork", false),
            &["crash.app.dependency-refused api", "crash.app.file-missing store"],
        ),
    ]);
}

#[test]
fn what_many_need_and_nobody_has_is_one_cause() {
    let names = ["a", "b", "c", "d"];
    let refused = "dial tcp 10.20.0.5:5432: connect: connection refused";
    let all = |how, log: &[&str]| names.iter().fold(world(), |world, name| world.runs(name, how, log));
    check(vec![
        ("a ConfigMap", all(NoConfig, &[]), &["cfg.configmap-missing gone"]),
        (
            "two of them",
            world().runs("a", NoConfig, &[]).runs("b", NoConfig, &[]),
            &["cfg.configmap-missing a", "cfg.configmap-missing b"],
        ),
        ("an address outside", all(Crashes, &[refused]), &["crash.app.dependency-refused 10.20.0.5:5432"]),
        (
            "who ended for something else",
            all(Crashes, &[refused]).runs("e", Crashes, &[refused, "KeyError: 'DATABASE_URL'"]),
            &["crash.app.dependency-refused 10.20.0.5:5432", "crash.app.missing-env e"],
        ),
    ]);
    let report = all(NoConfig, &[]).report();
    assert!(report.findings[0].fix.verified, "with the ConfigMap all of them begin");
    let explained: Vec<&str> = report.findings[0].explains.iter().map(|one| one.object.name.as_str()).collect();
    assert!(names.iter().all(|name| explained.contains(name)), "{explained:?}");
}
