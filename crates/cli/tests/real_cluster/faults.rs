//! What goes wrong between a laptop and a node. These stories break the cluster, so they need one of their own.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fathom_testkit::engine::image::{Content, Entry};
use fathom_testkit::kubernetes::{Kubernetes, Proxy};
use serde_json::json;

use crate::support::{Cluster, ended, tools, within};

/// A cluster that is the test's own; none where a real one is named, which nobody may break.
fn breakable() -> Option<Cluster> {
    Cluster::with_shop().filter(|cluster| cluster.own.is_some())
}

fn own(cluster: &Cluster) -> &Kubernetes {
    cluster.own.as_ref().expect("it was asked for")
}

#[test]
fn an_api_that_throttles_is_asked_again() {
    let Some(cluster) = breakable() else { return };
    own(&cluster).throttle("/pods", 1);
    own(&cluster).throttle("/deployments/web", 1);
    own(&cluster).throttle("/exec", 1);
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert_eq!(got.status, 0, "{got:?}");
}

#[test]
fn an_api_that_throttles_for_ever_is_told() {
    let Some(cluster) = breakable() else { return };
    own(&cluster).throttle("/deployments/web", u32::MAX);
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("too many requests"), "{got:?}");
}

#[test]
fn a_node_that_is_not_ready_is_told_at_once() {
    let Some(cluster) = breakable() else { return };
    let condition = json!({"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."});
    own(&cluster).set(("", "nodes"), "", "node1", "status", json!({"conditions": [condition]}));
    let started = Instant::now();
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("the node node1 is not ready"), "{got:?}");
    assert!(got.stderr.contains("Kubelet stopped posting"), "{got:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(cluster.agents(), 0);
}

#[test]
fn an_unknown_token_is_told() {
    let Some(mut cluster) = breakable() else { return };
    let kubeconfig = std::fs::read_to_string(&cluster.kubeconfig).expect("it was written");
    let mut config: serde_json::Value = serde_json::from_str(&kubeconfig).expect("it is JSON");
    config["users"][0]["user"]["token"] = json!("expired");
    let folder = fathom_testkit::Scratch::new("expired");
    std::fs::write(folder.join("config"), config.to_string()).expect("the folder is ours");
    let good = std::mem::replace(&mut cluster.kubeconfig, folder.join("config").into());
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert!(got.status == 4 && got.stderr.contains("log in again"), "{got:?}");
    cluster.kubeconfig = good;
}

#[test]
fn nobody_who_listens_is_told() {
    let Some(mut cluster) = breakable() else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("loopback has ports");
    let nowhere = own(&cluster).kubeconfig_at(&format!("https://{closed}"), "admin", &["system:masters"]);
    let good = std::mem::replace(&mut cluster.kubeconfig, nowhere.into());
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("check that the cluster can be reached"), "{got:?}");
    cluster.kubeconfig = good;
}

#[test]
fn a_clock_that_is_behind_is_told() {
    let Some(mut cluster) = breakable() else { return };
    let tomorrow = own(&cluster).kubeconfig_at(&own(&cluster).url_of_tomorrow(), "admin", &["system:masters"]);
    let good = std::mem::replace(&mut cluster.kubeconfig, tomorrow.into());
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("is not valid yet, by the clock of this machine"), "{got:?}");
    cluster.kubeconfig = good;
}

#[test]
fn an_image_for_another_architecture_is_told_with_that_of_the_node() {
    let Some(cluster) = breakable() else { return };
    // What no kernel takes for a program, whatever emulators the machine has.
    let foreign = Entry::File("fathom".into(), 0o755, b"\x7fELF, but not for this machine".to_vec());
    let image = Content { entries: vec![foreign], ..Content::idle() }.named("fathom.test/foreign:1");
    let folder = fathom_testkit::Scratch::new("foreign");
    std::fs::write(folder.join("image.tar"), image.archive()).expect("the folder is ours");
    own(&cluster).import(&folder.join("image.tar"), &image.name);
    let ready = json!({"type": "Ready", "status": "True"});
    let status = json!({"conditions": [ready], "nodeInfo": {"architecture": "s390x"}});
    own(&cluster).set(("", "nodes"), "", "node1", "status", status);
    let got = cluster.run(&["deploy/web", "--agent-image", &image.name], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("exec format error"), "{got:?}");
    assert!(got.stderr.contains("not for the node node1, which is s390x"), "{got:?}");
    assert!(within(Duration::from_secs(30), || cluster.agents() == 0), "{} stay", cluster.agents());
}

