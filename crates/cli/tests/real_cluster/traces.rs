//! `fathom trace` of what runs in a cluster, by an agent that comes for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fathom_testkit::{Need, Scratch, need};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::installation::Installation;
use crate::support::{Cluster, Ended, ended, within};

/// Two containers that open a file of their own again and again.
const BUSY: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: busy, labels: {app: busy}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: one, image: "busybox:1.35", command: [sh, -c, "while :; do echo > /tmp/one; sleep 0.1; done"], imagePullPolicy: IfNotPresent}
  - {name: two, image: "busybox:1.35", command: [sh, -c, "while :; do echo > /tmp/two; sleep 0.1; done"], imagePullPolicy: IfNotPresent}
"#;

/// What they do, and who it was.
const FILES: &str = "evt.type in (open, openat) and evt.dir=< and fd.name startswith /tmp/";
const WHO: &str = "%k8s.pod.name %container.name %proc.name %fd.name";

fn busy() -> Option<Cluster> {
    let cluster = Cluster::bare()?;
    cluster.apply(BUSY);
    let running = "-o=jsonpath={.status.containerStatuses[*].state.running}";
    let look = || cluster.kubectl(&["-n", &cluster.namespace, "get", "pod", "busy", running]);
    assert!(within(Duration::from_secs(60), || look().matches("startedAt").count() == 2), "{}", look());
    Some(cluster)
}

impl Cluster {
    /// `fathom trace` with an agent in this test's own namespace.
    fn trace(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_fathom"));
        command.args(["trace", "--namespace", &self.namespace, "--agent-namespace", &self.namespace, "--grace", "3s"]);
        if let Some(image) = self.agent_image() {
            command.arg("--agent-image").arg(image);
        }
        command.args(words);
        command
    }

    fn traced(&self, words: &[&str]) -> Ended {
        ended(self.trace(words).output().expect("fathom runs"))
    }

    fn begin_trace(&self, words: &[&str]) -> Child {
        let mut trace = self.trace(words);
        trace.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("fathom starts")
    }

    /// How many tracers on the node have this among their words.
    fn tracers(&self, mark: &str) -> usize {
        let node = self.kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]);
        // Neither of the client, which may be on the same machine, nor of those that look for it.
        let script = format!("ps -ef | grep -c '[-]-here .*{mark}'");
        let got = self.run(&[&format!("node/{node}")], &["sh", "-c", &script]);
        got.stdout.trim().parse().unwrap_or_else(|_| panic!("{got:?}"))
    }
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let mut byte = [0];
    let stdout = child.stdout.as_mut().expect("a pipe");
    while !line.ends_with('\n') && stdout.read(&mut byte).expect("a pipe") == 1 {
        line.push(char::from(byte[0]));
    }
    line
}

#[test]
fn one_container_is_traced_from_afar_and_nothing_stays() {
    let Some(cluster) = busy() else { return };
    let got = cluster.traced(&["pod/busy/two", "-n", "5", "-p", WHO, FILES]);
    assert_eq!((got.status, got.stdout.as_str()), (0, &*"busy two sh /tmp/two\n".repeat(5)), "{}", got.stderr);
    let got = cluster.traced(&["pod/busy", "--container", "one", "-n", "2", "-p", WHO, FILES]);
    assert_eq!((got.status, got.stdout.as_str()), (0, &*"busy one sh /tmp/one\n".repeat(2)), "{}", got.stderr);
    // Of a pod, all that it runs.
    for words in [["--target", "pod/busy"], ["--selector", "app=busy"]] {
        let got = cluster.traced(&[&words[..], &["-M", "3", "-p", WHO, FILES]].concat());
        let has = |line: &str| got.stdout.lines().any(|one| one == line);
        assert!(got.status == 0 && has("busy one sh /tmp/one") && has("busy two sh /tmp/two"), "{got:?}");
    }
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}

