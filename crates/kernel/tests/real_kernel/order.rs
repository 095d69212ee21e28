//! Time runs forward, over all processors.

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use fathom_kernel::event::Returned;
use fathom_kernel::row::Mode;
use fathom_kernel::scope::Calls;
use fathom_kernel::{Options, Scope, Source};
use fathom_testkit::{Need, Scratch, needs};

use crate::stage::{Called, Is, Seen, Waiting, play, watch};

#[test]
fn many_threads_come_out_in_the_order_of_time() {
    needs!(Need::Root);
    let story = play("threads 8 20000", |options| {
        options.calls = Calls::none().with("write", Mode::All).with("futex", Mode::All);
        // Keeping every event for a test takes longer than making it, and eight threads leave no processor free.
        options.ring = 64 << 20;
    });
    story.assert_ordered();
    assert_eq!(story.loss.total(), 0);
    let written = story.exits("write").into_iter().filter(|(call, _)| call.bytes(0) == b"x").count();
    assert_eq!(written, 160_000);
    // Of each thread, beginnings and ends take turns.
    let mut under_way: HashMap<u32, &str> = HashMap::new();
    for seen in &story.events {
        match &seen.kind {
            Is::Enter(call) => assert_eq!(under_way.insert(seen.tid, call.name), None, "{seen:?}"),
            Is::Exit(call, returned) if returned.began.is_some() => {
                assert_eq!(under_way.remove(&seen.tid), Some(call.name), "{seen:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn a_call_that_does_not_return_is_shown_by_its_beginning() {
    needs!(Need::Root);
    let story = play("block", |_| {});
    story.assert_ordered();
    let began: Vec<_> = story
        .events
        .iter()
        .filter(|seen| matches!(&seen.kind, Is::Enter(call) if call.name == "read" && call.args[2] == 77))
        .collect();
    assert_eq!(began.len(), 1, "once, though it is told twice");
    // The end of its process interrupts it: what it returns then is the kernel's own, ERESTARTSYS.
    let interrupted = story.exits("read").into_iter().filter(|(call, _)| call.args[2] == 77);
    assert!(interrupted.map(|(_, returned)| returned.value).all(|value| value == -512));
    let ends: Vec<_> = story
        .events
        .iter()
        .filter(|seen| matches!(&seen.kind, Is::Enter(call) if call.name == "exit_group" && call.args[0] == 7))
        .collect();
    assert_eq!(ends.len(), 1);
    let ended = story.events.iter().filter(|seen| matches!(seen.kind, Is::End(status) if status == 7 << 8)).count();
    assert!(ended >= 2, "every thread ends with it");
}

#[test]
fn what_is_under_way_shows_its_memory_too() {
    needs!(Need::Root);
    let folder = Scratch::new("kernel");
    let fifo = folder.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo can be started").success());
    let fifo = fifo.to_str().expect("the folder's name is text");
    let mut waiting = Waiting::new(&["cat", fifo]);
    let mut source =
        Source::attach(&Options::of(Scope::Trees(vec![waiting.id()]))).expect("this machine can be traced");
    waiting.go();
    // Nobody writes to it, so that opening it does not return.
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut shown = false;
    while !shown {
        assert!(Instant::now() < deadline, "the call is not shown");
        source.poll(&mut |event| {
            let seen = Seen::of(&event);
            shown |= matches!(&seen.kind, Is::Enter(call) if call.name == "openat" && call.text(0) == fifo);
            assert!(!matches!(&seen.kind, Is::Exit(call, _) if call.text(0) == fifo), "it has not returned");
        });
        std::thread::sleep(source.pause());
    }
    waiting.child.kill().expect("it is our child");
    let story = watch(source, waiting.child);
    assert!(!story.events.iter().any(|seen| matches!(&seen.kind, Is::Enter(call) if call.text(0) == fifo)), "once");
}

#[test]
fn two_look_at_once_and_see_the_same() {
    needs!(Need::Root);
    let mut waiting = Waiting::new(&["sh", "-c", "cat /dev/null; cat /dev/null"]);
    let options = Options::of(Scope::Trees(vec![waiting.id()]));
    let one = Source::attach(&options).expect("this machine can be traced");
    let two = Source::attach(&options).expect("this machine can be traced twice");
    waiting.go();
    let story = watch(one, waiting.child);
    let mut other = Vec::new();
    two.finish(&mut |event| other.push(Seen::of(&event)));
    let calls = |events: &[Seen]| -> Vec<(u32, &'static str, i64)> {
        let call = |seen: &Seen| match &seen.kind {
            Is::Exit(call, returned) => Some((seen.tid, call.name, returned.value)),
            _ => None,
        };
        events.iter().filter_map(call).collect()
    };
    let sorted = |mut calls: Vec<(u32, &'static str, i64)>| {
        calls.sort_unstable();
        calls
    };
    assert_eq!(sorted(calls(&story.events)), sorted(calls(&other)));
}

#[test]
fn where_only_failures_are_told_nothing_is_shown_before_it_fails() {
    needs!(Need::Root);
    let story = play("block", |options| options.calls = Calls::all(Mode::Failed));
    story.assert_ordered();
    for seen in &story.events {
        if let Is::Enter(call) = &seen.kind {
            let failed = |(end, returned): &(&Called, Returned)| end.args == call.args && returned.value < 0;
            assert!(story.exits(call.name).iter().any(failed), "{call:?}");
        }
    }
    let interrupted: Vec<_> = story.exits("read").into_iter().filter(|(call, _)| call.args[2] == 77).collect();
    assert_eq!(interrupted.len(), 1, "the end of its process interrupts it");
    assert!(interrupted[0].1.began.is_some(), "how long it took is known");
}
