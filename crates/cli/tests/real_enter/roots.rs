//! The two roots: what `/` is, and that the target is as it was.

use fathom_testkit::engine::{Runc, Spec};
use fathom_testkit::{Need, Scratch, needs};

use crate::support::{Machine, mounts_of};

fn scratch_like() -> Spec {
    Spec::scratch("web", ["/app"]).read_only().user(65532).no_capabilities().no_new_privileges()
}

#[test]
fn tools_are_the_root_and_the_target_is_at_target() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&scratch_like());
    let target = format!("pid:{}", web.pid());
    let got = machine.run(["enter", &target, "--", "sh", "-c", "ls /target; ls -d /target/app; readlink /proc/1/exe"]);
    assert_eq!((got.status, got.stderr.as_str()), (0, ""), "{got:?}");
    assert!(got.stdout.contains("app\n") && got.stdout.contains("/target/app\n"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn the_target_is_the_root_and_nothing_in_it_changes() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&scratch_like());
    let (target, before) = (format!("pid:{}", web.pid()), mounts_of(web.pid()));
    // The target's own program runs by its own path; what is written to / goes nowhere.
    let script = "ls / >/dev/null && /app exit 7 0; echo own=$?; touch /made && ls -a / && echo > /.fathom/x";
    let got = machine.run(["enter", "--root", "target", &target, "--", "sh", "-c", script]);
    assert!(
        got.stdout.contains("own=7\n") && got.stdout.contains(".fathom\n") && got.stdout.contains("made\n"),
        "{got:?}"
    );
    assert_eq!(mounts_of(web.pid()), before);
    let root = format!("/proc/{}/root", web.pid());
    for made in ["made", ".fathom"] {
        assert!(!std::path::Path::new(&root).join(made).exists(), "{made} is in the target");
    }
    machine.assert_clean();
}

#[test]
fn volumes_of_the_target_are_seen_and_live() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc, volume) = (Machine::new(), Runc::new(), Scratch::new("volume"));
    std::fs::write(volume.join("old"), "1").expect("a scratch folder can be written to");
    let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]).mount(volume.path(), "/data"));
    let target = format!("pid:{}", web.pid());
    let got = machine.run(["enter", &target, "--", "sh", "-c", "ls /target/data; echo 2 > /target/data/new"]);
    assert_eq!(got.stdout, "old\n", "{got:?}");
    assert_eq!(std::fs::read_to_string(volume.join("new")).expect("it was written"), "2\n");
    let got = machine.run(["enter", "--root", "target", &target, "--", "sh", "-c", "cat /data/new"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "2\n"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn a_target_with_a_user_namespace_is_entered_as_its_root() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]).own_users());
    let target = format!("pid:{}", web.pid());
    let script = "id -u; cat /proc/self/uid_map; echo x > /tmp/x && stat -c %u /tmp/x";
    let got = machine.run(["enter", &target, "--", "sh", "-c", script]);
    let words: Vec<&str> = got.stdout.split_ascii_whitespace().collect();
    assert_eq!(words, ["0", "0", "200000", "65536", "0"], "{got:?}");
    let got = machine.run(["enter", "--root", "target", &target, "--", "sh", "-c", "id -u; sleep 0"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "0\n"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn a_chrooted_process_is_entered_where_it_is() {
    needs!(Need::Root, Need::Path("/bin/busybox"));
    let (machine, jail) = (Machine::new(), Scratch::new("jail"));
    std::fs::create_dir(jail.join("bin")).expect("a scratch folder can be written to");
    std::fs::copy("/bin/busybox", jail.join("bin/busybox")).expect("busybox can be copied");
    let mut inside = std::process::Command::new("chroot")
        .arg(jail.path())
        .args(["/bin/busybox", "sleep", "1000"])
        .spawn()
        .expect("chroot runs");
    let target = format!("pid:{}", inside.id());
    let ready = crate::support::within(std::time::Duration::from_secs(5), || {
        std::fs::read_link(format!("/proc/{}/root", inside.id())).is_ok_and(|root| root == jail.path())
    });
    assert!(ready, "chroot did not happen");
    let got = machine.run(["enter", &target, "--", "ls", "/target"]);
    inside.kill().and_then(|()| inside.wait()).expect("it is ours");
    assert_eq!((got.status, got.stdout.as_str()), (0, "bin\n"), "{got:?}");
    machine.assert_clean();
}
