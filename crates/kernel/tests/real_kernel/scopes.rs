//! Who is looked at, and who is not.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fathom_kernel::scope::{Besides, Ends, Follow};
use fathom_kernel::{Marks, Options, Scope, Source};
use fathom_testkit::{Need, needs};

use crate::stage::{Is, Seen, Waiting, tell, tell_with, watch};

#[test]
fn children_are_followed() {
    needs!(Need::Root);
    for marks in [Marks::Best, Marks::Table] {
        let story = tell_with(marks, &["sh", "-c", "(echo a | cat; true) & wait; sh -c 'echo b'"], |_| {});
        let born: HashSet<u32> = story
            .events
            .iter()
            .filter_map(|seen| if let Is::Fork { tid, .. } = seen.kind { Some(tid) } else { None })
            .collect();
        assert!(born.len() >= 3, "{marks:?}: {born:?}");
        for tid in &born {
            assert!(story.events.iter().any(|seen| seen.tid == *tid && matches!(seen.kind, Is::End(_))), "{tid} ends");
            assert!(
                story.events.iter().any(|seen| seen.tid == *tid && matches!(seen.kind, Is::Exit(..))),
                "{tid} calls"
            );
        }
        story.assert_ordered();
    }
}

#[test]
fn children_are_left_alone_if_so_wished() {
    needs!(Need::Root);
    let story = tell(&["sh", "-c", "cat /dev/null; true"], |options| options.follow = Follow::Nothing);
    let tids: HashSet<u32> = story.events.iter().map(|seen| seen.tid).collect();
    assert_eq!(tids.len(), 1, "only the shell");
}

