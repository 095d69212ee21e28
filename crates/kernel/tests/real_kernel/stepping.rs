//! A command traced without BPF tells the same story.

use std::process::{Command, Stdio};

use fathom_kernel::facts::SocketFacts;
use fathom_kernel::row::Mode;
use fathom_kernel::scope::Calls;
use fathom_kernel::{Loss, Options, Scope, Stepper};
use fathom_testkit::{Need, Scratch, needs};

use crate::actor::act;
use crate::stage::{Called, Is, Seen, Story, play};

/// Runs a command to its end, one step after the other.
fn step(words: &[&str], change: impl FnOnce(&mut Options)) -> (Story, i32) {
    let mut options = Options::of(Scope::Trees(Vec::new()));
    change(&mut options);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut stepper = Stepper::start(command, &options).expect("it can be started");
    let mut events = Vec::new();
    while stepper.step(&mut |event| events.push(Seen::of(&event))).is_some() {}
    let ending = stepper.ending().expect("it has ended");
    (Story { events, loss: Loss::default() }, ending)
}

fn step_act(words: &str) -> Story {
    let words = act(words);
    let (story, ending) = step(&words.iter().map(String::as_str).collect::<Vec<_>>(), |_| {});
    assert_eq!(ending, 0);
    story.assert_ordered();
    story
}

#[test]
fn a_shell_and_its_children_are_stepped_through() {
    let folder = Scratch::new("kernel");
    let path = folder.join("hello");
    let path = path.to_str().expect("the folder's name is text");
    let script = format!("echo hello > {path}; cat {path} /no/such; kill -USR1 $$");
    let (story, ending) = step(&["sh", "-c", &script], |_| {});
    story.assert_ordered();
    assert_eq!(ending & 0x7f, libc::SIGUSR1);
    let opened = story.exits("openat").into_iter().filter(|(call, _)| call.text(0) == path).count();
    assert_eq!(opened, 2);
    assert!(story.enters("openat").iter().any(|call| call.text(0) == "/no/such"));
    let written = story.exits("write").into_iter().filter(|(call, _)| call.bytes(0) == b"hello\n").count();
    assert_eq!(written, 2);
    let executed = story.exits("execve");
    assert_eq!(executed[0].0.words(2), ["sh", "-c", &script]);
    assert_eq!(executed.last().expect("cat").0.words(2), ["cat", path, "/no/such"]);
    assert!(executed.last().expect("cat").0.text(1).ends_with("/cat"));
    assert!(story.events.iter().any(|seen| matches!(seen.kind, Is::Fork { .. })));
    assert!(story.events.iter().any(|seen| matches!(&seen.kind, Is::Exec { comm, .. } if comm == "cat")));
    assert!(story.events.iter().any(|seen| matches!(seen.kind, Is::Signal { number: libc::SIGUSR1, .. })));
    assert_eq!(story.events.iter().filter(|seen| matches!(seen.kind, Is::End(_))).count(), 2);
}

#[test]
fn vectors_threads_and_exec_from_a_thread_are_the_same() {
    let folder = Scratch::new("kernel");
    let story = step_act(&format!("vectors {}", folder.join("vectors").display()));
    let (call, _) = story.exits("writev").into_iter().find(|(_, returned)| returned.value == 13).expect("13 bytes");
    assert_eq!(call.bytes(0)[8..], *b"one two three");
    let story = step_act("message");
    let (call, _) = story.exits("sendmsg").into_iter().find(|(_, returned)| returned.value == 9).expect("9 bytes");
    assert_eq!(call.bytes(1)[24..], *b"head-tail");
    let story = step_act("threads 4 50");
    assert_eq!(story.exits("write").into_iter().filter(|(call, _)| call.bytes(0) == b"x").count(), 200);
    let story = step_act("exec-from-thread");
    assert!(story.exits("write").into_iter().any(|(call, _)| call.bytes(0) == b"from a thread\n"));
}

#[test]
fn connections_have_both_ends_here_too() {
    for act in ["tcp", "tcp6"] {
        let story = step_act(act);
        let facts = |call: &Called| {
            let facts = SocketFacts::new(call.bytes(0)).expect("facts are whole");
            (facts.family, facts.local_port, facts.remote_port, facts.local, facts.remote)
        };
        let connected = story.exits("connect");
        let client = facts(connected.last().expect("it was called").0);
        let accepted = [story.exits("accept4"), story.exits("accept")].concat();
        let server = facts(accepted.last().expect("it was called").0);
        assert!(client.1 != 0 && client.2 != 0);
        assert_eq!((client.0, client.1, client.2, client.3), (server.0, server.2, server.1, server.4), "{act}");
    }
}

#[test]
fn only_what_is_asked_for_is_stepped_through() {
    let (story, _) = step(&["cat", "/no/such/file"], |options| options.calls = Calls::all(Mode::Failed));
    let failed = |seen: &Seen| match &seen.kind {
        Is::Exit(_, returned) => returned.value < 0,
        Is::Enter(_) => false,
        _ => true,
    };
    assert!(story.events.iter().all(failed));
    assert!(story.exits("openat").iter().any(|(call, _)| call.text(0) == "/no/such/file"));
}

/// The order of calls of one thread, as both sources tell it.
#[test]
fn both_ways_tell_the_same_calls() {
    needs!(Need::Root);
    let calls = |story: &Story| -> Vec<(&'static str, Vec<u8>, i64)> {
        let begin = story.events.iter().position(|seen| {
            matches!(&seen.kind, Is::Enter(call) if call.name.starts_with("open") && call.text(0) == "/no/such/file/here")
        });
        let of = |seen: &Seen| match &seen.kind {
            Is::Exit(call, returned) => Some((call.name, call.bytes(0).to_vec(), returned.value.min(0))),
            _ => None,
        };
        let from = &story.events[begin.expect("the act begins so")..];
        let told: Vec<_> = from.iter().filter_map(of).collect();
        // Twenty files, of which ten are closed again; what the test's own frame does after is not the act.
        told.into_iter().filter(|(name, ..)| name.starts_with("open")).take(20).collect()
    };
    let with = calls(&play("fail", |_| {}));
    let without = calls(&step_act("fail"));
    assert_eq!(with.len(), 20);
    assert_eq!(with, without);
}

#[test]
fn without_rights_bpf_is_refused_with_the_reason() {
    needs!(Need::Root, Need::Program("setpriv"));
    let support = fathom_kernel::support();
    assert!(support.has_bpf(), "{support:?}");
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all"]).args(act("refused")).stdin(Stdio::null());
    let output = command.output().expect("setpriv can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
