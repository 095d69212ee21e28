//! `fathom trace --list` and `--list-events`: the tables of fields and events as text.

use std::fmt::Write as _;

use fathom_scap::schema::{EVENTS, Traits};
use fathom_trace::fields::{GROUPS, Place, Takes};

/// Every field with one sentence.
pub(super) fn fields() -> String {
    let mut text = String::new();
    for group in GROUPS {
        let _ = writeln!(text, "{}{}: {}", if text.is_empty() { "" } else { "\n" }, group.name, group.doc);
        for row in group.rows.iter().filter(|row| row.place != Place::View) {
            let name = format!("{}{}", row.name, example(row.takes));
            let note = if row.place == Place::Filter { " (in filters only)" } else { "" };
            let _ = writeln!(text, "  {name:32} {}{note}", row.doc);
        }
    }
    text
}

/// How an argument is written.
fn example(takes: Takes) -> &'static str {
    match takes {
        Takes::Nothing => "",
        Takes::Generation => "[N]",
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
