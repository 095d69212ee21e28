//! With kubectl's rights alone: an agent comes for a session, and goes by itself.

use std::io::Read as _;
use std::process::Command;
use std::time::Duration;

use fathom_testkit::Scratch;

use crate::support::{Cluster, ended, tools, within};

#[test]
fn one_command_in_one_pod_and_nothing_stays() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let pods = cluster.kubectl(&["-n", &cluster.namespace, "get", "pods", "-l", "app=web", "-o", "name"]);
    let pod = pods.lines().next().expect("it runs").trim_start_matches("pod/").to_owned();
    for target in [format!("pod/{pod}"), "deploy/web".to_owned(), "svc/web".to_owned()] {
        let got = cluster.run(&[&target], &["sh", "-c", "hostname; ls -d /target/bin; echo no >&2; exit 7"]);
        assert_eq!((got.status, got.stdout), (7, format!("{pod}\n/target/bin\n")), "{target}: {}", got.stderr);
        assert!(got.stderr.contains("no\n"), "{target}: {}", got.stderr);
    }
    let got = cluster.run(&[&format!("pod/{pod}"), "--root", "target"], &["sh", "-c", "ls -d /bin/busybox /.fathom"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "/.fathom\n/bin/busybox\n"), "{}", got.stderr);
    // One agent served them all, and goes when nobody has come for its grace; its job follows.
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}

#[test]
fn each_container_of_a_pod_can_be_meant() {
    let Some(cluster) = Cluster::with_shop() else { return };
    for (words, program) in [(vec!["deploy/web"], "httpd"), (vec!["deploy/web", "-c", "side"], "sleep")] {
        let got = cluster.run(&words, &["cat", "/proc/1/comm"]);
        assert_eq!((got.status, got.stdout), (0, format!("{program}\n")), "{}", got.stderr);
    }
    let got = cluster.run(&["deploy/web", "-c", "nobody"], &["true"]);
    assert!(got.status == 3 && got.stderr.contains("its containers: "), "{got:?}");
    let got = cluster.run(&["pod/nobody"], &["true"]);
    assert!(got.status == 3 && got.stderr.contains("nobody"), "{got:?}");
}

#[test]
fn a_toolkit_of_a_laptop_goes_to_the_node_once() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let folder = fathom_testkit::Scratch::new("toolkit");
    let file = folder.join("tools.tar");
    std::fs::write(&file, tools("hello", 1 << 20)).expect("the folder is ours");
    let file = file.to_str().expect("tests use readable paths");
    for _ in 0..2 {
        let got = cluster.run(&["deploy/web", "--toolkit", file], &["hello"]);
        assert_eq!((got.status, got.stdout.as_str()), (0, "hello\n"), "{}", got.stderr);
    }
    let broken = folder.join("broken.tar");
    std::fs::write(&broken, "no archive").expect("the folder is ours");
    let got = cluster.run(&["deploy/web", "--toolkit", broken.to_str().expect("readable")], &["true"]);
    assert!(got.status == 2 && got.stderr.contains("is not an image"), "{got:?}");
}

#[test]
fn bytes_go_through_whole_in_both_directions() {
    let Some(cluster) = Cluster::with_shop() else { return };
    cluster.pass_bytes(&["deploy/web"]);
}

#[test]
fn a_killed_client_leaves_nothing() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let mut session = cluster.spawn(&["deploy/web"], &["sh", "-c", "echo here; setsid sleep 4242 & sleep 4242"]);
    let mut word = [0; 5];
    session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
    session.kill().expect("it is ours");
    session.wait().expect("it is ours");
    let sleeps = || cluster.run(&["deploy/web"], &["sh", "-c", "ps -ef | grep -c '[s]leep 4242'"]).stdout;
    assert!(within(Duration::from_secs(20), || sleeps() == "0\n"), "{}", sleeps());
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}

#[test]
fn a_recording_of_a_far_terminal_plays_what_was_seen() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let folder = Scratch::new("far-cast");
    let file = folder.join("a.cast").to_string_lossy().into_owned();
    let got = cluster.run(&["deploy/web", "-t", "--record", &file], &["printf", "gr\\303\\274n\\n"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "gr\u{fc}n\r\n"), "{}", got.stderr);
    let cast = std::fs::read_to_string(&file).expect("it was written");
    let lines: Vec<serde_json::Value> =
        cast.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    assert_eq!((&lines[0]["version"], &lines[0]["title"]), (&2.into(), &"deploy/web".into()));
    let output: String = lines[1..].iter().filter_map(|event| event[2].as_str()).collect();
    assert_eq!(output, got.stdout);
    for (words, why) in [("", "needs a terminal"), ("-t --detach", "--detach")] {
        let words: Vec<&str> = ["deploy/web", "--record", &file].into_iter().chain(words.split_whitespace()).collect();
        let refused = cluster.run(&words, &["true"]);
        assert!(refused.status == 2 && refused.stderr.contains(why), "{refused:?}");
    }
}

