//! Machines with cgroup v1 alone, without `cgroup.kill` therefore, and with cgroup v2 alone: made of this one by
//! unmounting the rest in a mount namespace of the session's own.

use std::process::{Command, Stdio};
use std::time::Duration;

use fathom_testkit::engine::{Runc, Running, Spec};
use fathom_testkit::{Need, needs};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Machine, ended, within};

/// Mount points of a hybrid machine that `keeps` does not keep.
fn hidden(keeps: &str) -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("there is a /proc");
    let all = mounts.lines().filter_map(|line| {
        let (point, rest) = (line.split(' ').nth(4)?, line.split_once(" - ")?.1);
        Some((point.to_owned(), rest.split(' ').next()?.to_owned()))
    });
    let cgroups = all.filter(|(_, kind)| kind == "cgroup" || kind == "cgroup2");
    cgroups.filter(|(_, kind)| kind != keeps).map(|(point, _)| point).collect()
}

/// `fathom` where only one kind of hierarchy is mounted.
fn fathom_with(kind: &str, machine: &Machine, words: &[&str]) -> Command {
    let script = r#"while [ "$1" != -- ]; do umount "$1" || exit 99; shift; done; shift; exec "$@""#;
    let inner = machine.fathom(words);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]).args(hidden(kind)).arg("--");
    command.arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        command.env(name, value.expect("it is set"));
    }
    command
}

fn container(runc: &Runc) -> (Running, String) {
    let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]).user(65532).no_capabilities());
    let target = format!("pid:{}", web.pid());
    (web, target)
}

/// The status, the leaf and nothing that stays, be it a daemon or a session whose processes are killed.
#[track_caller]
fn works_with(kind: &str, leaf: &str) {
    let (machine, runc) = (Machine::new(), Runc::new());
    let (web, target) = container(&runc);
    let script = "setsid sleep 1000 >/dev/null 2>&1 & cat /proc/self/cgroup; exit 7";
    let got = ended(
        fathom_with(kind, &machine, &["enter", &target, "--", "sh", "-c", script]).output().expect("unshare runs"),
    );
    assert_eq!(got.status, 7, "{kind}: {got:?}");
    let leaves: Vec<&str> = got.stdout.lines().filter(|line| line.contains("/fathom/")).collect();
    assert!(!leaves.is_empty() && leaves.iter().all(|line| line.starts_with("0::") == (leaf == "v2")), "{got:?}");
    machine.assert_clean();
    for who in [Who::Client, Who::Supervisor] {
        let script = "setsid sleep 1000 & setsid sleep 1000 & sleep 1000";
        let mut session = fathom_with(kind, &machine, &["enter", &target, "--", "sh", "-c", script]);
        let mut session = session.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("unshare runs");
        let supervisor = machine.supervisor();
        let runs = || machine.left().processes.iter().any(|(_, name)| name.starts_with("fathom-init"));
        assert!(within(Duration::from_secs(10), runs), "{kind}: no session");
        let victim = if who == Who::Client { session.id() } else { supervisor };
        kill_process(Pid::from_raw(victim as i32).expect("a pid"), Signal::KILL).expect("it is ours");
        session.wait().expect("it is ours");
        machine.assert_clean();
    }
    assert!(web.is_alive());
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Client,
    Supervisor,
}

#[test]
fn with_version_1_alone_nothing_stays_either() {
    needs!(Need::Root, Need::Program("runc"), Need::Path("/sys/fs/cgroup/memory"));
    works_with("cgroup", "v1");
}

#[test]
fn with_version_2_alone_nothing_stays_either() {
    needs!(Need::Root, Need::Program("runc"));
    works_with("cgroup2", "v2");
}
