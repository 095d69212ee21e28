//! `fathom trace -w`: files that are kept, their names, and what becomes of them when the disk is full, the reader goes
//! away or we are killed.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use fathom_scap::event::STATE_ONLY;
use fathom_scap::{Damage, Item, Reader, Tolerance};
use fathom_testkit::Scratch;
use fathom_testkit::capture::{Capture, Runs};
use fathom_testkit::need::{Need, missing};

/// A shell that reads so often, a second for each five events.
fn recording(reads: u64) -> Vec<u8> {
    let shell = Runs { tid: 42, ptid: 1, comm: "sh", cwd: "/home" };
    let (fd, four) = (&3_i64.to_le_bytes()[..], &4_i64.to_le_bytes()[..]);
    let mut capture = Capture::default()
        .begin(&[shell])
        .event(2, &[b"notes\0", &1_u32.to_le_bytes(), &[0; 4]])
        .event(3, &[fd, b"notes\0", &1_u32.to_le_bytes(), &[0; 4], &[0; 4]]);
    for read in 0..reads {
        let second = read * 400_000_000;
        capture = capture.event_of(42, second, 6, &[fd, &4_u32.to_le_bytes()]);
        capture = capture.event_of(42, second + 200_000_000, 7, &[four, b"data"]);
    }
    capture.0
}

fn trace() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    command.arg("trace").env("TZ", "UTC").env("FATHOM_CONFIG", "/nowhere/config.toml");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Scratch, words: &[&str]) -> Output {
    trace().current_dir(folder.path()).args(words).output().unwrap()
}

/// Status, stdout and stderr.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// With a recording of so many reads in it.
fn folder(reads: u64) -> Scratch {
    let folder = Scratch::new("recording");
    fs::write(folder.join("sh.scap"), recording(reads)).unwrap();
    folder
}

fn names(folder: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "sh.scap");
    names.sort();
    names
}

/// How many events there are in what can be read, and whether all can.
fn events(file: &Path) -> (u64, bool) {
    let (events, damage) = events_and_damage(file);
    // What is packed has an end, and is whole to its last block without it.
    (events, damage.iter().all(|one| *one == Damage::Endless))
}

fn events_and_damage(file: &Path) -> (u64, Vec<Damage>) {
    let mut reader = Reader::stream(File::open(file).unwrap(), Tolerance::Salvage).unwrap();
    let (mut events, mut damage) = (0, Vec::new());
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Event(_) => events += 1,
            Item::Gap(gap) => damage.push(gap.damage),
            _ => {}
        }
    }
    (events, damage)
}

#[test]
fn what_was_kept_is_shown_as_before() {
    let folder = folder(20);
    let lines = told(&run(&folder, &["-r", "sh.scap"]));
    assert_eq!(lines.0, 0);
    for words in
        [&["-w", "kept.scap"][..], &["-w", "kept.scap", "-z"], &["-w", "kept.scap", "--scap-profile", "modern"]]
    {
        let quiet = (0, String::new(), String::new());
        assert_eq!(told(&run(&folder, &[&["-r", "sh.scap"], words].concat())), quiet, "{words:?}");
        assert_eq!(told(&run(&folder, &["-r", "kept.scap"])), lines, "{words:?}");
    }
    let packed = fs::read(folder.join("kept.scap")).unwrap();
    assert_ne!(packed[..2], [0x1f, 0x8b]);
    // Through a pipe.
    let piped = run(&folder, &["-r", "sh.scap", "-w", "-"]);
    fs::write(folder.join("piped.scap"), &piped.stdout).unwrap();
    assert_eq!(told(&run(&folder, &["-r", "piped.scap"])), lines);
    // Numbers of lines end what is kept too, and what the summary counts is unchanged.
    let (_, summary, _) = told(&run(&folder, &["-r", "sh.scap", "-w", "kept.scap", "-S", "-n", "10"]));
    assert!(summary.contains("read"), "{summary}");
    assert_eq!(events(&folder.join("kept.scap")), (10, true));
}

#[test]
fn several_recordings_become_one() {
    let folder = folder(3);
    let (_, once, _) = told(&run(&folder, &["-r", "sh.scap", "-p", "%evt.type %fd.name"]));
    assert_eq!(told(&run(&folder, &["-r", "sh.scap", "-r", "sh.scap", "-w", "both.scap"])).0, 0);
    let (status, twice, _) = told(&run(&folder, &["-r", "both.scap", "-p", "%evt.type %fd.name"]));
    assert_eq!((status, twice), (0, once.repeat(2)));
}

