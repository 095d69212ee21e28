//! `fathom why` of real containers: what was killed for memory is named with the counters that prove it, what is held
//! back by a limit is, and what is well is not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use fathom_testkit::engine::{Docker, Podman, Runc, Running, Spec};
use fathom_testkit::{Need, Scratch, needs};
use serde_json::Value;

use crate::place::{Place, own_name};
use crate::support::{Machine, ended};

/// Twice as much as the cgroups of these tests allow.
const EAT: &str = "dd if=/dev/zero of=/dev/null bs=64M count=1";
const LIMIT: &str = "33554432";

/// Its folder in the hierarchy that has this controller.
fn cgroup(running: &Running, controller: &str) -> PathBuf {
    let text = fs::read_to_string(format!("/proc/{}/cgroup", running.pid())).expect("it lives");
    let path = |wanted: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        lines.find(|(own, _)| own.split(',').any(|one| one == wanted)).map(|(_, path)| path.to_owned())
    };
    let old = Path::new("/sys/fs/cgroup").join(controller);
    match path(controller).filter(|_| old.is_dir()) {
        Some(path) => old.join(path.trim_start_matches('/')),
        None => Path::new("/sys/fs/cgroup").join(path("").expect("version 2").trim_start_matches('/')),
    }
}

fn limit_memory(running: &Running) {
    let folder = cgroup(running, "memory");
    let file =
        ["memory.max", "memory.limit_in_bytes"].map(|name| folder.join(name)).into_iter().find(|one| one.exists());
    fs::write(file.expect("memory can be limited"), LIMIT).expect("a cgroup of ours can be written to");
}

/// The answer to `fathom why TARGET`, with its status.
fn why(place: &Place<'_>, target: &str) -> (Value, i32) {
    let got = place.run(["why", target, "-o", "json"]);
    assert_eq!(got.stderr, "", "{got:?}");
    (serde_json::from_str(&got.stdout).unwrap_or_else(|error| panic!("{error}: {got:?}")), got.status)
}

/// The findings about one container.
fn about<'a>(answer: &'a Value, name: &str) -> Vec<&'a Value> {
    let end = format!("/{name}");
    let own = |one: &&Value| {
        let object = one["object"].as_str().unwrap_or_default();
        object.starts_with("Container/") && object.ends_with(&end)
    };
    answer["findings"].as_array().into_iter().flatten().filter(own).collect()
}

/// Each proof that names a file of this machine reads there as it was quoted.
fn check(finding: &Value) {
    for proof in finding["proofs"].as_array().into_iter().flatten() {
        let (at, saw) = (proof["at"].as_str().unwrap_or_default(), proof["saw"].as_str().unwrap_or_default());
        let Some((_, rest)) = at.strip_prefix("File/").and_then(|rest| rest.split_once('/')) else { continue };
        let (path, pointer) = rest.split_once('#').expect("a pointer");
        if path.starts_with("/sys/fs/cgroup") && !pointer.starts_with("/rise") {
            let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let key = pointer.trim_start_matches("/value").trim_start_matches('/');
            assert!(text.lines().any(|line| line.starts_with(key) && line.ends_with(saw)), "{at} {saw}: {text}");
        }
    }
}

#[test]
fn who_was_killed_for_memory_is_named_by_its_counters() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("busybox"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    // It begins to eat when its limit is set.
    let script = format!("until [ -e /go ]; do :; done; exec {EAT}");
    let container = runc.run(&Spec::busybox(own_name(), ["sh", "-c", &script]));
    let (answer, _) = why(&place, own_name());
    assert!(about(&answer, own_name()).is_empty(), "it is well yet: {answer}");

    limit_memory(&container);
    fs::write(runc.bundle(own_name()).join("rootfs/go"), "").expect("a bundle can be written");
    container.wait();
    let (answer, status) = why(&place, own_name());
    let [finding] = about(&answer, own_name())[..] else { panic!("{answer:#}") };
    assert_eq!((finding["code"].as_str(), status), (Some("crash.oom-limit"), 1), "{answer:#}");
    let proofs = finding["proofs"].to_string();
    assert!(proofs.contains("oom_kill") && proofs.contains(LIMIT), "{proofs}");
    check(finding);
    machine.assert_clean();
}

#[test]
fn a_child_that_was_killed_while_its_container_goes_on_is_told_of() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("busybox"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let script = format!("until [ -e /go ]; do :; done; {EAT}; touch /done; while :; do sleep 1; done");
    let container = runc.run(&Spec::busybox(own_name(), ["sh", "-c", &script]));
    limit_memory(&container);
    let root = runc.bundle(own_name()).join("rootfs");
    fs::write(root.join("go"), "").expect("a bundle can be written");
    let done = || root.join("done").exists();
    assert!(crate::support::within(std::time::Duration::from_secs(20), done), "{}", runc.log(own_name()));
    let (answer, status) = why(&place, own_name());
    let [finding] = about(&answer, own_name())[..] else { panic!("{answer:#}") };
    assert_eq!((finding["code"].as_str(), status), (Some("crash.oom-child-hidden"), 1), "{answer:#}");
    check(finding);
    let text = place.run(["why", own_name()]);
    assert!(text.stdout.contains(&format!("ROOT  crash.oom-child-hidden  container/{} on ", own_name())), "{text:?}");
    drop(container);
    machine.assert_clean();
}

