//! What a view writes on, and how it is to be written: colours, columns of containers, the size of the screen. Numbers
//! and columns look as in sysdig, byte for byte.

use crate::moment::{Json, Style};
use crate::render::number::significant;

/// How a view is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// How fields are written.
    pub style: Style,
    /// Whether containers have columns.
    pub columns: Columns,
    /// Whether there are colours.
    pub colours: Colours,
    /// Where it is shown.
    pub screen: Screen,
    /// What is shown.
    pub source: Source,
}

/// Whether containers have columns, as `-pc` and `-pk` ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Columns {
    /// They have not.
    #[default]
    Plain,
    /// They have.
    Containers,
}

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colours {
    /// None.
    #[default]
    No,
    /// Escape sequences of terminals.
    Yes,
}

/// Where a view is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Screen {
    /// In a file or a pipe.
    #[default]
    None,
    /// On a terminal of so many columns and rows.
    Of(u16, u16),
}

/// What a view is shown of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// A recording: what is asked at its end is told once.
    #[default]
    Recording,
    /// What happens now: it is told each second.
    Now,
}

/// A colour, by the number that terminals give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Paint {
    Reset = 0,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Cyan = 36,
}

/// Lines of a table above its rows.
const HEAD: u16 = 2;

/// What a view has written and nobody has taken yet.
pub(crate) struct Page {
    pub(crate) text: Vec<u8>,
    pub(crate) wish: Wish,
}

impl Page {
    pub(super) fn new(wish: Wish) -> Self {
        Page { text: Vec::new(), wish }
    }

    pub(super) fn put(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.text.extend_from_slice(text.as_ref());
        self
    }

    pub(super) fn line(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.put(text).put(b"\n")
    }

    /// Nothing where there are no colours.
    pub(super) fn paint(&mut self, paint: Paint) -> &mut Self {
        if self.wish.colours == Colours::Yes {
            self.text.extend_from_slice(format!("\x1b[{}m", paint as u8).as_bytes());
        }
        self
    }

    /// In so many characters, with one space at the end at least.
    pub(super) fn column(&mut self, text: &[u8], width: usize) -> &mut Self {
        let kept = if text.len() < width { text } else { &text[..width.saturating_sub(1)] };
        self.put(kept);
        self.pad(width - kept.len())
    }

    /// In so many characters exactly.
    pub(super) fn exact(&mut self, text: &[u8], width: usize) -> &mut Self {
        let kept = &text[..text.len().min(width)];
        self.put(kept);
        self.pad(width - kept.len())
    }

    pub(super) fn pad(&mut self, count: usize) -> &mut Self {
        self.text.extend(std::iter::repeat_n(b' ', count));
        self
    }

    pub(super) fn is_json(&self) -> bool {
        self.wish.style.json == Json::Yes
    }

    pub(super) fn has_containers(&self) -> bool {
        self.wish.columns == Columns::Containers
    }

    /// Whether tables of what happens now take turns at the top of a screen.
    pub(super) fn is_live_screen(&self) -> bool {
        self.wish.source == Source::Now && self.wish.screen != Screen::None && !self.is_json()
    }

    /// How many rows of a table fit below its head on a screen, and how many characters beside each other; with one row
    /// left for what else is said there.
    pub(super) fn room(&self) -> Option<(usize, usize)> {
        match self.wish.screen {
            Screen::Of(columns, rows) if self.is_live_screen() => {
                Some((usize::from(rows.saturating_sub(HEAD + 1)), usize::from(columns)))
            }
            _ => None,
        }
    }

    /// Cuts lines from `start` on that are longer than so many characters.
    pub(super) fn cut_lines(&mut self, start: usize, width: usize) {
        let text = self.text.split_off(start);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
            let line_begins = |at: &usize| line[*at] & 0xc0 != 0x80;
            let cut = (0..end).filter(line_begins).nth(width).unwrap_or(end);
            self.text.extend_from_slice(&line[..cut]);
            self.text.extend_from_slice(&line[end..]);
        }
    }

    /// Begins anew at the top of the screen, if tables take turns there.
    pub(super) fn wipe(&mut self) {
        if self.is_live_screen() {
            self.put(b"\x1b[2J\x1b[0;0H");
        }
    }
}