#[test]
fn what_happened_around_events_is_kept_by_a_view() {
    let folder = folder(20);
    let words = ["-r", "sh.scap", "-c", "around", "kept.scap", "250", "evt.num=5"];
    let said = "22:13:20.400000000 sh(42)\n\nSaving events around 1 syslog entries to kept.scap\n";
    assert_eq!(told(&run(&folder, &words)), (0, said.to_owned(), String::new()));
    // Where the file was opened is known, though that is not shown.
    let (status, lines, _) = told(&run(&folder, &["-r", "kept.scap", "-p", "%evt.time.s %evt.dir %evt.type %fd.name"]));
    let expected = ["<", ">", "<"].map(|way| format!("22:13:20 {way} read /home/notes\n")).concat();
    assert_eq!((status, lines), (0, expected));
    // Of two recordings, two sections.
    let twice = [&["-r", "sh.scap"], &words[..]].concat();
    assert_eq!(told(&run(&folder, &twice)).0, 0);
    let (_, lines, _) = told(&run(&folder, &["-r", "kept.scap"]));
    assert_eq!(lines.lines().count(), 6, "{lines}");

    for (words, expect) in [
        (&["-r", "sh.scap", "-c", "around", "none.scap"][..], "there is no filter"),
        (&["-r", "-", "-c", "around", "none.scap", "evt.num=5"], "it can only be read once"),
        (&["-c", "spy_logs", "none.scap", "evt.num=5"], "it can only be read once"),
        (&["shop/pod/web-0", "-c", "spy_logs", "none.scap", "evt.num=5"], "it can only be read once"),
        (&["-r", "sh.scap", "-c", "around", "none.scap", "soon", "evt.num=5"], "is a number"),
        (&["-r", "sh.scap", "-c", "around", "sh.scap", "evt.num=5"], "it is the recording that is read"),
    ] {
        let (status, _, said) = told(&run(&folder, words));
        assert!(status == 2 && said.contains(expect), "{words:?}: {status} {said}");
    }
    assert_eq!(names(&folder), ["kept.scap"]);
}

#[test]
fn what_changes_the_state_is_kept_where_that_is_asked_for() {
    let folder = folder(3);
    for (file, word, hidden) in [("lean.scap", "-E", false), ("fat.scap", "-F", true)] {
        let done = told(&run(&folder, &["-r", "sh.scap", "-w", file, word, "evt.num>4"]));
        assert_eq!(done, (0, String::new(), String::new()));
        let mut reader = Reader::stream(File::open(folder.join(file)).unwrap(), Tolerance::Strict).unwrap();
        let mut found = false;
        while let Some(item) = reader.next().unwrap() {
            found |= matches!(item, Item::Event(event) if event.flags & STATE_ONLY != 0);
        }
        assert_eq!(found, hidden, "{word}");
    }
    let [lean, fat] =
        ["lean.scap", "fat.scap"].map(|file| told(&run(&folder, &["-r", file, "-p", "%evt.type %fd.name"])));
    assert!(lean.1.lines().count() > 2);
    assert_eq!(lean, fat);
}

#[test]
fn files_have_the_names_that_sysdig_gives_them() {
    // 42 events in 8 seconds from 22:13:20 on.
    for (words, expected) in [
        (&["-e", "20"][..], &["o0", "o1", "o2"][..]),
        (&["-e", "10", "-W", "2"], &["o0", "o1"]),
        (&["-G", "4"], &["o0", "o1"]),
        (&["-C", "1"], &["o0"]),
        (&["-C", "1", "-W", "10"], &["o00"]),
    ] {
        let folder = folder(20);
        let done = told(&run(&folder, &[&["-r", "sh.scap", "-w", "o"], words].concat()));
        assert_eq!(done, (0, String::new(), String::new()));
        assert_eq!(names(&folder), expected, "{words:?}");
        // Each stands for itself: the file that is read was opened in the first.
        for name in expected {
            let (_, lines, notices) = told(&run(&folder, &["-r", name, "-p", "%proc.name %fd.name", "evt.type=read"]));
            assert!(lines.starts_with("sh /home/notes\n"), "{words:?} {name} {lines}");
            assert_eq!(notices, "");
        }
    }
    let folder = folder(20);
    assert_eq!(told(&run(&folder, &["-r", "sh.scap", "-w", "%H%M%S.scap", "-G", "2", "-W", "3"])).0, 0);
    assert_eq!(names(&folder), ["221322.scap", "221324.scap", "221326.scap"]);
    let counts: Vec<_> = names(&folder).iter().map(|name| events(&folder.join(name))).collect();
    assert_eq!(counts, [(10, true); 3]);
}