#[test]
fn a_recording_is_written_where_its_reader_is() {
    let Some(cluster) = busy() else { return };
    let folder = Scratch::new("far-scap");
    let file = folder.join("far.scap").to_string_lossy().into_owned();
    std::fs::write(&file, vec![b'x'; 1 << 20]).expect("the folder is ours");
    let got = cluster.traced(&["pod/busy/one", "-w", &file, "-n", "6", FILES]);
    assert_eq!((got.status, got.stdout.as_str()), (0, ""), "{}", got.stderr);
    let read = cluster.command(env!("CARGO_BIN_EXE_fathom")).args(["trace", "-r", &file, "-p", WHO, FILES]).output();
    let read = ended(read.expect("fathom runs"));
    assert_eq!((read.status, read.stdout.as_str()), (0, &*"busy one sh /tmp/one\n".repeat(6)), "{}", read.stderr);
    // Of what else runs on the node, it has nothing.
    for (view, has, absent) in [("ps", "sh", "containerd"), ("lscontainers", " one ", " two ")] {
        let mut read = cluster.command(env!("CARGO_BIN_EXE_fathom"));
        let read = ended(read.args(["trace", "-r", &file, "-c", view]).output().expect("fathom runs"));
        assert!(read.status == 0 && read.stdout.contains(has) && !read.stdout.contains(absent), "{read:?}");
    }
    // What cannot be had from afar is said before anything begins.
    for (words, why) in [(["-C", "1"], "-C divides none"), (["-c", "topfiles_bytes"], "without -c")] {
        let got = cluster.traced(&[&["pod/busy/one", "-w", &file], &words[..]].concat());
        assert!(got.status == 2 && got.stderr.contains(why), "{got:?}");
    }
    let again = std::fs::metadata(&file).expect("it is there").len();
    let got = cluster.traced(&["pod/nobody", "-w", &file]);
    assert_eq!((got.status, std::fs::metadata(&file).expect("it is there").len()), (3, again), "{got:?}");
}

#[test]
fn an_interrupt_ends_it_and_what_remains_is_told() {
    let Some(cluster) = busy() else { return };
    let mut trace = cluster.begin_trace(&["pod/busy/one", "--stats", "-S", "-p", WHO, FILES]);
    assert_eq!(first_line(&mut trace), "busy one sh /tmp/one\n");
    // While it runs it is on record, as any session.
    let row = cluster.sessions(&["-o", "json"]);
    assert!(row.contains("\"profile\":\"trace\"") && row.contains("--stats"), "{row}");
    kill_process(Pid::from_child(&trace), Signal::INT).expect("it is ours");
    let got = ended(trace.wait_with_output().expect("it is ours"));
    assert!(got.status == 0 && got.stderr.contains(" calls, of which 0 are lost"), "{got:?}");
    assert!(got.stdout.contains("#Calls"), "{got:?}");
}

#[test]
fn who_reads_no_more_or_is_killed_leaves_nothing() {
    let Some(cluster) = busy() else { return };
    let mark = format!("proc.name!={}", cluster.namespace);
    let filter = format!("{FILES} and {mark}");
    let mut trace = cluster.begin_trace(&["pod/busy/one", "-p", WHO, &filter]);
    let mut lines = BufReader::new(trace.stdout.take().expect("a pipe"));
    lines.read_line(&mut String::new()).expect("a pipe");
    assert_eq!(cluster.tracers(&mark), 1, "it does not run there");
    drop(lines);
    assert!(within(Duration::from_secs(20), || trace.try_wait().expect("it is ours").is_some()), "it goes on");
    assert_eq!(trace.wait().expect("it is ours").code(), Some(0));
    assert_eq!(cluster.tracers(&mark), 0, "the tracer stays");

    let mut trace = cluster.begin_trace(&["pod/busy/one", "-p", WHO, &filter]);
    assert_eq!(first_line(&mut trace), "busy one sh /tmp/one\n");
    trace.kill().expect("it is ours");
    trace.wait().expect("it is ours");
    assert!(within(Duration::from_secs(20), || cluster.tracers(&mark) == 0), "the tracer stays");
    assert_eq!(cluster.sessions(&["-o", "name"]), "");
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}

