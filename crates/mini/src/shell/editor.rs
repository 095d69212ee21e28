//! The shell's line editor: emacs keys, history in memory, completion, reverse search.
//!
//! Our own, because it must not read ahead: what was typed after Enter belongs to the command. It draws with
//! nothing but carriage return, "up" and "clear to the end", asks the terminal no questions, and so needs no answers:
//! the first byte of the prompt waits for nobody.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;

use unicode_width::UnicodeWidthChar;

use super::line::Line;
use crate::terminal::{self, Key, Raw, Size};

/// How many commands the up arrow reaches back.
const HISTORY: usize = 1000;

/// What may stand in place of the word at the cursor.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Where that word starts, in bytes.
    pub(super) start: usize,
    /// Whole replacements for it.
    pub(super) words: Vec<String>,
}

/// Lines typed before, and the text cut last.
#[derive(Debug, Default)]
pub(super) struct Editor {
    history: Vec<String>,
    cut: String,
}

impl Editor {
    /// Keeps a command for the up arrow; the same one twice in a row counts once.
    pub(super) fn remember(&mut self, command: &str) {
        if command.trim().is_empty() || self.history.last().is_some_and(|last| last == command) {
            return;
        }
        if self.history.len() == HISTORY {
            self.history.remove(0);
        }
        self.history.push(command.to_owned());
    }

    /// Reads one line. `complete` gives candidates for the text and the cursor's place in it.
    pub(super) fn read(
        &mut self,
        prompt: &str,
        complete: &mut dyn FnMut(&str, usize) -> Candidates,
    ) -> io::Result<Line> {
        let raw = Raw::enter(io::stdin())?;
        let mut view = View::new(prompt);
        let mut text = Text::default();
        let mut place = self.history.len();
        let mut draft = String::new();
        view.fresh_row()?;
        view.draw(&text)?;
        let mut pending = None;
        loop {
            match pending.take().map_or_else(|| terminal::key(raw.fd()), Ok)? {
                Key::Enter => {
                    view.finish(&mut text, "")?;
                    return Ok(Line::Text(text.text + "\n"));
                }
                Key::Control('c') => {
                    view.finish(&mut text, "^C")?;
                    return Ok(Line::Interrupted);
                }
                Key::Control('d') if text.text.is_empty() => {
                    view.finish(&mut text, "")?;
                    return Ok(Line::End);
                }
                Key::Char(letter) => {
                    let at_end = text.cursor == text.text.len();
                    text.insert(letter.encode_utf8(&mut [0; 4]));
                    if at_end && view.append(letter)? {
                        continue;
                    }
                }
                Key::Backspace => text.remove_back(),
                Key::Delete | Key::Control('d') => text.remove_forward(),
                Key::Left | Key::Control('b') => text.cursor = text.before(),
                Key::Right | Key::Control('f') => text.cursor = text.after(),
                Key::Home | Key::Control('a') => text.cursor = 0,
                Key::End | Key::Control('e') => text.cursor = text.text.len(),
                Key::Alt('b') => text.cursor = text.word_start(),
                Key::Alt('f') => text.cursor = text.word_end(),
                Key::Control('k') => self.cut = text.cut(text.cursor, text.text.len()),
                Key::Control('u') => self.cut = text.cut(0, text.cursor),
                Key::Control('w') => self.cut = text.cut(text.blank_start(), text.cursor),
                Key::Alt('\u{7f}') => self.cut = text.cut(text.word_start(), text.cursor),
                Key::Alt('d') => self.cut = text.cut(text.cursor, text.word_end()),
                Key::Control('y') => text.insert(&self.cut.clone()),
                Key::Control('t') => text.swap(),
                Key::Control('l') => view.clear()?,
                Key::Up | Key::Control('p') if place > 0 => {
                    if place == self.history.len() {
                        draft.clone_from(&text.text);
                    }
                    place -= 1;
                    text = Text::of(&self.history[place]);
                }
                Key::Down | Key::Control('n') if place < self.history.len() => {
                    place += 1;
                    text = Text::of(self.history.get(place).unwrap_or(&draft));
                }
                Key::Control('r') => pending = self.search(&mut view, &mut text, raw.fd())?,
                Key::Tab => {
                    let candidates = complete(&text.text, text.cursor);
                    if let Some(list) = text.complete(&candidates) {
                        view.list(&text, &list)?;
                    }
                }
                _ => continue,
            }
            view.draw(&text)?;
        }
    }

