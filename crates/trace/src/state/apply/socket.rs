//! Sockets: made, bound, connected, accepted, and what reading and writing tells of the other end.

use fathom_scap::schema::Traits;
use fathom_scap::schema::number::*;
use fathom_scap::{Event, Transport};

use super::Transition;
use crate::socket::{Packed, connection};
use crate::state::descriptor::{Descriptor, Thing, Tuple, flag};
use crate::state::load::contains;
use crate::state::threads::Place;
use crate::state::{Handle, Now, State, path};

/// Event types and what they do.
pub(super) const ROWS: &[(u16, Transition)] = &[
    // socket, socketpair, bind, connect
    (SOCKET, State::keep),
    (end(SOCKET), made),
    (end(SOCKETPAIR), paired),
    (end(BIND), bound),
    (CONNECT, connecting),
    (end(CONNECT), connected),
    // accept and accept4 in three generations
    (end(ACCEPT), accepted),
    (end(ACCEPT4), accepted),
    (end(ACCEPT_5), accepted),
    (end(ACCEPT4_5), accepted),
    (end(ACCEPT4_6), accepted),
    // What carries data, in and out.
    (end(READ), moved),
    (end(WRITE), moved),
    (end(SEND), moved),
    (SENDTO, sending),
    (end(SENDTO), moved),
    (end(RECV), moved),
    (end(RECVFROM), moved),
    (SENDMSG, State::keep),
    (end(SENDMSG), moved),
    (end(RECVMSG), moved),
    (end(PREAD), moved),
    (end(PWRITE), moved),
    (end(READV), moved),
    (end(WRITEV), moved),
    (end(PREADV), moved),
    (end(PWRITEV), moved),
    // getsockopt says which descriptor it was only at its end.
    (end(GETSOCKOPT), asked),
];

/// Families as the capture format numbers them.
const UNIX: u32 = 1;
const V4: u32 = 2;
const V6: u32 = 10;
const NETLINK: u32 = 16;
/// What still may become a connection.
const IN_PROGRESS: i64 = -115;

fn made(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(place), Some(fd)) = (now.thread, event.i64(0).filter(|fd| *fd >= 0)) else { return };
    let kept = state.take_kept(event, now);
    let numbers = |event: &Event<'_>, at: usize| Some((event.u32(at)?, event.u32(at + 1)?, event.u32(at + 2)?));
    // Newer recorders say it at the end.
    let numbers = kept.as_ref().and_then(|kept| numbers(&kept.event(), 0)).or_else(|| numbers(event, 1));
    state.give_back(now, kept);
    if let Some((domain, kind, protocol)) = numbers {
        add(state, now, place, fd, domain, transport(kind, protocol));
    }
}

fn add(state: &mut State, now: &mut Now, place: Place, fd: i64, domain: u32, transport: Transport) {
    let thing = match domain {
        UNIX => Thing::Unix,
        V4 => Thing::V4,
        V6 => Thing::V6,
        NETLINK => Thing::Netlink,
        _ => return,
    };
    let mut tuple = Tuple { transport, ..Tuple::default() };
    if thing == Thing::V6 {
        (tuple.source, tuple.target) = (UNSPECIFIED_V6, UNSPECIFIED_V6);
    }
    now.fd = state.add_descriptor(place, fd, Descriptor { tuple, ..Descriptor::named(thing, &b""[..]) });
}

const UNSPECIFIED_V6: std::net::IpAddr = std::net::IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);

/// What carries the bytes of a socket of this type and protocol, as the kernel numbers them.
fn transport(kind: u32, protocol: u32) -> Transport {
    const RAW: u32 = 3;
    let unless_raw = |transport| if kind == RAW { Transport::Raw } else { transport };
    match (protocol, kind & 0xff) {
        (6, _) => unless_raw(Transport::Tcp),
        (17, _) => unless_raw(Transport::Udp),
        (1, _) => unless_raw(Transport::Icmp),
        (255, _) => Transport::Raw,
        (0, 1) => Transport::Tcp,
        (0, 2) => Transport::Udp,
        _ => Transport::Unknown,
    }
}

fn paired(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(place), Some(0..)) = (now.thread, event.i64(0)) else { return };
    let pair = (event.u64(3).unwrap_or_default(), event.u64(4).unwrap_or_default());
    let end = Descriptor { pair, ..Descriptor::named(Thing::Unix, &b""[..]) };
    if let (Some(one), Some(other)) = (event.i64(1), event.i64(2)) {
        now.fd = state.add_descriptor(place, one, end.clone());
        state.add_descriptor(place, other, end);
    }
}

fn bound(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let ports = state.ports;
    let (Some(handle), Some(0..), Some(packed)) = (now.fd, event.i64(0), event.param(1)) else { return };
    let Some(descriptor) = state.descriptor_mut(handle) else { return };
    if packed.is_empty() {
        return;
    }
    let packed = Packed::address(packed);
    if let Packed::Address(address, port @ 1..) = packed {
        let inner = match address {
            std::net::IpAddr::V6(address) => crate::socket::inner(address).map(std::net::IpAddr::V4),
            address => Some(address),
        };
        descriptor.thing = if inner.is_some() { Thing::V4Server } else { Thing::V6Server };
        descriptor.tuple.target = inner.unwrap_or(address);
        descriptor.tuple.dport = port;
        descriptor.flags |= flag::SERVER;
    }
    let transport = descriptor.transport().unwrap_or_default();
    let mut name = Vec::new();
    packed.write(transport, ports, &mut name);
    rename(state, now, handle, name);
}

