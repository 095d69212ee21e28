//! `runc` by hand: a bundle folder per container, state in a root of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::home::Home;
use super::process::{Running, run, try_run};
use super::spec::{
    Access, Capabilities, DOCKER_CAPABILITIES, MAPPED_COUNT, MAPPED_FROM, Network, NewPrivileges, Spec, Users,
};

/// `runc` with a state folder of its own. Also drives `crun`, which takes the same words.
#[derive(Debug)]
pub struct Runc {
    program: &'static str,
    home: Home,
}

impl Runc {
    /// Debian's `runc`.
    #[allow(clippy::new_without_default, reason = "making a folder is no default")]
    pub fn new() -> Self {
        Runc { program: "runc", home: Home::new("runc") }
    }

    /// The folder that is laid out like `/`: `run/runc` holds one folder per container.
    pub fn root(&self) -> &Path {
        self.home.path()
    }

    /// The bundle of the container `name`: `config.json`, `rootfs` and `log`.
    pub fn bundle(&self, name: &str) -> PathBuf {
        self.root().join("bundles").join(name)
    }

    /// What the container `name` wrote to stdout and stderr.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.bundle(name).join("log")).unwrap_or_default()
    }

    /// Starts a container and returns when its command has been executed.
    ///
    /// # Panics
    /// When `runc` refuses.
    #[track_caller]
    pub fn run(&self, spec: &Spec) -> Running {
        let bundle = self.bundle(&spec.name);
        let owner = if spec.users == Users::Mapped { MAPPED_FROM } else { 0 };
        spec.content.unpack(&bundle.join("rootfs"), owner);
        let cgroup = spec.cgroup.clone().unwrap_or_else(|| format!("{}/{}", self.home.cgroup(), spec.name));
        self.home.cgroups.expect(&cgroup);
        fs::write(bundle.join("config.json"), config(spec, &cgroup).to_string()).expect("a bundle can be written");
        let log = fs::File::create(bundle.join("log")).expect("a bundle can be written");
        let pid_file = bundle.join("pid");
        // The container keeps runc's own descriptors, so they must not be pipes that we wait on.
        let status = self
            .command()
            .args(["run", "--detach", "--bundle"])
            .arg(&bundle)
            .arg("--pid-file")
            .arg(&pid_file)
            .arg(&spec.name)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .status()
            .expect("runc can be run");
        assert!(status.success(), "{} run {}: {status}: {}", self.program, spec.name, self.log(&spec.name));
        let pid = fs::read_to_string(&pid_file).expect("runc writes the pid file");
        Running::new(&spec.name, &spec.name, pid.trim().parse().expect("a pid is a number"))
    }

    /// `runc --root …`, for whatever else a test wants of it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.arg("--root").arg(self.root().join("run").join(self.program));
        command
    }

    /// Runs a command in the container and gives its stdout: what `enter` is measured against.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn exec(&self, container: &Running, argv: &[&str]) -> String {
        run(self.command().args(["exec", container.id()]).args(argv))
    }
}

impl Drop for Runc {
    fn drop(&mut self) {
        for id in try_run(self.command().args(["list", "--quiet"])).lines() {
            try_run(self.command().args(["delete", "--force", id]));
        }
    }
}

/// The container's config.json, after the OCI runtime specification 1.0.2.
fn config(spec: &Spec, cgroup: &str) -> Value {
    let capabilities = match spec.capabilities {
        Capabilities::None => &[][..],
        Capabilities::Docker => DOCKER_CAPABILITIES,
    };
    let env = [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")];
    let env = env.into_iter().chain(spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": spec.user, "gid": spec.user },
            "args": spec.argv,
            "env": env.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
            },
            "noNewPrivileges": spec.privileges == NewPrivileges::Denied,
        },
        "root": { "path": "rootfs", "readonly": spec.root == Access::ReadOnly },
        "hostname": spec.hostname.as_deref().unwrap_or(&spec.name),
        "mounts": mounts(spec),
        "annotations": spec.labels.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": namespaces(spec),
            "uidMappings": mappings(spec),
            "gidMappings": mappings(spec),
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}

fn namespaces(spec: &Spec) -> Vec<Value> {
    let mut kinds = vec!["pid", "ipc", "uts", "mount"];
    kinds.extend((spec.network == Network::Own).then_some("network"));
    kinds.extend((spec.users == Users::Mapped).then_some("user"));
    kinds.into_iter().map(|kind| json!({ "type": kind })).collect()
}

fn mappings(spec: &Spec) -> Vec<Value> {
    match spec.users {
        Users::Host => vec![],
        Users::Mapped => vec![json!({ "containerID": 0, "hostID": MAPPED_FROM, "size": MAPPED_COUNT })],
    }
}

fn mounts(spec: &Spec) -> Vec<Value> {
    let mount = |at: &str, kind: &str, source: &str, options: &[&str]| json!({ "destination": at, "type": kind, "source": source, "options": options });
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ];
    // A user namespace without a network namespace of its own may not mount sysfs.
    mounts.push(match (spec.users, spec.network) {
        (Users::Mapped, Network::Host) => mount("/sys", "none", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"]),
        _ => mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    });
    mounts.extend(spec.mounts.iter().map(|(source, inside, access)| {
        let access = if *access == Access::ReadOnly { "ro" } else { "rw" };
        mount(&text(inside), "none", &text(source), &["rbind", access])
    }));
    mounts
}

fn text(path: &Path) -> String {
    path.to_str().expect("tests use readable paths").to_owned()
}
