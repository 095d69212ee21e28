//! Both ways tell the same story, and strace tells it too.

use fathom_testkit::{Need, Scratch, needs};

use crate::support::{WAYS, Way};

/// A shell that forks, writes, reads and fails; what the loader of programs does is left out.
fn story(way: Way) -> Vec<String> {
    let folder = Scratch::new("trace");
    let file = folder.join("file");
    let script = format!("echo hello > {0}; cat {0} /no/such/file; rm {0}; exit 0", file.display());
    let filter = "evt.type in (execve, chdir, write, unlinkat, exit_group, procexit, dup2) or fd.name contains file";
    let format = "*%proc.name %evt.dir %evt.type %fd.name %evt.arg.res %evt.arg.name %evt.arg.filename";
    let lines = way.lines(["-p", format, filter, "--", "sh", "-c", &script]);
    let named = |word: &str| match word.split_once("pipe:[") {
        Some((before, _)) => format!("{before}PIPE"),
        None => word.replace(&file.display().to_string(), "FILE"),
    };
    let mut told: Vec<_> = lines.iter().map(|line| line.split(' ').map(named).collect::<Vec<_>>().join(" ")).collect();
    // Of the shell and its child, who goes first is nobody's choice.
    told.sort();
    told
}

#[test]
fn both_ways_tell_the_same_events() {
    needs!(Need::Root, Need::Program("setpriv"));
    let (with, without) = (story(Way::Bpf), story(Way::Steps));
    assert!(with.len() > 20, "{with:#?}");
    assert_eq!(with, without);
}

#[test]
fn a_call_that_does_not_return_is_shown_by_its_beginning() {
    needs!(Need::Root, Need::Program("setpriv"));
    for way in WAYS {
        let filter = "evt.type in (exit_group, execve, procexit)";
        let lines = way.lines(["-p", "*%evt.dir %evt.type %evt.arg.filename %evt.arg.ret", filter, "--", "true"]);
        let kinds: Vec<_> =
            lines.iter().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(kinds, ["> execve", "< execve", "> exit_group", "> procexit"], "{way:?}");
        assert!(lines[0].contains("/true"), "{way:?}: {lines:?}");
    }
}

#[test]
fn strace_counts_the_same_calls() {
    needs!(Need::Root, Need::Program("strace"));
    let folder = Scratch::new("trace");
    let summary = folder.join("strace");
    let command = ["cat", "/etc/hostname", "/no/such"];
    let mut strace = std::process::Command::new("strace");
    strace
        .arg("-o")
        .arg(&summary)
        .args(command)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    strace.status().unwrap();
    let text = std::fs::read_to_string(&summary).unwrap();
    let name = |line: &str| Some(line.split_once('(')?.0.to_owned()).filter(|name| !name.starts_with(['+', '-']));
    let mut theirs: Vec<String> = text.lines().filter_map(name).map(|name| name.replace("64", "")).collect();
    let words = ["-p", "%evt.type", "evt.dir=> and evt.type!=procexit and evt.type!=signaldeliver", "--"];
    let output = Way::Bpf.trace(words).args(command).output().unwrap();
    let ours = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut ours: Vec<String> = ours.lines().map(|name| name.replace("64", "")).collect();
    assert_eq!(ours.len(), theirs.len(), "{ours:?} {theirs:?}");
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}

#[test]
fn switches_and_faults_are_told_where_they_are_asked_for() {
    needs!(Need::Root);
    let count = |words: &[&str]| {
        let words = [&["-p", "%evt.type"], words, &["--", "sh", "-c", "sleep 0.05; exit 0"]].concat();
        let lines = Way::Bpf.lines(words);
        lines.iter().filter(|line| *line == "switch" || *line == "page_fault").count()
    };
    assert_eq!(count(&[]), 0);
    assert!(count(&["evt.type=switch"]) > 0);
    assert!(count(&["evt.type=page_fault"]) > 0);
    assert!(count(&["--page-faults"]) > 0);
}
