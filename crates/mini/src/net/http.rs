//! `http`: fetches a URL, over TCP, TLS or a unix socket. HTTP/1.1 (RFC 9112), one request a connection.

mod body;
mod tls;
mod url;

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::resolve::{self, Family};
use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, reason, serve, unknown};
use url::{Scheme, Url};

/// Runs `http`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "http [-v] [-i] [-I] [-X METHOD] [-H 'NAME: VALUE'] [-d DATA | -d @FILE] [-o FILE] [-L] [-f] [-k] [-m SECONDS] [-4 | -6] [--unix-socket PATH] [--cacert FILE] URL
  -v: show both heads   -i: print the answer's head   -I: HEAD   -L: follow redirects   -f: fail on status 400 and more
  -k: do not check certificates   Certificates of the root's /etc/ssl are trusted beside Mozilla's.";
    serve(argv, &Manual { usage, failure: 1 }, run)
}

struct Wanted {
    url: String,
    method: Option<String>,
    headers: Vec<(String, String)>,
    data: Option<Vec<u8>>,
    output: Option<PathBuf>,
    verbose: bool,
    include: bool,
    follow: bool,
    fail: bool,
    insecure: bool,
    wait: Option<Duration>,
    family: Family,
    unix: Option<PathBuf>,
    authority: Option<PathBuf>,
}

fn read(mut words: Words) -> Result<Wanted, Trouble> {
    let mut wanted = Wanted {
        url: String::new(),
        method: None,
        headers: Vec::new(),
        data: None,
        output: None,
        verbose: false,
        include: false,
        follow: false,
        fail: false,
        insecure: false,
        wait: None,
        family: Family::Any,
        unix: None,
        authority: None,
    };
    while let Some(word) = words.next()? {
        let long;
        let flag = match &word {
            Word::Short(letter) => *letter,
            Word::Long(name) => {
                long = name.as_str();
                match long {
                    "head" => 'I',
                    "verbose" => 'v',
                    "include" => 'i',
                    "request" => 'X',
                    "header" => 'H',
                    "data" => 'd',
                    "output" => 'o',
                    "location" => 'L',
                    "fail" => 'f',
                    "insecure" => 'k',
                    "max-time" => 'm',
                    "silent" => 's',
                    "unix-socket" => {
                        wanted.unix = Some(words.value()?.into());
                        continue;
                    }
                    "cacert" => {
                        wanted.authority = Some(words.value()?.into());
                        continue;
                    }
                    _ => return Err(unknown(&word)),
                }
            }
            Word::Plain(text) if wanted.url.is_empty() => {
                wanted.url = text.to_string_lossy().into_owned();
                continue;
            }
            Word::Plain(_) => return Err(unknown(&word)),
        };
        match flag {
            'v' => wanted.verbose = true,
            'i' => wanted.include = true,
            'I' => (wanted.method, wanted.include) = (Some("HEAD".to_owned()), true),
            'X' => wanted.method = Some(words.text()?),
            'H' => wanted.headers.push(header(&words.text()?)?),
            'd' => wanted.data = Some(data(words.value()?)?),
            'o' => wanted.output = Some(words.value()?.into()),
            'L' => wanted.follow = true,
            'f' => wanted.fail = true,
            'k' => wanted.insecure = true,
            's' | 'S' => {}
            'm' => {
                wanted.wait = Some(
                    Duration::try_from_secs_f64(words.number()?)
                        .map_err(|_| Trouble::Words("that is no number of seconds".to_owned()))?,
                );
            }
            '4' => wanted.family = Family::V4,
            '6' => wanted.family = Family::V6,
            _ => return Err(unknown(&word)),
        }
    }
    if wanted.url.is_empty() {
        return Err(Trouble::Words("which URL?".to_owned()));
    }
    Ok(wanted)
}

