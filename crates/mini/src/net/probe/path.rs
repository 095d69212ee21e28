//! How large a packet may be on the way to somebody: datagrams that must not be cut up, of growing size, to a port where
//! nobody listens. Whoever gets one says so by ICMP; who cannot pass one on should say so too, and not all do.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use fathom_host::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

/// Whole packets, with their headers: what every way takes (RFC 791), what tunnels and telephone lines leave, Ethernet.
const SIZES: &[usize] = &[576, 1280, 1400, 1450, 1492, 1500];
/// Of IP and UDP.
const HEADERS: usize = 28;
/// A port that traceroute uses, since nobody listens there.
const PORT: u16 = 33_434;
/// One datagram is waited for so long, and lost ones are sent again: hosts say no more than one such thing a second.
const WAIT: Duration = Duration::from_millis(1100);
const SENT: usize = 3;

/// What became of datagrams of one size.
enum Fate {
    Arrived,
    TooLarge(u32),
    /// Our own interface does not take it.
    TooLargeHere,
    Silence,
}

/// Sizes in order, until one does not arrive.
pub(super) fn measure(to: Ipv4Addr) -> Value {
    tried(to).unwrap_or_else(|error| json!({"outcome": "failed", "error": error.to_string()}))
}

fn tried(to: Ipv4Addr) -> io::Result<Value> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    sys::keep_refusals(&socket)?;
    sys::forbid_fragments(&socket)?;
    socket.connect((to, PORT))?;
    let mut largest = None;
    for size in SIZES {
        match fate(&socket, *size)? {
            Fate::Arrived => largest = Some(*size),
            Fate::TooLarge(fits) => return Ok(json!({"outcome": "told", "fits": fits})),
            Fate::TooLargeHere => break,
            Fate::Silence => {
                let Some(largest) = largest else { return Ok(json!({"outcome": "timeout"})) };
                // Whoever has grown tired of answering says nothing to a small one either.
                let answers = matches!(fate(&socket, SIZES[0])?, Fate::Arrived);
                let outcome = if answers { "hole" } else { "timeout" };
                return Ok(json!({"outcome": outcome, "largest": largest, "silent": size}));
            }
        }
    }
    Ok(json!({"outcome": "fits", "largest": largest}))
}

fn fate(socket: &UdpSocket, size: usize) -> io::Result<Fate> {
    for _ in 0..SENT {
        match socket.send(&vec![0; size - HEADERS]) {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) => {
                return Ok(Fate::TooLargeHere);
            }
            // An answer to the one before, that came late.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            // Dropped by the other end of our own cable, which is smaller: nobody hears of it there either.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let end = Instant::now() + WAIT;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            if !matches!(
                poll(&mut [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::empty())], Some(&left)),
                Ok(1..)
            ) {
                break;
            }
            match sys::refusal(socket).map(|refusal| (refusal.icmp, refusal.info)) {
                // Destination unreachable (RFC 792): 3 is a port, 4 that it would have to be cut up.
                Some((Some((3, 3)), _)) => return Ok(Fate::Arrived),
                Some((Some((3, 4)), fits)) => return Ok(Fate::TooLarge(fits)),
                Some(_) => {}
                None => break,
            }
        }
    }
    Ok(Fate::Silence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sizes_fit_on_loopback() {
        assert_eq!(measure("127.0.0.1".parse().expect("an address")), json!({"outcome": "fits", "largest": 1500}));
    }
}
