//! What is printed without a filter: the default line, the others, and the summary.

use std::collections::BTreeSet;
use std::path::Path;

use fathom_scap::{Reader, Tolerance};
use fathom_trace::fields::{Place, Row, Takes, rows};
use fathom_trace::lines::{Accounts, What};
use fathom_trace::{Buffers, Clock, Format, Json, Lines, Ports, Summary, format};

use crate::reference::{ours, recordings, same, split, theirs};

fn agree(words: &[&str], format: &str, wish: impl Fn(&mut Lines)) {
    let Some(recordings) = recordings() else { return };
    for file in &recordings.files {
        same(file, &format!("{words:?}"), &theirs(file, words), &ours(file, format, "", &wish));
    }
}

#[test]
fn the_default_line() {
    agree(&[], format::DEFAULT, |_| {});
}

#[test]
fn with_containers() {
    agree(&["-pc"], "c", |_| {});
}

#[test]
fn with_pods() {
    agree(&["-pk"], "k", |_| {});
}

#[test]
fn with_tasks_of_mesos() {
    agree(&["-pm"], "m", |_| {});
}

#[test]
fn with_services_instead_of_ports() {
    agree(&["-R"], format::DEFAULT, |lines| lines.style.ports = Ports::Services);
    let format = "%evt.num %fd.name %fd.cport %fd.sproto %evt.args";
    agree(&["-R", "-p", format], format, |lines| lines.style.ports = Ports::Services);
}

#[test]
fn without_names_of_users() {
    let format = "%evt.num %user.name %user.uid %user.homedir %group.name";
    agree(&["-E", "-p", format], format, |lines| lines.accounts = Accounts::Unnamed);
}

#[test]
fn no_longer_than_a_second() {
    agree(&["-M", "1"], format::DEFAULT, |lines| lines.longest = Some(1_000_000_000));
}

#[test]
fn as_json() {
    agree(&["-j"], format::DEFAULT, |lines| lines.style.json = Json::Yes);
}

#[test]
fn whole_data() {
    agree(&["-v"], format::DEFAULT, |lines| lines.style.longest = None);
}

#[test]
fn data_in_four_ways() {
    for (letter, buffers) in
        [("-A", Buffers::Ascii), ("-X", Buffers::HexAscii), ("-x", Buffers::Hex), ("-b", Buffers::Base64)]
    {
        agree(&[letter], format::DEFAULT, |lines| lines.style.buffers = buffers);
    }
}

#[test]
fn clocks() {
    for letter in ["a", "r", "d", "D"] {
        agree(&["-t", letter], format::DEFAULT, |lines| lines.style.clock = Clock::of(letter).unwrap());
    }
}

#[test]
fn a_filter_that_only_shows() {
    let Some(recordings) = recordings() else { return };
    let filter = "evt.is_io=true";
    for file in &recordings.files {
        let shown = fathom_filter::compile(filter, &fathom_trace::Fields).unwrap();
        let ours = ours(file, format::DEFAULT, "", |lines| lines.shown = Some(shown));
        same(file, "-d", &theirs(file, &["-d", filter]), &ours);
    }
}

/// Rows of the summary. Of rows that are equally frequent sysdig shows any, in any order.
fn frequent(mut table: Vec<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    table.retain(|line| !line.is_empty());
    let count = |line: &[u8]| line.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default().to_vec();
    if table.len() > 100 {
        let least = count(table.last().unwrap());
        table.retain(|line| count(line) != least);
    }
    table.into_iter().collect()
}

fn summary(file: &Path) -> Vec<Vec<u8>> {
    let mut lines = Lines::new(Format::parse(format::DEFAULT).unwrap());
    lines.what = What::Nothing;
    let mut reader = Reader::stream(std::fs::File::open(file).unwrap(), Tolerance::Strict).unwrap();
    let (mut summary, mut text) = (Summary::default(), Vec::new());
    lines.write(&mut reader, &mut text, Some(&mut summary)).unwrap();
    summary.write(&mut text);
    split(&text)
}

#[test]
fn how_often_each_call_was_made() {
    let Some(recordings) = recordings() else { return };
    for file in &recordings.files {
        let (ours, theirs) = (frequent(summary(file)), frequent(theirs(file, &["-S", "-q"])));
        let differ = ours.symmetric_difference(&theirs).map(|row| String::from_utf8_lossy(row)).collect::<Vec<_>>();
        assert!(differ.is_empty(), "{}: {differ:?}", file.display());
    }
}

/// Values of these are not compared: sysdig reads them from memory that it never wrote (`fd.dev` of descriptors that
/// were open when the recording began), eight bytes where there are four (`group.gid`), by the width of its terminal
/// (`evt.latency.quantized`), from the event before (`evt.latency.human` of events without a thread), or not at all
/// from entries with the newer tail (`proc.tty`, `user.login…`); `thread.totexectime` ends it with an exception.
const WRONG: &[&str] = &[
    "fd.dev",
    "fd.dev.major",
    "fd.dev.minor",
    "group.gid",
    "evt.latency.quantized",
    "evt.latency.human",
    "proc.tty",
    "user.loginuid",
    "user.loginname",
    "thread.totexectime",
];

/// Every field that sysdig lists and that needs no argument, of small recordings.
#[test]
fn every_field() {
    let Some(recordings) = recordings() else { return };
    let program = fathom_testkit::need::find_program("sysdig").unwrap();
    let list = std::process::Command::new(program).arg("-l").output().unwrap().stdout;
    let list = String::from_utf8_lossy(&list).into_owned();
    let known: BTreeSet<_> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let plain = |row: &&Row| row.takes == Takes::Nothing && row.place == Place::Everywhere;
    let names: Vec<_> = rows().filter(plain).map(|row| row.name).filter(|name| known.contains(name)).collect();
    assert!(names.len() > 150, "only {}", names.len());
    let sound: Vec<_> = names.into_iter().filter(|name| !WRONG.contains(name)).collect();
    for some in sound.chunks(8) {
        let format = some.iter().fold("*%evt.num".to_owned(), |line, name| format!("{line} {name}=%{name}"));
        for file in ["tale.scap", "cat_write.scap", "run_as_user_0_container.scap"] {
            let Some(file) = recordings.named(file) else { continue };
            same(file, &format, &theirs(file, &["-p", &format]), &ours(file, &format, "", |_| {}));
        }
    }
}
