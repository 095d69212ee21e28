//! The shell without a terminal: `-c`, scripts, pipes, statuses, jobs.

use crate::toolbox::Toolbox;

#[track_caller]
fn check(text: &str, stdout: &str) {
    Toolbox::new("sh").sh(text).gives(stdout);
}

#[track_caller]
fn check_status(text: &str, status: i32) {
    let ran = Toolbox::new("sh").sh(text);
    assert_eq!(ran.status, status, "{text}: {ran:?}");
}

#[test]
fn statuses_are_passed_on() {
    check_status("exit 7", 7);
    check_status("false", 1);
    check_status("nosuch-command", 127);
    check_status("/etc/passwd", 126);
    check_status("sh -c 'kill -9 $$'", 137);
    check_status("sh -c 'kill -TERM $$'", 143);
    check_status("true | false", 1);
    check_status("set -o pipefail; false | true", 1);
    check_status("set -e; false; exit 0", 1);
    check_status("(exit 3)", 3);
    check_status("exit 256", 0);
    check_status("if then", 2);
    check("false; echo $?; nosuch-command 2>/dev/null; echo $?", "1\n127\n");
}

#[test]
fn the_language_is_spoken() {
    check("x=5; echo $((x * 2)) ${x}y ${z:-none} ${#x} '$x' \"$x\"", "10 5y none 1 $x 5\n");
    check("for i in a b; do echo $i; done | tac", "b\na\n");
    check("i=0; while [ $i -lt 3 ]; do i=$((i+1)); [ $i = 2 ] && continue; echo $i; done", "1\n3\n");
    check("f() { local v=$1; echo \"<$v>\"; return 4; }; f 'a b'; echo $?", "<a b>\n4\n");
    check("case file.log in *.txt) echo t;; *.log) echo l;; esac", "l\n");
    check("cat <<EOF\na $((1+1))\nEOF\ncat <<'EOF'\n$x\nEOF", "a 2\n$x\n");
    check("echo one > f; echo two >> f; cat < f; echo gone 2>&1 >/dev/null; wc -l < f", "one\ntwo\n2\n");
    check("echo $(echo a; echo b) `echo c`; echo \"$(printf 'x\\n\\n')\"", "a b c\nx\n");
    check("a=(1 2 3); echo ${a[1]} ${#a[@]} ${a[@]:1}; [[ abc == a* && 2 -gt 1 ]] && echo yes", "2 3 2 3\nyes\n");
    check("v=path/to/file.txt; echo ${v##*/} ${v%.txt} ${v/to/2}", "file.txt path/to/file path/2/file.txt\n");
    check("touch a1 a2; echo a*; echo \"a*\"; echo {x,y}z", "a1 a2\na*\nxz yz\n");
    check("while read -r a b; do echo \"$b-$a\"; done <<< '1 2\n3 4'", "2-1\n4-3\n");
    check("trap 'echo bye' EXIT; echo hi", "hi\nbye\n");
    check("cd /; pwd; export V=1; env | grep ^V=; unset V; echo ${V-unset}", "/\nV=1\nunset\n");
    check("set -- a 'b c'; for w in \"$@\"; do echo \"[$w]\"; done; shift; echo $#", "[a]\n[b c]\n1\n");
    check("exec echo replaced; echo never", "replaced\n");
}

