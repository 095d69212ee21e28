//! `dockerd` with a containerd of its own, without bridge and packet filter.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::home::Home;
use super::image::Content;
use super::process::{Running, run, try_run};
use super::spec::{Access, Capabilities, Network, NewPrivileges, Spec, Users};

/// A running dockerd.
#[derive(Debug)]
pub struct Docker {
    loaded: RefCell<BTreeSet<String>>,
    home: Home,
}

impl Docker {
    /// Starts Debian's dockerd and returns when its socket answers.
    ///
    /// # Panics
    /// When it does not start; the message holds its log.
    pub fn start() -> Self {
        let mut home = Home::new("docker");
        // No option moves these.
        home.take_along(&["/run/containerd", "/run/docker", "/opt/containerd", "/etc/docker/key.json"]);
        let socket = home.place("run/docker.sock");
        let config = home.write("etc/docker/daemon.json", "{}");
        let mut daemon = Command::new("dockerd");
        daemon.arg("--config-file").arg(config).arg("--host").arg(format!("unix://{}", socket.display()));
        daemon.arg("--data-root").arg(home.place("var/lib/docker"));
        daemon.arg("--exec-root").arg(home.place("run/docker"));
        daemon.arg("--pidfile").arg(home.place("run/docker.pid"));
        daemon.arg("--cgroup-parent").arg(home.cgroup());
        daemon.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]);
        home.start(&mut daemon, &socket);
        Docker { loaded: RefCell::default(), home }
    }

    /// The folder that is laid out like `/`: `run/docker.sock`, `var/lib/docker` and so on.
    pub fn root(&self) -> &Path {
        self.home.path()
    }

    /// The socket of its API.
    pub fn socket(&self) -> PathBuf {
        self.root().join("run/docker.sock")
    }

    /// What the daemon wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.root().join("daemon.log")).unwrap_or_default()
    }

    /// Makes an image known, once.
    ///
    /// # Panics
    /// When docker refuses.
    #[track_caller]
    pub fn load(&self, image: &Content) {
        if self.loaded.borrow_mut().insert(image.name.clone()) {
            let archive = self.home.place("image.tar");
            fs::write(&archive, image.archive()).expect("the folder can be written to");
            run(self.command().args(["load", "--quiet", "--input"]).arg(&archive));
        }
    }

    /// Starts a container.
    ///
    /// # Panics
    /// When docker refuses, and for what dockerd can only be told for all containers: mapped users.
    #[track_caller]
    pub fn run(&self, spec: &Spec) -> Running {
        assert!(spec.users == Users::Host, "dockerd maps the users of all containers or of none");
        self.load(&spec.content);
        let id =
            run(self.command().args(["run", "--detach"]).args(words(spec)).arg(&spec.content.name).args(&spec.argv));
        let pid = run(self.command().args(["inspect", "--format={{.State.Pid}}", &id]));
        Running::new(&id, &spec.name, pid.parse().expect("a pid is a number"))
    }

    /// Runs a container to its end and gives its id; docker keeps it.
    pub fn finish(&self, spec: &Spec) -> String {
        self.load(&spec.content);
        // Its status may be any.
        try_run(self.command().arg("run").args(words(spec)).arg(&spec.content.name).args(&spec.argv));
        run(self.command().args(["inspect", "--format={{.Id}}", &spec.name]))
    }

    /// `docker` on this socket, for whatever else a test wants of it.
    pub fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.arg("--config").arg(self.root().join("client"));
        command.arg("--host").arg(format!("unix://{}", self.socket().display()));
        command
    }

    /// Runs a command in the container and gives its stdout.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn exec(&self, container: &Running, argv: &[&str]) -> String {
        run(self.command().args(["exec", container.id()]).args(argv))
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        for id in try_run(self.command().args(["ps", "--all", "--quiet"])).lines() {
            try_run(self.command().args(["rm", "--force", id]));
        }
    }
}

/// The options of `run`, which docker and podman have in common.
pub(super) fn words(spec: &Spec) -> Vec<String> {
    let mut words = vec![format!("--name={}", spec.name), format!("--user={0}:{0}", spec.user)];
    words.push(match spec.network {
        Network::Own => "--network=none".to_owned(),
        Network::Host => "--network=host".to_owned(),
    });
    words.extend((spec.root == Access::ReadOnly).then(|| "--read-only".to_owned()));
    words.extend((spec.capabilities == Capabilities::None).then(|| "--cap-drop=ALL".to_owned()));
    words.extend((spec.privileges == NewPrivileges::Denied).then(|| "--security-opt=no-new-privileges".to_owned()));
    words.extend(spec.hostname.iter().map(|name| format!("--hostname={name}")));
    words.extend(spec.env.iter().map(|(name, value)| format!("--env={name}={value}")));
    words.extend(spec.labels.iter().map(|(key, value)| format!("--label={key}={value}")));
    words.extend(spec.mounts.iter().map(|(source, inside, access)| {
        let access = if *access == Access::ReadOnly { "ro" } else { "rw" };
        format!("--volume={}:{}:{access}", source.display(), inside.display())
    }));
    words
}
