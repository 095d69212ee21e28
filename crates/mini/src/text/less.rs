//! `less`: shows text a screen at a time. When stdout is no terminal, text passes through.
//!
//! Lines are read as they are needed, so that the first screen of a huge or slow input comes at once; a key that is
//! pressed meanwhile is heard.

mod rows;
mod source;

use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use rows::{Escapes, visible, wrap};
use source::{Text, Until};

use crate::frame::{Manual, Out, Outcome, Trouble, Word, Words, serve, unknown};
use crate::terminal::{self, Key, Raw, Size};

/// Runs `less`.
pub(crate) fn main(argv: Vec<OsString>) -> i32 {
    let usage = "less [-N] [-S] [-R] [-F] [-i] [+G | +F] [FILE...]
  -N: line numbers; -S: cut long lines; -R: keep colours; -F: leave when it fits; -i: search in any case
  Keys: space, b: a screen; d, u: half of one; j, k, arrows: a line; g, G: start, end; /, ?, n, N: search; F: follow; q: leave.";
    serve(argv, &Manual { usage, failure: 1 }, run)
}

#[derive(Default)]
struct Wanted {
    numbers: bool,
    cut: bool,
    colors: bool,
    leave: bool,
    any_case: bool,
    to_end: bool,
    follow: bool,
    files: Vec<OsString>,
}

fn run(mut words: Words, out: &mut Out) -> Outcome {
    let mut wanted = Wanted::default();
    while let Some(word) = words.next()? {
        match word {
            Word::Short('N') => wanted.numbers = true,
            Word::Short('S') => wanted.cut = true,
            Word::Short('R' | 'r') => wanted.colors = true,
            Word::Short('F') => wanted.leave = true,
            Word::Short('i' | 'I') => wanted.any_case = true,
            Word::Short('X' | 'M' | 'm' | 'e' | 'E' | 'K' | 'f' | 'q' | 's') => {}
            Word::Plain(text) if text == "+G" => wanted.to_end = true,
            Word::Plain(text) if text == "+F" => wanted.follow = true,
            Word::Plain(text) => wanted.files.push(text),
            other => return Err(unknown(&other)),
        }
    }
    if wanted.files.is_empty() && std::io::stdin().is_terminal() {
        return Err(Trouble::Words("which file?".to_owned()));
    }
    if !std::io::stdout().is_terminal() {
        for file in if wanted.files.is_empty() { vec!["-".into()] } else { wanted.files } {
            std::io::copy(&mut super::open(&file)?, out)?;
        }
        return Ok(0);
    }
    page(wanted, out)
}

fn page(wanted: Wanted, out: &mut Out) -> Outcome {
    let mut inputs = Vec::new();
    for file in &wanted.files {
        // Opened by its name before the screen changes, so that a complaint can be read.
        drop(super::open(file)?);
        inputs.push(File::open(file)?);
    }
    if inputs.is_empty() {
        inputs.push(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3)?.into());
    }
    inputs.reverse();
    let tty =
        File::options().read(true).write(true).open("/dev/tty").map_err(Trouble::doing("cannot open the terminal"))?;
    // At the end of a pipeline that starts with the shell's own commands, nobody has given us the terminal. It is the
    // shell's to take back.
    let ours = wanted.files.is_empty()
        && rustix::termios::tcgetpgrp(&tty).is_ok_and(|group| group != rustix::process::getpgrp());
    if ours {
        std::mem::forget(brush_core::terminal::TerminalControl::acquire());
    }
    let raw = Raw::enter(tty)?;
    let mut pager = Pager {
        text: Text::of(inputs),
        size: terminal::size(raw.fd()),
        top: 0,
        shift: 0,
        pattern: None,
        message: String::new(),
        wanted,
    };
    if pager.wanted.leave {
        pager.text.read(pager.size.rows, Until::End)?;
        if pager.text.inputs.is_empty() && pager.rows_of(0..pager.text.lines.len()) < pager.size.rows {
            for line in &pager.text.lines {
                writeln!(out, "{}", pager.shown(line))?;
            }
            return Ok(0);
        }
    }
    out.write_all(b"\x1b[?1049h")?;
    let result = pager.serve(out, raw.fd());
    out.write_all(b"\x1b[?1049l")?;
    result
}

struct Pager {
    wanted: Wanted,
    text: Text,
    size: Size,
    /// The line at the top, and how many of its rows are above the screen.
    top: usize,
    shift: usize,
    pattern: Option<Regex>,
    message: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Forwards,
    Backwards,
}

