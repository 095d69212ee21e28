//! What an entry can be besides one command in one pod, through an installed server: a container that is still to
//! come, many pods at once, a toolkit that is sent.

use std::io::{BufRead as _, BufReader, Read as _};
use std::time::Duration;

use fathom_testkit::Scratch;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::crashing::with_crashing;
use crate::crowd::with_crowd;
use crate::installation::Installation;
use crate::installed::pod;
use crate::support::{Cluster, ended, tools, within};

/// The id of the one session of a list in JSON.
fn only(list: &str) -> String {
    list.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it is listed").to_owned()
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["event"].as_str()).collect()
}

#[test]
fn the_next_incarnation_is_held_by_the_rights_on_its_pod() {
    let Some(cluster) = with_crashing("sleep 0.1; echo x; exit 1") else { return };
    let installed = Installation::in_cluster(&cluster, None);
    installed.bind("ann", "fathom-enter");
    installed.bind("bob", "fathom-enter-restricted");
    let got = installed.run(&["pod/loop", "--hold", "--as", "cat"], &["true"]);
    assert_eq!(got.status, 4, "{got:?}");
    // Who may only look around may wait, and not stop anything.
    let got = installed.run(&["pod/loop", "--hold", "--as", "bob", "--profile", "restricted"], &["true"]);
    let why = got.stderr.contains("resourceNames: [\"general\"]") && got.stderr.contains("as a debugger does");
    assert!(got.status == 4 && why, "{got:?}");
    let got = installed.run(&["pod/loop", "--wait", "--as", "bob", "--profile", "restricted"], &["id", "-u"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "65534\n"), "{}", got.stderr);

    let script = "tr '\\0' ' ' < /proc/1/cmdline; echo; read line; echo $line";
    let mut session = cluster.spawn(&["pod/loop", "--installed", "--hold", "--as", "ann"], &["sh", "-c", script]);
    let mut stdout = BufReader::new(session.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it is held");
    assert_eq!(line, "sh -c sleep 0.1; echo x; exit 1 \n");
    let log = || cluster.kubectl(&["-n", &cluster.namespace, "logs", "loop", "-c", "crash"]);
    assert!(within(Duration::from_secs(20), || log().is_empty()), "{}", log());
    let row = installed.sessions(&["--as", "ann", "-o", "json"]).stdout;
    assert!(row.contains("pod/loop/crash"), "{row}");
    let id = only(&row);
    let theirs = installed.sessions(&["release", &id, "--as", "bob"]);
    assert!(theirs.status == 3 && theirs.stderr.contains("you have no session"), "{theirs:?}");
    assert!(log().is_empty(), "{}", log());
    let got = installed.sessions(&["release", &id, "--as", "ann"]);
    assert_eq!(got.status, 0, "{got:?}");
    assert!(within(Duration::from_secs(20), || log() == "x\n"), "{}", log());
    // It ends as it would have; when it comes again is for the kubelet's patience, which shrinks.
    let state = "-o=jsonpath={.status.containerStatuses[?(@.name=='crash')].state}";
    let runs = || cluster.kubectl(&["-n", &cluster.namespace, "get", "pod", "loop", state]).contains("running");
    assert!(within(Duration::from_secs(60), || !runs()), "it does not go on");
    drop(session.stdin.take());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("a pipe");
    let ended = ended(session.wait_with_output().expect("it is ours"));
    assert!(ended.stderr.contains("holding it") && ended.stderr.contains(" ms of CPU"), "{}", ended.stderr);
    assert_eq!(cluster.agents(), 0, "an agent of one's own came although there is a server");

    let lines = installed.record("ann", "ended");
    assert_eq!(events(&lines), ["granted", "started", "released", "ended"], "{lines:?}");
    assert!(lines.iter().all(|line| line["awaits"] == "hold"), "{lines:?}");
    let told = cluster.kubectl(&["-n", &cluster.namespace, "get", "events", "-o", "json"]);
    assert!(told.contains("ann waits for and holds the next"), "{told}");
}

#[test]
fn who_waits_through_a_server_may_stop_and_be_stopped() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    // It does not crash, so each of these would take for ever.
    let begin = || {
        let mut session = cluster.spawn(&["deploy/web", "--installed", "--wait"], &["true"]);
        let mut stderr = BufReader::new(session.stderr.take().expect("a pipe"));
        let mut said = String::new();
        while !said.contains("waiting for the next") {
            assert_ne!(stderr.read_line(&mut said).expect("it waits"), 0, "{said}");
        }
        (session, stderr)
    };
    let none = || installed.sessions(&["-o", "name"]).stdout.trim().is_empty();
    let (mut session, mut stderr) = begin();
    // Longer than either side's patience with silence.
    let ended_early = within(Duration::from_secs(17), || session.try_wait().expect("it is ours").is_some());
    assert!(!ended_early, "{:?}", session.wait_with_output());
    kill_process(Pid::from_child(&session), Signal::INT).expect("it is ours");
    assert!(within(Duration::from_secs(10), || session.try_wait().expect("it is ours").is_some()), "it goes on");
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("a pipe");
    assert!(said.contains("nobody waits for the next"), "{said}");
    assert!(within(Duration::from_secs(10), none), "it is still listed");

    let (mut session, mut stderr) = begin();
    let id = only(&installed.sessions(&["-o", "json"]).stdout);
    let got = installed.sessions(&["kill", &id]);
    assert_eq!(got.status, 0, "{got:?}");
    assert!(within(Duration::from_secs(10), || session.try_wait().expect("it is ours").is_some()), "it goes on");
    said.clear();
    stderr.read_to_string(&mut said).expect("a pipe");
    assert!(said.contains("was ended from elsewhere"), "{said}");
    assert!(within(Duration::from_secs(10), none), "it is still listed");
    let got = installed.run(&["deploy/web"], &["sh", "-c", "ps -ef | grep -c '[r]elay'"]);
    assert_eq!(got.stdout, "0\n", "its relay waits on: {got:?}");
}

