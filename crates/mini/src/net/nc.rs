//! `nc`: connects stdin and stdout with a socket, or says whether something listens.

use std::ffi::OsString;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::Shutdown;

use super::resolve::{self, Family};
use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, complain, reason, serve, unknown};

/// Runs `nc`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "nc [-46nuvzN] [-w SECONDS] HOST PORT[-PORT] | nc -l [-46ukv] [-p PORT | [HOST] PORT] | nc -U [-l] PATH
  -l: listen, -k: again and again; -u: UDP; -U: unix socket; -z: only look whether it listens; -v: say what happens.";
    serve(argv, &Manual { usage, failure: 1 }, run)
}

#[derive(Default)]
struct Wanted {
    listen: bool,
    again: bool,
    udp: bool,
    unix: bool,
    scan: bool,
    verbose: bool,
    wait: Option<Duration>,
    family: Option<Family>,
    words: Vec<String>,
}

fn run(mut words: Words, out: &mut Out) -> Outcome {
    let mut wanted = Wanted::default();
    let mut port = None;
    while let Some(word) = words.next()? {
        match word {
            Word::Short('l') => wanted.listen = true,
            Word::Short('k') => wanted.again = true,
            Word::Short('u') => wanted.udp = true,
            Word::Short('U') => wanted.unix = true,
            Word::Short('z') => wanted.scan = true,
            Word::Short('v') => wanted.verbose = true,
            Word::Short('4') => wanted.family = Some(Family::V4),
            Word::Short('6') => wanted.family = Some(Family::V6),
            Word::Short('n' | 'N') => {}
            Word::Short('p') => port = Some(words.text()?),
            Word::Short('w') => {
                wanted.wait = Some(
                    Duration::try_from_secs_f64(words.number()?)
                        .map_err(|_| Trouble::Words("that is no number of seconds".to_owned()))?,
                );
            }
            Word::Plain(text) => wanted.words.push(text.to_string_lossy().into_owned()),
            other => return Err(unknown(&other)),
        }
    }
    if wanted.listen {
        wanted.words.extend(port);
    }
    match (wanted.unix, wanted.listen) {
        (true, listen) => unix(&wanted, listen, out),
        (false, true) => listen(&wanted, out),
        (false, false) => connect(&wanted, out),
    }
}

fn unix(wanted: &Wanted, listen: bool, out: &mut Out) -> Outcome {
    let [path] = wanted.words.as_slice() else { return Err(Trouble::Words("which path?".to_owned())) };
    if !listen {
        let stream = UnixStream::connect(path).map_err(Trouble::doing(format_args!("cannot connect to {path}")))?;
        return if wanted.scan { Ok(0) } else { relay(stream.as_fd(), wanted.wait, Ending::Stream, out) };
    }
    let listener = UnixListener::bind(path).map_err(Trouble::doing(format_args!("cannot listen on {path}")))?;
    loop {
        let (stream, _) = listener.accept()?;
        relay(stream.as_fd(), wanted.wait, Ending::Stream, out)?;
        if !wanted.again {
            // The name in the file system is ours; another's file of that name would have refused the bind.
            std::fs::remove_file(path)?;
            return Ok(0);
        }
    }
}

fn listen(wanted: &Wanted, out: &mut Out) -> Outcome {
    let (host, port) = match wanted.words.as_slice() {
        [port] if wanted.family == Some(Family::V6) => ("::", port),
        [port] => ("0.0.0.0", port),
        [host, port] => (host.as_str(), port),
        _ => return Err(Trouble::Words("listen on which port?".to_owned())),
    };
    let port: u16 = port.parse().map_err(|_| Trouble::Words(format!("not a port: `{port}`")))?;
    let address = resolve::addresses(host, port, wanted.family.unwrap_or(Family::Any))?[0];
    let doing = format!("cannot listen on {address}");
    if wanted.udp {
        let socket = UdpSocket::bind(address).map_err(Trouble::doing(doing))?;
        say(wanted, &format!("listening on {}", socket.local_addr()?));
        // The first to speak is the one we answer.
        let (_, peer) = socket.peek_from(&mut [0; 1])?;
        socket.connect(peer)?;
        say(wanted, &format!("connection from {peer}"));
        return relay(socket.as_fd(), wanted.wait, Ending::Datagrams, out);
    }
    let listener = TcpListener::bind(address).map_err(Trouble::doing(doing))?;
    say(wanted, &format!("listening on {}", listener.local_addr()?));
    loop {
        let (stream, peer) = listener.accept()?;
        say(wanted, &format!("connection from {peer}"));
        relay(stream.as_fd(), wanted.wait, Ending::Stream, out)?;
        if !wanted.again {
            return Ok(0);
        }
    }
}

