//! One command in many pods at once.

use std::io::{BufRead as _, BufReader, Read as _};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Cluster, ended};

/// Four pods of one stateful set, whose names are known.
pub(crate) fn with_crowd() -> Option<Cluster> {
    let cluster = Cluster::bare()?;
    cluster.apply(
        r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: many}
spec:
  replicas: 4
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: one, image: "busybox:1.35", command: [sleep, "100000"], imagePullPolicy: IfNotPresent}]
"#,
    );
    cluster.kubectl(&["-n", &cluster.namespace, "rollout", "status", "sts/many", "--timeout=60s"]);
    Some(cluster)
}

#[test]
fn many_pods_at_once_say_whose_line_it_is_and_share_an_agent() {
    let Some(cluster) = with_crowd() else { return };
    // Half a line at a time, on both streams.
    let script = "n=0; while [ $n -lt 60 ]; do printf ou; printf er >&2; sleep 0.01; echo t $n; echo r $n >&2; \
                  n=$((n+1)); done; case $(hostname) in *-2) exit 7;; *-3) exit 5;; esac";
    for words in [["-l", "app=many", "--all"].as_slice(), ["sts/many", "--all", "--parallel", "2"].as_slice()] {
        let got = cluster.run(words, &["sh", "-c", script]);
        assert_eq!(got.status, 7, "the highest: {}", got.stderr);
        for pod in ["many-0", "many-1", "many-2", "many-3"] {
            for (text, word) in [(&got.stdout, "out"), (&got.stderr, "err")] {
                let prefix = format!("{pod} | ");
                let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
                let expect: Vec<String> = (0..60).map(|number| format!("{word} {number}")).collect();
                assert_eq!(lines, expect, "{words:?} {pod}");
            }
        }
        assert_eq!(got.stdout.lines().count(), 240);
        let said: Vec<&str> = got.stderr.lines().filter(|line| line.starts_with("fathom:")).collect();
        let expect = ["fathom: many-2: exit status 7", "fathom: many-3: exit status 5", "fathom: 2 of 4 pods failed"];
        assert_eq!(said, expect);
        // A job and its pod.
        assert_eq!(cluster.agents(), 2);
    }
    assert_eq!(cluster.run(&["-l", "app=many", "--all"], &["true"]).status, 0);
}

#[test]
fn a_pod_that_should_run_and_does_not_fails_and_one_that_has_ended_is_left_out() {
    let Some(cluster) = with_crowd() else { return };
    for (name, image) in [("many-lost", "nowhere:1"), ("many-done", "busybox:1.35")] {
        cluster.kubectl(&[
            "-n",
            &cluster.namespace,
            "run",
            name,
            "--image",
            image,
            "--restart=Never",
            "-l",
            "app=many",
            "--image-pull-policy=IfNotPresent",
            "--",
            "true",
        ]);
    }
    cluster.until("pod/many-done", "{.status.phase}", "Succeeded");
    let got = cluster.run(&["-l", "app=many", "--all"], &["hostname"]);
    assert_eq!(got.status, 3, "{got:?}");
    let mut lines: Vec<&str> = got.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["many-0 | many-0", "many-1 | many-1", "many-2 | many-2", "many-3 | many-3"]);
    assert!(got.stderr.contains("many-done is left out: it has ended (Succeeded)"), "{got:?}");
    assert!(got.stderr.contains("fathom: many-lost: ") && got.stderr.contains("1 of 5 pods failed"), "{got:?}");
}

#[test]
fn labels_that_leave_a_choice_are_answered_with_the_candidates() {
    let Some(cluster) = with_crowd() else { return };
    let got = cluster.run(&["-l", "app=many"], &["hostname"]);
    assert!(got.status == 3 && got.stderr.contains("many-0, many-1, many-2, many-3"), "{got:?}");
    let only = "statefulset.kubernetes.io/pod-name=many-1";
    let got = cluster.run(&["-l", only], &["hostname"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "many-1\n"), "{}", got.stderr);
    let got = cluster.run(&["-l", "app=none", "--all"], &["hostname"]);
    assert!(got.status == 3 && got.stderr.contains("none runs"), "{got:?}");
    let got = cluster.run(&["pod/many-0", "--all"], &["hostname"]);
    assert!(got.status == 2 && got.stderr.contains("--all means nothing"), "{got:?}");
}

#[test]
fn an_interrupt_reaches_all_of_them() {
    let Some(cluster) = with_crowd() else { return };
    let script = "echo ready; sleep 4249";
    let mut session = cluster.spawn(&["-l", "app=many", "--all"], &["sh", "-c", script]);
    let mut stdout = BufReader::new(session.stdout.take().expect("a pipe"));
    let mut line = String::new();
    for _ in 0..4 {
        stdout.read_line(&mut line).expect("they start");
    }
    kill_process(Pid::from_child(&session), Signal::INT).expect("it is ours");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("a pipe");
    let ended = ended(session.wait_with_output().expect("it is ours"));
    assert_eq!(ended.status, 130, "{line}{rest}{}", ended.stderr);
    assert!(ended.stderr.contains("4 of 4 pods failed"), "{}", ended.stderr);
}
