//! Heat on a terminal: how many calls took how long, and when in a second they were made. A line for each interval.

use rustc_hash::FxHashMap;

use super::argument::Taken;
use super::body::{Body, Cells, End, Tick};
use super::page::{Page, Screen, Wish, number, span};
use super::{Argument, Every, Family, Row, Shows, Takes};
use crate::replay::Flow;

/// Latencies are shown up to ten to this power of nanoseconds.
const POWERS: f64 = 11.0;
/// Labels below seconds.
const LABELS: f64 = 10.0;
/// From cold to hot, by the numbers of terminals.
const COLOURS: [u8; 20] = [22, 28, 64, 34, 2, 76, 46, 118, 154, 191, 227, 226, 11, 220, 209, 208, 202, 197, 9, 1];
/// What stands between two colours.
const SHADES: [&str; 4] = [" ", "░", "▒", "░"];

/// The views.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        "spectrogram",
        Family::Processors,
        "How many calls took how long, as colours",
        Shows::Other(|taken, wish| heat(taken, wish, Axis::Latency)),
    )
    .about("evt.dir=<")
    .reading(&["evt.latency"])
    .every(Every::Argument("refresh_time", 500))
    .taking(REFRESH),
    Row::new(
        "subsecoffset",
        Family::Processors,
        "When in a second calls were made, as colours",
        Shows::Other(|taken, wish| heat(taken, wish, Axis::Offset)),
    )
    .about("evt.dir=>")
    .reading(&["evt.rawtime"])
    .every(Every::Argument("refresh_time", 1000))
    .taking(REFRESH),
];

const REFRESH: &[Argument] =
    &[Argument::optional("refresh_time", Takes::Number, "milliseconds from one line to the next")];

/// What goes from left to right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    Latency,
    Offset,
}

struct Heat {
    axis: Axis,
    /// Nanoseconds.
    interval: f64,
    width: usize,
    counts: FxHashMap<usize, u64>,
}

fn heat(taken: &Taken, wish: &Wish, axis: Axis) -> Box<dyn Body> {
    let default = if axis == Axis::Latency { 500.0 } else { 1000.0 };
    let interval = taken.number("refresh_time").unwrap_or(default).max(1.0) * 1e6;
    let width = match wish.screen {
        Screen::Of(width, _) => usize::from(width).max(1),
        Screen::None => 80,
    };
    Box::new(Heat { axis, interval, width, counts: FxHashMap::default() })
}

impl Heat {
    /// Colours of the letter and behind it, and the letter.
    fn paint(&self, count: u64) -> (u8, u8, &'static str) {
        let per_second = 1e9 / self.interval;
        let heat = ((count as f64 * per_second + 1.0).log10() / 1.6_f64.log10()).clamp(1.0, COLOURS.len() as f64);
        let (low, high) = (heat.floor() as usize, heat.ceil() as usize);
        let between = heat - heat.floor();
        let shade = SHADES[((between * 4.0) as usize).min(3)];
        let (low, high) = (COLOURS[low - 1], COLOURS[high - 1]);
        if between > 0.75 { (high, low, shade) } else { (low, high, shade) }
    }

    fn line(&mut self, page: &mut Page) {
        page.put("\x1b[1F");
        for x in 1..=self.width {
            let (letter, behind, shade) = match self.counts.get(&x) {
                None if self.axis == Axis::Offset => {
                    page.put("\x1b[48;5;0m\x1b[48;5;0m ");
                    continue;
                }
                None => (0, 0, " "),
                Some(count) => self.paint(*count),
            };
            page.put(format!("\x1b[38;5;{letter}m\x1b[48;5;{behind}m{shade}"));
        }
        page.put("\x1b[0m\n");
        let steps = if self.axis == Axis::Latency { POWERS } else { LABELS };
        let step = |x: f64| (x * steps / self.width as f64).floor();
        let widest = 1 + number(0.9 * self.interval / 1e7).len() + 2;
        let mut x = 0;
        while x < self.width {
            let at = x as f64;
            let label = if step(at) == step(at - 1.0) || (self.axis == Axis::Offset && x + widest > self.width) {
                b" ".to_vec()
            } else if self.axis == Axis::Latency {
                format!("|{}", span(10_f64.powf(step(at)))).into_bytes()
            } else {
                [b"|", &number((LABELS * at / self.width as f64).floor() * self.interval / 1e7)[..], b"ms"].concat()
            };
            x += label.len();
            page.put(label);
        }
        page.line(b"");
        self.counts.clear();
    }
}

impl Body for Heat {
    fn begin(&mut self, page: &mut Page) {
        page.put("\x1b[?25l");
        if self.axis == Axis::Offset {
            page.line("Tracing syscalls... red (hot) == high frequency <-> green == low frequency.\n");
        }
    }

    fn moment(&mut self, cells: &Cells<'_>, _: &mut Page) -> Flow {
        let place = match self.axis {
            Axis::Latency => {
                let Some(latency) = cells.number(0).filter(|latency| *latency > 0.0) else { return Flow::On };
                (latency.log10().min(POWERS) * self.width as f64 / POWERS).floor() + 1.0
            }
            Axis::Offset => {
                let Some(time) = cells.number(0) else { return Flow::On };
                (((time * 1000.0 / self.interval) % 1000.0) / 1000.0 * self.width as f64).floor()
            }
        };
        *self.counts.entry(place as usize).or_default() += 1;
        Flow::On
    }

    fn tick(&mut self, _: Tick, page: &mut Page) {
        self.line(page);
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        if self.axis == Axis::Latency {
            self.line(page);
        }
        page.line("\x1b[0m").put("\x1b[?25h");
    }
}
