//! `probe`: tries names and connections from where it runs, all at the same time, and says in JSON how each went: who
//! answered, who refused, and whether that came from the one who was called or from somebody on the way.

mod path;

use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use fathom_host::sys::{self, Refusal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde_json::{Value, json};

use super::dns::{Lookup, look_up};
use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, serve, unknown};

/// How long one try may take: the kernel looks three seconds for the owner of an address before it gives up.
const WAIT: Duration = Duration::from_secs(4);

/// Runs `probe`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "probe TRY…
  dns/SERVER/NAME: ask a name server for an address; tcp/ADDRESS/PORT: connect; mtu/ADDRESS: how large a packet may be;
  resolver: what /etc/resolv.conf and /etc/hosts say. One JSON object for each try.";
    serve(argv, &Manual { usage, failure: 1 }, run)
}

/// One thing to try.
enum Try {
    Dns(IpAddr, String),
    Tcp(SocketAddr),
    Mtu(Ipv4Addr),
    Resolver,
}

fn read(text: &str) -> Option<Try> {
    if text == "resolver" {
        return Some(Try::Resolver);
    }
    if let Some(address) = text.strip_prefix("mtu/") {
        return Some(Try::Mtu(address.parse().ok()?));
    }
    let mut parts = text.splitn(3, '/');
    let (kind, address, rest) = (parts.next()?, parts.next()?.parse::<IpAddr>().ok()?, parts.next()?);
    match kind {
        "dns" => Some(Try::Dns(address, rest.to_owned())),
        "tcp" => Some(Try::Tcp(SocketAddr::new(address, rest.parse().ok()?))),
        _ => None,
    }
}

fn run(mut words: Words, out: &mut Out) -> Outcome {
    let mut tries = Vec::new();
    while let Some(word) = words.next()? {
        let Word::Plain(text) = word else { return Err(unknown(&word)) };
        let text = text.to_string_lossy().into_owned();
        let what = read(&text).ok_or_else(|| Trouble::Words(format!("`{text}` is nothing that can be tried")))?;
        tries.push((text, what));
    }
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let running: Vec<_> = tries.iter().map(|(_, what)| scope.spawn(|| attempt(what))).collect();
        running.into_iter().map(|one| one.join().unwrap_or(Value::Null)).collect()
    });
    for ((text, _), mut answer) in tries.into_iter().zip(answers) {
        answer["try"] = text.into();
        writeln!(out, "{answer}")?;
    }
    Ok(0)
}

fn attempt(what: &Try) -> Value {
    let start = Instant::now();
    let mut answer = match what {
        Try::Dns(server, name) => dns(*server, name),
        Try::Tcp(to) => tcp(*to),
        Try::Mtu(to) => path::measure(*to),
        Try::Resolver => resolver(),
    };
    answer["ms"] = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX).into();
    answer
}

/// What an error means for who called, with who said so.
fn failed(errno: i32, refusal: Option<Refusal>) -> Value {
    let outcome = match Errno::from_raw_os_error(errno) {
        Errno::CONNREFUSED => "refused",
        Errno::HOSTUNREACH | Errno::NETUNREACH => "unreachable",
        Errno::TIMEDOUT => "timeout",
        Errno::PERM | Errno::ACCESS => "denied",
        _ => "failed",
    };
    let mut answer = json!({"outcome": outcome, "error": std::io::Error::from_raw_os_error(errno).to_string()});
    if let Some((kind, code)) = refusal.and_then(|refusal| refusal.icmp) {
        answer["icmp"] = json!({"type": kind, "code": code});
        answer["by"] = refusal.and_then(|refusal| refusal.from).map_or(Value::Null, |from| from.to_string().into());
    }
    answer
}

/// Of whom programs here ask for names, and the names that they know without.
fn resolver() -> Value {
    match beginning("/etc/resolv.conf") {
        Ok(text) => json!({"outcome": "read", "value": text, "hosts": beginning("/etc/hosts").ok()}),
        Err(error) => json!({"outcome": "failed", "error": error.to_string()}),
    }
}

/// Of files that have a handful of lines.
fn beginning(path: &str) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    Ok(String::from_utf8_lossy(&bytes[..bytes.len().min(64 << 10)]).trim_end().to_owned())
}

fn tcp(to: SocketAddr) -> Value {
    match connect(to) {
        Ok(()) => json!({"outcome": "connected"}),
        Err((errno, refusal)) => failed(errno.raw_os_error(), refusal),
    }
}