fn header(text: &str) -> Result<(String, String), Trouble> {
    let (name, value) = text.split_once(':').ok_or_else(|| Trouble::Words(format!("not a header: `{text}`")))?;
    if text.contains(['\r', '\n']) {
        return Err(Trouble::Words("a header is one line".to_owned()));
    }
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// The words themselves, or the file behind `@`; `@-` is stdin.
fn data(text: OsString) -> Result<Vec<u8>, Trouble> {
    use std::os::unix::ffi::OsStringExt;
    let bytes = text.into_vec();
    let Some(path) = bytes.strip_prefix(b"@") else { return Ok(bytes) };
    let path = PathBuf::from(OsString::from_vec(path.to_vec()));
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(&path).map_err(Trouble::doing(format_args!("cannot read {}", path.display())))
}

/// How many redirects are followed.
const REDIRECTS: usize = 10;

fn run(words: Words, out: &mut Out) -> Outcome {
    let mut wanted = read(words)?;
    let mut url = Url::read(&wanted.url).map_err(Trouble::Words)?;
    for _ in 0..=REDIRECTS {
        let mut stream = BufReader::new(connect(&wanted, &url)?);
        let head = exchange(&wanted, &url, &mut stream)?;
        let target = head.value("location").filter(|_| wanted.follow && (300..400).contains(&head.status));
        if let Some(target) = target {
            let next = url.join(target).map_err(Trouble::Failed)?;
            if next.authority() != url.authority() {
                // What was meant for one host is not told to another.
                wanted.headers.retain(|(name, _)| {
                    !name.eq_ignore_ascii_case("authorization") && !name.eq_ignore_ascii_case("cookie")
                });
            }
            if head.status <= 303 && wanted.method.as_deref() != Some("HEAD") {
                (wanted.method, wanted.data) = (Some("GET".to_owned()), None);
            }
            url = next;
            continue;
        }
        if wanted.fail && head.status >= 400 {
            return Err(Trouble::Failed(format!("{url} answered {} {}", head.status, head.reason)));
        }
        return deliver(&wanted, &head, &mut stream, out);
    }
    Err(Trouble::Failed(format!("{} redirects more than {REDIRECTS} times", wanted.url)))
}

/// Writes the answer where it is wanted.
fn deliver(wanted: &Wanted, head: &Head, stream: &mut impl BufRead, out: &mut Out) -> Outcome {
    let length = body::Length::of(wanted.method(), head).map_err(|text| Trouble::Failed(text.to_owned()))?;
    let mut copy = |target: &mut dyn Write| -> Result<(), Trouble> {
        if wanted.include {
            target.write_all(head.text.as_bytes())?;
            target.write_all(b"\r\n")?;
        }
        body::copy(length, stream, target)
    };
    match &wanted.output {
        None => copy(out)?,
        Some(path) => {
            let doing = format!("cannot write {}", path.display());
            let mut file = File::create(path).map_err(Trouble::doing(doing))?;
            copy(&mut file)?;
        }
    }
    Ok(0)
}

/// Anything that can be talked to.
trait Talk: Read + Write {}
impl<T: Read + Write> Talk for T {}

fn connect(wanted: &Wanted, url: &Url) -> Result<Box<dyn Talk>, Trouble> {
    if let Some(path) = &wanted.unix {
        let doing = format!("cannot connect to {}", path.display());
        let stream = UnixStream::connect(path).map_err(Trouble::doing(doing))?;
        stream.set_read_timeout(wanted.wait)?;
        return Ok(Box::new(stream));
    }
    let mut last = Trouble::Failed(format!("{} has no address", url.host));
    for address in resolve::addresses(&url.host, url.port, wanted.family)? {
        let tried = match wanted.wait {
            Some(wait) if !wait.is_zero() => TcpStream::connect_timeout(&address, wait),
            Some(_) | None => TcpStream::connect(address),
        };
        match tried {
            Ok(stream) => {
                stream.set_read_timeout(wanted.wait.filter(|wait| !wait.is_zero()))?;
                if wanted.verbose {
                    crate::frame::note(&format!("* connected to {address}"));
                }
                return match url.scheme {
                    Scheme::Http => Ok(Box::new(stream)),
                    Scheme::Https => tls::wrap(stream, &url.host, wanted.insecure, wanted.authority.as_deref()),
                };
            }
            Err(cause) => last = Trouble::Failed(format!("cannot connect to {address}: {}", reason(&cause))),
        }
    }
    Err(last)
}

impl Wanted {
    fn method(&self) -> &str {
        match (&self.method, &self.data) {
            (Some(method), _) => method,
            (None, Some(_)) => "POST",
            (None, None) => "GET",
        }
    }
}

/// The head of an answer.
struct Head {
    status: u16,
    reason: String,
    fields: Vec<(String, String)>,
    text: String,
}

impl Head {
    /// The value of a field; names are the same in capitals.
    fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Sends the request and reads the head of the answer; heads of status 1xx are passed over.
fn exchange(wanted: &Wanted, url: &Url, stream: &mut BufReader<Box<dyn Talk>>) -> Result<Head, Trouble> {
    let request = request(wanted, url);
    if wanted.verbose {
        request.lines().for_each(|line| crate::frame::note(&format!("> {line}")));
    }
    stream.get_mut().write_all(request.as_bytes())?;
    stream.get_mut().write_all(wanted.data.as_deref().unwrap_or_default())?;
    stream.get_mut().flush()?;
    loop {
        let head = read_head(stream)?;
        if wanted.verbose {
            head.text.lines().for_each(|line| crate::frame::note(&format!("< {line}")));
        }
        if !(100..200).contains(&head.status) || head.status == 101 {
            return Ok(head);
        }
    }
}

fn request(wanted: &Wanted, url: &Url) -> String {
    let mut text = format!("{} {} HTTP/1.1\r\n", wanted.method(), url.path);
    let given = |name: &str| wanted.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let mut add = |name: &str, value: &str| {
        if !given(name) {
            text += &format!("{name}: {value}\r\n");
        }
    };
    add("Host", &url.authority());
    add("User-Agent", concat!("fathom/", env!("CARGO_PKG_VERSION")));
    add("Accept", "*/*");
    add("Connection", "close");
    if let Some(data) = &wanted.data {
        add("Content-Length", &data.len().to_string());
        add("Content-Type", "application/x-www-form-urlencoded");
    }
    for (name, value) in &wanted.headers {
        text += &format!("{name}: {value}\r\n");
    }
    text + "\r\n"
}

/// How long a head may be: more is no head.
const LONGEST: u64 = 256 * 1024;

fn read_head(stream: &mut impl BufRead) -> Result<Head, Trouble> {
    let mut stream = stream.take(LONGEST);
    let mut text = String::new();
    loop {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).map_err(Trouble::doing("cannot read the answer"))?;
        if line.last() != Some(&b'\n') {
            let what =
                if text.is_empty() && line.is_empty() { "no answer came" } else { "the answer's head has no end" };
            return Err(Trouble::Failed(what.to_owned()));
        }
        let line = String::from_utf8_lossy(&line);
        if line.trim_end().is_empty() {
            break;
        }
        text += line.trim_end();
        text += "\r\n";
    }
    parse_head(text).ok_or_else(|| Trouble::Failed("the answer is not HTTP".to_owned()))
}

fn parse_head(text: String) -> Option<Head> {
    let mut lines = text.lines();
    let mut first = lines.next()?.splitn(3, ' ');
    first.next()?.strip_prefix("HTTP/1.")?;
    let status = first.next()?.parse().ok()?;
    let reason = first.next().unwrap_or_default().to_owned();
    let fields = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Some(Head { status, reason, fields, text })
}
