//! What is written, under which name, by whom: the same in both ways.

use fathom_testkit::{Need, Scratch, needs};

use crate::support::{WAYS, Way};

#[test]
fn what_is_written_is_shown_byte_for_byte() {
    needs!(Need::Root, Need::Program("setpriv"));
    let folder = Scratch::new("trace");
    let file = folder.join("text");
    let data: String = (0..5000).map(|number| char::from(b'a' + (number % 26) as u8)).collect();
    let script = format!("printf %s {data} > {}", file.display());
    let filter = format!("evt.type=write and evt.dir=< and fd.name={}", file.display());
    for way in WAYS {
        let lines =
            way.lines(["-s", "6000", "-v", "-p", "%evt.rawarg.res %evt.buffer", &filter, "--", "sh", "-c", &script]);
        let (sizes, written): (Vec<_>, Vec<_>) = lines.iter().filter_map(|line| line.split_once(' ')).unzip();
        assert_eq!(written.concat(), data, "{way:?}: {sizes:?}");
        let lines = way.lines(["-p", "%evt.buflen %evt.buffer", &filter, "--", "sh", "-c", &script]);
        let (length, shown) = lines[0].split_once(' ').unwrap();
        assert_eq!(
            (shown, length.parse::<usize>().unwrap() >= 80),
            (&data[..80], true),
            "{way:?}: 80 bytes come along"
        );
    }
}

/// Opens, copies, renames, and changes folder and root; says what it does by what it writes.
const WALK: &str = r#"
use POSIX;
chdir $ARGV[0]; mkdir "sub", 0700;
my $one = POSIX::open("one", O_CREAT | O_WRONLY, 0600); POSIX::write($one, "opened", 6);
my $copy = POSIX::dup($one); POSIX::close($one);
rename "one", "two"; POSIX::write($copy, "renamed", 7);
POSIX::dup2($copy, 77); POSIX::write(77, "copied", 6);
chdir "sub"; my $three = POSIX::open("../three", O_CREAT | O_WRONLY, 0600); POSIX::write($three, "above", 5);
my ($in, $out) = POSIX::pipe(); POSIX::write($out, "piped", 5);
if (fork() == 0) { POSIX::write($three, "inherited", 9); POSIX::_exit(0) } wait;
if (chroot $ARGV[0]) { chdir "/"; my $four = POSIX::open("four", O_CREAT | O_WRONLY, 0600); POSIX::write($four, "rooted", 6); }
"#;

#[test]
fn names_hold_through_rename_copies_folders_and_roots() {
    needs!(Need::Root, Need::Program("setpriv"), Need::Program("perl"));
    for way in WAYS {
        let folder = Scratch::new("trace");
        let filter = "evt.type=write and evt.dir=< and proc.name=perl";
        let words = ["-p", "%fd.typechar %fd.name %evt.buffer", filter, "--", "perl", "-e", WALK];
        let lines = way.lines(words.iter().copied().chain([folder.path().to_str().unwrap()]));
        let at = |name: &str| folder.join(name).display().to_string();
        // The name is that under which it was opened, as in sysdig.
        for (name, word) in
            [("one", "opened"), ("one", "renamed"), ("one", "copied"), ("three", "above"), ("three", "inherited")]
        {
            let line = format!("f {} {word}", at(name));
            assert!(lines.contains(&line), "{way:?}: {line}: {lines:#?}");
        }
        assert!(lines.iter().any(|line| line.starts_with("p ") && line.ends_with(" piped")), "{way:?}: {lines:#?}");
        // Without rights nobody changes his root.
        let rooted = lines.contains(&"f /four rooted".to_owned());
        assert_eq!(rooted, way == Way::Bpf, "{way:?}: {lines:#?}");
    }
}
