//! What tables count, by their keys: sums, or how many different things.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Aggregate, BETWEEN, Layout, hide_cursor, show_cursor};
use crate::moment::Amount;
use crate::replay::Flow;
use crate::views::body::{Body, Cells, End, Tick};
use crate::views::page::{Page, Source, number};

/// Appends the key of a moment; whether every part of it is known.
#[inline]
fn write_key(cells: &Cells<'_>, keys: Range<usize>, into: &mut Vec<u8>) -> bool {
    let first = keys.start;
    into.clear();
    for index in keys {
        if index > first {
            into.extend_from_slice(BETWEEN);
        }
        if !cells.write(index, into) {
            return false;
        }
    }
    true
}

/// Numbers added up.
pub(super) struct Sums {
    keys: Range<usize>,
    scale: f64,
    layout: Layout,
    sums: FxHashMap<Box<[u8]>, f64>,
    key: Vec<u8>,
    told: Told,
}

/// Between which moments it was used what processors are told to be used: not those between which an interval lies.
#[derive(Default)]
struct Told {
    before: Option<u64>,
    last: Option<u64>,
}

impl Told {
    /// How long what was added up took, if that is known better than by the interval.
    fn length(&mut self) -> Option<u64> {
        let length = self.last.zip(self.before).map(|(last, before)| last.saturating_sub(before));
        self.before = self.last;
        length.filter(|length| *length > 0)
    }
}

impl Sums {
    pub(super) fn by(keys: Range<usize>, aggregate: Aggregate, layout: Layout) -> Self {
        let scale = if aggregate == Aggregate::Share { 1e7 } else { 1.0 };
        Sums { keys, scale, layout, sums: FxHashMap::default(), key: Vec::new(), told: Told::default() }
    }

    #[inline]
    fn add(&mut self, value: Option<f64>) {
        // Who uses no processor has a row too.
        let least = if self.scale == 1.0 { f64::MIN_POSITIVE } else { 0.0 };
        let Some(value) = value.filter(|value| *value >= least) else { return };
        match self.sums.get_mut(&self.key[..]) {
            Some(sum) => *sum += value * self.scale,
            None => drop(self.sums.insert(self.key.clone().into(), value * self.scale)),
        }
    }
}

impl Body for Sums {
    fn begin(&mut self, page: &mut Page) {
        hide_cursor(page);
    }

    #[inline]
    fn moment(&mut self, cells: &Cells<'_>, _: &mut Page) -> Flow {
        if write_key(cells, self.keys.clone(), &mut self.key) {
            self.add(cells.number(self.keys.end));
        }
        Flow::On
    }

    fn total(&mut self, cells: &Cells<'_>, amount: &Amount) {
        if write_key(cells, self.keys.clone(), &mut self.key) {
            self.add(cells.sum(self.keys.end, amount));
        }
    }

    fn told_use(&mut self, time: u64) {
        self.told.before.get_or_insert(time);
        self.told.last = Some(time);
    }

    fn tick(&mut self, tick: Tick, page: &mut Page) {
        page.wipe();
        let length = self.told.length().unwrap_or(tick.length);
        self.layout.write(&self.sums, tick.time, length, page);
        self.sums.clear();
    }

    fn end(&mut self, end: &End<'_>, page: &mut Page) {
        // Of what happens now, the last interval is shorter than the others.
        if page.wish.source == Source::Recording || !self.sums.is_empty() {
            page.wipe();
            let length = self.told.length().unwrap_or(end.length);
            self.layout.write(&self.sums, end.time, length, page);
        }
        show_cursor(page);
    }
}

/// How many different descriptors, by number and name.
pub(super) struct Distinct {
    keys: Range<usize>,
    found: FxHashMap<Box<[u8]>, FxHashSet<Box<[u8]>>>,
}

impl Distinct {
    pub(super) fn by(keys: Range<usize>) -> Self {
        Distinct { keys, found: FxHashMap::default() }
    }
}

impl Body for Distinct {
    fn moment(&mut self, cells: &Cells<'_>, _: &mut Page) -> Flow {
        let (mut key, mut name) = (Vec::new(), Vec::new());
        let known = write_key(cells, self.keys.clone(), &mut key);
        let fd = cells.number(self.keys.end).filter(|fd| *fd > 0.0);
        if let Some(fd) = fd
            && known
            && cells.write(0, &mut name)
            && !name.is_empty()
        {
            name.extend_from_slice(&number(fd));
            self.found.entry(key.into()).or_default().insert(name.into());
        }
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        let mut rows: Vec<_> = self.found.iter().map(|(key, names)| (names.len(), key)).collect();
        rows.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        for (count, key) in rows {
            page.put(key).put(b"\t").line(count.to_string());
        }
    }
}
