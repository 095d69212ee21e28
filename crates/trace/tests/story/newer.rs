//! Fields that sysdig 0.29.3 does not have, of events that newer recorders write: nobody here can be asked for them, so
//! that what they must be is written down.

use fathom_scap::{Reader, Tolerance};
use fathom_testkit::capture::{BEGIN, Capture};
use fathom_trace::{Fields, Format, Lines};

use crate::known::{all, last};
use crate::tale::Value::{Bytes, I64, Text, U32, U64};
use crate::tale::{CHILD, RDONLY, SHARING, SHELL, THREAD, Tale, recording};

/// `AT_FDCWD`.
const HERE: i64 = -100;

/// The shell's child executes a file of an overlay, with some rights.
fn executed() -> Tale {
    let mut params = vec![I64(0), Text("/bin/tool"), Bytes(b"-v\0a b\0"), I64(CHILD), I64(CHILD), I64(SHELL), Text("")];
    params.extend([U64(1024), U64(1), U64(2), U32(4000), U32(300), U32(0), Text("tool"), Bytes(b"cpu=/\0")]);
    params.extend([Bytes(b"HOME=/root\0EMPTY=\0"), U32(0), I64(7), U32(1000), U32(1 | 2 | 4)]);
    params.extend([U64(0), U64(1 << 21 | 1), U64(1 << 40), U64(4711), U64(BEGIN + 500), U64(BEGIN + 400)]);
    params.extend([U32(0), Text("/usr/bin/tool"), I64(CHILD), U32(0), Text("tool")]);
    Tale::begin().clone(SHELL, (CHILD, CHILD), "sh", 0).event(CHILD, 293, &params)
}

#[test]
fn a_program_is_known_by_its_file_and_its_rights() {
    for (format, expected) in [
        ("%proc.exe_ino %proc.exe_ino.ctime %proc.exe_ino.mtime", "4711 1700000000000000500 1700000000000000400"),
        // The child began with its parent's side of clone, two microseconds after the begin.
        ("%proc.exe_ino.ctime_duration_proc_start", "1500"),
        ("%proc.is_exe_upper_layer %proc.is_exe_lower_layer %proc.is_exe_from_memfd", "true false true"),
        ("%proc.is_exe_writable", "true"),
        (
            "%thread.cap_permitted|%thread.cap_inheritable|%thread.cap_effective",
            "CAP_CHOWN CAP_SYS_ADMIN||CAP_CHECKPOINT_RESTORE",
        ),
        ("%proc.cmdnargs %proc.cmdlenargs %proc.args[1]|%proc.args[7]|%proc.args", "2 5 a b||-v a b"),
        ("%proc.env[HOME]|%proc.env[EMPTY]|%proc.env[NONE]", "/root||"),
        // No beginning was recorded that would say how it was called.
        ("%proc.exepath", "/usr/bin/tool"),
        ("%proc.vpgid %proc.pgid %proc.pgid.name %proc.is_pgid_leader", "7 101 tool true"),
    ] {
        assert_eq!(last(executed(), &format!("*{format}")), expected, "{format}");
    }
}

#[test]
fn a_child_has_the_rights_of_its_parent_until_it_gives_them_up() {
    let forked = || executed().clone(CHILD, (THREAD, THREAD), "tool", 0);
    let format = "*%thread.cap_effective %proc.exe_ino %proc.pgid %proc.is_pgid_leader %proc.pgid.exepath";
    assert_eq!(last(forked(), format), "CAP_CHECKPOINT_RESTORE 4711 101 false /usr/bin/tool");
    let less = forked().event(THREAD, 353, &[I64(0), U64(0), U64(0), U64(1)]);
    assert_eq!(last(less, "*%thread.cap_effective"), "CAP_CHOWN");
    let refused = forked().event(THREAD, 353, &[I64(-1), U64(0), U64(0), U64(1)]);
    assert_eq!(last(refused, "*%thread.cap_effective"), "CAP_CHECKPOINT_RESTORE");
    let space = forked().event(THREAD, 285, &[I64(0), U32(1 << 20)]);
    assert!(last(space, "*%thread.cap_effective").starts_with("CAP_CHOWN CAP_DAC_OVERRIDE "));
}

#[test]
fn ancestors_are_asked_one_by_one_or_all_at_once() {
    let tale = || executed().clone(CHILD, (THREAD, THREAD), "tool", 0).write(THREAD, 1, b"x");
    for (format, expected) in [
        ("%proc.aexe[1] %proc.aexe[2] %proc.aexe[3]", "/bin/tool sh init"),
        ("%proc.aexe", "/bin/tool sh init"),
        ("%proc.aexepath[1] %proc.pexe %proc.pexepath", "/usr/bin/tool /bin/tool /usr/bin/tool"),
        ("%proc.aargs[1] %proc.acmdline[1]", "-v a b tool -v a b"),
        ("%proc.acmdline", "tool -v a b sh init"),
        ("%proc.aenv[HOME] %proc.aenv[1]", "/root HOME=/root EMPTY="),
        ("%proc.aexe[9]", "<NA>"),
        ("%proc.ppid.ts %proc.ppid.duration %proc.pid.ts", "1700000000000002000 7000 1700000000000006000"),
    ] {
        assert_eq!(last(tale(), &format!("*{format}")), expected, "{format}");
    }
    for (filter, expected) in [
        ("proc.aexe=sh", true),
        ("proc.aexe[1]=sh", false),
        ("proc.acmdline contains 'tool -v'", true),
        ("proc.aenv contains HOME=", true),
        ("proc.aenv[HOME]=/root", true),
        ("proc.aargs in ('-v a b')", true),
    ] {
        let found = passes(tale(), &format!("evt.type=write and {filter}"));
        assert_eq!(found, if expected { 2 } else { 0 }, "{filter}");
    }
}

