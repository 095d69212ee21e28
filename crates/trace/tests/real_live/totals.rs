//! What the kernel adds up is what the events add up to.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use fathom_kernel::{Held, Options, Scope, Source};
use fathom_testkit::{Need, needs};
use fathom_trace::live::{Tables, wanted};
use fathom_trace::views::{self, Source as Shown, View, Wish};
use fathom_trace::{Early, Fields, Flow, Format, Json, Lines, Live, Style, format};
use serde_json::Value;

use crate::stage;

/// Rows of all tables of a run, by their keys.
type Rows = BTreeMap<Vec<String>, f64>;

/// A view with its arguments, and a filter.
#[derive(Clone, Copy)]
struct Case<'a> {
    view: &'static str,
    words: &'a [&'a str],
    filter: &'static str,
}

const fn case<'a>(view: &'static str, words: &'a [&'a str], filter: &'static str) -> Case<'a> {
    Case { view, words, filter }
}

/// How calls are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Counted,
    Told,
}

fn lines(case: Case<'_>) -> Lines {
    let row = views::row(case.view).unwrap();
    let words: Vec<_> = case.words.iter().map(|word| (*word).to_owned()).collect();
    let taken = views::take(row, &words, |_| false).unwrap_or_else(|wrong| panic!("{wrong}")).taken;
    let style = Style { json: Json::Yes, ..Style::default() };
    let view = View::new(row, &taken, Wish { style, source: Shown::Now, ..Wish::default() });
    let mut lines = Lines::new(Format::parse(format::DEFAULT).unwrap());
    lines.style = style;
    lines.views = vec![view.unwrap_or_else(|wrong| panic!("{wrong}"))];
    lines.filter = (!case.filter.is_empty()).then(|| fathom_filter::compile(case.filter, &Fields).unwrap());
    lines
}

/// One way to look.
struct Look<'o> {
    source: Source,
    live: Live,
    page: fathom_trace::lines::Page<'o>,
    asked: Instant,
}

impl<'o> Look<'o> {
    fn at(held: &Held, case: Case<'_>, way: Way, out: &'o mut Vec<u8>) -> Look<'o> {
        let (replay, mut page) = lines(case).begin(out, None);
        let shown = page.shown();
        let early = Early::new(replay.filter.as_ref(), &shown);
        let options = wanted::of_held(wanted::narrow(&early, Options::of(Scope::Trees(vec![held.id()]))));
        assert!(options.tally.is_some(), "{}: the kernel can add it up", case.view);
        let options = if way == Way::Told { options.telling() } else { options };
        drop(shown);
        let source = Source::attach(&options).unwrap();
        let mut live = Live::new(replay, &Tables::of_newborn(held.id()));
        live.begin_with_exec(held.id());
        if source.counts() {
            live.wait_for_totals();
            page.wait_for_totals(1);
        }
        Look { source, live, page, asked: Instant::now() }
    }

    fn poll(&mut self) {
        let Look { source, live, page, .. } = self;
        source.poll(&mut |event| assert!(live.event(&event, page) == Flow::On));
        if source.counts() && self.asked.elapsed() > Duration::from_millis(20) {
            self.asked = Instant::now();
            live.counted(source.counted().unwrap());
        }
    }

    /// How many calls were told one by one.
    fn finish(mut self) -> u64 {
        if self.source.counts() {
            self.source.detach();
            let drained = self.source.counted().unwrap();
            assert_eq!(drained.rest.count, 0, "there is room for all");
            self.live.counted(drained);
        }
        let (live, page) = (&mut self.live, &mut self.page);
        let loss = self.source.finish(&mut |event| assert!(live.event(&event, page) == Flow::On));
        assert_eq!(loss.total(), 0);
        assert!(self.live.settle(u64::MAX, &mut self.page) == Flow::On);
        self.page.finish(&self.live.replay.state).unwrap();
        loss.sent(fathom_kernel::record::Kind::Call)
    }
}

fn rows(out: &[u8]) -> Rows {
    let mut rows = Rows::new();
    for table in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let table: Value = serde_json::from_slice(table).unwrap();
        for row in table["data"].as_array().unwrap() {
            let (value, keys) = row.as_array().unwrap().split_last().unwrap();
            let keys = keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect();
            *rows.entry(keys).or_default() += value.as_f64().unwrap();
        }
    }
    rows
}

