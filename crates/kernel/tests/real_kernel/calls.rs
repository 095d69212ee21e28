//! What single calls bring along.

use fathom_kernel::Marks;
use fathom_kernel::facts::FileFacts;
use fathom_testkit::{Need, Scratch, needs};

use crate::actor::act;
use crate::stage::{Is, Seen, play, tell, tell_with};

#[test]
fn a_file_is_written_opened_and_read() {
    needs!(Need::Root);
    let folder = Scratch::new("kernel");
    let path = folder.path().join("hello");
    let path = path.to_str().expect("the folder's name is text");
    let story = tell(&["sh", "-c", &format!("echo hello > {path}; cat {path}")], |_| {});
    story.assert_ordered();
    assert_eq!(story.loss.total(), 0);

    let opened: Vec<_> = story.exits("openat").into_iter().filter(|(call, _)| call.text(0) == path).collect();
    assert_eq!(opened.len(), 2, "the shell opens it, then cat");
    for (call, returned) in &opened {
        assert!(returned.value >= 0);
        let bytes = call.memory[1].as_ref().expect("an open file has facts");
        let facts = FileFacts::new(bytes).expect("facts are whole");
        let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).expect("it is still there"));
        assert_eq!(facts.inode, inode);
        assert_eq!(facts.mode & 0o170_000, 0o100_000);
    }
    let read: Vec<_> = story.exits("read").into_iter().filter(|(_, returned)| returned.value == 6).collect();
    assert!(read.iter().any(|(call, _)| call.bytes(0) == b"hello\n"));
    let written: Vec<_> = story.exits("write").into_iter().filter(|(_, returned)| returned.value == 6).collect();
    assert_eq!(written.len(), 2, "echo writes it, then cat");
    assert!(written.iter().all(|(call, _)| call.bytes(0) == b"hello\n"));

    let programs: Vec<_> = story
        .events
        .iter()
        .filter_map(|seen| match &seen.kind {
            Is::Exec { file, comm } => Some((file.as_str(), comm.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(programs.len(), 2, "the shell, then cat: {programs:?}");
    assert_eq!(programs[1].1, "cat");
    let executed = story.exits("execve");
    let (call, _) = executed.last().expect("cat was executed");
    assert!(call.text(1).ends_with("/cat"), "{}", call.text(1));
    assert_eq!(call.words(2), ["cat", path]);
    assert!(call.words(3).iter().any(|word| word.starts_with("PATH=")), "the environment comes along");
}

#[test]
fn vectors_come_as_one_piece() {
    needs!(Need::Root);
    let folder = Scratch::new("kernel");
    let path = folder.join("vectors");
    let story = play(&format!("vectors {}", path.display()), |_| {});
    let written = story.exits("writev");
    let (call, returned) = written.iter().find(|(_, returned)| returned.value == 13).expect("thirteen bytes");
    assert_eq!(call.bytes(0)[8..], *b"one two three");
    assert_eq!(call.bytes(0)[..8], 13_u64.to_ne_bytes());
    assert!(returned.began.is_some());
    let read = story.exits("readv");
    let (call, _) = read.iter().find(|(_, returned)| returned.value == 13).expect("thirteen bytes");
    assert_eq!(call.bytes(0)[8..], *b"one two three");
    assert_eq!(call.bytes(0)[..8], 105_u64.to_ne_bytes(), "there was room for more");
}

#[test]
fn data_is_exact_up_to_the_snap_length() {
    needs!(Need::Root);
    let folder = Scratch::new("kernel");
    let expected: Vec<u8> = (0..200_000).map(|index| (index % 251) as u8).collect();
    for (snaplen, most) in [(0, 0), (1, 1), (80, 80), (4096, 4096), (65000, 65000), (u32::MAX, 65000)] {
        let path = folder.join("long");
        let story = play(&format!("long 200000 {}", path.display()), |options| options.snaplen = snaplen);
        let written = story.exits("write");
        let (call, _) = written.iter().find(|(_, returned)| returned.value == 200_000).expect("it was written");
        assert_eq!(call.bytes(0), &expected[..most], "at {snaplen}");
        assert_eq!(story.loss.total(), 0);
    }
}

#[test]
fn names_are_told_through_every_change() {
    needs!(Need::Root);
    let story = play("change", |_| {});
    let renamed = story.exits("rename");
    assert!(
        renamed
            .iter()
            .any(|(call, returned)| (call.text(0), call.text(1), returned.value) == ("old".into(), "new".into(), 0))
    );
    let opened = story.exits("openat").into_iter().chain(story.exits("open"));
    assert!(opened.into_iter().any(|(call, returned)| (call.text(0) == "new") && returned.value >= 0));
    assert!(story.exits("dup2").iter().any(|(call, returned)| call.args[1] == 99 && returned.value == 99));
    assert!(story.exits("unlink").iter().any(|(call, _)| call.text(0) == "new"));
    let changed: Vec<String> = story.exits("chroot").iter().map(|(call, _)| call.text(0)).collect();
    assert_eq!(changed.len(), 2);
    assert!(changed[0].contains("fathom-change-"));
    assert_eq!(changed[1], ".");
    assert!(story.exits("chdir").iter().any(|(call, _)| call.text(0) == changed[0]));
}

#[test]
fn descriptors_that_are_polled_are_told() {
    needs!(Need::Root);
    let story = play("poll", |_| {});
    let polled = story.exits("poll");
    let (call, returned) = polled.iter().find(|(call, _)| call.args[2] == 1234).expect("it was called");
    assert_eq!(returned.value, 1);
    assert_eq!(call.bytes(0).len(), 16);
    let found = |index: usize| i16::from_ne_bytes([call.bytes(0)[index * 8 + 6], call.bytes(0)[index * 8 + 7]]);
    assert_eq!((found(0), found(1)), (0, 1), "only the second has something to read");
}

#[test]
fn what_execve_was_given_is_told_even_if_it_fails() {
    needs!(Need::Root);
    let story = tell(&["sh", "-c", "/no/such/program one two; exit 0"], |_| {});
    let executed = story.exits("execve");
    let (call, returned) = executed.iter().find(|(call, _)| call.text(1) == "/no/such/program").expect("it was tried");
    assert_eq!(returned.value, -2);
    assert_eq!(call.words(2), ["/no/such/program", "one", "two"]);
    assert_eq!(story.enters("execve").len(), executed.len());
}

#[test]
fn a_program_that_a_thread_executes_keeps_the_process() {
    needs!(Need::Root);
    for marks in [Marks::Best, Marks::Table] {
        let words = act("exec-from-thread");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let story = tell_with(marks, &words, |_| {});
        let executed = story.exits("execve");
        let (call, _) = executed.last().expect("echo was executed");
        assert_eq!(call.words(2), ["echo", "from a thread"], "{marks:?}");
        let last = story.exits("write");
        assert!(last.iter().any(|(call, _)| call.bytes(0) == b"from a thread\n"), "{marks:?}: the new program is seen");
        story.assert_ordered();
    }
}

#[test]
fn signals_are_told_with_their_sender() {
    needs!(Need::Root);
    let story = play("signal", |_| {});
    let pid = story.exits("kill").first().map(|(call, _)| call.args[0] as u32).expect("it was called");
    let number = libc::SIGUSR1;
    assert!(story.events.iter().any(|seen| {
        matches!(seen.kind, Is::Signal { number: found, sender } if found == number && sender == pid && seen.pid == pid)
    }));
}

#[test]
fn calls_of_32_bit_programs_are_counted_and_told() {
    needs!(Need::Root);
    let story = play("compat", |_| {});
    assert_eq!(story.loss.compat, 1);
    let compat = |seen: &&Seen| matches!(&seen.kind, Is::Exit(call, _) if call.compat);
    assert_eq!(story.events.iter().filter(compat).count(), 1);
}

#[test]
fn requests_to_io_uring_are_counted() {
    needs!(Need::Root);
    if !fathom_kernel::support().counts_uring {
        return;
    }
    let story = play("uring", |_| {});
    assert_eq!(story.loss.uring, 3);
    let entered = story.exits("io_uring_enter");
    assert_eq!(entered.first().map(|(call, returned)| (call.args[1], returned.value)), Some((3, 3)));
}
