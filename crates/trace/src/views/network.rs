//! What programs say to each other: requests of HTTP with their answers, commands to memcached.

use rustc_hash::FxHashMap;

use super::body::{Body, Cells, End, Tick};
use super::page::{Columns, Page, Source};
use super::top::{Layout, hide_cursor, show_cursor};
use super::{Argument, Every, Family, Row, Shows, Takes};
use crate::replay::Flow;

const HTTP: &str = "evt.is_io = true and evt.buflen > 0 and (fd.sockfamily = ip or fd.sockfamily = unix)";
const READ: &[&str] = &["evt.buffer", "fd.num", "proc.pid", "evt.io_dir", "container.name", "evt.datetime"];

/// The views.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        "httplog",
        Family::Application,
        "Requests of HTTP with their answers",
        Shows::Other(|_, _| Box::<Log>::default()),
    )
    .about(HTTP)
    .reading(READ)
    .keeping(1024),
    Row::new(
        "httptop",
        Family::Application,
        "Addresses that were asked for by HTTP, with how often",
        Shows::Other(|taken, wish| {
            let (by, unit) = match taken.get("by") {
                Some("bytes") => (By::Bytes, "bytes"),
                Some("time") => (By::Time, "time"),
                _ => (By::Calls, "none"),
            };
            let value = taken.get("by").unwrap_or("ncalls").to_owned();
            let container = (wish.columns == Columns::Containers).then_some("container");
            let names: Vec<_> = container.into_iter().chain(["method", "url"]).map(str::to_owned).collect();
            let (titles, title) = (names.clone(), value.clone());
            let layout = Layout { names, titles, value, title, rows: 30, unit: unit.to_owned() };
            Box::new(Requests { pairs: Pairs::default(), by, layout, found: FxHashMap::default() })
        }),
    )
    .about(HTTP)
    .reading(READ)
    .keeping(1024)
    .every(Every::SecondOfNow)
    .taking(&[Argument::optional("by", Takes::OneOf(&["ncalls", "time", "bytes"]), "what puts them in order")]),
    Row::new(
        "memcachelog",
        Family::Application,
        "Commands to memcached",
        Shows::Other(|taken, _| {
            let least = taken.number("size").unwrap_or(0.0);
            Box::new(Cache { method: taken.get("method").map(str::to_owned), least })
        }),
    )
    .about("(fd.sport=11211 or proc.name=memcached) and evt.is_io=true")
    .reading(&["evt.arg[1]", "evt.datetime"])
    .keeping(4096)
    .taking(&[
        Argument::optional("method", Takes::OneOf(&["get", "set"]), "only these"),
        Argument::optional("size", Takes::Number, "only what is set that has as many bytes"),
    ]),
];

/// A request that was answered.
struct Answered {
    direction: &'static str,
    container: Vec<u8>,
    method: Vec<u8>,
    url: Vec<u8>,
    code: u64,
    size: u64,
    /// When it was asked and answered, as fractions have it: whole nanoseconds since 1970 are too many for their digits.
    /// sysdig counts like this, and whoever compares with it shall find the same text.
    times: [f64; 2],
}

struct Asked {
    direction: &'static str,
    container: Vec<u8>,
    method: Vec<u8>,
    url: Vec<u8>,
    time: u64,
}

/// Requests that wait for their answers, by process and descriptor.
#[derive(Default)]
struct Pairs(FxHashMap<(i64, i64), Asked>);

/// More requests than these do not wait.
const WAITING: usize = 100_000;

impl Pairs {
    fn next(&mut self, cells: &Cells<'_>) -> Option<Answered> {
        let data = cells.text(0)?;
        let key = (cells.number(2)? as i64, cells.number(1)? as i64);
        let time = cells.moment.event.ts;
        if self.0.contains_key(&key) {
            let (code, size) = answer(&data)?;
            let asked = self.0.remove(&key)?;
            let Asked { direction, container, method, url, time: began } = asked;
            let times = [began as f64, time as f64];
            return Some(Answered { direction, container, method, url, code, size, times });
        }
        let (method, url) = request(&data)?;
        let direction = match cells.shown(3).as_slice() {
            b"read" => "<",
            b"write" => ">",
            _ => "<NA>",
        };
        if self.0.len() < WAITING {
            self.0.insert(key, Asked { direction, container: cells.shown(4), method, url, time });
        }
        None
    }
}

fn position(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// How many bytes from the start are such ones.
fn run(text: &[u8], such: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| such(byte)).count()
}

/// Method and address, with the host before it if that is known. Line breaks are two dots here.
fn request(data: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let method = &data[..run(data, u8::is_ascii_uppercase)];
    let rest = data[method.len()..].strip_prefix(b" ").filter(|_| !method.is_empty())?;
    let path = &rest[..run(rest, u8::is_ascii_graphic)];
    if path.is_empty() {
        return None;
    }
    let host = position(data, b"Host: ").map(|at| &data[at + 6..]).map(|host| &host[..run(host, u8::is_ascii_graphic)]);
    let end = host.and_then(|host| host.windows(2).rposition(|window| window == b"..")).filter(|end| *end > 0);
    let host = host.zip(end).map_or(&b""[..], |(host, end)| &host[..end]);
    Some((method.to_vec(), [host, path].concat()))
}

