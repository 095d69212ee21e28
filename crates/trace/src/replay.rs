//! A recording played again: events one after the other, each with everything that is known when it happens.

use fathom_filter::Predicate;
use fathom_scap::event::STATE_ONLY;
use fathom_scap::schema::number::{CONTAINER, CONTAINER_LONG, CONTAINER_OLD, GROUP_DELETED, USER_ADDED, end};
use fathom_scap::schema::{Category, EventType, Traits, event_type};
use fathom_scap::{Error, Event, Gap, Item, Reader};

use crate::fields::Bound;
use crate::lines::Accounts;
use crate::moment::{Amount, Moment, Purpose, Style};
use crate::recorder::{Reason, Recorder};
use crate::state::{Now, State, Text, Thread};

/// What is asked of a recording.
pub struct Replay {
    /// Everything that is known so far.
    pub state: State,
    /// Only events of which this holds.
    pub filter: Option<Predicate<Bound>>,
    /// How things are written.
    pub style: Style,
    /// Where users have their names from.
    pub accounts: Accounts,
    /// What was counted.
    pub counts: Counts,
    /// What keeps a recording of it.
    pub recorder: Option<Recorder>,
    loaded: bool,
    scratch: Vec<u8>,
}

/// What was counted while a recording was read.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events of types that the schema knows.
    pub events: u64,
    /// Events that were passed on.
    pub passed: u64,
    /// Events of types that the schema does not know.
    pub unknown: u64,
    /// What of the recording could not be read.
    pub gaps: Vec<Gap>,
    /// How many gaps there were more than are told.
    pub more_gaps: u64,
}

/// Types of events that describe containers, in three generations.
const CONTAINERS: &[u16] = &[CONTAINER_OLD, CONTAINER, CONTAINER_LONG];

/// Types of events that name users and groups.
const ACCOUNTS: std::ops::RangeInclusive<u16> = USER_ADDED..=end(GROUP_DELETED);

/// Of very damaged recordings not every gap is told.
const GAPS: usize = 20;

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Give me the next.
    On,
    /// I have seen enough.
    Enough,
}

