//! What is entered: one idle busybox container per engine that this machine has, on private engines of the testkit.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use fathom_testkit::engine::{Containerd, Docker, Runc, Running, Spec};
use fathom_testkit::need::find_program;

/// A toolkit that fathom brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Toolkit {
    Mini,
    Full,
}

impl Toolkit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Toolkit::Mini => "mini",
            Toolkit::Full => "full",
        }
    }
}

/// Everything that is entered.
pub(super) struct Containers {
    pub(super) program: PathBuf,
    pub(super) runc: (Runc, Running),
    pub(super) containerd: Option<(Containerd, Running)>,
    pub(super) docker: Option<(Docker, Running)>,
    /// Whether the full toolkit is unpacked here.
    pub(super) full: bool,
    execs: Cell<u32>,
}

impl Containers {
    /// Starts the engines. Without runc there is nothing to compare with.
    pub(super) fn start(program: &Path) -> anyhow::Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "starting containers needs root");
        ensure!(find_program("runc").is_some(), "runc is missing: apt-get install runc");
        ensure!(Path::new("/bin/busybox").exists(), "busybox is missing: apt-get install busybox-static");
        let runc = Runc::new();
        let target = runc.run(&idle("bench-runc"));
        let full = has_full(program, &target);
        Ok(Containers {
            program: program.to_owned(),
            runc: (runc, target),
            containerd: optional("containerd", || {
                let engine = Containerd::start();
                let container = engine.run(&idle("bench-ctr"));
                (engine, container)
            }),
            docker: optional("dockerd", || {
                let engine = Docker::start();
                let container = engine.run(&idle("bench-docker"));
                (engine, container)
            }),
            full,
            execs: Cell::new(0),
        })
    }

    /// The toolkits that can be measured.
    pub(super) fn toolkits(&self) -> Vec<Toolkit> {
        if self.full { vec![Toolkit::Mini, Toolkit::Full] } else { vec![Toolkit::Mini] }
    }

    /// `fathom enter` on a container, up to the command.
    pub(super) fn enter(&self, target: &Running, toolkit: Toolkit) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("enter").arg(format!("pid:{}", target.pid())).args(["--toolkit", toolkit.name()]);
        command
    }

    /// `ctr task exec` wants a fresh name for each.
    pub(super) fn exec_id(&self) -> String {
        self.execs.set(self.execs.get() + 1);
        format!("--exec-id=bench-{}", self.execs.get())
    }
}

fn idle(name: &str) -> Spec {
    Spec::busybox(name, ["sleep", "1000000"])
}

/// An engine that this machine lacks, or that does not start here, is left out and named.
fn optional<T>(program: &str, start: impl FnOnce() -> T) -> Option<T> {
    if find_program(program).is_none() {
        eprintln!("{program} is not installed, so it is not measured");
        return None;
    }
    let started = catch_unwind(AssertUnwindSafe(start)).ok();
    if started.is_none() {
        eprintln!("{program} does not start here, so it is not measured");
    }
    started
}

/// What a plan says is true without changing anything.
fn has_full(program: &Path, target: &Running) -> bool {
    let mut command = Command::new(program);
    command.arg("enter").arg(format!("pid:{}", target.pid())).args(["--toolkit", "full", "--dry-run"]);
    let plan = command.output().map(|output| (output.status.success(), output.stdout)).unwrap_or_default();
    let text = String::from_utf8_lossy(&plan.1);
    let has = plan.0 && text.lines().any(|line| line.starts_with("root ") && !line.contains(" mini"));
    if !has {
        eprintln!("the full toolkit is not here, so it is not measured (`cargo xtask toolkit`)");
    }
    has
}
