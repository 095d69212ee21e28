//! Ends of connections: which is the client, which is ours, with which address and port.

use std::net::IpAddr;

use fathom_model::Value;
use fathom_scap::Transport;

use super::{about, found};
use crate::fields::made;
use crate::moment::Moment;
use crate::socket::write_port;
use crate::state::Descriptor;
use crate::state::descriptor::Tuple;

/// Connections whose client and server are known.
fn connection<'a>(m: &Moment<'a>) -> Option<&'a Descriptor> {
    found(m).filter(|found| found.thing.is_stream() && !found.is_roleless())
}

pub(super) fn client<'a>(m: &Moment<'a>, get: fn(&Tuple) -> IpAddr) -> Value<'a> {
    connection(m).map_or(Value::Unknown, |found| Value::Address(get(&found.tuple)))
}

pub(super) fn server<'a>(m: &Moment<'a>) -> Value<'a> {
    let known = found(m).filter(|found| found.thing.is_net() && !found.is_roleless());
    known.map_or(Value::Unknown, |found| Value::Address(found.tuple.target))
}

pub(super) fn ends<'a>(m: &Moment<'a>) -> Value<'a> {
    match found(m) {
        Some(found) if found.thing.is_stream() => Value::Addresses([found.tuple.source, found.tuple.target]),
        Some(found) if found.thing.is_net() => Value::Address(found.tuple.target),
        _ => Value::Unknown,
    }
}

pub(super) fn ports<'a>(m: &Moment<'a>) -> Value<'a> {
    match found(m) {
        Some(found) if found.thing.is_stream() => Value::Ports([found.tuple.sport, found.tuple.dport]),
        Some(found) if found.thing.is_net() => Value::Ports([found.tuple.dport; 2]),
        _ => Value::Unknown,
    }
}

pub(super) fn client_port<'a>(m: &Moment<'a>) -> Value<'a> {
    match found(m).filter(|found| !found.is_roleless()) {
        Some(found) if found.thing.is_stream() => Value::Unsigned(found.tuple.sport.into()),
        // Of what has a role and no port, the port is zero.
        Some(_) => Value::Unsigned(0),
        None => Value::Unknown,
    }
}

pub(super) fn server_port<'a>(m: &Moment<'a>) -> Value<'a> {
    let known = found(m).filter(|found| found.thing.is_net() && !(found.thing.is_stream() && found.is_roleless()));
    known.map_or(Value::Unknown, |found| Value::Unsigned(found.tuple.dport.into()))
}

/// A side of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Local,
    Remote,
}

/// An end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Target,
}

pub(super) fn side<'a>(m: &Moment<'a>, side: Side, get: impl Fn(&Tuple, End) -> Value<'a>) -> Value<'a> {
    let (Some(about), Some(found)) = (about(m), connection(m)) else { return Value::Unknown };
    let local = m.state.is_local(found.tuple.source, about.thread);
    let end = if local == (side == Side::Local) { End::Source } else { End::Target };
    get(&found.tuple, end)
}

pub(super) fn address(tuple: &Tuple, end: End) -> IpAddr {
    if end == End::Source { tuple.source } else { tuple.target }
}

pub(super) fn port<'a>(tuple: &Tuple, end: End) -> Value<'a> {
    Value::Unsigned(if end == End::Source { tuple.sport } else { tuple.dport }.into())
}

pub(super) fn service(m: &Moment<'_>, found: &Descriptor, port: u16, into: &mut Vec<u8>) {
    write_port(port, found.transport().unwrap_or_default(), m.style.ports, into);
}

pub(super) fn side_service<'a>(m: &Moment<'a>, which: Side, scratch: &'a mut Vec<u8>) -> Value<'a> {
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
