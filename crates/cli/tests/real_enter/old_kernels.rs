//! Kernels that lack a call: what has another way works all the same, what has none is named before anything happens.

use std::process::{Command, Stdio};

use fathom_testkit::engine::{Runc, Spec};
use fathom_testkit::kernel::{Call, without};
use fathom_testkit::{Need, needs};

use crate::support::{Ended, Machine, ended, within};

fn run_without(call: Call, machine: &Machine, words: &[&str]) -> Ended {
    let mut command = machine.fathom(words);
    ended(without(call, move || command.output().expect("fathom runs")))
}

/// In both roots, with everything that an entry promises: status, streams, name resolution, cgroup, clean-up.
#[track_caller]
fn works_without(call: Call) {
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]).user(65532).no_capabilities());
    let target = format!("pid:{}", web.pid());
    for root in ["tools", "target"] {
        // A daemon that outlives the command has to go with the session.
        let script = "setsid sleep 1000 >/dev/null 2>&1 & cat /proc/self/cgroup; ls -l /proc/self/fd >&2; exit 7";
        let got = run_without(call, &machine, &["enter", "--root", root, &target, "--", "sh", "-c", script]);
        assert_eq!(got.status, 7, "{call:?} {root}: {got:?}");
        let lines: Vec<&str> = got.stdout.lines().filter(|line| line.contains("/fathom/")).collect();
        // Each hierarchy in which a session has a leaf.
        let memory = std::path::Path::new("/sys/fs/cgroup/memory").exists();
        assert!(lines.iter().any(|line| line.starts_with("0::")), "{call:?} {root}: {got:?}");
        assert!(!memory || lines.iter().any(|line| line.contains(":memory:")), "{call:?} {root}: {got:?}");
        assert!(!got.stderr.contains("fathom:"), "{call:?} {root}: {got:?}");
        // 0, 1, 2 and the folder that ls reads.
        let open = got.stderr.lines().filter(|line| line.contains("->")).count();
        assert!(open <= 4, "{call:?} {root}: {got:?}");
        machine.assert_clean();
    }
}

#[test]
fn without_clone3_the_command_moves_itself_into_its_cgroup() {
    needs!(Need::Root, Need::Program("runc"));
    works_without(Call::Clone3);
}

#[test]
fn without_setns_by_pidfd_namespaces_are_joined_one_by_one() {
    needs!(Need::Root, Need::Program("runc"));
    works_without(Call::SetnsPidfd);
}

#[test]
fn without_close_range_nothing_of_ours_stays_open() {
    needs!(Need::Root, Need::Program("runc"));
    works_without(Call::CloseRange);
}

#[test]
fn without_pidfds_a_target_is_pinned_all_the_same() {
    needs!(Need::Root, Need::Program("runc"));
    works_without(Call::PidfdOpen);
}

#[test]
fn without_mount_setattr_it_works() {
    needs!(Need::Root, Need::Program("runc"));
    works_without(Call::MountSetattr);
}

#[test]
fn without_openat2_the_targets_files_are_still_read() {
    needs!(Need::Root, Need::Program("runc"));
    works_without(Call::Openat2);
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]));
    let etc = format!("/proc/{}/root/etc", web.pid());
    std::fs::create_dir_all(&etc)
        .and_then(|()| std::fs::write(format!("{etc}/real"), "nameserver 192.0.2.1\n"))
        .unwrap();
    let _ = std::fs::remove_file(format!("{etc}/resolv.conf"));
    std::os::unix::fs::symlink("/etc/real", format!("{etc}/resolv.conf")).unwrap();
    let target = format!("pid:{}", web.pid());
    let got = run_without(Call::Openat2, &machine, &["enter", &target, "--", "cat", "/etc/resolv.conf"]);
    assert_eq!((got.status, got.stdout.as_str()), (0, "nameserver 192.0.2.1\n"), "{got:?}");
    machine.assert_clean();
}