/// Looks at a command in both ways at once.
fn look(command: Command, case: Case<'_>) -> [(Rows, u64); 2] {
    let held = Held::start(command).unwrap();
    let mut out = [Vec::new(), Vec::new()];
    let [counted, told] = &mut out;
    let mut looks = [Look::at(&held, case, Way::Counted, counted), Look::at(&held, case, Way::Told, told)];
    let mut child = held.go().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the command does not end");
        looks.iter_mut().for_each(Look::poll);
        std::thread::yield_now();
    }
    let calls = looks.map(Look::finish);
    [(rows(&out[0]), calls[0]), (rows(&out[1]), calls[1])]
}

fn shell() -> Command {
    let script = "dd if=/dev/zero of=/dev/null bs=100 count=3000 2>/dev/null; cat /nowhere 2>/dev/null; i=0; \
                  while [ $i -lt 30 ]; do /bin/true; i=$((i+1)); done; (exec ls /proc/self/fd) >/dev/null; \
                  cat /etc/passwd | sort >/dev/null; exec sort /etc/passwd";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdout(std::process::Stdio::null());
    command
}

const COUNTS: &[Case<'static>] = &[
    case("table_generator", &["evt.type", "a", "evt.count", "n", "evt.type!=switch", "0", "none"], ""),
    case("topscalls", &[], "proc.name=dd and evt.dir=<"),
    case("topprocs_errors", &[], ""),
    case("topcontainers_error", &[], ""),
    case("fdbytes_by", &["proc.name"], ""),
    case("fdbytes_by", &["evt.type"], "proc.name in (dd, sort, cat)"),
    case(
        "table_generator",
        &["thread.tid,proc.cmdline,evt.type", "a,b,c", "evt.count", "n", "evt.failed=false", "0", "none"],
        "",
    ),
    case(
        "table_generator",
        &["proc.name,evt.type,evt.failed", "a,b,c", "evt.count", "n", "evt.dir=<", "0", "none"],
        "",
    ),
];

#[test]
fn totals_are_those_of_events() {
    needs!(Need::Root);
    for case in COUNTS {
        let [(counted, few), (told, many)] = look(shell(), *case);
        assert_eq!(counted, told, "{} {:?} {}", case.view, case.words, case.filter);
        assert!(!told.is_empty() || case.view == "topcontainers_error", "{}: there is something to show", case.view);
        assert!(few * 2 < many || many < 2000, "{}: {few} calls were told, and {many} happened", case.view);
    }
}

#[test]
fn threads_are_what_they_were_when_they_called() {
    needs!(Need::Root);
    for case in COUNTS {
        let [(counted, _), (told, _)] = look(stage::plays("threads"), *case);
        assert_eq!(counted, told, "{} {:?} {}", case.view, case.words, case.filter);
    }
    let by_thread = case("fdbytes_by", &["thread.tid"], "evt.type=write");
    let [(counted, _), _] = look(stage::plays("threads"), by_thread);
    let whole = counted.values().filter(|bytes| **bytes == (stage::WRITES * 3) as f64).count();
    assert!(whole >= stage::THREADS - 1, "{counted:?}");
}

#[test]
fn time_is_that_of_events() {
    needs!(Need::Root);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "sleep 0.3; sleep 0.2"]);
    let by_call = ["evt.type", "Call", "evt.latency", "Time", "evt.type!=switch", "0", "time"];
    let [(counted, _), (told, _)] = look(command, case("table_generator", &by_call, ""));
    assert_eq!(counted.keys().collect::<Vec<_>>(), told.keys().collect::<Vec<_>>());
    for (key, time) in &told {
        let other = counted[key];
        // Each looks at the clock for itself.
        assert!((time - other).abs() < time * 0.2 + 2e6, "{key:?}: {time} {other}");
    }
    let slept = counted.iter().filter(|(key, _)| key[0].contains("nanosleep")).map(|(_, time)| time).sum::<f64>();
    assert!((5e8..3e9).contains(&slept), "{counted:?}");
}
