//! What each profile may really do, read from /proc inside the session.

use fathom_testkit::engine::{Runc, Spec};
use fathom_testkit::{Need, needs};

use crate::support::Machine;

const SHOW: &str = "while read -r key value; do case $key in Uid:|CapEff:|CapBnd:|NoNewPrivs:|Seccomp:) echo $key ${value%%[!0-9a-f]*};; esac; done < /proc/self/status";

#[test]
fn the_table_of_profiles_is_true() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]).user(65532).no_capabilities().no_new_privileges());
    let target = format!("pid:{}", web.pid());
    // This machine's root may lack some capabilities itself.
    let ours = std::fs::read_to_string("/proc/self/status").expect("we run");
    let ours = ours.lines().find_map(|line| line.strip_prefix("CapPrm:")).expect("it is there");
    let ours = u64::from_str_radix(ours.trim(), 16).expect("it is a number");
    let docker_and_ptrace = 0xa804_25fb_u64 | 1 << 19;
    for (profile, uid, capabilities, no_new_privs, seccomp) in [
        ("as-target", 65532, 0, 1, 0),
        ("restricted", 65532, 0, 1, 2),
        ("general", 0, docker_and_ptrace, 0, 2),
        ("netadmin", 0, docker_and_ptrace | 1 << 12, 0, 2),
        ("sysadmin", 0, ours, 0, 2),
        ("host", 0, ours, 0, 0),
    ] {
        let got = machine.run(["enter", "--profile", profile, &target, "--", "sh", "-c", SHOW]);
        let value = |key: &str| {
            let line = got
                .stdout
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or_else(|| panic!("{profile}: no {key} in {got:?}"));
            line.trim().to_owned()
        };
        let hex = |key| u64::from_str_radix(&value(key), 16).expect("it is a number");
        assert_eq!(value("Uid:"), uid.to_string(), "{profile}");
        assert_eq!(hex("CapEff:") & ours, capabilities & ours, "{profile}: {got:?}");
        assert_eq!(value("NoNewPrivs:"), no_new_privs.to_string(), "{profile}");
        assert_eq!(value("Seccomp:"), seccomp.to_string(), "{profile}");
    }
    machine.assert_clean();
}

#[test]
fn general_may_chroot_into_the_target_and_look_at_its_processes() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]).user(65532).no_capabilities());
    let target = format!("pid:{}", web.pid());
    let got = machine.run(["enter", &target, "--", "chroot", "/proc/1/root", "/bin/busybox", "echo", "inside"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "inside\n"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn limits_hold() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]));
    let target = format!("pid:{}", web.pid());
    // The session's own file system counts as its memory, and has a size of its own.
    let got = machine.run([
        "enter",
        "--scratch",
        "1Mi",
        &target,
        "--",
        "dd",
        "if=/dev/zero",
        "of=/tmp/x",
        "bs=1M",
        "count=5",
    ]);
    assert!(got.status != 0 && got.stderr.to_lowercase().contains("no space left"), "{got:?}");
    let got = machine.run([
        "enter",
        "--memory",
        "8Mi",
        "--scratch",
        "64Mi",
        &target,
        "--",
        "dd",
        "if=/dev/zero",
        "of=/tmp/x",
        "bs=1M",
        "count=40",
    ]);
    assert_eq!(got.status, 137, "{got:?}");
    // More than it may have is refused, and said by whoever asked.
    let many = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
                    sleep 100 & done; echo end";
    let got = machine.run(["enter", "--pids", "20", &target, "--", "sh", "-c", many]);
    assert!(got.stdout == "end\n" && got.stderr.contains("no room for another process"), "{got:?}");
    let got = machine.run(["enter", "--pids", "3", &target, "--", "sh", "-c", "echo end"]);
    assert!(got.status == 1 && got.stderr.contains("cannot start its threads"), "{got:?}");
    assert!(web.is_alive());
    machine.assert_clean();
}

#[test]
fn the_session_dies_first() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]));
    let target = format!("pid:{}", web.pid());
    let got = machine.run(["enter", &target, "--", "cat", "/proc/self/oom_score_adj"]);
    assert_eq!(got.stdout, "1000\n", "{got:?}");
    machine.assert_clean();
}