#[test]
fn nobody_else_makes_an_event() {
    needs!(Need::Root);
    let mut other = Command::new("dd")
        .args(["if=/dev/zero", "of=/dev/null", "bs=1"])
        .stderr(Stdio::null())
        .spawn()
        .expect("dd can be started");
    let story = tell(&["sh", "-c", "for i in 1 2 3; do cat /dev/null; done"], |_| {});
    let _ = (other.kill(), other.wait());
    let mut known: HashSet<u32> = story.events.first().map(|seen| seen.tid).into_iter().collect();
    for seen in &story.events {
        if let Is::Fork { tid, .. } = seen.kind {
            known.insert(tid);
        }
    }
    let strangers: Vec<_> = story.events.iter().filter(|seen| !known.contains(&seen.tid)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    assert!(!known.contains(&other.id()));
}

#[test]
fn threads_that_exist_already_are_looked_at() {
    needs!(Need::Root);
    let words = crate::actor::act("threads 4 1000000000");
    let mut command = Command::new(&words[0]);
    let mut child = command.args(&words[1..]).stdout(Stdio::null()).spawn().expect("this program can be started");
    let tasks = || fs::read_dir(format!("/proc/{}/task", child.id())).map_or(0, Iterator::count);
    while tasks() < 6 {
        std::thread::yield_now();
    }
    let mut options = Options::of(Scope::Trees(vec![child.id()]));
    options.snaplen = 1;
    let mut source = Source::attach(&options).expect("this machine can be traced");
    let mut tids = HashSet::new();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while tids.len() < 4 {
        assert!(std::time::Instant::now() < deadline, "only {tids:?}");
        source.poll(&mut |event| {
            tids.insert(event.tid);
        });
        std::thread::sleep(source.pause());
    }
    child.kill().expect("it is our child");
    watch(source, child);
}

/// A cgroup of version 2 with nothing in it, gone when dropped.
struct Leaf(PathBuf);

impl Leaf {
    fn new() -> Option<Leaf> {
        let mounted = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
        let root = mounted.into_iter().find(|root| {
            fs::metadata(format!("{root}/cgroup.procs")).is_ok()
                && fs::metadata(format!("{root}/cgroup.controllers")).is_ok()
        })?;
        let path = PathBuf::from(root).join(format!("fathom-kernel-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        Some(Leaf(path))
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        let _ = fs::remove_dir(self.0.join("inner"));
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_cgroup_is_looked_at_with_all_below_it() {
    needs!(Need::Root);
    for marks in [Marks::Best, Marks::Table] {
        look_at_a_cgroup(marks);
    }
}

fn look_at_a_cgroup(marks: Marks) {
    let Some(leaf) = Leaf::new() else { return };
    fs::create_dir(leaf.0.join("inner")).expect("the leaf can be divided");
    let id = fs::metadata(&leaf.0).expect("it was made").ino();
    let mut outside = Waiting::new(&["cat", "/dev/null"]);
    let mut inside = Waiting::new(&["sh", "-c", "cat /dev/null; true"]);
    let mut source =
        Source::attach_with(&Options::of(Scope::Cgroups(vec![id])), marks).expect("this machine can be traced");
    assert_eq!(source.left().expect("tasks can be gone through"), 0, "{marks:?}");
    fs::write(leaf.0.join("inner/cgroup.procs"), inside.id().to_string()).expect("the leaf takes a process");
    let (inner, outer) = (inside.id(), outside.id());
    outside.go();
    assert_eq!(source.left().expect("tasks can be gone through"), 1, "{marks:?}");
    inside.go();
    inside.child.wait().expect("it is our child");
    assert_eq!(source.left().expect("tasks can be gone through"), 0, "{marks:?}");
    let story = watch(source, inside.child);
    outside.child.wait().expect("it is our child");
    assert!(story.events.iter().any(|seen| seen.pid == inner));
    assert!(
        story.events.iter().any(|seen| matches!(&seen.kind, Is::Exec { comm, .. } if comm == "cat")),
        "its child too"
    );
    assert!(story.events.iter().all(|seen| seen.pid != outer), "nobody from outside");
}

#[test]
fn a_pid_namespace_is_looked_at() {
    needs!(Need::Root, Need::Program("unshare"));
    for marks in [Marks::Best, Marks::Table] {
        look_at_a_pid_namespace(marks);
    }
}

fn look_at_a_pid_namespace(marks: Marks) {
    let mut inside = Waiting::new(&["unshare", "--pid", "--fork", "sh", "-c", "read _; cat /dev/null; true"]);
    let mut stdin = inside.child.stdin.take().expect("its stdin is a pipe");
    std::io::Write::write_all(&mut stdin, b"\n").expect("it reads");
    // The shell in the namespace is the only child of unshare's.
    let children = format!("/proc/{0}/task/{0}/children", inside.id());
    let init = loop {
        let text = fs::read_to_string(&children).unwrap_or_default();
        let first = text.split_whitespace().next().and_then(|word| word.parse::<u32>().ok());
        let own = fs::metadata("/proc/self/ns/pid").map(|found| found.ino()).ok();
        if let Some(pid) = first
            && let Ok(found) = fs::metadata(format!("/proc/{pid}/ns/pid"))
            && Some(found.ino()) != own
        {
            break (pid, found.ino());
        }
        std::thread::yield_now();
    };
    let mut source = Source::attach_with(&Options::of(Scope::PidNamespaces(vec![init.1])), marks)
        .expect("this machine can be traced");
    assert_eq!(source.left().expect("tasks can be gone through"), 1, "{marks:?}");
    std::io::Write::write_all(&mut stdin, b"\n").expect("it reads");
    let outer = inside.id();
    drop(stdin);
    inside.child.wait().expect("it is our child");
    assert_eq!(source.left().expect("tasks can be gone through"), 0, "{marks:?}");
    let story = watch(source, inside.child);
    assert!(story.events.iter().any(|seen| seen.pid == init.0));
    assert!(story.events.iter().all(|seen| seen.pid != outer), "unshare itself is outside");
    let inner =
        story.events.iter().find_map(|seen| if let Is::Fork { vtid, .. } = seen.kind { Some(vtid) } else { None });
    assert!(inner.is_some_and(|vtid| (2..10).contains(&vtid)), "numbers inside begin anew: {inner:?}");
}

#[test]
fn switches_and_faults_are_told_if_asked_for() {
    needs!(Need::Root);
    for marks in [Marks::Best, Marks::Table] {
        let both = |options: &mut Options| options.besides = &[Besides::Switches, Besides::Faults];
        let story = tell_with(marks, &["sh", "-c", "cat /dev/null"], both);
        assert!(story.events.iter().any(|seen| matches!(seen.kind, Is::Switch(_))), "{marks:?}");
        let fault = |seen: &Seen| matches!(seen.kind, Is::Fault(address) if address != 0);
        assert!(story.events.iter().any(fault), "{marks:?}");
        story.assert_ordered();
    }
    let story = tell(&["cat", "/dev/null"], |_| {});
    assert!(!story.events.iter().any(|seen| matches!(seen.kind, Is::Switch(_) | Is::Fault(_))));
}

#[test]
fn where_only_returns_are_looked_at_they_have_their_arguments() {
    needs!(Need::Root);
    let story = tell(&["cat", "/etc/passwd"], |options| options.ends = Ends::Returns);
    assert!(!story.events.iter().any(|seen| matches!(seen.kind, Is::Enter(_))));
    let opened = story.exits("openat");
    let (_, returned) = opened.iter().find(|(call, _)| call.text(0) == "/etc/passwd").expect("it was opened");
    assert!(returned.value >= 0 && returned.began.is_none());
    let expected = fs::read("/etc/passwd").expect("every machine has it");
    let read = story.exits("read").into_iter().any(|(call, returned)| {
        returned.value == expected.len() as i64 && call.bytes(0) == &expected[..expected.len().min(80)]
    });
    assert!(read, "what was read comes along");
}
