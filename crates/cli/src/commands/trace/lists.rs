//! `fathom trace --list`, `--list-events`, `-cl` and `-i`: the tables of fields, events and views as text.

use std::fmt::Write as _;

use fathom_scap::schema::{EVENTS, Traits};
#[cfg(target_os = "linux")]
use fathom_trace::early::APART;
use fathom_trace::fields::{GROUPS, Place, Takes};
use fathom_trace::views::{self, About, Family, Row};
#[cfg(target_os = "linux")]
use fathom_trace::views::{View, Wish};
#[cfg(target_os = "linux")]
use fathom_trace::{Each, Early, Shown};

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

/// Every view with one line.
pub(super) fn views() -> String {
    let mut text = String::new();
    for (family, title) in Family::ALL {
        let _ = writeln!(text, "{}{title}", if text.is_empty() { "" } else { "\n" });
        let mut rows: Vec<_> = views::rows().filter(|row| row.family == *family).collect();
        rows.sort_by_key(|row| row.name);
        for row in rows {
            let _ = writeln!(text, "  {:20} {}", row.name, row.title);
        }
    }
    text
}

/// What one view is and what it takes.
pub(super) fn view(row: &Row) -> String {
    let mut text = format!("{}\n\n  fathom trace {} [FILTER]\n", row.title, row.usage());
    if !row.arguments.is_empty() {
        text.push('\n');
    }
    for argument in row.arguments {
        let _ = writeln!(text, "  {:20} {}", argument.name.to_uppercase(), argument.doc);
    }
    if let About::Those(filter) = row.about {
        let _ = writeln!(text, "\nevents: {filter}");
    }
    if let Some(top) = row.table() {
        let (keys, with) = (top.keys.0, top.with_containers.0);
        let _ = writeln!(text, "keys:   {keys}");
        if with != keys {
            let _ = writeln!(text, "-pc:    {with}");
        }
        let _ = writeln!(text, "value:  {}", top.value.0);
    }
    text
}

/// The reference page of views.
#[cfg(target_os = "linux")]
pub(crate) fn views_page() -> String {
    let mut text =
        "# Views\n\n`fathom trace -c VIEW [ARGUMENTS] [FILTER]` shows one; sysdig calls them chisels. A filter \
                    is asked besides the view's own. `-pc` and `-pk` give some views columns of containers.\n"
            .to_owned();
    for (family, title) in Family::ALL {
        let _ = writeln!(
            text,
            "\n## {title}\n\n| view | arguments | what it shows | which events | added up in the kernel |\n|{}",
            " --- |".repeat(5)
        );
        for row in views::rows().filter(|row| row.family == *family) {
            let arguments: Vec<_> = row.arguments.iter().map(argument).collect();
            let about = match row.about {
                About::All => "all".to_owned(),
                About::Those(filter) => format!("`{filter}`"),
                About::Made(_) => "by its arguments".to_owned(),
            };
            let keys = row.table().map(|top| format!("; by `{}`", top.keys.0)).unwrap_or_default();
            let added = added(row);
            let _ = writeln!(
                text,
                "| `{}` | {} | {}{keys} | {about} | {added} |",
                row.name,
                arguments.join("<br>"),
                row.title
            );
        }
    }
    let fields: Vec<_> = APART.iter().map(|row| format!("`{}`", row.0)).collect();
    let _ = writeln!(
        text,
        "\n## What is added up in the kernel\n\nOf what happens now, these views show sums alone: calls are counted in \
         the kernel, by what the view tells them apart by, and only what says who threads are is told one by one. So it is \
         if the view stands alone, nothing is recorded, no number of events is asked for (`-n`, `-S`), and filters and keys \
         read no other fields than these: {}. A call that is under way counts when it returns.",
        fields.join(", ")
    );
    text.push_str("\n## What sysdig has and fathom has not\n\n| chisel | why |\n| --- | --- |\n");
    for (name, why) in views::ABSENT {
        let _ = writeln!(text, "| `{name}` | {why} |");
    }
    text
}

/// Whether a view is added up in the kernel.
#[cfg(target_os = "linux")]
fn added(row: &'static views::Row) -> &'static str {
    if !row.only_adds() {
        return "";
    }
    let Ok(taken) = views::take(row, &[], |_| false) else { return "by its arguments" };
    let Ok(view) = View::new(row, &taken.taken, Wish::default()) else { return "" };
    let shown = Shown::Views(None, vec![view.reads()], Each::IsNothing);
    if Early::new(None, &shown).totals().is_some() { "yes" } else { "" }
}

#[cfg(target_os = "linux")]
fn argument(argument: &views::Argument) -> String {
    let name = argument.name.to_uppercase();
    let name = if argument.optional { format!("[{name}]") } else { name };
    format!("`{name}`: {}", argument.doc)
}
