//! Fields of the descriptor that the call is about.

mod connection;
mod name;

use fathom_model::{Kind, Value};
use fathom_scap::schema::{Traits, number};

use super::{Argument, Bound, Place, Row, Shape, Takes, made};
use crate::moment::{Moment, Purpose};
use crate::render;
use crate::render::number::signed;
use crate::state::descriptor::flag;
use crate::state::{Descriptor, Thing, Thread};
pub(crate) use connection::carrier;
use connection::{
    Side, address, client, client_port, ends, port, ports, server, server_port, service, side, side_service,
};
use name::{Part, directory, filename, name};

/// Why addresses have no names.
const NO_RESOLVER: &str = "nobody is asked for the names of addresses, which may be others by now";

/// The fields.
pub(super) const ROWS: &[Row] = &[
    Row::new("fd.num", Kind::Number, "number of the descriptor", |m, _, _| {
        // Views ask about descriptors that no event is about.
        let asked = m.now.fd.filter(|_| m.number == 0).map(|handle| handle.fd);
        about(m).map_or(Value::Unknown, |about| Value::Number(asked.unwrap_or(about.thread.last_fd)))
    }),
    Row::new("fd.type", Kind::Text, "what it leads to: file, directory, ipv4, unix, pipe and so on", |m, _, _| {
        found(m).map_or(Value::Unknown, |found| Value::text(found.thing.word()))
    }),
    Row::new("fd.typechar", Kind::Text, "the same as one letter", type_letter),
    Row::new("fd.name", Kind::Text, "path of a file, both ends of a connection", |m, _, s| name(m, s, Part::Name)),
    Row::new("fd.directory", Kind::Text, "folder of a file", |m, _, s| directory(m, s, Part::Name)),
    Row::new("fd.filename", Kind::Text, "name of a file without its folder", filename),
    Row::new("fd.ip", Kind::Address, "either address of a connection", |m, _, _| ends(m)).only(Place::Filter),
    Row::new("fd.cip", Kind::Address, "address of the client", |m, _, _| client(m, |t| t.source)),
    Row::new("fd.sip", Kind::Address, "address of the server", |m, _, _| server(m)),
    Row::new("fd.lip", Kind::Address, "address of this side", |m, _, _| {
        side(m, Side::Local, |t, end| Value::Address(address(t, end)))
    }),
    Row::new("fd.rip", Kind::Address, "address of the other side", |m, _, _| {
        side(m, Side::Remote, |t, end| Value::Address(address(t, end)))
    }),
    Row::new("fd.port", Kind::Port, "either port of a connection", |m, _, _| ports(m)).only(Place::Filter),
    Row::new("fd.cport", Kind::Port, "port of the client", |m, _, _| client_port(m)),
    Row::new("fd.sport", Kind::Port, "port of the server", |m, _, _| server_port(m)),
    Row::new("fd.lport", Kind::Port, "port of this side", |m, _, _| side(m, Side::Local, port)),
    Row::new("fd.rport", Kind::Port, "port of the other side", |m, _, _| side(m, Side::Remote, port)),
    Row::new("fd.l4proto", Kind::Text, "what carries the bytes: tcp, udp, icmp or raw", |m, _, _| {
        found(m).map_or(Value::Unknown, |found| Value::text(carrier(found)))
    }),
    Row::new("fd.sockfamily", Kind::Text, "ip or unix", |m, _, _| match found(m).map(|found| found.thing) {
        Some(thing) if thing.is_net() => Value::text("ip"),
        Some(Thing::Unix) => Value::text("unix"),
        _ => Value::Unknown,
    }),
    Row::new("fd.is_server", Kind::Flag, "whether this side is the server", |m, _, _| {
        let Some(about) = about(m) else { return Value::Unknown };
        about.found.map_or(Value::Unknown, |found| {
            Value::Flag(match found.thing {
                Thing::V4Server | Thing::V6Server => true,
                Thing::V4 | Thing::V6 => m.state.is_local(found.tuple.target, about.thread),
                _ => false,
            })
        })
    }),
    Row::new("fd.uid", Kind::Text, "thread id and number in one", |m, _, s| {
        let Some(about) = about(m) else { return Value::Unknown };
        signed(about.thread.tid, s);
        signed(about.thread.last_fd, s);
        made(s)
    }),
    Row::new("fd.containername", Kind::Text, "container and fd.name in one", |m, _, s| name(m, s, Part::WithContainer)),
    Row::new("fd.containerdirectory", Kind::Text, "container and fd.directory in one", |m, _, s| {
        directory(m, s, Part::WithContainer)
    }),
    Row::new("fd.proto", Kind::Port, "either port, by the name of its service", |m, _, _| ports(m)).only(Place::Filter),
    Row::new("fd.cproto", Kind::Text, "service of the client's port", |m, _, s| {
        let Some(found) = found(m).filter(|found| !found.is_roleless()) else { return Value::Unknown };
        if found.thing.is_stream() {
            service(m, found, found.tuple.sport, s);
        }
        made(s)
    }),
    Row::new("fd.sproto", Kind::Text, "service of the server's port", |m, _, s| {
        let Some(found) = found(m).filter(|found| found.thing.is_net()) else { return Value::Unknown };
        if found.thing.is_stream() {
            if found.is_roleless() {
                return Value::Unknown;
            }
            service(m, found, found.tuple.dport, s);
        }
        made(s)
    }),
    Row::new("fd.lproto", Kind::Text, "service of this side's port", |m, _, s| side_service(m, Side::Local, s)),
    Row::new("fd.rproto", Kind::Text, "service of the other side's port", |m, _, s| side_service(m, Side::Remote, s)),
    Row::new("fd.net", Kind::Network, "network of either address", |m, _, _| ends(m)).only(Place::Filter),
    Row::new("fd.cnet", Kind::Network, "network of the client", |m, _, _| client(m, |t| t.source)).only(Place::Filter),
    Row::new("fd.snet", Kind::Network, "network of the server", |m, _, _| server(m)).only(Place::Filter),
    Row::new("fd.lnet", Kind::Network, "network of this side", |m, _, _| {
        side(m, Side::Local, |t, end| Value::Address(address(t, end)))
    })
    .only(Place::Filter),
    Row::new("fd.rnet", Kind::Network, "network of the other side", |m, _, _| {
        side(m, Side::Remote, |t, end| Value::Address(address(t, end)))
    })
    .only(Place::Filter),
    Row::new("fd.connected", Kind::Flag, "whether the connection stands", |m, _, _| {
        found(m).map_or(Value::Unknown, |found| Value::Flag(found.flags & flag::CONNECTED != 0))
    }),
    Row::new("fd.name_changed", Kind::Flag, "whether this event gave it another name", |m, _, _| {
        found(m).map_or(Value::Unknown, |_| Value::Flag(m.now.renamed))
    }),
    Row::void("fd.cip.name", Kind::Text, "name of the client", NO_RESOLVER),
    Row::void("fd.sip.name", Kind::Text, "name of the server", NO_RESOLVER),
    Row::void("fd.lip.name", Kind::Text, "name of this side", NO_RESOLVER),
    Row::void("fd.rip.name", Kind::Text, "name of the other side", NO_RESOLVER),
    Row::new("fd.dev", Kind::Number, "device that a file is on", |m, _, _| device(m, |found| found.device))
        .shaped(Shape::Hex),
    Row::new("fd.dev.major", Kind::Number, "major number of that", |m, _, _| {
        device(m, |found| found.device_numbers().0)
    }),
    Row::new("fd.dev.minor", Kind::Number, "minor number of that", |m, _, _| {
        device(m, |found| found.device_numbers().1)
    }),
    Row::new("fd.ino", Kind::Unsigned, "inode", |m, _, _| {
        found(m).map_or(Value::Unknown, |found| Value::Unsigned(found.inode))
    }),
    Row::new("fd.nameraw", Kind::Text, "name, also what cannot be printed", |m, _, _| {
        found(m).map_or(Value::Unknown, |found| Value::bytes(&found.name))
    }),
    Row::new(
        "fd.types",
        Kind::Text,
        "what the descriptors of the process lead to, or one of them, such as fd.types[0]",
        types,
    )
    .taking(Takes::Generation),
    Row::new("fd.is_upper_layer", Kind::Flag, "whether a file is in the upper layer of an overlay", |m, _, _| {
        found(m).map_or(Value::Unknown, |found| Value::Flag(found.flags & flag::UPPER_LAYER != 0))
    }),
    Row::new("fd.is_lower_layer", Kind::Flag, "whether a file is in the lower layer of an overlay", |m, _, _| {
        found(m).map_or(Value::Unknown, |found| Value::Flag(found.flags & flag::LOWER_LAYER != 0))
    }),
];

