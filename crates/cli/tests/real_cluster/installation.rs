//! fathom installed in a test's cluster, as a person installs it, and taken away as the manifest says.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Cluster, Ended, ended, within};

/// The one APIService.
const API: &str = "v1alpha1.fathom.dev";

/// An installation in a namespace of its own.
pub(crate) struct Installation<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) namespace: String,
    manifest: String,
    gone: bool,
}

impl<'a> Installation<'a> {
    /// Installs it, and waits until it can be used.
    pub(crate) fn in_cluster(cluster: &'a Cluster, policy: Option<&Path>) -> Self {
        Self::with_server_words(cluster, policy, &[])
    }

    /// The same with more words for the server, as a person would add them to the manifest.
    pub(crate) fn with_server_words(cluster: &'a Cluster, policy: Option<&Path>, words: &[&str]) -> Self {
        let namespace =
            format!("{}-x", cluster.namespace.trim_end_matches('-').get(..60).unwrap_or(&cluster.namespace));
        let mut install = cluster.command(env!("CARGO_BIN_EXE_fathom"));
        install.args(["install", "--namespace", &namespace]);
        if let Some(image) = cluster.agent_image() {
            install.arg("--image").arg(image);
        }
        if let Some(policy) = policy {
            install.arg("--policy").arg(policy);
        }
        let printed = ended(install.output().expect("fathom runs"));
        assert_eq!(printed.status, 0, "{printed:?}");
        let words: String = words.iter().map(|word| format!("\"{word}\", ")).collect();
        let manifest = printed.stdout.replace("\"serve\", ", &format!("\"serve\", {words}"));
        let installation = Installation { cluster, namespace, manifest, gone: false };
        cluster.apply_anywhere(&installation.manifest);
        installation.wait();
        installation
    }

    /// Until a session could be granted and an agent be reached.
    pub(crate) fn wait(&self) {
        let (ns, long) = (self.namespace.as_str(), Duration::from_secs(150));
        let told = || {
            ended(
                self.cluster
                    .command("kubectl")
                    .args(["-n", ns, "get", "pods", "-o", "wide"])
                    .output()
                    .expect("kubectl runs"),
            )
        };
        assert!(
            within(long, || self.get(&["get", "--raw", "/apis/fathom.dev/v1alpha1"]).status == 0),
            "{:?}\n{}",
            told(),
            self.log()
        );
        let enrolled = || self.get(&["-n", ns, "get", "configmap", "fathom-agents", "-o", "jsonpath={.data}"]).stdout;
        assert!(within(long, || enrolled().contains("fingerprint")), "{:?}\n{}", told(), self.log());
        let numbers = "jsonpath={.status.numberReady}/{.status.desiredNumberScheduled}";
        let nodes = self.get(&["get", "nodes", "-o", "name"]).stdout.lines().count();
        let ready = || self.get(&["-n", ns, "get", "ds", "fathom-agent", "-o", numbers]).stdout;
        let wanted = format!("{nodes}/{nodes}");
        assert!(within(long, || ready() == wanted), "{} of {wanted}: {:?}\n{}", ready(), told(), self.log());
    }

    fn get(&self, words: &[&str]) -> Ended {
        ended(self.cluster.command("kubectl").args(words).output().expect("kubectl runs"))
    }

    /// Runs `command` in a session through the server.
    pub(crate) fn run(&self, words: &[&str], command: &[&str]) -> Ended {
        self.cluster.run(&[&["--installed"], words].concat(), command)
    }

    /// `fathom sessions` there, as somebody.
    pub(crate) fn sessions(&self, words: &[&str]) -> Ended {
        let mut command = self.cluster.command(env!("CARGO_BIN_EXE_fathom"));
        ended(command.args(["sessions", "--remote", "--installed"]).args(words).output().expect("fathom runs"))
    }

    /// The name of the server's pod, if there is one.
    pub(crate) fn server(&self) -> String {
        let label = "app.kubernetes.io/name=fathom-server";
        let words = ["-n", &self.namespace, "get", "pods", "-l", label, "-o", "jsonpath={.items[0].metadata.name}"];
        self.get(&words).stdout
    }

    /// What the server has written.
    pub(crate) fn log(&self) -> String {
        let pod = self.server();
        match &self.cluster.own {
            Some(own) => own.log(&self.namespace, &pod, "server"),
            None => self.get(&["-n", &self.namespace, "logs", &pod, "--tail=-1"]).stdout,
        }
    }

    /// The audit lines about `user`, once the last of them is a `last`.
    #[track_caller]
    pub(crate) fn record(&self, user: &str, last: &str) -> Vec<Value> {
        let lines = || -> Vec<Value> {
            let all = self.log();
            let lines = all.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.filter(|line| line["user"] == user).collect()
        };
        let done = || lines().last().is_some_and(|line| line["event"] == last);
        assert!(within(Duration::from_secs(20), done), "no `{last}` of {user}: {}", self.log());
        lines()
    }

    /// Lets `user` do what the ClusterRole says, in the shop's namespace.
    pub(crate) fn bind(&self, user: &str, role: &str) {
        let namespace = &self.cluster.namespace;
        self.cluster.apply_anywhere(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {user}-{role}, namespace: {namespace}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\n\
             subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]\n"
        ));
    }

    /// Ends a pod of ours by its label, at once.
    pub(crate) fn kill(&self, name: &str) {
        let label = format!("app.kubernetes.io/name={name}");
        let words =
            ["-n", &self.namespace, "delete", "pods", "-l", &label, "--grace-period=0", "--force", "--wait=false"];
        let got = self.get(&words);
        assert_eq!(got.status, 0, "{got:?}");
    }

    /// As the first lines of the manifest say.
    pub(crate) fn remove(&mut self) {
        let first = self.get(&["delete", "apiservice", API, "--ignore-not-found"]);
        let mut delete = self.cluster.command("kubectl");
        delete
            .args(["delete", "--ignore-not-found", "--wait=false", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut delete = delete.spawn().expect("kubectl runs");
        std::io::Write::write_all(&mut delete.stdin.take().expect("a pipe"), self.manifest.as_bytes())
            .expect("kubectl reads");
        let second = delete.wait().expect("it is ours");
        self.gone = true;
        assert!(first.status == 0 && second.success(), "{first:?}");
    }
}

impl Drop for Installation<'_> {
    fn drop(&mut self) {
        if !self.gone {
            self.remove();
        }
    }
}
