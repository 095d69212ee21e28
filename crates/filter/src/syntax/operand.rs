//! What a check is about: a field, or transformers around fields, values and lists of them.

use super::{DEEPEST, Parser, shorten};
use crate::expression::{Operand, Span, Word};
use crate::lexer::Place;
use crate::mistake::{Mistake, nearest};
use crate::transform::{Row, TRANSFORMS, Transform};

impl Parser<'_> {
    /// What stands in brackets behind a word that is no transformer is not read.
    fn unknown_transformer(&mut self, name: &str, span: Span) -> Operand {
        let names = || TRANSFORMS.iter().map(|row| row.name);
        let hint = self.hints().then(|| match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}(…)`?"),
            None => format!("transformers are {}", names().collect::<Vec<_>>().join(" ")),
        });
        let message = format!("`{}` is no transformer", shorten(name));
        self.lexer.mistake(Mistake::new(span.clone(), message).hinting(hint));
        self.skip_silently();
        Operand::Word(Word { bytes: Vec::new(), span })
    }

    /// A field, or a transformer with what it is done to.
    pub(super) fn operand(&mut self) -> Option<Operand> {
        if let Some(operand) = self.transformer() {
            return operand;
        }
        let before = self.lexer.at;
        let (name, span) = self.lexer.name();
        if name.is_empty() || ["and", "or"].contains(&name) {
            self.lexer.at = before;
            return None;
        }
        if self.lexer.rest().starts_with('(') {
            return Some(self.unknown_transformer(name, span));
        }
        let argument = self.lexer.argument();
        // `proc.aname[2].x` is no field; the vocabulary says so of the whole.
        Some(Operand::Field { name: name.to_owned(), argument, span: span.start..self.lexer.at })
    }

    /// A transformer if one begins here; it may still be broken.
    pub(super) fn transformer(&mut self) -> Option<Option<Operand>> {
        self.lexer.blank();
        let rest = self.lexer.rest();
        let begins = |row: &&Row| rest.strip_prefix(row.name).is_some_and(|after| after.trim_start().starts_with('('));
        let row = TRANSFORMS.iter().find(begins)?;
        let start = self.lexer.at;
        if self.depth == DEEPEST {
            self.give_up(
                start..start + row.name.len(),
                &format!("transformers are nested more than {DEEPEST} deep here"),
            );
            return Some(None);
        }
        self.lexer.at += row.name.len();
        self.lexer.take('(');
        self.depth += 1;
        let operands = self.operands();
        if self.gave_up() {
            return Some(None);
        }
        self.depth -= 1;
        if !self.lexer.take(')') {
            self.lexer.mistake(Mistake::new(start..self.lexer.at, "this bracket is not closed"));
            return Some(None);
        }
        let argument = self.lexer.argument();
        let span = start..self.lexer.at;
        let (least, most) = row.operands;
        if !(least..=most).contains(&operands.len()) {
            let count = if least == most { least.to_string() } else { format!("at least {least}") };
            let message = format!("`{}` takes {count}, and {} stand in its brackets", row.name, operands.len());
            self.lexer.mistake(Mistake::new(span, message));
            return Some(None);
        }
        if argument.is_some() && row.transform != Transform::Options {
            self.lexer.mistake(Mistake::new(span, format!("`{}` takes nothing in square brackets", row.name)));
            return Some(None);
        }
        Some(Some(Operand::Apply { transform: row.transform, operands, argument, span }))
    }

    fn operands(&mut self) -> Vec<Operand> {
        let mut operands = Vec::new();
        loop {
            let start = self.lexer.at;
            match self.lexer.peek() {
                Some('"' | '\'' | '0'..='9' | '-' | '+') => {
                    operands.extend(self.lexer.value(Place::List).map(Operand::Word));
                }
                Some('(') => {
                    let at = self.lexer.at;
                    if self.depth == DEEPEST {
                        self.give_up(at..at + 1, &format!("brackets are nested more than {DEEPEST} deep here"));
                        return operands;
                    }
                    self.lexer.take('(');
                    self.depth += 1;
                    let inner = self.operands();
                    if self.gave_up() {
                        return operands;
                    }
                    self.depth -= 1;
                    self.lexer.take(')');
                    operands.push(Operand::List(inner, at..self.lexer.at));
                }
                _ => operands.extend(self.operand()),
            }
            if self.gave_up() || self.lexer.at == start || !self.lexer.take(',') {
                return operands;
            }
        }
    }
}
