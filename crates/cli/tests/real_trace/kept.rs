//! What `-w` keeps of what happens now is shown later as it would have been shown at once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fathom_scap::{Item, Reader, Tolerance};
use fathom_testkit::{Need, Scratch, needs};

use crate::support::{WAYS, Way, told};

/// Starts programs one after the other, each a process of its own, and reads.
const SCRIPT: &str = "cd /etc; for i in 1 2 3 4 5; do /bin/cat hostname; done > /dev/null; exit 3";
/// No numbers that differ from one time to the next.
const FORMAT: &str = "%evt.type %evt.dir %proc.name %proc.pname %proc.exepath %proc.cwd";

#[test]
fn what_was_kept_is_shown_as_it_would_have_been_at_once() {
    needs!(Need::Root, Need::Program("setpriv"));
    let folder = Scratch::new("trace");
    let file = folder.join("kept.scap").display().to_string();
    let back = |words: &[&str]| told(&Way::Bpf.trace([&["-r", &file], words].concat()).output().unwrap()).stdout;
    for way in WAYS {
        for (format, filter, most) in [
            (FORMAT, "evt.type=execve", &[][..]),
            (FORMAT, "evt.type=execve", &["-n", "7"]),
            (FORMAT, "evt.type=procexit or (evt.type=execve and evt.dir=<)", &[]),
            ("%proc.pname %fd.name %evt.type %evt.dir", "evt.type=read and fd.name=/etc/hostname", &["-n", "7"]),
            ("%proc.pname %fd.name %evt.type", "evt.type=write and evt.dir=<", &[]),
        ] {
            let command = ["--", "sh", "-c", SCRIPT];
            let shown = told(&way.trace([&["-p", format, filter], most, &command].concat()).output().unwrap());
            assert_eq!(shown.status, 3, "{way:?}: {}", shown.stderr);
            assert!(shown.stdout.lines().count() >= 5, "{way:?} {filter}: {}", shown.stdout);
            for profile in ["legacy", "modern"] {
                let words = [&["-w", &file, "--scap-profile", profile, filter], most, &command].concat();
                let kept = told(&way.trace(words).output().unwrap());
                assert_eq!(kept.status, 3, "{way:?}: {}", kept.stderr);
                assert_eq!(back(&["-p", format]), shown.stdout, "{way:?} {profile} {filter} {most:?}");
            }
        }
    }
}

#[test]
fn a_recording_tells_how_busy_programs_were() {
    needs!(Need::Root, Need::Program("timeout"));
    let folder = Scratch::new("trace");
    let file = folder.join("busy.scap").display().to_string();
    let busy = ["-w", &file, "--", "timeout", "2.5", "sh", "-c", "while :; do :; done"];
    assert_eq!(told(&Way::Bpf.trace(busy).output().unwrap()).status, 124);
    let shown = Way::Bpf.lines(["-r", &file, "-D", "-p", "%proc.name %evt.arg.cpu_usr", "evt.type=procinfo"]);
    let used = |line: &String| line.strip_prefix("sh ").and_then(|used| used.parse::<u64>().ok());
    let used: Vec<u64> = shown.iter().filter_map(used).collect();
    assert!(used.len() >= 2 && used.is_sorted() && used.last() > used.first(), "{shown:?}");
}

#[test]
fn neither_what_the_disk_nor_what_the_command_said_is_lost() {
    needs!(Need::Root, Need::Program("unshare"));
    let folder = Scratch::new("trace");
    let disk = folder.join("disk");
    std::fs::create_dir(&disk).unwrap();
    for (own, expected) in [(0, 5), (3, 3)] {
        let act = format!(
            "mount -t tmpfs -o size=16k none {0} && exec {1} trace -w {0}/o.scap -- sh -c 'cat /etc/hostname; exit {own}'",
            disk.display(),
            env!("CARGO_BIN_EXE_fathom")
        );
        let mut command = std::process::Command::new("unshare");
        let told = told(&command.args(["-m", "sh", "-c", &act]).env("FATHOM_CONFIG", "/dev/null").output().unwrap());
        assert_eq!(told.status, expected, "{}", told.stderr);
        for part in
            ["cannot write all of ", "No space left on device", &format!("the command itself ended with status {own}")]
        {
            assert!(told.stderr.contains(part), "{part}: {}", told.stderr);
        }
    }
}

/// Something that no recording of another process may hold.
const SECRET: &str = "fathom-test-secret";

