//! `dns` and `drill`: asks a name server, and shows the whole answer as drill does.

mod message;
mod record;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::resolve::{self, Family};
use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, serve, unknown};
use message::{Message, Question};

/// Runs `dns`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "drill NAME [@SERVER] [TYPE] [CLASS] | drill -x ADDRESS [@SERVER]
  -V LEVEL: 5 shows the question too   -p PORT   -4, -6: how to reach the server   -t: by TCP (or: -t TYPE)   -u: by UDP
  -D: with DNSSEC   -b BYTES: answers up to that   -o FLAGS: e.g. rd off as `-o rd`   -Q: only the answers' data";
    serve(argv, &Manual { usage, failure: 1 }, run)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    /// UDP, and TCP when the answer was cut.
    Either,
    Udp,
    Tcp,
}

struct Wanted {
    question: Question,
    server: Option<String>,
    port: u16,
    family: Family,
    transport: Transport,
    verbosity: u8,
    short: bool,
    dnssec: bool,
    buffer: Option<u16>,
    recursion: bool,
}

fn read(mut words: Words) -> Result<Wanted, Trouble> {
    let (mut name, mut kind, mut class, mut reverse) = (None::<String>, None, 1, false);
    let mut wanted = Wanted {
        question: Question { name: String::new(), kind: 1, class: 1 },
        server: None,
        port: 53,
        family: Family::Any,
        transport: Transport::Either,
        verbosity: 3,
        short: false,
        dnssec: false,
        buffer: None,
        recursion: true,
    };
    while let Some(word) = words.next()? {
        match word {
            Word::Short('V') => wanted.verbosity = words.number()?,
            Word::Short('p') => wanted.port = words.number()?,
            Word::Short('4') => wanted.family = Family::V4,
            Word::Short('6') => wanted.family = Family::V6,
            Word::Short('t') => wanted.transport = Transport::Tcp,
            Word::Short('u') => wanted.transport = Transport::Udp,
            Word::Short('a') => wanted.transport = Transport::Either,
            Word::Short('D') => wanted.dnssec = true,
            Word::Short('b') => wanted.buffer = Some(words.number()?),
            Word::Short('o') => wanted.recursion = words.text()? != "rd",
            Word::Short('Q') => wanted.short = true,
            Word::Short('x') => reverse = true,
            Word::Short('v') => return Err(Trouble::Help),
            Word::Plain(text) => {
                let text = text.to_string_lossy().into_owned();
                if let Some(server) = text.strip_prefix('@') {
                    wanted.server = Some(server.to_owned());
                } else if let Some(number) = record::kind_number(&text).filter(|_| kind.is_none()) {
                    // `-t AAAA`, as others' tools have it: the type was meant, not TCP.
                    kind = Some(number);
                } else if let Some(number) = record::class_number(&text) {
                    class = number;
                } else if name.is_none() {
                    name = Some(text);
                } else {
                    return Err(Trouble::Words(format!("neither a type nor a class: `{text}`")));
                }
            }
            other => return Err(unknown(&other)),
        }
    }
    let name = name.ok_or_else(|| Trouble::Words("which name?".to_owned()))?;
    wanted.question = if reverse {
        let address: IpAddr = name.parse().map_err(|_| Trouble::Words(format!("not an address: `{name}`")))?;
        Question { name: reverse_name(address), kind: kind.unwrap_or(12), class }
    } else {
        Question { name, kind: kind.unwrap_or(1), class }
    };
    Ok(wanted)
}

fn run(mut words: Words, out: &mut Out) -> Outcome {
    // A type right behind `-t` takes its meaning of TCP away; the parser of flags cannot know that.
    let mut rest = words.rest()?;
    if rest.iter().any(|word| word == "--help") {
        return Err(Trouble::Help);
    }
    let typed = |pair: &[OsString]| pair[0] == "-t" && pair[1].to_str().and_then(record::kind_number).is_some();
    if let Some(index) = rest.windows(2).position(typed) {
        rest.remove(index);
    }
    let wanted = read(Words::of(rest))?;
    let query = message::query(&wanted.question, random_id()?, wanted.recursion, wanted.edns())?;
    let mut last = Trouble::Failed("no name server is known: name one with @SERVER".to_owned());
    for server in servers(&wanted)? {
        if wanted.verbosity >= 5 {
            writeln!(out, ";; Sending to {}:", server)?;
            Message::read(&query).map_err(|text| Trouble::Failed(text.to_owned()))?.print(out)?;
            writeln!(out, ";;\n;; Received:")?;
            out.flush()?;
        }
        let start = Instant::now();
        match ask(&query, server, wanted.transport) {
            Ok(bytes) => return show(&bytes, &wanted, server, start.elapsed(), out),
            Err(trouble) => last = trouble,
        }
    }
    Err(last)
}

impl Wanted {
    /// What is said by EDNS (RFC 6891), if anything: the largest answer, and whether signatures are wanted.
    fn edns(&self) -> Option<(u16, bool)> {
        (self.dnssec || self.buffer.is_some()).then_some((self.buffer.unwrap_or(1232), self.dnssec))
    }
}