/// Gives a descriptor a name, and remembers whether it is another one.
fn rename(state: &mut State, now: &mut Now, handle: Handle, name: Vec<u8>) {
    if let Some(descriptor) = state.descriptor_mut(handle) {
        let log = contains(&name, b"/dev/log");
        descriptor.flags = if log { descriptor.flags | flag::LOG } else { descriptor.flags & !flag::LOG };
        now.renamed |= descriptor.name[..] != name[..];
        descriptor.name = name.into();
    }
}

/// Where it wants to go.
fn connecting(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let ports = state.ports;
    let (Some(handle), Some(packed)) = (now.fd, event.param(1)) else { return };
    let Some(descriptor) = state.descriptor_mut(handle) else { return };
    match Packed::address(packed) {
        Packed::Address(address, port) => {
            let inner = match address {
                std::net::IpAddr::V6(address) => crate::socket::inner(address).map(std::net::IpAddr::V4),
                address => Some(address),
            };
            descriptor.thing = if inner.is_some() { Thing::V4 } else { Thing::V6 };
            descriptor.tuple.target = inner.unwrap_or(address);
            descriptor.tuple.dport = port;
        }
        Packed::Nothing => {}
        packed => {
            let mut name = Vec::new();
            packed.write(Transport::Unknown, ports, &mut name);
            rename(state, now, handle, name);
        }
    }
}

fn connected(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(handle), Some(result)) = (now.fd, event.i64(0)) else { return };
    if result < 0 && result != IN_PROGRESS {
        return;
    }
    let ports = state.ports;
    let Some(descriptor) = state.descriptor_mut(handle) else { return };
    descriptor.flags = (descriptor.flags & !(3 << 15)) | flag::CONNECTED;
    let Some(packed) = event.param(1).filter(|packed| !packed.is_empty()) else { return };
    let mut name = Vec::new();
    match Packed::tuple(packed) {
        Packed::Tuple(ends) => {
            let changed = adopt(descriptor, &ends);
            if changed && descriptor.has(flag::SERVER) && descriptor.is_udp4() {
                descriptor.tuple.turn();
            }
            name = connection(descriptor.thing, &descriptor.tuple, ports);
        }
        other => {
            if let Packed::Unix(Some(pair), _) = other {
                descriptor.pair = pair;
            }
            other.write(Transport::Unknown, ports, &mut name);
        }
    }
    if descriptor.is_roleless() {
        descriptor.flags |= flag::CLIENT;
    }
    rename(state, now, handle, name);
}

/// Takes over what a call says of both ends; whether anything is new. What is known of the target stays.
fn adopt(descriptor: &mut Descriptor, ends: &Tuple) -> bool {
    let thing = if ends.source.is_ipv4() { Thing::V4 } else { Thing::V6 };
    let own = &mut descriptor.tuple;
    if descriptor.thing == thing {
        let same = (own.source, own.sport, own.target, own.dport) == (ends.source, ends.sport, ends.target, ends.dport);
        let turned =
            (own.target, own.dport, own.source, own.sport) == (ends.source, ends.sport, ends.target, ends.dport);
        if same || turned {
            return false;
        }
    }
    // What listened has its own address as the target.
    if matches!(descriptor.thing, Thing::V4Server | Thing::V6Server) {
        (own.target, own.dport) = (ends.target, 0);
    }
    descriptor.thing = thing;
    let before = *own;
    (own.source, own.sport) = (ends.source, ends.sport);
    // Of another version is as good as nothing.
    if own.target.is_unspecified() || own.target.is_ipv4() != ends.target.is_ipv4() {
        own.target = ends.target;
    }
    if own.dport == 0 {
        own.dport = ends.dport;
    }
    before != *own
}

fn accepted(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(place), Some(fd)) = (now.thread, event.i64(0).filter(|fd| *fd >= 0)) else { return };
    state.threads[place].last_fd = fd;
    let ports = state.ports;
    let Some(packed) = event.param(1).filter(|packed| !packed.is_empty()) else { return };
    let packed = Packed::tuple(packed);
    let mut descriptor = Descriptor { flags: flag::SERVER | flag::CONNECTED, ..Descriptor::default() };
    match packed {
        Packed::Tuple(ends) => {
            descriptor.thing = if ends.source.is_ipv4() { Thing::V4 } else { Thing::V6 };
            descriptor.tuple = Tuple { transport: Transport::Tcp, ..ends };
        }
        Packed::Unix(pair, _) => {
            descriptor.thing = Thing::Unix;
            descriptor.pair = pair.unwrap_or_default();
        }
        _ => return,
    }
    let mut name = Vec::new();
    packed.write(Transport::Unknown, ports, &mut name);
    descriptor.name = name.into();
    now.renamed = true;
    now.fd = state.add_descriptor(place, fd, descriptor);
}

