//! Words of `fathom trace` beside the lines themselves: what is listed, refused, left out and said on the way.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::fs;
use std::process::Command;

use fathom_testkit::Scratch;
use fathom_testkit::capture::{Capture, Runs};

/// A shell and a program close what they have, and the recorder tells of a processor.
fn recording(folder: &Scratch) -> String {
    let thread = |tid, comm| Runs { tid, ptid: 1, comm, cwd: "/" };
    let mut capture = Capture::default().begin(&[thread(42, "sh"), thread(43, "we\"b\\")]);
    for tid in [42, 43] {
        capture = capture.event_of(tid, 0, 4, &[&3_i64.to_le_bytes()]).event_of(tid, 0, 5, &[&[0; 8]]);
    }
    let file = folder.join("two.scap");
    fs::write(&file, capture.event_of(42, 0, 234, &[&[1, 0, 0, 0, 0, 0, 0, 0], &[2, 0, 0, 0, 0, 0, 0, 0]]).0).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Status, stdout and stderr.
fn run(words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    command.arg("trace").args(words).env("TZ", "UTC").env("FATHOM_CONFIG", "/nowhere/config.toml");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn words_that_make_no_sense_here_are_refused_with_the_reason() {
    for (words, said) in [
        (&["-B"][..], "fathom brings its own programs"),
        (&["-r", "x", "--modern-bpf"], "fathom brings its own programs"),
        (&["-k", "http://127.0.0.1:1"], "-pk shows pods"),
        (&["-H", "dummy"], "plugins are programs for sysdig's own library"),
        (&["-T"], "spans"),
        (&["--cri=/run/x.sock"], "container engines are found"),
    ] {
        let (status, text, stderr) = run(words);
        assert_eq!((status, &text[..]), (2, ""), "{words:?}");
        assert!(stderr.contains(said) && stderr.contains("hint: "), "{words:?}: {stderr}");
    }
    let (status, _, stderr) = run(&["--nosuch"]);
    assert!(status == 2 && stderr.contains("unexpected argument '--nosuch'"), "{stderr}");
}

#[test]
fn the_tables_are_listed_without_a_recording() {
    for (words, part) in [
        (&["--list"][..], "  evt.num "),
        (&["-lv"], "evt.buflen.in "),
        (&["--help", "fields"], "  evt.num "),
        (&["--help", "events"], "> open("),
        (&["--help", "filters"], "| `startswith VALUE` |"),
        (&["--list-markdown"], "| `proc.aname[N]` | text |"),
        (&["-h"], "Usage: fathom trace"),
        (&["--help"], "--suppress-comm <NAME>"),
    ] {
        let (status, text, stderr) = run(words);
        assert!(status == 0 && stderr.is_empty() && text.contains(part), "{words:?}: {stderr}");
    }
    let (status, _, stderr) = run(&["--help", "feilds"]);
    assert!(status == 2 && stderr.contains("fields"), "{stderr}");
}

#[test]
fn what_processes_of_a_name_do_is_left_out() {
    let folder = Scratch::new("trace-words");
    let file = recording(&folder);
    let names = |words: &[&str]| run(&[&["-r", &file, "-p", "%proc.name %evt.dir"], words].concat()).1;
    assert_eq!(names(&[]), "sh >\nsh <\nwe\"b\\ >\nwe\"b\\ <\n");
    assert_eq!(names(&["-U", "we\"b\\"]), "sh >\nsh <\n");
    assert_eq!(names(&["-U", "sh", "evt.dir=<"]), "we\"b\\ <\n");
    assert_eq!(names(&["-U", "sh", "-U", "we\"b\\"]), "");
}

#[test]
fn what_the_recorder_tells_of_itself_is_shown_to_who_asks() {
    let folder = Scratch::new("trace-words");
    let file = recording(&folder);
    let types = |words: &[&str]| run(&[&["-r", &file, "-p", "%evt.type"], words].concat()).1;
    assert!(!types(&[]).contains("procinfo"));
    assert!(types(&["-D"]).ends_with("procinfo\n"));
}

#[test]
fn how_much_was_read_is_told_to_who_asks() {
    let folder = Scratch::new("trace-words");
    let file = recording(&folder);
    let (status, _, stderr) = run(&["-r", &file, "-q", "-P"]);
    assert!(status == 0 && stderr.ends_with("\r100 %\n"), "{stderr:?}");
    assert_eq!(run(&["-r", &file, "-q"]).2, "");
}

#[test]
fn a_field_that_is_always_empty_is_named_once_with_the_reason() {
    let folder = Scratch::new("trace-words");
    let file = recording(&folder);
    let (status, text, stderr) = run(&["-r", &file, "-p", "*%span.id %span.tags", "evt.num=1 and not span.id exists"]);
    assert_eq!((status, &text[..]), (0, "<NA> <NA>\n"));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("fathom: `span.id` is always empty: programs told of spans"), "{stderr}");
}
