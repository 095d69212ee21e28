//! `podman`, as root or as a user made for the test, with storage, run folders and a runtime root of its own;
//! optionally its Docker-compatible service.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;
use super::docker;
use super::home::Home;
use super::image::Content;
use super::process::{Running, run, try_run};
use super::spec::{MAPPED_COUNT, MAPPED_FROM, Spec, Users};
use crate::need::find_program;

/// Podman with folders of its own.
#[derive(Debug)]
pub struct Podman {
    loaded: RefCell<BTreeSet<String>>,
    /// Who runs it; root when `None`.
    account: Option<Account>,
    home: Home,
}

impl Podman {
    /// Debian's podman with Debian's runc, run by root.
    #[allow(clippy::new_without_default, reason = "making folders is no default")]
    pub fn new() -> Self {
        let mut home = Home::new("podman");
        // What is remembered about images' blobs has its place fixed.
        home.take_along(&["/var/lib/containers"]);
        let root = home.path().display().to_string();
        let runtime = home.write("bin/runc", &format!("#!/bin/sh\nexec runc --root {root}/run/runc \"$@\"\n"));
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o755)).expect("our own file obeys");
        home.write("etc/containers/containers.conf", &containers_conf(&format!("{root}/run/libpod"), &runtime));
        home.write("etc/containers/storage.conf", &storage_conf(&root));
        Podman { loaded: RefCell::default(), account: None, home }
    }

    /// The same podman run by a user made for it, in a user namespace, with files in the user's own folders.
    ///
    /// # Panics
    /// When the user cannot be made.
    pub fn rootless() -> Self {
        let home = Home::new("podman");
        let account = Account::new(home.path());
        let runtime = find_program("runc").expect("runc is installed");
        let tmp = account.run_folder().join("libpod/tmp");
        let settings = [
            ("containers.conf", containers_conf(&tmp.display().to_string(), &runtime)),
            ("storage.conf", "[storage]\ndriver = \"vfs\"\n".to_owned()),
        ];
        let folder = account.home().join(".config/containers");
        fs::create_dir_all(&folder).expect("the folder can be written to");
        for (name, text) in settings {
            fs::write(folder.join(name), text).expect("the folder can be written to");
        }
        account.own(&account.home().join(".config"));
        account.own(&folder);
        Podman { loaded: RefCell::default(), account: Some(account), home }
    }

    /// The folder that is laid out like `/`: `var/lib/containers/storage`, `run/containers/storage` and so on.
    pub fn root(&self) -> &Path {
        self.home.path()
    }

    /// Where [`Podman::serve`] listens.
    pub fn socket(&self) -> PathBuf {
        let run = self.account.as_ref().map_or_else(|| self.root().join("run"), |user| user.run_folder().to_owned());
        run.join("podman/podman.sock")
    }

    /// Starts the service that speaks Docker's API.
    ///
    /// # Panics
    /// When it does not listen; the message holds its log.
    pub fn serve(&mut self) {
        let socket = self.socket();
        let folder = socket.parent().expect("it lies in a folder");
        fs::create_dir_all(folder).expect("the folder can be written to");
        self.account.iter().for_each(|user| user.own(folder));
        let mut service = self.command();
        service.args(["system", "service", "--time=0"]).arg(format!("unix://{}", socket.display()));
        self.home.start(&mut service, &socket);
    }

    /// Makes an image known, once.
    ///
    /// # Panics
    /// When podman refuses.
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
    /// When podman refuses.
    #[track_caller]
    pub fn run(&self, spec: &Spec) -> Running {
        self.load(&spec.content);
        let mut command = self.command_to_run(spec);
        let id = run(command.arg("--detach").args(docker::words(spec)).arg(&spec.content.name).args(&spec.argv));
        let pid = run(self.command().args(["inspect", "--format={{.State.Pid}}", &id]));
        Running::new(&id, &spec.name, pid.parse().expect("a pid is a number"))
    }

    /// Runs a container to its end and gives its id; podman keeps it.
    pub fn finish(&self, spec: &Spec) -> String {
        self.finish_with(&[], spec)
    }

    /// The same with more options.
    pub fn finish_with(&self, options: &[&str], spec: &Spec) -> String {
        self.load(&spec.content);
        // Its status may be any.
        try_run(
            self.command_to_run(spec).args(options).args(docker::words(spec)).arg(&spec.content.name).args(&spec.argv),
        );
        run(self.command().args(["inspect", "--format={{.Id}}", &spec.name]))
    }

    fn command_to_run(&self, spec: &Spec) -> Command {
        let mut command = self.command();
        command.args(["run", "--pull=never"]);
        if self.account.is_none() {
            command.arg(format!("--cgroup-parent={}", self.home.cgroup()));
        }
        if spec.users == Users::Mapped {
            assert!(self.account.is_none(), "without root, podman's users are always mapped, and not by choice");
            command.args(["uid", "gid"].map(|kind| format!("--{kind}map=0:{MAPPED_FROM}:{MAPPED_COUNT}")));
        }
        command
    }

    /// `podman` on these folders, for whatever else a test wants of it.
    pub fn command(&self) -> Command {
        if let Some(user) = &self.account {
            return user.command("podman");
        }
        let mut command = Command::new("podman");
        let settings = self.root().join("etc/containers");
        command.env("CONTAINERS_CONF", settings.join("containers.conf"));
        command.env("CONTAINERS_STORAGE_CONF", settings.join("storage.conf"));
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

impl Drop for Podman {
    fn drop(&mut self) {
        self.home.stop();
        try_run(self.command().args(["rm", "--all", "--force", "--time=0"]));
    }
}

/// Rlimits are low because raising them needs CAP_SYS_RESOURCE, which not every test machine grants.
fn containers_conf(tmp: &str, runtime: &Path) -> String {
    format!(
        r#"[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "{runtime}"
tmp_dir = "{tmp}"
"#,
        runtime = runtime.display()
    )
}

fn storage_conf(root: &str) -> String {
    format!(
        r#"[storage]
driver = "vfs"
graphroot = "{root}/var/lib/containers/storage"
runroot = "{root}/run/containers/storage"
"#
    )
}