/// How many events a filter lets pass.
fn passes(tale: Tale, filter: &str) -> u64 {
    let mut reader = Reader::new(&tale.capture.0, Tolerance::Strict).unwrap();
    let mut lines = Lines::new(Format::parse("%evt.num").unwrap());
    lines.filter = Some(fathom_filter::compile(filter, &Fields).unwrap());
    lines.write(&mut reader, &mut Vec::new(), None).unwrap().passed
}

#[test]
fn the_paths_of_calls_that_open_nothing() {
    let at = |number: u16, params: &[crate::tale::Value<'_>]| {
        Tale::begin().open(SHELL, "/srv/data", 3, RDONLY | 1 << 10).event(SHELL, number, params)
    };
    let three = "%fs.path.name|%fs.path.source|%fs.path.target";
    let given = "%fs.path.nameraw|%fs.path.sourceraw|%fs.path.targetraw";
    for (number, params, whole, raw) in [
        (301, &[I64(0), Text("../x")][..], "/x|<NA>|<NA>", "../x|<NA>|<NA>"),
        (301, &[I64(-2), Text("../x")], "<NA>|<NA>|<NA>", "<NA>|<NA>|<NA>"),
        (305, &[I64(0), I64(3), Text("sub/dir"), U32(0o755)], "/srv/data/sub/dir|<NA>|<NA>", "sub/dir|<NA>|<NA>"),
        (305, &[I64(0), I64(HERE), Text("sub"), U32(0o755)], "/home/sub|<NA>|<NA>", "sub|<NA>|<NA>"),
        (305, &[I64(0), I64(9), Text("sub"), U32(0o755)], "<UNKNOWN>/sub|<NA>|<NA>", "sub|<NA>|<NA>"),
        (175, &[I64(0), Text("a"), Text("/b//c")], "<NA>|/home/a|/b/c", "<NA>|a|/b//c"),
        (319, &[I64(0), I64(3), Text("a"), I64(HERE), Text("b")], "<NA>|/srv/data/a|/home/b", "<NA>|a|b"),
        (309, &[I64(0), Text("old"), Text("new")], "<NA>|/home/new|/home/old", "<NA>|new|old"),
        (181, &[I64(0), Text("../to"), I64(3), Text("link")], "<NA>|/srv/data/link|../to", "<NA>|link|../to"),
        (317, &[I64(0), I64(3), U32(0o600)], "/srv/data|<NA>|<NA>", "/srv/data|<NA>|<NA>"),
    ] {
        assert_eq!(last(at(number, params), &format!("*{three}")), whole, "{number} {whole}");
        assert_eq!(last(at(number, params), &format!("*{given}")), raw, "{number} {raw}");
    }
    let opened = Tale::begin().open(SHELL, "a/../b", 4, RDONLY);
    assert_eq!(last(opened, "*%fs.path.name %fs.path.nameraw"), "/home/b a/../b");
}

#[test]
fn a_file_has_an_inode_and_a_layer() {
    let open = |flags: u32| {
        let params = [I64(3), I64(HERE), Text("/x"), U32(flags), U32(0), U32(0x801), U64(4711)];
        Tale::begin().event(SHELL, 306, &[I64(HERE), Text("/x"), U32(1), U32(0)]).event(SHELL, 307, &params)
    };
    let format = "*%fd.ino %fd.is_upper_layer %fd.is_lower_layer";
    assert_eq!(last(open(1), format), "4711 false false");
    assert_eq!(last(open(1 | 0x8000), format), "4711 true false");
    assert_eq!(last(open(1 | 0x10000), format), "4711 false true");
}

#[test]
fn a_process_tells_what_its_descriptors_lead_to() {
    let tale = || Tale::begin().open(SHELL, "/x", 1, RDONLY).pipe(SHELL, 5, 6).open(SHELL, "/y", 7, RDONLY);
    assert_eq!(last(tale(), "*%fd.types %fd.types[5] %fd.types[9]"), "(file,pipe) pipe <NA>");
    assert_eq!(last(tale(), "*%proc.stdout.type %proc.stdout.name %proc.stdin.type"), "file /x <NA>");
    assert_eq!(passes(tale(), "evt.type=open and evt.dir=< and fd.types=pipe"), 1);
    let shared = tale().clone(SHELL, (THREAD, SHELL), "sh", SHARING).read(THREAD, 5, b"x");
    assert_eq!(last(shared, "*%fd.types"), "(file,pipe)");
}

#[test]
fn a_recording_says_where_it_was_made() {
    let mut capture = Capture::default().section();
    let mut machine = Vec::from(2_u32.to_le_bytes());
    machine.extend([0; 16]);
    machine.extend(b"node-1");
    machine.extend([0; 128 - 6]);
    machine.extend(BEGIN.to_le_bytes());
    machine.extend([0; 24]);
    capture.block(0x201, &machine);
    let tale = Tale { capture, now: 0 };
    assert_eq!(
        last(tale.close(SHELL, 1), "*%evt.hostname %evt.source %evt.is_async %evt.asynctype"),
        "node-1 syscall false <NA>"
    );
    let counted = all(Tale { capture: recording(), now: 0 }, "*%util.cnt");
    assert_eq!(counted[..3], ["1", "2", "3"]);
}
