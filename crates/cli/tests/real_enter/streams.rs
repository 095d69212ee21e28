//! Without a terminal: three separate streams, end of file, signals, statuses.

use std::io::{Read as _, Write as _};

use fathom_testkit::engine::{Runc, Running, Spec};
use fathom_testkit::{Need, needs};

use crate::support::{Machine, ended};

fn target(runc: &Runc) -> (Running, String) {
    let web = runc.run(&Spec::scratch("web", ["/app"]).read_only().user(65532).no_capabilities());
    let target = format!("pid:{}", web.pid());
    (web, target)
}

#[test]
fn the_status_is_the_command_s() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    for (words, status) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["sh", "-c", "kill -15 $$"], 143),
        (&["/etc"], 126),
        (&["no-such-command"], 127),
        (&["/no/such/path"], 127),
    ] {
        let got = machine.run([&["enter", &target, "--"], words].concat());
        assert_eq!(got.status, status, "{words:?}: {got:?}");
        // Our own failures are told apart by the prefix.
        assert_eq!(got.stderr.starts_with("fathom: "), matches!(status, 126 | 127), "{words:?}: {got:?}");
    }
    machine.assert_clean();
}

#[test]
fn a_status_file_says_whose_status_it_was() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc, folder) = (Machine::new(), Runc::new(), fathom_testkit::Scratch::new("status"));
    let (_web, target) = target(&runc);
    let file = folder.join("status").to_string_lossy().into_owned();
    for (words, expect) in [
        (["enter", &target, "--status-file", &file, "--", "false"], "{\"from\":\"command\",\"status\":1}\n"),
        (["enter", "nothing-here", "--status-file", &file, "--", "false"], "{\"from\":\"fathom\",\"status\":3}\n"),
    ] {
        machine.run(words);
        assert_eq!(std::fs::read_to_string(&file).expect("it was written"), expect);
    }
    machine.assert_clean();
}

#[test]
fn streams_are_separate_and_stdin_ends() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let mut child = machine.spawn(["enter", &target, "--", "sh", "-c", "cat; echo out; echo err >&2"]);
    let mut stdin = child.stdin.take().expect("it is a pipe");
    stdin.write_all(b"in\n").expect("it reads");
    drop(stdin);
    let got = ended(child.wait_with_output().expect("it ends"));
    assert_eq!((got.status, got.stdout.as_str(), got.stderr.as_str()), (0, "in\nout\n", "err\n"));
    machine.assert_clean();
}

#[test]
fn nothing_is_lost_of_a_long_stream() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let mut child = machine.spawn(["enter", &target, "--", "cat"]);
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let sent: Vec<u8> = (0..20_000_000u32).map(|i| (i % 251) as u8).collect();
    let copy = sent.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&copy));
    let mut got = Vec::new();
    child.stdout.take().expect("it is a pipe").read_to_end(&mut got).expect("it writes");
    writer.join().expect("the writer ends").expect("all is taken");
    assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
    assert!(child.wait().expect("it ends").success());
    machine.assert_clean();
}

/// `{ fathom enter web -- …; echo end; } > log 2>&1`: one position in the file for all who write to it.
#[test]
fn a_file_that_is_shared_keeps_what_everybody_wrote() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let log = fathom_testkit::Scratch::new("log");
    let mut file = std::fs::File::create(log.join("log")).expect("a scratch folder can be written to");
    let clone = || file.try_clone().expect("descriptors are left");
    let script = "echo one; echo two >&2; echo three";
    let mut command = machine.fathom(["enter", &target, "--", "sh", "-c", script]);
    let status = command.stdout(clone()).stderr(clone()).status().expect("fathom runs");
    assert!(status.success());
    file.write_all(b"end\n").expect("it is ours");
    let text = std::fs::read_to_string(log.join("log")).expect("it is ours");
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.pop(), Some("end"), "{text:?}");
    lines.sort_unstable();
    assert_eq!(lines, ["one", "three", "two"], "{text:?}");
    machine.assert_clean();
}

#[test]
fn a_reader_that_leaves_ends_the_command() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let mut child = machine.spawn(["enter", &target, "--", "yes"]);
    let mut some = [0u8; 100];
    let mut stdout = child.stdout.take().expect("it is a pipe");
    stdout.read_exact(&mut some).expect("it writes");
    drop(stdout);
    child.wait().expect("it ends");
    machine.assert_clean();
}

#[test]
fn signals_are_passed_on() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    for (signal, status) in [
        (rustix::process::Signal::TERM, 143),
        (rustix::process::Signal::INT, 130),
        (rustix::process::Signal::USR1, 138),
    ] {
        let mut child = machine.spawn(["enter", &target, "--", "sh", "-c", "echo ready; sleep 1000"]);
        let mut ready = [0u8; 6];
        child.stdout.as_mut().expect("it is a pipe").read_exact(&mut ready).expect("it writes");
        // `sleep` is there to get it too: it is the group that is signalled.
        let sleeps = || {
            crate::support::descendants(machine.supervisor()).iter().any(|pid| {
                std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.starts_with("sleep"))
            })
        };
        assert!(crate::support::within(std::time::Duration::from_secs(5), sleeps));
        let pid = rustix::process::Pid::from_raw(child.id() as i32).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("it is ours");
        let got = ended(child.wait_with_output().expect("it ends"));
        assert_eq!(got.status, status, "{got:?}");
    }
    machine.assert_clean();
}

#[test]
fn what_the_command_leaves_behind_ends_with_it() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let script = "setsid sleep 1000 & sh -c 'sleep 1000 & sleep 1000' & exit 3";
    let got = machine.run(["enter", &target, "--", "sh", "-c", script]);
    assert_eq!(got.status, 3, "{got:?}");
    machine.assert_clean();
}

#[test]
fn the_command_has_no_descriptor_of_ours() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let got = machine.run([
        "enter",
        &target,
        "--",
        "sh",
        "-c",
        "for fd in 0 1 2 3 4 5 6 7 8 9; do readlink /proc/$$/fd/$fd; done",
    ]);
    let links: Vec<&str> = got.stdout.lines().collect();
    assert!(links.len() >= 3 && links.iter().take(3).all(|link| link.starts_with("pipe:")), "{got:?}");
    assert!(
        !got.stdout.contains("/work") && !got.stdout.contains("/dev/") && !got.stdout.contains("cgroup"),
        "{got:?}"
    );
    machine.assert_clean();
}

#[test]
fn user_directory_and_environment_as_in_docker_exec() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let (_web, target) = target(&runc);
    let words = [
        "enter",
        "-u",
        "1000:1001",
        "-w",
        "/tmp",
        "-e",
        "A=1 2",
        "-e",
        "FROM_US",
        &target,
        "--",
        "sh",
        "-c",
        "id -u; id -g; pwd; echo $A $FROM_US",
    ];
    let got = ended(machine.fathom(words).env("FROM_US", "yes").output().expect("fathom runs"));
    assert_eq!(got.stdout, "1000\n1001\n/tmp\n1 2 yes\n", "{got:?}");
    let got = machine.run(["enter", "-w", "/nowhere", &target, "--", "true"]);
    assert!(got.status == 126 && got.stderr.contains("cannot start in /nowhere"), "{got:?}");
    machine.assert_clean();
}
