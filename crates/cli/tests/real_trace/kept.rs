//! What `-w` keeps of what happens now is shown later as it would have been shown at once.

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
    assert!(used.len() >= 2 && used.is_sorted() && *used.last().unwrap() >= 20, "{shown:?}");
}
