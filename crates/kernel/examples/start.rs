//! How long it takes from the wish to look until the first event, on a machine with many processes.
//!
//! `cargo run -p fathom-kernel --example start [PROCESSES [ROUNDS]]`, as root. Every process is started here.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fathom_kernel::{Options, Scope, Snapshot, Source};

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse().expect("a number"));
    let (processes, rounds): (usize, usize) = (words.next().unwrap_or(2000), words.next().unwrap_or(10));
    let sleep = || Command::new("sleep").arg("1000").spawn().expect("sleep can be started");
    let mut crowd: Vec<Child> = (0..processes).map(|_| sleep()).collect();
    let mut busy = Command::new("dd")
        .args(["if=/dev/zero", "of=/dev/null", "bs=80"])
        .stderr(Stdio::null())
        .spawn()
        .expect("dd can be started");
    let (mut attached, mut first, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (begin, before) = (Instant::now(), processor_time());
        let mut source =
            Source::attach(&Options::of(Scope::Trees(vec![busy.id()]))).expect("this machine can be traced");
        attached.push(begin.elapsed());
        used.push(processor_time() - before);
        let mut seen = 0;
        while seen == 0 {
            seen = source.poll(&mut |event| {
                std::hint::black_box(event);
            });
        }
        first.push(begin.elapsed());
    }
    let (mut taken, mut taking, mut by_proc, mut found) = (Vec::new(), Vec::new(), Vec::new(), (0, 0));
    let mut source = Source::attach(&Options::of(Scope::Trees(Vec::new()))).expect("this machine can be traced");
    for _ in 0..rounds {
        let (begin, before) = (Instant::now(), processor_time());
        let all = source.found();
        taken.push(begin.elapsed());
        taking.push(processor_time() - before);
        found = (all.processes.len(), all.descriptors.values().map(Vec::len).sum::<usize>());
        let before = processor_time();
        std::hint::black_box(Snapshot::local().all());
        by_proc.push(processor_time() - before);
    }
    for child in crowd.iter_mut().chain([&mut busy]) {
        let _ = (child.kill(), child.wait());
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (attached, used, first) = (median(attached), median(used), median(first));
    let (taken, taking) = (median(taken), median(taking));
    let (all, open) = found;
    let by_proc = median(by_proc);
    println!(
        "{all} processes with {open} descriptors known after {taken:?} ({taking:?} of a processor; {by_proc:?} by /proc)"
    );
    println!(
        "{processes} processes: attached after {attached:?} ({used:?} of a processor), first event after {first:?}"
    );
}

/// How long this thread had a processor so far: what a busy machine blurs less than the clock on the wall.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default())
}
