//! A namespace of its own in a real cluster, with a shop in it.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A cluster with a namespace for one test, which goes with it.
pub(crate) struct Cluster {
    kubeconfig: OsString,
    pub(crate) namespace: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cluster {
    /// With the deployment and the service `web` in it, which run.
    pub(crate) fn with_shop() -> Self {
        let kubeconfig = std::env::var_os("FATHOM_E2E_KUBECONFIG").expect("the test needs it");
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-").replace('_', "-");
        let mut namespace = format!("fathom-{}-{test}", std::process::id());
        namespace.truncate(63);
        let cluster = Cluster { kubeconfig, namespace: namespace.trim_end_matches('-').to_owned() };
        cluster.kubectl(&["create", "namespace", &cluster.namespace]);
        cluster.apply(SHOP);
        cluster.kubectl(&["-n", &cluster.namespace, "rollout", "status", "deploy/web", "--timeout=60s"]);
        cluster
    }

    fn apply(&self, manifest: &str) {
        let mut kubectl = self.command("kubectl");
        kubectl.args(["-n", &self.namespace, "apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = kubectl.spawn().expect("kubectl runs");
        child.stdin.take().expect("a pipe").write_all(manifest.as_bytes()).expect("kubectl reads");
        assert!(child.wait().expect("it is ours").success(), "{manifest}");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        command
    }

    #[track_caller]
    pub(crate) fn kubectl(&self, words: &[&str]) -> String {
        let got = ended(self.command("kubectl").args(words).output().expect("kubectl runs"));
        assert_eq!(got.status, 0, "{words:?}: {got:?}");
        got.stdout
    }

    /// `fathom enter` with an agent in this test's own namespace.
    pub(crate) fn enter(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_fathom"));
        command
            .args(["enter", "-n", &self.namespace, "--agent-namespace", &self.namespace, "--grace", "3s"])
            .args(words);
        if let Some(image) = std::env::var_os("FATHOM_E2E_AGENT_IMAGE") {
            command.env_remove("FATHOM_TOOLKIT").arg("--agent-image").arg(image);
        }
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