impl Pager {
    fn serve(&mut self, out: &mut Out, tty: BorrowedFd<'_>) -> Outcome {
        let mut way = Way::Forwards;
        if self.wanted.to_end {
            self.end(tty)?;
        }
        if self.wanted.follow {
            self.follow(out, tty)?;
        }
        loop {
            self.size = terminal::size(tty);
            self.text.read(self.top + self.size.rows + 1, Until::Pause)?;
            self.draw(out)?;
            let page = self.size.rows.saturating_sub(1).max(1);
            let Some(key) = terminal::key_within(tty, self.patience())? else { continue };
            self.message.clear();
            match key {
                Key::Char('q' | 'Q') | Key::Control('c') => return Ok(0),
                Key::Char(' ' | 'f') | Key::PageDown | Key::Control('f' | 'v') => self.down(page),
                Key::Char('b') | Key::PageUp | Key::Control('b') => self.up(page),
                Key::Char('d') | Key::Control('d') => self.down(page / 2),
                Key::Char('u') | Key::Control('u') => self.up(page / 2),
                Key::Char('j' | 'e') | Key::Enter | Key::Down | Key::Control('n') => self.down(1),
                Key::Char('k' | 'y') | Key::Up | Key::Control('p') => self.up(1),
                Key::Char('g' | '<') | Key::Home => (self.top, self.shift) = (0, 0),
                Key::Char('G' | '>') | Key::End => self.end(tty)?,
                Key::Char('F') => self.follow(out, tty)?,
                Key::Char('N') if way == Way::Forwards => self.search(Way::Backwards, tty)?,
                Key::Char('N') => self.search(Way::Forwards, tty)?,
                Key::Char('n') => self.search(way, tty)?,
                Key::Char(mark @ ('/' | '?')) => {
                    way = if mark == '/' { Way::Forwards } else { Way::Backwards };
                    if self.ask(mark, out, tty)? {
                        self.search(way, tty)?;
                    }
                }
                Key::Char('=') => self.message = format!("line {} of {}", self.top + 1, self.text.lines.len()),
                Key::Char('h') => "space b d u j k g G / ? n N F q".clone_into(&mut self.message),
                _ => {}
            }
        }
    }

    /// How long to wait for a key before looking for more input, or for another size of the terminal.
    fn patience(&self) -> Duration {
        if self.text.inputs.is_empty() { Duration::from_secs(60) } else { Duration::from_millis(50) }
    }

    /// Characters that a row holds.
    fn width(&self) -> usize {
        let numbers = if self.wanted.numbers { 8 } else { 0 };
        self.size.columns.saturating_sub(numbers).max(1)
    }

    fn rows(&self, line: usize) -> usize {
        self.text.lines.get(line).map_or(1, |text| self.wrap(text).len())
    }

    fn rows_of(&self, lines: std::ops::Range<usize>) -> usize {
        lines.map(|line| self.rows(line)).sum()
    }

    fn down(&mut self, count: usize) {
        for _ in 0..count {
            if self.is_at_end() {
                return;
            }
            self.shift += 1;
            if self.shift >= self.rows(self.top) {
                (self.top, self.shift) = (self.top + 1, 0);
            }
        }
    }

    fn up(&mut self, count: usize) {
        for _ in 0..count {
            if self.shift > 0 {
                self.shift -= 1;
            } else if self.top > 0 {
                self.top -= 1;
                self.shift = self.rows(self.top) - 1;
            }
        }
    }

    /// Whether the last row is on the screen.
    fn is_at_end(&self) -> bool {
        let mut rows = 0;
        for line in self.top..self.text.lines.len() {
            rows += self.rows(line);
            if rows - self.shift >= self.size.rows {
                return false;
            }
        }
        true
    }

    fn end(&mut self, tty: BorrowedFd<'_>) -> Result<(), Trouble> {
        self.text.read(usize::MAX, Until::Key(tty))?;
        (self.top, self.shift) = (self.text.lines.len(), 0);
        self.up(self.size.rows.saturating_sub(1).max(1));
        Ok(())
    }

    /// Shows what is added to the file, until a key is pressed.
    fn follow(&mut self, out: &mut Out, tty: BorrowedFd<'_>) -> Result<(), Trouble> {
        let mut reopened = match self.wanted.files.last() {
            Some(file) => Some(File::open(file)?),
            None => None,
        };
        self.end(tty)?;
        if let Some(file) = &mut reopened {
            std::io::Seek::seek(file, std::io::SeekFrom::End(0))?;
        }
        loop {
            "waiting for more; any key stops".clone_into(&mut self.message);
            self.draw(out)?;
            if terminal::key_within(tty, Duration::from_millis(250))?.is_some() {
                self.message.clear();
                return Ok(());
            }
            match &mut reopened {
                Some(file) => {
                    let mut more = Vec::new();
                    file.read_to_end(&mut more)?;
                    self.text.add(&more);
                }
                None => self.text.read(usize::MAX, Until::Pause)?,
            }
            (self.top, self.shift) = (self.text.lines.len(), 0);
            self.up(self.size.rows.saturating_sub(1).max(1));
        }
    }

