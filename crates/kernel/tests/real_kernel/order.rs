//! Time runs forward, over all processors.

use std::collections::HashMap;

use fathom_kernel::row::Mode;
use fathom_kernel::scope::Calls;
use fathom_testkit::{Need, needs};

use crate::stage::{Is, play};

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
