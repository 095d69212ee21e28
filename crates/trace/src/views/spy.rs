//! What goes through descriptors: data as it is read and written, and what is written to logs.

use super::argument::NO_COLOUR;
use super::around::{INTO, WITHIN};
use super::body::{Body, Cells, End};
use super::line::{Ending, Line};
use super::page::{Colours, Page, Paint, by_container, bytes};
use super::{Argument, Family, Row, Shows, Takes};
use crate::format::{Format, Written};
use crate::replay::Flow;

/// The views.
pub(super) const ROWS: &[Row] = &[
    Row::new("echo_fds", Family::Io, "Data that is read and written", Shows::Other(|_, _| Box::new(Echo::new())))
        .about("evt.is_io=true and evt.dir=< and evt.rawres>0")
        .reading(&["evt.is_io_read", "evt.rawarg.res", "fd.name", "proc.name", "container.name", "container.id", "evt.arg.data"])
        .keeping(2000)
        .taking(&[NO_COLOUR]),
    stream("stdin", "What is read from standard input", Line::new(raw)).about("fd.num=0 and evt.is_io=true"),
    stream("stdout", "What is written to standard output", Line::new(raw)).about("fd.num=1 and evt.is_io=true"),
    stream("stderr", "What is written to standard error", Line::new(raw_in_containers))
        .about("fd.num=2 and evt.is_io=true")
        .taking(&[NO_COLOUR]),
    Row::new("spy_file", Family::Io, "Reads and writes of files, with their data", Shows::Line(Line::new(file)))
        .about_made(|taken| {
            let named = |name| format!("fd.name={}", quote(name));
            let which = taken.get("spy_on_file_name").map_or_else(
                || "not fd.name contains /dev/pt and not fd.name contains /dev/tty".to_owned(),
                named,
            );
            let io = match taken.get("read_or_write") {
                Some("R" | "r") => "evt.is_io_read",
                Some("W" | "w") => "evt.is_io_write",
                _ => "evt.is_io",
            };
            format!("{which} and {io}=true and fd.type=file and evt.dir=< and evt.failed=false")
        })
        .reading(&[
            "evt.time",
            "proc.name",
            "proc.pid",
            "evt.is_io_write",
            "evt.rawarg.res",
            "fd.name",
            "evt.arg.data",
        ])
        .keeping(2000)
        .with_lines()
        .taking(&[
            Argument::optional(
                "read_or_write",
                Takes::OneOf(&["R", "W", "RW", "r", "w", "rw"]),
                "only what is read, or only what is written",
            ),
            Argument::optional("spy_on_file_name", Takes::Text, "only the file of this path"),
        ]),
    Row::new("spy_port", Family::Network, "Data that goes through a port", Shows::Other(|_, _| Turns::boxed("Write")))
        .about("evt.is_io=true and (fd.type=ipv4 or fd.type=ipv6) and fd.port={host_port}")
        .reading(TURNS)
        .keeping(1000)
        .taking(&[Argument::required("host_port", Takes::Port, "the port, on either side"), NO_COLOUR]),
    // sysdig calls what is written to an address `Read` too; the colour is what tells it.
    Row::new("spy_ip", Family::Network, "Data that goes to and from an address", Shows::Other(|_, _| Turns::boxed("Read")))
        .about("evt.is_io=true and (fd.type=ipv4 or fd.type=ipv6) and fd.ip={host_ip}")
        .reading(TURNS)
        .keeping(1000)
        .taking(&[Argument::required("host_ip", Takes::Address, "the address, on either side"), NO_COLOUR]),
    Row::new(
        "spy_logs",
        Family::Logs,
        "What is written to files whose names are those of logs",
        Shows::Line(Line::new(logged).ending(Ending::ColoursIfAny)),
    )
    .about(
        "(fd.name contains .log or fd.name contains _log or fd.name contains /var/log) and not (fd.name contains .gz or \
         fd.name contains .tgz) and evt.is_io_write=true and evt.dir=< and evt.failed=false",
    )
    .reading(&["evt.buffer", "proc.name", "fd.name", "container.name"])
    .keeping(2000)
    .with_lines()
    .keeping_around(entries)
    .taking(&[INTO, WITHIN, NO_COLOUR]),
    Row::new(
        "spy_syslog",
        Family::Logs,
        "Messages to the system's log",
        Shows::Line(Line::new(syslog).ending(Ending::ColoursIfAny)),
    )
    .about("fd.name contains /dev/log and evt.is_io_write=true and evt.dir=< and evt.failed=false")
    .reading(&[
        "syslog.facility.str",
        "syslog.severity.str",
        "syslog.severity",
        "syslog.message",
        "thread.tid",
        "proc.name",
        "container.name",
        "container.id",
    ])
    .keeping(1000)
    .keeping_around(entries)
    .taking(&[INTO, WITHIN, NO_COLOUR]),
];

const fn stream(name: &'static str, title: &'static str, line: Line) -> Row {
    Row::new(name, Family::Io, title, Shows::Line(line))
        .reading(&["evt.rawarg.data", "container.id", "container.name"])
        .keeping(2000)
}

/// What is said of messages whose surroundings are kept.
fn entries(count: usize, _: &str) -> String {
    format!("Writing events for {count} log entries")
}

/// A word of a filter.
fn quote(word: &str) -> String {
    let quote = if word.contains('"') { '\'' } else { '"' };
    format!("{quote}{word}{quote}")
}