/// The descriptor and whose it is, of events that make, use or end one.
struct About<'a> {
    thread: &'a Thread,
    found: Option<&'a Descriptor>,
}

fn about<'a>(m: &Moment<'a>) -> Option<About<'a>> {
    if !m.kind.traits.any(Traits::CREATES_FD.and(Traits::USES_FD).and(Traits::DESTROYS_FD)) {
        return None;
    }
    let place = render::thread_place(m)?;
    let thread = &m.state.threads[place];
    let found = m.now.fd.and_then(|handle| m.state.descriptor(handle));
    // Where the call did not say it, the thread's last one is meant.
    let found = found.or_else(|| m.state.descriptor_of(place, thread.last_fd));
    Some(About { thread, found })
}

fn found<'a>(m: &Moment<'a>) -> Option<&'a Descriptor> {
    about(m)?.found
}

/// Each type once, in the order of the first descriptor of it.
fn types<'a>(m: &'a Moment<'a>, bound: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(place) = render::thread_place(m) else { return Value::Unknown };
    if let Argument::Index(fd) = bound.argument {
        return m.state.descriptor_of(place, fd).map_or(Value::Unknown, |found| Value::text(found.thing.word()));
    }
    let Some(table) = m.state.threads.table_of(place) else { return Value::Unknown };
    let mut all: Vec<_> = m.state.threads[table].fds.iter().map(|(fd, found)| (*fd, found.thing.word())).collect();
    all.sort_unstable();
    let mut words: Vec<&str> = Vec::new();
    for (_, word) in all {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if m.purpose == Purpose::Compare {
        return Value::Any(words.into_iter().map(Value::text).collect());
    }
    scratch.extend_from_slice(format!("({})", words.join(",")).as_bytes());
    made(scratch)
}

