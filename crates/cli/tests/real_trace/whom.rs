//! Whom it looks at.

use std::process::{Command, Stdio};

use fathom_testkit::{Need, Scratch, needs};

use crate::support::{Way, told};

/// A shell that has us look at itself, and what it starts meanwhile.
const SHELL: &str = r#"
"$0" trace --unbuffered -p '%proc.pid %proc.name' "pid:$$" > "$1" & ours=$!
i=0; until test -s "$1" || test $i -gt 100000; do i=$((i+1)); done
i=0; until grep -q ' true$' "$1" || test $i -gt 500; do /bin/true; i=$((i+1)); done
kill -TERM $ours; wait $ours; echo $ours
"#;

#[test]
fn whoever_looks_at_the_shell_that_started_it_does_not_see_itself() {
    needs!(Need::Root);
    let folder = Scratch::new("trace");
    let file = folder.join("lines");
    let mut shell = Command::new("sh");
    shell.args(["-c", SHELL, env!("CARGO_BIN_EXE_fathom")]).arg(&file).stdin(Stdio::null());
    let told = told(&shell.env("FATHOM_CONFIG", "/dev/null").output().unwrap());
    let ours = told.stdout.trim();
    let lines = std::fs::read_to_string(&file).unwrap();
    assert!(lines.lines().any(|line| line.ends_with(" true")), "{}", told.stderr);
    let own = lines.lines().filter(|line| line.split(' ').next() == Some(ours)).count();
    assert_eq!(own, 0, "{ours}: {}", told.stderr);
}

/// A program, and a pipe whose ends are a group of their own. The second has its input open while it writes, so that
/// the first still runs then.
const INSIDE: &str = "/bin/cat /dev/null; bash -c 'set -m; yes | dd bs=2 count=1 status=none'; true";

#[test]
fn numbers_in_a_pid_namespace_are_its_own_and_name_who_is_in_it() {
    needs!(Need::Root, Need::Program("unshare"), Need::Program("setsid"), Need::Program("bash"));
    let format = "%proc.name %thread.vtid %proc.vpid %proc.vpgid %proc.vpgid.name %proc.sname %proc.is_sid_leader";
    let lines = |filter: &str, inside: &[&str]| {
        Way::Bpf.lines([&["-p", format, filter, "--", "unshare", "--pid", "--fork"], inside].concat())
    };
    // What is read has been written by a program that is itself by then.
    let filter = "evt.type=procexit and proc.name in (cat, sh) or evt.type=write and evt.dir=< and proc.name=dd";
    let found = lines(filter, &["setsid", "sh", "-c", INSIDE]);
    assert_eq!(found, ["cat 2 2 1 sh sh false", "dd 5 5 4 yes sh false", "sh 1 1 1 sh sh true"]);
    // Its group began outside, where it has no number that one could know inside.
    let found = lines("evt.type=execve and evt.dir=< and proc.name=true", &["/bin/true"]);
    assert!(found.len() == 1 && found[0].starts_with("true 1 1 0 "), "{found:?}");
}
