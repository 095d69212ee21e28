//! The text on the screen.

use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use super::Text;
use crate::terminal::{self, Size};

/// What stands on the screen.
pub(super) struct View {
    pub(super) prompt: String,
    /// The rows between the prompt's first one and the cursor.
    row: usize,
    column: usize,
    columns: usize,
}

impl View {
    pub(super) fn new(prompt: &str) -> Self {
        View { prompt: prompt.to_owned(), row: 0, column: 0, columns: 80 }
    }

    /// Goes to the start of a row without overwriting what a command has left without a newline: blanks to the last
    /// column but one wrap exactly when the cursor is not at the start.
    pub(super) fn fresh_row(&self) -> io::Result<()> {
        put(&format!("{:1$}\r", "", terminal::size(io::stdin()).columns - 1))
    }

    /// Draws all of it anew, over what stood there.
    pub(super) fn draw(&mut self, text: &Text) -> io::Result<()> {
        let Size { columns, .. } = terminal::size(io::stdin());
        self.columns = columns;
        let mut screen = String::new();
        if self.row > 0 {
            screen += &format!("\x1b[{}A", self.row);
        }
        screen += "\r";
        screen += &self.prompt;
        screen += &visible(&text.text);
        let end = walk(walk((0, 0), &plain(&self.prompt), columns), &visible(&text.text), columns);
        let mut at = end;
        if at.1 == columns {
            // The terminal is about to wrap: make it, so that "up" counts from where we think we are.
            screen += "\n\r";
            at = (at.0 + 1, 0);
        }
        screen += "\x1b[J";
        let mut goal = walk(walk((0, 0), &plain(&self.prompt), columns), &visible(&text.text[..text.cursor]), columns);
        if goal.1 == columns {
            goal = (goal.0 + 1, 0);
        }
        if at.0 > goal.0 {
            screen += &format!("\x1b[{}A", at.0 - goal.0);
        }
        if at != goal {
            screen += "\r";
            if goal.1 > 0 {
                screen += &format!("\x1b[{}C", goal.1);
            }
        }
        (self.row, self.column) = goal;
        put(&screen)
    }

    /// Shows one more character at the end; false where all must be drawn.
    pub(super) fn append(&mut self, letter: char) -> io::Result<bool> {
        let width = letter.width().unwrap_or(0);
        if letter.is_control() || width == 0 || self.column + width >= self.columns {
            return Ok(false);
        }
        self.column += width;
        put(letter.encode_utf8(&mut [0; 4]))?;
        Ok(true)
    }

    /// Leaves the cursor below the text.
    pub(super) fn finish(&mut self, text: &mut Text, mark: &str) -> io::Result<()> {
        text.cursor = text.text.len();
        self.draw(text)?;
        put(&format!("{mark}\n"))
    }

    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.row = 0;
        put("\x1b[H\x1b[2J")
    }

    /// Shows candidates below the text, in columns; the text is drawn again below them.
    pub(super) fn list(&mut self, text: &Text, words: &[String]) -> io::Result<()> {
        self.finish(&mut Text::of(&text.text), "")?;
        self.row = 0;
        let names: Vec<&str> = words.iter().map(|word| last_part(word)).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + 2;
        let fit = (self.columns / width).max(1);
        let mut screen = String::new();
        for row in names.chunks(fit) {
            screen += &row.iter().map(|name| format!("{name:width$}")).collect::<String>();
            screen.truncate(screen.trim_end().len());
            screen.push('\n');
        }
        put(&screen)
    }
}

/// The last part of a path, with its `/` where it is a folder.
fn last_part(word: &str) -> &str {
    word.trim_end_matches('/').rfind('/').map_or(word, |slash| &word[slash + 1..])
}

/// Where the cursor is after `text`; a column equal to `columns` means "about to wrap".
fn walk((mut row, mut column): (usize, usize), text: &str, columns: usize) -> (usize, usize) {
    for letter in text.chars() {
        if letter == '\n' {
            (row, column) = (row + 1, 0);
            continue;
        }
        let width = letter.width().unwrap_or(0);
        if column + width > columns {
            (row, column) = (row + 1, width);
        } else {
            column += width;
        }
    }
    (row, column)
}

/// Text as it is drawn: control characters in caret notation.
fn visible(text: &str) -> String {
    let mut drawn = String::new();
    for letter in text.chars() {
        match letter {
            '\n' => drawn.push('\n'),
            '\0'..' ' => drawn.extend(['^', char::from(letter as u8 + 0x40)]),
            '\u{7f}' => drawn.push_str("^?"),
            _ => drawn.push(letter),
        }
    }
    drawn
}

/// A prompt without its colours and titles (CSI and OSC sequences).
fn plain(prompt: &str) -> String {
    let mut plain = String::new();
    let mut letters = prompt.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => match letters.next() {
                Some('[') => drop(letters.by_ref().find(|letter| ('@'..='~').contains(letter))),
                Some(']') => drop(letters.by_ref().find(|letter| matches!(letter, '\x07' | '\\'))),
                _ => {}
            },
            '\n' => plain.push('\n'),
            letter if letter.is_control() => {}
            letter => plain.push(letter),
        }
    }
    plain
}

fn put(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_where_terminals_have_it() {
        for (text, expect) in
            [("", (0, 0)), ("abcd", (0, 4)), ("abcde", (1, 1)), ("ab漢", (0, 4)), ("abc漢", (1, 2)), ("a\nb", (1, 1))]
        {
            assert_eq!(walk((0, 0), text, 4), expect, "{text}");
        }
        assert_eq!(plain("\x1b[1;31mred\x1b[0m\x1b]0;title\x07$ "), "red$ ");
        assert_eq!(visible("a\x03"), "a^C");
    }
}
