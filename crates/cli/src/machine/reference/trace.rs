//! The pages of events and of system calls, from the schema of captures and from the table that the kernel's half is
//! given.

use fathom_kernel::row::{Copy, Fd, Length, When};
use fathom_kernel::{number, table as calls};
use fathom_scap::schema::{EVENTS, EventType, Kind, Traits, event_type};

use crate::output::markdown::table;

/// `docs/reference/trace-events.md`.
pub(super) fn events() -> String {
    let rows = EVENTS.iter().filter(|event| !event.traits.any(Traits::UNUSED)).map(|event| {
        let params = event.params.iter().map(|param| format!("{} {}", param.name, kind(param.kind)));
        let direction = if event.is_enter() { ">" } else { "<" };
        let age = if event.traits.any(Traits::OLD) { "before" } else { "" };
        vec![
            event.number.to_string(),
            format!("`{direction} {}`", event.name),
            format!("{:?}", event.category).to_lowercase(),
            age.to_owned(),
            params.collect::<Vec<_>>().join(", "),
        ]
    });
    let intro = "Every type of event that a recording can hold: `>` on the way into a call, `<` on the way out. Numbers \
                 are those of the files. Newer recorders append parameters; where a newer type has taken the place of \
                 one, that one was written *before*.";
    let columns = ["number", "event", "category", "written", "parameters"];
    format!("# Events\n\n{intro}\n\n{}", table(&columns, rows))
}

fn kind(kind: Kind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// `docs/reference/trace-syscalls.md`.
pub(super) fn calls() -> String {
    let rows = calls::rows().map(|row| {
        let number = number::number(row.name).map_or_else(String::new, |number| number.to_string());
        let copied = row.copies.iter().map(|(when, copy)| format!("{}{}", copied(*copy), moment(*when)));
        vec![
            format!("`{}`", row.name),
            number,
            row.event.to_string(),
            names(event_type(row.event), row.enter.len()),
            names(event_type(row.event + 1), row.exit.len()),
            copied.collect::<Vec<_>>().join("; "),
        ]
    });
    let intro = "What `fathom trace` tells of system calls beyond their name, and what the kernel copies for it when a \
                 call ends. All others are told with their name alone. Arguments are counted from 0. Numbers are those of x86-64; the number of the \
                 event is that of the [page of events](trace-events.md) on the way in, and one more on the way out.";
    let columns = ["call", "number", "event", "on the way in", "on the way out", "what is copied"];
    format!("# System calls\n\n{intro}\n\n{}", table(&columns, rows))
}

fn names(event: Option<&EventType>, count: usize) -> String {
    let params = event.map_or(&[][..], |event| event.params);
    params.iter().take(count).map(|param| param.name).collect::<Vec<_>>().join(", ")
}

fn moment(when: When) -> &'static str {
    match when {
        When::Always => "",
        When::Success => " if it succeeds",
        When::Failure => " if it fails",
    }
}

fn copied(copy: Copy) -> String {
    match copy {
        Copy::Text(arg) => format!("text at {arg}"),
        Copy::Data(arg, length) => format!("data at {arg}, {}", long(length)),
        Copy::Array(arg, length, bytes) => format!("elements of {bytes} bytes at {arg}, {}", long(length)),
        Copy::Struct(arg, bytes) => format!("{bytes} bytes at {arg}"),
        Copy::Address(arg, length) => format!("address at {arg}, {}", long(length)),
        Copy::Vector(arg, count) => format!("vector at {arg} with as many parts as {count} says"),
        Copy::Message(arg) => format!("message at {arg}"),
        Copy::Texts(arg) => format!("texts at {arg}"),
        Copy::Task => "the task".to_owned(),
        Copy::Memory => "the task's memory".to_owned(),
        Copy::Socket(fd) => format!("the socket {}", descriptor(fd)),
        Copy::File(fd) => format!("the file {}", descriptor(fd)),
        Copy::Program(arg) => format!("program at {arg}"),
        Copy::Arguments(arg) => format!("arguments at {arg}"),
        Copy::Environment(arg) => format!("environment at {arg}"),
    }
}

fn descriptor(fd: Fd) -> String {
    match fd {
        Fd::Arg(arg) => format!("in {arg}"),
        Fd::Return => "that was made".to_owned(),
        Fd::At(arg) => format!("whose descriptor is at {arg}"),
        Fd::Program => "that is executed".to_owned(),
    }
}

fn long(length: Length) -> String {
    match length {
        Length::Arg(arg) => format!("as long as {arg} says"),
        Length::Return => "as long as what is returned".to_owned(),
        Length::ReturnOr(arg) => format!("as long as what is returned, or as {arg} says if it fails"),
        Length::At(arg) => format!("as long as the number at {arg} says"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_says_what_it_copies() {
        let page = calls();
        for row in calls::rows() {
            assert!(page.contains(&format!("| `{}` |", row.name)), "{}", row.name);
        }
        assert!(page.contains("| `read` | 0 | 6 | fd, size | res, data, fd, size | data at 1, as long as what is returned if it succeeds |"));
    }
}