#[test]
fn who_may_trace_is_a_right_of_its_own() {
    let Some(cluster) = busy() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    installed.bind("ann", "fathom-trace");
    installed.bind("bob", "fathom-enter");
    let trace =
        |user: &str, target: &str| cluster.traced(&["--installed", "--as", user, target, "-n", "3", "-p", WHO, FILES]);
    for target in ["pod/busy/one", "pod/busy"] {
        let got = trace("ann", target);
        let files = got.stdout.lines().filter(|line| line.starts_with("busy ")).count();
        assert_eq!((got.status, files), (0, 3), "{got:?}");
    }
    let got = installed.run(&["pod/busy", "--as", "ann"], &["true"]);
    assert!(got.status == 4 && got.stderr.contains("resources: [\"pods/enter\"]"), "{got:?}");
    let got = trace("bob", "pod/busy/one");
    assert!(got.status == 4 && got.stderr.contains("resources: [\"pods/trace\"]"), "{got:?}");
    let got = trace("ann", "node/node1");
    assert!(got.status == 4 && got.stderr.contains("resources: [\"nodes/trace\"]"), "{got:?}");
    assert_eq!(cluster.agents(), 0, "what was denied was tried another way");

    // Words that a client of ours would not say are none of a trace.
    let uid = cluster.kubectl(&["-n", &cluster.namespace, "get", "pod", "busy", "-o", "jsonpath={.metadata.uid}"]);
    let folder = Scratch::new("hostile");
    for words in [json!(["--write=/etc/passwd"]), json!(["--readfile=/etc/shadow"]), json!(["--", "sh"])] {
        let wish = json!({"apiVersion": "fathom.dev/v1alpha1", "kind": "TraceRequest",
            "spec": {"podUid": uid, "entry": {"command": words}}});
        let file = folder.join("wish.json");
        std::fs::write(&file, wish.to_string()).expect("the folder is ours");
        let path = format!("/apis/fathom.dev/v1alpha1/namespaces/{}/pods/busy/trace", cluster.namespace);
        let file = file.to_str().expect("tests use readable paths");
        let mut kubectl = cluster.command("kubectl");
        let got = ended(kubectl.args(["create", "--as", "ann", "--raw", &path, "-f", file]).output().expect("it runs"));
        assert!(got.status != 0 && got.stderr.contains("takes no `-"), "{got:?}");
    }

    let lines = installed.record("ann", "denied");
    let told: Vec<(&str, &str)> = lines
        .iter()
        .filter_map(|line| Some((line["event"].as_str()?, line["act"].as_str().unwrap_or("enter"))))
        .collect();
    assert_eq!(told[..3], [("granted", "trace"), ("started", "trace"), ("ended", "trace")], "{lines:?}");
    let last = lines.last().expect("there is one");
    assert_eq!((&last["act"], &last["profile"]), (&json!("trace"), &json!(null)), "{last}");
    assert_eq!(lines[0]["target"], format!("{}/pod/busy/one", cluster.namespace), "{lines:?}");
    let events = cluster.kubectl(&["-n", &cluster.namespace, "get", "events", "-o", "json"]);
    assert!(events.contains("Traced") && events.contains("ann looks at"), "{events}");
}

#[test]
fn a_view_is_drawn_on_a_terminal_until_ctrl_c() {
    if need::missing(&[Need::Program("script")]) {
        return;
    }
    let Some(cluster) = busy() else { return };
    let trace = cluster.trace(&["pod/busy/one", "-c", "topfiles_bytes"]);
    let words: Vec<String> = std::iter::once(trace.get_program())
        .chain(trace.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut script = cluster.command("script");
    script.args(["-qec", &format!("stty cols 90 rows 30; {}", words.join(" ")), "/dev/null"]);
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script starts");
    let (mut keys, mut screen) = (script.stdin.take().expect("a pipe"), script.stdout.take().expect("a pipe"));
    let (mut seen, mut piece) = (String::new(), [0; 4096]);
    // Drawn twice: the second time in place of the first.
    while seen.matches("/tmp/one").count() < 2 {
        let count = screen.read(&mut piece).expect("a pipe");
        assert!(count > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    assert!(seen.contains("\u{1b}["), "it is not drawn: {seen:?}");
    keys.write_all(b"\x03").expect("script reads");
    let ended = within(Duration::from_secs(30), || script.try_wait().expect("it is ours").is_some());
    assert!(ended && script.wait().expect("it is ours").success(), "it goes on after Ctrl-C");
}

#[test]
fn a_tracer_goes_with_all_that_carries_it() {
    let Some(cluster) = busy() else { return };
    let Some(own) = &cluster.own else { return };
    let mark = format!("proc.name={}", cluster.namespace);
    let mut trace = cluster.begin_trace(&["pod/busy/one", &mark]);
    // It has nothing to say, so that it does not hear that nobody reads.
    let tracer = || {
        std::fs::read_dir("/proc").expect("it is mounted").flatten().find_map(|entry| {
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            (words.contains("\0--here\0") && words.contains(&mark)).then(|| entry.path())
        })
    };
    assert!(within(Duration::from_secs(60), || tracer().is_some()), "it does not begin");
    let label = ["-l", "app.kubernetes.io/name=fathom-agent", "-o", "jsonpath={.items[0].metadata.name}"];
    let agent = cluster.kubectl(&[&["-n", &cluster.namespace, "get", "pods"], &label[..]].concat());
    let carriers = own.processes(&cluster.namespace, &agent);
    assert!(carriers.len() >= 4, "{carriers:?}");
    for (pid, _) in carriers {
        let pid = Pid::from_raw(pid.cast_signed()).expect("it is one");
        let _ = kill_process(pid, Signal::KILL);
    }
    assert!(within(Duration::from_secs(20), || tracer().is_none()), "{:?} stays", tracer());
    assert_ne!(trace.wait().expect("it is ours").code(), Some(0), "the client does not say that it was cut off");
}