/// The letter of what a call makes, by the number of the event on its way in.
const LETTERS: &[(u16, &str)] = &[
    (number::OPEN, "f"),
    (number::OPENAT, "f"),
    (number::OPENAT_2, "f"),
    (number::OPENAT2, "f"),
    (number::CREAT, "f"),
    (number::SOCKET, "4"),
    (number::ACCEPT, "4"),
    (number::ACCEPT_5, "4"),
    (number::ACCEPT4, "4"),
    (number::ACCEPT4_5, "4"),
    (number::PIPE, "p"),
    (number::EVENTFD, "e"),
    (number::SIGNALFD, "s"),
    (number::TIMERFD_CREATE, "t"),
    (number::INOTIFY_INIT, "i"),
];

fn type_letter<'a>(m: &'a Moment<'a>, _: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(about) = about(m) else { return Value::Unknown };
    match about.found {
        Some(found) => {
            scratch.push(found.thing.letter());
            made(scratch)
        }
        None => {
            let call = m.event.number & !1;
            Value::text(LETTERS.iter().find(|row| row.0 == call).map_or("o", |row| row.1))
        }
    }
}

fn device<'a>(m: &Moment<'a>, get: fn(&Descriptor) -> u32) -> Value<'a> {
    found(m).map_or(Value::Unknown, |found| Value::Number(i64::from(get(found) as i32)))
}
