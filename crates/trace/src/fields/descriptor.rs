//! Fields of the descriptor that the call is about.

use std::net::IpAddr;

use fathom_model::{Kind, Value};
use fathom_scap::Transport;
use fathom_scap::schema::Traits;

use super::{Argument, Bound, Place, Row, Shape, Takes, made};
use crate::moment::{Moment, Purpose};
use crate::render;
use crate::render::number::signed;
use crate::socket::write_port;
use crate::state::descriptor::{Tuple, flag};
use crate::state::path::{is_printable, join, printable};
use crate::state::{Descriptor, Thing, Thread};

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

/// Whether the container's id stands before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
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
const CONNECTED: u16 = 23;

fn name<'a>(m: &Moment<'a>, scratch: &'a mut Vec<u8>, part: Part) -> Value<'a> {
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
    (3, 1, false),
    (27, 1, false),
    (247, 1, false),
    (57, 1, false),
    (249, 1, false),
    (59, 1, false),
    (CONNECTED, 1, false),
    (307, 2, true),
    (327, 2, true),
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

fn directory<'a>(m: &Moment<'a>, scratch: &'a mut Vec<u8>, part: Part) -> Value<'a> {
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

fn filename<'a>(m: &'a Moment<'a>, _: &'a Bound, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(found) = found(m).filter(|found| found.thing == Thing::File) else { return Value::Unknown };
    let name = &found.name[..];
    match name.iter().rposition(|byte| *byte == b'/') {
        Some(at) if at + 1 < name.len() => clean(m, &name[at + 1..], scratch),
        Some(_) => clean(m, name, scratch),
        None => Value::text("/"),
    }
}

/// The letter of what a call makes, by the number of the event on its way in.
const LETTERS: &[(u16, &str)] = &[
    (2, "f"),
    (102, "f"),
    (306, "f"),
    (326, "f"),
    (58, "f"),
    (18, "4"),
    (26, "4"),
    (246, "4"),
    (56, "4"),
    (248, "4"),
    (60, "p"),
    (62, "e"),
    (126, "s"),
    (136, "t"),
    (138, "i"),
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

/// Connections whose client and server are known.
fn connection<'a>(m: &Moment<'a>) -> Option<&'a Descriptor> {
    found(m).filter(|found| found.thing.is_stream() && !found.is_roleless())
}

fn client<'a>(m: &Moment<'a>, get: fn(&Tuple) -> IpAddr) -> Value<'a> {
    connection(m).map_or(Value::Unknown, |found| Value::Address(get(&found.tuple)))
}

fn server<'a>(m: &Moment<'a>) -> Value<'a> {
    let known = found(m).filter(|found| found.thing.is_net() && !found.is_roleless());
    known.map_or(Value::Unknown, |found| Value::Address(found.tuple.target))
}

fn ends<'a>(m: &Moment<'a>) -> Value<'a> {
    match found(m) {
        Some(found) if found.thing.is_stream() => Value::Addresses([found.tuple.source, found.tuple.target]),
        Some(found) if found.thing.is_net() => Value::Address(found.tuple.target),
        _ => Value::Unknown,
    }
}

fn ports<'a>(m: &Moment<'a>) -> Value<'a> {
    match found(m) {
        Some(found) if found.thing.is_stream() => Value::Ports([found.tuple.sport, found.tuple.dport]),
        Some(found) if found.thing.is_net() => Value::Ports([found.tuple.dport; 2]),
        _ => Value::Unknown,
    }
}

fn client_port<'a>(m: &Moment<'a>) -> Value<'a> {
    match found(m).filter(|found| !found.is_roleless()) {
        Some(found) if found.thing.is_stream() => Value::Unsigned(found.tuple.sport.into()),
        // Of what has a role and no port, the port is zero.
        Some(_) => Value::Unsigned(0),
        None => Value::Unknown,
    }
}

fn server_port<'a>(m: &Moment<'a>) -> Value<'a> {
    let known = found(m).filter(|found| found.thing.is_net() && !(found.thing.is_stream() && found.is_roleless()));
    known.map_or(Value::Unknown, |found| Value::Unsigned(found.tuple.dport.into()))
}

/// A side of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Local,
    Remote,
}

/// An end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Target,
}

fn side<'a>(m: &Moment<'a>, side: Side, get: impl Fn(&Tuple, End) -> Value<'a>) -> Value<'a> {
    let (Some(about), Some(found)) = (about(m), connection(m)) else { return Value::Unknown };
    let local = m.state.is_local(found.tuple.source, about.thread);
    let end = if local == (side == Side::Local) { End::Source } else { End::Target };
    get(&found.tuple, end)
}

fn address(tuple: &Tuple, end: End) -> IpAddr {
    if end == End::Source { tuple.source } else { tuple.target }
}

fn port<'a>(tuple: &Tuple, end: End) -> Value<'a> {
    Value::Unsigned(if end == End::Source { tuple.sport } else { tuple.dport }.into())
}

fn service(m: &Moment<'_>, found: &Descriptor, port: u16, into: &mut Vec<u8>) {
    write_port(port, found.transport().unwrap_or_default(), m.style.ports, into);
}

fn side_service<'a>(m: &Moment<'a>, which: Side, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Value::Unsigned(number) = side(m, which, port) else { return Value::Unknown };
    let Some(found) = connection(m) else { return Value::Unknown };
    service(m, found, number as u16, scratch);
    made(scratch)
}

pub(crate) fn carrier(found: &Descriptor) -> &'static str {
    match found.transport() {
        Some(Transport::Tcp) => "tcp",
        Some(Transport::Udp) => "udp",
        Some(Transport::Icmp) => "icmp",
        Some(Transport::Raw) => "raw",
        Some(Transport::Unknown) | None => "<NA>",
    }
}

fn device<'a>(m: &Moment<'a>, get: fn(&Descriptor) -> u32) -> Value<'a> {
    found(m).map_or(Value::Unknown, |found| Value::Number(i64::from(get(found) as i32)))
}