/// The cluster seen through a bad network.
fn through(cluster: &mut Cluster) -> Proxy {
    let proxy = Proxy::new(own(cluster).address());
    let kubeconfig = own(cluster).kubeconfig_at(&proxy.url(), "admin", &["system:masters"]);
    cluster.kubeconfig = kubeconfig.into();
    proxy
}

#[test]
fn a_slow_network_that_breaks_everything_in_crumbs_loses_nothing() {
    let Some(mut cluster) = breakable() else { return };
    let proxy = through(&mut cluster);
    proxy.delay(Duration::from_millis(1));
    proxy.crumble(301);
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", "cat; echo end >&2"]);
    let sent: Vec<u8> = (0..200_000_u32).map(|number| ((number * 31) >> 3) as u8).collect();
    let mut input = session.stdin.take().expect("a pipe");
    let bytes = sent.clone();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let ended = session.wait_with_output().expect("it is ours");
    writer.join().expect("it does not panic").expect("the session reads");
    assert!(ended.stdout == sent, "{} of {} bytes", ended.stdout.len(), sent.len());
    assert!(String::from_utf8_lossy(&ended.stderr).contains("end\n"));
}

/// What is still under way when a relay ends is lost as soon as the client says something: its relay stays for that long.
#[test]
fn a_slow_network_loses_nothing_of_the_end() {
    let Some(mut cluster) = breakable() else { return };
    let proxy = through(&mut cluster);
    // From the start, so that no buffer on the way ever grows to hold the rest.
    proxy.delay(Duration::from_millis(10));
    const SIZE: usize = 6 << 20;
    for _ in 0..3 {
        let script = format!("yes | head -c {SIZE}; exit 7");
        let session = cluster.spawn(&["deploy/web"], &["sh", "-c", &script]);
        let got = ended(session.wait_with_output().expect("it is ours"));
        assert_eq!((got.stdout.len(), got.status), (SIZE, 7), "{}", got.stderr);
    }
}

/// Whether a process that a session started still runs in the shop's container.
fn sleeps(cluster: &Cluster, seconds: &str) -> bool {
    let look = format!("ps -ef | grep -c '[s]leep {seconds}'");
    cluster.run(&["deploy/web"], &["sh", "-c", &look]).stdout != "0\n"
}

#[test]
fn a_network_that_falls_silent_ends_both_sides() {
    let Some(mut cluster) = breakable() else { return };
    let good = cluster.kubeconfig.clone();
    let proxy = through(&mut cluster);
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", "echo here; sleep 4243"]);
    let mut word = [0; 5];
    session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
    proxy.fall_silent();
    let silence = Instant::now();
    let got = ended(session.wait_with_output().expect("it is ours"));
    assert!(got.status == 5 && got.stderr.contains("has not been heard"), "{got:?}");
    assert!(silence.elapsed() < Duration::from_secs(25), "{:?}", silence.elapsed());
    cluster.kubeconfig = good;
    assert!(within(Duration::from_secs(20), || !sleeps(&cluster, "4243")), "the session goes on");
}

#[test]
fn a_connection_that_breaks_off_ends_the_session() {
    let Some(mut cluster) = breakable() else { return };
    let good = cluster.kubeconfig.clone();
    let proxy = through(&mut cluster);
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", "echo here; sleep 4244"]);
    let mut word = [0; 5];
    session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
    proxy.cut();
    let got = ended(session.wait_with_output().expect("it is ours"));
    assert!(got.status == 5 && got.stderr.contains("cut off"), "{got:?}");
    cluster.kubeconfig = good;
    assert!(within(Duration::from_secs(20), || !sleeps(&cluster, "4244")), "the session goes on");
}

