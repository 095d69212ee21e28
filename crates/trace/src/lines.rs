//! A recording written as lines, or shown by views: what `sysdig -r` does with its options.

use std::io::{self, Write};

use fathom_filter::Predicate;
use fathom_scap::{Error, Reader};

use crate::early::{Each, Shown};
use crate::fields::Bound;
use crate::format::{Format, Written};
use crate::moment::{Amount, Moment, Purpose, Style};
use crate::replay::{Counts, Flow, Replay, Watcher, is_internal};
use crate::state::{Exec, State};
use crate::summary::Summary;
use crate::views::{Around, Screen, View};

/// So much is collected before it is written, unless every line is wanted at once.
const CHUNK: usize = 64 * 1024;

/// What is asked for.
pub struct Lines {
    /// What a line looks like.
    pub format: Format,
    /// Only events of which this holds. What is known of threads and descriptors depends on it, as in sysdig.
    pub filter: Option<Predicate<Bound>>,
    /// Of those, only events of which this holds; nothing that is known depends on it.
    pub shown: Option<Predicate<Bound>>,
    /// How things are written.
    pub style: Style,
    /// No more events than these.
    pub most: Option<u64>,
    /// No more nanoseconds than these.
    pub longest: Option<u64>,
    /// What is written.
    pub what: What,
    /// What is shown instead of lines, if there is any of it.
    pub views: Vec<View>,
    /// When it is written.
    pub when: When,
    /// Where users have their names from.
    pub accounts: Accounts,
    /// What becomes of descriptors that are closed on exec.
    pub exec: Exec,
    /// What becomes of the recorder's own events.
    pub own: Own,
}

/// What becomes of the recorder's own events, such as processor times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// They are counted, and have no lines.
    Hidden,
    /// They are shown too.
    Shown,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A line for each event.
    Events,
    /// Nothing.
    Nothing,
}

/// When lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Many at once.
    Together,
    /// Each at once.
    Each,
}

/// Where users have their names from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// From the recording.
    Recorded,
    /// They have none.
    Unnamed,
}

/// Why writing ended before the recording did.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The recording cannot be read any further.
    #[error(transparent)]
    Recording(#[from] Error),
    /// Nobody takes the lines any more.
    #[error("cannot write what was asked for")]
    Output(#[from] io::Error),
}

impl Lines {
    /// Default lines of everything.
    pub fn new(format: Format) -> Self {
        Lines {
            format,
            filter: None,
            shown: None,
            style: Style::default(),
            most: None,
            longest: None,
            what: What::Events,
            views: Vec::new(),
            when: When::Together,
            accounts: Accounts::Recorded,
            exec: Exec::Keeps,
            own: Own::Hidden,
        }
    }

    /// Writes the recording. `summary` counts what passed by.
    ///
    /// # Errors
    /// What the reader says, or whoever takes the lines.
    pub fn write(
        self,
        reader: &mut Reader<'_>,
        out: &mut dyn Write,
        summary: Option<&mut Summary>,
    ) -> Result<Counts, Stopped> {
        let (mut replay, mut page) = self.begin(out, summary);
        let played = replay.play(reader, &mut page);
        page.finish(&replay.state)?;
        played?;
        Ok(replay.counts)
    }

    /// What keeps the state, and what writes the moments that it hands on.
    pub fn begin<'o>(self, out: &'o mut dyn Write, summary: Option<&'o mut Summary>) -> (Replay, Page<'o>) {
        let mut replay = Replay::new(self.filter, self.style);
        replay.accounts = self.accounts;
        replay.state.exec = self.exec;
        let page = Page {
            format: self.format,
            shown: self.shown,
            most: self.most,
            longest: self.longest,
            what: self.what,
            own: self.own,
            views: self.views,
            when: self.when,
            out,
            summary,
            text: Vec::with_capacity(CHUNK * 2),
            begun: None,
            seen: 0,
            broken: None,
            scratch: Vec::new(),
        };
        (replay, page)
    }
}

/// Moments as lines, on their way out.
pub struct Page<'o> {
    format: Format,
    shown: Option<Predicate<Bound>>,
    most: Option<u64>,
    longest: Option<u64>,
    what: What,
    own: Own,
    views: Vec<View>,
    when: When,
    out: &'o mut dyn Write,
    summary: Option<&'o mut Summary>,
    text: Vec<u8>,
    /// When the first moment was.
    begun: Option<u64>,
    seen: u64,
    broken: Option<io::Error>,
    scratch: Vec<u8>,
}

