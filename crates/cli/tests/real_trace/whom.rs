//! Whom it looks at.

use std::process::{Command, Stdio};

use fathom_testkit::{Need, Scratch, needs};

use crate::support::told;

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
