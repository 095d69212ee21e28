//! The sockets of a network namespace, out of the tables in `/proc/PID/net`; formats as in proc(5).

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Protocol {
    Tcp,
    Udp,
    Icmp,
    Raw,
}

/// Whom a socket speaks with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Socket {
    /// Of the Internet's families.
    Internet {
        /// What it speaks.
        protocol: Protocol,
        /// Our end.
        local: SocketAddr,
        /// The other; port 0 if there is none.
        remote: SocketAddr,
        /// Whether it waits for connections.
        listening: bool,
    },
    /// Within this machine: its path, which begins with `@` if it is abstract, and nothing if it has none.
    Unix(Vec<u8>),
    /// To the kernel.
    Netlink,
    /// Raw packets of a link.
    Packet,
}

/// `TCP_LISTEN`, include/net/tcp_states.h.
const LISTENING: u8 = 0x0a;

const TABLES: &[(&str, Protocol)] = &[
    ("tcp", Protocol::Tcp),
    ("tcp6", Protocol::Tcp),
    ("udp", Protocol::Udp),
    ("udp6", Protocol::Udp),
    ("icmp", Protocol::Icmp),
    ("icmp6", Protocol::Icmp),
    ("raw", Protocol::Raw),
    ("raw6", Protocol::Raw),
];

/// Every socket of the namespace by its inode.
pub(super) fn read(folder: &Path) -> HashMap<u64, Socket> {
    let text = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
    let mut sockets = HashMap::new();
    for (name, protocol) in TABLES {
        let text = text(name);
        let text = String::from_utf8_lossy(&text);
        sockets.extend(text.lines().skip(1).filter_map(|line| internet(line, *protocol)));
    }
    let table = text("unix");
    sockets.extend(table.split(|byte| *byte == b'\n').skip(1).filter_map(unix));
    for (name, column, socket) in [("netlink", 9, Socket::Netlink), ("packet", 8, Socket::Packet)] {
        let table = text(name);
        let table = String::from_utf8_lossy(&table);
        let inode = |line: &str| line.split_ascii_whitespace().nth(column)?.parse::<u64>().ok();
        sockets.extend(table.lines().skip(1).filter_map(inode).map(|inode| (inode, socket.clone())));
    }
    sockets
}

/// `0: 0100007F:1F90 00000000:0000 0A … uid timeout inode …`: addresses are words in the machine's order.
fn internet(line: &str, protocol: Protocol) -> Option<(u64, Socket)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let local = address(fields.get(1)?)?;
    let remote = address(fields.get(2)?)?;
    let state = u8::from_str_radix(fields.get(3)?, 16).ok()?;
    let inode = fields.get(9)?.parse().ok()?;
    let listening = protocol == Protocol::Tcp && state == LISTENING;
    Some((inode, Socket::Internet { protocol, local, remote, listening }))
}

fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = address.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// `pointer: count protocol flags type state inode path`; the path may hold anything but a line's end.
fn unix(line: &[u8]) -> Option<(u64, Socket)> {
    let mut rest = line;
    let mut inode = None;
    for column in 0..7 {
        let start = rest.iter().position(|byte| *byte != b' ')?;
        rest = &rest[start..];
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        if column == 6 {
            inode = std::str::from_utf8(&rest[..end]).ok()?.parse().ok();
        }
        rest = &rest[end..];
    }
    Some((inode?, Socket::Unix(rest.strip_prefix(b" ").unwrap_or_default().to_vec())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_of_the_tables() {
        let line = "  0: 0100007F:1F90 0200007F:0050 01 00000000:00000000 00:00000000 00000000  1000  0 4711 1";
        let (inode, socket) = internet(line, Protocol::Tcp).expect("it is whole");
        let at = |text: &str| text.parse().expect("an address");
        let (local, remote) = (at("127.0.0.1:8080"), at("127.0.0.2:80"));
        assert_eq!(inode, 4711);
        assert_eq!(socket, Socket::Internet { protocol: Protocol::Tcp, local, remote, listening: false });
        assert_eq!(address("00000000000000000000000001000000:0016"), Some(at("[::1]:22")),);
        let (inode, socket) =
            unix(b"0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/a b").expect("whole");
        assert_eq!((inode, socket), (12345, Socket::Unix(b"/run/a b".to_vec())));
        let (_, socket) = unix(b"0000000000000000: 00000003 00000000 00000000 0001 03    77").expect("whole");
        assert_eq!(socket, Socket::Unix(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(line: String, bytes: Vec<u8>) {
            let _ = internet(&line, Protocol::Udp);
            let _ = unix(&bytes);
        }
    }
}