/// Connects and lets go at once.
fn connect(to: SocketAddr) -> Result<(), (Errno, Option<Refusal>)> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let plain = |errno| (errno, None);
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(plain)?;
    if to.is_ipv4() {
        // Without it only the sender is not known.
        let _ = sys::keep_refusals(&socket);
    }
    match rustix::net::connect(&socket, &to) {
        Ok(()) => return Ok(()),
        Err(Errno::INPROGRESS) => {}
        Err(errno) => return Err((errno, sys::refusal(&socket))),
    }
    if !is_ready(&socket, PollFlags::OUT) {
        return Err((Errno::TIMEDOUT, sys::refusal(&socket)));
    }
    match rustix::net::sockopt::socket_error(&socket).map_err(plain)? {
        Ok(()) => Ok(()),
        Err(errno) => Err((errno, sys::refusal(&socket))),
    }
}

fn is_ready(socket: &OwnedFd, what: PollFlags) -> bool {
    let wait = Timespec { tv_sec: WAIT.as_secs() as _, tv_nsec: 0 };
    matches!(poll(&mut [PollFd::from_borrowed_fd(socket.as_fd(), what)], Some(&wait)), Ok(1..))
}

/// By UDP, twice in the time of one try: a lost packet is no dead server.
fn dns(server: IpAddr, name: &str) -> Value {
    let asked = || -> std::io::Result<Value> {
        let socket = UdpSocket::bind(if server.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
        if server.is_ipv4() {
            let _ = sys::keep_refusals(&socket);
        }
        let refused = |error: std::io::Error| match error.raw_os_error() {
            Some(errno) => failed(errno, sys::refusal(&socket)),
            None => json!({"outcome": "failed", "error": error.to_string()}),
        };
        if let Err(error) = socket.connect((server, 53)) {
            return Ok(refused(error));
        }
        let Ok(lookup) = Lookup::of(name) else { return Ok(json!({"outcome": "failed", "error": "no domain name"})) };
        let mut buffer = vec![0; 65_535];
        for _ in 0..2 {
            if let Err(error) = socket.send(lookup.bytes()) {
                return Ok(refused(error));
            }
            socket.set_read_timeout(Some(WAIT / 2))?;
            loop {
                match socket.recv(&mut buffer) {
                    Ok(length) => {
                        if let Some((code, addresses)) = look_up(&lookup, &buffer[..length]) {
                            return Ok(answered(code, &addresses));
                        }
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(error) => return Ok(refused(error)),
                }
            }
        }
        Ok(failed(Errno::TIMEDOUT.raw_os_error(), None))
    };
    asked().unwrap_or_else(|error| json!({"outcome": "failed", "error": error.to_string()}))
}

/// RFC 1035 4.1.1: 3 is that there is no such name.
fn answered(code: u8, addresses: &[String]) -> Value {
    let outcome = match code {
        0 if addresses.is_empty() => "empty",
        0 => "answered",
        2 => "servfail",
        3 => "nxdomain",
        5 => "rejected",
        _ => "failed",
    };
    json!({"outcome": outcome, "code": code, "addresses": addresses})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_port_that_listens_is_told_from_one_that_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let to = listener.local_addr().expect("it is bound");
        assert_eq!(tcp(to)["outcome"], "connected");
        drop(listener);
        let answer = tcp(to);
        assert_eq!((&answer["outcome"], &answer["icmp"]), (&json!("refused"), &Value::Null), "{answer}");
    }

    #[test]
    fn a_server_that_is_not_there_refuses_by_icmp() {
        // Nobody listens on port 53 of this address of the loopback network.
        let answer = dns("127.77.0.1".parse().expect("an address"), "example.");
        assert_eq!(
            (&answer["outcome"], &answer["icmp"]),
            (&json!("refused"), &json!({"type": 3, "code": 3})),
            "{answer}"
        );
    }

    #[test]
    fn tries_are_read() {
        assert!(matches!(read("dns/10.0.0.1/db.shop"), Some(Try::Dns(..))));
        assert!(matches!(read("tcp/::1/80"), Some(Try::Tcp(to)) if to.port() == 80));
        assert!(matches!(read("mtu/10.0.0.1"), Some(Try::Mtu(_))));
        assert!(matches!(read("resolver"), Some(Try::Resolver)));
        for wrong in ["", "mtu/::1", "tcp/web/80", "tcp/10.0.0.1", "tcp/10.0.0.1/x", "icmp/10.0.0.1/1"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
