//! A container of ours in the pod itself: where somebody wants it so, and where there is no other way in.

use std::io::Read as _;
use std::time::{Duration, Instant};

use crate::installation::Installation;
use crate::support::{Cluster, within};

/// Names of the ephemeral containers of a pod, and what each does: `running` or `terminated`.
fn beside(cluster: &Cluster, pod: &str) -> Vec<String> {
    let path = "-o=jsonpath={range .status.ephemeralContainerStatuses[*]}{.name} {.state}{\"\\n\"}{end}";
    let text = cluster.kubectl(&["-n", &cluster.namespace, "get", "pod", pod, path]);
    text.lines().map(str::to_owned).collect()
}

/// Whether there were so many, and all of them have ended by themselves.
fn have_ended(cluster: &Cluster, pod: &str, count: usize) -> bool {
    let all = beside(cluster, pod);
    all.len() == count && all.iter().all(|one| one.contains("terminated"))
}

/// The name of the only pod of the shop.
fn shop_pod(cluster: &Cluster) -> String {
    let pods = cluster.kubectl(&["-n", &cluster.namespace, "get", "pods", "-l", "app=web", "-o", "name"]);
    pods.lines().next().expect("it runs").trim_start_matches("pod/").to_owned()
}

/// A pod that is let in everywhere, with more fields of its spec and of its container.
fn modest(cluster: &Cluster, name: &str, spec: &str, container: &str) {
    cluster.apply(&format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {{runAsUser: 4711, runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
  {spec}
  containers:
  - name: app
    image: busybox:1.35
    imagePullPolicy: IfNotPresent
    command: [sleep, "100000"]
    securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
    {container}
"#
    ));
    cluster.until(&format!("pod/{name}"), "{.status.phase}", "Running");
}

#[test]
fn a_container_in_the_pod_is_entered_on_request_and_ends_by_itself() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let pod = shop_pod(&cluster);
    let script = "hostname; cat /proc/1/comm; ls -d /target/bin; echo $FATHOM_TARGET_PID; echo no >&2; exit 7";
    let got = cluster.run(&["deploy/web", "--ephemeral"], &["sh", "-c", script]);
    assert_eq!((got.status, got.stdout), (7, format!("{pod}\nhttpd\n/target/bin\n1\n")), "{}", got.stderr);
    assert!(got.stderr.contains("no\n") && got.stderr.contains("Kubernetes cannot remove"), "{}", got.stderr);
    // Whoever comes while it lives uses it too.
    let got = cluster.run(&[&format!("pod/{pod}"), "--ephemeral", "-c", "web"], &["sh", "-c", "kill -9 $$"]);
    assert!(got.status == 137 && got.stderr.contains("already"), "{got:?}");
    assert_eq!(beside(&cluster, &pod).len(), 1);
    // Another target is another matter.
    let got = cluster.run(&["deploy/web", "--ephemeral", "-c", "side"], &["cat", "/proc/1/comm"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "sleep\n"), "{}", got.stderr);
    assert!(within(Duration::from_secs(30), || have_ended(&cluster, &pod, 2)), "{:?}", beside(&cluster, &pod));
    let got = cluster.run(&["deploy/web", "--ephemeral"], &["no-such-command"]);
    assert!(got.status == 127 && got.stderr.contains("cannot run `no-such-command`"), "{got:?}");
    assert_eq!(beside(&cluster, &pod).len(), 3);
    assert_eq!(cluster.agents(), 0, "no agent was needed");
}

#[test]
fn bytes_go_through_an_ephemeral_container_whole() {
    let Some(cluster) = Cluster::with_shop() else { return };
    cluster.pass_bytes(&["deploy/web", "--ephemeral"]);
}

#[test]
fn a_terminal_is_one_there_too() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let got = cluster.run(&["deploy/web", "--ephemeral", "-t"], &["sh", "-c", "tty; test -t 0 && exit 5"]);
    assert!(got.status == 5 && got.stdout.starts_with("/dev/pts/"), "{got:?}");
}

