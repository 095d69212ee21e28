//! What a view is made of: something that is told moments and writes on a page, and the fields that it reads.

use std::cell::RefCell;

use fathom_model::Value;

use super::page::{Page, number};
use crate::fields::Bound;
use crate::fields::Shape;
use crate::format::write_value;
use crate::moment::{Amount, Moment};
use crate::replay::Flow;
use crate::state::State;

/// What a view makes of moments.
pub(crate) trait Body {
    /// Before anything happens.
    fn begin(&mut self, _page: &mut Page) {}

    /// One event that the view is about.
    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow;

    /// So many events that the view is about, where it only adds up a field of them.
    fn total(&mut self, _cells: &Cells<'_>, _amount: &Amount) {}

    /// What every thread used of processors was told up to this time.
    fn told_use(&mut self, _time: u64) {}

    /// An interval is over.
    fn tick(&mut self, _tick: Tick, _page: &mut Page) {}

    /// Nothing more happens.
    fn end(&mut self, _end: &End<'_>, _page: &mut Page) {}
}

/// The end of an interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tick {
    /// When the event happened that ends it.
    pub(crate) time: u64,
    /// Nanoseconds since the end of the one before; zero at the first.
    pub(crate) length: u64,
}

/// The end of everything.
pub(crate) struct End<'s> {
    /// What is known then.
    pub(crate) state: &'s State,
    /// When the last event happened.
    pub(crate) time: u64,
    /// Nanoseconds since the first.
    pub(crate) length: u64,
    /// Whether any event was asked for.
    pub(crate) seen: Seen,
}

/// Whether any event was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Nothing,
    Something,
}

/// The fields that a view reads, at one moment.
pub(crate) struct Cells<'a> {
    pub(crate) moment: &'a Moment<'a>,
    pub(super) fields: &'a [Bound],
    pub(super) scratch: &'a RefCell<Vec<u8>>,
}

impl Cells<'_> {
    /// Appends field `index` as text; whether there is anything.
    #[inline]
    pub(super) fn write(&self, index: usize, into: &mut Vec<u8>) -> bool {
        self.read(index, |value| match value {
            Value::Bytes(bytes) => {
                into.extend_from_slice(bytes);
                true
            }
            Value::Real(real) => {
                into.extend_from_slice(&number(*real));
                true
            }
            value => write_value(value, Shape::Plain, into),
        })
    }

    /// Field `index` as text.
    pub(super) fn text(&self, index: usize) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        self.write(index, &mut text).then_some(text)
    }

    /// The same. What is missing is called as sysdig's views call it, which are written in Lua.
    pub(super) fn shown(&self, index: usize) -> Vec<u8> {
        self.text(index).unwrap_or_else(|| b"nil".to_vec())
    }

    /// The same. What is missing is called as in lines of events.
    pub(super) fn known(&self, index: usize) -> Vec<u8> {
        self.text(index).unwrap_or_else(|| b"<NA>".to_vec())
    }

    /// Field `index` as a number.
    #[inline]
    pub(super) fn number(&self, index: usize) -> Option<f64> {
        self.read(index, |value| match value {
            Value::Number(number) => Some(*number as f64),
            Value::Unsigned(number) => Some(*number as f64),
            Value::Real(number) => Some(*number),
            Value::Flag(flag) => Some(f64::from(u8::from(*flag))),
            _ => None,
        })
    }

    /// What the numbers of field `index` add up to, see [`crate::early::Totals`].
    pub(super) fn sum(&self, index: usize, amount: &Amount) -> Option<f64> {
        match self.fields[index].row.name {
            "evt.count" => Some(amount.count as f64),
            "evt.latency" => Some(amount.time as f64),
            _ => self.number(index),
        }
    }

    /// Whether field `index` is true.
    pub(super) fn flag(&self, index: usize) -> bool {
        self.read(index, |value| matches!(value, Value::Flag(true)))
    }

    #[inline]
    fn read<T>(&self, index: usize, with: impl FnOnce(&Value<'_>) -> T) -> T {
        let mut scratch = self.scratch.borrow_mut();
        scratch.clear();
        with(&self.fields[index].get(self.moment, &mut scratch))
    }
}