    /// `^R`: the newest command that holds what is typed; `^R` again: an older one; any other key keeps it, and means what it means.
    fn search(&self, view: &mut View, text: &mut Text, tty: BorrowedFd<'_>) -> io::Result<Option<Key>> {
        let before = text.text.clone();
        let prompt = std::mem::take(&mut view.prompt);
        let (mut wanted, mut limit) = (String::new(), self.history.len());
        let pending = loop {
            let found = self.history[..limit].iter().rposition(|command| command.contains(&wanted));
            if let Some(index) = found.filter(|_| !wanted.is_empty()) {
                *text = Text::of(&self.history[index]);
            }
            view.prompt = format!("(search)`{wanted}': ");
            view.draw(text)?;
            match terminal::key(tty)? {
                Key::Char(letter) => (wanted.push(letter), limit = self.history.len()).1,
                Key::Backspace => drop(wanted.pop()),
                Key::Control('r') => limit = found.unwrap_or(limit),
                Key::Control('g' | 'c') => {
                    *text = Text::of(&before);
                    break None;
                }
                other => break Some(other),
            }
        };
        view.prompt = prompt;
        Ok(pending)
    }
}

/// The text being edited; the cursor is a place between characters, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Text {
    text: String,
    cursor: usize,
}

impl Text {
    fn of(text: &str) -> Self {
        Text { text: text.to_owned(), cursor: text.len() }
    }

    fn insert(&mut self, more: &str) {
        self.text.insert_str(self.cursor, more);
        self.cursor += more.len();
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(index, _)| index)
    }

    fn after(&self) -> usize {
        self.text[self.cursor..].chars().next().map_or(self.cursor, |letter| self.cursor + letter.len_utf8())
    }

    fn remove_back(&mut self) {
        self.cut(self.before(), self.cursor);
    }

    fn remove_forward(&mut self) {
        self.cut(self.cursor, self.after());
    }

    fn cut(&mut self, from: usize, to: usize) -> String {
        let cut = self.text.drain(from..to).collect();
        self.cursor = from;
        cut
    }

    fn swap(&mut self) {
        let middle = if self.cursor == self.text.len() { self.before() } else { self.cursor };
        let head = self.text[..middle].char_indices().next_back();
        let (Some((start, first)), Some(second)) = (head, self.text[middle..].chars().next()) else { return };
        let end = middle + second.len_utf8();
        self.text.replace_range(start..end, &format!("{second}{first}"));
        self.cursor = end;
    }

    /// Where the word before the cursor starts; words are letters and digits.
    fn word_start(&self) -> usize {
        let head = self.text[..self.cursor].trim_end_matches(|letter: char| !letter.is_alphanumeric());
        head.trim_end_matches(char::is_alphanumeric).len()
    }

    fn word_end(&self) -> usize {
        let tail = self.text[self.cursor..].trim_start_matches(|letter: char| !letter.is_alphanumeric());
        self.text.len() - tail.trim_start_matches(char::is_alphanumeric).len()
    }

    /// Where the word before the cursor starts; words are what is between blanks.
    fn blank_start(&self) -> usize {
        let head = self.text[..self.cursor].trim_end();
        head.trim_end_matches(|letter: char| !letter.is_whitespace()).len()
    }

    /// Puts in what all candidates have in common; gives the candidates back when that adds nothing.
    fn complete(&mut self, candidates: &Candidates) -> Option<Vec<String>> {
        let common = common_start(&candidates.words);
        let typed = self.text.get(candidates.start..self.cursor)?;
        if !common.is_empty() && common != typed {
            self.text.replace_range(candidates.start..self.cursor, &common);
            self.cursor = candidates.start + common.len();
            return None;
        }
        (candidates.words.len() > 1).then(|| candidates.words.clone())
    }
}

