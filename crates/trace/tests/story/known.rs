//! Threads and descriptors, asked in the words of fields.

use fathom_scap::{Reader, Tolerance};
use fathom_trace::state::Exec;
use fathom_trace::{Format, Lines};

use crate::tale::{CHILD, CLOEXEC, RDONLY, SHARING, SHELL, THREAD, Tale, WRONLY, recording};

/// What `format` says of the last event.
pub(crate) fn last(tale: Tale, format: &str) -> String {
    all(tale, format).pop().unwrap()
}

pub(crate) fn all(tale: Tale, format: &str) -> Vec<String> {
    let mut reader = Reader::new(&tale.capture.0, Tolerance::Strict).unwrap();
    let mut text = Vec::new();
    let mut lines = Lines::new(Format::parse(format).unwrap());
    lines.exec = Exec::Closes;
    lines.write(&mut reader, &mut text, None).unwrap();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

const FD: &str = "*%fd.type %fd.name";

#[test]
fn a_name_is_taken_in_the_folder_where_the_call_was_made() {
    let tale = || Tale::begin().chdir(SHELL, "../tmp");
    assert_eq!(last(tale().open(SHELL, "./a//b/../c", 3, RDONLY), FD), "file /tmp/a/c");
    assert_eq!(last(tale().open(SHELL, "/etc/passwd", 3, RDONLY), FD), "file /etc/passwd");
    assert_eq!(last(tale(), "*%proc.cwd"), "/tmp/");
}

#[test]
fn a_copy_outlives_what_it_is_a_copy_of() {
    let tale = Tale::begin().open(SHELL, "/notes", 4, WRONLY).dup(SHELL, 4, 7).close(SHELL, 4);
    assert_eq!(last(tale.write(SHELL, 7, b"x"), FD), "file /notes");
    let tale = Tale::begin().open(SHELL, "/notes", 4, WRONLY).dup(SHELL, 4, 7).close(SHELL, 4);
    assert_eq!(last(tale.write(SHELL, 4, b"x"), FD), "<NA> ");
}

#[test]
fn a_number_that_is_given_again_means_the_new_file() {
    let tale = Tale::begin().open(SHELL, "/old", 3, RDONLY).close(SHELL, 3).open(SHELL, "/new", 3, RDONLY);
    assert_eq!(last(tale.read(SHELL, 3, b"x"), FD), "file /new");
}

#[test]
fn a_call_that_failed_opens_nothing() {
    let tale = Tale::begin().open(SHELL, "/nowhere", -2, RDONLY);
    assert_eq!(last(tale, "*%evt.failed %evt.res %fd.num"), "true ENOENT -1");
}

#[test]
fn a_child_has_what_its_parent_had_and_goes_its_own_way() {
    let forked = || Tale::begin().open(SHELL, "/before", 3, RDONLY).clone(SHELL, (CHILD, CHILD), "sh", 0);
    assert_eq!(last(forked().read(CHILD, 3, b"x"), FD), "file /before");
    assert_eq!(last(forked().close(CHILD, 3).read(SHELL, 3, b"x"), FD), "file /before");
    assert_eq!(last(forked().open(CHILD, "/own", 4, RDONLY).read(SHELL, 4, b"x"), FD), "<NA> ");
    let family = "*%proc.pid %proc.ppid %proc.pname %proc.aname[2]";
    assert_eq!(last(forked().read(CHILD, 3, b"x"), family), "101 100 sh init");
}

#[test]
fn threads_share_descriptors_and_the_folder() {
    let shared = || Tale::begin().clone(SHELL, (THREAD, SHELL), "sh", SHARING);
    assert_eq!(last(shared().open(THREAD, "/own", 4, RDONLY).read(SHELL, 4, b"x"), FD), "file /own");
    assert_eq!(last(shared().chdir(THREAD, "/srv").open(SHELL, "x", 4, RDONLY), FD), "file /srv/x");
    assert_eq!(last(shared().read(THREAD, 4, b"x"), "*%proc.nthreads %thread.ismain"), "2 false");
}

#[test]
fn another_program_keeps_only_what_is_not_closed_on_exec() {
    let tale = || {
        let forked = Tale::begin().clone(SHELL, (CHILD, CHILD), "sh", 0);
        forked.open(CHILD, "/kept", 3, RDONLY).open(CHILD, "/lost", 4, RDONLY | CLOEXEC).exec(CHILD, "/bin/ls", "ls")
    };
    assert_eq!(last(tale().read(CHILD, 3, b"x"), FD), "file /kept");
    assert_eq!(last(tale().read(CHILD, 4, b"x"), FD), "<NA> ");
    let program = "*%proc.name|%proc.exe|%proc.cmdline|%proc.env|%proc.pname";
    assert_eq!(last(tale(), program), "ls|/bin/ls|ls -l /tmp dir|HOME=/root A=b|sh");
}

#[test]
fn sockets_have_two_ends_and_a_role() {
    let tuple = "*%fd.type %fd.cip:%fd.cport %fd.sip:%fd.sport %fd.is_server %fd.l4proto";
    let client = Tale::begin().socket(SHELL, 5, 2, 1).connect(SHELL, 5).write(SHELL, 5, b"x");
    assert_eq!(last(client, tuple), "ipv4 10.0.0.1:40000 10.0.0.2:80 false tcp");
    let server = Tale::begin().accept(SHELL, 6).read(SHELL, 6, b"x");
    assert_eq!(last(server, tuple), "ipv4 10.0.0.9:50000 10.0.0.2:80 false tcp");
}

#[test]
fn both_ends_of_a_pipe_are_one() {
    let tale = Tale::begin().pipe(SHELL, 5, 6).clone(SHELL, (CHILD, CHILD), "sh", 0);
    assert_eq!(last(tale.write(CHILD, 6, b"x"), "*%fd.type %fd.ino"), "pipe 5555");
}

#[test]
fn latency_is_from_the_way_in_to_the_way_out() {
    let tale = Tale::begin().open(SHELL, "/a", 3, RDONLY);
    assert_eq!(all(tale, "*%evt.dir %evt.latency"), ["> 0", "< 1000"]);
}

#[test]
fn the_default_line_of_the_whole_tale() {
    let tale = Tale { capture: recording(), ..Tale::begin() };
    let lines = all(tale, fathom_trace::format::DEFAULT);
    assert_eq!(
        lines[0],
        "1 22:13:20.000001000 1 sh (100) > open name=/etc/passwd flags=4097(O_RDONLY|O_CLOEXEC) mode=0 "
    );
    let opened = "2 22:13:20.000002000 1 sh (100) < open fd=3(<f>/etc/passwd) name=/etc/passwd flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=801 ";
    assert_eq!(lines[1], opened);
}
