//! `ping`: asks a host for echoes (RFC 792, RFC 4443).
//!
//! Through a raw socket where that is allowed, because only there the time to live can be read; otherwise through
//! the kernel's echo socket (`net.ipv4.ping_group_range`).

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto};

use super::resolve::{self, Family};
use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, reason, serve, unknown};
use crate::terminal;

/// Runs `ping`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "ping [-c COUNT] [-i SECONDS] [-W SECONDS] [-w SECONDS] [-s BYTES] [-4 | -6] [-n] [-q] HOST
  -c: how many; -i: pause between them; -W: wait for an answer; -w: for all of it; -q: only the sums.";
    serve(argv, &Manual { usage, failure: 2 }, run)
}

struct Wanted {
    count: Option<u16>,
    pause: Duration,
    wait: Duration,
    deadline: Option<Duration>,
    size: usize,
    family: Family,
    quiet: bool,
    host: String,
}

fn read(mut words: Words) -> Result<Wanted, Trouble> {
    let mut wanted = Wanted {
        count: None,
        pause: Duration::from_secs(1),
        wait: Duration::from_secs(10),
        deadline: None,
        size: 56,
        family: Family::Any,
        quiet: false,
        host: String::new(),
    };
    while let Some(word) = words.next()? {
        match word {
            Word::Short('c') => wanted.count = Some(words.number()?),
            Word::Short('i') => wanted.pause = seconds(&mut words)?,
            Word::Short('W') => wanted.wait = seconds(&mut words)?,
            Word::Short('w') => wanted.deadline = Some(seconds(&mut words)?),
            Word::Short('s') => wanted.size = words.number()?,
            Word::Short('4') => wanted.family = Family::V4,
            Word::Short('6') => wanted.family = Family::V6,
            Word::Short('q') => wanted.quiet = true,
            Word::Short('n') => {}
            Word::Plain(host) if wanted.host.is_empty() => wanted.host = host.to_string_lossy().into_owned(),
            other => return Err(unknown(&other)),
        }
    }
    if wanted.host.is_empty() {
        return Err(Trouble::Words("which host?".to_owned()));
    }
    if wanted.size > 65_000 {
        return Err(Trouble::Words("no packet holds more than 65000 bytes".to_owned()));
    }
    Ok(wanted)
}

fn seconds(words: &mut Words) -> Result<Duration, Trouble> {
    Duration::try_from_secs_f64(words.number()?).map_err(|_| Trouble::Words("that is no number of seconds".to_owned()))
}

fn run(words: Words, out: &mut Out) -> Outcome {
    let wanted = read(words)?;
    let target = resolve::addresses(&wanted.host, 0, wanted.family)?[0];
    let socket = Socket::open(target.ip()).map_err(Trouble::doing("cannot open a socket for echoes"))?;
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(rustix::process::Signal::INT.as_raw(), Arc::clone(&interrupted))?;
    writeln!(out, "PING {} ({}) {} bytes of data.", wanted.host, target.ip(), wanted.size)?;
    out.flush()?;
    let tally = ask(&wanted, target, &socket, &interrupted, out)?;
    tally.print(&wanted.host, out)?;
    Ok(i32::from(tally.times.is_empty()))
}

