//! What happened around the events that a view has shown: a recording of its own, which asks for another look at the
//! file. Here is noted what is asked for; who has the file keeps it.

use rustc_hash::FxHashMap;

use super::argument::{Argument, Taken, Takes};
use super::body::Cells;
use super::line::{Ending, Line};
use super::page::Page;
use super::{Family, Needs, Row, Shows};

/// The view that is for nothing else.
pub(super) const ROWS: &[Row] = &[Row::new(
    "around",
    Family::Misc,
    "Keep in a file what threads did around the events that a filter chooses",
    Shows::Line(Line::new(event).ending(Ending::ColoursIfAny)),
)
.reading(&["evt.time", "proc.name", "thread.tid"])
.keeping_around(|count, file| format!("\nSaving events around {count} syslog entries to {file}"))
.needing(Needs::Filter)
.taking(&[INTO_REQUIRED, WITHIN])];

/// Milliseconds before an event and after it, if nobody says.
const USUAL: f64 = 1000.0;

/// The file.
const FILE: &str = "dump_file_name";
/// How much.
const RANGE: &str = "dump_range_ms";

pub(super) const INTO: Argument =
    Argument::optional(FILE, Takes::File, "keep what happened around each of them in this file");
/// The same where the view is for nothing else.
const INTO_REQUIRED: Argument =
    Argument { optional: false, doc: "keep what happened around each event in this file", ..INTO };
pub(super) const WITHIN: Argument =
    Argument::optional(RANGE, Takes::Number, "so many milliseconds before it and after it [default: 1000]");

fn event(cells: &Cells<'_>, page: &mut Page) {
    page.put(cells.shown(0)).put(" ").put(cells.known(1)).put("(").put(cells.shown(2)).line(")");
}

/// Threads, and when they did what is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Around {
    file: String,
    /// Nanoseconds on either side.
    range: u64,
    moments: FxHashMap<i64, Vec<u64>>,
    count: usize,
}

impl Around {
    /// What the arguments ask for, if they do.
    pub(super) fn of(taken: &Taken) -> Option<Self> {
        let range = (taken.number(RANGE).unwrap_or(USUAL) * 1e6) as u64;
        let file = taken.get(FILE)?.to_owned();
        Some(Around { file, range, moments: FxHashMap::default(), count: 0 })
    }

    /// Something that is looked at.
    pub(super) fn note(&mut self, tid: i64, time: u64) {
        self.moments.entry(tid).or_default().push(time);
        self.count += 1;
    }

    /// Where it is to be kept.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Around how many events.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The filter of what is to be kept: all that each of the threads does within the range of one of its moments.
    pub fn filter(&self) -> String {
        let mut threads: Vec<_> = self.moments.iter().collect();
        threads.sort_unstable();
        let of = |(tid, times): (&i64, &Vec<u64>)| {
            let spans: Vec<_> = spans(times, self.range).iter().map(within).collect();
            format!("(thread.tid={tid} and ({}))", spans.join(" or "))
        };
        let all: Vec<_> = threads.into_iter().map(of).collect();
        // Of nothing, nothing is kept: events are numbered from 1 on.
        if all.is_empty() { "evt.num=0".to_owned() } else { all.join(" or ") }
    }
}

fn within((from, to): &(u64, u64)) -> String {
    format!("(evt.rawtime>={from} and evt.rawtime<={to})")
}

/// From when to when; those that touch are one.
fn spans(times: &[u64], range: u64) -> Vec<(u64, u64)> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for time in times {
        let (from, to) = (time.saturating_sub(range), time.saturating_add(range));
        match spans.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = to,
            _ => spans.push((from, to)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_touch_are_one() {
        assert_eq!(spans(&[100, 30, 109, 5], 5), [(0, 10), (25, 35), (95, 114)]);
        assert_eq!(spans(&[u64::MAX, 0], 0), [(0, 0), (u64::MAX, u64::MAX)]);
    }

    #[test]
    fn what_is_kept_is_said_as_a_filter() {
        let mut around = Around { file: "x".into(), range: 10, moments: FxHashMap::default(), count: 0 };
        let compiles = |around: &Around| fathom_filter::compile(&around.filter(), &crate::Fields).is_ok();
        assert!(compiles(&around), "nothing is a filter too");
        for (tid, time) in [(7, 100), (7, 500), (-1, 5)] {
            around.note(tid, time);
        }
        let expected = "(thread.tid=-1 and ((evt.rawtime>=0 and evt.rawtime<=15))) or (thread.tid=7 and \
                        ((evt.rawtime>=90 and evt.rawtime<=110) or (evt.rawtime>=490 and evt.rawtime<=510)))";
        assert_eq!(around.filter(), expected);
        assert!(compiles(&around));
    }
}