#[test]
fn a_session_that_goes_on_is_listed_attached_to_and_ended() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let started = cluster.run(&["deploy/web", "--detach"], &["sh", "-c", "while true; do echo tick; sleep 0.1; done"]);
    assert_eq!(started.status, 0, "{started:?}");
    let id = started.stdout.trim();
    // Longer than the grace of an agent without sessions.
    let mut last = None;
    let gone = within(Duration::from_secs(5), || {
        let got = ended(cluster.sessions_command(&["-o", "name"]).output().expect("fathom runs"));
        // Where an agent could not be asked, that is said.
        let gone = !got.stdout.contains(id) && got.stderr.is_empty();
        last = Some(got);
        gone
    });
    assert!(!gone, "{id} is gone: {last:?}");
    let row = cluster.sessions(&["-o", "json"]);
    assert!(row.contains("\"state\":\"detached\"") && !row.contains("\"node\":null"), "{row}");
    let mut attached = cluster.sessions_command(&["attach", id]);
    let mut attached = attached.stdout(std::process::Stdio::piped()).spawn().expect("fathom starts");
    let mut word = [0; 4];
    attached.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it is heard");
    attached.kill().expect("it is ours");
    attached.wait().expect("it is ours");
    assert!(cluster.sessions(&["-o", "name"]).contains(id), "it went with its second client");
    cluster.sessions(&["kill", id]);
    assert_eq!(cluster.sessions(&["-o", "name"]), "");
    cluster.sessions(&["cleanup"]);
    assert!(within(Duration::from_secs(30), || cluster.agents() == 0), "{} stay", cluster.agents());
}

#[test]
fn to_kubectl_a_bare_word_is_a_pod() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let folder = fathom_testkit::Scratch::new("plugin");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fathom"), folder.join("kubectl-fathom")).expect("it is ours");
    let pods = cluster.kubectl(&["-n", &cluster.namespace, "get", "pods", "-l", "app=web", "-o", "name"]);
    let pod = pods.lines().next().expect("it runs").trim_start_matches("pod/");
    let path = std::env::var("PATH").unwrap_or_default();
    let words = cluster.enter(&[pod, "--", "hostname"]);
    let mut kubectl = Command::new("kubectl");
    kubectl.arg("fathom").args(words.get_args()).env("PATH", format!("{}:{path}", folder.path().display()));
    for (name, value) in words.get_envs() {
        kubectl.env(name, value.unwrap_or_default());
    }
    let got = ended(kubectl.output().expect("kubectl runs"));
    assert_eq!((got.status, got.stdout), (0, format!("{pod}\n")), "{}", got.stderr);
}

#[test]
fn who_may_not_is_told_which_right_is_lacking() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let got = cluster.run(&["deploy/web", "--as", "nobody"], &["true"]);
    assert_eq!(got.status, 4, "{got:?}");
    assert!(got.stderr.contains("get deployments") && got.stderr.contains("verbs: [\"get\"]"), "{got:?}");
}

#[test]
fn an_image_that_is_nowhere_is_told_at_once() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let got = cluster.run(&["deploy/web", "--agent-image", "fathom-nowhere:1"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("cannot start"), "{got:?}");
    assert!(within(Duration::from_secs(30), || cluster.agents() == 0), "{} stay", cluster.agents());
}

#[test]
fn a_namespace_that_forbids_the_agent_is_told_at_once() {
    let Some(cluster) = Cluster::bare() else { return };
    let level = "pod-security.kubernetes.io/enforce=restricted";
    cluster.kubectl(&["label", "namespace", &cluster.namespace, level]);
    let nodes = cluster.kubectl(&["get", "nodes", "-o", "name"]);
    let started = std::time::Instant::now();
    let got = cluster.run(&[nodes.lines().next().expect("it has a node")], &["true"]);
    assert!(started.elapsed() < Duration::from_secs(20), "it waited for {:?}", started.elapsed());
    assert_eq!(got.status, 4, "{got:?}");
    assert!(got.stderr.contains("PodSecurity") && got.stderr.contains("hint: --agent-namespace"), "{got:?}");
    assert!(within(Duration::from_secs(30), || cluster.agents() == 0), "{} stay", cluster.agents());
}
