//! What there is at one moment: processes, descriptors, connections, containers. Told at the first event that is asked
//! for, so that a filter chooses the moment.

use std::net::IpAddr;

use fathom_filter::Predicate;
use fathom_scap::Event;
use fathom_scap::event::Head;
use fathom_scap::schema::event_type;
use fathom_scap::schema::number;

use super::argument::Taken;
use super::body::{Body, Cells, End, Seen};
use super::page::{Page, Wish, bytes};
use super::{Argument, Family, Row, Shows, Takes};
use crate::fields::{Bound, Fields, carrier};
use crate::moment::{Moment, Purpose};
use crate::render::number::signed;
use crate::replay::Flow;
use crate::socket::write_address;
use crate::state::container::Engine;
use crate::state::descriptor::Table;
use crate::state::path::printable;
use crate::state::{Descriptor, Handle, Now, State, Thread};

const FILTER: &[Argument] =
    &[Argument::optional("filter", Takes::Filter, "only descriptors of which this holds, and their processes")];

/// The views.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        "ps",
        Family::System,
        "Processes and their threads",
        Shows::Other(|taken, wish| at_once(taken, wish, "", processes)),
    )
    .taking(FILTER),
    Row::new(
        "lsof",
        Family::System,
        "Open descriptors",
        Shows::Other(|taken, wish| at_once(taken, wish, "", descriptors)),
    )
    .taking(FILTER),
    Row::new(
        "netstat",
        Family::System,
        "Connections, and who listens",
        Shows::Other(|taken, wish| at_once(taken, wish, "(fd.type=ipv4 or fd.type=ipv6)", connections)),
    )
    .taking(FILTER),
    Row::new("lscontainers", Family::System, "Containers", Shows::Other(|_, _| Box::new(Containers))),
];

/// One thread, and those of its descriptors that are asked for.
struct Found<'s> {
    thread: &'s Thread,
    fds: Vec<(i64, &'s Descriptor)>,
}