#[test]
fn a_session_that_goes_on_is_its_creator_s_after_a_restart_of_the_server() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    for user in ["ann", "bob"] {
        installed.bind(user, "fathom-enter");
    }
    let target = format!("pod/{}", pod(&cluster));
    let script = "n=0; while true; do echo tick $n; n=$((n+1)); sleep 0.1; done";
    let begin = || {
        let started =
            installed.run(&[&target, "--as", "ann", "--detach", "--profile", "restricted"], &["sh", "-c", script]);
        assert_eq!(started.status, 0, "{started:?}");
        started.stdout.trim().to_owned()
    };
    let ids = [begin(), begin()];
    // Everything but how old they are, in any order: both are of the same second.
    let list = || -> Vec<String> {
        let rows = installed.sessions(&["--as", "ann", "-o", "json"]).stdout;
        let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).expect("a row is JSON"));
        let told =
            rows.map(|row| json!([row["id"], row["target"], row["command"], row["profile"], row["state"]]).to_string());
        let mut told: Vec<String> = told.collect();
        told.sort_unstable();
        told
    };
    let before = list();
    let old = installed.server();
    installed.kill("fathom-server");
    let answers = || installed.server() != old && installed.sessions(&["--as", "bob", "-o", "name"]).status == 0;
    assert!(within(Duration::from_secs(120), answers), "it does not come back: {}", installed.log());

    // Nobody has said its id to the new server.
    let unknown = "0".repeat(32);
    for verb in ["attach", "kill", "release"] {
        let theirs = installed.sessions(&[verb, &ids[0], "--as", "bob"]);
        let none = installed.sessions(&[verb, &unknown, "--as", "bob"]);
        assert_eq!((theirs.status, none.status), (3, 3), "{verb}: {theirs:?} {none:?}");
        assert_eq!(
            theirs.stderr.replace(&ids[0], "ID"),
            none.stderr.replace(&unknown, "ID"),
            "{verb} tells them apart"
        );
    }
    assert_eq!(installed.sessions(&["--as", "bob", "-o", "name"]).stdout.trim(), "");
    let mut attached = cluster.command(env!("CARGO_BIN_EXE_fathom"));
    attached.args(["sessions", "--remote", "--installed", "--as", "ann", "attach", &ids[0]]);
    let mut attached = attached.stdout(std::process::Stdio::piped()).spawn().expect("fathom starts");
    let mut line = String::new();
    BufReader::new(attached.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it is heard");
    assert!(line.starts_with("tick "), "{line}");
    attached.kill().expect("it is ours");
    attached.wait().expect("it is ours");
    // It is told as it was.
    assert!(within(Duration::from_secs(20), || list() == before), "{:?} {before:?}", list());
    for id in &ids {
        assert_eq!(installed.sessions(&["kill", id, "--as", "ann"]).status, 0);
    }
    assert!(within(Duration::from_secs(10), || list().is_empty()), "{:?}", list());
    let lines = installed.record("ann", "ended");
    assert_eq!(lines.iter().filter(|line| line["event"] == "adopted").count(), 2, "{lines:?}");
    let denied = installed.record("bob", "denied");
    assert_eq!(denied[0]["session"], json!(ids[0]), "{denied:?}");
}

