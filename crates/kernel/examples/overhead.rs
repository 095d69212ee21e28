//! What looking costs: time added per system call, interleaved with runs that nobody looks at, medians of many.
//!
//! `cargo run -p fathom-kernel --example overhead [ROUNDS]`, as root. Every process that is looked at is started here.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fathom_kernel::row::Mode;
use fathom_kernel::scope::{Calls, Ends};
use fathom_kernel::tally::{Column, Descriptor, Time as Sums};
use fathom_kernel::{Options, Scope, Source, Tally};
use rustix::process::{WaitId, WaitIdOptions};

/// Blocks that dd copies; two calls for each.
const BLOCKS: u32 = 500_000;
/// The same for strace, which takes its time.
const FEW: u32 = 20_000;

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(10);
    let ways: &[(&str, &dyn Fn() -> Time)] = &[
        ("nobody looks", &|| run(None, BLOCKS).0),
        ("untraced, both ends", &|| run(Some((Who::Other, Ends::Both, Calls::all(Mode::All))), BLOCKS).0),
        ("untraced, returns only", &|| run(Some((Who::Other, Ends::Returns, Calls::all(Mode::All))), BLOCKS).0),
        ("untraced, by cgroup", &|| run(Some((Who::Cgroup, Ends::Both, Calls::all(Mode::All))), BLOCKS).0),
        ("traced, not wanted", &|| run(Some((Who::Itself, Ends::Both, Calls::none())), BLOCKS).0),
        ("traced, both ends", &|| run(Some((Who::Itself, Ends::Both, Calls::all(Mode::All))), BLOCKS).0),
        ("traced, returns only", &|| run(Some((Who::Itself, Ends::Returns, Calls::all(Mode::All))), BLOCKS).0),
    ];
    let names = [Column::Process, Column::Call];
    let files = [Column::Process, Column::Descriptor, Column::File, Column::Shape];
    let counted: &[(&str, &[Column], Sums, Ends)] = &[
        ("counted, by process+call", &names, Sums::Ignored, Ends::Returns),
        ("the same, with time", &names, Sums::Summed, Ends::Both),
        ("counted, by process+file", &files, Sums::Ignored, Ends::Returns),
    ];
    let mut sums = vec![Vec::new(); counted.len()];
    let mut times = vec![Vec::new(); ways.len()];
    let (mut bare, mut strace) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (way, times) in ways.iter().zip(&mut times) {
            times.push((way.1)());
        }
        for ((_, by, time, ends), times) in counted.iter().zip(&mut sums) {
            let mut tally = Tally::by(*by).with("read", Descriptor::Arg(0)).with("write", Descriptor::Arg(0));
            tally.time = *time;
            times.push(run_with(Some((Who::Itself, *ends, Calls::none())), BLOCKS, Some(tally)).0);
        }
        bare.push(run(None, FEW).0);
        strace.push(under_strace());
    }
    let calls = f64::from(BLOCKS) * 2.0;
    let base = median(&times[0]);
    println!("{:24} {:>9} {:>9}   us more per call", "", "wall", "cpu");
    let all = ways.iter().map(|way| way.0).zip(&times).chain(counted.iter().map(|way| way.0).zip(&sums));
    for (name, times) in all {
        let time = median(times);
        let more = |time: f64, base: f64| (time - base) / calls * 1e6;
        println!("{name:24} {:9.3} {:9.3} {:8.3} {:8.3}", time.0, time.1, more(time.0, base.0), more(time.1, base.1));
    }
    let (base, time) = (median(&bare), median(&strace));
    let more = |time: f64, base: f64| (time - base) / f64::from(FEW) / 2.0 * 1e6;
    println!(
        "{:24} {:9.3} {:9.3} {:8.3} {:8.3}",
        "strace -f",
        time.0,
        time.1,
        more(time.0, base.0),
        more(time.1, base.1)
    );
    let (time, events, lost) = run(Some((Who::Itself, Ends::Both, Calls::all(Mode::All))), BLOCKS * 4);
    let rate = events as f64 / time.0.as_secs_f64() / 1e6;
    println!("one busy process: {rate:.2} million events per second, {lost} records lost");
}

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Itself,
    Other,
    /// A cgroup that does not exist, so that each call asks in vain.
    Cgroup,
}

/// The time of one dd; with the events and losses of whoever looked.
fn run(look: Option<(Who, Ends, Calls)>, blocks: u32) -> (Time, u64, u64) {
    run_with(look, blocks, None)
}

fn run_with(look: Option<(Who, Ends, Calls)>, blocks: u32, tally: Option<Tally>) -> (Time, u64, u64) {
    let mut idle = Command::new("sleep").arg("1000").spawn().expect("sleep can be started");
    let mut dd = waiting(&["dd", "if=/dev/zero", "of=/dev/null", "bs=80", &format!("count={blocks}")]);
    let mut source = look.map(|(who, ends, calls)| {
        let scope = match who {
            Who::Itself => Scope::Trees(vec![dd.id()]),
            Who::Other => Scope::Trees(vec![idle.id()]),
            Who::Cgroup => Scope::Cgroups(vec![u64::MAX]),
        };
        let options = Options { ends, calls, tally: tally.clone(), ..Options::of(scope) };
        Source::attach(&options).expect("this machine can be traced")
    });
    let start = Instant::now();
    dd.stdin.take().expect("it has a pipe").write_all(b"\n").expect("it reads");
    let mut events = 0;
    match &mut source {
        None => drop(has_ended(dd.id(), WaitIdOptions::empty())),
        Some(source) => {
            while !has_ended(dd.id(), WaitIdOptions::NOHANG) {
                events += source.poll(&mut |event| {
                    std::hint::black_box(event);
                });
                std::thread::sleep(source.pause());
            }
        }
    }
    let time = (start.elapsed(), used(dd.id()));
    let _ = dd.wait();
    let _ = (idle.kill(), idle.wait());
    let lost = source.map_or(0, |source| source.finish(&mut |_| events += 1).total());
    (time, events, lost)
}

fn waiting(words: &[&str]) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "read _ && exec \"$@\"", "sh"]).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell can be started")
}

fn under_strace() -> Time {
    let start = Instant::now();
    let count = format!("count={FEW}");
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "dd", "if=/dev/zero", "of=/dev/null", "bs=80", &count]);
    let mut strace = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace can be started");
    has_ended(strace.id(), WaitIdOptions::empty());
    let time = (start.elapsed(), used(strace.id()));
    let _ = strace.wait();
    time
}

/// How long it took, and how much of a processor the command used: the second is what a busy machine blurs less.
type Time = (Duration, Duration);

/// How much of a processor a process that has ended, and its children, had; it is not collected yet.
fn used(pid: u32) -> Duration {
    let text = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let own = text("schedstat").split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let stat = text("stat");
    // The 16th and 17th field, of which the third follows the name: of children, in hundredths of a second.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(13).take(2);
    let ticks: u64 = fields.filter_map(|word| word.parse::<u64>().ok()).sum();
    Duration::from_nanos(own) + Duration::from_millis(ticks * 10)
}

/// Whether a child has ended; it can still be asked what it used.
fn has_ended(pid: u32, wait: WaitIdOptions) -> bool {
    let pid = rustix::process::Pid::from_raw(pid as i32).expect("no process is 0");
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | wait;
    rustix::process::waitid(WaitId::Pid(pid), options).expect("it is our child").is_some()
}

/// Medians of both.
fn median(times: &[Time]) -> (f64, f64) {
    let middle = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    (middle(times.iter().map(|time| time.0).collect()), middle(times.iter().map(|time| time.1).collect()))
}
