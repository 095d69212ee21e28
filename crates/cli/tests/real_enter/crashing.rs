//! Containers that come and go: staying when one dies, entering the next, holding it before it gets far.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use fathom_testkit::engine::{Runc, Running, Spec};
use fathom_testkit::{Need, needs};

use crate::support::{Machine, descendants, ended, kill, within};

/// Incarnations of one container: each in the same cgroup, as an engine that restarts it would have it.
fn incarnation(runc: &Runc, name: &str, cgroup: &str) -> Running {
    runc.run(&Spec::scratch(name, ["/app"]).user(65532).no_capabilities().cgroup(cgroup))
}

fn cgroup() -> String {
    format!("/fathom-crash-{0}/crash-{0}", std::process::id())
}

/// Whether the cgroup is frozen now.
fn is_frozen(pid: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).expect("it is in a v2 cgroup");
    let points = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(PathBuf::from);
    let events = points.iter().find_map(|point| std::fs::read_to_string(point.join(path).join("cgroup.events")).ok());
    events.expect("v2 is mounted").contains("frozen 1")
}

/// `fathom enter` with these flags, waiting for the next incarnation; it says so before it waits.
fn waiting(machine: &Machine, flags: &[&str], script: &str) -> Child {
    let mut words = vec!["enter", "--toolkit", "mini"];
    words.extend(flags);
    let name = format!("crash-{}", std::process::id());
    words.extend([&name, "--", "sh", "-c", script]);
    let mut client = machine.spawn(words);
    let mut said = [0u8; 16];
    client.stderr.as_mut().expect("it is a pipe").read_exact(&mut said).expect("it says that it waits");
    assert_eq!(&said, b"fathom: waiting ", "{}", String::from_utf8_lossy(&said));
    // It has looked for what is there when it sleeps between two looks.
    assert!(within(Duration::from_secs(5), || crate::support::state(client.id()) == 'S'));
    client
}

#[test]
fn a_session_that_survives_stays_when_the_target_dies() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = incarnation(&runc, "web", &cgroup());
    let script = "echo ready; read line; ls /target; ls /sys/class/net; echo $$";
    let target = format!("pid:{}", web.pid());
    let mut client = machine.spawn(["enter", "--toolkit", "mini", "--survive", &target, "--", "sh", "-c", script]);
    let mut ready = [0u8; 6];
    client.stdout.as_mut().expect("it is a pipe").read_exact(&mut ready).expect("it starts");
    web.kill();
    std::io::Write::write_all(&mut client.stdin.take().expect("it is a pipe"), b"go\n").expect("it reads");
    let got = ended(client.wait_with_output().expect("it ends"));
    assert!(got.status == 0 && got.stdout.contains("app\n") && got.stdout.contains("lo\n"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn the_next_incarnation_is_entered() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let first = incarnation(&runc, "first", &cgroup());
    let client = waiting(&machine, &["--wait"], "readlink /proc/1/exe; hostname");
    first.kill();
    let second = incarnation(&runc, "second", &cgroup());
    let got = ended(client.wait_with_output().expect("it ends"));
    assert!(got.status == 0 && got.stdout.starts_with("/app\n"), "{got:?}");
    assert!(second.is_alive());
    machine.assert_clean();
}

#[test]
fn a_held_incarnation_does_nothing_until_the_session_ends() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let first = incarnation(&runc, "first", &cgroup());
    let mut client = waiting(&machine, &["--hold"], "echo in; cat");
    first.kill();
    let second = incarnation(&runc, "second", &cgroup());
    let mut word = [0u8; 3];
    client.stdout.as_mut().expect("it is a pipe").read_exact(&mut word).expect("it is entered");
    assert!(is_frozen(second.pid()));
    let got = ended(client.wait_with_output().expect("it ends"));
    assert!(got.status == 0 && got.stderr.contains("ms of CPU"), "{got:?}");
    assert!(within(Duration::from_secs(1), || !is_frozen(second.pid())));
    assert!(second.is_alive());
    machine.assert_clean();
}

#[test]
fn a_held_incarnation_goes_on_when_asked_and_the_session_stays() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let first = incarnation(&runc, "first", &cgroup());
    let mut client = waiting(&machine, &["--hold"], "echo in; cat; echo out");
    first.kill();
    let second = incarnation(&runc, "second", &cgroup());
    let mut word = [0u8; 3];
    client.stdout.as_mut().expect("it is a pipe").read_exact(&mut word).expect("it is entered");
    let listed = machine.run(["sessions", "-o", "name"]);
    let released = machine.run(["sessions", "release", listed.stdout.trim()]);
    assert_eq!(released.status, 0, "{released:?}");
    assert!(within(Duration::from_secs(1), || !is_frozen(second.pid())));
    let got = ended(client.wait_with_output().expect("it ends"));
    assert_eq!((got.status, got.stdout.as_str()), (0, "out\n"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn whoever_is_killed_a_held_incarnation_goes_on() {
    needs!(Need::Root, Need::Program("runc"));
    for victim in ["client", "supervisor", "all"] {
        let (machine, runc) = (Machine::new(), Runc::new());
        let first = incarnation(&runc, "first", &cgroup());
        let mut client = waiting(&machine, &["--hold"], "echo in; sleep 1000");
        first.kill();
        let second = incarnation(&runc, "second", &cgroup());
        let mut word = [0u8; 3];
        client.stdout.as_mut().expect("it is a pipe").read_exact(&mut word).expect("it is entered");
        let supervisor = machine.supervisor();
        let init = descendants(supervisor)[0];
        kill(match victim {
            "client" => vec![client.id()],
            "supervisor" => vec![supervisor],
            _ => vec![client.id(), supervisor, init],
        });
        client.wait().expect("it is ours");
        if victim == "all" {
            let all_gone = || [supervisor, init].iter().all(|pid| matches!(crate::support::state(*pid), 'Z' | '?'));
            assert!(within(Duration::from_secs(1), all_gone));
            machine.run(["sessions", "cleanup"]);
        }
        assert!(within(Duration::from_secs(1), || !is_frozen(second.pid())), "{victim}");
        assert!(second.is_alive());
        machine.assert_clean();
    }
}

#[test]
fn what_cannot_come_back_is_not_waited_for() {
    needs!(Need::Root);
    let machine = Machine::new();
    let got = machine.run(["enter", "--wait", "host"]);
    assert!(got.status == 2 && got.stderr.contains("does not come back"), "{got:?}");
    machine.assert_clean();
}
