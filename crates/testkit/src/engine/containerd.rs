//! `containerd` with its CRI plugin, driven by `ctr`, on a socket, root and state folder of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::cgroup;
use super::home::Home;
use super::image::{self, Content};
use super::process::{Running, eventually, run, tried, try_run};
use super::spec::{
    Access, Capabilities, DOCKER_CAPABILITIES, MAPPED_COUNT, MAPPED_FROM, Network, NewPrivileges, Spec, Users,
};

/// A running containerd.
#[derive(Debug)]
pub struct Containerd {
    /// Images that each namespace has already, as `NAMESPACE IMAGE`.
    imported: Mutex<BTreeSet<String>>,
    home: Home,
}

impl Containerd {
    /// Starts Debian's containerd and returns when its socket answers.
    ///
    /// # Panics
    /// When it does not start; the message holds its log.
    #[allow(clippy::new_without_default, reason = "starting a daemon is no default")]
    pub fn start() -> Self {
        let mut home = Home::new("containerd");
        // Shims' sockets are always there, whatever the state folder.
        home.take_along(&["/run/containerd"]);
        let socket = home.place("run/containerd/containerd.sock");
        let config = config(home.path(), &socket);
        let config = home.write("etc/containerd/config.toml", &config);
        home.start(Command::new("containerd").arg("--config").arg(config), &socket);
        Containerd { imported: Mutex::default(), home }
    }

    /// The folder that is laid out like `/`: `run/containerd/containerd.sock` and so on.
    pub fn root(&self) -> &Path {
        self.home.path()
    }

    /// The socket of containerd's own API and of CRI v1.
    pub fn socket(&self) -> PathBuf {
        self.root().join("run/containerd/containerd.sock")
    }

    /// The cgroup that holds its containers, for the `cgroup_parent` of a pod.
    pub fn cgroup(&self) -> String {
        self.home.cgroup()
    }

    /// The processes in a cgroup below [`Containerd::cgroup`], and below that.
    pub fn pids_below(&self, path: &str) -> BTreeSet<u32> {
        cgroup::pids(&format!("{}/{path}", self.cgroup()))
    }

