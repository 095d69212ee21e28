//! A filter as a tree, before anybody knows what its words mean. Every word has its place in the text.

use std::ops::Range;

use crate::operator::{Operator, Quantity};
use crate::transform::Transform;

/// Which bytes of the text.
pub type Span = Range<usize>;

/// What holds or does not.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// All of them.
    And(Vec<Expression>),
    /// One of them at least.
    Or(Vec<Expression>),
    /// Not this.
    Not(Box<Expression>),
    /// One question.
    Check(Box<Check>),
    /// What could not be read; its mistake was noted. The field before it may be wrong too.
    Broken(Option<Box<Operand>>),
}

/// One question about a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is asked about.
    pub left: Operand,
    /// What is asked.
    pub operator: Operator,
    /// Where the operator stands; where there is none, behind the field.
    pub at: Span,
    /// How several values count.
    pub quantity: Option<Quantity>,
    /// What it is compared with.
    pub right: Right,
}

/// The right-hand side.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// Nothing is needed.
    Nothing,
    /// A value as it was typed.
    Word(Word),
    /// Values in brackets.
    List(Vec<Word>),
    /// Something computed from the record.
    Operand(Operand),
}

/// A value as it was typed, without quotes and escapes. Bytes, because `\xff` is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The value.
    pub bytes: Vec<u8>,
    /// Where.
    pub span: Span,
}

/// What can be computed from a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A field.
    Field {
        /// Its name, with a dotted argument if it has one.
        name: String,
        /// The argument in brackets.
        argument: Option<String>,
        /// Where.
        span: Span,
    },
    /// Something done to others.
    Apply {
        /// What.
        transform: Transform,
        /// To what.
        operands: Vec<Operand>,
        /// The argument in brackets.
        argument: Option<String>,
        /// Where.
        span: Span,
    },
    /// A constant.
    Word(Word),
    /// Several, in brackets.
    List(Vec<Operand>, Span),
}

impl Operand {
    /// Where it stands.
    pub fn span(&self) -> &Span {
        match self {
            Operand::Field { span, .. } | Operand::Apply { span, .. } | Operand::List(_, span) => span,
            Operand::Word(word) => &word.span,
        }
    }
}
