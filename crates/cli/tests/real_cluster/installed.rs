//! With fathom installed: who may enter is RBAC on the target, and all of it is on record.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::installation::Installation;
use crate::support::{Cluster, Ended, ended, role, within};

/// The name of the shop's pod.
pub(crate) fn pod(cluster: &Cluster) -> String {
    let pods = cluster.kubectl(&["-n", &cluster.namespace, "get", "pods", "-l", "app=web", "-o", "name"]);
    pods.lines().next().expect("it runs").trim_start_matches("pod/").to_owned()
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["event"].as_str()).collect()
}

#[test]
fn a_command_runs_and_is_on_record() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    let pod = pod(&cluster);
    for target in [format!("pod/{pod}"), "deploy/web".to_owned(), "svc/web".to_owned()] {
        let got = installed.run(&[&target], &["sh", "-c", "hostname; ls -d /target/bin; echo no >&2; exit 7"]);
        assert_eq!((got.status, got.stdout), (7, format!("{pod}\n/target/bin\n")), "{target}: {}", got.stderr);
        assert!(got.stderr.contains("no\n"), "{target}: {}", got.stderr);
    }
    let got = installed.run(&["deploy/web", "-t"], &["sh", "-c", "test -t 0 && stty size"]);
    assert_eq!(got.status, 0, "{got:?}");
    // Without a word about it, the server is gone through; and past it only where one says so.
    let got = cluster.run(&["deploy/web", "--profile", "nobody-has-this", "--as", "nobody"], &["true"]);
    assert_ne!(got.status, 0, "{got:?}");
    let own = || installed.cluster.agents();
    assert_eq!(own(), 0, "an agent of one's own came although there is a server");

    cluster.pass_bytes(&["deploy/web", "--installed"]);

    let user = admin(&cluster);
    let lines = installed.record(&user, "ended");
    assert_eq!(events(&lines[..3]), ["granted", "started", "ended"]);
    let line = &lines[2];
    assert_eq!(line["target"], format!("{}/pod/{pod}/web", cluster.namespace), "{line}");
    assert_eq!((&line["profile"], &line["ending"]), (&json!("general"), &json!({"exited": 7})), "{line}");
    assert_eq!(line["command"][0], "sh", "{line}");
    let told = cluster.kubectl(&["-n", &cluster.namespace, "get", "events", "-o", "json"]);
    let told: Value = serde_json::from_str(&told).expect("kubectl writes JSON");
    let meant = |event: &&Value| event["message"].as_str().is_some_and(|said| said.contains("hostname"));
    let entered = told["items"].as_array().into_iter().flatten().find(meant);
    let entered = entered.unwrap_or_else(|| panic!("no event: {told}"));
    assert_eq!(entered["involvedObject"]["name"], json!(pod), "{entered}");
    let said = entered["message"].as_str().unwrap_or_default();
    assert!(entered["reason"] == "Entered" && said.contains(&user) && said.contains("general"), "{said}");
}

/// Who the test's own kubeconfig is.
fn admin(cluster: &Cluster) -> String {
    if cluster.own.is_some() {
        "admin".to_owned()
    } else {
        cluster.kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"])
    }
}

