//! What is wrong with a filter: every mistake with its place, shown under the words that were typed.

use std::fmt;
use std::ops::Range;

/// At most so many are told; who has more of them reads the first ones first.
pub const MOST: usize = 20;
/// How much of a long filter is shown around a mistake.
const AROUND: usize = 40;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Which bytes of the filter.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Mistake {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Mistake { span, message: message.into(), hint: None }
    }

    pub(crate) fn hinting(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// All mistakes of a filter, in the order in which they stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The filter.
    pub text: String,
    /// At least one.
    pub all: Vec<Mistake>,
    /// How many more there were than are told.
    pub more: usize,
}

impl Mistakes {
    /// Those of `text`, of which only the first ones are kept.
    pub fn new(text: &str, mut all: Vec<Mistake>) -> Self {
        all.sort_by_key(|mistake| mistake.span.start);
        let more = all.len().saturating_sub(MOST);
        all.truncate(MOST);
        Mistakes { text: text.to_owned(), all, more }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.all.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            let (shown, caret) = excerpt(&self.text, &mistake.span);
            write!(f, "{line}{}\n    {shown}\n    {caret}", mistake.message)?;
            if let Some(hint) = &mistake.hint {
                write!(f, " {hint}")?;
            }
        }
        if self.more > 0 {
            write!(f, "\nand {} more mistakes", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// The words around a mistake on one line, and a line that points at it.
fn excerpt(text: &str, span: &Range<usize>) -> (String, String) {
    let begin = floor(text, span.start.saturating_sub(AROUND));
    let end = floor(text, (span.end + AROUND).min(begin + 4 * AROUND).min(text.len())).max(begin);
    let one_line = |part: &str| -> String { part.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
    let before = if begin > 0 { "…" } else { "" };
    let after = if end < text.len() { "…" } else { "" };
    let start = floor(text, span.start.clamp(begin, end));
    let stop = floor(text, span.end.clamp(start, end));
    let offset = before.chars().count() + text[begin..start].chars().count();
    let width = text[start..stop].chars().count().max(1);
    let shown = format!("{before}{}{after}", one_line(&text[begin..end]));
    (shown, format!("{}{}", " ".repeat(offset), "^".repeat(width)))
}

/// The last border of a character at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The one of `names` that `word` was probably meant to be.
pub fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // A long word is no slip of the finger, and measuring it against all names takes long.
    if word.len() > 64 {
        return None;
    }
    let far = word.len().div_ceil(3).max(1);
    let measured = names.filter(|name| name.len().abs_diff(word.len()) <= far);
    measured
        .map(|name| (distance(word, name), name))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be changed, added or taken away; two that changed places count as one, and those that are
/// large where they should be small as none.
fn distance(one: &str, other: &str) -> usize {
    let letters = |word: &str| word.chars().map(|c| c.to_ascii_lowercase()).collect::<Vec<_>>();
    let (one, other) = (letters(one), letters(other));
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=other.len()).collect();
    for i in 1..=one.len() {
        for j in 1..=other.len() {
            let same = usize::from(one[i - 1] != other[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let names = ["fd.name", "fd.num", "proc.name", "evt.type"];
        assert_eq!(nearest("fd.nmae", names.into_iter()), Some("fd.name"));
        assert_eq!(nearest("proc.naem", names.into_iter()), Some("proc.name"));
        assert_eq!(nearest("container.image", names.into_iter()), None);
    }

    #[test]
    fn a_mistake_in_a_long_filter_is_shown_with_what_is_around_it() {
        let text = format!("{} oops {}", "ä ".repeat(200), "ö ".repeat(200));
        let at = text.find("oops").unwrap();
        let (shown, caret) = excerpt(&text, &(at..at + 4));
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.chars().count() < 200, "{shown}");
        let column = shown.chars().take_while(|c| *c != 'o').count();
        assert_eq!(caret, format!("{}^^^^", " ".repeat(column)));
    }
}
