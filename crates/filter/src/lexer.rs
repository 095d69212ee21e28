//! The text of a filter and how far it was read. What a word may contain depends on what is expected: `=` ends the
//! name of a field, and is part of a value.

use crate::expression::{Span, Word};
use crate::mistake::Mistake;

/// A filter that is being read.
pub(crate) struct Lexer<'t> {
    pub(crate) text: &'t str,
    pub(crate) at: usize,
    pub(crate) mistakes: Vec<Mistake>,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Lexer { text, at: 0, mistakes: Vec::new() }
    }

    pub(crate) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(crate) fn blank(&mut self) {
        // All that ends a word is a blank, or words would begin at it that never go on.
        let blank = |c: char| c.is_whitespace() || c == '\x08';
        self.at = self.text.len() - self.rest().trim_start_matches(blank).len();
    }

    /// The next character behind blanks.
    pub(crate) fn peek(&mut self) -> Option<char> {
        self.blank();
        self.rest().chars().next()
    }

    /// Takes this character if it comes next.
    pub(crate) fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    /// Takes this word if it comes next and ends there.
    pub(crate) fn keyword(&mut self, wanted: &str) -> bool {
        self.blank();
        let there = self.rest().strip_prefix(wanted).is_some_and(|after| {
            let next = after.chars().next();
            next.is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')' | '"' | '\''))
        });
        if there {
            self.at += wanted.len();
        }
        there
    }

    pub(crate) fn mistake(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// The name of a field or transformer: up to a blank, a bracket or an operator.
    pub(crate) fn name(&mut self) -> (&'t str, Span) {
        self.blank();
        let start = self.at;
        let length = self.rest().find(|c: char| c.is_whitespace() || "()[]!=<>,\"'".contains(c));
        self.at += length.unwrap_or(self.rest().len());
        (&self.text[start..self.at], start..self.at)
    }

    /// What stands in square brackets, if something does.
    pub(crate) fn argument(&mut self) -> Option<String> {
        let start = self.at;
        let inner = self.rest().strip_prefix('[')?;
        if inner.starts_with(['"', '\'']) {
            self.at += 1;
            let word = self.quoted();
            if !self.rest().starts_with(']') {
                self.mistake(Mistake::new(start..self.at, "this bracket is not closed"));
                return Some(String::new());
            }
            self.at += 1;
            return Some(String::from_utf8_lossy(&word.bytes).into_owned());
        }
        let Some(end) = inner.find(']') else {
            self.mistake(Mistake::new(start..start + 1, "this bracket is not closed"));
            self.at = self.text.len();
            return Some(String::new());
        };
        self.at += end + 2;
        Some(inner[..end].to_owned())
    }

    /// A value: quoted, or up to a blank or bracket; in a list also up to a comma.
    pub(crate) fn value(&mut self, place: Place) -> Option<Word> {
        match self.peek()? {
            '"' | '\'' => Some(self.quoted()),
            '(' | ')' => None,
            ',' if place == Place::List => None,
            _ => {
                let start = self.at;
                let ends = |c: char| c.is_whitespace() || c == '(' || c == ')' || (place == Place::List && c == ',');
                self.at += self.rest().find(ends).unwrap_or(self.rest().len());
                let bytes = self.unescape(start..self.at);
                Some(Word { bytes, span: start..self.at })
            }
        }
    }

    /// From one quote to the next of its kind.
    fn quoted(&mut self) -> Word {
        let start = self.at;
        let quote = self.text.as_bytes()[start];
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        while end < bytes.len() && bytes[end] != quote {
            end += if bytes[end] == b'\\' && end + 1 < bytes.len() { 2 } else { 1 };
        }
        let end = end.min(bytes.len());
        self.at = (end + 1).min(bytes.len());
        if end == bytes.len() {
            self.mistake(Mistake::new(start..start + 1, "this quote is not closed"));
        }
        // An escape may have led into the middle of a character.
        let end = (start + 1..=end).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(start + 1);
        self.at = (self.at..=bytes.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(bytes.len());
        let content = self.unescape(start + 1..end);
        Word { bytes: content, span: start..self.at }
    }

    /// `\\`, `\"`, `\'` and `\xHH`; before anything else a backslash is a backslash.
    fn unescape(&mut self, span: Span) -> Vec<u8> {
        let raw = &self.text.as_bytes()[span.clone()];
        let mut bytes = Vec::with_capacity(raw.len());
        let mut at = 0;
        while at < raw.len() {
            match (raw[at], raw.get(at + 1)) {
                (b'\\', Some(escaped @ (b'\\' | b'"' | b'\''))) => {
                    bytes.push(*escaped);
                    at += 2;
                }
                (b'\\', Some(b'x')) => {
                    let digits = raw.get(at + 2..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
                    match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                        Some(byte) => bytes.push(byte),
                        None => {
                            let place = span.start + at..(span.start + at + 4).min(span.end);
                            self.mistake(Mistake::new(place, r"`\x` takes two hexadecimal digits"));
                        }
                    }
                    at += 4;
                }
                (byte, _) => {
                    bytes.push(byte);
                    at += 1;
                }
            }
        }
        bytes
    }
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Alone.
    Alone,
    /// Among others, between commas.
    List,
}