/// What was sent before a client was killed is not sent again.
#[test]
fn a_toolkit_that_was_half_sent_goes_on_from_there() {
    let Some(mut cluster) = breakable() else { return };
    let folder = fathom_testkit::Scratch::new("toolkit");
    let file = folder.join("tools.tar");
    std::fs::write(&file, tools("resumed", 24 << 20)).expect("the folder is ours");
    let file = file.to_str().expect("tests use readable paths");
    let arriving = own(&cluster).node_root().join("var/lib/fathom/store/arriving");
    let have = || {
        let files = std::fs::read_dir(&arriving).into_iter().flatten().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>()
    };
    let good = cluster.kubeconfig.clone();
    let proxy = through(&mut cluster);
    let mut sending = cluster.enter(&["deploy/web", "--toolkit", file, "--", "resumed"]);
    let mut sending = sending.stderr(Stdio::null()).spawn().expect("fathom starts");
    let arrives = within(Duration::from_secs(20), || {
        // From the first bytes on it goes slowly, so that it is not over before it is cut off.
        if have() > 0 {
            proxy.delay(Duration::from_millis(20));
        }
        have() > 1 << 20
    });
    sending.kill().expect("it is ours");
    sending.wait().expect("it is ours");
    assert!(arrives && have() < 24 << 20, "{} bytes came", have());
    let before = have();
    cluster.kubeconfig = good;
    let got = cluster.run(&["deploy/web", "--toolkit", file], &["resumed"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "resumed\n"), "{}", got.stderr);
    assert!(before > 0 && have() == 0, "{} bytes stay", have());
}

/// A pager that is left open is no reason to lose what comes after.
#[test]
fn a_reader_that_pauses_loses_nothing() {
    let Some(cluster) = breakable() else { return };
    const SIZE: usize = 24 << 20;
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", &format!("yes | head -c {SIZE}; exit 7")]);
    let mut output = session.stdout.take().expect("a pipe");
    let mut first = [0; 2];
    output.read_exact(&mut first).expect("it starts");
    // Longer than either side waits for a sign of life.
    std::thread::sleep(longer_than_patience());
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).expect("a pipe");
    let got = ended(session.wait_with_output().expect("it is ours"));
    assert_eq!((rest.len() + 2, got.status), (SIZE, 7), "{}", got.stderr);
}

/// And so is a command that does not read.
#[test]
fn a_command_that_does_not_read_is_not_forgotten() {
    let Some(cluster) = breakable() else { return };
    let script = format!("sleep {}; wc -c", longer_than_patience().as_secs());
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", &script]);
    let mut input = session.stdin.take().expect("a pipe");
    let sent = vec![b'y'; 12 << 20];
    let writer = std::thread::spawn(move || input.write_all(&sent));
    let got = ended(session.wait_with_output().expect("it is ours"));
    writer.join().expect("it does not panic").expect("the session reads");
    assert_eq!((got.stdout.trim(), got.status), ("12582912", 0), "{}", got.stderr);
}

/// A client that goes while its command does not read is missed as soon as any other.
#[test]
fn a_client_that_goes_while_its_command_does_not_read_is_missed() {
    let Some(cluster) = breakable() else { return };
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", "echo here; sleep 4245"]);
    let mut input = session.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || input.write_all(&vec![b'y'; 12 << 20]));
    let mut word = [0; 5];
    session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
    session.kill().expect("it is ours");
    session.wait().expect("it is ours");
    let _ = writer.join().expect("it does not panic");
    assert!(within(Duration::from_secs(20), || !sleeps(&cluster, "4245")), "the session goes on");
}

/// Three seconds more than either side waits for a sign of life.
fn longer_than_patience() -> Duration {
    Duration::from_secs(18)
}

#[test]
fn a_pod_that_is_deleted_ends_its_sessions() {
    let Some(cluster) = breakable() else { return };
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", "echo here; sleep 4246"]);
    let mut word = [0; 5];
    session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
    cluster.kubectl(&["-n", &cluster.namespace, "delete", "pods", "-l", "app=web", "--wait=false"]);
    let got = ended(session.wait_with_output().expect("it is ours"));
    assert_eq!(got.status, 137, "{got:?}");
}

#[test]
fn an_agent_that_is_killed_leaves_nothing_in_the_target() {
    let Some(cluster) = breakable() else { return };
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", "echo here; sleep 4247"]);
    let mut word = [0; 5];
    session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
    let agents = "app.kubernetes.io/name=fathom-agent";
    cluster.kubectl(&[
        "-n",
        &cluster.namespace,
        "delete",
        "pods",
        "-l",
        agents,
        "--force",
        "--grace-period=0",
        "--wait=false",
    ]);
    let got = ended(session.wait_with_output().expect("it is ours"));
    assert!(got.status != 0, "{got:?}");
    assert!(within(Duration::from_secs(20), || !sleeps(&cluster, "4247")), "the session goes on");
}

