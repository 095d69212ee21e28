//! A filter that can be asked about records. It was checked when it was made: nothing can go wrong any more.

use std::collections::HashSet;

use fathom_model::Value;

use crate::compare::{Constant, holds};
use crate::operator::{Operator, Quantity};
use crate::transform::{Transform, text};
use crate::vocabulary::Record;

/// A filter over records with fields `F`.
#[derive(Debug)]
pub struct Predicate<F>(pub(crate) Node<F>);

#[derive(Debug)]
pub(crate) enum Node<F> {
    And(Vec<Node<F>>),
    Or(Vec<Node<F>>),
    Not(Box<Node<F>>),
    Check(Source<F>, Test<F>),
}

/// Where the value comes from.
#[derive(Debug)]
pub(crate) enum Source<F> {
    Field(F),
    Apply(Transform, Vec<Source<F>>, Option<String>),
    Word(Vec<u8>),
    List(Vec<Source<F>>),
}

/// What is asked of it.
#[derive(Debug)]
pub(crate) enum Test<F> {
    Exists,
    Constant(Operator, Constant),
    /// One of these texts.
    Texts(HashSet<Vec<u8>>),
    /// Several constants, and how many of them must hold.
    Several(Operator, Quantity, Vec<Constant>),
    /// No more nanoseconds than this.
    Within(u64),
    Source(Operator, Source<F>),
}

impl<F> Predicate<F> {
    /// Whether `record` is what is asked for. `scratch` is memory that is used again.
    #[inline]
    pub fn holds<R: Record<F>>(&self, record: &R, scratch: &mut Vec<u8>) -> bool {
        self.0.holds(record, scratch)
    }

    /// Both must hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Predicate(Node::And(vec![self.0, other.0]))
    }

    /// Turned round.
    #[must_use]
    pub fn negated(self) -> Self {
        Predicate(Node::Not(Box::new(self.0)))
    }

    /// Every field that is asked about.
    pub fn fields(&self) -> Vec<&F> {
        let mut fields = Vec::new();
        self.0.fields(&mut fields);
        fields
    }
}

impl<F> Node<F> {
    fn holds<R: Record<F>>(&self, record: &R, scratch: &mut Vec<u8>) -> bool {
        match self {
            Node::And(nodes) => nodes.iter().all(|node| node.holds(record, scratch)),
            Node::Or(nodes) => nodes.iter().any(|node| node.holds(record, scratch)),
            Node::Not(node) => !node.holds(record, scratch),
            Node::Check(Source::Field(field), test) => {
                scratch.clear();
                test.holds(&record.value(field, scratch), record)
            }
            Node::Check(source, test) => test.holds(&source.value(record), record),
        }
    }

    fn fields<'n>(&'n self, into: &mut Vec<&'n F>) {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| node.fields(into)),
            Node::Not(node) => node.fields(into),
            Node::Check(source, test) => {
                source.fields(into);
                if let Test::Source(_, right) = test {
                    right.fields(into);
                }
            }
        }
    }
}

impl<F> Source<F> {
    /// The value, in memory of its own: for what is rare.
    fn value<R: Record<F>>(&self, record: &R) -> Value<'static> {
        match self {
            Source::Field(field) => own(&record.value(field, &mut Vec::new())),
            Source::Word(word) => Value::Bytes(word.clone().into()),
            Source::List(sources) => Value::Any(sources.iter().map(|source| source.value(record)).collect()),
            Source::Apply(transform, sources, argument) => {
                let operands = sources.iter().map(|source| source.value(record)).collect();
                transform.apply(operands, argument.as_deref())
            }
        }
    }

    fn fields<'n>(&'n self, into: &mut Vec<&'n F>) {
        match self {
            Source::Field(field) => into.push(field),
            Source::Word(_) => {}
            Source::List(sources) | Source::Apply(_, sources, _) => {
                sources.iter().for_each(|source| source.fields(into));
            }
        }
    }
}

impl<F> Test<F> {
    fn holds<R: Record<F>>(&self, value: &Value<'_>, record: &R) -> bool {
        self.holds_of(value, |source| source.value(record))
    }

    /// The same, where `read` says what else is compared with.
    pub(crate) fn holds_of(&self, value: &Value<'_>, read: impl Fn(&Source<F>) -> Value<'static>) -> bool {
        match self {
            Test::Exists => *value != Value::Unknown,
            Test::Constant(operator, constant) => holds(value, *operator, constant),
            Test::Texts(texts) => match value {
                Value::Unknown => false,
                Value::Any(values) => values.iter().any(|value| texts.contains(&text(value)[..])),
                value => texts.contains(&text(value)[..]),
            },
            Test::Several(operator, quantity, constants) => {
                let mut matches = constants.iter().map(|constant| holds(value, *operator, constant));
                *value != Value::Unknown
                    && match quantity {
                        Quantity::Any => matches.any(|holds| holds),
                        Quantity::All => !constants.is_empty() && matches.all(|holds| holds),
                        Quantity::One => matches.filter(|holds| *holds).count() == 1,
                    }
            }
            Test::Within(most) => matches!(value, Value::Unsigned(distance) if distance <= most),
            Test::Source(operator, source) => {
                let other = read(source);
                let others = if let Value::Any(others) = other { others } else { vec![other] };
                others.iter().any(|other| constant(other).is_some_and(|other| holds(value, *operator, &other)))
            }
        }
    }
}

/// A value as something to compare with.
fn constant(value: &Value<'_>) -> Option<Constant> {
    Some(match value {
        Value::Unknown | Value::Any(_) | Value::Addresses(_) | Value::Ports(_) => return None,
        Value::Number(number) => Constant::Number((*number).into()),
        Value::Unsigned(number) => Constant::Number((*number).into()),
        Value::Age(age) => Constant::Number(age.as_nanos() as i128),
        Value::Real(number) => Constant::Real(*number),
        Value::Flag(flag) => Constant::Flag(*flag),
        Value::Address(address) => Constant::Address(*address),
        Value::Text(_) | Value::Id(..) | Value::Pairs(_) | Value::Bytes(_) => Constant::Bytes(text(value).into_owned()),
    })
}

/// The value, in memory of its own.
pub(crate) fn own(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Unknown => Value::Unknown,
        Value::Number(number) => Value::Number(*number),
        Value::Unsigned(number) => Value::Unsigned(*number),
        Value::Age(age) => Value::Age(*age),
        Value::Real(number) => Value::Real(*number),
        Value::Flag(flag) => Value::Flag(*flag),
        Value::Address(address) => Value::Address(*address),
        Value::Addresses(ends) => Value::Addresses(*ends),
        Value::Ports(ends) => Value::Ports(*ends),
        Value::Any(values) => Value::Any(values.iter().map(own).collect()),
        Value::Text(_) | Value::Id(..) | Value::Pairs(_) | Value::Bytes(_) => {
            Value::Bytes(text(value).into_owned().into())
        }
    }
}
