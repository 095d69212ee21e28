//! Views of what happens now: the same as of the recording of it, and as sysdig shows that.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use fathom_testkit::need::find_program;
use fathom_testkit::{Need, Scratch, needs};
use serde_json::Value;

use crate::support::{Way, told};

/// Files, pipes, errors, programs that start others, and something that takes a while.
const SCRIPT: &str = "cat /etc/passwd > /dev/null; cat /nowhere 2> /dev/null; cat /etc/group | sort > /dev/null; \
                      dd if=/dev/zero of=/dev/null bs=1000 count=50 2> /dev/null; sleep 0.02; cd /; echo hello";

/// Rows of all tables, by their keys: live there is one for each second.
fn rows(text: &str) -> BTreeMap<Vec<String>, f64> {
    let mut rows = BTreeMap::new();
    for table in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let table = table.unwrap_or_else(|error| panic!("{error}: {text}"));
        for row in table["data"].as_array().unwrap() {
            let (value, keys) = row.as_array().unwrap().split_last().unwrap();
            let keys = keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect();
            *rows.entry(keys).or_default() += value.as_f64().unwrap();
        }
    }
    rows
}

/// What is shown live, of the recording of that, and by sysdig of the recording.
fn three(options: &[&str], view: &[&str], file: &Path) -> [String; 3] {
    let recorded = file.to_str().unwrap();
    let live = [options, &["-w", recorded, "-c"], view, &["--", "sh", "-c", SCRIPT]].concat();
    let live = told(&Way::Bpf.trace(live).output().unwrap());
    assert_eq!(live.status, 0, "{view:?}: {}", live.stderr);
    let again = [options, &["-r", recorded, "-c"], view].concat();
    let ours = told(&Way::Bpf.trace(&again).output().unwrap());
    assert_eq!(ours.status, 0, "{view:?}: {}", ours.stderr);
    let sysdig = find_program("sysdig").unwrap();
    let theirs = told(&Command::new(sysdig).env("TZ", "UTC").args(again).output().unwrap());
    assert_eq!(theirs.status, 0, "{view:?}: {}", theirs.stderr);
    [live.stdout, ours.stdout, theirs.stdout]
}

#[test]
fn tables_live_are_those_of_the_recording() {
    needs!(Need::Root, Need::Program("sysdig"));
    let scratch = Scratch::new("shown");
    let views: &[&[&str]] = &[
        &["topfiles_bytes"],
        &["topfiles_time"],
        &["topfiles_errors"],
        &["topprocs_file"],
        // Of calls that older readers do not know, a recording has the name alone.
        &["topprocs_errors", "evt.type=openat"],
        &["topscalls", "proc.name=dd and evt.type in (read, write, openat, close, mmap)"],
        &["topscalls_time", "proc.name=cat and evt.type in (read, write, openat, mmap)"],
        &["fdbytes_by", "fd.type"],
        &["fdtime_by", "proc.name"],
    ];
    for view in views {
        let [live, ours, theirs] = three(&["-j"], view, &scratch.join("kept.scap")).map(|text| rows(&text));
        assert!(!live.is_empty(), "{view:?}");
        assert_eq!(live, ours, "{view:?}");
        // Rows that are as large as the last one may be others.
        let least = ours.values().copied().fold(f64::INFINITY, f64::min);
        let sure = |rows: &BTreeMap<Vec<String>, f64>| -> BTreeMap<Vec<String>, f64> {
            rows.iter().filter(|row| *row.1 > least).map(|row| (row.0.clone(), *row.1)).collect()
        };
        assert_eq!(sure(&theirs), sure(&ours), "{view:?}");
    }
}

/// sysdig writes some colours into files too, and two spaces where they stand.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| line + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[test]
fn lines_live_are_those_of_the_recording() {
    needs!(Need::Root, Need::Program("sysdig"));
    let scratch = Scratch::new("shown");
    let views: &[&[&str]] =
        &[&["echo_fds"], &["stdout"], &["spy_file"], &["fileslower", "0"], &["scallslower", "1"], &["proc_exec_time"]];
    for view in views {
        let [live, ours, theirs] = three(&[], view, &scratch.join("kept.scap"));
        assert!(live.lines().count() > 1, "{view:?}: {live}");
        assert_eq!(live, ours, "{view:?}");
        let plain = |text: &str| text.lines().map(without_colours).collect::<Vec<_>>();
        assert_eq!(plain(&theirs), plain(&ours), "{view:?}");
    }
}

#[test]
fn processes_that_nobody_asked_about_are_not_listed() {
    needs!(Need::Root, Need::Program("sysdig"));
    let scratch = Scratch::new("shown");
    let [live, ours, theirs] = three(&[], &["ps"], &scratch.join("kept.scap"));
    // Of those who started what is looked at, a recording has the names, and no more.
    let [known, named]: [Vec<_>; 2] = ours.lines().partition::<Vec<_>, _>(|line| !line.contains(" 0B ")).into();
    assert!(!named.is_empty(), "{ours}");
    assert_eq!(live.lines().collect::<Vec<_>>(), known);
    assert_eq!(theirs.lines().map(without_colours).collect::<Vec<_>>(), ours.lines().collect::<Vec<_>>());
}

/// What a shell does that is busy for a while, and tells at its end how much it used.
const BUSY: &str = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; read stat < /proc/$$/stat; echo used $stat >&2";

#[test]
fn shares_of_processors_are_those_that_the_kernel_tells() {
    needs!(Need::Root);
    let told = told(&Way::Bpf.trace(["-j", "-c", "topprocs_cpu", "--", "sh", "-c", BUSY]).output().unwrap());
    assert_eq!(told.status, 0, "{}", told.stderr);
    let stat = told.stderr.lines().find_map(|line| line.strip_prefix("used ")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
    let used: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let shown: f64 = rows(&told.stdout).iter().filter(|row| row.0[0] == "sh").map(|row| row.1).sum();
    // The sum of per cents of a second, as nanoseconds; the kernel tells hundredths of a second.
    let hundredths = shown / 1e7;
    assert!(used > 20.0, "the shell was busy: {used}");
    assert!(
        (hundredths - used).abs() <= 3.0 + used * 0.02,
        "{hundredths} are shown, {used} were used\n{}",
        told.stdout
    );
}

#[test]
fn what_is_over_in_an_instant_has_its_share_too() {
    needs!(Need::Root);
    let busy = "sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'";
    let script = format!("{busy}; exec {busy}");
    let told = told(&Way::Bpf.trace(["-j", "-c", "topprocs_cpu", "--", "sh", "-c", &script]).output().unwrap());
    assert_eq!(told.status, 0, "{}", told.stderr);
    let shown = rows(&told.stdout).into_iter().filter(|(key, share)| key[0] == "sh" && *share > 0.0).count();
    assert_eq!(shown, 2, "both were busy: {}", told.stdout);
}