#[test]
fn a_session_that_goes_on_there_is_listed_and_ended() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let pod = shop_pod(&cluster);
    let got = cluster.run(&["deploy/web", "--ephemeral", "--detach"], &["sleep", "4252"]);
    let id = got.stdout.trim().to_owned();
    assert!(got.status == 0 && !id.is_empty(), "{got:?}");
    let list = || cluster.sessions(&["-n", &cluster.namespace]);
    // Longer than its grace: a session is somebody.
    let early = within(Duration::from_secs(5), || have_ended(&cluster, &pod, 1));
    assert!(!early && list().contains(&id), "{}", list());
    cluster.sessions(&["-n", &cluster.namespace, "kill", &id]);
    assert!(within(Duration::from_secs(30), || have_ended(&cluster, &pod, 1)), "{:?}", beside(&cluster, &pod));
}

#[test]
fn a_killed_client_leaves_nothing_that_runs() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let pod = shop_pod(&cluster);
    let script = "echo here; setsid sleep 4253 & (sleep 4253 &) ; sleep 4253";
    let mut session = cluster.spawn(&["deploy/web", "--ephemeral"], &["sh", "-c", script]);
    let mut word = [0; 5];
    session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
    session.kill().expect("it is ours");
    session.wait().expect("it is ours");
    assert!(within(Duration::from_secs(40), || have_ended(&cluster, &pod, 1)), "{:?}", beside(&cluster, &pod));
    // Neither a process nor, under a first process that never collects any, what is left of one.
    let words = ["-n", &cluster.namespace, "exec", &pod, "-c", "web", "--", "ps"];
    let left = cluster.kubectl(&words);
    assert!(!left.contains("4253") && !left.contains("fathom"), "{left}");
}

/// Whoever of a session is killed, the others take the rest along.
#[test]
fn a_session_that_loses_a_part_of_itself_leaves_nothing_that_runs() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let pod = shop_pod(&cluster);
    let sleeps = "setsid sleep 4254 & (sleep 4254 &)";
    for (victim, status) in [("fathom-init", 137), ("fathom-enter", 5)] {
        let script = format!("{sleeps}; pkill -KILL -x {victim}; sleep 4254");
        let got = cluster.run(&["deploy/web", "--ephemeral"], &["sh", "-c", &script]);
        assert_eq!(got.status, status, "{victim}: {got:?}");
        let look = || cluster.run(&["deploy/web", "--ephemeral"], &["sh", "-c", "ps -ef | grep -c '[s]leep 4254'"]);
        assert!(within(Duration::from_secs(10), || look().stdout == "0\n"), "{victim}: {:?}", look());
    }
    // All at once: then nobody is left to look after it but the container's own first process.
    let script = format!("{sleeps}; pkill -KILL -f '^fathom'; sleep 4254");
    cluster.run(&["deploy/web", "--ephemeral"], &["sh", "-c", &script]);
    assert!(within(Duration::from_secs(40), || have_ended(&cluster, &pod, 1)), "{:?}", beside(&cluster, &pod));
    let left = cluster.kubectl(&["-n", &cluster.namespace, "exec", &pod, "-c", "web", "--", "ps"]);
    assert!(!left.contains("4254") && !left.contains("fathom"), "{left}");
}

#[test]
fn another_user_can_be_asked_for_where_the_profile_may_change_users() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let got = cluster.run(&["deploy/web", "--ephemeral", "-u", "4711:4712"], &["sh", "-c", "id -u; id -g"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "4711\n4712\n"), "{}", got.stderr);
    let words = ["deploy/web", "--ephemeral", "--profile", "restricted", "-u", "4711"];
    let got = cluster.run(&words, &["id"]);
    assert!(got.status == 4 && got.stderr.contains("cannot change the"), "{got:?}");
}

#[test]
fn volumes_of_the_target_are_there() {
    let Some(cluster) = Cluster::bare() else { return };
    let volumes = "volumes: [{name: data, emptyDir: {}}, {name: some, emptyDir: {}}]";
    let mounts = "volumeMounts: [{name: data, mountPath: /data}, {name: some, mountPath: /opt/part, subPath: part}]";
    modest(&cluster, "keeper", volumes, mounts);
    let got =
        cluster.run(&["pod/keeper", "--ephemeral"], &["sh", "-c", "echo hello > /data/word; ls -d /target/opt/part"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "/target/opt/part\n"), "{}", got.stderr);
    assert!(got.stderr.contains("not mounted there, but below /target: /opt/part"), "{}", got.stderr);
    let words = ["-n", &cluster.namespace, "exec", "keeper", "--", "cat", "/data/word"];
    assert_eq!(cluster.kubectl(&words), "hello\n");
}