#[test]
fn who_is_held_back_by_its_share_of_processors_is_named() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("busybox"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    let container = runc.run(&Spec::busybox(own_name(), ["sh", "-c", "while :; do :; done"]));
    let folder = cgroup(&container, "cpu");
    let old = folder.join("cpu.cfs_quota_us");
    match old.exists() {
        true => fs::write(old, "10000"),
        false => fs::write(folder.join("cpu.max"), "10000 100000"),
    }
    .expect("a cgroup of ours can be written to");
    let (answer, status) = why(&place, own_name());
    let [finding] = about(&answer, own_name())[..] else { panic!("{answer:#}") };
    assert_eq!((finding["code"].as_str(), status), (Some("perf.cpu-throttled"), 1), "{answer:#}");
    check(finding);
}

#[test]
fn the_last_words_of_a_container_of_docker_tell_why_it_ended() {
    needs!(Need::Root, Need::Program("dockerd"), Need::Program("busybox"));
    let (machine, docker) = (Machine::new(), Docker::start());
    let place = Place::of(&machine, docker.root());
    let script = "echo starting; echo 'dial tcp 127.0.0.1:5432: connect: connection refused' >&2; exit 3";
    docker.finish(&Spec::busybox(own_name(), ["sh", "-c", script]));
    let (answer, _) = why(&place, own_name());
    let [finding] = about(&answer, own_name())[..] else { panic!("{answer:#}") };
    assert_eq!(finding["code"].as_str(), Some("crash.app.dependency-refused"), "{answer:#}");
    let proofs = finding["proofs"].to_string();
    assert!(proofs.contains("log:") && proofs.contains("connection refused"), "{proofs}");
    machine.assert_clean();
}

#[test]
fn how_a_container_of_podman_ended_stands_in_its_files() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("busybox"));
    let (machine, podman) = (Machine::new(), Podman::new());
    let place = Place::of(&machine, podman.root());
    let script = "echo starting; echo 'dial tcp 127.0.0.1:5432: connect: connection refused' >&2; exit 3";
    podman.finish(&Spec::busybox(own_name(), ["sh", "-c", script]));
    let (answer, _) = why(&place, own_name());
    let [finding] = about(&answer, own_name())[..] else { panic!("{answer:#}") };
    assert_eq!(finding["code"].as_str(), Some("crash.app.dependency-refused"), "{answer:#}");
    assert!(finding["proofs"].to_string().contains("connection refused"), "{answer:#}");

    let well = format!("{}-well", own_name());
    podman.finish(&Spec::busybox(&well, ["true"]));
    let (answer, _) = why(&place, &well);
    assert!(about(&answer, &well).is_empty(), "{answer:#}");

    // Told to stop, and killed for not listening.
    let stopped = format!("{}-stopped", own_name());
    let running = podman.run(&Spec::busybox(&stopped, ["sh", "-c", "while :; do sleep 1; done"]));
    let done = podman.command().args(["stop", "--time=0", &stopped]).output().expect("podman runs");
    assert!(done.status.success(), "{done:?}");
    let (answer, _) = why(&place, &stopped);
    assert!(about(&answer, &stopped).is_empty(), "{answer:#}");
    drop(running);
    machine.assert_clean();
}

#[test]
fn who_podman_saw_die_of_its_memory_limit_is_named_by_the_kernel() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("busybox"));
    let (machine, podman) = (Machine::new(), Podman::new());
    let place = Place::of(&machine, podman.root());
    // Of a signal alone it is not said who sent it.
    let other = format!("{}-other", own_name());
    podman.finish(&Spec::busybox(&other, ["sh", "-c", "kill -9 $$"]));
    let (answer, _) = why(&place, &other);
    assert!(!answer.to_string().contains("crash.oom-limit"), "{answer:#}");

    podman.finish_with(&["--memory=32m"], &Spec::busybox(own_name(), ["sh", "-c", &format!("exec {EAT}")]));
    let (answer, status) = why(&place, own_name());
    let [finding] = about(&answer, own_name())[..] else { panic!("{answer:#}") };
    assert_eq!((finding["code"].as_str(), status), (Some("crash.oom-limit"), 1), "{answer:#}");
    let proofs = finding["proofs"].to_string();
    assert!(proofs.contains("oom-kill:") && proofs.contains(LIMIT), "{proofs}");
    machine.assert_clean();
}

#[test]
fn what_may_not_be_read_is_said() {
    needs!(Need::Root);
    let (machine, root) = (Machine::new(), Scratch::new("rights"));
    let place = Place::of(&machine, root.path());
    let socket = root.join("run/docker.sock");
    fs::create_dir_all(root.join("run")).expect("a scratch folder can be written");
    let _engine = UnixListener::bind(&socket).expect("a scratch folder can be written");
    for (path, mode) in [(root.path().to_owned(), 0o755), (root.join("run"), 0o755), (socket.clone(), 0o600)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }
    let got = ended(place.command(["why", "host"]).uid(65_534).gid(65_534).output().expect("fathom runs"));
    assert!(got.stdout.contains("COULD NOT LOOK\n"), "{got:?}");
    assert!(got.stdout.contains(&format!("  ask the engine at {} on ", socket.display())), "{got:?}");
    assert!(!got.stdout.contains("node.runtime-down"), "who may not ask does not know: {got:?}");
}
