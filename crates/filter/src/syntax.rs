//! Text to [`Expression`]. Reads on behind a mistake, so that all of them are found at once.

mod operand;

use crate::expression::{Check, Expression, Operand, Right, Span, Word};
use crate::lexer::{Lexer, Place};
use crate::mistake::{MOST, Mistake, nearest};
use crate::operator::{FOREIGN, OPERATORS, Operator, QUANTITIES, Quantity, Takes, native};

/// Deeper than any filter that a person or a program writes; each level takes a little of the stack.
const DEEPEST: usize = 200;

/// The tree of `text`, and what is wrong with it. Where something is, the tree has [`Expression::Broken`].
pub fn parse(text: &str) -> (Expression, Vec<Mistake>) {
    let mut parser = Parser { lexer: Lexer::new(text), depth: 0 };
    let expression = parser.either();
    // Too deep is one mistake, not as many as there are brackets.
    if parser.depth == 0 && parser.lexer.peek().is_some() {
        let at = parser.lexer.at;
        let end = at + parser.lexer.rest().find(char::is_whitespace).unwrap_or(parser.lexer.rest().len());
        let what = if parser.lexer.rest().starts_with(')') {
            "this bracket was never opened"
        } else {
            "`and` or `or` is missing here"
        };
        parser.lexer.mistake(Mistake::new(at..end, what));
    }
    (expression, parser.lexer.mistakes)
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Expression {
        let mut parts = vec![self.both()];
        while self.lexer.keyword("or") || self.foreign("or") {
            parts.push(self.both());
        }
        if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) }
    }

    fn both(&mut self) -> Expression {
        let mut parts = vec![self.negated()];
        while self.lexer.keyword("and") || self.foreign("and") {
            parts.push(self.negated());
        }
        if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) }
    }

    fn negated(&mut self) -> Expression {
        let mut negated = false;
        while self.lexer.keyword("not") || self.foreign("not") {
            negated = !negated;
        }
        let inner = if self.lexer.peek() == Some('(') { self.brackets() } else { self.check() };
        if negated { Expression::Not(Box::new(inner)) } else { inner }
    }

    /// Takes what another language has for this word. It is a mistake, and what is behind it is read all the same.
    fn foreign(&mut self, native: &str) -> bool {
        self.lexer.blank();
        let (start, rest) = (self.lexer.at, self.lexer.rest());
        let is_word = |word: &str| word.starts_with(char::is_alphabetic);
        let ends = |after: &str| after.starts_with(|c: char| c.is_whitespace() || c == '(');
        let found = FOREIGN
            .iter()
            .filter(|row| row.1 == native)
            .find(|(word, _)| rest.strip_prefix(word).is_some_and(|after| !is_word(word) || ends(after)));
        let Some((word, _)) = found else { return false };
        self.lexer.at += word.len();
        let mistake = Mistake::new(start..self.lexer.at, format!("`{word}` is no word of filters"));
        self.lexer.mistake(mistake.hinting(Some(format!("did you mean `{native}`?"))));
        true
    }

    fn brackets(&mut self) -> Expression {
        let start = self.lexer.at;
        if self.depth == DEEPEST {
            let message = format!("brackets are nested more than {DEEPEST} deep here");
            return self.give_up(start..start + 1, &message);
        }
        self.lexer.take('(');
        self.depth += 1;
        let inner = self.either();
        if self.gave_up() {
            return inner;
        }
        self.depth -= 1;
        if !self.lexer.take(')') {
            self.lexer.mistake(Mistake::new(start..start + 1, "this bracket is not closed"));
        }
        inner
    }

    /// Leaves the rest of the filter unread.
    fn give_up(&mut self, span: Span, message: &str) -> Expression {
        self.lexer.mistake(Mistake::new(span, message));
        self.lexer.at = self.lexer.text.len();
        self.depth = usize::MAX;
        Expression::Broken(None)
    }

    fn gave_up(&self) -> bool {
        self.depth == usize::MAX
    }

    fn check(&mut self) -> Expression {
        let Some(left) = self.operand() else {
            if !self.gave_up() {
                self.skip("a field is missing here");
            }
            return Expression::Broken(None);
        };
        let behind = self.lexer.at;
        let Some((operator, takes, at)) = self.operator() else {
            // As the handbook of sysdig prints it: a field alone asks whether it has a value.
            if self.check_ends() {
                return check(left, Operator::Exists, behind..behind, None, Right::Nothing);
            }
            self.unknown_operator();
            return Expression::Broken(Some(Box::new(left)));
        };
        let word = operator.row().name;
        let (quantity, right) = match takes {
            Takes::Nothing => (None, Some(Right::Nothing)),
            Takes::List => (None, self.right_of_list()),
            Takes::Value => match self.quantity() {
                Some(quantity) => (Some(quantity), self.list().map(Right::List)),
                None => (None, self.right_of_value()),
            },
        };
        match right {
            Some(right) => check(left, operator, at, quantity, right),
            None if self.gave_up() => Expression::Broken(None),
            None => {
                let example = if takes == Takes::List { "values in brackets are" } else { "a value is" };
                let message = format!("{example} missing behind `{word}`");
                let hint = (takes == Takes::List).then(|| format!("did you mean `{word} (A, B)`?"));
                self.skip_hinting(&message, hint);
                Expression::Broken(Some(Box::new(left)))
            }
        }
    }

    /// Whether what comes next cannot belong to a check.
    fn check_ends(&mut self) -> bool {
        let at = self.lexer.at;
        let ends =
            matches!(self.lexer.peek(), None | Some(')')) || self.lexer.keyword("and") || self.lexer.keyword("or");
        self.lexer.at = at;
        ends
    }

    fn operator(&mut self) -> Option<(Operator, Takes, Span)> {
        self.lexer.blank();
        let rest = self.lexer.rest();
        let start = self.lexer.at;
        // Nobody compares with what begins with `>`.
        let found = OPERATORS.iter().filter(|_| !rest.starts_with("<>")).find(|row| {
            rest.strip_prefix(row.name).is_some_and(|after| {
                // A word ends where no letter follows.
                !row.name.starts_with(char::is_alphabetic)
                    || !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            })
        })?;
        self.lexer.at += found.name.len();
        Some((found.operator, found.takes, start..self.lexer.at))
    }

    /// Whether suggestions are still made: they take their time, and nobody reads more of them.
    fn hints(&self) -> bool {
        self.lexer.mistakes.len() < MOST
    }

    fn unknown_operator(&mut self) {
        self.lexer.blank();
        let start = self.lexer.at;
        let length = self.lexer.rest().find(|c: char| c.is_whitespace() || "()\"'".contains(c));
        let end = start + length.unwrap_or(self.lexer.rest().len()).max(1);
        let end = (end..=self.lexer.text.len()).find(|at| self.lexer.text.is_char_boundary(*at)).unwrap_or(end);
        let word = &self.lexer.text[start..end];
        let hint = self.hints().then(|| {
            let near = native(word).or_else(|| nearest(word, OPERATORS.iter().map(|row| row.name)));
            near.map_or_else(all_operators, |near| format!("did you mean `{near}`?"))
        });
        let message = format!("`{}` is no operator", shorten(word));
        self.lexer.mistake(Mistake::new(start..end, message).hinting(hint));
        self.skip_silently();
    }

    /// `anyof (…)`; without brackets it is a value like any other.
    fn quantity(&mut self) -> Option<Quantity> {
        let at = self.lexer.at;
        let found = QUANTITIES.iter().find(|(name, _)| self.lexer.keyword(name));
        if found.is_some() && self.lexer.peek() == Some('(') {
            return found.map(|(_, quantity)| *quantity);
        }
        self.lexer.at = at;
        None
    }

    fn right_of_value(&mut self) -> Option<Right> {
        if let Some(operand) = self.transformer() {
            return operand.map(Right::Operand);
        }
        self.lexer.value(Place::Alone).map(Right::Word)
    }

    fn right_of_list(&mut self) -> Option<Right> {
        if let Some(operand) = self.transformer() {
            return operand.map(Right::Operand);
        }
        self.list().map(Right::List)
    }

    fn list(&mut self) -> Option<Vec<Word>> {
        let start = self.lexer.at;
        if !self.lexer.take('(') {
            return None;
        }
        let mut words = Vec::new();
        if self.lexer.take(')') {
            return Some(words);
        }
        loop {
            match self.lexer.value(Place::List) {
                Some(word) => words.push(word),
                None => {
                    let at = self.lexer.at;
                    self.lexer.mistake(Mistake::new(at..at + 1, "a value is missing here"));
                }
            }
            if self.lexer.take(')') {
                return Some(words);
            }
            if !self.lexer.take(',') {
                if self.lexer.peek().is_none() {
                    self.lexer.mistake(Mistake::new(start..start + 1, "this bracket is not closed"));
                    return Some(words);
                }
                let at = self.lexer.at;
                self.lexer.mistake(Mistake::new(at..at + 1, "a comma is missing here"));
                // What cannot begin a value would be found here again and again.
                if self.lexer.peek() == Some('(') {
                    self.lexer.at += 1;
                }
            }
        }
    }

    /// Notes a mistake here and goes to where the next check may begin.
    fn skip(&mut self, message: &str) {
        self.skip_hinting(message, None);
    }

    fn skip_hinting(&mut self, message: &str, hint: Option<String>) {
        self.lexer.blank();
        let start = self.lexer.at;
        self.skip_silently();
        let end = self.lexer.text[..self.lexer.at].trim_end().len().max(start + 1);
        self.lexer.mistake(Mistake::new(start..end, message).hinting(hint));
    }

    /// Up to `and`, `or`, a closing bracket of ours, or the end.
    fn skip_silently(&mut self) {
        let mut open = 0_usize;
        loop {
            let at = self.lexer.at;
            match self.lexer.peek() {
                None => return,
                Some(')') if open == 0 => return,
                Some(')') => open -= 1,
                Some('(') => open += 1,
                Some(_) => {}
            }
            if open == 0 && (self.lexer.keyword("and") || self.lexer.keyword("or")) {
                self.lexer.at = at;
                return;
            }
            if self.lexer.value(Place::List).is_none() {
                let next = self.lexer.rest().chars().next().map_or(1, char::len_utf8);
                self.lexer.at += next;
            }
        }
    }
}

fn check(left: Operand, operator: Operator, at: Span, quantity: Option<Quantity>, right: Right) -> Expression {
    Expression::Check(Box::new(Check { left, operator, at, quantity, right }))
}

fn all_operators() -> String {
    format!("operators are {}", OPERATORS.iter().map(|row| row.name).collect::<Vec<_>>().join(" "))
}

/// Foreign words can be long.
pub(crate) fn shorten(word: &str) -> String {
    match word.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &word[..at]),
        None => word.to_owned(),
    }
}
