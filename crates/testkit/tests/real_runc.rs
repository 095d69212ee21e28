//! The harness itself: containers are what their specs say, and nothing stays behind.

use std::fs;
use std::path::{Path, PathBuf};

use fathom_testkit::engine::{CABLE, Runc, Running, Spec, plug};
use fathom_testkit::{Need, Scratch, needs};

const RUNC: &[Need] = &[Need::Root, Need::Program("runc"), Need::Path("/bin/busybox")];

/// A line of /proc/PID/status, without its name.
fn status(container: &Running, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{}/status", container.pid())).expect("it lives");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.expect("the kernel says it").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cgroups_named(part: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, part: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().contains(part) {
                    found.push(entry.path());
                }
                walk(&entry.path(), part, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("/sys/fs/cgroup"), part, &mut found);
    found
}

#[test]
fn a_scratch_container_is_what_its_spec_says() {
    needs!(RUNC[0], RUNC[1]);
    let runc = Runc::new();
    let web = runc.run(&Spec::scratch("web", ["/app"]).read_only().user(65532).no_capabilities().no_new_privileges());
    assert!(web.is_alive());
    assert_eq!(status(&web, "Uid"), "65532 65532 65532 65532");
    assert_eq!(status(&web, "CapBnd"), "0000000000000000");
    assert_eq!(status(&web, "NoNewPrivs"), "1");
    assert_eq!(status(&web, "NSpid"), format!("{} 1", web.pid()));
    let root = PathBuf::from(format!("/proc/{}/root", web.pid()));
    assert!(root.join("app").is_file() && !root.join("bin").exists());
    let refused = fs::write(root.join("new"), "").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
}

#[test]
fn users_can_be_mapped() {
    needs!(RUNC[0], RUNC[1]);
    let runc = Runc::new();
    let mapped = runc.run(&Spec::scratch("mapped", ["/app"]).own_users().user(5));
    assert_eq!(status(&mapped, "Uid"), "200005 200005 200005 200005");
    let shared = runc.run(&Spec::scratch("shared", ["/app"]).own_users().host_network());
    let net = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert_eq!(net(&shared.pid().to_string()), net("self"));
    assert_ne!(net(&mapped.pid().to_string()), net("self"));
}

#[test]
fn a_busybox_container_has_a_shell_volumes_and_a_name() {
    needs!(RUNC[0], RUNC[1], RUNC[2]);
    let runc = Runc::new();
    let spec = Spec::busybox("box", ["sleep", "1000"]).hostname("here").env("A", "b c");
    let container = runc.run(&spec.mount_read_only(runc.bundle("box"), "/volume"));
    assert_eq!(
        runc.exec(&container, &["sh", "-c", "hostname; echo $A; ls /volume/config.json"]),
        "here\nb c\n/volume/config.json"
    );
}

#[test]
fn a_container_that_ends_is_seen_to_end() {
    needs!(RUNC[0], RUNC[1]);
    let runc = Runc::new();
    let brief = runc.run(&Spec::scratch("brief", ["/app", "exit", "3", "0.05"]));
    brief.wait();
    assert!(!brief.is_alive());
    let long = runc.run(&Spec::scratch("long", ["/app"]));
    long.kill();
    assert!(!long.is_alive());
}

#[test]
fn nothing_stays_behind_even_when_the_test_panics() {
    needs!(RUNC[0], RUNC[1]);
    let mut left = None;
    let cgroup = format!("/fathom-kubepods-{}/pod 1/web", std::process::id());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let runc = Runc::new();
        let own = runc.run(&Spec::scratch("own", ["/app"]));
        let web = runc.run(&Spec::scratch("web", ["/app"]).cgroup(&cgroup));
        assert!(!cgroups_named("fathom-kubepods").is_empty());
        left = Some((runc.root().to_owned(), own, web));
        panic!("as a failing test would");
    }));
    assert!(panicked.is_err());
    let (root, own, web) = left.unwrap();
    assert!(!root.exists());
    assert!(!own.is_alive() && !web.is_alive());
    assert_eq!(cgroups_named("fathom-kubepods"), Vec::<PathBuf>::new());
    let own_cgroup = root.file_name().unwrap().to_str().unwrap();
    assert_eq!(cgroups_named(own_cgroup), Vec::<PathBuf>::new());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(root.to_str().unwrap()));
}

#[test]
fn two_containers_can_be_joined_by_a_cable() {
    needs!(RUNC[0], RUNC[1], RUNC[2], Need::Program("ip"), Need::Program("nsenter"));
    let runc = Runc::new();
    let one = runc.run(&Spec::busybox("one", ["sleep", "1000"]));
    let other = runc.run(&Spec::busybox("other", ["sleep", "1000"]).own_users());
    plug(&one, &other);
    let answer = runc.exec(&one, &["ping", "-c", "1", "-w", "10", &CABLE[1].to_string()]);
    assert!(answer.contains("1 packets received"), "{answer}");
}

#[test]
fn what_a_killed_test_left_is_swept_by_the_next() {
    needs!(RUNC[0], RUNC[1]);
    const NOTE: &str = "FATHOM_TEST_LEAVE_BEHIND";
    if let Some(note) = std::env::var_os(NOTE) {
        let runc = Runc::new();
        let web = runc.run(&Spec::scratch("web", ["/app"]));
        fs::write(note, format!("{}\n{}", runc.root().display(), web.pid())).unwrap();
        return std::mem::forget(runc);
    }
    let scratch = Scratch::new("note");
    let run = |test: &str| {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", test]).env(NOTE, scratch.join("note"));
        assert!(child.output().unwrap().status.success(), "{test}");
    };
    run("what_a_killed_test_left_is_swept_by_the_next");
    let note = fs::read_to_string(scratch.join("note")).unwrap();
    let (root, pid) = note.split_once('\n').unwrap();
    // Any engine's start sweeps.
    run("users_can_be_mapped");
    assert!(!Path::new(root).exists());
    assert!(!Path::new(&format!("/proc/{pid}/root/app")).exists());
    let name = Path::new(root).file_name().unwrap().to_str().unwrap();
    assert_eq!(cgroups_named(name), Vec::<PathBuf>::new());
}