/// Wherever a client is killed on its way, nothing stays: the moments are spread over all that it does.
#[test]
fn a_client_that_is_killed_at_any_moment_leaves_nothing() {
    let Some(cluster) = breakable() else { return };
    for cold in [true, false] {
        if cold {
            assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
        }
        for step in 0..8_u64 {
            let mut session = cluster.enter(&["deploy/web", "--", "sleep", "4248"]);
            let mut session = session.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("fathom starts");
            std::thread::sleep(Duration::from_millis(if cold { 60 } else { 20 } * step));
            session.kill().expect("it is ours");
            session.wait().expect("it is ours");
        }
    }
    assert!(within(Duration::from_secs(20), || !sleeps(&cluster, "4248")), "a session goes on");
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}

/// The deadlines of the agents' jobs, in seconds.
fn deadlines(cluster: &Cluster) -> String {
    cluster.kubectl(&["-n", &cluster.namespace, "get", "jobs", "-o", "jsonpath={.items[*].spec.activeDeadlineSeconds}"])
}

/// Kills a client whose agent's image cannot be had, before it hears of that.
fn leave_stray(cluster: &Cluster) {
    let barrier = own(cluster).hold("job-name");
    let mut session = cluster.enter(&["deploy/web", "--agent-image", "fathom-nowhere:1", "--", "true"]);
    let mut session = session.stderr(Stdio::null()).spawn().expect("fathom starts");
    assert!(barrier.is_reached(Duration::from_secs(20)), "no agent is waited for");
    session.kill().expect("it is ours");
    session.wait().expect("it is ours");
    let waits = "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}";
    let agents = ["-n", &cluster.namespace, "get", "pods", "-l", "app.kubernetes.io/name=fathom-agent", "-o", waits];
    assert!(within(Duration::from_secs(20), || cluster.kubectl(&agents) == "ErrImagePull"));
}

#[test]
fn an_agent_that_never_ran_goes_with_the_next_client_or_the_next_cleanup_or_soon() {
    let Some(cluster) = breakable() else { return };
    leave_stray(&cluster);
    let seconds: u64 = deadlines(&cluster).parse().expect("there is one job");
    assert!(seconds <= 180, "it stays for {seconds} s");
    assert_eq!(cluster.sessions(&["cleanup"]), "1 agents removed, 0 copies removed\n");
    assert!(within(Duration::from_secs(20), || cluster.agents() == 0), "{} stay", cluster.agents());

    leave_stray(&cluster);
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert_eq!(got.status, 0, "{got:?}");
    // One that runs may stay for as long as it is needed.
    assert!(within(Duration::from_secs(20), || deadlines(&cluster) == "86400"), "{}", deadlines(&cluster));
}

/// Whoever may not put a deadline off gets an agent with the long one.
#[test]
fn an_agent_of_somebody_who_may_only_create_jobs_has_its_time() {
    let Some(cluster) = breakable() else { return };
    let namespace = &cluster.namespace;
    let rule = |group: &str, resources: &str, verbs: &str| {
        format!("{{apiGroups: [\"{group}\"], resources: [{resources}], verbs: [{verbs}]}}")
    };
    let rules = [
        rule("", "pods", "get, list, watch"),
        rule("", "pods/exec", "create, get"),
        rule("apps", "deployments", "get"),
        rule("batch", "jobs", "create"),
    ];
    cluster.apply_anywhere(&crate::support::role("ann", namespace, &rules.join(", ")));
    let got = cluster.run(&["deploy/web", "--as", "ann"], &["true"]);
    assert_eq!((got.status, deadlines(&cluster).as_str()), (0, "86400"), "{got:?}");
}

/// A job is no more than its deadline says, in this cluster as in any.
#[test]
fn a_job_ends_at_its_deadline() {
    let Some(cluster) = breakable() else { return };
    cluster.apply(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: late}\nspec:\n  activeDeadlineSeconds: 2\n  \
         ttlSecondsAfterFinished: 1\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n      \
         - {name: late, image: \"nowhere:1\"}\n",
    );
    let left = || cluster.kubectl(&["-n", &cluster.namespace, "get", "jobs,pods", "-l", "job-name=late", "-o", "name"]);
    cluster.until("job/late", "{.spec.activeDeadlineSeconds}", "2");
    let job = || cluster.kubectl(&["-n", &cluster.namespace, "get", "jobs", "-o", "name"]);
    assert!(within(Duration::from_secs(20), || job().is_empty() && left().is_empty()), "{} {}", job(), left());
}
