//! `fathom trace --list` and `--list-events`: the tables of fields and events as text.

use std::fmt::Write as _;

use fathom_scap::schema::{EVENTS, Traits};
use fathom_trace::fields::{GROUPS, Place, Takes};

use super::pages::{holds, place};

/// How much is said of each field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// One sentence.
    Brief,
    /// Also what it holds, and fields that are there for views.
    Full,
}

/// Every field with one sentence.
pub(super) fn fields(detail: Detail) -> String {
    let mut text = String::new();
    for group in GROUPS {
        let _ = writeln!(text, "{}{}: {}", if text.is_empty() { "" } else { "\n" }, group.name, group.doc);
        for row in group.rows.iter().filter(|row| detail == Detail::Full || row.place != Place::View) {
            let name = format!("{}{}", row.name, example(row.takes));
            let held = if detail == Detail::Full { format!("{:14} ", holds(row.kind)) } else { String::new() };
            let _ = write!(text, "  {name:32} {held}{}{}", row.doc, place(row));
            let _ = match row.void {
                Some(why) if detail == Detail::Full => writeln!(text, " (always empty: {why})"),
                Some(_) => writeln!(text, " (always empty)"),
                None => writeln!(text),
            };
        }
    }
    text
}

/// How an argument is written.
pub(super) fn example(takes: Takes) -> &'static str {
    match takes {
        Takes::Nothing => "",
        Takes::Generation => "[N]",
        Takes::Variable => "[N|NAME]",
        Takes::Param => "[N], .NAME",
        Takes::ParamName | Takes::EventName | Takes::Subsystem | Takes::Label => ".NAME",
        Takes::Pattern => "[N|PATH]",
        Takes::Instant => "[NS]",
        Takes::End => ", .src, .dst",
        Takes::Anything => "[…]",
    }
}

/// Every event with its parameters, as they are on the way in and on the way out.
pub(super) fn events() -> String {
    let mut text = String::new();
    for event in EVENTS.iter().filter(|event| !event.traits.any(Traits::UNUSED.and(Traits::OLD))) {
        let params =
            event.params.iter().map(|param| format!("{} {}", format!("{:?}", param.kind).to_uppercase(), param.name));
        let direction = if event.is_enter() { '>' } else { '<' };
        let _ = writeln!(text, "{direction} {}({})", event.name, params.collect::<Vec<_>>().join(", "));
    }
    text
}