fn common_start(words: &[String]) -> String {
    let Some((first, rest)) = words.split_first() else { return String::new() };
    let mut length = first.len();
    for word in rest {
        let same = first.char_indices().zip(word.chars()).take_while(|((_, left), right)| left == right);
        length = length.min(same.last().map_or(0, |((index, letter), _)| index + letter.len_utf8()));
    }
    first[..length].to_owned()
}

/// What stands on the screen.
struct View {
    prompt: String,
    /// The rows between the prompt's first one and the cursor.
    row: usize,
    column: usize,
    columns: usize,
}

impl View {
    fn new(prompt: &str) -> Self {
        View { prompt: prompt.to_owned(), row: 0, column: 0, columns: 80 }
    }

    /// Goes to the start of a row without overwriting what a command has left without a newline: blanks to the last
    /// column but one wrap exactly when the cursor is not at the start.
    fn fresh_row(&self) -> io::Result<()> {
        put(&format!("{:1$}\r", "", terminal::size(io::stdin()).columns - 1))
    }

    /// Draws all of it anew, over what stood there.
    fn draw(&mut self, text: &Text) -> io::Result<()> {
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
    fn append(&mut self, letter: char) -> io::Result<bool> {
        let width = letter.width().unwrap_or(0);
        if letter.is_control() || width == 0 || self.column + width >= self.columns {
            return Ok(false);
        }
        self.column += width;
        put(letter.encode_utf8(&mut [0; 4]))?;
        Ok(true)
    }

    /// Leaves the cursor below the text.
    fn finish(&mut self, text: &mut Text, mark: &str) -> io::Result<()> {
        text.cursor = text.text.len();
        self.draw(text)?;
        put(&format!("{mark}\n"))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.row = 0;
        put("\x1b[H\x1b[2J")
    }

    /// Shows candidates below the text, in columns; the text is drawn again below them.
    fn list(&mut self, text: &Text, words: &[String]) -> io::Result<()> {
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

    /// `|` is the cursor.
    fn check(before: &str, edit: fn(&mut Text), after: &str) {
        let mut text = Text { text: before.replace('|', ""), cursor: before.find('|').expect("a cursor") };
        edit(&mut text);
        let mut shown = text.text.clone();
        shown.insert(text.cursor, '|');
        assert_eq!(shown, after);
    }

    #[test]
    fn text_is_edited_by_characters_and_words() {
        check("aé|b", Text::remove_back, "a|b");
        check("a|éb", Text::remove_forward, "a|b");
        check("|", Text::remove_back, "|");
        check("ls /etc/ho|", |text| text.cursor = text.word_start(), "ls /etc/|ho");
        check("|ls /etc", |text| text.cursor = text.word_end(), "ls| /etc");
        check("ls /etc/ho|", |text| drop(text.cut(text.blank_start(), text.cursor)), "ls |");
        check("ab|", Text::swap, "ba|");
        check("é|b", Text::swap, "bé|");
        check("a|", Text::swap, "a|");
    }

    #[test]
    fn completion_puts_in_what_is_common() {
        let candidates =
            |start, words: &[&str]| Candidates { start, words: words.iter().map(|word| (*word).to_owned()).collect() };
        let mut text = Text::of("cat h");
        assert_eq!(text.complete(&candidates(4, &["hosts", "hostname"])), None);
        assert_eq!(text, Text::of("cat host"));
        assert_eq!(text.complete(&candidates(4, &["hosts", "hostname"])).map(|list| list.len()), Some(2));
        assert_eq!(text.complete(&candidates(4, &["hosts "])), None);
        assert_eq!(text, Text::of("cat hosts "));
        assert_eq!(text.complete(&candidates(99, &["x"])), None);
    }

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