type Write = fn(&State, &[Found<'_>], &mut Page);

struct AtOnce {
    filter: Option<Predicate<Bound>>,
    wish: Wish,
    write: Write,
}

fn at_once(taken: &Taken, wish: &Wish, always: &str, write: Write) -> Box<dyn Body> {
    let asked = taken.get("filter").filter(|asked| !asked.is_empty()).map(|asked| format!("({asked})"));
    let parts: Vec<_> =
        [Some(always.to_owned()).filter(|always| !always.is_empty()), asked].into_iter().flatten().collect();
    let filter = fathom_filter::compile(&parts.join(" and "), &Fields).ok().filter(|_| !parts.is_empty());
    Box::new(AtOnce { filter, wish: *wish, write })
}

impl Body for AtOnce {
    fn moment(&mut self, _: &Cells<'_>, _: &mut Page) -> Flow {
        Flow::Enough
    }

    fn end(&mut self, end: &End<'_>, page: &mut Page) {
        if end.seen == Seen::Nothing {
            page.line("empty capture or no event matching the filter");
            return;
        }
        // Of a machine of which a part is looked at, that part.
        let looked_at = end.state.threads.iter().filter(|thread| !thread.aside);
        let mut found: Vec<_> = looked_at.filter_map(|thread| self.find(end, thread)).collect();
        found.sort_by_key(|found| found.thread.tid);
        (self.write)(end.state, &found, page);
    }
}

/// As if a descriptor had been read from.
const READ: u16 = number::end(number::READ);

impl AtOnce {
    /// What is asked for of a thread; nothing if a filter lets none of its descriptors pass.
    fn find<'s>(&self, end: &End<'s>, thread: &'s Thread) -> Option<Found<'s>> {
        let state = end.state;
        let place = state.threads.find_quietly(thread.tid)?;
        let table = state.threads.table_of(place);
        let mut fds: Vec<_> = table.map(|table| &state.threads[table].fds).map_or_else(Vec::new, all);
        if let Some(filter) = &self.filter {
            let kind = event_type(READ)?;
            // Of this event nothing is known: it is as if the descriptor were read from.
            let event = Event::new(Head { ts: end.time, tid: thread.tid, number: READ, cpu: 0 }, &[], &[]);
            let mut scratch = Vec::new();
            fds.retain(|(fd, _)| {
                let handle = table.map(|table| Handle { table, fd: *fd });
                let now = Now { thread: Some(place), fd: handle, ..Now::default() };
                let (style, purpose) = (&self.wish.style, Purpose::Compare);
                filter.holds(&Moment { event: &event, kind, state, now: &now, number: 0, style, purpose }, &mut scratch)
            });
            if fds.is_empty() {
                return None;
            }
        }
        Some(Found { thread, fds })
    }
}

/// In the order of their numbers.
fn all(table: &Table) -> Vec<(i64, &Descriptor)> {
    let mut fds: Vec<_> = table.iter().map(|(fd, descriptor)| (*fd, descriptor)).collect();
    fds.sort_by_key(|(fd, _)| *fd);
    fds
}

fn decimal(number: i64) -> Vec<u8> {
    let mut text = Vec::new();
    signed(number, &mut text);
    text
}

fn user(state: &State, thread: &Thread) -> Vec<u8> {
    state
        .users
        .get(&thread.uid)
        .filter(|_| thread.uid != u32::MAX)
        .map_or_else(|| b"<NA>".to_vec(), |user| user.name.to_vec())
}

fn processes(state: &State, found: &[Found<'_>], page: &mut Page) {
    for (title, width) in
        [("TID", 8), ("PID", 8), ("USER", 12), ("VIRT", 11), ("RES", 11), ("FDLIMIT", 10), ("CMD", 20)]
    {
        page.column(title.as_bytes(), width);
    }
    page.line(b"");
    for Found { thread, .. } in found {
        page.column(&decimal(thread.tid), 8).column(&decimal(thread.pid), 8).column(&user(state, thread), 12);
        let memory = |kib: u32| bytes(f64::from(kib) * 1024.0).into_bytes();
        page.column(&memory(thread.memory[0]), 11).column(&memory(thread.memory[1]), 11);
        page.column(&decimal(i64::from(thread.fdlimit as u32)), 10).line(&thread.comm);
    }
}

fn descriptors(state: &State, found: &[Found<'_>], page: &mut Page) {
    for (title, width) in [("COMMAND", 20), ("PID", 8), ("TID", 8), ("USER", 8), ("FD", 8), ("TYPE", 12)] {
        page.column(title.as_bytes(), width);
    }
    page.line("NAME");
    for Found { thread, fds } in found {
        for (fd, descriptor) in fds {
            page.column(&thread.comm, 20).column(&decimal(thread.pid), 8).column(&decimal(thread.tid), 8);
            page.column(&user(state, thread), 8).column(&decimal(i64::from(*fd as u32)), 8);
            page.column(descriptor.thing.word().as_bytes(), 12);
            printable(&descriptor.name, &mut page.text);
            page.line(b"");
        }
    }
}

fn connections(_: &State, found: &[Found<'_>], page: &mut Page) {
    for (title, width) in [("Proto", 6), ("Server Address", 25), ("Client Address", 25), ("State", 15)] {
        page.column(title.as_bytes(), width);
    }
    page.line("TID/PID/Program Name");
    for Found { thread, fds } in found {
        for (_, descriptor) in fds {
            let tuple = &descriptor.tuple;
            let listens = !descriptor.thing.is_stream();
            let (client, state) = if listens {
                (b"0.0.0.0:*".to_vec(), "LISTEN")
            } else {
                (address(tuple.source, tuple.sport), "ESTABLISHED")
            };
            let transport = carrier(descriptor);
            page.column(transport.as_bytes(), 6).column(&address(tuple.target, tuple.dport), 25);
            page.column(&client, 25).column(state.as_bytes(), 15);
            page.put(decimal(thread.tid)).put("/").put(decimal(thread.pid)).put("/").line(&thread.comm);
        }
    }
}

fn address(address: IpAddr, port: u16) -> Vec<u8> {
    let mut text = Vec::new();
    write_address(address, &mut text);
    text.extend_from_slice(format!(":{port}").as_bytes());
    text
}

struct Containers;

impl Body for Containers {
    fn moment(&mut self, _: &Cells<'_>, _: &mut Page) -> Flow {
        Flow::Enough
    }

    fn end(&mut self, end: &End<'_>, page: &mut Page) {
        const COLUMNS: [(&str, usize); 4] =
            [("container.type", 15), ("container.image", 16), ("container.name", 20), ("container.id", 13)];
        for (title, width) in COLUMNS {
            page.column(title.as_bytes(), width);
        }
        page.line(b"");
        for (_, width) in COLUMNS {
            page.column("-".repeat(width).as_bytes(), width);
        }
        page.line(b"");
        let mut containers: Vec<_> = end.state.containers.values().collect();
        containers.sort_by(|one, other| one.id.cmp(&other.id));
        for container in containers {
            let engine = match container.engine {
                Engine::LibvirtLxc => "libvirt_lxc",
                engine if engine.word().is_empty() => "unknown",
                engine => engine.word(),
            };
            page.column(engine.as_bytes(), 15).column(&container.image[0], 16);
            page.column(&container.name, 20).column(&container.id, 13).line(b"");
        }
    }
}