#[test]
fn pod_security_says_which_rights_are_left() {
    let Some(cluster) = Cluster::bare() else { return };
    let enforce = |level: &str| {
        let level = format!("pod-security.kubernetes.io/enforce={level}");
        cluster.kubectl(&["label", "--overwrite", "namespace", &cluster.namespace, &level]);
    };
    enforce("restricted");
    modest(&cluster, "modest", "", "");
    let look = ["sh", "-c", "id -u; ls -d /target/bin; grep NoNewPrivs /proc/self/status"];
    // An agent is refused here, and the most useful profile too.
    let started = Instant::now();
    let got = cluster.run(&["pod/modest"], &look);
    assert_eq!((got.status, got.stdout.as_str()), (0, "4711\n/target/bin\nNoNewPrivs:\t1\n"), "{}", got.stderr);
    assert!(got.stderr.contains("an ephemeral container in the pod itself does instead"), "{}", got.stderr);
    assert!(got.stderr.contains("its rights are `restricted`"), "{}", got.stderr);
    assert!(started.elapsed() < Duration::from_secs(30), "it waited for {:?}", started.elapsed());
    assert!(within(Duration::from_secs(30), || cluster.agents() == 0), "{} stay", cluster.agents());
    let got = cluster.run(&["pod/modest", "--ephemeral", "--profile", "restricted"], &look);
    assert!(got.status == 0 && !got.stderr.contains("its rights are"), "{got:?}");
    let got = cluster.run(&["pod/modest", "--ephemeral", "--profile", "general"], &look);
    assert!(got.status == 4 && got.stderr.contains("violates PodSecurity"), "{got:?}");
    assert!(got.stderr.contains("hint: the namespace's Pod Security level"), "{got:?}");
    enforce("baseline");
    let got = cluster.run(&["pod/modest", "--ephemeral"], &["id", "-u"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "0\n"), "{}", got.stderr);
    assert!(got.stderr.contains("its rights are `baseline`"), "{got:?}");
    let got = cluster.run(&["pod/modest", "--ephemeral", "--profile", "as-target"], &["id", "-u"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "4711\n"), "{}", got.stderr);
}

/// A runtime class of this test's, which goes with it.
struct Class<'a>(&'a Cluster, String);

impl Class<'_> {
    fn put(&self, handler: &str) {
        let name = &self.1;
        let kind = "apiVersion: node.k8s.io/v1\nkind: RuntimeClass";
        self.0.apply_anywhere(&format!("{kind}\nmetadata: {{name: {name}}}\nhandler: {handler}\n"));
    }
}

impl Drop for Class<'_> {
    fn drop(&mut self) {
        let _ = self.0.command("kubectl").args(["delete", "runtimeclass", &self.1]).output();
    }
}

#[test]
fn a_pod_in_a_sandbox_is_entered_from_inside() {
    let Some(cluster) = Cluster::bare() else { return };
    let class = Class(&cluster, format!("apart-{}", std::process::id()));
    class.put("runc");
    modest(&cluster, "boxed", &format!("runtimeClassName: {}", class.1), "");
    let got = cluster.run(&["pod/boxed"], &["cat", "/proc/1/comm"]);
    assert!(got.status == 0 && !got.stderr.contains("sandbox"), "{got:?}");
    // No cluster of ours has a real one: the class tells another story from here on, and the pod runs as before.
    cluster.kubectl(&["delete", "runtimeclass", &class.1]);
    class.put("kata-qemu");
    let got = cluster.run(&["pod/boxed"], &["cat", "/proc/1/comm"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "sleep\n"), "{}", got.stderr);
    let why = format!("(Kata Containers: runtime class {}, handler kata-qemu)", class.1);
    assert!(got.stderr.contains(&why) && got.stderr.contains("Kubernetes cannot remove"), "{}", got.stderr);
    let got = cluster.run(&["pod/boxed", "--root", "target"], &["true"]);
    assert!(got.status == 2 && got.stderr.contains("--root target does not go with"), "{got:?}");
    cluster.kubectl(&["-n", &cluster.namespace, "label", "pod", "boxed", "app=boxed"]);
    for words in [&["pod/boxed", "--hold"][..], &["pod/boxed", "--fork"], &["-l", "app=boxed", "--all"]] {
        let got = cluster.run(words, &["true"]);
        assert!(got.status == 5 && got.stderr.contains("no agent on its node can enter"), "{words:?}: {got:?}");
        assert!(got.stderr.contains("--ephemeral"), "{words:?}: {got:?}");
    }
    // A server has no other agents.
    let _installed = Installation::in_cluster(&cluster, None);
    let got = cluster.run(&["pod/boxed"], &["cat", "/proc/1/comm"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "sleep\n"), "{}", got.stderr);
    let got = cluster.run(&["pod/boxed", "--installed"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("no agent on its node can enter"), "{got:?}");
}

/// Lets the user `ann` do some things in this test's namespace.
fn allow(cluster: &Cluster, rules: &str) {
    cluster.apply(&format!(
        r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: ann}}
rules: [{rules}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: ann}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: ann}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: ann}}]
"#
    ));
}