/// Sends and listens until enough was heard or time is over.
fn ask(
    wanted: &Wanted,
    target: SocketAddr,
    socket: &Socket,
    interrupted: &AtomicBool,
    out: &mut Out,
) -> Result<Tally, Trouble> {
    let start = Instant::now();
    let mut tally = Tally { sent: 0, errors: 0, times: Vec::new(), start };
    let mut sent_at: Vec<Option<Instant>> = Vec::new();
    let mut next = start;
    let over =
        |now: Instant| wanted.deadline.is_some_and(|limit| now - start >= limit) || interrupted.load(Ordering::Relaxed);
    let identity = (std::process::id() & 0xffff) as u16;
    loop {
        let now = Instant::now();
        let more = wanted.count.is_none_or(|count| tally.sent < count);
        if over(now) || (!more && (sent_at.iter().all(Option::is_none) || now >= next)) {
            return Ok(tally);
        }
        if more && now >= next {
            let packet = request(target.ip(), identity, tally.sent.wrapping_add(1), wanted.size);
            tally.sent = tally.sent.wrapping_add(1);
            sent_at.push(Some(now));
            if let Err(cause) = rustix::net::sendto(&socket.fd, &packet, SendFlags::empty(), &target) {
                tally.errors += 1;
                crate::frame::complain("ping", &format!("cannot send: {}", reason(&cause.into())));
            }
            let last = wanted.count.is_some_and(|count| tally.sent >= count);
            next = now + if last { wanted.wait } else { wanted.pause };
        }
        let until = wanted.deadline.map_or(next, |limit| next.min(start + limit));
        if !terminal::is_readable(socket.fd.as_fd(), until.saturating_duration_since(Instant::now()))? {
            continue;
        }
        match socket.answer(identity) {
            Ok(Some(Answer::Echo { sequence, length, ttl, from })) => {
                let Some(sent) = sent_at.get_mut(usize::from(sequence).wrapping_sub(1)).and_then(Option::take) else {
                    continue;
                };
                let time = sent.elapsed();
                tally.times.push(time);
                if !wanted.quiet {
                    let ttl = ttl.map_or_else(String::new, |ttl| format!(" ttl={ttl}"));
                    let time = time.as_secs_f64() * 1000.0;
                    writeln!(out, "{length} bytes from {from}: icmp_seq={sequence}{ttl} time={time:.3} ms")?;
                    out.flush()?;
                }
            }
            Ok(Some(Answer::Refused { what, from })) => {
                tally.errors += 1;
                writeln!(out, "From {from}: {what}")?;
                out.flush()?;
            }
            Ok(None) => {}
            Err(cause) if matches!(cause.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            // An echo socket is told "unreachable" as an error of the next call.
            Err(cause) => {
                tally.errors += 1;
                crate::frame::complain("ping", &reason(&cause));
            }
        }
    }
}

struct Tally {
    sent: u16,
    errors: u32,
    times: Vec<Duration>,
    start: Instant,
}

impl Tally {
    fn print(&self, host: &str, out: &mut Out) -> Result<(), Trouble> {
        let received = self.times.len();
        let lost = 100 - (received * 100).checked_div(usize::from(self.sent)).unwrap_or(100).min(100);
        let errors = if self.errors > 0 { format!(", +{} errors", self.errors) } else { String::new() };
        writeln!(out, "\n--- {host} ping statistics ---")?;
        let passed = self.start.elapsed().as_millis();
        writeln!(
            out,
            "{} packets transmitted, {received} received{errors}, {lost}% packet loss, time {passed}ms",
            self.sent
        )?;
        if received > 0 {
            let times: Vec<f64> = self.times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
            let mean = times.iter().sum::<f64>() / received as f64;
            let deviation = (times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / received as f64).sqrt();
            let least = times.iter().copied().fold(f64::INFINITY, f64::min);
            let most = times.iter().copied().fold(0.0, f64::max);
            writeln!(out, "rtt min/avg/max/mdev = {least:.3}/{mean:.3}/{most:.3}/{deviation:.3} ms")?;
        }
        Ok(())
    }
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Echo { sequence: u16, length: usize, ttl: Option<u8>, from: IpAddr },
    Refused { what: String, from: IpAddr },
}

struct Socket {
    fd: OwnedFd,
    /// Raw sockets see everybody's packets; those of IPv4 with their IP header.
    raw: bool,
    v6: bool,
}

impl Socket {
    fn open(target: IpAddr) -> io::Result<Self> {
        let (family, protocol) = if target.is_ipv6() {
            (AddressFamily::INET6, ipproto::ICMPV6)
        } else {
            (AddressFamily::INET, ipproto::ICMP)
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let v6 = target.is_ipv6();
        match rustix::net::socket_with(family, SocketType::RAW, flags, Some(protocol)) {
            Ok(fd) => Ok(Socket { fd, raw: true, v6 }),
            Err(_) => {
                let fd = rustix::net::socket_with(family, SocketType::DGRAM, flags, Some(protocol))?;
                Ok(Socket { fd, raw: false, v6 })
            }
        }
    }

    fn answer(&self, identity: u16) -> io::Result<Option<Answer>> {
        let mut buffer = vec![0; 65_536];
        let (_, length, from) = rustix::net::recvfrom(&self.fd, &mut buffer[..], RecvFlags::empty())?;
        let from = from.and_then(|address| SocketAddr::try_from(address).ok()).map(|address| address.ip());
        Ok(from.and_then(|from| self.read(&buffer[..length.min(65_536)], from, identity)))
    }

    fn read(&self, packet: &[u8], from: IpAddr, identity: u16) -> Option<Answer> {
        let (body, ttl) = if self.raw && !self.v6 {
            // The length of the IP header, in words, is the low half of its first byte.
            (packet.get(usize::from(packet.first()? & 15) * 4..)?, Some(*packet.get(8)?))
        } else {
            (packet, None)
        };
        let short =
            |bytes: &[u8], offset: usize| Some(u16::from_be_bytes(bytes.get(offset..offset + 2)?.try_into().ok()?));
        let kind = *body.first()?;
        if kind == if self.v6 { 129 } else { 0 } {
            let own = !self.raw || short(body, 4)? == identity;
            return own.then_some(Answer::Echo { sequence: short(body, 6)?, length: body.len(), ttl, from });
        }
        let what = match (self.v6, kind) {
            (false, 3) | (true, 1) => "destination unreachable",
            (false, 11) | (true, 3) => "time to live exceeded",
            _ => return None,
        };
        // Behind the 8 bytes of the complaint: the IP header (20 or 40 bytes) and the start of what we had sent.
        let ours = body.get(8 + if self.v6 { 40 } else { usize::from(body.get(8)? & 15) * 4 }..)?;
        (short(ours, 4)? == identity).then(|| Answer::Refused {
            what: format!("{what} (code {}), icmp_seq={}", body[1], short(ours, 6).unwrap_or(0)),
            from,
        })
    }
}

fn request(target: IpAddr, identity: u16, sequence: u16, size: usize) -> Vec<u8> {
    let mut packet = vec![if target.is_ipv6() { 128 } else { 8 }, 0, 0, 0];
    packet.extend(identity.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend((0..size).map(|index| (index & 0xff) as u8));
    // The kernel fills in the checksum of ICMPv6, which covers addresses that it alone knows.
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_with_its_checksum_sums_to_nothing() {
        let target = IpAddr::from([127, 0, 0, 1]);
        for size in [0, 1, 56, 1471] {
            assert_eq!(checksum(&request(target, 7, 1, size)), 0, "{size} bytes");
        }
    }

    #[test]
    fn only_our_own_echoes_count() {
        let (reader, _) = rustix::pipe::pipe().expect("a pipe");
        let socket = Socket { fd: reader, raw: true, v6: false };
        let from = IpAddr::from([127, 0, 0, 1]);
        let mut packet = vec![0x45; 20];
        packet[8] = 64;
        packet.extend([0, 0, 0, 0, 0, 7, 0, 3]);
        let echo = Answer::Echo { sequence: 3, length: 8, ttl: Some(64), from };
        assert_eq!(socket.read(&packet, from, 7), Some(echo));
        assert_eq!(socket.read(&packet, from, 8), None);
        for length in 0..packet.len() {
            assert_eq!(socket.read(&packet[..length], from, 7), None, "{length} bytes");
        }
    }
}
