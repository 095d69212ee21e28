//! How it ends: with the command, by a signal, by a limit, for want of readers, by force.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fathom_testkit::{Need, needs};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{WAYS, Way, told};

#[test]
fn a_status_is_passed_on_and_stdout_holds_events_alone() {
    needs!(Need::Root, Need::Program("setpriv"));
    for way in WAYS {
        let run = |script: &str| told(&way.trace(["-q", "--", "sh", "-c", script]).output().unwrap());
        let told = run("echo out; echo err >&2; exit 7");
        assert_eq!((told.status, &told.stdout[..]), (7, ""), "{way:?}: {}", told.stderr);
        assert!(told.stderr.contains("out\nerr\n"), "{way:?}: {}", told.stderr);
        assert_eq!(run("kill -TERM $$").status, 128 + 15, "{way:?}");
    }
    for way in WAYS {
        let missing = told(&way.trace(["-q", "--", "/no/such/command"]).output().unwrap());
        assert_eq!(missing.status, 127, "{way:?}: {}", missing.stderr);
        assert!(missing.stderr.contains("cannot start `/no/such/command`"), "{way:?}: {}", missing.stderr);
        let refused = told(&way.trace(["-q", "--", "/dev/null"]).output().unwrap());
        assert_eq!(refused.status, 126, "{way:?}: {}", refused.stderr);
    }
}

#[test]
fn no_match_is_no_mistake() {
    needs!(Need::Root);
    let told = told(&Way::Bpf.trace(["proc.name=nobody", "--", "true"]).output().unwrap());
    assert_eq!((told.status, &told.stdout[..], &told.stderr[..]), (0, "", ""));
}

#[test]
fn without_rights_the_machine_is_refused_with_the_reason() {
    needs!(Need::Root, Need::Program("setpriv"));
    let told = told(&Way::Steps.trace::<&str>([]).output().unwrap());
    assert_eq!((told.status, &told.stdout[..]), (4, ""));
    assert!(told.stderr.contains("CAP_BPF") && told.stderr.contains("`fathom trace -- CMD`"), "{}", told.stderr);
}

#[test]
fn a_line_does_not_wait_for_the_next_one() {
    needs!(Need::Root, Need::Program("setpriv"));
    for way in WAYS {
        let mut command =
            way.trace(["-p", "%fd.name", "evt.type=openat and evt.dir=< and fd.name=/etc/hostname", "--", "sh"]);
        command.args(["-c", "read _ < /etc/hostname; exec sleep 1000"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "/etc/hostname\n", "{way:?}");
        // The command is told, and ends; then so do we.
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(128 + 15), "{way:?}");
    }
}

#[test]
fn enough_is_enough_and_the_command_goes_on() {
    needs!(Need::Root, Need::Program("setpriv"));
    for way in WAYS {
        let script = "for i in 1 2 3 4 5; do read _ < /etc/hostname; done; exit 3";
        let told = told(&way.trace(["-n", "5", "--", "sh", "-c", script]).output().unwrap());
        assert_eq!((told.status, told.stdout.lines().count()), (3, 5), "{way:?}: {}", told.stderr);
    }
}

#[test]
fn nobody_reads_and_the_command_goes_on() {
    needs!(Need::Root);
    let mut child = Way::Bpf
        .trace(["--", "sh", "-c", "i=0; while [ $i -lt 2000 ]; do read _ < /etc/hostname; i=$((i+1)); done; exit 4"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 100];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let told = told(&child.wait_with_output().unwrap());
    assert_eq!(told.status, 4, "{}", told.stderr);
}

#[test]
fn it_ends_with_what_it_looks_at() {
    needs!(Need::Root);
    let mut looked_at = Command::new("sh");
    let script = "(while :; do /bin/sleep 0.01; done) > /dev/null & echo $!; read _";
    let mut looked_at = looked_at.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut child = String::new();
    BufReader::new(looked_at.stdout.take().unwrap()).read_line(&mut child).unwrap();
    let child = Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    let target = format!("pid:{}", looked_at.id());
    let words = ["-M", "60", "--unbuffered", "-p", "%evt.type", "-n", "1000000000", "--target", &target];
    let mut trace = Way::Bpf.trace(words);
    let mut trace = trace.arg("evt.type=openat").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(trace.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "openat\n");
    // What it has started is still there.
    drop(looked_at.stdin.take());
    looked_at.wait().unwrap();
    for _ in 0..20 {
        line.clear();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "openat\n");
    }
    kill_process(child, Signal::KILL).unwrap();
    lines.read_to_string(&mut line).unwrap();
    let told = told(&trace.wait_with_output().unwrap());
    assert_eq!((told.status, &told.stderr[..]), (0, &format!("fathom: nothing of {target} runs any more\n")[..]));
}

/// Numbers of the programs in the kernel that process `pid` holds.
fn held(pid: u32) -> Vec<u64> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap().flatten();
    let text = files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default());
    let number = |text: String| text.lines().find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok());
    text.filter_map(number).collect()
}

/// Numbers of all programs in the kernel.
fn loaded() -> Vec<u64> {
    let output = Command::new("bpftool").args(["-j", "prog", "list"]).output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    list.as_array().unwrap().iter().filter_map(|program| program["id"].as_u64()).collect()
}

#[test]
fn killed_it_leaves_nothing_attached() {
    needs!(Need::Root, Need::Program("bpftool"));
    let mut command = Way::Bpf.trace(["--unbuffered", "-p", "%evt.type", "--", "sleep", "1000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ours = held(child.id());
    assert!(ours.len() > 5, "it looks: {ours:?}");
    let sleeping = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while loaded().iter().any(|program| ours.contains(program)) {
        assert!(Instant::now() < deadline, "programs of ours are still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The command never needed us; it is the test's to end it.
    let pids: Vec<Pid> = sleeping.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)).collect();
    assert_eq!(pids.len(), 1);
    pids.into_iter().for_each(|pid| kill_process(pid, Signal::KILL).unwrap());
}