#[test]
fn rights_are_those_on_the_target() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    let target = format!("pod/{}", pod(&cluster));
    installed.bind("ann", "fathom-enter");
    installed.bind("bob", "fathom-enter-restricted");
    let enter =
        |user: &str, more: &[&str]| installed.run(&[&[target.as_str(), "--as", user], more].concat(), &["id", "-u"]);

    let got = enter("ann", &[]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "0\n"), "{}", got.stderr);
    // One namespace is not another: ann may look at the pods of this one, and enter none.
    let other = installed.namespace.as_str();
    cluster.apply_anywhere(&looks("ann", other));
    let theirs = cluster.kubectl(&["-n", other, "get", "pods", "-o", "jsonpath={.items[0].metadata.name}"]);
    let mut there = cluster.command(env!("CARGO_BIN_EXE_fathom"));
    there.args(["enter", "--installed", "--as", "ann", "-n", other, &format!("pod/{theirs}"), "--", "true"]);
    let got = ended(there.output().expect("fathom runs"));
    assert!(got.status == 4 && got.stderr.contains("resources: [\"pods/enter\"]"), "{got:?}");

    let got = enter("bob", &["--profile", "restricted"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "65534\n"), "{}", got.stderr);
    let got = enter("bob", &[]);
    assert_eq!(got.status, 4, "{got:?}");
    for said in ["\"bob\" cannot use resource \"profiles\"", "resourceNames: [\"general\"]", "verbs: [\"use\"]"] {
        assert!(got.stderr.contains(said), "{said}: {got:?}");
    }
    assert_eq!(cluster.agents(), 0, "what was denied was tried another way");
    let lines = installed.record("bob", "denied");
    let denied = lines.last().expect("there is one");
    assert_eq!((&denied["profile"], &denied["command"]), (&json!("general"), &json!(["id", "-u"])), "{denied}");
    assert!(denied["reason"].as_str().is_some_and(|why| why.contains("cannot use")), "{denied}");
    assert_eq!(denied["target"], format!("{}/{target}", cluster.namespace), "{denied}");

    // Who may only read creates no session.
    cluster.apply_anywhere(&reads("cat", &cluster.namespace));
    let got = enter("cat", &[]);
    assert!(got.status == 4 && got.stderr.contains("verbs: [\"create\"]"), "{got:?}");

    // A namespace that is not joined is the node's.
    let got = enter("ann", &["--ns", "net"]);
    assert!(got.status == 4 && got.stderr.contains("resourceNames: [\"host\"]"), "{got:?}");
    // So are pods that have a part of their node, whatever profile is asked for.
    cluster.apply_anywhere(&NEAR.replace("NAMESPACE", &cluster.namespace));
    let ready = || {
        cluster.kubectl(&["-n", &cluster.namespace, "get", "pod", "near", "-o", "jsonpath={.status.phase}"])
            == "Running"
    };
    assert!(within(Duration::from_secs(30), ready));
    let near = |user: &str| installed.run(&["pod/near", "--as", user, "--profile", "restricted"], &["true"]);
    let got = near("ann");
    assert!(got.status == 4 && got.stderr.contains("writable hostPath") && got.stderr.contains("\"host\""), "{got:?}");
    installed.bind("ann", "fathom-enter-host");
    let got = near("ann");
    assert_eq!(got.status, 0, "{got:?}");
    let got = installed.run(&["node/node1", "--as", "ann"], &["true"]);
    assert!(got.status == 4 && got.stderr.contains("nodes/enter"), "{got:?}");
}

#[test]
fn a_session_belongs_to_whoever_created_it() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    for user in ["ann", "bob"] {
        installed.bind(user, "fathom-enter");
    }
    let target = format!("pod/{}", pod(&cluster));
    let script = "trap 'exit 3' TERM; while true; do echo tick; sleep 0.1; done";
    let started = installed.run(&[&target, "--as", "ann", "--detach"], &["sh", "-c", script]);
    assert_eq!(started.status, 0, "{started:?}");
    let id = started.stdout.trim();
    let row = installed.sessions(&["--as", "ann", "-o", "json"]);
    assert!(row.stdout.contains(id) && row.stdout.contains("\"state\":\"detached\""), "{row:?}");

    // To anybody else it is as if there were none.
    let unknown = "0".repeat(32);
    assert!(!installed.sessions(&["--as", "bob", "-o", "name"]).stdout.contains(id));
    for verb in ["attach", "kill"] {
        let (theirs, none) =
            (installed.sessions(&[verb, id, "--as", "bob"]), installed.sessions(&[verb, &unknown, "--as", "bob"]));
        assert_eq!((theirs.status, none.status), (3, 3), "{verb}: {theirs:?} {none:?}");
        assert_eq!(theirs.stderr.replace(id, "ID"), none.stderr.replace(&unknown, "ID"), "{verb} tells them apart");
    }

    for _ in 0..2 {
        let mut attached = cluster.command(env!("CARGO_BIN_EXE_fathom"));
        attached.args(["sessions", "--remote", "--installed", "--as", "ann", "attach", id]);
        let mut attached = attached.stdout(std::process::Stdio::piped()).spawn().expect("fathom starts");
        let mut word = [0; 5];
        attached.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it is heard");
        attached.kill().expect("it is ours");
        attached.wait().expect("it is ours");
        let detached = || installed.sessions(&["--as", "ann", "-o", "json"]).stdout.contains("\"state\":\"detached\"");
        assert!(within(Duration::from_secs(20), detached), "it went with its client: {}", installed.log());
    }
    let killed = installed.sessions(&["kill", id, "--as", "ann"]);
    assert_eq!(killed.status, 0, "{killed:?}");
    assert!(within(Duration::from_secs(10), || !installed
        .sessions(&["--as", "ann", "-o", "name"])
        .stdout
        .contains(id)));
    let lines = installed.record("ann", "ended");
    let expect = ["granted", "started", "detached", "attached", "detached", "attached", "detached", "ended"];
    assert_eq!(events(&lines), expect, "{lines:?}");
    let foreign = installed.record("bob", "denied");
    assert_eq!(foreign[0]["session"], id, "{foreign:?}");
}

