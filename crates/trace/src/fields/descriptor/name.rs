//! Names of descriptors: of what is open, and of what a call that failed should have opened.

use fathom_model::Value;
use fathom_scap::schema::number::{ACCEPT, ACCEPT_5, ACCEPT4, ACCEPT4_5, CONNECT, CREAT, OPEN, OPENAT_2, OPENAT2, end};

use super::{About, about, found};
use crate::fields::{Bound, made};
use crate::moment::{Moment, Purpose};
use crate::render;
use crate::state::Thing;
use crate::state::path::{is_printable, join, printable};

/// Whether the container's id stands before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Name,
    WithContainer,
}

/// A text of the descriptor: as it is to be compared with, without what cannot be printed to be shown.
fn clean<'a>(m: &Moment<'_>, text: &'a [u8], scratch: &'a mut Vec<u8>) -> Value<'a> {
    if m.purpose == Purpose::Compare || text.iter().all(|byte| is_printable(*byte)) {
        return Value::bytes(text);
    }
    scratch.clear();
    printable(text, scratch);
    made(scratch)
}

/// Connecting is done, or has failed.
const CONNECTED: u16 = end(CONNECT);

pub(super) fn name<'a>(m: &Moment<'a>, scratch: &'a mut Vec<u8>, part: Part) -> Value<'a> {
    let Some(about) = about(m) else { return Value::Unknown };
    let failed = m.event.number == CONNECTED && m.event.i64(0).unwrap_or(0) < 0;
    let Some(found) = about.found.filter(|_| !failed) else {
        let Some(name) = asked_for(m) else { return Value::Unknown };
        prefix(&about, part, scratch);
        scratch.extend_from_slice(&name);
        return made(scratch);
    };
    if part == Part::Name {
        return clean(m, &found.name, scratch);
    }
    prefix(&about, part, scratch);
    if m.purpose == Purpose::Compare {
        scratch.extend_from_slice(&found.name)
    } else {
        printable(&found.name, scratch)
    }
    made(scratch)
}

fn prefix(about: &About<'_>, part: Part, into: &mut Vec<u8>) {
    if part == Part::WithContainer {
        into.extend_from_slice(&about.thread.container);
        into.push(b':');
    }
}

/// Event types that end a call which makes a descriptor: where the name is, and the folder's descriptor before it.
const NAMES: &[(u16, usize, bool)] = &[
    (end(OPEN), 1, false),
    (end(ACCEPT), 1, false),
    (end(ACCEPT_5), 1, false),
    (end(ACCEPT4), 1, false),
    (end(ACCEPT4_5), 1, false),
    (end(CREAT), 1, false),
    (CONNECTED, 1, false),
    (end(OPENAT_2), 2, true),
    (end(OPENAT2), 2, true),
];

/// The name of what should have been made; of other calls nothing, but no less than that.
fn asked_for(m: &Moment<'_>) -> Option<Vec<u8>> {
    if m.kind.is_enter() {
        return None;
    }
    let Some((_, index, in_folder)) = NAMES.iter().find(|row| row.0 == m.event.number) else { return Some(Vec::new()) };
    let mut value = Vec::new();
    if !in_folder {
        render::write_meaning(m, *index, &mut value);
        return Some(value);
    }
    let place = render::thread_place(m)?;
    let (name, folder) = (m.event.param(*index)?, m.event.i64(index - 1)?);
    let threads = &m.state.threads;
    let whole = match folder {
        _ if name.first() == Some(&b'/') => join(b".", name),
        -100 => join(threads.main_of(place).map_or(b"./", |main| &threads[main].cwd), name),
        folder => match m.state.descriptor_of(place, folder) {
            Some(found) => join(&[&found.name[..], b"/"].concat(), name),
            None => join(b"<UNKNOWN>", name),
        },
    };
    Some(whole)
}

pub(super) fn directory<'a>(m: &Moment<'a>, scratch: &'a mut Vec<u8>, part: Part) -> Value<'a> {
    let Some(about) = about(m) else { return Value::Unknown };
    let (name, is_file) = match about.found {
        Some(found) if matches!(found.thing, Thing::File | Thing::Folder) => {
            (found.name.to_vec(), found.thing == Thing::File)
        }
        Some(_) => return Value::Unknown,
        None => match asked_for(m) {
            Some(name) => (name, true),
            None => return Value::Unknown,
        },
    };
    prefix(&about, part, scratch);
    let start = scratch.len();
    if m.purpose == Purpose::Compare {
        scratch.extend_from_slice(&name)
    } else {
        printable(&name, scratch)
    }
    if is_file {
        match scratch[start..].iter().rposition(|byte| *byte == b'/') {
            Some(at) if at > 0 && at + 1 < scratch.len() - start => scratch.truncate(start + at),
            Some(at) if at > 0 => {}
            _ => {
                scratch.truncate(start);
                scratch.push(b'/');
            }
        }
    }
    made(scratch)
}

pub(super) fn filename<'a>(m: &'a Moment<'a>, _: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(found) = found(m).filter(|found| found.thing == Thing::File) else { return Value::Unknown };
    let name = &found.name[..];
    match name.iter().rposition(|byte| *byte == b'/') {
        Some(at) if at + 1 < name.len() => clean(m, &name[at + 1..], scratch),
        Some(_) => clean(m, name, scratch),
        None => Value::text("/"),
    }
}