/// What is sent through a socket that nobody saw being made is sent by datagrams.
fn sending(state: &mut State, event: &Event<'_>, now: &mut Now) {
    if let (None, Some(place), Some(fd @ 0..), Some(packed)) = (now.fd, now.thread, event.i64(0), event.param(2)) {
        match packed.first() {
            Some(2) => add(state, now, place, fd, V4, Transport::Udp),
            Some(10) => add(state, now, place, fd, V6, Transport::Udp),
            _ => {}
        }
    }
    state.keep(event, now);
}

fn moved(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(place), Some(handle), Some(0..)) = (now.thread, now.fd, event.i64(0)) else { return };
    let Some(descriptor) = state.descriptor_mut(handle) else { return };
    if descriptor.thing.is_stream() {
        descriptor.flags = (descriptor.flags & !(3 << 15)) | flag::CONNECTED;
    }
    let learns = descriptor.name.is_empty() || !descriptor.is_tcp4();
    let incoming = event.kind().is_some_and(|kind| kind.traits.any(Traits::READS));
    // recvfrom and recvmsg tell the ends when they return, sendto and sendmsg when they are called.
    match event.number {
        35 if learns => meet(state, now, place, handle, event.param(2), Direction::In),
        53 if learns => meet(state, now, place, handle, event.param(3), Direction::In),
        31 | 49 if learns => {
            let kept = state.take_kept(event, now);
            let Some(before) = &kept else { return };
            meet(state, now, place, handle, before.event().param(2), Direction::Out);
            state.give_back(now, kept);
        }
        _ => {}
    }
    if !incoming {
        now.logged = state.descriptor(handle).is_some_and(|descriptor| descriptor.has(flag::LOG));
    }
}

/// Which way data goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// Data came from, or went to, somebody who may be new.
fn meet(state: &mut State, now: &mut Now, place: Place, handle: Handle, packed: Option<&[u8]>, direction: Direction) {
    let ports = state.ports;
    let Some(packed) = packed.filter(|packed| !packed.is_empty()) else { return };
    match Packed::tuple(packed) {
        Packed::Tuple(ends) => {
            let addresses = state.addresses.clone();
            let Some(descriptor) = state.descriptor_mut(handle) else { return };
            if !adopt(descriptor, &ends) {
                return;
            }
            if descriptor.tuple.transport == Transport::Unknown {
                descriptor.tuple.transport = Transport::Udp;
            }
            addresses.complete(&mut descriptor.tuple);
        }
        Packed::Unix(pair, name) => {
            let Some(descriptor) = state.descriptor_mut(handle) else { return };
            descriptor.thing = Thing::Unix;
            descriptor.pair = pair.unwrap_or_default();
            rename(state, now, handle, path::until_nul(name).to_vec());
        }
        _ => return,
    }
    let Some(descriptor) = state.descriptor(handle) else { return };
    if !descriptor.thing.is_stream() {
        let mut name = Vec::new();
        Packed::tuple(packed).write(Transport::Unknown, ports, &mut name);
        rename(state, now, handle, name);
        return;
    }
    if descriptor.is_roleless() {
        let role = guess(state, place, handle, direction);
        if let Some(descriptor) = state.descriptor_mut(handle) {
            descriptor.flags |= role;
        }
    }
    let Some(descriptor) = state.descriptor_mut(handle) else { return };
    let turned = if direction == Direction::In { flag::CLIENT } else { flag::SERVER };
    if descriptor.has(turned) {
        descriptor.tuple.turn();
    }
    let name = connection(descriptor.thing, &descriptor.tuple, ports);
    rename(state, now, handle, name);
}

/// Who began: by the ports that the process has, else by who spoke first.
fn guess(state: &mut State, place: Place, handle: Handle, direction: Direction) -> u32 {
    let Some(Tuple { sport, dport, .. }) = state.descriptor(handle).map(|descriptor| descriptor.tuple) else {
        return 0;
    };
    let version = state.descriptor(handle).map(|descriptor| descriptor.thing);
    let Some(table) = state.table_or_add(place) else { return 0 };
    let all = || state.threads[table].fds.iter().map(|(_, descriptor)| descriptor);
    let has = |thing: Thing| matches!(thing, Thing::V4 | Thing::V4Server);
    // Of version 6 no ports are compared.
    if version != Some(Thing::V4) || !all().any(|other| has(other.thing) && other.tuple.dport == dport) {
        return flag::CLIENT;
    }
    if !all().any(|other| other.thing == Thing::V4 && other.tuple.sport == sport) {
        return flag::SERVER;
    }
    if direction == Direction::In { flag::SERVER } else { flag::CLIENT }
}

fn asked(state: &mut State, event: &Event<'_>, now: &mut Now) {
    let (Some(place), Some(fd)) = (now.thread, event.i64(1)) else { return };
    if let Some(main) = state.threads.main_or_add(place) {
        now.fd = state.find_descriptor(main, fd);
    }
    state.threads[place].last_fd = fd;
}