#[test]
fn the_size_of_files_is_bound() {
    let folder = folder(30_000);
    assert_eq!(told(&run(&folder, &["-r", "sh.scap", "-w", "o", "-C", "1", "-W", "3"])).0, 0);
    assert_eq!(names(&folder), ["o0", "o1", "o2"]);
    let sizes: Vec<_> = names(&folder).iter().map(|name| fs::metadata(folder.join(name)).unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size <= 1_000_100), "{sizes:?}");
    assert!(sizes.iter().filter(|size| **size > 999_000).count() >= 2, "{sizes:?}");
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = folder(5);
    let before = fs::read(folder.join("sh.scap")).unwrap();
    fs::hard_link(folder.join("sh.scap"), folder.join("same.scap")).unwrap();
    for words in [["-r", "sh.scap", "-w", "sh.scap"], ["-r", "sh.scap", "-w", "same.scap"]] {
        let (status, _, said) = told(&run(&folder, &words));
        assert_eq!(status, 2);
        let expected = format!("fathom: cannot write {}: it is the recording that is read\n", words[3]);
        assert_eq!(said, expected + "hint: give another name after -w\n");
    }
    let stdin = File::open(folder.join("sh.scap")).unwrap();
    let mut command = trace();
    let output = command.current_dir(folder.path()).args(["-r", "-", "-w", "sh.scap"]).stdin(stdin).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(folder.join("sh.scap")).unwrap(), before);
}

/// Numbers and working folders of the processes in a recording's table.
fn processes(file: &Path) -> Vec<(i64, String)> {
    let mut reader = Reader::stream(File::open(file).unwrap(), Tolerance::Strict).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Processes(processes) = item {
            let told = processes.map(Result::unwrap);
            found.extend(told.map(|one| (one.tid, String::from_utf8_lossy(one.cwd).into_owned())));
        }
    }
    found
}

#[test]
fn the_table_of_processes_is_bound_by_the_filter_where_that_is_asked_for() {
    let folder = Scratch::new("proclist");
    let runs = |tid, ptid, comm| Runs { tid, ptid, comm, cwd: "/home" };
    let all = [runs(42, 1, "sh"), runs(43, 42, "cat"), runs(44, 42, "sort")];
    let (fd, four) = (&3_i64.to_le_bytes()[..], &4_i64.to_le_bytes()[..]);
    let mut capture = Capture::default().begin(&all);
    for tid in [43, 44] {
        capture = capture.event_of(tid, 100, 6, &[fd, &4_u32.to_le_bytes()]).event_of(tid, 200, 7, &[four, b"data"]);
    }
    fs::write(folder.join("sh.scap"), capture.0).unwrap();
    let kept = |words: &[&str]| {
        let words = [&["-r", "sh.scap", "-w", "kept.scap"], words, &["proc.name=cat"]].concat();
        let (status, _, said) = told(&run(&folder, &words));
        assert_eq!(status, 0, "{said}");
        processes(&folder.join("kept.scap"))
    };
    let full = |tid| (tid, "/home".to_owned());
    assert_eq!(kept(&[]), [full(42), full(43), full(44)]);
    // Who started one of them is there by name.
    assert_eq!(kept(&["--filter-proclist"]), [(42, String::new()), full(43)]);
}

#[test]
fn words_that_make_no_sense_together_are_refused() {
    let folder = folder(1);
    for words in [
        &["-e", "5"][..],
        &["-z"],
        &["-w", "-", "-C", "5"],
        &["-w", "-", "-S"],
        &["-w", "o", "-e", "0"],
        &["-w", "o", "--scap-profile", "old"],
    ] {
        assert_eq!(told(&run(&folder, &[&["-r", "sh.scap"], words].concat())).0, 2, "{words:?}");
        assert!(names(&folder).is_empty(), "{words:?}");
    }
    let (status, _, said) = told(&run(&folder, &["-r", "sh.scap", "-w", "none/o.scap"]));
    assert_eq!((status, said.contains("cannot write none/o.scap\n  caused by: No such file")), (3, true), "{said}");
    let (status, ..) = told(&run(&folder, &["-r", "none.scap", "-w", "o.scap"]));
    assert_eq!((status, names(&folder).len()), (3, 0));
}

