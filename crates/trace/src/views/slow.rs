//! Calls that took long, and processes that ended: a line for each, in columns.

use super::argument::{NO_COLOUR, Taken};
use super::body::{Body, Cells, End};
use super::page::{Columns, Page, Paint, Wish, by_container, number, span};
use super::{Argument, Family, Row, Shows, Takes};
use crate::replay::Flow;

/// A line in columns for each event that took long enough.
#[derive(Clone, Copy)]
pub(crate) struct Slow {
    /// Header and rule, without and with columns of containers.
    head: [[&'static str; 2]; 2],
    columns: &'static [Column],
    /// The field that says how long it took.
    took: &'static str,
    /// What colours mean.
    tint: Tint,
}

#[derive(Clone, Copy)]
struct Column {
    field: &'static str,
    shape: Shape,
}

/// How a column is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// In so many characters exactly.
    Exact(usize),
    /// The same, if containers have columns.
    Container(usize),
    /// In so many characters at least.
    Least(usize),
    /// Whole milliseconds on the right of so many characters.
    Millis(usize),
    /// Milliseconds with fractions.
    Fraction(usize),
    /// A time with its unit.
    Span(usize),
    /// As it is.
    Rest,
}

/// What colours mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tint {
    /// Blue in a container.
    Container,
    /// The same, and yellow and red if it took very long.
    Duration,
}

const fn column(field: &'static str, shape: Shape) -> Column {
    Column { field, shape }
}

const MIN_MS: &[Argument] =
    &[Argument::required("min_ms", Takes::Number, "only what took more milliseconds than these"), NO_COLOUR];

/// Columns of slow input and output.
const IO: Slow = Slow {
    head: [
        [
            "evt.datetime            proc.name    evt.type LATENCY(ms)  fd.name",
            "----------------------- ------------ -------- ------------ -----------------------------------------",
        ],
        [
            "evt.datetime            container.id         container.name       proc.name    evt.type LATENCY(ms)  fd.name",
            "----------------------- -------------------- -------------------- ------------ -------- ------------ -----------------------------------------",
        ],
    ],
    columns: &[
        column("evt.datetime", Shape::Exact(23)),
        column("container.id", Shape::Container(20)),
        column("container.name", Shape::Container(20)),
        column("proc.name", Shape::Exact(12)),
        column("evt.type", Shape::Least(8)),
        column("evt.latency", Shape::Millis(12)),
        column("fd.name", Shape::Rest),
    ],
    took: "evt.latency",
    tint: Tint::Container,
};

/// The views.
pub(super) const ROWS: &[Row] = &[
    slow("fileslower", "Reads and writes of files that took long", IO)
        .about("evt.is_io=true and fd.type=file and evt.dir=< and not fd.name startswith /dev/")
        .taking(MIN_MS),
    slow("netlower", "Reads from and writes to the network that took long", IO)
        .about("evt.is_io=true and (fd.type=ipv4 or fd.type=ipv6) and evt.dir=<")
        .taking(MIN_MS),
    slow(
        "scallslower",
        "System calls that took long",
        Slow {
            head: [
                [
                    "evt.datetime            proc.name               LATENCY(ms)          evt.type",
                    "----------------------- ----------------------- -------------------- --------------------",
                ],
                [
                    "evt.datetime            container.id          container.name       proc.name               LATENCY(ms)          evt.type",
                    "----------------------- -------------------- -------------------- ----------------------- -------------------- --------------------",
                ],
            ],
            columns: &[
                column("evt.datetime", Shape::Exact(23)),
                column("container.id", Shape::Container(20)),
                column("container.name", Shape::Container(20)),
                column("proc.name", Shape::Exact(23)),
                column("evt.latency", Shape::Fraction(20)),
                column("evt.type", Shape::Rest),
            ],
            took: "evt.latency",
            tint: Tint::Container,
        },
    )
    .taking(MIN_MS),
    slow(
        "proc_exec_time",
        "Processes that ended, with how long they ran",
        Slow {
            head: [
                ["proc.duration proc.name    proc.args", "------------- ------------ --------------------"],
                [
                    "proc.duration container.id         container.name       proc.name    proc.args",
                    "------------- -------------------- -------------------- ------------ --------------------",
                ],
            ],
            columns: &[
                column("proc.duration", Shape::Span(13)),
                column("container.id", Shape::Container(20)),
                column("container.name", Shape::Container(20)),
                column("proc.name", Shape::Exact(12)),
                column("proc.args", Shape::Rest),
            ],
            took: "proc.duration",
            tint: Tint::Duration,
        },
    )
    .about("evt.type=procexit")
    .taking(&[NO_COLOUR]),
];

const fn slow(name: &'static str, title: &'static str, slow: Slow) -> Row {
    Row::new(name, Family::Performance, title, Shows::Slow(slow))
}

pub(super) fn body(slow: &'static Slow, taken: &Taken, wish: &Wish, fields: &mut Vec<String>) -> Box<dyn Body> {
    fields.extend(["container.name", slow.took].map(str::to_owned));
    let containers = wish.columns == Columns::Containers;
    let shown = |column: &&Column| containers || !matches!(column.shape, Shape::Container(_));
    let columns: Vec<_> = slow.columns.iter().filter(shown).collect();
    fields.extend(columns.iter().map(|column| column.field.to_owned()));
    let shapes = columns.iter().map(|column| column.shape).collect();
    Box::new(Lines { slow, shapes, least: taken.number("min_ms").map(|least| least * 1e6) })
}

struct Lines {
    slow: &'static Slow,
    shapes: Vec<Shape>,
    /// Nanoseconds.
    least: Option<f64>,
}

impl Lines {
    fn tint(&self, took: f64, container: &[u8]) -> Paint {
        match self.slow.tint {
            Tint::Duration if took > 10e9 => Paint::Red,
            Tint::Duration if took > 3e9 => Paint::Yellow,
            _ => by_container(container),
        }
    }
}

impl Body for Lines {
    fn begin(&mut self, page: &mut Page) {
        let head = self.slow.head[usize::from(page.has_containers())];
        page.line(head[0]).line(head[1]);
    }

    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow {
        let Some(took) = cells.number(1).filter(|took| self.least.is_none_or(|least| *took > least)) else {
            return Flow::On;
        };
        page.paint(self.tint(took, &cells.shown(0)));
        for (index, shape) in self.shapes.iter().enumerate() {
            if index > 0 {
                page.put(b" ");
            }
            let text = cells.shown(index + 2);
            match shape {
                Shape::Exact(width) | Shape::Container(width) => page.exact(&text, *width),
                Shape::Least(width) => least(&text, *width, page),
                Shape::Millis(width) => page.put(format!("{:>width$}", (took / 1e6).trunc())),
                Shape::Fraction(width) => least(&number(took / 1e6), *width, page),
                Shape::Span(width) => page.exact(span(took).as_bytes(), *width),
                Shape::Rest => page.put(text),
            };
        }
        page.line(b"");
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        if self.slow.tint == Tint::Duration {
            page.paint(Paint::Reset).line(b"");
        }
    }
}

fn least<'p>(text: &[u8], width: usize, page: &'p mut Page) -> &'p mut Page {
    page.put(text).pad(width.saturating_sub(text.len()))
}