    /// Reads a pattern on the last row; false when it was given up.
    fn ask(&mut self, mark: char, out: &mut Out, tty: BorrowedFd<'_>) -> Result<bool, Trouble> {
        let mut typed = String::new();
        loop {
            write!(out, "\x1b[{};1H\x1b[K{mark}{typed}", self.size.rows)?;
            out.flush()?;
            match terminal::key(tty)? {
                Key::Char(letter) => typed.push(letter),
                Key::Backspace if typed.is_empty() => return Ok(false),
                Key::Backspace => drop(typed.pop()),
                Key::Enter if typed.is_empty() => return Ok(self.pattern.is_some()),
                Key::Enter => break,
                Key::Escape | Key::Control('c' | 'g') => return Ok(false),
                _ => {}
            }
        }
        match RegexBuilder::new(&typed).case_insensitive(self.wanted.any_case).build() {
            Ok(pattern) => self.pattern = Some(pattern),
            // What is no pattern is looked for as text.
            Err(_) => self.pattern = Regex::new(&regex::escape(&typed)).ok(),
        }
        Ok(true)
    }

    /// Goes to the next line that matches.
    fn search(&mut self, way: Way, tty: BorrowedFd<'_>) -> Result<(), Trouble> {
        let Some(pattern) = self.pattern.clone() else {
            "no pattern yet: / asks for one".clone_into(&mut self.message);
            return Ok(());
        };
        let found = match way {
            Way::Backwards => (0..self.top).rev().find(|line| pattern.is_match(&self.text.lines[*line])),
            Way::Forwards => {
                let mut line = self.top + 1;
                loop {
                    self.text.read(line + 1, Until::Key(tty))?;
                    match self.text.lines.get(line) {
                        None => break None,
                        Some(text) if pattern.is_match(text) => break Some(line),
                        Some(_) => line += 1,
                    }
                }
            }
        };
        match found {
            Some(line) => (self.top, self.shift) = (line, 0),
            None => "pattern not found".clone_into(&mut self.message),
        }
        Ok(())
    }

    fn draw(&self, out: &mut Out) -> Result<(), Trouble> {
        out.write_all(b"\x1b[H")?;
        let (mut line, mut skip, mut left) = (self.top, self.shift, self.size.rows.saturating_sub(1));
        while left > 0 {
            let Some(text) = self.text.lines.get(line) else {
                out.write_all(b"~\x1b[K\r\n")?;
                left -= 1;
                continue;
            };
            for (index, row) in self.wrap(text).iter().enumerate().skip(skip).take(left) {
                if self.wanted.numbers {
                    let number = if index == 0 { (line + 1).to_string() } else { String::new() };
                    write!(out, "{number:>7} ")?;
                }
                write!(out, "{}\x1b[m\x1b[K\r\n", self.marked(row))?;
                left -= 1;
            }
            (line, skip) = (line + 1, 0);
        }
        let status = if !self.message.is_empty() {
            format!("\x1b[7m{}\x1b[m", self.message)
        } else if self.text.inputs.is_empty() && self.is_at_end() {
            "\x1b[7m(END)\x1b[m".to_owned()
        } else {
            ":".to_owned()
        };
        write!(out, "\x1b[{};1H{status}\x1b[K", self.size.rows)?;
        out.flush()?;
        Ok(())
    }

    /// A row with what was searched for in reverse.
    fn marked(&self, row: &str) -> String {
        match &self.pattern {
            Some(pattern) if !row.contains('\x1b') => pattern
                .replace_all(row, |found: &regex::Captures<'_>| format!("\x1b[7m{}\x1b[27m", &found[0]))
                .into_owned(),
            _ => row.to_owned(),
        }
    }

    /// The rows of a line.
    fn wrap(&self, line: &str) -> Vec<String> {
        let rows = wrap(&self.shown(line), self.width());
        if self.wanted.cut { rows.into_iter().take(1).collect() } else { rows }
    }

    fn shown(&self, line: &str) -> String {
        visible(line, if self.wanted.colors { Escapes::Colors } else { Escapes::None })
    }
}