#[test]
fn many_pods_are_entered_by_the_rights_on_each() {
    let Some(cluster) = with_crowd() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    // All of them may be listed, and two be entered.
    cluster.apply_anywhere(&some_of("ann", &cluster.namespace, &["many-1", "many-3"]));
    let words = ["-l", "app=many", "--all", "--as", "ann"];
    let got = installed.run(&words, &["sh", "-c", "hostname; exit 3"]);
    assert_eq!(got.status, 4, "the highest: {got:?}");
    let mut lines: Vec<&str> = got.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["many-1 | many-1", "many-3 | many-3"], "{got:?}");
    for said in [
        "fathom: many-0: cannot create pods/enter many-0",
        "fathom: many-1: exit status 3",
        "fathom: many-2: cannot create pods/enter many-2",
        "fathom: 4 of 4 pods failed",
        "resources: [\"pods/enter\"]",
    ] {
        assert!(got.stderr.contains(said), "{said}: {got:?}");
    }
    assert_eq!(cluster.agents(), 0, "what was denied was tried another way");
    let lines = installed.record("ann", "ended");
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    // The API server denies the others before we hear of them, and audits that itself.
    assert_eq!((of("granted"), of("ended")), (2, 2), "{lines:?}");

    // Whoever may enter them all has all of them, each in a session of its own.
    installed.bind("bob", "fathom-enter");
    cluster.apply_anywhere(&some_of("bob", &cluster.namespace, &[]));
    let got = installed.run(&["sts/many", "--all", "--as", "bob"], &["hostname"]);
    assert_eq!((got.status, got.stdout.lines().count()), (0, 4), "{got:?}");
    let lines = installed.record("bob", "ended");
    let mut sessions: Vec<&str> =
        lines.iter().filter(|line| line["event"] == "ended").filter_map(|line| line["session"].as_str()).collect();
    sessions.sort_unstable();
    sessions.dedup();
    assert_eq!(sessions.len(), 4, "{lines:?}");
}

/// May list pods, and enter those of these names.
fn some_of(user: &str, namespace: &str, names: &[&str]) -> String {
    let list = r#"{apiGroups: ["", apps], resources: [pods, statefulsets], verbs: [get, list]}"#;
    let enter =
        json!({"apiGroups": ["fathom.dev"], "resources": ["pods/enter"], "resourceNames": names, "verbs": ["create"]});
    let profile = r#"{apiGroups: [fathom.dev], resources: [profiles], resourceNames: [general], verbs: [use]}"#;
    let enter = if names.is_empty() { String::new() } else { format!(", {enter}") };
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {user}-some, namespace: {namespace}}}\nrules: [{list}, {profile}{enter}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {user}-some, namespace: {namespace}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {user}-some}}\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]\n"
    )
}