fn show(bytes: &[u8], wanted: &Wanted, server: SocketAddr, time: Duration, out: &mut Out) -> Outcome {
    let message = Message::read(bytes).map_err(|text| Trouble::Failed(format!("{server} sent nonsense: {text}")))?;
    if wanted.short {
        for record in &message.answers {
            writeln!(out, "{}", record.data)?;
        }
        return Ok(0);
    }
    message.print(out)?;
    writeln!(out, ";; Query time: {} msec", time.as_millis())?;
    writeln!(out, ";; SERVER: {}", server.ip())?;
    writeln!(out, ";; WHEN: {}", jiff::Zoned::now().strftime("%a %b %e %T %Y"))?;
    writeln!(out, ";; MSG SIZE  rcvd: {}", bytes.len())?;
    Ok(0)
}

fn servers(wanted: &Wanted) -> Result<Vec<SocketAddr>, Trouble> {
    if let Some(server) = &wanted.server {
        return resolve::addresses(server, wanted.port, wanted.family);
    }
    let text = crate::system::read("/etc/resolv.conf")?;
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim);
    let mut found = Vec::new();
    for server in named {
        // One line that makes no sense does not spoil the others.
        found.extend(resolve::addresses(server, wanted.port, wanted.family).unwrap_or_default());
    }
    Ok(found)
}

fn random_id() -> Result<u16, Trouble> {
    let mut bytes = [0; 2];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u16::from_ne_bytes(bytes))
}

/// How long one try may take, and how many there are.
const WAIT: Duration = Duration::from_secs(5);
const TRIES: usize = 3;

fn ask(query: &[u8], server: SocketAddr, transport: Transport) -> Result<Vec<u8>, Trouble> {
    if transport == Transport::Tcp {
        return ask_tcp(query, server);
    }
    let failed = || Trouble::doing(format!("cannot ask {server}"));
    let socket = UdpSocket::bind(if server.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" }).map_err(failed())?;
    socket.connect(server).map_err(failed())?;
    let mut buffer = vec![0; 65_535];
    for _ in 0..TRIES {
        socket.send(query).map_err(failed())?;
        let end = Instant::now() + WAIT;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            socket.set_read_timeout(Some(left)).map_err(failed())?;
            match socket.recv(&mut buffer) {
                // Answers carry the question's number; what does not is somebody's forgery or an old answer.
                Ok(length) if length >= 12 && buffer[..2] == query[..2] => {
                    let cut = buffer[2] & 2 != 0;
                    return if cut && transport == Transport::Either {
                        ask_tcp(query, server)
                    } else {
                        Ok(buffer[..length].to_vec())
                    };
                }
                Ok(_) => {}
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(cause) => return Err(failed()(cause)),
            }
        }
    }
    Err(Trouble::Failed(format!("{server} did not answer {TRIES} times in {} seconds", WAIT.as_secs())))
}

/// RFC 1035 4.2.2: each message behind its length.
fn ask_tcp(query: &[u8], server: SocketAddr) -> Result<Vec<u8>, Trouble> {
    let failed = || Trouble::doing(format!("cannot ask {server} by TCP"));
    let mut stream = TcpStream::connect_timeout(&server, WAIT).map_err(failed())?;
    stream.set_read_timeout(Some(WAIT)).map_err(failed())?;
    let length = u16::try_from(query.len()).map_err(|_| Trouble::Words("the name is too long".to_owned()))?;
    stream.write_all(&[&length.to_be_bytes(), query].concat()).map_err(failed())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).map_err(failed())?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).map_err(failed())?;
    Ok(answer)
}

/// A question for the address of a name.
pub(super) struct Lookup(Vec<u8>);

impl Lookup {
    /// The dot at the end of a full name may be there or not.
    pub(super) fn of(name: &str) -> Result<Lookup, Trouble> {
        let name = if name.is_empty() { "." } else { name };
        Ok(Lookup(message::query(&Question { name: name.to_owned(), kind: 1, class: 1 }, random_id()?, true, None)?))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The code of an answer and the addresses in it; nothing where it answers another question or is none.
pub(super) fn look_up(lookup: &Lookup, answer: &[u8]) -> Option<(u8, Vec<String>)> {
    if answer.get(..2) != lookup.0.get(..2) {
        return None;
    }
    let message = Message::read(answer).ok()?;
    let addresses = message.answers.iter().map(|record| record.data.clone());
    let addresses = addresses.filter(|data| data.parse::<IpAddr>().is_ok()).collect();
    Some(((message.flags & 15) as u8, addresses))
}

/// `4.3.2.1.in-addr.arpa.`, RFC 1035 3.5 and RFC 3596 2.5.
fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_reversed() {
        assert_eq!(reverse_name(IpAddr::from([192, 0, 2, 1])), "1.2.0.192.in-addr.arpa.");
        let v6 = reverse_name("2001:db8::1".parse().expect("an address"));
        assert!(v6.starts_with("1.0.0.0.") && v6.ends_with("8.b.d.0.1.0.0.2.ip6.arpa."), "{v6}");
    }

    fn check(line: &str) -> (String, u16, u16) {
        let words = line.split(' ').map(OsString::from).collect();
        let wanted = read(Words::of(words)).expect("words");
        (wanted.question.name, wanted.question.kind, wanted.port)
    }

    #[test]
    fn words_may_stand_in_any_order() {
        assert_eq!(check("-V 5 example.com"), ("example.com".to_owned(), 1, 53));
        assert_eq!(check("mx example.com @192.0.2.1 -p 5353"), ("example.com".to_owned(), 15, 5353));
        assert_eq!(check("example.com AAAA IN"), ("example.com".to_owned(), 28, 53));
        assert_eq!(check("-x 192.0.2.1").1, 12);
    }
}