fn connect(wanted: &Wanted, out: &mut Out) -> Outcome {
    let [host, ports] = wanted.words.as_slice() else { return Err(Trouble::Words("which host and port?".to_owned())) };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let port = |text: &str| text.parse::<u16>().map_err(|_| Trouble::Words(format!("not a port: `{text}`")));
    let (first, last) = (port(first)?, port(last)?);
    let mut status = 1;
    for port in first..=last {
        match open(wanted, host, port) {
            Ok(socket) => {
                let kind = if wanted.udp { "udp" } else { "tcp" };
                say(wanted, &format!("connection to {host} {port} port [{kind}] succeeded!"));
                status = 0;
                if !wanted.scan {
                    return match &socket {
                        Socket::Tcp(stream) => relay(stream.as_fd(), wanted.wait, Ending::Stream, out),
                        Socket::Udp(socket) => relay(socket.as_fd(), wanted.wait, Ending::Datagrams, out),
                    };
                }
            }
            Err(Trouble::Failed(text)) if wanted.scan && first != last => say(wanted, &text),
            Err(other) => return Err(other),
        }
    }
    Ok(status)
}

enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

/// Connects to the first address that takes it.
fn open(wanted: &Wanted, host: &str, port: u16) -> Result<Socket, Trouble> {
    let mut last = Trouble::Failed(format!("`{host}` has no address"));
    for address in resolve::addresses(host, port, wanted.family.unwrap_or(Family::Any))? {
        let tried = if wanted.udp {
            let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
            UdpSocket::bind(any).and_then(|socket| {
                socket.connect(address)?;
                if wanted.scan {
                    knock(&socket, wanted.wait.unwrap_or(Duration::from_secs(1)))?;
                }
                Ok(Socket::Udp(socket))
            })
        } else {
            match wanted.wait {
                Some(wait) if !wait.is_zero() => TcpStream::connect_timeout(&address, wait),
                Some(_) | None => TcpStream::connect(address),
            }
            .map(Socket::Tcp)
        };
        match tried {
            Ok(socket) => return Ok(socket),
            Err(cause) => last = Trouble::Failed(format!("connect to {address} failed: {}", reason(&cause))),
        }
    }
    Err(last)
}

/// A closed UDP port says so by ICMP; silence counts as open.
fn knock(socket: &UdpSocket, wait: Duration) -> std::io::Result<()> {
    socket.send(&[])?;
    socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
    match socket.recv(&mut [0; 1]) {
        Err(cause) if cause.kind() == std::io::ErrorKind::ConnectionRefused => Err(cause),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What the end of stdin means to the other side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// We say so, and go on listening.
    Stream,
    /// Nothing that could be said.
    Datagrams,
}

/// Copies both ways until both sides have ended, or nothing was heard for `wait`.
///
/// A server that has said its last word may still listen, so what is on stdin goes out to its end; somebody who
/// types at a terminal has seen the end and is not kept.
fn relay(socket: BorrowedFd<'_>, wait: Option<Duration>, ending: Ending, out: &mut Out) -> Outcome {
    let stdin = std::io::stdin();
    let mut wait = wait.filter(|wait| !wait.is_zero()).and_then(|wait| Timespec::try_from(wait).ok());
    let mut buffer = vec![0; 64 * 1024];
    let (mut hears, mut says) = (true, true);
    while hears || says {
        let mut polled = Vec::with_capacity(2);
        if hears {
            polled.push(PollFd::new(&socket, PollFlags::IN));
        }
        if says {
            polled.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
        }
        match poll(&mut polled, wait.as_ref()) {
            Ok(0) => return Ok(0),
            Ok(_) | Err(Errno::INTR) => {}
            Err(cause) => return Err(cause.into()),
        }
        let mut ready = polled.iter().map(|polled| !polled.revents().is_empty());
        let heard = hears && ready.next() == Some(true);
        let said = says && ready.next() == Some(true);
        if heard {
            match rustix::io::read(socket, &mut buffer) {
                Ok(0) if ending == Ending::Stream => {
                    hears = false;
                    says = says && !rustix::termios::isatty(stdin.as_fd());
                }
                Ok(length) => {
                    out.write_all(&buffer[..length])?;
                    out.flush()?;
                }
                Err(Errno::CONNRESET) => return Ok(0),
                Err(cause) => return Err(cause.into()),
            }
        }
        if said {
            match rustix::io::read(stdin.as_fd(), &mut buffer)? {
                0 => {
                    says = false;
                    if ending == Ending::Stream {
                        // Refused only when the other side has ended already, which the next read will show.
                        let _ = rustix::net::shutdown(socket, Shutdown::Write);
                    } else {
                        // Datagrams have no end: a second without an answer is one.
                        wait = wait.or(Some(Timespec { tv_sec: 1, tv_nsec: 0 }));
                    }
                }
                length => match send(socket, &buffer[..length]) {
                    // It had ended before: a full close looks like a half one until something is sent.
                    Err(Errno::PIPE | Errno::CONNRESET) if !hears => return Ok(0),
                    Err(Errno::PIPE) => {
                        return Err(Trouble::Failed("the other side does not listen any more".to_owned()));
                    }
                    sent => sent?,
                },
            }
        }
    }
    Ok(0)
}

/// Sends all of it.
fn send(socket: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(socket, bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::INTR) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

fn say(wanted: &Wanted, text: &str) {
    if wanted.verbose {
        complain("nc", text);
    }
}