#[test]
fn a_right_that_is_missing_is_named_and_no_more_than_these_are_needed() {
    let Some(cluster) = Cluster::bare() else { return };
    let class = Class(&cluster, format!("kata-{}", std::process::id()));
    class.put("runc");
    modest(&cluster, "boxed", &format!("runtimeClassName: {}", class.1), "");
    let rule =
        |resource: &str, verbs: &str| format!(r#"{{apiGroups: [""], resources: [{resource}], verbs: [{verbs}]}}"#);
    let some = [rule("pods", "get, list, watch"), rule("pods/exec", "create, get")];
    allow(&cluster, &some.join(", "));
    let words = ["pod/boxed", "--as", "ann"];
    let got = cluster.run(&words, &["true"]);
    assert!(got.status == 4 && got.stderr.contains("cannot patch pods/ephemeralcontainers boxed"), "{got:?}");
    assert!(got.stderr.contains("resources: [\"pods/ephemeralcontainers\"]\nverbs: [\"patch\"]"), "{got:?}");
    allow(&cluster, &[&some[..], &[rule("pods/ephemeralcontainers", "patch")]].concat().join(", "));
    // Who may not look at runtime classes goes by what they are called.
    let got = cluster.run(&words, &["cat", "/proc/1/comm"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "sleep\n"), "{}", got.stderr);
    assert!(got.stderr.contains("Kata Containers"), "{}", got.stderr);
}

#[test]
fn an_image_that_is_nowhere_is_told_at_once_there_too() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let got = cluster.run(&["deploy/web", "--ephemeral", "--agent-image", "fathom-nowhere:1"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("cannot start") && got.stderr.contains("fathom-nowhere"), "{got:?}");
    // The same again waits for the same one, and adds none.
    let got = cluster.run(&["deploy/web", "--ephemeral", "--agent-image", "fathom-nowhere:1"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("already"), "{got:?}");
    assert_eq!(beside(&cluster, &shop_pod(&cluster)).len(), 1);
}

#[test]
fn an_image_without_a_shell_is_seen_from_beside() {
    let Some(cluster) = Cluster::bare() else { return };
    let container = format!("{{name: bare, image: \"{}\", imagePullPolicy: IfNotPresent}}", cluster.bare_image());
    let spec = format!("terminationGracePeriodSeconds: 1\n  containers: [{container}]");
    cluster.apply(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: bare}}\nspec:\n  {spec}\n"));
    cluster.until("pod/bare", "{.status.phase}", "Running");
    let own = cluster.run(&["pod/bare", "--ephemeral"], &["sh", "-c", "cat /target/$(readlink /proc/1/exe) | wc -c"]);
    assert_eq!(own.status, 0, "{}", own.stderr);
    let size: usize = own.stdout.trim().parse().expect("a number");
    assert!(size > 1000, "{own:?}");
}

#[test]
fn what_does_not_go_together_is_told() {
    let Some(cluster) = Cluster::with_shop() else { return };
    for words in [
        &["--wait"][..],
        &["--hold"],
        &["--fork"],
        &["--all"],
        &["--installed"],
        &["--ns", "net"],
        &["--survive"],
        &["--cgroup", "target"],
        &["--profile", "host"],
        &["--toolkit", "full"],
    ] {
        let got = cluster.run(&[&["deploy/web", "--ephemeral"], words].concat(), &["true"]);
        assert_eq!(got.status, 2, "{words:?}: {got:?}");
    }
    let nodes = cluster.kubectl(&["get", "nodes", "-o", "name"]);
    let got = cluster.run(&[nodes.lines().next().expect("it has a node"), "--ephemeral"], &["true"]);
    assert!(got.status == 2 && got.stderr.contains("only pods can"), "{got:?}");
    assert!(beside(&cluster, &shop_pod(&cluster)).is_empty());
}