/// The field of the container decides: blue in one, green on the host.
pub(super) fn by_container(container: &[u8]) -> Paint {
    if container == b"host" { Paint::Green } else { Paint::Blue }
}

/// A number of bytes.
pub(super) fn bytes(number: f64) -> String {
    const UNITS: &[(i32, &str)] = &[(5, "P"), (4, "T"), (3, "G"), (2, "M"), (1, "KB")];
    match UNITS.iter().find(|(power, _)| number > 1024_f64.powi(*power)) {
        Some((power, unit)) => format!("{}{unit}", hundredths(number / 1024_f64.powi(*power))),
        None => format!("{}B", number.trunc()),
    }
}

/// With two digits behind the point. What is exactly between two of them is rounded up, as Lua does it.
pub(super) fn hundredths(number: f64) -> String {
    let twice = (number * 200.0).round();
    let between = twice % 2.0 != 0.0 && number.mul_add(200.0, -twice) == 0.0;
    if between { format!("{:.2}", (twice + 1.0) / 200.0) } else { format!("{number:.2}") }
}

/// Nanoseconds in the largest unit that fits.
pub(super) fn span(number: f64) -> String {
    let two = |unit: f64, name: &str| {
        format!("{}.{:02}{name}", (number / unit).floor(), ((number % unit) / (unit / 100.0)).trunc())
    };
    match number {
        n if n >= 1e9 => two(1e9, "s"),
        n if n >= 1e7 => format!("{}ms", (n / 1e6).floor()),
        n if n >= 1e6 => two(1e6, "ms"),
        n if n >= 1e4 => format!("{}us", (n / 1e3).floor()),
        n if n >= 1e3 => two(1e3, "us"),
        n => format!("{}ns", n.trunc()),
    }
}

/// A number with as many digits as it needs, and no more than 14.
pub(super) fn number(number: f64) -> Vec<u8> {
    let mut text = Vec::new();
    if number < 0.0 {
        text.push(b'-');
    }
    significant(number.abs(), 14, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (value, text) in [
            (0.0, "0B"),
            (1024.0, "1024B"),
            (1025.0, "1.00KB"),
            (30_785.0, "30.06KB"),
            (44_171_264.0, "42.13M"),
            (3e9, "2.79G"),
        ] {
            assert_eq!(bytes(value), text);
        }
        for (value, text) in [
            (999.0, "999ns"),
            (1_010.0, "1.01us"),
            (12_345.0, "12us"),
            (1_234_567.0, "1.23ms"),
            (12_345_678.0, "12ms"),
            (1_234_567_890.0, "1.23s"),
        ] {
            assert_eq!(span(value), text);
        }
        for (value, text) in [(12.5, "12.5"), (7.0, "7"), (-3.0, "-3"), (12.345_678, "12.345678"), (1e15, "1e+15")] {
            assert_eq!(number(value), text.as_bytes());
        }
    }

    #[test]
    fn lines_are_as_wide_as_the_screen() {
        let mut page = Page::new(Wish { source: Source::Now, screen: Screen::Of(4, 24), ..Wish::default() });
        page.put("kept as it is\n").put("abcdef\n\nabcd\nä ö ü\nno end");
        page.cut_lines(14, 4);
        assert_eq!(String::from_utf8_lossy(&page.text), "kept as it is\nabcd\n\nabcd\nä ö \nno e");
        assert_eq!(page.room(), Some((21, 4)));
    }

    #[test]
    fn columns_end_with_a_space() {
        let mut page = Page::new(Wish::default());
        page.column(b"ab", 4).column(b"abcd", 4).column(b"abcdef", 4).exact(b"abcdef", 4);
        assert_eq!(page.text, b"ab  abc abc abcd");
    }
}
