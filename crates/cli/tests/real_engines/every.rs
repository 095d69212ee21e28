//! The hardest target in every engine: found by all its names, entered with both roots.

use std::process::Command;

use fathom_testkit::engine::{Containerd, Docker, Podman, Runc, Running, Spec};
use fathom_testkit::{Need, needs};

use crate::place::{Engine, Place, own_name, scratch_like};
use crate::support::Machine;

/// By name, id, the start of its id where there is one to shorten, and with the engine's name; both roots.
#[track_caller]
fn assert_entered(place: &Place<'_>, scheme: &str, web: &Running) {
    let row = place.row_of(web);
    assert_eq!((&row["name"], &row["runtime"]), (&web.name().into(), &scheme.into()), "{row}");
    place.assert_leads_to(web.name(), web);
    place.assert_leads_to(web.id(), web);
    place.assert_leads_to(&format!("{scheme}://{}", web.id()), web);
    if web.id() != web.name() {
        place.assert_leads_to(&web.id()[..12], web);
        place.assert_leads_to(&format!("{scheme}://{}", &web.id()[..7]), web);
    }
    assert_both_roots(place, web);
}

#[track_caller]
fn assert_both_roots(place: &Place<'_>, web: &Running) {
    let got = place.run(["enter", web.name(), "--", "sh", "-c", "ls -d /target/app && id -u"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "/target/app\n0\n"), "{got:?}");
    let script = "/app exit 7 0; echo own=$?; touch /made && ls -d /made";
    let got = place.run(["enter", "--root", "target", web.name(), "--", "sh", "-c", script]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "own=7\n/made\n"), "{got:?}");
    let made = format!("/proc/{}/root/made", web.pid());
    assert!(!std::path::Path::new(&made).exists(), "the target was written to");
}

fn assert_enters_all<E: Engine>(engine: &E, scheme: &str) {
    let machine = Machine::new();
    let place = Place::of(&machine, engine.root());
    let web = engine.run(&scratch_like(own_name()));
    assert_entered(&place, scheme, &web);
    // With root, capabilities and the engine's own filter of system calls.
    let plain = engine.run(&Spec::busybox("plain", ["sleep", "1000"]));
    place.assert_leads_to("plain", &plain);
    let got = place.run(["enter", "--root", "target", "plain", "--", "busybox", "echo", "of the target"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "of the target\n"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn docker() {
    needs!(Need::Root, Need::Program("dockerd"));
    assert_enters_all(&Docker::start(), "docker");
}

#[test]
fn containerd() {
    needs!(Need::Root, Need::Program("containerd"));
    assert_enters_all(&Containerd::start(), "containerd");
}

#[test]
fn podman() {
    needs!(Need::Root, Need::Program("podman"));
    assert_enters_all(&Podman::new(), "podman");
}

#[test]
fn podman_of_a_user() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("newuidmap"));
    assert_enters_all(&Podman::rootless(), "podman");
}

#[test]
fn runc() {
    needs!(Need::Root, Need::Program("runc"));
    assert_enters_all(&Runc::new(), "runc");
}

#[test]
fn targets_with_users_of_their_own() {
    needs!(Need::Root, Need::Program("podman"), Need::Program("containerd"), Need::Program("runc"));
    let (podman, runc) = (Podman::new(), Runc::new());
    for engine in [&podman as &dyn Engine, &runc] {
        let machine = Machine::new();
        let place = Place::of(&machine, engine.root());
        let web = engine.run(&Spec::scratch("mapped", ["/app"]).read_only().own_users());
        place.assert_leads_to("mapped", &web);
        assert_both_roots(&place, &web);
        let got = place.run(["enter", "mapped", "--", "cat", "/proc/self/uid_map"]);
        assert_eq!(got.stdout.split_ascii_whitespace().collect::<Vec<_>>(), ["0", "200000", "65536"], "{got:?}");
        machine.assert_clean();
    }
}

#[test]
fn crun() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("crun"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let place = Place::of(&machine, runc.root());
    // crun takes runc's bundle.
    runc.run(&scratch_like(own_name()));
    let (root, pid_file) = (runc.root().join("run/crun"), runc.root().join("crun.pid"));
    // crun refuses machines with both versions of cgroups; with the second one out of its sight it is content.
    let crun = |words: &[&str]| {
        let mut command = Command::new("unshare");
        let script = "umount /sys/fs/cgroup/unified 2>/dev/null; root=$1; shift; exec crun --root \"$root\" \"$@\"";
        command.args(["--mount", "sh", "-c", script, "crun"]).arg(&root).args(words);
        command
    };
    let log = std::fs::File::create(runc.root().join("crun.log")).expect("a scratch folder can be written to");
    let mut start = crun(&["run", "--detach", "--bundle"]);
    start.arg(runc.bundle(own_name())).arg("--pid-file").arg(&pid_file).arg("worker");
    let status = start.stdin(std::process::Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log).status();
    let said = std::fs::read_to_string(runc.root().join("crun.log")).unwrap_or_default();
    assert!(status.is_ok_and(|status| status.success()), "{said}");
    let row = place.rows(&[]).into_iter().find(|row| row["name"] == "worker");
    let leads = place.run(["enter", "crun://worker", "--", "readlink", "/proc/self/ns/pid"]);
    let pid = std::fs::read_to_string(&pid_file).expect("crun writes it");
    let namespace = std::fs::read_link(format!("/proc/{}/ns/pid", pid.trim())).expect("it lives");
    let _ = crun(&["delete", "--force", "worker"]).status();
    assert_eq!(row.map(|row| row["runtime"].clone()), Some("crun".into()));
    assert_eq!(leads.stdout.trim(), namespace.display().to_string(), "{leads:?}");
    machine.assert_clean();
}
