//! A namespace of its own, with a shop in it: in the cluster that `FATHOM_E2E_KUBECONFIG` names, or in one that the
//! test starts for itself.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fathom_testkit::kubernetes::{self, Kubernetes};
use fathom_testkit::{Need, need};

/// The variable that names the kubeconfig of a real cluster.
const REAL: &str = "FATHOM_E2E_KUBECONFIG";

/// As the program calls its agent's image unless it is told otherwise.
const AGENT: &str = concat!("fathom-agent:", env!("CARGO_PKG_VERSION"));

/// A cluster with a namespace for one test, which goes with it.
pub(crate) struct Cluster {
    pub(crate) kubeconfig: OsString,
    pub(crate) namespace: String,
    /// The cluster, where it is the test's own.
    pub(crate) own: Option<Kubernetes>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cluster {
    /// With the deployment and the service `web` in it, which run. None, on record, where no cluster can be had.
    pub(crate) fn with_shop() -> Option<Self> {
        let cluster = Self::bare()?;
        cluster.apply(SHOP);
        cluster.kubectl(&["-n", &cluster.namespace, "rollout", "status", "deploy/web", "--timeout=60s"]);
        Some(cluster)
    }

    /// With a second node `node2`, on which a deployment `far` runs: of a test's own, as no other can be given a node;
    /// and a deployment `near` on the first.
    pub(crate) fn with_two_nodes() -> Option<Self> {
        let mut cluster = Self::with_shop()?;
        let own = cluster.own.as_mut()?;
        own.add_node("node2");
        own.import(&agent(), AGENT);
        cluster.apply(FAR);
        for name in ["deploy/far", "deploy/near"] {
            cluster.kubectl(&["-n", &cluster.namespace, "rollout", "status", name, "--timeout=60s"]);
        }
        Some(cluster)
    }

    /// With nothing in it.
    pub(crate) fn bare() -> Option<Self> {
        let kubectl = Need::Program("kubectl");
        let real = std::env::var_os(REAL);
        let own: Vec<Need> = if real.is_some() { Vec::new() } else { kubernetes::NEEDS.to_vec() };
        if need::missing(&[own, vec![kubectl]].concat()) {
            return None;
        }
        let cluster = match real {
            Some(kubeconfig) => Self::bare_in(kubeconfig),
            None => {
                let own = Kubernetes::start();
                own.import(&agent(), AGENT);
                let mut cluster = Self::bare_in(own.kubeconfig().into());
                cluster.own = Some(own);
                cluster
            }
        };
        Some(cluster)
    }

    /// Eight megabytes into a session and out of it again, whole, while its stderr goes its own way.
    pub(crate) fn pass_bytes(&self, words: &[&str]) {
        let mut session = self.spawn(words, &["sh", "-c", "cat; echo end >&2"]);
        let sent: Vec<u8> = (0..8u32 << 20).map(|number| ((number * 31) >> 5) as u8).collect();
        let mut input = session.stdin.take().expect("a pipe");
        let bytes = sent.clone();
        let writer = std::thread::spawn(move || input.write_all(&bytes));
        let mut got = Vec::new();
        session.stdout.take().expect("a pipe").read_to_end(&mut got).expect("a pipe");
        writer.join().expect("it does not panic").expect("the session reads");
        assert!(got == sent, "{} of {} bytes", got.len(), sent.len());
        let ended = ended(session.wait_with_output().expect("it is ours"));
        assert!(ended.status == 0 && ended.stderr.contains("end\n"), "{ended:?}");
    }

    /// An image without a shell that the nodes have.
    pub(crate) fn bare_image(&self) -> String {
        let own = || std::env::var("FATHOM_E2E_BARE_IMAGE").unwrap_or_else(|_| "lab/pause:1".to_owned());
        if self.own.is_some() { "scratch:1".to_owned() } else { own() }
    }

    /// Waits until a part of an object, in kubectl's JSONPath, is this.
    #[track_caller]
    pub(crate) fn until(&self, object: &str, path: &str, expect: &str) {
        let path = format!("-o=jsonpath={path}");
        let look = || self.kubectl(&["-n", &self.namespace, "get", object, &path]);
        assert!(within(Duration::from_secs(60), || look() == expect), "{object}: {}", look());
    }

    fn bare_in(kubeconfig: OsString) -> Self {
        let cluster = Cluster { kubeconfig, namespace: namespace(), own: None };
        let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n", cluster.namespace);
        cluster.apply(&namespace);
        cluster
    }

    #[track_caller]
    pub(crate) fn apply(&self, manifest: &str) {
        self.apply_in(&["-n", &self.namespace], manifest);
    }

    /// Objects that say themselves where they belong.
    #[track_caller]
    pub(crate) fn apply_anywhere(&self, manifest: &str) {
        self.apply_in(&[], manifest);
    }

    #[track_caller]
    fn apply_in(&self, place: &[&str], manifest: &str) {
        let mut kubectl = self.command("kubectl");
        kubectl.args(place).args(["apply", "--validate=false", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = kubectl.spawn().expect("kubectl runs");
        child.stdin.take().expect("a pipe").write_all(manifest.as_bytes()).expect("kubectl reads");
        assert!(child.wait().expect("it is ours").success(), "{manifest}");
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        // Nothing of whoever runs the tests.
        command.env("FATHOM_CONFIG", "/dev/null").env("HOME", env!("CARGO_TARGET_TMPDIR"));
        command
    }

    #[track_caller]
    pub(crate) fn kubectl(&self, words: &[&str]) -> String {
        let got = ended(self.command("kubectl").args(words).output().expect("kubectl runs"));
        assert_eq!(got.status, 0, "{words:?}: {got:?}");
        got.stdout
    }

    /// The image of our own that the nodes have, if it is not called as the program calls it.
    pub(crate) fn agent_image(&self) -> Option<OsString> {
        std::env::var_os("FATHOM_E2E_AGENT_IMAGE")
    }

    /// `fathom enter` with an agent in this test's own namespace.
    pub(crate) fn enter(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_fathom"));
        command
            .args(["enter", "-n", &self.namespace, "--agent-namespace", &self.namespace, "--grace", "3s"])
            .env_remove("FATHOM_TOOLKIT");
        let image = self.agent_image().filter(|_| !words.contains(&"--agent-image"));
        if let Some(image) = image {
            command.arg("--agent-image").arg(image);
        }
        command.args(words);
        command
    }

    /// Runs it: `words` before the `--`, `command` after it.
    pub(crate) fn run(&self, words: &[&str], command: &[&str]) -> Ended {
        ended(self.enter(words).arg("--").args(command).output().expect("fathom runs"))
    }

    /// `fathom sessions` of this test's agents.
    pub(crate) fn sessions_command(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_fathom"));
        command.args(["sessions", "--remote", "--agent-namespace", &self.namespace]).args(words);
        command
    }

    #[track_caller]
    pub(crate) fn sessions(&self, words: &[&str]) -> String {
        let got = ended(self.sessions_command(words).output().expect("fathom runs"));
        assert_eq!(got.status, 0, "{words:?}: {got:?}");
        got.stdout
    }

    pub(crate) fn spawn(&self, words: &[&str], command: &[&str]) -> Child {
        let mut enter = self.enter(words);
        enter.arg("--").args(command).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        enter.spawn().expect("fathom starts")
    }

    /// Agents of this test that are still there.
    pub(crate) fn agents(&self) -> usize {
        let label = "app.kubernetes.io/name=fathom-agent";
        self.kubectl(&["-n", &self.namespace, "get", "jobs,pods", "-l", label, "-o", "name"]).lines().count()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command("kubectl").args(["delete", "namespace", &self.namespace, "--wait=false"]).output();
    }
}

fn namespace() -> String {
    let test = std::thread::current().name().unwrap_or("test").replace("::", "-").replace('_', "-");
    let mut namespace = format!("fathom-{}-{test}", std::process::id());
    namespace.truncate(63);
    namespace.trim_end_matches('-').to_owned()
}

/// The archive of the agent's image, made once for each build of the program.
fn agent() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_fathom"));
    let built = program.metadata().and_then(|metadata| metadata.modified()).expect("it is built");
    let built = built.duration_since(std::time::UNIX_EPOCH).expect("after the epoch").as_nanos();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let archive = folder.join(format!("agent-{built}.tar"));
    if !archive.exists() {
        for old in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if old.file_name().to_string_lossy().starts_with("agent-") {
                let _ = std::fs::remove_file(old.path());
            }
        }
        let half = folder.join(format!("half-{}", std::process::id()));
        let made = Command::new(program).args(["image", "export"]).arg(&half).status().expect("fathom runs");
        assert!(made.success(), "the image cannot be exported");
        std::fs::rename(&half, &archive).expect("the folder is ours");
    }
    archive
}

/// An image with busybox and a program `name` that says its name, as an archive of at least so many bytes.
pub(crate) fn tools(name: &str, size: usize) -> Vec<u8> {
    use fathom_testkit::engine::image::{Content, Entry};
    let script = format!("#!/bin/sh\necho {name}\n").into_bytes();
    let weight: Vec<u8> = (0..size as u32).map(|number| ((number * 31) >> 7) as u8).collect();
    let content = Content::busybox().named(&format!("fathom.test/{name}:1"));
    let content = content.with(Entry::File(format!("bin/{name}"), 0o755, script));
    content.with(Entry::File("weight".to_owned(), 0o644, weight)).archive()
}

pub(crate) fn ended(output: Output) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    Ended {
        status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Whether `done` becomes true in time.
pub(crate) fn within(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !done() {
        if started.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    true
}

const FAR: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: far}
spec:
  selector: {matchLabels: {app: far}}
  template:
    metadata: {labels: {app: far, both: "yes"}}
    spec:
      nodeName: node2
      terminationGracePeriodSeconds: 1
      containers:
      - {name: far, image: "busybox:1.35", command: [sleep, "100000"], imagePullPolicy: IfNotPresent}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: near}
spec:
  selector: {matchLabels: {app: near}}
  template:
    metadata: {labels: {app: near, both: "yes"}}
    spec:
      nodeName: node1
      terminationGracePeriodSeconds: 1
      containers:
      - {name: near, image: "busybox:1.35", command: [sleep, "100000"], imagePullPolicy: IfNotPresent}
"#;

/// A role with these rules in a namespace, bound to a user.
pub(crate) fn role(user: &str, namespace: &str, rules: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {user}-reads, namespace: {namespace}}}\nrules: [{rules}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {user}-reads, namespace: {namespace}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {user}-reads}}\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]\n"
    )
}

const SHOP: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: "busybox:1.35", command: [httpd, -f, -p, "8080"], imagePullPolicy: IfNotPresent}
      - {name: side, image: "busybox:1.35", command: [sleep, "100000"], imagePullPolicy: IfNotPresent}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"#;