#[test]
fn whoever_is_killed_in_the_middle_leaves_nothing() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    let counts = || installed.run(&["deploy/web"], &["sh", "-c", "ps -ef | grep -c '[s]leep 4242'"]).stdout;
    let begin = || {
        let script = "echo here; setsid sleep 4242 & sleep 4242";
        let mut session = cluster.spawn(&["deploy/web", "--installed"], &["sh", "-c", script]);
        let mut word = [0; 5];
        session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
        session
    };
    let mut client = begin();
    client.kill().expect("it is ours");
    client.wait().expect("it is ours");
    assert!(within(Duration::from_secs(30), || counts() == "0\n"), "after the client: {}", counts());
    for name in ["fathom-server", "fathom-node-agent"] {
        let session = begin();
        installed.kill(name);
        let ended = ended(session.wait_with_output().expect("it is ours"));
        assert_eq!(ended.status, 5, "{name}: {ended:?}");
        assert!(ended.stderr.contains("cut off") || ended.stderr.contains("not been heard"), "{name}: {ended:?}");
        // The pod that replaces it finds everything that it needs.
        let works = || installed.run(&["deploy/web"], &["true"]).status == 0;
        assert!(within(Duration::from_secs(120), works), "{name} does not come back: {}", installed.log());
        assert!(within(Duration::from_secs(30), || counts() == "0\n"), "after {name}: {}", counts());
    }
}

#[test]
fn fifty_at_once_go_through_one_server() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    let numbers: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    let script = "read line; echo $0-$line; exit $(($0 + 1))";
    let mut all: Vec<_> = numbers
        .iter()
        .map(|number| cluster.spawn(&["deploy/web", "--installed"], &["sh", "-c", script, number]))
        .collect();
    // Each waits for its line, so that all are there at the same time.
    let attached = || installed.sessions(&["-o", "name"]).stdout.lines().count();
    assert!(within(Duration::from_secs(90), || attached() == 50), "{} of 50", attached());
    for session in &mut all {
        session.stdin.take().expect("a pipe").write_all(b"line\n").expect("it reads");
    }
    for (number, session) in all.into_iter().enumerate() {
        let got = ended(session.wait_with_output().expect("it is ours"));
        let expect = (i32::try_from(number).expect("it is small") + 1, format!("{number}-line\n"));
        assert_eq!((got.status, got.stdout), expect, "{}", got.stderr);
    }
    assert!(within(Duration::from_secs(10), || attached() == 0), "{} stay", attached());
}

#[test]
fn the_policy_holds_everybody() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let folder = fathom_testkit::Scratch::new("policy");
    let policy = folder.join("policy.yaml");
    let text = "ttl: 2s\nmemory: 64Mi\nrecording: required\ntoolkits: [mini]\nforbidden-namespaces: [kube-system]\n";
    std::fs::write(&policy, text).expect("it is ours");
    let installed = Installation::in_cluster(&cluster, Some(&policy));
    let got = installed.run(&["deploy/web"], &["sleep", "60"]);
    assert!(got.status > 128 && got.stderr.contains("after 2 s") && got.stderr.contains("64 MiB"), "{got:?}");
    let got = installed.run(&["deploy/web", "--toolkit", "/"], &["true"]);
    assert!(got.status == 3 && got.stderr.contains("no toolkit"), "{got:?}");
    let got = installed.run(&["deploy/web", "--cgroup", "target"], &["true"]);
    assert!(got.status == 4 && got.stderr.contains("--cgroup target"), "{got:?}");
    let got = installed.run(&["deploy/web", "-t"], &["echo", "a-word-on-record"]);
    assert!(got.status == 0 && got.stderr.contains("recorded"), "{got:?}");
    if let Some(own) = &cluster.own {
        let recordings = own.node_root().join("var/lib/fathom/recordings");
        let files: Vec<_> = std::fs::read_dir(&recordings).expect("there are some").flatten().collect();
        let text = std::fs::read_to_string(files[0].path()).expect("it is text");
        assert!(files.len() == 1 && text.contains("a-word-on-record"), "{text}");
    }
    // What is not understood lets nobody in, and says so.
    let broken = serde_json::json!({"data": {"policy.yaml": "ttl: long\n"}}).to_string();
    cluster.kubectl(&[
        "-n",
        &installed.namespace,
        "patch",
        "configmap",
        "fathom-policy",
        "--type=merge",
        "-p",
        &broken,
    ]);
    let got = installed.run(&["deploy/web"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("nobody enters") && got.stderr.contains("fathom-policy"), "{got:?}");
}

