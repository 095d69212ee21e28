//! Words that name nothing, rights that are missing, disks that are full: each with an error, a remedy, a status, and
//! nothing left.

use std::process::{Command, Stdio};

use fathom_testkit::engine::{Runc, Spec};
use fathom_testkit::{Need, needs};

use crate::support::{Machine, ended};

#[track_caller]
fn check(words: &[&str], status: i32, says: &str, hints: &str) {
    let machine = Machine::new();
    let got = machine.run(words);
    assert_eq!(got.status, status, "{words:?}: {got:?}");
    assert!(got.stderr.contains(says), "{words:?}: {got:?}");
    assert!(got.stderr.contains(hints), "{words:?}: {got:?}");
    assert_eq!(got.stdout, "", "{words:?}: {got:?}");
    machine.assert_clean();
}

#[test]
fn targets_that_are_none() {
    check(
        &["enter", "no-such-container"],
        3,
        "fathom: no container is called `no-such-container`",
        "hint: `fathom ps`",
    );
    check(&["enter", "a name\nwith a newline"], 3, "fathom: no container is called `a name", "hint:");
    check(&["enter", "pid:4194304"], 3, "fathom: there is no process 4194304", "hint:");
    check(&["enter", "pid:0"], 2, "fathom: `0` is not a process number", "hint:");
    check(&["enter", "dcoker://x"], 2, "no kind of target", "hint: use docker://");
    check(&["enter", "pod/web-0", "--kubeconfig", "/nowhere"], 5, "cannot use the configuration of a cluster", "hint:");
    check(&["enter", ""], 2, "the target is empty", "hint:");
    check(&["enter"], 2, "required", "Usage");
    check(&["enter", "--profile", "root", "host"], 2, "`root` is no profile", "");
    check(&["enter", "--ns", "net,foo", "host"], 2, "`foo` is no namespace", "");
    check(&["enter", "-u", "no-such-user", "host", "--", "true"], 2, "no user `no-such-user`", "hint:");
    check(&["enter", "-l", "app=web", "host", "--", "true"], 2, "cannot be used with", "Usage");
    check(&["enter", "-l", "app=web", "--all"], 2, "--all needs a command", "hint: write it after `--`");
    check(&["enter", "-l", "app=web", "--all", "-t", "--", "true"], 2, "-t does not go with --all", "hint:");
    check(&["enter", "host", "--all", "--", "true"], 2, "--all means nothing", "hint: name a workload");
    check(&["enter", "host", "--parallel", "2", "--", "true"], 2, "--all", "Usage");
    check(&["enter", "host", "--fork"], 2, "cannot be copied", "hint: leave --fork out");
    check(&["enter", "pod/web-0", "--fork", "--wait"], 2, "--wait does not go with --fork", "hint:");
    check(&["run-entrypoint"], 3, "nothing is held here", "hint: `kubectl fathom enter POD --fork`");
    check(&["enter", "--record", "/tmp/x", "host", "--", "true"], 2, "--record needs a terminal", "hint: add -t");
}

#[test]
fn without_root_it_says_so() {
    needs!(Need::Root, Need::Program("runc"), Need::Program("setpriv"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]));
    // Where another user can execute it.
    let folder = fathom_testkit::Scratch::new("program");
    let program = folder.join("fathom");
    std::fs::copy(env!("CARGO_BIN_EXE_fathom"), &program).expect("it can be copied");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "1000", "--regid", "1000", "--clear-groups"]).arg(&program);
    command.args(["enter", &format!("pid:{}", web.pid()), "--", "true"]).stdin(Stdio::null());
    let got = ended(command.output().expect("setpriv runs"));
    assert!(got.status == 4 && got.stderr.contains("hint: run as root"), "{got:?}");
    machine.assert_clean();
}

#[test]
fn closed_streams_do_no_harm() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]));
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "\"$0\" enter pid:$1 -- sh -c 'cat; echo out' <&-; \"$0\" enter pid:$1 -- true >&- 2>&- <&-; echo $?",
    ]);
    command.arg(env!("CARGO_BIN_EXE_fathom")).arg(web.pid().to_string());
    let got = ended(command.output().expect("sh runs"));
    assert_eq!(got.stdout, "out\n0\n", "{got:?}");
    machine.assert_clean();
}
