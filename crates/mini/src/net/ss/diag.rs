//! Where `ss` gets its sockets: `struct inet_diag_msg` (linux/inet_diag.h), `struct unix_diag_msg`
//! (linux/unix_diag.h), and /proc/net/{tcp,udp,raw}{,6} (proc_net(5)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::netlink::SOCK_DIAG;

use super::{Kind, Socket};
use crate::net::netlink::{Netlink, address, attributes, name, number};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// All sockets of a kind.
pub(super) fn sockets(kind: Kind) -> io::Result<Vec<Socket>> {
    if kind == Kind::Unix {
        return unix();
    }
    let mut sockets = Vec::new();
    for family in [AF_INET, AF_INET6] {
        match inet(kind, family) {
            Ok(found) => sockets.extend(found),
            Err(_) => sockets.extend(listed(kind, family)),
        }
    }
    Ok(sockets)
}

fn inet(kind: Kind, family: u8) -> io::Result<Vec<Socket>> {
    let mut request = [0; 56];
    request[0] = family;
    request[1] = match kind {
        Kind::Tcp => 6,
        Kind::Udp => 17,
        Kind::Raw | Kind::Unix => 255,
    };
    // All states.
    request[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    let mut sockets = Vec::new();
    Netlink::open(Some(SOCK_DIAG))?
        .dump(SOCK_DIAG_BY_FAMILY, &request, |body| sockets.extend(inet_socket(kind, body)))?;
    Ok(sockets)
}

fn inet_socket(kind: Kind, body: &[u8]) -> Option<Socket> {
    let v6 = *body.first()? == AF_INET6;
    let length = if v6 { 16 } else { 4 };
    // Ports are in network order, as are addresses.
    let port = |offset: usize| Some(u16::from_be_bytes(body.get(offset..offset + 2)?.try_into().ok()?));
    let end = |port_at: usize, address_at: usize| {
        Some(SocketAddr::new(address(body.get(address_at..address_at + length)?)?, port(port_at)?))
    };
    Some(Socket {
        kind,
        label: label(kind),
        state: *body.get(1)?,
        local: shown(end(4, 8)?),
        peer: shown(end(6, 24)?),
        received: number(body, 56)?,
        sent: number(body, 60)?,
        uid: number(body, 64)?,
        inode: number(body, 68)?,
        v6,
    })
}

fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Unix => "u_str",
        Kind::Raw => "raw",
        Kind::Udp => "udp",
        Kind::Tcp => "tcp",
    }
}

/// `0.0.0.0:80`, `[::]:80`; no port is `*`.
fn shown(end: SocketAddr) -> String {
    let address = match end.ip() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    if end.port() == 0 { format!("{address}:*") } else { format!("{address}:{}", end.port()) }
}

fn unix() -> io::Result<Vec<Socket>> {
    let mut request = [0; 24];
    request[0] = AF_UNIX;
    request[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    // UDIAG_SHOW_NAME, _PEER and _RQLEN.
    request[12..16].copy_from_slice(&0x15u32.to_ne_bytes());
    let mut sockets = Vec::new();
    Netlink::open(Some(SOCK_DIAG))?.dump(SOCK_DIAG_BY_FAMILY, &request, |body| sockets.extend(unix_socket(body)))?;
    Ok(sockets)
}

fn unix_socket(body: &[u8]) -> Option<Socket> {
    let inode = number(body, 4)?;
    let (mut path, mut peer, mut queues) = (String::new(), 0, (0, 0));
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            // An abstract name starts with NUL and may hold more of them; people write `@`.
            0 if value.first() == Some(&0) => path = String::from_utf8_lossy(value).replace('\0', "@"),
            0 => path = name(value),
            2 => peer = number(value, 0)?,
            4 => queues = (number(value, 0)?, number(value, 4)?),
            _ => {}
        }
    }
    let path = if path.is_empty() { "*" } else { &path };
    Some(Socket {
        kind: Kind::Unix,
        label: match *body.get(1)? {
            2 => "u_dgr",
            5 => "u_seq",
            _ => "u_str",
        },
        state: *body.get(2)?,
        received: queues.0,
        sent: queues.1,
        local: format!("{path} {inode}"),
        peer: format!("* {peer}"),
        v6: false,
        uid: 0,
        inode,
    })
}

/// The same from /proc/net; what is missing there, there is none of.
fn listed(kind: Kind, family: u8) -> Vec<Socket> {
    let file = format!("/proc/net/{}{}", label(kind), if family == AF_INET6 { "6" } else { "" });
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().skip(1).filter_map(|line| listed_socket(kind, line)).collect()
}

fn listed_socket(kind: Kind, line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, peer) = (listed_end(fields.get(1)?)?, listed_end(fields.get(2)?)?);
    let (sent, received) = fields.get(4)?.split_once(':')?;
    Some(Socket {
        kind,
        label: label(kind),
        state: u8::from_str_radix(fields.get(3)?, 16).ok()?,
        received: u32::from_str_radix(received, 16).ok()?,
        sent: u32::from_str_radix(sent, 16).ok()?,
        local: shown(local),
        peer: shown(peer),
        v6: local.is_ipv6(),
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// `0100007F:1F90`: the address in words of the machine's own byte order.
fn listed_end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words: Option<Vec<u8>> = (0..address.len() / 8)
        .map(|index| u32::from_str_radix(address.get(index * 8..index * 8 + 8)?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .collect::<Option<Vec<_>>>()
        .map(|words| words.concat());
    let words = words?;
    let address = match words.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(words).ok()?)),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_net_is_read() {
        let line =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000   101        0 4242 1 x";
        let socket = listed_socket(Kind::Tcp, line).expect("a socket");
        assert_eq!((socket.local.as_str(), socket.peer.as_str()), ("127.0.0.1:8080", "0.0.0.0:*"));
        assert_eq!((socket.state_name(), socket.received, socket.uid, socket.inode), ("LISTEN", 2, 101, 4242));
        let v6 = listed_end("00000000000000000000000001000000:0050").expect("an address");
        assert_eq!(shown(v6), "[::1]:80");
        assert_eq!(listed_socket(Kind::Tcp, "nonsense"), None);
    }

    #[test]
    fn answers_that_are_cut_short_are_left_out() {
        assert_eq!(inet_socket(Kind::Tcp, &[2, 1, 0]), None);
        assert_eq!(unix_socket(&[1, 1]), None);
    }
}
