//! Whatever happens is shown, or counted as lost.

use fathom_testkit::{Need, needs};

use crate::support::{Way, told};

/// Of `processor N: A calls, of which B are lost`, both numbers, summed up.
fn calls(stderr: &str) -> (u64, u64) {
    let numbers = |line: &str| {
        let rest = line.strip_prefix("fathom: processor ")?.split_once(": ")?.1;
        let (all, lost) = rest.split_once(" calls, of which ")?;
        Some((all.parse::<u64>().ok()?, lost.strip_suffix(" are lost")?.parse::<u64>().ok()?))
    };
    stderr.lines().filter_map(numbers).fold((0, 0), |sum, found| (sum.0 + found.0, sum.1 + found.1))
}

#[test]
fn a_million_blocks_are_all_accounted_for() {
    needs!(Need::Root, Need::Program("dd"));
    let filter = "evt.type in (read, write) and evt.rawarg.res=1 and evt.dir=<";
    let command = ["--", "dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=1000000"];
    let output = Way::Bpf.trace(["--stats", "-p", "%evt.type", filter]).args(command).output().unwrap();
    let told = told(&output);
    assert_eq!(told.status, 0, "{}", told.stderr);
    let count = |name: &str| told.stdout.lines().filter(|line| *line == name).count() as u64;
    let (reads, writes) = (count("read"), count("write"));
    let (all, lost) = calls(&told.stderr);
    assert!(all >= 2_000_000, "{all}");
    // What is lost may be any call; what dd says at its end is written too, in more than one byte.
    assert!(reads <= 1_000_000 && writes <= 1_000_000 && reads + writes + lost >= 2_000_000, "{reads} {writes} {lost}");
    if lost == 0 {
        assert_eq!((reads, writes), (1_000_000, 1_000_000));
    }
}

#[test]
fn two_hundred_processes_at_once_are_all_there() {
    needs!(Need::Root);
    let script = "i=0; while [ $i -lt 200 ]; do /bin/true & i=$((i+1)); done; wait";
    let filter = "evt.type=procexit or (evt.type=execve and evt.dir=<)";
    let lines =
        Way::Bpf.lines(["-p", "%evt.type %proc.name %proc.pname %proc.exepath", filter, "--", "sh", "-c", script]);
    let count = |wanted: &str| lines.iter().filter(|line| *line == wanted).count();
    let ends = lines.iter().filter(|line| line.starts_with("procexit true sh")).count();
    assert_eq!((count("execve true sh /bin/true"), ends), (200, 200), "{lines:#?}");
}
