//! The engine: one view over moments. It asks its filter, lets intervals end by the time of events, and keeps what is
//! written until somebody takes it.

use std::cell::RefCell;

use fathom_filter::Predicate;

use super::argument::{NO_COLOUR, Taken};
use super::around::Around;
use super::body::{Body, Cells, End, Seen, Tick};
use super::page::{Colours, Page, Screen, Source, Wish};
use super::top::Aggregate;
use super::{About, Every, Row, Shows, Takes, Wrong, line, slow, top};
use crate::fields::{Bound, Fields};
use crate::moment::{Amount, Moment, Purpose};
use crate::replay::Flow;
use crate::state::State;

const SECOND: u64 = 1_000_000_000;

/// What a view reads, so that nobody need be told anything else.
#[derive(Debug, Clone, Copy)]
pub struct Reads<'v> {
    /// Only events of which this holds.
    pub filter: Option<&'v Predicate<Bound>>,
    /// These fields of them.
    pub fields: &'v [Bound],
    /// Whether it shows what is known besides.
    pub known: Known,
    /// Which of these fields it only shows sums of, told apart by all others.
    pub adds: Option<usize>,
}

/// Whether a view shows what is known besides what its fields say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It does not.
    Hidden,
    /// It does, all of it.
    Shown,
}

/// Who says that time goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Every event, and whoever waits for one.
    Events,
    /// Whoever hands out totals.
    Totals,
}

/// A view at work.
pub struct View {
    row: &'static Row,
    filter: Option<Predicate<Bound>>,
    fields: Vec<Bound>,
    adds: Option<usize>,
    pace: Pace,
    body: Box<dyn Body>,
    page: Page,
    around: Option<Around>,
    clock: Clock,
    seen: Seen,
    scratch: RefCell<Vec<u8>>,
}

impl View {
    /// Makes one of a row and its arguments.
    ///
    /// # Errors
    /// Arguments that make no sense, as a key that is no field.
    pub fn new(row: &'static Row, taken: &Taken, mut wish: Wish) -> Result<Self, Wrong> {
        let wrong = |message: String| Wrong {
            message: format!("cannot show the view `{}`: {message}", row.name),
            hint: Some(row.usage()),
        };
        if taken.get(NO_COLOUR.name).is_some() {
            wish.colours = Colours::No;
        }
        for argument in row.arguments.iter().filter(|argument| argument.takes == Takes::Filter) {
            let asked = taken.get(argument.name).unwrap_or("fd.num exists");
            fathom_filter::compile(asked, &Fields).map_err(|mistakes| wrong(mistakes.to_string()))?;
        }
        let about = match row.about {
            About::All => String::new(),
            About::Those(filter) => taken.fill(filter),
            About::Made(make) => make(taken),
        };
        let filter = if about.is_empty() {
            None
        } else {
            Some(fathom_filter::compile(&about, &Fields).map_err(|mistakes| wrong(mistakes.to_string()))?)
        };
        let mut names: Vec<String> = row.fields.iter().map(|name| (*name).to_owned()).collect();
        let body: Box<dyn Body> = match &row.shows {
            Shows::Top(top) => top::body(top, taken, &wish, &mut names).map_err(wrong)?,
            Shows::Slow(slow) => slow::body(slow, taken, &wish, &mut names),
            Shows::Line(line) => line::body(*line),
            Shows::Other(make) => make(taken, &wish),
        };
        let fields = names.iter().map(|name| field(name).map_err(wrong)).collect::<Result<_, _>>()?;
        let fields: Vec<Bound> = fields;
        let adds = row.adds.map(|adds| taken.fill(adds));
        let adds = adds.and_then(|adds| names.iter().rposition(|name| *name == adds));
        let clock = Clock::new(every(row, taken, &wish));
        let (page, scratch, pace) = (Page::new(wish), RefCell::default(), Pace::Events);
        let around = row.says.and_then(|_| Around::of(taken));
        let mut view =
            View { row, filter, fields, adds, pace, body, page, around, clock, seen: Seen::Nothing, scratch };
        view.body.begin(&mut view.page);
        Ok(view)
    }

    /// One event that is asked for.
    #[inline]
    pub fn moment(&mut self, moment: &Moment<'_>) -> Flow {
        self.pass(moment.event.ts);
        if !self.is_about(moment) {
            return Flow::On;
        }
        self.seen = Seen::Something;
        if let Some(around) = &mut self.around {
            around.note(moment.event.tid, moment.event.ts);
        }
        let cells = Cells { moment, fields: &self.fields, scratch: &self.scratch };
        self.body.moment(&cells, &mut self.page)
    }