#[test]
fn a_dead_server_holds_up_nobody_and_what_is_taken_away_is_gone() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let mut installed = Installation::in_cluster(&cluster, None);
    let none = ["patch", "deploy/fathom-server", "-p", r#"{"spec":{"replicas":0}}"#];
    cluster.kubectl(&[&["-n", &installed.namespace], &none[..]].concat());
    let away = || installed.run(&["deploy/web"], &["true"]).stderr.contains("has taken its announcement back");
    assert!(within(Duration::from_secs(60), away), "{:?}", installed.run(&["deploy/web"], &["true"]));
    let got = installed.run(&["deploy/web"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("does not answer"), "{got:?}");
    // Without it, one's own rights are still there, and nobody takes them for its own.
    let goes_past = |got: &Ended| {
        let said = ["does not answer: ", "with your own rights", "--installed never goes past it"];
        got.status == 0 && said.iter().all(|one| got.stderr.contains(one))
    };
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert!(goes_past(&got), "{got:?}");
    let got = cluster.run(&["deploy/web", "--agentless"], &["true"]);
    assert!(got.status == 0 && !got.stderr.contains("does not answer"), "{got:?}");
    let other = format!("{}-y", &installed.namespace[..installed.namespace.len() - 2]);
    cluster.apply_anywhere(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {other}}}\n"));
    cluster.kubectl(&["delete", "namespace", &other, "--timeout=60s"]);

    // One that is killed takes nothing back: what answers for it then is the API server.
    cluster.apply_anywhere(&ANNOUNCED.replace("NAMESPACE", &installed.namespace));
    let silent = || goes_past(&cluster.run(&["deploy/web"], &["true"]));
    assert!(within(Duration::from_secs(30), silent), "{:?}", cluster.run(&["deploy/web"], &["true"]));
    let got = installed.run(&["deploy/web"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("caused by: ") && !got.stderr.contains("taken"), "{got:?}");

    installed.remove();
    let left = || {
        let part = "app.kubernetes.io/part-of=fathom";
        let kinds = "clusterroles,clusterrolebindings,apiservices";
        let mut left = cluster.kubectl(&["get", kinds, "-l", part, "-o", "name"]);
        left += &cluster.kubectl(&["-n", "kube-system", "get", "rolebindings", "-l", part, "-o", "name"]);
        left + &cluster.kubectl(&["get", "namespace", &installed.namespace, "--ignore-not-found", "-o", "name"])
    };
    assert!(within(Duration::from_secs(90), || left().is_empty()), "{}", left());
}

/// May look at pods.
fn looks(user: &str, namespace: &str) -> String {
    role(user, namespace, r#"{apiGroups: [""], resources: [pods], verbs: [get]}"#)
}

/// May read everything of ours, and write nothing.
fn reads(user: &str, namespace: &str) -> String {
    let ours = r#"{apiGroups: [fathom.dev], resources: ["*"], verbs: [get, list, watch]}"#;
    role(user, namespace, &format!(r#"{{apiGroups: [""], resources: [pods], verbs: [get]}}, {ours}"#))
}

/// As a server announces itself.
const ANNOUNCED: &str = r#"
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1alpha1.fathom.dev, labels: {app.kubernetes.io/part-of: fathom}}
spec:
  group: fathom.dev
  version: v1alpha1
  groupPriorityMinimum: 1000
  versionPriority: 15
  service: {namespace: NAMESPACE, name: fathom-server, port: 443}
"#;

const NEAR: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: near, namespace: NAMESPACE}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: "busybox:1.35"
    command: [sleep, "100000"]
    imagePullPolicy: IfNotPresent
    volumeMounts: [{name: var, mountPath: /node}]
  volumes: [{name: var, hostPath: {path: /var/tmp}}]
"#;
