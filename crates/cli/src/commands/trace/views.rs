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

/// The views that were asked for, and the words that are none of their arguments: those before the first view, and
/// what the views leave of the others.
pub(super) fn chosen(words: &Trace) -> Result<(Vec<Chosen>, Vec<String>), Failure> {
    let is_filter = |text: &str| fathom_filter::compile(text, &Fields).is_ok();
    let (before, mut rest) = words.words.split_at(words.before_views);
    let mut chosen = Vec::new();
    for name in &words.views {
        let row = row(name)?;
        let taken = views::take(row, rest, is_filter).map_err(refused)?;
        rest = taken.rest;
        chosen.push((row, taken.taken));
    }
    Ok((chosen, [before, rest].concat()))
}

/// The words that views have taken, where these are left.
pub(super) fn arguments<'a>(words: &'a Trace, rest: &[String]) -> &'a [String] {
    let left_behind = rest.len() - words.before_views;
    &words.words[words.before_views..words.words.len() - left_behind]
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

/// How large the screen is now, if stdout is one.
pub(crate) fn screen() -> Screen {
    if !io::stdout().is_terminal() {
        return Screen::None;
    }
    let (columns, rows) = terminal::size();
    Screen::Of(columns, rows)
}

fn wish(words: &Trace, lines: &Lines) -> Wish {
    let containers = |name: &String| format::NAMED.iter().any(|(letter, word, _)| name == letter || name == word);
    Wish {
        style: lines.style,
        columns: if words.format.as_ref().is_some_and(containers) { Columns::Containers } else { Columns::Plain },
        colours: if super::is_colourful() { Colours::Yes } else { Colours::No },
        screen: screen(),
        source: if words.files.is_empty() { Source::Now } else { Source::Recording },
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::words::{Verb, Words};

    /// The views with their arguments, and the words that are left.
    fn said(text: &[&str]) -> Result<(Vec<String>, Vec<String>), Failure> {
        let arguments: Vec<OsString> = ["fathom", "trace"].iter().chain(text).map(OsString::from).collect();
        let matches = Words::command().try_get_matches_from(&arguments).expect("words");
        let Verb::Trace(mut words) = Words::from_arg_matches(&matches).expect("words").verb else { unreachable!() };
        words.place(matches.subcommand_matches("trace").expect("it is"), &arguments)?;
        let (chosen, rest) = chosen(&words)?;
        Ok((chosen.iter().map(|(row, taken)| format!("{} {taken:?}", row.name)).collect(), rest))
    }

    #[test]
    fn what_stands_before_a_view_is_not_the_view_s() {
        for (view, words) in [
            ("ps", &["web", "-c", "ps"][..]),
            ("list_login_shells", &["web", "-c", "list_login_shells"]),
            ("echo_fds", &["web", "-s2000", "-A", "-c", "echo_fds"]),
            ("topfiles_bytes", &["web", "-c", "topfiles_bytes"]),
        ] {
            let (views, rest) = said(words).unwrap_or_else(|failure| panic!("{words:?}: {failure}"));
            assert!(views.len() == 1 && views[0].starts_with(view) && !views[0].contains("web"), "{views:?}");
            assert_eq!(rest, ["web"], "{words:?}");
        }
    }

    #[test]
    fn a_view_takes_its_own_words_first() {
        let (views, rest) = said(&["web", "-c", "spy_port", "80", "proc.name=httpd"]).expect("words");
        assert!(views[0].contains("\"80\""), "{views:?}");
        assert_eq!(rest, ["web", "proc.name=httpd"]);
        let (_, rest) = said(&["-c", "echo_fds", "fd.cip=192.168.0.1"]).expect("words");
        assert_eq!(rest, ["fd.cip=192.168.0.1"]);
    }

    #[test]
    fn a_command_that_was_announced_has_to_be_there() {
        let refused = said(&["evt.type=open", "--"]).expect_err("no command");
        assert_eq!(refused.class, Class::Usage);
    }
}
