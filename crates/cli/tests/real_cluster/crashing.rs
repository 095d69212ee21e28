//! A container that crashes again and again: its next incarnation, itself and no copy.

use std::io::{BufRead as _, BufReader, Read as _};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Cluster, ended, within};

/// A pod whose second container crashes by `script`; a kubelet's patience with it shrinks, so each test has a fresh one.
pub(crate) fn with_crashing(script: &str) -> Option<Cluster> {
    let cluster = Cluster::bare()?;
    let pod = r#"
apiVersion: v1
kind: Pod
metadata: {name: loop, annotations: {kubectl.kubernetes.io/default-container: crash}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: side, image: "busybox:1.35", command: [sleep, "100000"], imagePullPolicy: IfNotPresent}
  - {name: crash, image: "busybox:1.35", command: [sh, -c, "SCRIPT"], imagePullPolicy: IfNotPresent}
"#;
    cluster.apply(&pod.replace("SCRIPT", script));
    assert!(within(Duration::from_secs(60), || restarts(&cluster) > 0), "it does not crash");
    Some(cluster)
}

fn restarts(cluster: &Cluster) -> u32 {
    let count = "-o=jsonpath={.status.containerStatuses[?(@.name=='crash')].restartCount}";
    cluster.kubectl(&["-n", &cluster.namespace, "get", "pod", "loop", count]).parse().unwrap_or(0)
}

#[test]
fn the_next_incarnation_of_a_crashing_container_is_held_before_it_gets_far() {
    let Some(cluster) = with_crashing("sleep 0.1; echo x; exit 1") else { return };
    let script = "tr '\\0' ' ' < /proc/1/cmdline; echo; read line; echo $line";
    let mut session = cluster.spawn(&["pod/loop", "--hold"], &["sh", "-c", script]);
    let mut stdout = BufReader::new(session.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it is held");
    // It is what would have ended at once, and it has said nothing yet.
    assert_eq!(line, "sh -c sleep 0.1; echo x; exit 1 \n");
    let log = || cluster.kubectl(&["-n", &cluster.namespace, "logs", "loop", "-c", "crash"]);
    assert!(within(Duration::from_secs(20), || log().is_empty()), "{}", log());
    let held = restarts(&cluster);
    // What holds it is on record, and lets it go on; the session goes with it.
    let row = cluster.sessions(&["-o", "json"]);
    let id = row.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it is listed").to_owned();
    assert!(row.contains("pod/loop/crash"), "{row}");
    assert!(log().is_empty(), "{}", log());
    cluster.sessions(&["release", &id]);
    assert!(within(Duration::from_secs(20), || log() == "x\n"), "{}", log());
    assert!(within(Duration::from_secs(60), || restarts(&cluster) > held), "it does not go on");
    drop(session.stdin.take());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("a pipe");
    let ended = ended(session.wait_with_output().expect("it is ours"));
    assert!(ended.stderr.contains("holding it") && ended.stderr.contains(" ms of CPU"), "{}", ended.stderr);
}

#[test]
fn a_session_that_ends_lets_what_it_held_go_on() {
    // It lives for a millisecond: one that is missed is followed by another.
    let Some(cluster) = with_crashing("echo x; exit 1") else { return };
    let got = cluster.run(&["pod/loop/crash", "--hold"], &["sh", "-c", "cat /proc/1/comm; exit 7"]);
    assert_eq!((got.status, got.stdout.as_str()), (7, "sh\n"), "{}", got.stderr);
    let seen = restarts(&cluster);
    assert!(within(Duration::from_secs(60), || restarts(&cluster) > seen), "it stays frozen");
}

#[test]
fn a_container_that_has_not_begun_is_met_when_it_does() {
    let Some(cluster) = Cluster::bare() else { return };
    // The first one keeps the pod from going on, until somebody is in it.
    cluster.apply(
        r#"
apiVersion: v1
kind: Pod
metadata: {name: slow}
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: shared, emptyDir: {}}]
  initContainers:
  - name: first
    image: busybox:1.35
    imagePullPolicy: IfNotPresent
    command: [sh, -c, "until test -e /shared/go; do sleep 0.1; done"]
    volumeMounts: [{name: shared, mountPath: /shared}]
  containers:
  - {name: web, image: "busybox:1.35", command: [sleep, "100000"], imagePullPolicy: IfNotPresent}
"#,
    );
    cluster.until("pod/slow", "{.status.initContainerStatuses[0].started}", "true");
    let mut session = cluster.spawn(&["pod/slow", "--wait"], &["cat", "/proc/1/cmdline"]);
    let mut stderr = BufReader::new(session.stderr.take().expect("a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("it waits");
    assert!(line.contains("waiting for the next") && line.contains("pod/slow/web"), "{line}");
    let go = cluster.run(&["pod/slow", "-c", "first", "--root", "target"], &["touch", "/shared/go"]);
    assert_eq!(go.status, 0, "{}", go.stderr);
    let mut said = String::new();
    session.stdout.take().expect("a pipe").read_to_string(&mut said).expect("a pipe");
    assert_eq!(
        (ended(session.wait_with_output().expect("it is ours")).status, said.as_str()),
        (0, "sleep\x00100000\x00")
    );
}

#[test]
fn who_waits_for_long_is_not_taken_for_gone_and_may_stop() {
    let Some(cluster) = Cluster::with_shop() else { return };
    // It does not crash, so this would take for ever.
    let mut session = cluster.spawn(&["deploy/web", "--wait"], &["true"]);
    // Longer than either side's patience with silence.
    let ended_early = within(Duration::from_secs(17), || session.try_wait().expect("it is ours").is_some());
    assert!(!ended_early, "{:?}", session.wait_with_output());
    kill_process(Pid::from_child(&session), Signal::INT).expect("it is ours");
    assert!(within(Duration::from_secs(10), || session.try_wait().expect("it is ours").is_some()), "it goes on");
    let got = ended(session.wait_with_output().expect("it is ours"));
    assert!(got.status == 5 && got.stderr.contains("nobody waits for the next"), "{got:?}");
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}

#[test]
fn what_never_comes_back_is_not_waited_for() {
    let Some(cluster) = Cluster::bare() else { return };
    let run =
        ["run", "done", "--image=busybox:1.35", "--restart=Never", "--image-pull-policy=IfNotPresent", "--", "true"];
    cluster.kubectl(&[["-n", &cluster.namespace].as_slice(), &run].concat());
    cluster.until("pod/done", "{.status.phase}", "Succeeded");
    let got = cluster.run(&["pod/done", "--wait"], &["true"]);
    assert!(got.status == 3 && got.stderr.contains("has ended (Succeeded)"), "{got:?}");
    let got = cluster.run(&["pod/done", "-c", "nobody", "--wait"], &["true"]);
    assert!(got.status == 3 && got.stderr.contains("its containers: done"), "{got:?}");
    let got = cluster.run(&["node/nowhere", "--wait"], &["true"]);
    assert!(got.status == 2 && got.stderr.contains("does not come back"), "{got:?}");
}