#[test]
fn a_toolkit_of_a_laptop_goes_through_the_server_once() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    installed.bind("ann", "fathom-enter");
    let folder = Scratch::new("toolkit");
    let file = folder.join("tools.tar");
    std::fs::write(&file, tools("hello", 8 << 20)).expect("the folder is ours");
    let file = file.to_str().expect("tests use readable paths");
    let pod = pod(&cluster);
    let target = format!("pod/{pod}");
    for _ in 0..2 {
        let got = installed.run(&[&target, "--toolkit", file, "--as", "ann"], &["hello"]);
        assert_eq!((got.status, got.stdout.as_str()), (0, "hello\n"), "{}", got.stderr);
    }
    let got = installed.run(&["deploy/web", "--all", "--toolkit", file], &["hello"]);
    assert_eq!((got.status, got.stdout), (0, format!("{pod} | hello\n")), "{}", got.stderr);
    assert_eq!(cluster.agents(), 0, "an agent of one's own came although there is a server");
    let lines = installed.record("ann", "ended");
    assert_eq!(events(&lines[..5]), ["granted", "brought", "granted", "started", "ended"], "{lines:?}");
    let digest = lines[1]["archive"].as_str().unwrap_or_default();
    assert!(digest.starts_with("sha256:") && lines[1]["command"].is_null(), "{}", lines[1]);
    // Who may not enter sends nothing.
    let got = installed.run(&[&target, "--toolkit", file, "--as", "bob"], &["hello"]);
    assert_eq!(got.status, 4, "{got:?}");
    let broken = folder.join("broken.tar");
    std::fs::write(&broken, "no archive").expect("the folder is ours");
    let got = installed.run(&["deploy/web", "--toolkit", broken.to_str().expect("readable")], &["true"]);
    assert!(got.status == 2 && got.stderr.contains("is not an image"), "{got:?}");
}

