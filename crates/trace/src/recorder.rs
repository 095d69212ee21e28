//! What is played, kept as a recording again: of another one, filtered and in another layout, or of what happens now.
//! Each file begins with what is known before its first event, so that it can be read alone.

mod tables;
mod whom;

use std::io::{self, Write};

use fathom_filter::Predicate;
use fathom_scap::event::{Kept, STATE_ONLY};
use fathom_scap::{Beginnings, Event, Profile, Writer};

use crate::fields::Bound;
use crate::replay::Flow;
use crate::state::State;
use whom::Whom;

/// No more events than these are kept for tables to come.
const PREFACE: usize = 4096;

/// Where a recording goes, one whole block with each call of [`Write::write_all`].
pub trait Keeper: Write {
    /// Before an event of this time: whether it goes into another file than what came before it.
    ///
    /// # Errors
    /// That there cannot be another file.
    fn turn(&mut self, time: u64) -> io::Result<bool>;

    /// Nothing more will come.
    ///
    /// # Errors
    /// What could not be written.
    fn finish(&mut self) -> io::Result<()>;

    /// How many events were taken and did not arrive, after an error.
    fn lost(&self) -> u64;
}

/// Why an event is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is asked for.
    Asked,
    /// It is not, and changes what later ones mean.
    Change,
    /// It is a table in the form of an event.
    Table,
}

/// What becomes of events that only change what later ones mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Changes {
    /// They are left out, as in sysdig.
    #[default]
    Dropped,
    /// They are kept, and not shown.
    Hidden,
}

/// What to do when nothing more can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterError {
    /// Go on and count what is missing.
    Count,
    /// Stop.
    Stop,
}

/// Keeps what is played.
pub struct Recorder {
    writer: Writer<Box<dyn Keeper>>,
    changes: Changes,
    after: AfterError,
    /// Tables hold only processes of which this may hold.
    processes: Option<Predicate<Bound>>,
    /// Whether tables are due: of a new file, or of another section.
    due: bool,
    begun: bool,
    /// Events that belong to the tables that are due.
    preface: Vec<Kept>,
    /// Why nothing more was kept.
    error: Option<io::Error>,
    missing: u64,
}

/// How it went.
#[derive(Debug)]
pub struct Ending {
    /// Calls of which only the name was kept.
    pub bare: u64,
    /// Events that should have been kept, and were not.
    pub missing: u64,
    /// Whether those are all.
    pub after: AfterError,
    /// Why.
    pub error: Option<io::Error>,
}

impl Recorder {
    /// Hands what it keeps to `keeper`.
    pub fn new(keeper: Box<dyn Keeper>, profile: Profile, changes: Changes, after: AfterError) -> Self {
        let beginnings = match changes {
            Changes::Dropped => Beginnings::Shown,
            Changes::Hidden => Beginnings::Hidden,
        };
        let writer = Writer::new(keeper, profile).with_beginnings(beginnings);
        Recorder {
            writer,
            changes,
            after,
            processes: None,
            due: true,
            begun: false,
            preface: Vec::new(),
            error: None,
            missing: 0,
        }
    }

    /// The same, with tables of those processes only of whose events `filter` may let one pass, as they are then.
    #[must_use]
    pub fn with_processes(self, filter: Option<Predicate<Bound>>) -> Self {
        Recorder { processes: filter, ..self }
    }

    /// Whether nothing was kept yet of what is to come.
    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    /// What is known so far is void: another section begins.
    pub fn section(&mut self) {
        self.due = true;
        self.preface.clear();
    }

    /// An event, and what was known before it.
    pub(crate) fn keep(&mut self, event: &Event<'_>, state: &State, reason: Reason) -> Flow {
        match reason {
            Reason::Change if self.changes == Changes::Dropped => return Flow::On,
            // The tables that a file begins with have it.
            Reason::Table if self.due => {
                self.preface(event);
                return Flow::On;
            }
            _ => {}
        }
        if self.error.is_none()
            && let Err(error) = self.write(event, state, reason)
        {
            self.error = Some(error);
            self.missing += self.writer.out().lost();
        } else if self.error.is_some() {
            self.missing += 1;
        }
        match self.after {
            AfterError::Stop if self.error.is_some() => Flow::Enough,
            _ => Flow::On,
        }
    }

    /// Keeps what describes containers and users before anything happens, so that it is told in the same words.
    fn preface(&mut self, event: &Event<'_>) {
        if self.preface.len() < PREFACE {
            let mut kept = Kept::default();
            kept.keep(event);
            self.preface.push(kept);
        }
    }

    fn write(&mut self, event: &Event<'_>, state: &State, reason: Reason) -> io::Result<()> {
        // Until it is handed on, nobody else counts it.
        self.missing += 1;
        if self.writer.out().turn(event.ts)? {
            self.due = true;
        }
        if std::mem::take(&mut self.due) {
            self.begin(state, event.ts)?;
        }
        self.missing -= 1;
        if reason != Reason::Change {
            return self.writer.event(event);
        }
        let mut hidden = *event;
        hidden.flags |= STATE_ONLY;
        self.writer.event(&hidden)
    }

    /// Writes what is known at this moment.
    fn begin(&mut self, state: &State, time: u64) -> io::Result<()> {
        self.begun = true;
        let whom = Whom::of(state, self.processes.as_ref());
        tables::write(state, &whom, (time, &self.preface), &mut self.writer)?;
        self.preface.clear();
        Ok(())
    }

    /// Hands on what is held, so that others can see it.
    pub fn flush(&mut self) {
        if self.error.is_none()
            && let Err(error) = self.writer.out().flush()
        {
            self.error = Some(error);
            self.missing += self.writer.out().lost();
        }
    }

    pub(crate) fn finish(&mut self, state: &State) {
        if self.error.is_some() {
            return;
        }
        let begin = |recorder: &mut Recorder| -> io::Result<()> {
            if !recorder.begun {
                recorder.writer.out().turn(0)?;
                recorder.begin(state, 0)?;
            }
            recorder.writer.out().finish()
        };
        if let Err(error) = begin(self) {
            self.error = Some(error);
            self.missing += self.writer.out().lost();
        }
    }

    /// How it went.
    pub fn ending(self) -> Ending {
        Ending { bare: self.writer.bare(), missing: self.missing, after: self.after, error: self.error }
    }
}
