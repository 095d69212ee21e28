//! `fathom trace -c VIEW`: which views, with which of the words as their arguments, and how they are shown.

use std::io::{self, IsTerminal as _};

use fathom_model::{Class, Failure};
use fathom_trace::views::{self, Colours, Columns, Row, Screen, Source, Taken, View, Wish, Wrong};
use fathom_trace::{Fields, Lines, format};

use crate::terminal;
use crate::words::Trace;

/// A view that was chosen, with its arguments.
pub(super) type Chosen = (&'static Row, Taken);

/// The view of this name.
pub(super) fn row(name: &str) -> Result<&'static Row, Failure> {
    views::row(name).map_err(refused)
}

fn refused(wrong: Wrong) -> Failure {
    Failure { hint: wrong.hint, ..Failure::new(Class::Usage, wrong.message) }
}

/// The views that were asked for, and the words that are none of their arguments.
pub(super) fn chosen(words: &Trace) -> Result<(Vec<Chosen>, &[String]), Failure> {
    let is_filter = |text: &str| fathom_filter::compile(text, &Fields).is_ok();
    let (mut chosen, mut rest) = (Vec::new(), &words.words[..]);
    for name in &words.views {
        let row = row(name)?;
        let taken = views::take(row, rest, is_filter).map_err(refused)?;
        rest = taken.rest;
        chosen.push((row, taken.taken));
    }
    Ok((chosen, rest))
}

/// Lines that are views, if there are any.
pub(super) fn shown(words: &Trace, chosen: &[Chosen], mut lines: Lines) -> Result<Lines, Failure> {
    let wish = wish(words, &lines);
    for (row, taken) in chosen {
        lines.style = row.style(lines.style);
        lines.views.push(View::new(row, taken, wish).map_err(refused)?);
    }
    Ok(lines)
}

fn wish(words: &Trace, lines: &Lines) -> Wish {
    let containers = |name: &String| format::NAMED.iter().any(|(letter, word, _)| name == letter || name == word);
    Wish {
        style: lines.style,
        columns: if words.format.as_ref().is_some_and(containers) { Columns::Containers } else { Columns::Plain },
        colours: if super::is_colourful() { Colours::Yes } else { Colours::No },
        screen: if io::stdout().is_terminal() { Screen::Wide(terminal::size().0) } else { Screen::None },
        source: if words.files.is_empty() { Source::Now } else { Source::Recording },
    }
}