    /// So many events that are asked for, of which this is one.
    pub fn total(&mut self, moment: &Moment<'_>, amount: &Amount) {
        if self.is_about(moment) {
            self.seen = Seen::Something;
            let cells = Cells { moment, fields: &self.fields, scratch: &self.scratch };
            self.body.total(&cells, amount);
        }
    }

    #[inline]
    fn is_about(&self, moment: &Moment<'_>) -> bool {
        let compared = Moment { purpose: Purpose::Compare, ..*moment };
        self.filter.as_ref().is_none_or(|filter| filter.holds(&compared, &mut self.scratch.borrow_mut()))
    }

    /// From `now` on totals come beside events, and [`View::settle`] says when an interval has all of them.
    pub fn wait_for_totals(&mut self, now: u64) {
        self.pace = Pace::Totals;
        self.settle(now);
    }

    /// Time goes on.
    #[inline]
    pub fn pass(&mut self, time: u64) {
        if self.pace == Pace::Events {
            self.go_on(time);
        }
    }

    /// Time goes on, and no event tells.
    pub fn idle(&mut self, time: u64) {
        if time > self.clock.last {
            self.pass(time);
        }
    }

    /// What every thread used of processors was told up to this time.
    pub fn told_use(&mut self, time: u64) {
        self.body.told_use(time);
    }

    /// All totals up to this time are there.
    pub fn settle(&mut self, time: u64) {
        if self.pace == Pace::Totals {
            self.go_on(time);
        }
    }

    #[inline]
    fn go_on(&mut self, time: u64) {
        if let Some(tick) = self.clock.pass(time) {
            self.body.tick(tick, &mut self.page);
        }
    }

    /// What it reads.
    pub fn reads(&self) -> Reads<'_> {
        let known = if self.row.is_of_a_moment() { Known::Shown } else { Known::Hidden };
        Reads { filter: self.filter.as_ref(), fields: &self.fields, known, adds: self.adds }
    }

    /// It is shown on another screen from now on.
    pub fn resize(&mut self, screen: Screen) {
        self.page.wish.screen = screen;
    }

    /// How many bytes of data it wants to be kept of a call.
    pub fn snaplen(&self) -> Option<u32> {
        self.row.snaplen
    }

    /// Whether it is about processor times, which are told once a second.
    pub fn reads_processors(&self) -> bool {
        self.row.table().is_some_and(|top| top.aggregate == Aggregate::Share)
    }

    /// Nothing more happens.
    pub fn end(&mut self, state: &State) {
        let time = self.clock.last;
        // What happens now is told interval by interval.
        let begin = if self.page.wish.source == Source::Now { self.clock.ticked } else { None };
        let length = time.saturating_sub(begin.unwrap_or(state.first));
        self.body.end(&End { state, time, length, seen: self.seen }, &mut self.page);
        if let (Some(says), Some(around)) = (self.row.says, &self.around) {
            self.page.line(says(around.count(), around.file()));
        }
    }

    /// What is to be kept of what happened around the events that it has shown.
    pub fn around(&self) -> Option<&Around> {
        self.around.as_ref()
    }

    /// What was written. Whoever takes it empties it.
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.page.text
    }
}

/// The field of this name.
fn field(name: &str) -> Result<Bound, String> {
    let unknown = |message: String| format!("`{name}` is no field: {message}");
    let (bound, length) = Bound::parse(name).map_err(|wrong| unknown(wrong.message))?;
    if length < name.len() { Err(unknown("something follows it".to_owned())) } else { Ok(bound) }
}

fn every(row: &Row, taken: &Taken, wish: &Wish) -> Option<u64> {
    match row.every {
        Every::End => None,
        Every::SecondOfNow => (wish.source == Source::Now).then_some(SECOND),
        Every::Second => Some(SECOND),
        Every::Argument(name, default) => {
            let asked = taken.number(name).unwrap_or(default as f64);
            Some(((asked * 1e6) as u64).max(1_000_000))
        }
    }
}

/// Intervals by the time of events. They begin at whole multiples of their length.
struct Clock {
    interval: Option<u64>,
    begun: Option<u64>,
    ticked: Option<u64>,
    last: u64,
}

impl Clock {
    fn new(interval: Option<u64>) -> Self {
        Clock { interval, begun: None, ticked: None, last: 0 }
    }

    #[inline]
    fn pass(&mut self, time: u64) -> Option<Tick> {
        self.last = time;
        let interval = self.interval?;
        let begin = time - time % interval;
        let begun = *self.begun.get_or_insert(begin);
        if begin == begun {
            return None;
        }
        let length = self.ticked.map_or(0, |ticked| time.saturating_sub(ticked));
        if self.ticked.is_some() && length == 0 {
            return None;
        }
        (self.begun, self.ticked) = (Some(begin), Some(time));
        Some(Tick { time, length })
    }
}
