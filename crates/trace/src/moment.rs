//! One event among everything that is known when it happens: what fields are read from.

use fathom_scap::Event;
use fathom_scap::schema::EventType;

use crate::Ports;
use crate::state::{Now, State, Thread};

/// How data that was read or written is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Buffers {
    /// What cannot be printed as a dot.
    #[default]
    Dots,
    /// Only what can be printed, with line breaks.
    Ascii,
    /// In hexadecimal.
    Hex,
    /// In hexadecimal, and what can be printed beside it.
    HexAscii,
    /// In base64.
    Base64,
}

/// Which time stands before an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// The time of the day.
    #[default]
    Human,
    /// Seconds since 1970.
    Absolute,
    /// Seconds since the first event.
    Relative,
    /// How long the call took.
    Latency,
    /// Seconds since the event before.
    Delta,
}

impl Clock {
    /// By its letter.
    pub fn of(letter: &str) -> Option<Self> {
        Some(match letter {
            "h" => Clock::Human,
            "a" => Clock::Absolute,
            "r" => Clock::Relative,
            "d" => Clock::Latency,
            "D" => Clock::Delta,
            _ => return None,
        })
    }
}

/// How things are written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Data.
    pub buffers: Buffers,
    /// No more of data than so many characters, unless it is written in one of the special ways.
    pub longest: Option<usize>,
    /// The time before an event.
    pub clock: Clock,
    /// Seconds that the clock on the wall is ahead of UTC.
    pub offset: i32,
    /// Ports.
    pub ports: Ports,
    /// As JSON, in which nothing is shortened.
    pub json: Json,
}

/// Whether it is written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Json {
    /// As text.
    #[default]
    No,
    /// As JSON.
    Yes,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            buffers: Buffers::default(),
            longest: Some(80),
            clock: Clock::default(),
            offset: 0,
            ports: Ports::default(),
            json: Json::default(),
        }
    }
}

/// Why a field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be shown: what cannot be printed is left out.
    Show,
    /// To be compared: as it is.
    Compare,
}

/// What events add up to that are like one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// How many there are.
    pub count: u64,
    /// How long their calls took, in nanoseconds.
    pub time: u64,
}

/// One event.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// Its row of the schema.
    pub kind: &'static EventType,
    /// Everything that is known.
    pub state: &'a State,
    /// Whose it is and what it is about.
    pub now: &'a Now,
    /// How many events there were, this one included; zero if it is asked about outside of events.
    pub number: u64,
    /// How it is written.
    pub style: &'a Style,
    /// Why it is read.
    pub purpose: Purpose,
}

impl<'a> Moment<'a> {
    /// The thread that the event is shown to be of.
    #[inline]
    pub fn thread(&self) -> Option<&'a Thread> {
        self.state.shown(self.now, self.event)
    }

    /// The thread, where the event is one of its calls.
    #[inline]
    pub fn caller(&self) -> Option<&'a Thread> {
        self.now.thread.map(|place| &self.state.threads[place])
    }

    /// The event's parameters that the schema knows.
    pub fn params(&self) -> usize {
        self.event.count().min(self.kind.params.len())
    }
}
