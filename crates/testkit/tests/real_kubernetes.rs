//! The cluster of the test kit: its pods are real containers, and go with it.

use std::time::{Duration, Instant};

use fathom_testkit::kubernetes::{Kubernetes, NEEDS};
use fathom_testkit::need;
use serde_json::{Value, json};

#[track_caller]
fn within(patience: Duration, mut done: impl FnMut() -> bool, why: impl FnOnce() -> String) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < patience, "{}", why());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn pod(name: &str, spec: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec, "status": {"phase": "Pending"}})
}

fn state(cluster: &Kubernetes, name: &str, path: &str) -> Value {
    cluster.get("", "pods", "default", name).and_then(|pod| pod.pointer(path).cloned()).unwrap_or_default()
}

#[test]
fn a_pod_runs_restarts_and_ends() {
    if need::missing(&NEEDS) {
        return;
    }
    let cluster = Kubernetes::start();
    let container = json!({"name": "app", "image": "busybox:1.35", "command": ["sh", "-c", "hostname; sleep 1000"]});
    cluster.put("", "pods", pod("web", json!({"containers": [container]})));
    let container = json!({"name": "app", "image": "busybox:1.35", "command": ["sh", "-c", "exit 3"]});
    cluster.put("", "pods", pod("loop", json!({"containers": [container], "restartPolicy": "Always"})));
    let container = json!({"name": "app", "image": "nobody:1"});
    cluster.put("", "pods", pod("nobody", json!({"containers": [container]})));
    let told =
        |name: &str| cluster.get("", "pods", "default", name).map(|pod| pod["status"].to_string()).unwrap_or_default();
    let all =
        || format!("{}\n{}\n{}\n{}", told("web"), told("loop"), told("nobody"), cluster.log("default", "web", "app"));
    let long = Duration::from_secs(20);
    within(long, || state(&cluster, "web", "/status/phase") == json!("Running"), all);
    within(long, || cluster.log("default", "web", "app") == "web\n", all);
    let restarts = "/status/containerStatuses/0/restartCount";
    within(long, || state(&cluster, "loop", restarts).as_u64() >= Some(2), all);
    let code = "/status/containerStatuses/0/lastState/terminated/exitCode";
    assert_eq!(state(&cluster, "loop", code), json!(3), "{}", all());
    let reason = "/status/containerStatuses/0/state/waiting/reason";
    within(long, || state(&cluster, "nobody", reason) == json!("ErrImagePull"), all);
}