#[test]
fn a_reader_that_goes_away_is_told() {
    let folder = folder(30_000);
    let fifo = folder.join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let mut command = trace();
    let child = command.current_dir(folder.path()).args(["-r", "sh.scap", "-w", "fifo"]).spawn().unwrap();
    let mut reader = File::open(&fifo).unwrap();
    reader.read_exact(&mut [0; 1000]).unwrap();
    drop(reader);
    let (status, _, said) = told(&child.wait_with_output().unwrap());
    assert_eq!(status, 5);
    assert!(said.starts_with("fathom: cannot write all of fifo: "), "{said}");
    // Of stdout that is how one looks at a beginning.
    let mut child = trace().current_dir(folder.path()).args(["-r", "sh.scap", "-w", "-"]).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 1000]).unwrap();
    assert_eq!(told(&child.wait_with_output().unwrap()), (0, String::new(), String::new()));
}

/// How many events a message says are missing.
fn said_to_be_missing(said: &str) -> u64 {
    let (before, _) = said.split_once(" events are missing").unwrap_or_else(|| panic!("{said}"));
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn on_a_full_disk_what_is_there_can_be_read_and_what_is_missing_is_counted() {
    if missing(&[Need::Root, Need::Program("unshare")]) {
        return;
    }
    let folder = folder(30_000);
    let disk = folder.join("disk");
    fs::create_dir(&disk).unwrap();
    for (size, packing) in [("700k", ""), ("64k", ""), ("4k", ""), ("8k", "-z")] {
        let act = format!(
            "mount -t tmpfs -o size={size} none disk && {} trace -r sh.scap -w disk/o.scap {packing}; status=$?; \
             cp disk/o.scap full.scap; exit $status",
            env!("CARGO_BIN_EXE_fathom")
        );
        let mut command = Command::new("unshare");
        let output = command.args(["-m", "sh", "-c", &act]).current_dir(folder.path()).output().unwrap();
        let (status, _, said) = told(&output);
        assert_eq!(status, 5, "{said}");
        assert!(said.contains("No space left on device"), "{said}");
        assert!(said.contains("hint: what is there can be read"), "{said}");
        let full = folder.join("full.scap");
        let there = if fs::metadata(&full).unwrap().len() == 0 { (0, true) } else { events(&full) };
        assert!(there.1, "{size} {packing}: it ends with a whole block");
        assert_eq!(there.0 + said_to_be_missing(&said), 60_002, "{size} {packing}");
    }
}

#[test]
fn killed_at_any_moment_the_file_is_readable_to_its_last_whole_block() {
    let folder = folder(1);
    let whole = recording(20_000);
    for (round, packing) in ["", "-z", "", "-z", "", "-z"].into_iter().enumerate() {
        let kept = folder.join("killed.scap");
        let _ = fs::remove_file(&kept);
        let mut command = trace();
        command.args(["-r", "-", "-w", kept.to_str().unwrap()]);
        if !packing.is_empty() {
            command.arg(packing);
        }
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let feed = whole.clone();
        let feeder = std::thread::spawn(move || {
            let _ = stdin.write_all(&feed);
            stdin
        });
        // Somewhere on its way.
        let deadline = Instant::now() + Duration::from_secs(60);
        let enough = if packing.is_empty() { 70_000 * round as u64 + 1 } else { 500 * round as u64 + 1 };
        while !fs::metadata(&kept).is_ok_and(|metadata| metadata.len() >= enough) {
            assert!(Instant::now() < deadline, "nothing is written");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(feeder.join().unwrap());
        // The kernel ends the write of one who is killed at a page, which may lie within the last block.
        let (count, damage) = events_and_damage(&kept);
        let whole = matches!(damage.as_slice(), [] | [Damage::Endless | Damage::Truncated { .. }]);
        assert!(whole && count > 0, "{round} {packing}: {count} events, {damage:?}");
        let (status, lines, said) = told(&run(&folder, &["-r", "killed.scap", "-p", "%evt.type"]));
        assert_eq!(lines.lines().count() as u64, count);
        // What is packed has an end, by which it is known that there was more; so has a block.
        let told_of = said.ends_with("it is packed and has no end: it was cut off, or whoever wrote it was stopped\n");
        let torn = packing.is_empty() && said.contains("it ends in the middle of a block");
        let expected = if packing.is_empty() && !torn { (0, false) } else { (1, !torn) };
        assert_eq!((status, told_of), expected, "{said}");
    }
}
