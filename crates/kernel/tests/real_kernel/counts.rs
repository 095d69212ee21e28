//! Nothing is lost without being counted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fathom_kernel::event::Returned;
use fathom_kernel::record::Kind;
use fathom_kernel::row::Mode;
use fathom_kernel::scope::Calls;
use fathom_kernel::{Marks, Options, Scope, Source};
use fathom_testkit::{Need, needs};

use crate::stage::{Called, Is, Seen, Story, play, tell, tell_with, watch};

/// dd's calls on standard input and output that move one byte.
fn blocks(story: &Story, name: &str, descriptor: u64) -> u64 {
    let one =
        |(call, returned): &(&Called, Returned)| call.args[0] == descriptor && call.args[2] == 1 && returned.value == 1;
    story.exits(name).iter().filter(|exit| one(exit)).count() as u64
}

#[test]
fn a_million_blocks_are_all_there() {
    needs!(Need::Root);
    for marks in [Marks::Best, Marks::Table] {
        let words = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=1000000"];
        let wanted = Calls::none().with("read", Mode::All).with("write", Mode::All);
        let story = tell_with(marks, &words, |options| options.calls = wanted);
        let lost = story.loss.lost(Kind::Call);
        let seen = blocks(&story, "read", 0) + blocks(&story, "write", 1);
        // What is lost may be any call; without loss, the numbers are those of the blocks.
        assert!(seen <= 2_000_000 && seen + lost >= 2_000_000, "{marks:?}: {seen} and {lost}");
        if lost == 0 {
            assert_eq!(seen, 2_000_000, "{marks:?}");
        }
        let exits = story.events.iter().filter(|seen| matches!(seen.kind, Is::Exit(..))).count() as u64;
        assert_eq!(exits, story.loss.sent(Kind::Call), "{marks:?}: whatever was sent has come");
        let enters = story.events.iter().filter(|seen| matches!(seen.kind, Is::Enter(..))).count() as u64;
        assert!(enters >= exits - 1, "{marks:?}: all but the first have a beginning: {enters} {exits}");
        story.assert_ordered();
    }
}

#[test]
fn a_full_ring_loses_exactly_what_it_says() {
    needs!(Need::Root);
    // One page: nothing is read from it while dd runs at full speed between two looks.
    let words = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=200000"];
    let wanted = Calls::none().with("read", Mode::All).with("write", Mode::All);
    let story = tell(&words, |options| {
        options.ring = 4096;
        options.calls = wanted;
    });
    let lost = story.loss.lost(Kind::Call);
    assert!(lost > 1000, "a page has no room for all: {lost}");
    // Two more reads and writes than blocks at most: the shell's line, the loader's headers, what dd says at its end.
    let exits = story.events.iter().filter(|seen| matches!(seen.kind, Is::Exit(..))).count() as u64;
    assert_eq!(exits, story.loss.sent(Kind::Call));
    let all = exits + lost;
    assert!((400_000..400_100).contains(&all), "{exits} and {lost}");
    let told = |seen: &Seen| if let Is::Lost(count) = seen.kind { u64::from(count) } else { 0 };
    let told: u64 = story.events.iter().map(told).sum();
    // What was lost after the last record that found room is told only by the counters.
    assert!(told > 0 && told <= story.loss.total(), "{told}");
    story.assert_ordered();
}

#[test]
fn only_what_is_asked_for_is_told() {
    needs!(Need::Root);
    let story = play("fail", |options| options.calls = Calls::all(Mode::Failed));
    let exits = story.events.iter().filter_map(|seen| match &seen.kind {
        Is::Exit(call, returned) => Some((call, returned)),
        _ => None,
    });
    let failed: Vec<_> = exits.collect();
    assert!(failed.iter().all(|(_, returned)| returned.value < 0));
    let missing = failed.iter().filter(|(call, _)| call.text(0) == "/no/such/file/here").count();
    assert_eq!(missing, 10);

    let story = play("fail", |options| options.calls = Calls::none().with("openat", Mode::All).with("open", Mode::All));
    for seen in &story.events {
        if let Is::Enter(call) | Is::Exit(call, _) = &seen.kind {
            assert!(["open", "openat"].contains(&call.name), "{call:?}");
        }
    }
    assert!(story.exits("open").len() + story.exits("openat").len() >= 20);
}

/// Blocks of one batch: the records of their reads and writes fill some two thirds of a ring.
const BLOCKS: u64 = 1200;

#[test]
fn rings_are_emptied_while_events_are_handed_out() {
    needs!(Need::Root, Need::Program("taskset"), Need::Program("dd"));
    // On one processor, so that it is one ring that fills.
    let script =
        format!("while read _; do dd if=/dev/zero of=/dev/null bs=1 count={BLOCKS} status=none; echo done >&2; done");
    let mut command = Command::new("taskset");
    let command = command.args(["1", "sh", "-c", &script]).env_clear().stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).spawn().expect("it can be started");
    let mut stdin = child.stdin.take().expect("its stdin is a pipe");
    let mut done = BufReader::new(child.stderr.take().expect("its stderr is a pipe"));
    let mut batch = || {
        stdin.write_all(b"\n").expect("it reads");
        done.read_line(&mut String::new()).expect("it writes");
    };
    batch();
    let mut options = Options::of(Scope::Trees(vec![child.id()]));
    options.ring = 1 << 19;
    let mut source = Source::attach(&options).expect("this machine can be traced");
    let mut events = 0;
    batch();
    let deadline = Instant::now() + Duration::from_secs(60);
    // Events come at first, and with the most of them still to be told, again, and again.
    while events < 3 * 4 * BLOCKS {
        assert!(Instant::now() < deadline, "only {events}");
        assert_eq!(source.loss().total(), 0, "of {} and more", source.loss().sent(Kind::Call));
        source.poll(&mut |_| {
            events += 1;
            if events == 1 || events == 4 * BLOCKS - 600 {
                batch();
            }
        });
    }
    drop(stdin);
    let story = watch(source, child);
    assert_eq!(story.loss.total(), 0);
}
