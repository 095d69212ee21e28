//! Socket addresses and connections as captures have them: a byte of family, then addresses in network order and ports
//! in the machine's.

use crate::facts::SocketFacts;
use crate::value::Way;

const UNIX: u16 = 1;
const INET: u16 = 2;
const INET6: u16 = 10;

/// Where one end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End<'a> {
    Four([u8; 4], u16),
    Six([u8; 16], u16),
    Unix(&'a [u8]),
}

/// What a sockaddr says; nothing of families that captures do not have.
fn end(address: &[u8]) -> Option<End<'_>> {
    let (family, rest) = address.split_first_chunk::<2>()?;
    let port = || Some(u16::from_be_bytes(*rest.first_chunk::<2>()?));
    match u16::from_ne_bytes(*family) {
        UNIX => Some(End::Unix(path(rest))),
        INET => Some(End::Four(*rest.get(2..)?.first_chunk()?, port()?)),
        INET6 => Some(End::Six(*rest.get(6..)?.first_chunk()?, port()?)),
        _ => None,
    }
}

/// The path in a Unix address, up to the NUL that ends it; an abstract one begins with NUL.
fn path(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0, ..] => bytes,
        _ => bytes.split(|byte| *byte == 0).next().unwrap_or(bytes),
    }
}

/// Appends an address: nothing where there is none.
pub(crate) fn append(to: &mut Vec<u8>, address: &[u8]) {
    match end(address) {
        Some(End::Four(address, port)) => {
            to.push(INET as u8);
            to.extend_from_slice(&address);
            to.extend_from_slice(&port.to_le_bytes());
        }
        Some(End::Six(address, port)) => {
            to.push(INET6 as u8);
            to.extend_from_slice(&address);
            to.extend_from_slice(&port.to_le_bytes());
        }
        Some(End::Unix(path)) => {
            to.push(UNIX as u8);
            to.extend_from_slice(path);
            to.push(0);
        }
        None => {}
    }
}

/// Appends both ends of a connection, the source first. `named` is the other end where the call names it, or nothing.
pub(crate) fn append_tuple(to: &mut Vec<u8>, facts: Option<&SocketFacts<'_>>, named: &[u8], way: Way) {
    let Some(facts) = facts else { return };
    let other = end(named);
    match facts.family {
        INET => {
            let (address, port) = match other {
                Some(End::Four(address, port)) => (address, port),
                _ => (four(&facts.remote), facts.remote_port),
            };
            let (own, other) = ((four(&facts.local), facts.local_port), (address, port));
            let (source, destination) = if way == Way::Out { (own, other) } else { (other, own) };
            to.push(INET as u8);
            for (address, port) in [source, destination] {
                to.extend_from_slice(&address);
                to.extend_from_slice(&port.to_le_bytes());
            }
        }
        INET6 => {
            let (address, port) = match other {
                Some(End::Six(address, port)) => (address, port),
                _ => (facts.remote, facts.remote_port),
            };
            let (own, other) = ((facts.local, facts.local_port), (address, port));
            let (source, destination) = if way == Way::Out { (own, other) } else { (other, own) };
            to.push(INET6 as u8);
            for (address, port) in [source, destination] {
                to.extend_from_slice(&address);
                to.extend_from_slice(&port.to_le_bytes());
            }
        }
        UNIX => {
            let (source, destination) = if way == Way::Out { (facts.own, facts.peer) } else { (facts.peer, facts.own) };
            let path = match other {
                Some(End::Unix(path)) => path,
                _ => path(facts.path),
            };
            // From outside of the kernel nothing is seen of a socket without a name; what was known of it shall stay.
            if (source, destination, path.len()) == (0, 0, 0) {
                return;
            }
            to.push(UNIX as u8);
            to.extend_from_slice(&source.to_le_bytes());
            to.extend_from_slice(&destination.to_le_bytes());
            to.extend_from_slice(path);
            to.push(0);
        }
        _ => {}
    }
}

fn four(address: &[u8; 16]) -> [u8; 4] {
    [address[0], address[1], address[2], address[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_captures_have_them() {
        let mut bytes = Vec::new();
        append(&mut bytes, &[2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes, [2, 127, 0, 0, 1, 0x90, 0x1f]);
        bytes.clear();
        append(&mut bytes, b"\x01\x00/run/x\0garbage");
        assert_eq!(bytes, b"\x01/run/x\0");
        for bad in [&[][..], &[2], &[2, 0, 1], &[10, 0, 0, 80, 0, 0], &[99, 0, 1, 2, 3, 4]] {
            bytes.clear();
            append(&mut bytes, bad);
            assert!(bytes.is_empty(), "{bad:?}");
        }
    }
}