/// What runs, and what the session sees of it, lies on mounts that nobody can write to, with and without the call.
#[test]
fn the_program_that_runs_is_never_writable() {
    needs!(Need::Root, Need::Program("runc"));
    for call in [Call::Clone3, Call::MountSetattr] {
        for (root, file) in [("tools", "/bin/fathom"), ("target", "/.fathom/fathom")] {
            let (machine, runc) = (Machine::new(), Runc::new());
            let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]));
            let target = format!("pid:{}", web.pid());
            let program = std::fs::metadata(env!("CARGO_BIN_EXE_fathom")).unwrap();
            // The host profile has every right that there is.
            let script = format!("echo x > {file}; echo x >> /proc/self/exe; cat");
            let words = ["enter", "-i", "--profile", "host", "--root", root, &target, "--", "sh", "-c", &script];
            let mut command = machine.fathom(words);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut session = without(call, move || command.spawn().expect("fathom starts"));
            let ours = || -> Vec<u32> {
                let named = |name: &str| machine.left().processes.iter().any(|(_, found)| found.starts_with(name));
                let all = named("fathom-enter") && named("fathom-init");
                // A client's fork that has not executed the launcher yet is not in the target.
                let stays = |name: &str| name.starts_with("fathom-enter") || name.starts_with("fathom-init");
                let pids = machine.left().processes.into_iter().filter(|(_, name)| stays(name)).map(|(pid, _)| pid);
                if all { pids.collect() } else { Vec::new() }
            };
            assert!(within(std::time::Duration::from_secs(20), || !ours().is_empty()), "{call:?} {root}: no session");
            let mut seen = 0;
            for pid in ours().into_iter().filter(|pid| *pid != session.id()) {
                let exe = format!("/proc/{pid}/exe");
                // A supervisor that is not dumpable can still be looked at by root.
                let flags = rustix::fs::statvfs(&exe).expect("it runs").f_flag;
                // The command's own process, which has executed something else since it was listed.
                let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                if !name.starts_with("fathom-") {
                    continue;
                }
                assert!(flags.contains(rustix::fs::StatVfsMountFlags::RDONLY), "{call:?} {root}: {exe} is writable");
                seen += 1;
            }
            assert!(seen >= 2, "{call:?} {root}: supervisor and init");
            drop(session.stdin.take());
            let got = ended(session.wait_with_output().expect("it is ours"));
            assert_eq!(
                got.stderr.matches("Read-only file system").count() + got.stderr.matches("busy").count(),
                2,
                "{call:?} {root}: {got:?}"
            );
            let after = std::fs::metadata(env!("CARGO_BIN_EXE_fathom")).unwrap();
            assert_eq!((after.len(), after.modified().unwrap()), (program.len(), program.modified().unwrap()));
            machine.assert_clean();
        }
    }
}

/// `/proc/sys` stays read-only for who may not change the machine.
#[test]
fn without_mount_setattr_the_machines_settings_are_still_protected() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]));
    let target = format!("pid:{}", web.pid());
    let script = "while read -r a b c d at options e; do case $at in /proc/*) echo $at ${options%%,*};; esac; done < /proc/self/mountinfo";
    let words = ["enter", &target, "--", "sh", "-c", script];
    let (with, without) = (machine.run(words), run_without(Call::MountSetattr, &machine, &words));
    assert!(with.stdout.contains("/proc/sys ro\n"), "{with:?}");
    assert_eq!(without.stdout, with.stdout, "{without:?}");
    machine.assert_clean();
}

#[test]
fn what_nothing_replaces_is_named_with_what_is_lost() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]));
    let target = format!("pid:{}", web.pid());
    for (call, name) in [(Call::OpenTree, "open_tree"), (Call::Fsopen, "fsopen"), (Call::MoveMount, "move_mount")] {
        let got = run_without(call, &machine, &["enter", &target, "--", "true"]);
        let says = format!("fathom: this kernel has no {name}, which Linux has since 5.2: nothing can be entered\n");
        assert_eq!((got.status, got.stdout.as_str()), (5, ""), "{got:?}");
        assert!(got.stderr.starts_with(&says) && got.stderr.contains("hint: run a kernel of 5.2"), "{got:?}");
        machine.assert_clean();
    }
}

#[test]
fn a_terminal_works_without_newer_calls() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("script"));
    for call in [Call::Clone3, Call::MountSetattr, Call::CloseRange] {
        let (machine, runc) = (Machine::new(), Runc::new());
        let web = runc.run(&Spec::busybox("web", ["sleep", "1000"]));
        // `script` gives fathom a terminal to stand on.
        let entry = format!("{} enter -it pid:{} -- tty", env!("CARGO_BIN_EXE_fathom"), web.pid());
        let mut command = Command::new("script");
        let run = machine.fathom(["ps"]);
        let run =
            run.get_envs().find(|(name, _)| *name == "FATHOM_RUN").and_then(|(_, value)| value).expect("it is set");
        command.args(["-qec", &entry, "/dev/null"]).env("FATHOM_RUN", run).stdin(Stdio::null());
        let got = ended(without(call, move || command.output().expect("script runs")));
        assert!(got.status == 0 && got.stdout.contains("/dev/pts/0"), "{call:?}: {got:?}");
        machine.assert_clean();
    }
}
