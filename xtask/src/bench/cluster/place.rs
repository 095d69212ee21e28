//! A namespace of our own with the shop in it, in a cluster that is there or one that we start.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use fathom_testkit::Scratch;
use fathom_testkit::kubernetes::Kubernetes;

use crate::program::words;

/// The variable that names the kubeconfig of a real cluster.
const REAL: &str = "FATHOM_E2E_KUBECONFIG";
const IMAGE: &str = "fathom-agent:bench";

const SHOP: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: "busybox:1.35", command: [sleep, "100000"], imagePullPolicy: IfNotPresent}
"#;

/// Where it is measured.
pub(super) struct Place {
    program: PathBuf,
    kubeconfig: OsString,
    namespace: String,
    image: String,
    pub(super) own: Option<Kubernetes>,
    _scratch: Scratch,
}

/// A process of this machine.
pub(super) struct Process(PathBuf);

impl Place {
    pub(super) fn find(program: &Path) -> anyhow::Result<Place> {
        let scratch = Scratch::new("bench");
        let real = std::env::var_os(REAL);
        let (own, kubeconfig, image) = match real {
            Some(kubeconfig) => {
                let image = std::env::var("FATHOM_E2E_AGENT_IMAGE");
                (None, kubeconfig, image.unwrap_or_else(|_| format!("fathom-agent:{}", env!("CARGO_PKG_VERSION"))))
            }
            None => {
                let archive = scratch.join("agent.tar");
                let mut export = Command::new(program);
                export.args(["image", "export", "--name", IMAGE]).arg(&archive);
                ensure!(export.status()?.success(), "`{}` failed", words(&export));
                let own = Kubernetes::start();
                own.import(&archive, IMAGE);
                let kubeconfig = own.kubeconfig().into_os_string();
                (Some(own), kubeconfig, IMAGE.to_owned())
            }
        };
        let namespace = format!("fathom-bench-{}", std::process::id());
        let place = Place { program: program.to_owned(), kubeconfig, namespace, image, own, _scratch: scratch };
        place.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n", place.namespace))?;
        place.apply(&SHOP.replace("NAMESPACE", &place.namespace))?;
        place.done(place.kubectl(&["rollout", "status", "deploy/web", "--timeout=60s"]))?;
        Ok(place)
    }

    pub(super) fn apply(&self, manifest: &str) -> anyhow::Result<()> {
        self.feed(&["apply", "--validate=false", "-f", "-"], manifest)
    }

    /// `kubectl` with a manifest on its stdin.
    pub(super) fn feed(&self, words: &[&str], manifest: &str) -> anyhow::Result<()> {
        let mut kubectl = Command::new("kubectl");
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig).args(words);
        let mut child = kubectl.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("cannot run kubectl")?;
        child.stdin.take().context("kubectl has no stdin")?.write_all(manifest.as_bytes())?;
        ensure!(child.wait()?.success(), "kubectl did not take {manifest}");
        Ok(())
    }

    /// `fathom install` into a namespace beside ours.
    pub(super) fn install(&self) -> Command {
        let mut install = Command::new(&self.program);
        let namespace = format!("{}-x", self.namespace);
        install.args(["install", "--namespace", &namespace, "--image", &self.image]);
        install
    }

    /// Runs it to its end and gives its stdout.
    pub(super) fn done(&self, mut command: Command) -> anyhow::Result<String> {
        let output =
            command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{}`", words(&command)))?;
        if !output.status.success() {
            bail!("`{}` failed: {}", words(&command), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// `kubectl` in our namespace.
    pub(super) fn kubectl(&self, words: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["-n", &self.namespace]).args(words);
        command
    }

    /// `fathom enter` into the shop, past any server; nothing after it for a shell.
    pub(super) fn enter(&self, command: &[&str]) -> Command {
        self.enter_by("--agentless", command)
    }

    /// The same by the way that a flag says.
    pub(super) fn enter_by(&self, way: &str, command: &[&str]) -> Command {
        let mut enter = Command::new(&self.program);
        enter.arg("enter").arg("--kubeconfig").arg(&self.kubeconfig).args(["-n", &self.namespace]);
        enter.args([
            "--agent-namespace",
            &self.namespace,
            "--agent-image",
            &self.image,
            "--grace",
            "60s",
            way,
            "deploy/web",
        ]);
        if !command.is_empty() {
            enter.arg("--").args(command);
        }
        enter
    }

    /// The shop's pod.
    pub(super) fn pod(&self) -> anyhow::Result<String> {
        let pods = self.done(self.kubectl(&["get", "pods", "-l", "app=web", "-o", "name"]))?;
        Ok(pods.lines().next().context("the shop has no pod")?.trim_start_matches("pod/").to_owned())
    }

    /// Takes our agents away, and returns when they are gone.
    pub(super) fn without_agents(&self) -> anyhow::Result<()> {
        let label = ["-l", "app.kubernetes.io/name=fathom-agent"];
        self.done(self.kubectl(&[&["delete", "jobs"], &label[..]].concat()))?;
        for _ in 0..600 {
            let left = self.done(self.kubectl(&[&["get", "pods", "-o", "name"], &label[..]].concat()))?;
            if left.trim().is_empty() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("an agent does not go")
    }

    /// In a line of the page's head.
    pub(super) fn describe(&self) -> String {
        if self.own.is_some() {
            return "the test kit's API in the same process as the bench, containerd, one node".to_owned();
        }
        let nodes = ["get", "nodes", "-o", "jsonpath={range .items[*]}{.status.nodeInfo.kubeletVersion} {end}"];
        let nodes = self.done(self.kubectl(&nodes)).unwrap_or_default();
        format!("Kubernetes on this machine; kubelets: {}", nodes.trim())
    }

    /// The process of our agent, which the namespace in its cgroup's environment tells from others.
    pub(super) fn agent_process(&self) -> Option<Process> {
        let is_ours = |folder: &Path| {
            let words = fs::read_to_string(folder.join("cmdline")).unwrap_or_default();
            words.starts_with("/fathom\0agent\0") && words.contains("60s")
        };
        let all = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
        all.filter(|folder| is_ours(folder)).map(Process).next()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]).output();
    }
}

impl Process {
    /// Processor time that it has used.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(self.0.join("stat")).context("the agent is gone")?;
        let rest = stat.rsplit_once(") ").context("the kernel wrote another stat")?.1;
        let ticks = rest.split(' ').skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum::<u64>();
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Bytes of memory.
    pub(super) fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(self.0.join("status")).context("the agent is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}
