//! Views, which sysdig calls chisels: events counted, put together or told in other words. Each is a row: its name, its
//! arguments, which events it is about, and what it makes of them. One engine ([`View`]) evaluates all of them, over a
//! recording or over what happens now: it sees moments, not files.
//!
//! The rows stand in a file for each family; adding a view is adding a row. What sysdig has and this program has not is
//! [`ABSENT`].

mod argument;
mod around;
mod body;
mod heat;
mod line;
mod network;
mod page;
mod people;
mod slow;
mod spy;
mod sums;
mod system;
mod top;
mod view;

use fathom_filter::mistake::nearest;

pub use argument::{Argument, Taken, Takes, Words, take};
pub use around::Around;
pub use page::{Colours, Columns, Paint, Screen, Source, Wish};
pub use top::Top;
pub use view::{Known, Reads, View};

use crate::moment::{Buffers, Style};

use body::Body;
use line::Line;
use slow::Slow;
use top::Aggregate;

/// What a view is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Family {
    Application,
    Processors,
    Errors,
    Io,
    Logs,
    Misc,
    Network,
    Performance,
    Security,
    System,
}

impl Family {
    /// In the order of the alphabet, with what `-cl` calls them.
    pub const ALL: &[(Family, &'static str)] = &[
        (Family::Application, "Application"),
        (Family::Processors, "CPU Usage"),
        (Family::Errors, "Errors"),
        (Family::Io, "I/O"),
        (Family::Logs, "Logs"),
        (Family::Misc, "Misc"),
        (Family::Network, "Net"),
        (Family::Performance, "Performance"),
        (Family::Security, "Security"),
        (Family::System, "System State"),
    ];

    /// What `-cl` calls it.
    pub fn title(self) -> &'static str {
        Family::ALL.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }
}

/// How often something is written that is not written for each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// At the end.
    End,
    /// At the end of a recording, each second of what happens now.
    SecondOfNow,
    /// Each second, of recordings by the time of their events.
    Second,
    /// So many milliseconds as the argument says, or as many as these.
    Argument(&'static str, u64),
}

/// How a view shows data if nothing else is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// On one line.
    Dots,
    /// With its line breaks.
    Lines,
}

/// What a view cannot do without, beside its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// It needs nothing else.
    Nothing,
    /// A filter: of all events it makes no sense.
    Filter,
}

/// Which events a view is about.
#[derive(Clone, Copy)]
pub enum About {
    /// All.
    All,
    /// Those of which this holds; `{NAME}` stands for an argument.
    Those(&'static str),
    /// Those of which holds what is made of the arguments.
    Made(fn(&Taken) -> String),
}

/// What a view makes of events.
pub(crate) enum Shows {
    /// Keys with a number each, the largest first.
    Top(Top),
    /// Calls that took long.
    Slow(Slow),
    /// A line for each event.
    Line(Line),
    /// Something that remembers more.
    Other(fn(&Taken, &Wish) -> Box<dyn Body>),
}

/// One view.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub family: Family,
    /// One line, as `-cl` shows it.
    pub title: &'static str,
    /// What it takes, required ones first.
    pub arguments: &'static [Argument],
    /// Which events it is about.
    pub about: About,
    /// How many bytes of data it wants to be kept of a call.
    pub snaplen: Option<u32>,
    /// Whether it shows data with line breaks if nothing else is asked for.
    pub data: Data,
    /// When it writes.
    pub every: Every,
    /// What it says of the recording that it asks for besides: around how many events, and in which file.
    pub(crate) says: Option<fn(usize, &str) -> String>,
    /// Whether it is only about events that a filter chooses.
    pub needs: Needs,
    /// Which fields it reads, beside those that are columns of it.
    pub(crate) fields: &'static [&'static str],
    /// The field whose numbers it only adds up, if it makes nothing else of events.
    pub(crate) adds: Option<&'static str>,
    pub(crate) shows: Shows,
}

impl Row {
    const fn new(name: &'static str, family: Family, title: &'static str, shows: Shows) -> Self {
        let every = if matches!(shows, Shows::Top(_)) { Every::SecondOfNow } else { Every::End };
        Row {
            name,
            family,
            title,
            arguments: &[],
            about: About::All,
            snaplen: None,
            data: Data::Dots,
            every,
            says: None,
            needs: Needs::Nothing,
            fields: &[],
            adds: match &shows {
                Shows::Top(top) if matches!(top.aggregate, Aggregate::Sum) => Some(top.value.0),
                _ => None,
            },
            shows,
        }
    }