/// One that is announced, takes connections and says nothing is not waited for.
#[test]
fn a_server_that_says_nothing_is_gone_past_in_so_many_words() {
    let Some(cluster) = Cluster::with_shop() else { return };
    // Where the test is the cluster, it can be its servers too.
    let Some(own) = &cluster.own else { return };
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback can be listened on");
    let port = listener.local_addr().expect("it listens").port();
    let named = |name: &str| json!({"name": name, "namespace": cluster.namespace, "labels": {"app": "mute"}});
    let service = json!({"selector": {"app": "mute"}, "ports": [{"port": 443, "targetPort": port}]});
    own.put("", "services", json!({"metadata": named("mute"), "spec": service}));
    let status = json!({"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]});
    let spec = json!({"nodeName": "node9", "containers": [{"name": "mute", "image": "scratch:1"}]});
    own.put("", "pods", json!({"metadata": named("mute"), "spec": spec, "status": status}));
    let there = json!({"namespace": cluster.namespace, "name": "mute", "port": 443});
    let spec = json!({"group": "fathom.dev", "version": "v1alpha1", "service": there, "caBundle": ""});
    let announced = json!({"metadata": {"name": "v1alpha1.fathom.dev"}, "spec": spec});
    own.put("apiregistration.k8s.io", "apiservices", announced);
    let got = cluster.run(&["deploy/web"], &["true"]);
    assert!(got.status == 0 && got.stderr.contains("says nothing within 10 s"), "{got:?}");
    let got = cluster.run(&["deploy/web", "--installed"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("caused by: it says nothing within 10 s"), "{got:?}");
    drop(listener);
}

/// What was sent before a client was killed is not sent again.
#[test]
fn a_toolkit_that_was_half_sent_through_the_server_goes_on_from_there() {
    let Some(cluster) = Cluster::with_shop() else { return };
    // Where it arrives is looked at from outside.
    let Some(own) = &cluster.own else { return };
    let arriving = own.node_root().join("var/lib/fathom/store/arriving");
    let installed = Installation::in_cluster(&cluster, None);
    let folder = Scratch::new("toolkit");
    let file = folder.join("tools.tar");
    std::fs::write(&file, tools("resumed", 96 << 20)).expect("the folder is ours");
    let file = file.to_str().expect("tests use readable paths");
    let have = || {
        let files = std::fs::read_dir(&arriving).into_iter().flatten().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>()
    };
    let mut sending = cluster.spawn(&["deploy/web", "--installed", "--toolkit", file], &["resumed"]);
    let started = std::time::Instant::now();
    while have() < 1 << 20 {
        assert!(started.elapsed() < Duration::from_secs(30), "nothing comes");
        std::thread::yield_now();
    }
    sending.kill().expect("it is ours");
    sending.wait().expect("it is ours");
    let came = have();
    assert!(came < 96 << 20, "it was over before it was cut off");
    let got = installed.run(&["deploy/web", "--toolkit", file], &["resumed"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "resumed\n"), "{}", got.stderr);
    assert!(came > 0 && have() == 0, "{} bytes stay", have());
}

#[test]
fn a_toolkit_is_sent_only_if_the_policy_names_it() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let folder = Scratch::new("toolkit");
    let write = |name: &str| {
        let file = folder.join(format!("{name}.tar"));
        std::fs::write(&file, tools(name, 1 << 20)).expect("the folder is ours");
        file.to_str().expect("tests use readable paths").to_owned()
    };
    let (allowed, other) = (write("allowed"), write("other"));
    let sum = std::process::Command::new("sha256sum").arg(&allowed).output().expect("coreutils has it");
    let digest = String::from_utf8_lossy(&sum.stdout).split(' ').next().expect("it says so").to_owned();
    let policy = folder.join("policy.yaml");
    std::fs::write(&policy, format!("toolkits: [mini, \"sha256:{digest}\"]\n")).expect("it is ours");
    let installed = Installation::in_cluster(&cluster, Some(&policy));
    let got = installed.run(&["deploy/web", "--toolkit", &other], &["other"]);
    assert!(got.status == 4 && got.stderr.contains("does not allow the archive sha256:"), "{got:?}");
    if let Some(own) = &cluster.own {
        let arriving = own.node_root().join("var/lib/fathom/store/arriving");
        assert!(!arriving.exists(), "a byte of it came to the node");
    }
    let got = installed.run(&["deploy/web", "--toolkit", &allowed], &["allowed"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "allowed\n"), "{}", got.stderr);
}

#[test]
fn the_authority_is_replaced_while_people_work() {
    let Some(cluster) = Cluster::with_shop() else { return };
    // A kubelet takes its time to say whom to trust.
    let (life, overlap, patience) = if cluster.own.is_some() { (9, 20, 120) } else { (60, 120, 240) };
    let words = [format!("--certificate-life={life}s"), format!("--authority-overlap={overlap}s")];
    let installed = Installation::with_server_words(&cluster, None, &[&words[0], &words[1]]);
    let ns = installed.namespace.as_str();
    let secret = |key: &str| {
        let path = format!("-o=jsonpath={{.data.{}}}", key.replace('.', "\\."));
        cluster.kubectl(&["-n", ns, "get", "secret", "fathom-authority", &path])
    };
    let first = secret("ca.crt");
    // `now`, as secrets are written.
    let asked = json!({"data": {"rotate": "bm93"}}).to_string();
    cluster.kubectl(&["-n", ns, "patch", "secret", "fathom-authority", "--type=merge", "-p", &asked]);
    let mut entered = 0;
    let goes_on = |so: &dyn Fn() -> bool, entered: &mut u32| {
        within(Duration::from_secs(patience), || {
            let got = installed.run(&["deploy/web"], &["echo", "in"]);
            assert_eq!((got.status, got.stdout.as_str()), (0, "in\n"), "after {entered}: {got:?} {}", installed.log());
            *entered += 1;
            so()
        })
    };
    assert!(goes_on(&|| !secret("next.crt").is_empty(), &mut entered), "{}", installed.log());
    assert!(goes_on(&|| secret("ca.crt") != first, &mut entered), "{}", installed.log());
    assert!(goes_on(&|| secret("old.crt").is_empty(), &mut entered), "{}", installed.log());
    // The API server and the agents go by the new one alone, and so they do after a while.
    let until = std::time::Instant::now() + Duration::from_secs(life + 5);
    assert!(goes_on(&|| std::time::Instant::now() > until, &mut entered));
    assert!(entered > 20, "{entered}");
}
