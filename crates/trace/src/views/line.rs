//! Views that write a line for each event and remember nothing.

use super::body::{Body, Cells, End};
use super::page::{Page, Paint};
use crate::replay::Flow;

/// A line for each event.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    /// What stands above all lines.
    pub(super) head: &'static str,
    /// Writes one.
    pub(super) write: fn(&Cells<'_>, &mut Page),
    /// What stands below them.
    pub(super) end: Ending,
}

/// What stands below all lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing.
    Nothing,
    /// A line on which colours end.
    Colours,
    /// The same, if there are colours.
    ColoursIfAny,
}

impl Line {
    pub(super) const fn new(write: fn(&Cells<'_>, &mut Page)) -> Self {
        Line { head: "", write, end: Ending::Nothing }
    }

    pub(super) const fn ending(mut self, end: Ending) -> Self {
        self.end = end;
        self
    }

    pub(super) const fn below(mut self, head: &'static str) -> Self {
        self.head = head;
        self
    }
}

pub(super) fn body(line: Line) -> Box<dyn Body> {
    Box::new(line)
}

impl Body for Line {
    fn begin(&mut self, page: &mut Page) {
        page.put(self.head);
    }

    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow {
        (self.write)(cells, page);
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        let before = page.text.len();
        match self.end {
            Ending::Nothing => return,
            Ending::Colours | Ending::ColoursIfAny => page.paint(Paint::Reset),
        };
        if self.end == Ending::Colours || page.text.len() > before {
            page.line(b"");
        }
    }
}
