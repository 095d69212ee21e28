//! `fathom trace` on recordings that are made here: lines, filters, and what is said when a recording is damaged.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use fathom_testkit::Scratch;
use fathom_testkit::capture::{Capture, Runs};

/// A shell opens a file, reads of it and closes it.
fn recording() -> Vec<u8> {
    let shell = Runs { tid: 42, ptid: 1, comm: "sh", cwd: "/home" };
    let (fd, four) = (&3_i64.to_le_bytes()[..], &4_i64.to_le_bytes()[..]);
    Capture::default()
        .begin(&[shell])
        .event(2, &[b"notes\0", &1_u32.to_le_bytes(), &[0; 4]])
        .event(3, &[fd, b"notes\0", &1_u32.to_le_bytes(), &[0; 4], &[0; 4]])
        .event(6, &[fd, &4_u32.to_le_bytes()])
        .event(7, &[four, b"data"])
        .event(4, &[fd])
        .event(5, &[&[0; 8]])
        .0
}

fn run(words: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    command.arg("trace").args(words).env("TZ", "UTC").env("FATHOM_CONFIG", "/nowhere/config.toml");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Status, stdout and stderr.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_recording_is_shown_from_a_file_and_from_a_pipe() {
    let folder = Scratch::new("trace");
    let file = folder.join("sh.scap");
    fs::write(&file, recording()).unwrap();
    let file = file.to_str().unwrap();
    let line = "4 22:13:20.000000000 1 sh (42) < read res=4 data=data \n";
    let expected = (0, line.to_owned(), String::new());
    assert_eq!(told(&run(&["-r", file, "evt.type=read", "and", "evt.dir=<"], b"")), expected);
    assert_eq!(told(&run(&["-r", "-", "evt.type=read and evt.dir=<"], &recording())), expected);
    let (status, text, _) = told(&run(&["-r", file, "-p", "%evt.type %fd.name", "--filter", "fd.name exists"], b""));
    assert_eq!((status, text.lines().next()), (0, Some("open /home/notes")));
    let (_, json, _) = told(&run(&["-r", file, "-j", "evt.num=1"], b""));
    assert!(json.starts_with("{\"evt.cpu\":1,\"evt.dir\":\">\""), "{json}");
}

#[test]
fn the_sound_part_of_a_damaged_recording_is_shown_and_the_rest_is_told() {
    let whole = recording();
    let (status, text, notices) = told(&run(&["-r", "-"], &whole[..whole.len() - 5]));
    assert_eq!((status, text.lines().count()), (1, 5), "{text}{notices}");
    assert!(notices.contains("in the middle of a block"), "{notices}");
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let (status, text, said) = told(&run(&["-r", "/nowhere", "evt.tipe=open and fd.nam exists"], b""));
    assert_eq!((status, &text[..]), (2, ""));
    assert!(said.contains("did you mean `fd.name`?") && said.contains("evt.tipe=open and fd.nam exists\n"), "{said}");
    let (status, _, said) = told(&run(&["-r", "-", "-p", "%evt.nothing"], b""));
    assert!(status == 2 && said.contains("cannot understand the format"), "{said}");
}

#[test]
fn what_is_no_recording_is_refused() {
    let (status, _, said) = told(&run(&["-r", "/nowhere"], b""));
    assert!(status == 3 && said.contains("cannot read /nowhere"), "{said}");
    let (status, _, said) = told(&run(&["-r", "-"], b"#!/bin/sh\n"));
    assert!(status == 2 && said.contains("this is no capture"), "{status} {said}");
}

#[test]
fn nobody_reads_on_and_that_is_no_mistake() {
    let mut many = Capture::default().begin(&[Runs { tid: 42, ptid: 1, comm: "sh", cwd: "/" }]);
    for _ in 0..3000 {
        many = many.event(4, &[&[0; 8]]);
    }
    let folder = Scratch::new("trace");
    let file = folder.join("many.scap");
    fs::write(&file, many.0).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    command.args(["trace", "-r"]).arg(file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(told(&child.wait_with_output().unwrap()), (0, String::new(), String::new()));
}

/// A file in which the recording is.
fn kept(folder: &Scratch) -> String {
    let file = folder.join("sh.scap");
    fs::write(&file, recording()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn letters_that_say_how_and_how_long() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../trace/tests/recordings/web.scap");
    let lines = |words: &[&str]| -> Vec<String> {
        let (status, text, said) = told(&run(&[&["-r", file], words].concat(), b""));
        assert_eq!(status, 0, "{words:?} {said}");
        text.lines().map(str::to_owned).collect()
    };
    let names = |words: &[&str]| lines(&[words, &["-p", "%fd.name", "evt.type=connect and fd.sport=80"]].concat());
    assert!(names(&[])[0].ends_with("->127.0.0.1:80"), "{:?}", names(&[]));
    assert!(names(&["-R"])[0].ends_with("->127.0.0.1:http"), "{:?}", names(&["-R"]));
    let users = |words: &[&str]| lines(&[words, &["-n", "1", "-p", "%user.uid %user.name"]].concat());
    // As in sysdig, a line of which something is missing is left out.
    assert_eq!((users(&[]), users(&["-E"])), (vec!["0 root".to_owned()], Vec::new()));
    assert!(lines(&["-pm", "-n", "1"])[0].contains(" <NA> (host) "), "{:?}", lines(&["-pm", "-n", "1"]));
    let seconds = |words: &[&str]| lines(&[words, &["-p", "%evt.reltime.s"]].concat());
    let (all, first) = (seconds(&[]), seconds(&["-M", "1"]));
    assert!(!first.is_empty() && first.len() < all.len(), "{} of {}", first.len(), all.len());
    assert!(first.iter().all(|second| second == "0"));
}

#[test]
fn views_show_what_a_recording_comes_to() {
    let folder = Scratch::new("trace");
    let file = kept(&folder);
    let (status, table, said) = told(&run(&["-r", &file, "-c", "topfiles_bytes"], b""));
    let rows: Vec<_> = table.lines().collect();
    assert_eq!((status, &said[..]), (0, ""));
    assert_eq!(rows, ["Bytes               Filename            ", &"-".repeat(80), "4B                  /home/notes"]);
    let (_, json, _) = told(&run(&["-r", &file, "-j", "-c", "topfiles_bytes"], b""));
    assert!(json.contains(r#""data":[["/home/notes",4]]"#), "{json}");
    let (_, data, _) = told(&run(&["-r", &file, "-s2000", "-A", "-c", "echo_fds", "fd.name=/home/notes"], b""));
    assert_eq!(data, "------ Read 4B from   /home/notes (sh)\n\ndata\n\n");
    let (_, none, _) = told(&run(&["-r", &file, "-c", "echo_fds", "evt.type=write"], b""));
    assert_eq!(none, "\n");
    let (_, calls, _) = told(&run(&["-r", &file, "-n", "2", "-c", "topscalls"], b""));
    assert!(calls.contains("open") && !calls.contains("close"), "{calls}");
}

#[test]
fn two_views_share_a_recording_and_its_filter() {
    let folder = Scratch::new("trace");
    let words = ["-r", &kept(&folder), "-c", "fdcount_by", "-c", "spy_file", "proc.name", "R", "fd.num=3"];
    let (status, text, said) = told(&run(&words, b""));
    assert_eq!((status, &said[..]), (0, ""));
    assert!(text.contains(" sh(42) R 4B /home/notes \ndata\n") && text.ends_with("sh\t1\n"), "{text}");
}

#[test]
fn views_are_listed_and_say_what_they_take() {
    let (status, list, _) = told(&run(&["-cl"], b""));
    assert!(status == 0 && list.contains("\nNet\n") && list.contains("  topconns             "), "{list}");
    let (status, about, _) = told(&run(&["-i", "spy_port"], b""));
    assert!(status == 0 && about.contains("-c spy_port HOST_PORT [DISABLE_COLOR] [FILTER]"), "{about}");
}

#[test]
fn views_that_are_none_and_wrong_arguments_are_told() {
    for (words, expect) in [
        (&["-r", "-", "-c", "topcons"][..], "did you mean `-c topconns`?"),
        (&["-r", "-", "-c", "spy_port"], "`host_port` is missing"),
        (&["-r", "-", "-c", "spy_port", "web"], "`host_port` is a port, not `web`"),
        (&["-r", "-", "-c", "fdbytes_by", "fd.nam"], "no field is called `fd.nam`"),
        (&["-r", "-", "-c", "lsof", "fd.nam=1"], "no field is called `fd.nam`"),
        (&["-i", "flame"], "nothing writes any more"),
    ] {
        let (status, text, said) = told(&run(words, &recording()));
        assert_eq!((status, &text[..]), (2, ""), "{words:?}");
        assert!(said.contains(expect), "{words:?}: {said}");
    }
}