struct Echo {
    data: Format,
}

impl Echo {
    fn new() -> Self {
        Echo { data: Format::parse("%evt.arg.data").expect("the field is in the table") }
    }
}

impl Body for Echo {
    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow {
        let Some(count) = cells.number(1).filter(|count| *count > 0.0) else { return Flow::On };
        let (paint, word, way) =
            if cells.flag(0) { (Paint::Red, "Read", "from") } else { (Paint::Blue, "Write", "to") };
        page.paint(paint).put(format!("------ {word} {} {way} ", bytes(count)));
        if page.has_containers() {
            let container = cells.shown(4);
            let paint = if container == b"host" { Paint::Green } else { Paint::Cyan };
            page.paint(paint).put(" [").put(container).put("] [").put(cells.shown(5)).put("]");
        }
        page.put(" ").paint(paint).put(" ").put(cells.known(2)).put(" (").put(cells.shown(3)).line(")");
        if self.data.write(cells.moment, &mut page.text) == Written::Line {
            page.line(b"");
        }
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        page.paint(Paint::Reset).line(b"");
    }
}

fn raw(cells: &Cells<'_>, page: &mut Page) {
    if let Some(data) = cells.text(0) {
        page.line(data);
    }
}

fn raw_in_containers(cells: &Cells<'_>, page: &mut Page) {
    let Some(data) = cells.text(0) else { return };
    if page.has_containers() {
        let container = cells.shown(2);
        page.paint(by_container(&container)).exact(&cells.shown(1), 20).put(" ").exact(&container, 20).put(" ");
    }
    page.line(data);
}

fn file(cells: &Cells<'_>, page: &mut Page) {
    let way = if cells.flag(3) { ") W " } else { ") R " };
    page.put(cells.shown(0)).put(" ").put(cells.shown(1)).put("(").put(cells.shown(2)).put(way);
    page.put(bytes(cells.number(4).unwrap_or_default())).put(" ").put(cells.shown(5)).put(" ").line(cells.shown(6));
}

const TURNS: &[&str] = &["evt.is_io_read", "evt.rawarg.res", "evt.arg.data"];

/// Data, below a line that says which way it goes and how much the first piece was that went there.
struct Turns {
    written: &'static str,
    head: Option<(Paint, String)>,
}

impl Turns {
    fn boxed(written: &'static str) -> Box<dyn Body> {
        Box::new(Turns { written, head: None })
    }
}

impl Body for Turns {
    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow {
        let Some(count) = cells.number(1).filter(|count| *count > 0.0) else { return Flow::On };
        let Some(data) = cells.text(2) else { return Flow::On };
        let (paint, word) = if cells.flag(0) { (Paint::Red, "Read") } else { (Paint::Blue, self.written) };
        if self.head.as_ref().is_none_or(|head| head.0 != paint) {
            self.head = Some((paint, format!("------ {word} {}", bytes(count))));
        }
        if let Some((paint, head)) = &self.head {
            page.paint(*paint).line(head);
        }
        page.line(data);
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        page.paint(Paint::Reset).line(b"");
    }
}

fn logged(cells: &Cells<'_>, page: &mut Page) {
    let (data, container) = (cells.text(0).unwrap_or_default(), cells.shown(3));
    for message in data.split(|byte| *byte == b'\n').filter(|message| !message.is_empty()) {
        let has = |word: &[u8]| message.to_ascii_lowercase().windows(word.len()).any(|window| window == word);
        let paint = if has(b"warn") {
            Paint::Yellow
        } else if message.windows(3).any(|window| window == b"err") {
            Paint::Red
        } else {
            Paint::Green
        };
        let coloured = page.wish.colours == Colours::Yes;
        page.paint(paint);
        if coloured {
            page.put(" ");
        }
        if page.has_containers() {
            if coloured {
                page.paint(if container == b"host" { paint } else { Paint::Blue }).put(" ");
            }
            page.put(&container).put(" ");
            if coloured {
                page.paint(paint).put(" ");
            }
        }
        page.put(cells.shown(1)).put(" ").put(cells.shown(2)).put(" ").line(message);
    }
}

fn syslog(cells: &Cells<'_>, page: &mut Page) {
    let container = cells.shown(6);
    let paint = match cells.number(2) {
        Some(4.0) => Paint::Yellow,
        Some(severity) if severity < 4.0 => Paint::Red,
        _ => by_container(&container),
    };
    page.paint(paint);
    let (facility, severity, id) = (cells.shown(0), cells.shown(1), cells.shown(7));
    // Without colours sysdig puts the facility first, and the container where the facility would be.
    let columns: [&[u8]; 3] = match (page.has_containers(), page.wish.colours) {
        (false, _) => [b"", b"", &facility],
        (true, Colours::Yes) => [&id, &container, &facility],
        (true, Colours::No) => [&facility, &id, &container],
    };
    for column in &columns[..2] {
        if page.has_containers() {
            page.put(column).pad(20_usize.saturating_sub(column.len())).put(" ");
        }
    }
    page.put(columns[2]).put(".").put(severity).put(" ").put(cells.shown(5)).put("[").put(cells.shown(4));
    page.put("] ").line(cells.shown(3));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_filters_are_quoted() {
        assert_eq!((quote("/a b"), quote("a\"b")), ("\"/a b\"".to_owned(), "'a\"b'".to_owned()));
    }
}
