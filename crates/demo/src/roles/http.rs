//! As much of HTTP/1.1 (RFC 9112) as the shop needs: GET without a body, answers of a known length.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::say;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes in a line of a head.
const LONGEST_LINE: u64 = 4096;
/// Lines in a head.
const MOST_LINES: usize = 64;
/// Bytes in an answer.
const LARGEST_BODY: u64 = 1 << 20;
/// Connections at once.
const MOST_CONNECTIONS: usize = 32;

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, body: body.into() }
    }
}

/// Answers requests at `port` with what `handle` makes of their paths, each connection in a thread of its own.
/// Returns only with the reason why it cannot.
pub(super) fn serve(port: u16, handle: impl Fn(&str) -> Answer + Send + Sync + 'static) -> io::Error {
    let listener = match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    say(format_args!("listening on port {port}"));
    let handle = Arc::new(handle);
    let connections = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return error,
        };
        let (handle, count) = (Arc::clone(&handle), Arc::clone(&connections));
        if count.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            count.fetch_sub(1, Ordering::Relaxed);
            let _ = reply(&stream, &Answer::new(503, "too many at once\n"), Fate::Close);
            continue;
        }
        let thread = std::thread::Builder::new().stack_size(1 << 18).spawn(move || {
            let _ = converse(&stream, peer, &*handle);
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if thread.is_err() {
            connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Close,
}

fn converse(stream: &TcpStream, peer: SocketAddr, handle: &dyn Fn(&str) -> Answer) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_line(&mut reader)? {
        let began = Instant::now();
        let mut fate = if request.ends_with("HTTP/1.1") { Fate::Keep } else { Fate::Close };
        for header in read_headers(&mut reader)? {
            if header.eq_ignore_ascii_case("connection: close") {
                fate = Fate::Close;
            }
        }
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let answer = match (method, path.starts_with('/')) {
            ("GET", true) => handle(path),
            (_, true) => Answer::new(405, "only GET is spoken here\n"),
            _ => Answer::new(400, "this is no request\n"),
        };
        if answer.status == 400 {
            fate = Fate::Close;
        }
        let taken = began.elapsed().as_millis();
        say(format_args!("{} \"{}\" {} {taken} ms", peer.ip(), request.escape_default(), answer.status));
        reply(stream, &answer, fate)?;
        if fate == Fate::Close {
            break;
        }
    }
    Ok(())
}

fn reply(mut stream: &TcpStream, answer: &Answer, fate: Fate) -> io::Result<()> {
    let reason = match answer.status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "",
    };
    let connection = if fate == Fate::Close { "close" } else { "keep-alive" };
    let text = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{}",
        answer.status,
        answer.body.len(),
        answer.body
    );
    stream.write_all(text.as_bytes())
}

/// Asks `host`, a name or an address, for `path`.
pub(super) fn get(host: &str, port: u16, path: &str) -> io::Result<Answer> {
    let mut addresses = (host, port).to_socket_addrs()?;
    let address = addresses.next().ok_or_else(|| io::Error::other(format!("{host} has no address")))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut reader = BufReader::new(stream);
    let first = read_line(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let strange = || io::Error::new(io::ErrorKind::InvalidData, format!("{host} does not speak HTTP"));
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(strange)?;
    read_headers(&mut reader)?;
    let mut body = String::new();
    reader.take(LARGEST_BODY).read_to_string(&mut body)?;
    Ok(Answer { status, body })
}

fn read_headers(reader: &mut BufReader<impl io::Read>) -> io::Result<Vec<String>> {
    let mut headers = Vec::new();
    while let Some(line) = read_line(reader)?.filter(|line| !line.is_empty()) {
        if headers.len() == MOST_LINES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too many headers"));
        }
        headers.push(line);
    }
    Ok(headers)
}

/// A line without its end; `None` where there is no more.
fn read_line(reader: &mut BufReader<impl io::Read>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let count = reader.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    if count == 0 {
        return Ok(None);
    }
    if !line.ends_with(b"\n") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line does not end"));
    }
    while line.ends_with(b"\n") || line.ends_with(b"\r") {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `request` to a server on loopback that answers every path with 200, and returns what comes back.
    fn exchange(request: &str) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = converse(&server, peer, &|path| Answer::new(200, format!("<{path}>")));
        drop(server);
        let mut said = String::new();
        let _ = client.read_to_string(&mut said);
        said
    }

    #[test]
    fn one_connection_carries_several_requests() {
        let said = exchange(
            "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nconnection: CLOSE\r\n\r\nGET /c HTTP/1.1\r\n\r\n",
        );
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("</a>HTTP/1.1 200") && said.ends_with("</b>"));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(exchange("POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(exchange("\u{1}\r\n\r\n").starts_with("HTTP/1.1 400 "));
        assert_eq!(exchange("GET / HTTP/1.1"), "");
        assert_eq!(exchange(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(5000))), "");
        assert_eq!(exchange(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65))), "");
    }
}