#[test]
fn words_after_the_text_are_parameters() {
    let toolbox = Toolbox::new("parameters");
    toolbox.run("sh", &["-c", "echo $0 $1 $#", "name", "one"]).gives("name one 1\n");
    toolbox.file("script", "#!/bin/sh\necho $0 $# \"$2\"\nexit 5\n");
    let ran = toolbox.run("sh", &["script", "a", "b c"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (5, "script 2 b c\n"), "{ran:?}");
    assert_eq!(toolbox.run("sh", &["nosuch"]).status, 127);
    assert_eq!(toolbox.run("sh", &["."]).status, 126);
}

#[test]
fn commands_on_stdin_share_it() {
    let toolbox = Toolbox::new("stdin");
    let script = "if true\nthen echo yes\nfi\nread x\nthis is x\necho \"got $x\"\ncat\nthe rest\n";
    toolbox.feed("sh", &[], script).gives("yes\ngot this is x\nthe rest\n");
    let ran = toolbox.feed("sh", &["-s", "a"], "echo $1\nexit 6\necho never\n");
    assert_eq!((ran.status, ran.stdout.as_str()), (6, "a\n"), "{ran:?}");
    assert_eq!(toolbox.feed("sh", &[], "if true\n").status, 2);
}

#[test]
fn parts_of_pipelines_run_beside_each_other() {
    // Each carries more than a pipe holds, and what the shell itself does for each line not much more than that.
    check("for i in $(seq 8000); do echo aaaaaaaaa; done | wc -l", "8000\n");
    check("f() { seq 30000; seq 30000; }; f | wc -l", "60000\n");
    check("{ seq 30000; } | { cat; } | tail -n 1", "30000\n");
    check("(seq 15000) | while read -r x; do y=$x; done; echo ${y-unset}", "unset\n");
    check("i=0; while [ $i -lt 2 ]; do i=$((i+1)); { seq 20000; } | tail -n 1; done", "20000\n20000\n");
    check("eval 'for i in 1 2; do seq 20000; done | wc -l'", "40000\n");
    check("false | true; echo ${PIPESTATUS[0]}; for i in 1; do false | true; echo ${PIPESTATUS[0]}; done", "1\n1\n");
}

#[test]
fn background_commands_are_processes() {
    check("sleep 98765 & kill -0 $! && kill $!; wait $!; echo $?", "143\n");
    check("sleep 98765 & p=$!; kill %1; wait $p; echo $?", "143\n");
    check("x='a b'; sh -c 'echo \"$1\"; exit 3' - \"$x\" & wait $!; echo $?", "a b\n3\n");
    check("{ echo one; exit 4; } & wait $!; echo $?", "one\n4\n");
    check("f() { echo \"f $1 $v\"; }; v=5; f 1 & wait; echo done", "f 1 5\ndone\n");
    check("echo a | cat & wait; echo b", "a\nb\n");
    check("for i in 1 2; do sh -c \"exit $i\" & wait $!; echo $?; done", "1\n2\n");
    check("f() { sleep 98765 & kill $!; wait $!; echo $?; }; f", "143\n");
    check("cat <<E & wait\nline $((1+1))\nE", "line 2\n");
    check("wait 1 2>/dev/null; echo $?", "127\n");
    check("kill -l 9; kill -l TERM", "KILL\n15\n");
}

#[test]
fn a_background_command_ends_with_its_streams() {
    // Its stderr goes elsewhere: ours ends with us, though the command lives on.
    let toolbox = Toolbox::new("streams");
    let ran = toolbox.sh("sleep 98766 >/dev/null 2>&1 & echo $!");
    let pid = ran.stdout.trim();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    toolbox.run("ps", &["-o", "args=", "-p", pid]).gives("sleep 98766\n");
    let descriptors = |pid: &str| std::fs::read_dir(format!("/proc/{pid}/fd")).expect("our child").count();
    // No more than a child has that no shell was asked for: its streams, and what this test was started with.
    let plain = toolbox.start("sleep", &["98766"]);
    assert_eq!(descriptors(pid), descriptors(&plain.0.id().to_string()));
    toolbox.run("kill", &["-9", pid]).gives("");
}

#[test]
fn an_environment_of_nothing_is_enough() {
    let toolbox = Toolbox::new("nothing");
    let mut command = toolbox.command("sh", &["-c", "echo ok; cd; echo ${HOME-unset}"]);
    let output = command.env_clear().output().expect("it runs");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("ok\n"), "{output:?}");
}

#[test]
fn wrong_words_are_named() {
    let toolbox = Toolbox::new("words");
    let ran = toolbox.run("sh", &["-c"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (2, "sh: option `-c` needs a text\n"));
}
