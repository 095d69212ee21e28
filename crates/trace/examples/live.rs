//! What looking at what happens now takes, for whoever makes it faster; as root. Every process that is looked at is
//! started here, but for the first, which looks at the machine once:
//! `live start [ROUNDS]` how long until what there is is known; `live busy [BLOCKS]` and `live busy-lines [BLOCKS]` how
//! many events of one busy process are handled and written, and how many are lost.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a tool of those who change this crate")]

#[cfg(target_os = "linux")]
fn main() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use fathom_kernel::{Held, Options, Scope, Source};
    use fathom_trace::lines::What;
    use fathom_trace::live::{Live, Tables};
    use fathom_trace::{Format, Lines};

    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap();
    let number: u64 = words.next().map_or(0, |word| word.parse().unwrap());
    let lines = || Lines::new(Format::parse(fathom_trace::format::DEFAULT).unwrap());
    if what == "start" {
        for _ in 0..number.max(1) {
            let mut nothing = std::io::sink();
            let (replay, _page) = lines().begin(&mut nothing, None);
            let begin = Instant::now();
            let mut source = Source::attach(&Options::of(Scope::Machine)).unwrap();
            let attached = begin.elapsed();
            let found = source.found();
            let known = begin.elapsed();
            let live = Live::new(replay, &Tables::of(found));
            let loaded = begin.elapsed();
            eprintln!("attached {attached:?}, found {:?}, loaded {:?}", known - attached, loaded - known);
            drop((live, source));
            eprintln!("all {:?}", begin.elapsed());
        }
        return;
    }
    let mut dd = Command::new("dd");
    dd.args(["if=/dev/zero", "of=/dev/null", "bs=80", &format!("count={}", number.max(1000))]);
    dd.stdout(Stdio::null());
    let held = Held::start(dd).unwrap();
    let mut source = Source::attach(&Options::of(Scope::Trees(vec![held.id()]))).unwrap();
    let mut nothing = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let mut lines = lines();
    lines.what = if what == "busy" { What::Nothing } else { What::Events };
    let (replay, mut page) = lines.begin(&mut nothing, None);
    let mut live = Live::new(replay, &Tables::of_newborn(held.id()));
    let (begin, mut busy, mut events) = (Instant::now(), Duration::ZERO, 0);
    let mut child = held.go().unwrap();
    while child.try_wait().unwrap().is_none() {
        let turn = Instant::now();
        let count = source.poll(&mut |event| {
            let _ = live.event(&event, &mut page);
        });
        events += count;
        if count == 0 {
            let _ = page.flush();
        }
        busy += turn.elapsed();
        std::thread::sleep(source.pause());
    }
    let wall = begin.elapsed();
    let loss = source.finish(&mut |event| {
        events += 1;
        let _ = live.event(&event, &mut page);
    });
    let all = begin.elapsed();
    let nanos = (busy + (all - wall)).as_nanos() as f64 / events as f64;
    eprintln!("{events} events in {wall:?} and {:?} more, {nanos:.0} ns each, {} lost", all - wall, loss.total());
}

#[cfg(not(target_os = "linux"))]
fn main() {}