impl Page<'_> {
    /// Every field that is read of what passes.
    pub fn fields(&self) -> Vec<&Bound> {
        self.format.fields().chain(self.shown.iter().flat_map(Predicate::fields)).collect()
    }

    /// Writes what happened, or keeps it until there is more.
    pub fn take(&mut self, moment: &Moment<'_>) -> Flow {
        if self.most.is_some_and(|most| self.seen >= most) {
            return Flow::Enough;
        }
        let first = *self.begun.get_or_insert(moment.event.ts);
        if self.longest.is_some_and(|longest| moment.event.ts.wrapping_sub(first) >= longest) {
            return Flow::Enough;
        }
        self.seen += 1;
        if let Some(summary) = &mut self.summary {
            summary.count(moment);
        }
        let flow = self.write(moment);
        // Nobody waits for one more event to hear that it is one too many.
        if self.most == Some(self.seen) { Flow::Enough } else { flow }
    }

    fn write(&mut self, moment: &Moment<'_>) -> Flow {
        if !self.views.is_empty() {
            return self.view(moment);
        }
        if self.what == What::Nothing || (self.own == Own::Hidden && is_internal(moment)) {
            return Flow::On;
        }
        let start = self.text.len();
        if self.format.write(moment, &mut self.text) == Written::Nothing {
            return Flow::On;
        }
        // Asked after it was written, because fields that compare with the event before count what is written.
        let compared = Moment { purpose: Purpose::Compare, ..*moment };
        if self.shown.as_ref().is_some_and(|shown| !shown.holds(&compared, &mut self.scratch)) {
            self.text.truncate(start);
            return Flow::On;
        }
        self.text.push(b'\n');
        if self.text.len() >= CHUNK || self.when == When::Each { self.flush() } else { Flow::On }
    }

    fn view(&mut self, moment: &Moment<'_>) -> Flow {
        let compared = Moment { purpose: Purpose::Compare, ..*moment };
        if self.shown.as_ref().is_some_and(|shown| !shown.holds(&compared, &mut self.scratch)) {
            return self.other(moment.event.ts);
        }
        let mut flow = Flow::On;
        for view in &mut self.views {
            if view.moment(moment) == Flow::Enough {
                flow = Flow::Enough;
            }
        }
        if self.collect() == Flow::Enough { Flow::Enough } else { flow }
    }

    /// Takes what views have written.
    fn collect(&mut self) -> Flow {
        for view in &mut self.views {
            self.text.append(view.text());
        }
        let due = self.text.len() >= CHUNK || (self.when == When::Each && !self.text.is_empty());
        if due { self.flush() } else { Flow::On }
    }

    /// Time goes on though nothing happens: what is shown at intervals is shown.
    pub fn idle(&mut self, time: u64) {
        self.views.iter_mut().for_each(|view| view.idle(time));
        self.views.iter_mut().for_each(|view| self.text.append(view.text()));
    }

    /// What is shown is shown on a screen of another size from now on.
    pub fn resize(&mut self, screen: Screen) {
        self.views.iter_mut().for_each(|view| view.resize(screen));
    }

    /// Whether a view is about processor times.
    pub fn reads_processors(&self) -> bool {
        self.views.iter().any(View::reads_processors)
    }

    /// What views ask to be kept beside what they show.
    pub fn around(&self) -> Vec<Around> {
        self.views.iter().filter_map(View::around).cloned().collect()
    }

    /// What becomes of what passes.
    pub fn shown(&self) -> Shown<'_> {
        if self.views.is_empty() {
            return Shown::Fields(self.fields());
        }
        let each = if self.most.is_some() || self.summary.is_some() { Each::Counts } else { Each::IsNothing };
        Shown::Views(self.shown.as_ref(), self.views.iter().map(View::reads).collect(), each)
    }

    /// From `now` on totals come beside events.
    pub fn wait_for_totals(&mut self, now: u64) {
        self.views.iter_mut().for_each(|view| view.wait_for_totals(now));
    }

    /// How many bytes of data views want to be kept of a call.
    pub fn snaplen(&self) -> Option<u32> {
        self.views.iter().filter_map(View::snaplen).max()
    }

    /// Writes what was kept.
    pub fn flush(&mut self) -> Flow {
        if self.text.is_empty() {
            return Flow::On;
        }
        let written = self.out.write_all(&self.text).and_then(|()| self.out.flush());
        self.text.clear();
        if let Err(error) = written {
            self.broken = Some(error);
            return Flow::Enough;
        }
        Flow::On
    }

    /// Writes what is left, and what views say at the end of everything.
    ///
    /// # Errors
    /// What whoever takes the lines has said, now or before.
    pub fn finish(mut self, state: &State) -> Result<(), Stopped> {
        if self.broken.is_none() {
            for view in &mut self.views {
                view.end(state);
                self.text.append(view.text());
            }
            self.flush();
        }
        self.broken.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Watcher for Page<'_> {
    fn moment(&mut self, moment: &Moment<'_>) -> Flow {
        self.take(moment)
    }

    #[inline]
    fn other(&mut self, time: u64) -> Flow {
        if self.views.is_empty() {
            return Flow::On;
        }
        self.views.iter_mut().for_each(|view| view.pass(time));
        self.collect()
    }

    fn total(&mut self, moment: &Moment<'_>, amount: &Amount) {
        let compared = Moment { purpose: Purpose::Compare, ..*moment };
        if self.shown.as_ref().is_none_or(|shown| shown.holds(&compared, &mut self.scratch)) {
            self.views.iter_mut().for_each(|view| view.total(moment, amount));
        }
    }

    fn told_use(&mut self, time: u64) {
        self.views.iter_mut().for_each(|view| view.told_use(time));
    }

    fn settled(&mut self, time: u64) -> Flow {
        self.views.iter_mut().for_each(|view| view.settle(time));
        self.collect()
    }
}
