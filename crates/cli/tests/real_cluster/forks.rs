//! A copy of a pod that waits instead of crashing.

use std::time::Duration;

use crate::support::{Cluster, within};

/// A deployment whose container ends at once, as nobody in particular and with a root that cannot be written to.
fn with_broken() -> Option<Cluster> {
    let cluster = Cluster::bare()?;
    cluster.apply(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: broken}
spec:
  selector: {matchLabels: {app: broken}}
  template:
    metadata: {labels: {app: broken, tier: front}}
    spec:
      terminationGracePeriodSeconds: 1
      initContainers: [{name: first, image: "busybox:1.35", command: ["true"], imagePullPolicy: IfNotPresent}]
      containers:
      - name: broken
        image: busybox:1.35
        imagePullPolicy: IfNotPresent
        command: [sh, -c]
        args: ["echo $(GREETING) $(id -u) $(pwd); exit 42"]
        workingDir: /tmp
        env: [{name: GREETING, value: hello}]
        securityContext: {runAsUser: 4711, readOnlyRootFilesystem: true}
        livenessProbe: {exec: {command: ["false"]}, periodSeconds: 1}
        lifecycle: {postStart: {exec: {command: ["false"]}}}
"#,
    );
    Some(cluster)
}

fn copies(cluster: &Cluster) -> String {
    cluster.kubectl(&["-n", &cluster.namespace, "get", "pods", "-l", "fathom.dev/fork-of", "-o", "name"])
}

#[test]
fn a_copy_waits_and_runs_what_the_original_would_have_run() {
    let Some(cluster) = with_broken() else { return };
    let got = cluster.run(&["deploy/broken", "--fork"], &["fathom", "run-entrypoint"]);
    assert_eq!((got.status, got.stdout.as_str()), (42, "hello 4711 /tmp\n"), "{}", got.stderr);
    assert!(got.stderr.contains("the copy is") && got.stderr.contains("-fork-"), "{}", got.stderr);
    assert!(within(Duration::from_secs(20), || copies(&cluster).is_empty()), "{}", copies(&cluster));
    let show = cluster.run(&["deploy/broken", "--fork", "--skip-init"], &["fathom", "run-entrypoint", "--show"]);
    assert_eq!(show.stdout, "sh -c echo hello $(id -u) $(pwd); exit 42\n", "{}", show.stderr);
}

#[test]
fn a_copy_stays_where_that_is_wished_and_keeps_the_labels_that_are_named() {
    let Some(cluster) = with_broken() else { return };
    let words = ["deploy/broken", "--fork", "--keep", "--keep-labels", "tier"];
    let got = cluster.run(&words, &["true"]);
    assert_eq!(got.status, 0, "{}", got.stderr);
    let tier = ["-n", &cluster.namespace, "get", "pods", "-l", "fathom.dev/fork-of,tier=front,!app", "-o", "name"];
    assert_eq!(cluster.kubectl(&tier), copies(&cluster));
    let copy = copies(&cluster).trim().to_owned();
    // It can be entered as any other pod.
    let again = cluster.run(&[&copy, "--root", "target"], &["fathom", "run-entrypoint"]);
    assert_eq!(again.status, 42, "{}", again.stderr);
}

/// A copy whose client was killed ends by itself, and is taken away by the next cleanup.
#[test]
fn copies_of_clients_that_were_killed_are_taken_away() {
    let Some(cluster) = with_broken() else { return };
    let clean = || cluster.sessions(&["-n", &cluster.namespace, "cleanup"]);
    let mut session = cluster.spawn(&["deploy/broken", "--fork"], &["sh", "-c", "echo here; sleep 100"]);
    let mut word = [0; 5];
    std::io::Read::read_exact(session.stdout.as_mut().expect("a pipe"), &mut word).expect("it starts");
    session.kill().expect("it is ours");
    session.wait().expect("it is ours");
    let copy = copies(&cluster).trim().to_owned();
    // One that runs may be somebody's.
    assert!(clean().contains("0 copies removed") && copies(&cluster).trim() == copy, "{}", copies(&cluster));
    // As it does by itself after some minutes alone.
    cluster.kubectl(&["-n", &cluster.namespace, "exec", &copy, "--", "sh", "-c", "kill 1"]);
    cluster.until(&copy, "{.status.phase}", "Succeeded");
    assert!(clean().contains("1 copies removed"));
    assert!(within(Duration::from_secs(20), || copies(&cluster).is_empty()), "{}", copies(&cluster));
}

/// The same for one that never came to run.
#[test]
fn copies_that_cannot_start_are_taken_away() {
    let Some(cluster) = with_broken() else { return };
    let Some(own) = &cluster.own else { return };
    let barrier = own.hold("metadata.name%3Dbroken");
    let mut session = cluster.enter(&["deploy/broken", "--fork", "--agent-image", "fathom-nowhere:1", "--", "true"]);
    let mut session = session.stderr(std::process::Stdio::null()).spawn().expect("fathom starts");
    assert!(barrier.is_reached(Duration::from_secs(20)), "no copy is waited for");
    session.kill().expect("it is ours");
    session.wait().expect("it is ours");
    drop(barrier);
    let copy = copies(&cluster).trim().to_owned();
    cluster.until(&copy, "{.status.initContainerStatuses[0].state.waiting.reason}", "ErrImagePull");
    let cleaned = cluster.sessions(&["-n", &cluster.namespace, "cleanup"]);
    assert!(cleaned.contains("1 copies removed"), "{cleaned}");
    assert!(within(Duration::from_secs(20), || copies(&cluster).is_empty()), "{}", copies(&cluster));
}

#[test]
fn an_image_without_a_shell_is_held_and_its_engine_knows_what_it_runs() {
    let Some(cluster) = Cluster::bare() else { return };
    cluster.kubectl(&[
        "-n",
        &cluster.namespace,
        "run",
        "bare",
        &format!("--image={}", cluster.bare_image()),
        "--image-pull-policy=IfNotPresent",
    ]);
    cluster.kubectl(&["-n", &cluster.namespace, "wait", "--for=condition=Ready", "pod/bare", "--timeout=60s"]);
    let runs = cluster.run(&["pod/bare"], &["sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"]);
    let got = cluster.run(&["pod/bare", "--fork"], &["fathom", "run-entrypoint", "--show"]);
    assert_eq!(got.status, 0, "{}", got.stderr);
    assert_eq!(got.stdout.trim(), runs.stdout.trim());
    assert!(!got.stdout.trim().is_empty());
}

#[test]
fn what_cannot_be_copied_is_told_and_leaves_nothing() {
    let Some(cluster) = with_broken() else { return };
    let got = cluster.run(&["deploy/broken", "--fork", "-c", "first"], &["true"]);
    assert!(got.status == 3 && got.stderr.contains("its containers: broken"), "{got:?}");
    let got = cluster.run(&["deploy/broken", "--fork", "--agent-image", "fathom-nowhere:1"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("cannot start"), "{got:?}");
    assert!(within(Duration::from_secs(20), || copies(&cluster).is_empty()), "{}", copies(&cluster));
    let got = cluster.run(&["deploy/broken"], &["true"]);
    assert_eq!(got.status, 3, "{got:?}");
}