    /// What the daemon wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.root().join("daemon.log")).unwrap_or_default()
    }

    /// Starts a container in the namespace `default`, as a person with `ctr` would.
    ///
    /// # Panics
    /// When `ctr` refuses.
    #[track_caller]
    pub fn run(&self, spec: &Spec) -> Running {
        self.run_in("default", spec)
    }

    /// Starts a container in this namespace, for example `k8s.io`.
    ///
    /// # Panics
    /// When `ctr` refuses, and for what `ctr` has no word for: a host name.
    #[track_caller]
    pub fn run_in(&self, namespace: &str, spec: &Spec) -> Running {
        assert!(spec.hostname.is_none(), "this ctr cannot set a host name");
        // It cannot set a user either, but takes the one that the image names.
        let image = spec.content.clone().as_user(spec.user);
        self.load_in(namespace, &image);
        self.try_run_in(namespace, spec, &image.name, &[]).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Starts a container from an image that the namespace has, with more of `ctr`'s own words.
    ///
    /// # Errors
    /// What `ctr` says when it refuses; then nothing of the container stays.
    pub fn try_run_in(&self, namespace: &str, spec: &Spec, image: &str, more: &[String]) -> Result<Running, String> {
        let cgroup = spec.cgroup.clone().unwrap_or_else(|| format!("{}/{}", self.home.cgroup(), spec.name));
        self.home.cgroups.expect(&cgroup);
        let pid_file = self.home.place(&format!("pids/{namespace}-{}", spec.name));
        let log = self.home.place(&format!("logs/{namespace}-{}", spec.name));
        let started = tried(
            self.command(namespace)
                .args(["run", "--detach", "--snapshotter=native", "--cgroup", &cgroup])
                .arg(format!("--log-uri=file://{}", log.display()))
                .arg(format!("--pid-file={}", pid_file.display()))
                .args(words(spec))
                .args(more)
                .args([image, &spec.name])
                .args(&spec.argv),
        );
        if let Err(why) = started {
            self.forget(namespace, &spec.name);
            return Err(why);
        }
        let pid = fs::read_to_string(&pid_file).expect("ctr writes the pid file");
        Ok(Running::new(&spec.name, &spec.name, pid.trim().parse().expect("a pid is a number")))
    }

    /// Takes away a container that has ended, and says its exit status.
    pub fn forget(&self, namespace: &str, id: &str) -> Option<i32> {
        let mut said = String::new();
        // The shim may hear of the end later than we.
        eventually(|| {
            let output = self.command(namespace).args(["task", "delete", id]).output();
            said = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
            !said.contains("must be stopped")
        });
        try_run(self.command(namespace).args(["container", "delete", id]));
        // It tells a status by a warning, and success by silence.
        match said.rsplit_once("non-zero exit code ") {
            Some((_, code)) => code.trim().trim_end_matches('"').parse().ok(),
            None => said.trim().is_empty().then_some(0),
        }
    }

    /// Where what a container wrote is kept.
    pub fn log_of(&self, namespace: &str, id: &str) -> PathBuf {
        self.root().join(format!("logs/{namespace}-{id}"))
    }

    /// Makes the images of an archive known to a namespace, under the names that stand in it.
    ///
    /// # Panics
    /// When `ctr` refuses.
    #[track_caller]
    pub fn import_in(&self, namespace: &str, archive: &Path) {
        run(self.command(namespace).args(["image", "import", "--snapshotter=native"]).arg(archive));
    }

    /// Makes an image known to a namespace, once.
    ///
    /// # Panics
    /// When `ctr` refuses.
    #[track_caller]
    pub fn load_in(&self, namespace: &str, image: &Content) {
        let mut imported = self.imported.lock().unwrap_or_else(PoisonError::into_inner);
        if imported.insert(format!("{namespace} {}", image.name)) {
            let archive = self.home.place("image.tar");
            fs::write(&archive, image.archive()).expect("the folder can be written to");
            self.import_in(namespace, &archive);
        }
    }

    /// The image `name` of an archive that the namespace has, for another user; gives the name of that one.
    ///
    /// # Panics
    /// When `ctr` refuses.
    #[track_caller]
    pub fn load_as_user(&self, namespace: &str, archive: &Path, name: &str, user: u32) -> String {
        let name = format!("{name}-user{user}");
        let mut imported = self.imported.lock().unwrap_or_else(PoisonError::into_inner);
        if imported.insert(format!("{namespace} {name}")) {
            let folder = self.home.place(&format!("unpacked-{user}"));
            let file = self.home.place("image-of-user.tar");
            fs::create_dir_all(&folder).expect("the folder can be written to");
            run(Command::new("/bin/busybox").args(["tar", "-x", "-C"]).arg(&folder).arg("-f").arg(archive));
            fs::write(&file, image::as_user(&folder, &name, user)).expect("the folder can be written to");
            let _ = fs::remove_dir_all(&folder);
            self.import_in(namespace, &file);
        }
        name
    }

    /// `ctr` on this socket and namespace, for whatever else a test wants of it.
    pub fn command(&self, namespace: &str) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(self.socket()).args(["--namespace", namespace]);
        command
    }

    /// Runs a command in a container of the namespace `default` and gives its stdout.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn exec(&self, container: &Running, argv: &[&str]) -> String {
        run(self.command("default").args(["task", "exec", "--exec-id=test", container.id()]).args(argv))
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.home.cgroups.kill();
        for namespace in try_run(self.command("default").args(["namespace", "list", "--quiet"])).lines() {
            for id in try_run(self.command(namespace).args(["container", "list", "--quiet"])).lines() {
                try_run(self.command(namespace).args(["task", "delete", "--force", id]));
            }
        }
    }
}

fn words(spec: &Spec) -> Vec<String> {
    let mut words = Vec::new();
    words.extend((spec.root == Access::ReadOnly).then(|| "--read-only".to_owned()));
    words.extend((spec.network == Network::Host).then(|| "--net-host".to_owned()));
    words.extend((spec.privileges == NewPrivileges::Allowed).then(|| "--allow-new-privs".to_owned()));
    if spec.users == Users::Mapped {
        words.extend(["uid", "gid"].map(|kind| format!("--{kind}map=0:{MAPPED_FROM}:{MAPPED_COUNT}")));
    }
    if spec.capabilities == Capabilities::None {
        words.extend(DOCKER_CAPABILITIES.iter().map(|name| format!("--cap-drop={name}")));
    }
    words.extend(spec.env.iter().map(|(name, value)| format!("--env={name}={value}")));
    words.extend(spec.labels.iter().map(|(key, value)| format!("--label={key}={value}")));
    words.extend(spec.mounts.iter().map(|(source, inside, access)| {
        let access = if *access == Access::ReadOnly { "ro" } else { "rw" };
        format!("--mount=type=bind,src={},dst={},options=rbind:{access}", source.display(), inside.display())
    }));
    words
}

/// Lowering an oom score needs CAP_SYS_RESOURCE, which not every test machine grants.
fn config(root: &Path, socket: &Path) -> String {
    let root = root.display();
    format!(
        r#"version = 2
root = "{root}/var/lib/containerd"
state = "{root}/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/opt/containerd"
[plugins."io.containerd.runtime.v1.linux"]
  no_shim = true
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "{image}"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{root}/opt/cni/bin"
    conf_dir = "{root}/etc/cni/net.d"
"#,
        socket = socket.display(),
        image = Content::idle().name,
    )
}
