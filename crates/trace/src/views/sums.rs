//! How much goes in and out each second, and the calls that took longest.

use rustc_hash::FxHashMap;

use super::body::{Body, Cells, End, Tick};
use super::page::{Page, number};
use super::{Every, Family, Row, Shows};
use crate::moment::Amount;
use crate::replay::Flow;

const BYTES: &[&str] = &["evt.rawarg.res", "evt.is_io_read"];

/// The views.
pub(super) const ROWS: &[Row] = &[
    second("iobytes", Family::Io, "Bytes in and out each second").about("evt.is_io=true"),
    second("iobytes_file", Family::Io, "Bytes from and to files each second").about("evt.is_io=true and fd.type=file"),
    second("iobytes_net", Family::Network, "Bytes from and to the network each second")
        .about("evt.is_io=true and (fd.type=ipv4 or fd.type=ipv6)"),
    Row::new(
        "bottlenecks",
        Family::Performance,
        "The ten calls that took longest",
        Shows::Other(|_, _| Box::<Longest>::default()),
    )
    .about("evt.type!=switch")
    .reading(&["evt.latency", "proc.name", "thread.tid", "evt.type", "evt.args", "evt.num"]),
];

const fn second(name: &'static str, family: Family, title: &'static str) -> Row {
    Row::new(name, family, title, Shows::Other(|_, _| Box::<Bytes>::default()))
        .reading(BYTES)
        .adding(BYTES[0])
        .every(Every::Second)
}

#[derive(Default)]
struct Bytes {
    read: f64,
    written: f64,
}

impl Body for Bytes {
    fn moment(&mut self, cells: &Cells<'_>, _: &mut Page) -> Flow {
        if let Some(bytes) = cells.number(0).filter(|bytes| *bytes > 0.0) {
            *(if cells.flag(1) { &mut self.read } else { &mut self.written }) += bytes;
        }
        Flow::On
    }

    fn total(&mut self, cells: &Cells<'_>, amount: &Amount) {
        if let Some(bytes) = cells.sum(0, amount).filter(|bytes| *bytes > 0.0) {
            *(if cells.flag(1) { &mut self.read } else { &mut self.written }) += bytes;
        }
    }

    fn tick(&mut self, tick: Tick, page: &mut Page) {
        let second = (tick.time / 1_000_000_000) as i64 + i64::from(page.wish.style.offset);
        let of_day = second.rem_euclid(86_400);
        page.put(format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60));
        let Bytes { read, written } = std::mem::take(self);
        for (word, bytes) in [(" in:", read), (" out:", written), (" tot:", read + written)] {
            page.put(word).put(number(bytes));
        }
        page.line(b"");
    }
}

/// So many calls are shown.
const LONGEST: usize = 10;

#[derive(Default)]
struct Longest {
    /// How each thread's last call began.
    begun: FxHashMap<i64, Vec<u8>>,
    /// How long they took, their begins and their ends, the longest first.
    calls: Vec<(f64, Vec<u8>, Vec<u8>)>,
}

impl Body for Longest {
    fn moment(&mut self, cells: &Cells<'_>, _: &mut Page) -> Flow {
        let Some(latency) = cells.number(0) else { return Flow::On };
        let tid = cells.moment.event.tid;
        if latency == 0.0 {
            self.begun.insert(tid, line(cells, latency, b'>'));
            return Flow::On;
        }
        let place = self.calls.iter().position(|call| latency > call.0).unwrap_or(self.calls.len());
        if place < LONGEST {
            let begun = self.begun.get(&tid).cloned().unwrap_or_else(|| b"nil".to_vec());
            self.calls.insert(place, (latency, begun, line(cells, latency, b'<')));
            self.calls.truncate(LONGEST);
        }
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        for (_, begun, ended) in &self.calls {
            page.line(begun).line(ended);
        }
    }
}

fn line(cells: &Cells<'_>, latency: f64, direction: u8) -> Vec<u8> {
    let nanoseconds = latency as u64;
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let text = |index| cells.text(index).unwrap_or_default();
    let begin = format!("{}) {seconds}.{rest:09} ", cells.moment.number).into_bytes();
    let (name, tid, kind, arguments) = (text(1), text(2), text(3), text(4));
    [&begin[..], &name, b" (", &tid, b") ", &[direction], b" ", &kind, b" ", &arguments].concat()
}
