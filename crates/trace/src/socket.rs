//! Addresses and tuples as events carry them: one byte of family, then addresses and ports; and as people read them.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fathom_scap::Transport;

use crate::services;
use crate::state::path::{printable, until_nul};
use crate::state::{Thing, descriptor::Tuple};

/// Families as the capture format numbers them.
const UNIX: u8 = 1;
const V4: u8 = 2;
const V6: u8 = 10;

/// How ports are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ports {
    /// As numbers.
    #[default]
    Numbers,
    /// By the names of their services, where they have one.
    Services,
}

/// What an event says about a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed<'a> {
    /// One address.
    Address(IpAddr, u16),
    /// Both ends. Addresses of version 4 that were written as version 6 are of version 4.
    Tuple(Tuple),
    /// A unix socket's path, and the kernel's addresses of both ends if they are there.
    Unix(Option<(u64, u64)>, &'a [u8]),
    /// An address whose length does not fit.
    Broken(&'static str),
    /// Something else.
    Family(u8),
    /// Nothing.
    Nothing,
}

impl<'a> Packed<'a> {
    /// One address.
    pub fn address(bytes: &'a [u8]) -> Self {
        match bytes {
            [] => Packed::Nothing,
            [UNIX, path @ ..] => Packed::Unix(None, path),
            [V4, rest @ ..] => match rest {
                [a, b, c, d, low, high] => {
                    Packed::Address(Ipv4Addr::new(*a, *b, *c, *d).into(), u16::from_le_bytes([*low, *high]))
                }
                _ => Packed::Broken("INVALID IPv4"),
            },
            [V6, rest @ ..] => match (rest.first_chunk::<16>(), rest.get(16..)) {
                (Some(address), Some([low, high])) => {
                    Packed::Address(Ipv6Addr::from(*address).into(), u16::from_le_bytes([*low, *high]))
                }
                _ => Packed::Broken("INVALID IPv6"),
            },
            [family, ..] => Packed::Family(*family),
        }
    }

    /// Both ends.
    pub fn tuple(bytes: &'a [u8]) -> Self {
        let number = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let port = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let ends = |source: IpAddr, target: IpAddr, sport: u16, dport: u16| {
            Packed::Tuple(Tuple { source, target, sport, dport, transport: Transport::Unknown })
        };
        match bytes {
            [] => Packed::Nothing,
            [UNIX, ..] => match (number(1), number(9)) {
                (Some(source), Some(target)) => Packed::Unix(Some((source, target)), &bytes[17..]),
                _ => Packed::Unix(None, &[]),
            },
            [V4, _a, _b, _c, _d, _, _, _e, _f, _g, _h, _, _] => {
                let at = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
                ends(at(1).into(), at(7).into(), port(5), port(11))
            }
            [V4, ..] => Packed::Broken("INVALID IPv4"),
            [V6, rest @ ..] if rest.len() == 36 => {
                let at =
                    |at: usize| bytes[at..].first_chunk::<16>().map_or(Ipv6Addr::UNSPECIFIED, |bytes| (*bytes).into());
                let (source, target) = (at(1), at(19));
                match (inner(source), inner(target)) {
                    (Some(source), Some(target)) => ends(source.into(), target.into(), port(17), port(35)),
                    _ => ends(source.into(), target.into(), port(17), port(35)),
                }
            }
            [V6, ..] => Packed::Broken("INVALID IPv6"),
            [family, ..] => Packed::Family(*family),
        }
    }

    /// As it is read. `transport` decides how services are called.
    pub fn write(&self, transport: Transport, ports: Ports, into: &mut Vec<u8>) {
        match self {
            Packed::Nothing => into.extend_from_slice(b"NULL"),
            Packed::Address(address, port) => write_end(*address, *port, transport, ports, into),
            Packed::Tuple(tuple) => write_tuple(&Tuple { transport, ..*tuple }, ports, into),
            Packed::Unix(pair, path) => {
                if let Some((source, target)) = pair {
                    let _ = write!(into, "{source:x}->{target:x} ");
                }
                printable(until_nul(path), into);
            }
            Packed::Broken(what) => into.extend_from_slice(what.as_bytes()),
            Packed::Family(family) => {
                let _ = write!(into, "family {}", i32::from(*family as i8));
            }
        }
    }
}

/// The address of version 4 that one of version 6 stands for.
pub fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if address.is_unspecified() { Some(Ipv4Addr::UNSPECIFIED) } else { address.to_ipv4_mapped() }
}

/// An address alone.
pub fn write_address(address: IpAddr, into: &mut Vec<u8>) {
    let _ = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            return write_octets([a, b, c, d], into);
        }
        // Addresses of the oldest way to put version 4 into version 6 are written as that.
        IpAddr::V6(address) => match address.segments() {
            [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
                into.extend_from_slice(b"::");
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                return write_octets([a, b, c, d], into);
            }
            _ => write!(into, "{address}"),
        },
    };
}

fn write_octets(octets: [u8; 4], into: &mut Vec<u8>) {
    for (index, octet) in octets.into_iter().enumerate() {
        if index > 0 {
            into.push(b'.');
        }
        write_number(octet.into(), into);
    }
}

/// A number in base ten.
pub fn write_number(number: u64, into: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    into.extend_from_slice(&digits[at..]);
}

/// A port, or the service that has it.
pub fn write_port(port: u16, transport: Transport, ports: Ports, into: &mut Vec<u8>) {
    let service = if ports == Ports::Services { services::name(port, transport) } else { None };
    match service {
        Some(name) => into.extend_from_slice(name.as_bytes()),
        None => write_number(port.into(), into),
    }
}

/// An address and a port.
pub fn write_end(address: IpAddr, port: u16, transport: Transport, ports: Ports, into: &mut Vec<u8>) {
    write_address(address, into);
    into.push(b':');
    write_port(port, transport, ports, into);
}

/// Both ends.
pub fn write_tuple(tuple: &Tuple, ports: Ports, into: &mut Vec<u8>) {
    write_end(tuple.source, tuple.sport, tuple.transport, ports, into);
    into.extend_from_slice(b"->");
    write_end(tuple.target, tuple.dport, tuple.transport, ports, into);
}

/// The name of a connection by what carries it.
pub fn connection(thing: Thing, tuple: &Tuple, ports: Ports) -> Vec<u8> {
    let mut name = Vec::new();
    match (thing, tuple.transport) {
        (_, Transport::Tcp | Transport::Udp) => write_tuple(tuple, ports, &mut name),
        (_, Transport::Icmp) | (Thing::V4, Transport::Raw) => {
            write_address(tuple.source, &mut name);
            name.extend_from_slice(b"->");
            write_address(tuple.target, &mut name);
        }
        _ => name.extend_from_slice(b"<unknown>"),
    }
    name
}