/// Status and length.
fn answer(data: &[u8]) -> Option<(u64, u64)> {
    let version = position(data, b"HTTP/").map(|at| &data[at + 5..])?;
    let version = &version[run(version, u8::is_ascii_graphic)..];
    let code = version.strip_prefix(b" ")?;
    let code = number(&code[..run(code, u8::is_ascii_digit)])?;
    let size = position(data, b"Content-Length: ").map(|at| &data[at + 16..]).and_then(|size| {
        let digits = run(size, u8::is_ascii_digit);
        size[digits..].starts_with(b"..").then(|| number(&size[..digits])).flatten()
    });
    Some((code, size.unwrap_or(0)))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[derive(Default)]
struct Log(Pairs);

impl Body for Log {
    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow {
        let Some(done) = self.0.next(cells) else { return Flow::On };
        page.put(cells.shown(5)).put(" ");
        if page.has_containers() {
            page.put(&done.container).put(" ");
        }
        page.put(done.direction).put(" method=").put(&done.method).put(" url=").put(&done.url);
        let [asked, answered] = done.times;
        let (code, took, size) = (done.code, ((answered - asked) / 1e6) as i64, done.size);
        page.line(format!(" response_code={code} latency={took}ms size={size}B"));
        Flow::On
    }
}

/// What puts addresses in order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Calls,
    Bytes,
    Time,
}

struct Requests {
    pairs: Pairs,
    by: By,
    layout: Layout,
    /// How many there were, their bytes and nanoseconds.
    found: FxHashMap<Box<[u8]>, [f64; 3]>,
}

impl Requests {
    fn write(&mut self, time: u64, length: u64, page: &mut Page) {
        let sums = self.found.drain().map(|(key, [calls, bytes, nanoseconds])| {
            let value = match self.by {
                By::Calls => calls,
                By::Bytes => bytes,
                By::Time => nanoseconds / calls,
            };
            (key, value)
        });
        let sums = sums.collect();
        self.layout.write(&sums, time, length, page);
    }
}

impl Body for Requests {
    fn begin(&mut self, page: &mut Page) {
        hide_cursor(page);
    }

    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow {
        let Some(done) = self.pairs.next(cells) else { return Flow::On };
        let container = if page.has_containers() { Some(&done.container) } else { None };
        let key: Vec<&[u8]> = container.into_iter().chain([&done.method, &done.url]).map(Vec::as_slice).collect();
        let sums = self.found.entry(key.join(&b"\x01\x01"[..]).into()).or_default();
        let ([asked, answered], [calls, bytes, nanoseconds]) = (done.times, *sums);
        *sums = [calls + 1.0, bytes + done.size as f64, nanoseconds + answered - asked];
        Flow::On
    }

    fn tick(&mut self, tick: Tick, page: &mut Page) {
        page.wipe();
        self.write(tick.time, tick.length, page);
    }

    fn end(&mut self, end: &End<'_>, page: &mut Page) {
        if page.wish.source == Source::Recording || !self.found.is_empty() {
            page.wipe();
            self.write(end.time, end.length, page);
        }
        show_cursor(page);
    }
}

struct Cache {
    method: Option<String>,
    least: f64,
}

impl Body for Cache {
    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow {
        let Some(data) = cells.text(0) else { return Flow::On };
        let words: Vec<_> = data.split(|byte| *byte == b' ').collect();
        let (Some(method), Some(key)) = (words.first(), words.get(1)) else { return Flow::On };
        if !(method.starts_with(b"get") || method.starts_with(b"set")) {
            return Flow::On;
        }
        let size = words.get(4).and_then(|size| std::str::from_utf8(size).ok()?.parse::<f64>().ok()).unwrap_or(0.0);
        let asked = self.method.as_ref().is_none_or(|asked| asked.as_bytes() == *method);
        if asked && (self.method.as_deref() != Some("set") || size >= self.least) {
            page.put(cells.shown(1)).put(" method=").put(method);
            page.put(format!(" size={size}B key=")).line(key);
        }
        Flow::On
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_are_read() {
        let read = |data: &[u8]| request(data).map(|(_, url)| String::from_utf8(url).unwrap());
        assert_eq!(read(b"GET /a HTTP/1.1..Host: shop..User-Agent: x.."), Some("shop/a".to_owned()));
        assert_eq!(read(b"GET / HTTP/1.1..Host: shop"), Some("/".to_owned()));
        assert_eq!((read(b"get / HTTP/1.1"), read(b"GET "), read(b""), read(b"GET")), (None, None, None, None));
        assert_eq!(answer(b"HTTP/1.1 502 Bad..Content-Length: 12.."), Some((502, 12)));
        assert_eq!(answer(b"HTTP/1.0 200 OK..Content-Length: 12"), Some((200, 0)));
        assert_eq!((answer(b"HTTP/1.1"), answer(b"GET / HTTP/1.1"), answer(b"HTTP/1.1 x")), (None, None, None));
    }
}