/// Who is shown a recording. A function that takes moments is one.
pub trait Watcher {
    /// An event that is asked for.
    fn moment(&mut self, moment: &Moment<'_>) -> Flow;

    /// An event that is not asked for happened at this time: clocks go on.
    #[inline]
    fn other(&mut self, _time: u64) -> Flow {
        Flow::On
    }

    /// So many events that are asked for, of which this is one. What it returned is what all of them returned.
    fn total(&mut self, _moment: &Moment<'_>, _amount: &Amount) {}

    /// What every thread used of processors was told up to this time.
    fn told_use(&mut self, _time: u64) {}

    /// Of what happened up to this time, nothing more is to be added.
    fn settled(&mut self, _time: u64) -> Flow {
        Flow::On
    }
}

impl<F: FnMut(&Moment<'_>) -> Flow> Watcher for F {
    #[inline]
    fn moment(&mut self, moment: &Moment<'_>) -> Flow {
        self(moment)
    }
}

impl Replay {
    /// With what is asked for.
    pub fn new(filter: Option<Predicate<Bound>>, style: Style) -> Self {
        let state = State::new(style.ports);
        Replay {
            state,
            filter,
            style,
            accounts: Accounts::Recorded,
            counts: Counts::default(),
            recorder: None,
            loaded: false,
            scratch: Vec::new(),
        }
    }

    /// Plays it, and hands every event on that the filter lets pass.
    ///
    /// # Errors
    /// What the reader says.
    pub fn play(&mut self, reader: &mut Reader<'_>, each: &mut impl Watcher) -> Result<(), Error> {
        while let Some(item) = reader.next()? {
            let damage = match item {
                Item::Event(event) => {
                    if self.event(&event, each) == Flow::Enough {
                        return Ok(());
                    }
                    continue;
                }
                Item::Section { .. } => {
                    self.state.clear();
                    self.loaded = false;
                    if let Some(recorder) = &mut self.recorder {
                        recorder.section();
                    }
                    Ok(())
                }
                Item::Users(_) if self.accounts == Accounts::Unnamed => Ok(()),
                Item::Users(users) => self.state.load_users(users),
                Item::Interfaces(interfaces) => self.state.load_interfaces(interfaces),
                Item::Processes(processes) => self.state.load_processes(processes),
                Item::Descriptors(descriptors) => self.state.load_descriptors(descriptors),
                Item::Gap(gap) => {
                    self.gap(gap);
                    Ok(())
                }
                Item::Machine(machine) => {
                    self.state.machine = machine.into();
                    Ok(())
                }
                Item::Other(_) => Ok(()),
            };
            if let Err(damage) = damage {
                self.gap(Gap { offset: reader.offset(), length: 0, damage });
            }
        }
        Ok(())
    }

    fn gap(&mut self, gap: Gap) {
        if self.counts.gaps.len() < GAPS {
            self.counts.gaps.push(gap);
        } else {
            self.counts.more_gaps += 1;
        }
    }

    /// One event: whose it is, whether it is asked for, what it changes.
    #[inline]
    pub fn event(&mut self, event: &Event<'_>, each: &mut impl Watcher) -> Flow {
        let Some(kind) = event_type(event.number) else {
            self.counts.unknown += 1;
            return if self.filter.is_none() { self.record(event, Reason::Asked) } else { Flow::On };
        };
        // These are tables in the form of events.
        if ACCOUNTS.contains(&event.number) {
            let flow = self.record_table(event);
            if self.accounts == Accounts::Recorded {
                self.state.apply(event, &mut Now::default());
            }
            return flow;
        }
        self.counts.events += 1;
        if !self.loaded {
            // Containers that are described before anything happens belong to the tables.
            if CONTAINERS.contains(&event.number) {
                self.learn(event);
                return Flow::On;
            }
            self.loaded = true;
            self.state.finish_loading();
        }
        self.happen(event, kind, each)
    }

    /// An event of a known type, now that all tables are there.
    #[inline]
    fn happen(&mut self, event: &Event<'_>, kind: &'static EventType, each: &mut impl Watcher) -> Flow {
        let mut now = self.state.begin(event, kind);
        // What is certain to be recorded is recorded before it changes what is known: readers do that themselves.
        let certain = self.filter.is_none() || kind.category == Category::Internal;
        if certain && self.record(event, Reason::Asked) == Flow::Enough {
            return Flow::Enough;
        }
        if self.filter.is_some() {
            self.state.recall(event, &mut now);
        }
        // What changes the state is followed before it is asked about, everything else not at all if nobody asks.
        let changes = kind.traits.any(Traits::STATE);
        if !changes && !self.asked_for(event, kind, &now) {
            self.state.forget_call(event, kind, &now);
            return each.other(event.ts);
        }
        let before = (!certain && self.recorder.is_some()).then(|| self.state.folder_before(event, &now)).flatten();
        self.state.apply(event, &mut now);
        let asked = !changes || self.asked_for(event, kind, &now);
        let reason = if asked { Reason::Asked } else { Reason::Change };
        if !certain && self.record_as_it_was(event, reason, &now, before) == Flow::Enough {
            return Flow::Enough;
        }
        if !asked || now.hidden || event.flags & STATE_ONLY != 0 {
            return each.other(event.ts);
        }
        self.state.finish(kind, &now);
        self.counts.passed += 1;
        each.moment(&self.moment(event, kind, &now, Purpose::Show))
    }

    /// So many events, of which `event` is one, where `then` is its thread as it was if it is another one by now. They
    /// change nothing.
    pub fn total(&mut self, event: &Event<'_>, then: Option<Thread>, amount: &Amount, each: &mut impl Watcher) {
        let Some(kind) = event_type(event.number) else { return };
        self.counts.events += amount.count;
        let now = match then {
            Some(thread) => self.state.stand_in(thread),
            None => self.state.find_caller(event.tid),
        };
        if self.asked_for(event, kind, &now) {
            self.counts.passed += amount.count;
            each.total(&self.moment(event, kind, &now, Purpose::Show), amount);
        }
    }

    /// What an event says that did not happen, a description of a container for instance. It is recorded, and not shown.
    pub fn learn(&mut self, event: &Event<'_>) {
        if let Some(kind) = event_type(event.number) {
            // If that fails, the next event says so.
            self.record_table(event);
            let mut now = self.state.begin(event, kind);
            self.state.apply(event, &mut now);
        }
    }

    /// Keeps an event, if anything is kept; whether that makes sense any longer.
    #[inline]
    fn record(&mut self, event: &Event<'_>, reason: Reason) -> Flow {
        match &mut self.recorder {
            Some(recorder) => recorder.keep(event, &self.state, reason),
            None => Flow::On,
        }
    }

    /// Keeps an event that was followed already, with the working folder that its thread had `before`: readers change it
    /// themselves.
    #[inline]
    fn record_as_it_was(&mut self, event: &Event<'_>, reason: Reason, now: &Now, before: Option<Text>) -> Flow {
        let after = before.map(|before| self.state.exchange_folder(now, before));
        let flow = self.record(event, reason);
        after.map(|after| self.state.exchange_folder(now, after));
        flow
    }

    /// Keeps a table in the form of an event. If there is a filter, nobody knows yet when the recording will begin, and
    /// what is known then will be written.
    fn record_table(&mut self, event: &Event<'_>) -> Flow {
        let is_known_then = self.filter.is_some() && self.recorder.as_ref().is_some_and(Recorder::is_due);
        if is_known_then { Flow::On } else { self.record(event, Reason::Table) }
    }

    /// Ends the recording. One of nothing still says what there was.
    pub fn finish_recording(&mut self) -> Option<Recorder> {
        let mut recorder = self.recorder.take()?;
        if !self.loaded {
            self.state.finish_loading();
        }
        recorder.finish(&self.state);
        Some(recorder)
    }

    #[inline]
    fn asked_for(&mut self, event: &Event<'_>, kind: &'static EventType, now: &Now) -> bool {
        let Some(filter) = &self.filter else { return true };
        let mut scratch = std::mem::take(&mut self.scratch);
        let holds = filter.holds(&self.moment(event, kind, now, Purpose::Compare), &mut scratch);
        self.scratch = scratch;
        holds
    }

    fn moment<'a>(
        &'a self,
        event: &'a Event<'a>,
        kind: &'static EventType,
        now: &'a Now,
        purpose: Purpose,
    ) -> Moment<'a> {
        let number = self.counts.events;
        Moment { event, kind, state: &self.state, now, number, style: &self.style, purpose }
    }
}

/// Whether an event is the recorder's own, and is not shown.
pub fn is_internal(moment: &Moment<'_>) -> bool {
    moment.kind.category == Category::Internal
}
