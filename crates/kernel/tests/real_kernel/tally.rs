//! What is counted in the kernel is counted once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fathom_kernel::number::number;
use fathom_kernel::record::Kind;
use fathom_kernel::row::Mode;
use fathom_kernel::scope::Calls;
use fathom_kernel::tally::{Column, Descriptor, Key, Sum, Time};
use fathom_kernel::{Loss, Marks, Options, Scope, Source, Tally};
use fathom_testkit::{Need, needs};

use crate::actor::act;
use crate::stage::Waiting;

/// The call in which a command waits for its turn. If nobody saw its beginning, it is told, and not counted.
const WAITS: u64 = 1;

/// What a command adds up to.
struct Count {
    totals: HashMap<Key, Sum>,
    rest: Sum,
    /// How often it was asked for.
    times: u32,
    loss: Loss,
}

impl Count {
    fn of(&self, call: &str) -> Vec<(Key, Sum)> {
        let call = number(call).expect("every machine has it");
        self.totals.iter().filter(|(key, _)| key.call == call).map(|(key, sum)| (*key, *sum)).collect()
    }
}

/// Counts what `words` do, and asks for it all the time.
fn count(marks: Marks, words: &[&str], calls: Calls, tally: Tally) -> Count {
    let mut waiting = Waiting::new(words);
    let options = Options { calls, tally: Some(tally), ..Options::of(Scope::Trees(vec![waiting.id()])) };
    let mut source = Source::attach_with(&options, marks).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    waiting.go();
    let (mut totals, mut rest, mut times) = (HashMap::<Key, Sum>::new(), Sum::default(), 0);
    let mut add = |source: &mut Source| {
        let drained = source.counted().expect("this kernel hands it out");
        let keys = drained.totals.len();
        for (key, sum) in drained.totals {
            *totals.entry(key).or_default() += sum;
        }
        rest += drained.rest;
        keys
    };
    let deadline = Instant::now() + Duration::from_secs(100);
    while waiting.child.try_wait().expect("it is our child").is_none() {
        assert!(Instant::now() < deadline, "the command does not end");
        source.poll(&mut |_| {});
        add(&mut source);
        times += 1;
    }
    source.detach();
    add(&mut source);
    assert_eq!(add(&mut source), 0, "nothing is counted twice, or any more");
    let loss = source.finish(&mut |_| {});
    Count { totals, rest, times, loss }
}

#[test]
fn a_million_blocks_add_up() {
    needs!(Need::Root);
    for marks in [Marks::Best, Marks::Table] {
        let words = ["dd", "if=/dev/zero", "of=/dev/null", "bs=80", "count=500000"];
        let columns = [Column::Process, Column::Call, Column::Descriptor, Column::File, Column::Shape];
        let moved = Tally::by(columns).with("read", Descriptor::Arg(0)).with("write", Descriptor::Arg(0));
        let count = count(marks, &words, Calls::none(), moved);
        for (call, descriptor, file) in [("read", 0, "/dev/zero"), ("write", 1, "/dev/null")] {
            let meta = std::fs::metadata(file).expect("every machine has it");
            let inode = std::os::unix::fs::MetadataExt::ino(&meta);
            let all = count.of(call);
            // Standard error leads to the same file.
            let of_file: Vec<_> =
                all.iter().filter(|(key, _)| key.inode == inode && key.descriptor == descriptor).collect();
            let [(key, sum)] = of_file[..] else { panic!("{marks:?} {call}: {all:?}") };
            assert_eq!((key.shape, key.family), (libc::S_IFCHR, 0), "{key:?}");

            let expected = Sum { count: 500_000, bytes: 40_000_000, time: 0, errors: 0 };
            assert_eq!(*sum, expected, "{marks:?} {call}");
        }
        assert_eq!(count.rest, Sum::default());
        assert!(count.times > 3, "it was asked for meanwhile");
        assert!(count.loss.sent(Kind::Call) <= WAITS, "nothing was told of each call");
    }
}

#[test]
fn what_finds_no_room_is_counted_together() {
    needs!(Need::Root);
    let words = act("threads 40 5000");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut writes = Tally::by([Column::Thread]).with("write", Descriptor::Arg(0));
    writes.room = 4;
    let count = count(Marks::Best, &words, Calls::none(), writes);
    let mut all = count.rest;
    count.totals.values().for_each(|sum| all += *sum);
    // The test runner of that program writes some lines of its own.
    assert!((200_000..200_100).contains(&all.count), "{all:?}");
    assert!(count.rest.count > 0, "forty threads have no room where four have");
}

#[test]
fn threads_errors_and_time_are_told_apart() {
    needs!(Need::Root);
    let words = act("threads 4 20000");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let writes = Tally::by([Column::Thread]).with("write", Descriptor::Arg(0));
    let counted = count(Marks::Best, &words, Calls::none(), writes);
    let whole = counted.totals.values().filter(|sum| sum.count == 20_000 && sum.bytes == 20_000).count();
    assert_eq!(whole, 4, "{:?}", counted.totals);

    let words = act("fail");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let opens =
        Tally::by([Column::Call, Column::Error]).with("open", Descriptor::Return).with("openat", Descriptor::Return);
    let counted = count(Marks::Best, &words, Calls::none(), opens);
    let missing: u64 =
        counted.totals.iter().filter(|(key, _)| key.error == libc::ENOENT as u16).map(|(_, sum)| sum.errors).sum();
    assert!(missing >= 10, "{:?}", counted.totals);

    let mut sleeps = Tally::by([Column::Call]);
    sleeps.time = Time::Summed;
    let sleeps = sleeps.with("clock_nanosleep", Descriptor::None).with("nanosleep", Descriptor::None);
    let counted = count(Marks::Best, &["sleep", "0.3"], Calls::none(), sleeps);
    let slept: u64 = counted.totals.values().map(|sum| sum.time).sum();
    assert!((290_000_000..2_000_000_000).contains(&slept), "{slept}");
}

#[test]
fn what_is_told_can_be_counted_too() {
    needs!(Need::Root);
    let calls = Calls::none().with("openat", Mode::All).with("read", Mode::Failed);
    let tally = Tally::by([Column::Call]).with("openat", Descriptor::Return).with("read", Descriptor::Arg(0));
    let counted = count(Marks::Best, &["cat", "/etc/passwd"], calls, tally);
    let opened: u64 = counted.of("openat").iter().map(|(_, sum)| sum.count).sum();
    assert!(opened > 0);
    let told = counted.loss.sent(Kind::Call);
    assert!((opened..=opened + WAITS).contains(&told), "each was told; no read failed: {opened} {told}");
    let read: u64 = counted.of("read").iter().map(|(_, sum)| sum.bytes).sum();
    assert!(read >= std::fs::metadata("/etc/passwd").expect("every machine has it").len());
}
