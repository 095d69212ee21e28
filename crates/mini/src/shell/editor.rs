//! The shell's line editor: emacs keys, history in memory, completion, reverse search.
//!
//! Our own, because it must not read ahead: what was typed after Enter belongs to the command. It draws with
//! nothing but carriage return, "up" and "clear to the end", asks the terminal no questions, and so needs no answers:
//! the first byte of the prompt waits for nobody.

mod text;
mod view;

use std::io;
use std::os::fd::BorrowedFd;

use super::line::Line;
use crate::terminal::{self, Key, Raw};
use text::Text;
use view::View;

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