#[test]
fn a_recording_of_one_process_has_no_more_of_others_than_the_names_of_its_ancestors() {
    needs!(Need::Root, Need::Program("sysdig"));
    let folder = Scratch::new("trace");
    let file = folder.join("one.scap").display().to_string();
    // Another process, and the parent of the one that is looked at, each with something to hide.
    let script = "unset SECRET; sh -c 'echo $$; while read _; do cat /etc/hostname; done; true' wanted; true";
    let mut parent = std::process::Command::new("sh");
    let parent = parent.args(["-c", script, SECRET]).env("SECRET", SECRET);
    let mut parent = parent.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut other = std::process::Command::new("sh");
    let other = other.args(["-c", "read _; true", SECRET]).env("SECRET", SECRET);
    let mut other = other.stdin(Stdio::piped()).spawn().unwrap();
    let (mut to, mut from) = (parent.stdin.take().unwrap(), BufReader::new(parent.stdout.take().unwrap()));
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    let target = format!("pid:{}", line.trim());
    let mut trace = Way::Bpf.trace(["-w", &file, &target]).stderr(Stdio::piped()).spawn().unwrap();
    let mut act = || {
        to.write_all(b"\n").unwrap();
        line.clear();
        from.read_line(&mut line).unwrap();
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !std::fs::metadata(&file).is_ok_and(|found| found.len() > 0) {
        assert!(Instant::now() < deadline, "nothing is written");
        act();
    }
    act();
    drop(to);
    parent.wait().unwrap();
    let ended = trace.wait().unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(ended.success());
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "{file} tells of others");
    let words = ["-p", "%proc.pid %proc.name %proc.pname %evt.num %evt.type %fd.name %evt.args"];
    let ours = told(&Way::Bpf.trace([&["-r", &file], &words[..]].concat()).output().unwrap()).stdout;
    let mut sysdig = std::process::Command::new("sysdig");
    let theirs = told(&sysdig.args(["-r", &file]).args(words).output().unwrap()).stdout;
    assert_eq!(ours, theirs);
    let reads = ours.lines().filter(|line| line.contains(" cat sh ") && line.contains(" /etc/hostname "));
    assert!(reads.count() >= 2, "{ours}");
    // Names of processes in the tables: those of the tree, and of whoever started it.
    let mut reader = Reader::new(&bytes, Tolerance::Strict).unwrap();
    let mut others = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        let Item::Processes(processes) = item else { continue };
        others
            .extend(processes.map(Result::unwrap).filter(|process| process.env.is_empty()).map(|process| process.tid));
    }
    assert!(others.contains(&parent.id().into()) && !others.contains(&other.id().into()), "{others:?}");
}

#[test]
fn what_a_full_disk_leaves_out_of_what_happens_is_counted() {
    needs!(Need::Root, Need::Program("unshare"));
    let folder = Scratch::new("trace");
    let (disk, whole) = (folder.join("disk"), folder.join("whole.scap"));
    std::fs::create_dir(&disk).unwrap();
    let command = "dd if=/dev/zero of=/dev/null bs=1 count=5000";
    let told_whole =
        told(&Way::Bpf.trace(["-w", whole.to_str().unwrap(), "--", "sh", "-c", command]).output().unwrap());
    assert_eq!(told_whole.status, 0, "{}", told_whole.stderr);
    let act = format!(
        "mount -t tmpfs -o size=64k none {0} && {1} trace -w {0}/o.scap -- sh -c '{command}'; cp {0}/o.scap {2}/cut.scap",
        disk.display(),
        env!("CARGO_BIN_EXE_fathom"),
        folder.path().display()
    );
    let mut unshare = std::process::Command::new("unshare");
    let said = told(&unshare.args(["-m", "sh", "-c", &act]).env("FATHOM_CONFIG", "/dev/null").output().unwrap()).stderr;
    let missing = said.split_once(" events are missing\n").unwrap_or_else(|| panic!("{said}")).0;
    let missing: usize = missing.rsplit(' ').next().unwrap().parse().unwrap();
    let copies = |file: &str| {
        let file = folder.join(file).display().to_string();
        Way::Bpf.lines(["-r", &file, "-p", "%evt.type", "proc.name=dd and evt.type in (read, write)"]).len()
    };
    let (all, there) = (copies("whole.scap"), copies("cut.scap"));
    assert!(all >= 20_000 && there < all, "{there} of {all}");
    // What is not shown, and what was done before and after, is missing as well, and is much less.
    assert!((all - there..all - there + 2000).contains(&missing), "{missing}, and {there} of {all}");
}