    const fn about(mut self, filter: &'static str) -> Self {
        self.about = About::Those(filter);
        self
    }

    const fn about_made(mut self, make: fn(&Taken) -> String) -> Self {
        self.about = About::Made(make);
        self
    }

    const fn taking(mut self, arguments: &'static [Argument]) -> Self {
        self.arguments = arguments;
        self
    }

    const fn reading(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = fields;
        self
    }

    const fn adding(mut self, field: &'static str) -> Self {
        self.adds = Some(field);
        self
    }

    const fn keeping(mut self, snaplen: u32) -> Self {
        self.snaplen = Some(snaplen);
        self
    }

    const fn every(mut self, every: Every) -> Self {
        self.every = every;
        self
    }

    /// It may keep what happened around the events that it shows, and says so.
    const fn keeping_around(mut self, says: fn(usize, &str) -> String) -> Self {
        self.says = Some(says);
        self
    }

    const fn needing(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    const fn with_lines(mut self) -> Self {
        self.data = Data::Lines;
        self
    }

    /// Whether it shows what is known at one moment, beside what its events say.
    pub(crate) fn is_of_a_moment(&self) -> bool {
        self.family == Family::System
    }

    /// The style in which fields are written for it. Views show data as long as it is.
    pub fn style(&self, asked: Style) -> Style {
        let buffers = match (self.data, asked.buffers) {
            (Data::Lines, Buffers::Dots) => Buffers::Ascii,
            (_, buffers) => buffers,
        };
        Style { buffers, longest: None, ..asked }
    }

    /// Whether it makes nothing of events but sums.
    pub fn only_adds(&self) -> bool {
        self.adds.is_some()
    }

    /// Whether these arguments ask for a recording beside what is shown.
    pub fn keeps(&self, taken: &Taken) -> bool {
        self.says.is_some() && Around::of(taken).is_some()
    }

    /// How it is called, as in `spy_port HOST_PORT [disable_color]`.
    pub fn usage(&self) -> String {
        let words = self.arguments.iter().map(|argument| {
            let name = argument.name.to_uppercase();
            if argument.optional { format!(" [{name}]") } else { format!(" {name}") }
        });
        format!("-c {}{}", self.name, words.collect::<String>())
    }

    /// Keys of its table with titles, and what is counted, if it is one.
    pub fn table(&self) -> Option<&Top> {
        match &self.shows {
            Shows::Top(top) => Some(top),
            _ => None,
        }
    }
}

/// All views.
pub const GROUPS: &[&[Row]] = &[
    top::ROWS,
    slow::ROWS,
    spy::ROWS,
    sums::ROWS,
    system::ROWS,
    people::ROWS,
    network::ROWS,
    heat::ROWS,
    around::ROWS,
];

/// What sysdig has and this program has not, with the reason.
pub const ABSENT: &[(&str, &str)] = &[
    ("flame", "it draws events of the type `tracer`, which nothing writes any more"),
    ("tracers_2_statsd", "it sends events of the type `tracer`, which nothing writes any more"),
    ("udp_extract", "it makes files whose names come from the network; `-A -c echo_fds fd.l4proto=udp` shows the data"),
    ("wsysdig_summary", "it is half of sysdig-inspect, made for no reader but its other half"),
];

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().copied().flatten()
}

/// The view of this name.
///
/// # Errors
/// Why there is none, and the name that was probably meant.
pub fn row(name: &str) -> Result<&'static Row, Wrong> {
    if let Some(row) = rows().find(|row| row.name == name) {
        return Ok(row);
    }
    if let Some((_, reason)) = ABSENT.iter().find(|row| row.0 == name) {
        return Err(Wrong { message: format!("there is no view `{name}`: {reason}"), hint: None });
    }
    let shown: String = name.chars().take(60).collect();
    let hint = match nearest(name, rows().map(|row| row.name)) {
        Some(near) => format!("did you mean `-c {near}`?"),
        None => "`fathom trace -cl` has all views".to_owned(),
    };
    Err(Wrong { message: format!("no view is called `{shown}`"), hint: Some(hint) })
}

/// Why a view cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

#[cfg(test)]
mod tests;
