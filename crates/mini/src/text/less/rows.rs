//! A line of text as rows of a screen.

use unicode_width::UnicodeWidthChar;

/// Which escapes reach the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    None,
    Colors,
}

/// A line as it is shown: tabs as blanks, control characters in caret notation.
pub(super) fn visible(line: &str, escapes: Escapes) -> String {
    let mut shown = String::new();
    let mut column = 0;
    let mut letters = line.trim_end_matches('\r').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\t' => {
                let blanks = 8 - column % 8;
                shown.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\x1b' if escapes == Escapes::Colors && letters.peek() == Some(&'[') => {
                let sequence: String = letters.by_ref().take_while_inclusive();
                if sequence.ends_with('m') {
                    shown.push('\x1b');
                    shown.push_str(&sequence);
                }
            }
            letter if letter.is_ascii_control() => {
                shown.extend(['^', char::from(letter as u8 ^ 0x40)]);
                column += 2;
            }
            letter if letter.is_control() => {}
            letter => {
                shown.push(letter);
                column += letter.width().unwrap_or(0);
            }
        }
    }
    shown
}

/// Taking a control sequence off the rest of a line, its last letter included.
trait Sequence {
    fn take_while_inclusive(self) -> String;
}

impl<I: Iterator<Item = char>> Sequence for I {
    fn take_while_inclusive(self) -> String {
        let mut taken = String::new();
        for letter in self {
            taken.push(letter);
            if taken.len() > 1 && ('@'..='~').contains(&letter) {
                break;
            }
        }
        taken
    }
}

/// Text cut into rows; colours take no room.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let (mut rows, mut row, mut column, mut escape) = (Vec::new(), String::new(), 0, false);
    for letter in text.chars() {
        let wide = if escape || letter == '\x1b' { 0 } else { letter.width().unwrap_or(0) };
        escape = letter == '\x1b' || (escape && letter != 'm');
        if column + wide > width {
            rows.push(std::mem::take(&mut row));
            column = 0;
        }
        row.push(letter);
        column += wide;
    }
    rows.push(row);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_without_harm() {
        assert_eq!(visible("a\tb\x07\x1b[2J", Escapes::None), "a       b^G^[[2J");
        assert_eq!(visible("\x1b[31mred\x1b[m\x1b[2J", Escapes::Colors), "\x1b[31mred\x1b[m");
        assert_eq!(visible("dos\r", Escapes::None), "dos");
    }

    #[test]
    fn rows_fit() {
        assert_eq!(wrap("abcde", 2), ["ab", "cd", "e"]);
        assert_eq!(wrap("", 2), [""]);
        assert_eq!(wrap("a漢b", 2), ["a", "漢", "b"]);
        assert_eq!(wrap("\x1b[1mab\x1b[m", 2), ["\x1b[1mab\x1b[m"]);
    }
}
