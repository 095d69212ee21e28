//! Where one engine's files and sockets are, and `fathom` told to look there.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use fathom_testkit::engine::{Containerd, Docker, Podman, Runc, Running, Spec};
use serde_json::Value;

use crate::support::{Ended, Machine, ended};

/// A machine on which `fathom` sees some engines and no others.
pub(crate) struct Place<'a> {
    machine: &'a Machine,
    settings: Vec<(&'static str, PathBuf)>,
}

impl<'a> Place<'a> {
    /// Files and sockets below `root`.
    pub(crate) fn of(machine: &'a Machine, root: &std::path::Path) -> Self {
        Place { machine, settings: vec![("FATHOM_ROOT", root.to_owned()), ("FATHOM_TOOLKIT", "mini".into())] }
    }

    /// One more Docker-compatible socket.
    pub(crate) fn with_docker(mut self, socket: &std::path::Path) -> Self {
        self.settings.push(("DOCKER_HOST", PathBuf::from(format!("unix://{}", socket.display()))));
        self
    }

    pub(crate) fn command<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Command {
        let mut command = self.machine.fathom(words);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Ended {
        ended(self.command(words).output().expect("fathom runs"))
    }

    /// What `ps` says, with more words.
    pub(crate) fn rows(&self, words: &[&str]) -> Vec<Value> {
        let listed = self.run(["ps", "-o", "json"].into_iter().chain(words.iter().copied()));
        assert_eq!(listed.status, 0, "{listed:?}");
        listed.stdout.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    }

    /// The row of one process.
    #[track_caller]
    pub(crate) fn row_of(&self, container: &Running) -> Value {
        let rows = self.rows(&[]);
        let of_pid: Vec<&Value> = rows.iter().filter(|row| row["pid"] == container.pid()).collect();
        assert_eq!(of_pid.len(), 1, "{container:?} in {rows:#?}");
        of_pid[0].clone()
    }

    /// `target` leads into this container and no other.
    #[track_caller]
    pub(crate) fn assert_leads_to(&self, target: &str, container: &Running) {
        let got = self.run(["enter", target, "--", "readlink", "/proc/self/ns/pid"]);
        assert_eq!(got.status, 0, "{target}: {got:?}");
        assert_eq!(got.stdout.trim(), pid_namespace(container), "{target} led elsewhere: {got:?}");
    }
}

/// One name per test that no other container of this machine has: a demo may run here, and other tests do.
pub(crate) fn own_name() -> &'static str {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static NAME: &'static str = {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            format!("web-{}-{count}", std::process::id()).leak()
        };
    }
    NAME.with(|name| *name)
}

pub(crate) fn pid_namespace(container: &Running) -> String {
    let link = std::fs::read_link(format!("/proc/{}/ns/pid", container.pid())).expect("it lives");
    link.to_str().expect("the kernel writes ASCII").to_owned()
}

/// The image that is hardest to debug: read-only, one file, no root, no capability.
pub(crate) fn scratch_like(name: &str) -> Spec {
    Spec::scratch(name, ["/app"]).read_only().user(65532).no_capabilities().no_new_privileges()
}

/// What all engines have in common.
pub(crate) trait Engine {
    fn root(&self) -> &std::path::Path;
    fn run(&self, spec: &Spec) -> Running;
}

macro_rules! engines {
    ($($kind:ty),*) => { $(impl Engine for $kind {
        fn root(&self) -> &std::path::Path {
            self.root()
        }
        fn run(&self, spec: &Spec) -> Running {
            self.run(spec)
        }
    })* };
}

engines!(Docker, Containerd, Podman, Runc);
