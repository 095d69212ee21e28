//! An expression, and who knows the fields, to a predicate. What was asked for wrongly is a mistake here, not a
//! surprise while events pass by.

use fathom_model::Kind;

use crate::compare::Constant;
use crate::expression::{Check, Expression, Operand, Right, Span, Word};
use crate::mistake::{MOST, Mistake, Mistakes};
use crate::operator::{OPERATORS, Operator, Quantity};
use crate::predicate::{Node, Predicate, Source, Test};
use crate::syntax::{parse, shorten};
use crate::transform::Transform;
use crate::vocabulary::{Accepts, Vocabulary};

/// The predicate that `text` stands for.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile<V: Vocabulary>(text: &str, vocabulary: &V) -> Result<Predicate<V::Field>, Mistakes> {
    if text.trim().is_empty() {
        return Err(Mistakes::new(text, vec![Mistake::new(0..text.len(), "the filter is empty")]));
    }
    let (expression, mistakes) = parse(text);
    let mut compiler = Compiler { vocabulary, mistakes };
    let node = compiler.node(expression);
    match node {
        Some(node) if compiler.mistakes.is_empty() => Ok(Predicate(node)),
        _ => Err(Mistakes::new(text, compiler.mistakes)),
    }
}

struct Compiler<'v, V> {
    vocabulary: &'v V,
    mistakes: Vec<Mistake>,
}

/// An operand that was understood.
struct Known<F> {
    source: Source<F>,
    kind: Kind,
    accepts: Option<Accepts>,
}

impl<V: Vocabulary> Compiler<'_, V> {
    fn node(&mut self, expression: Expression) -> Option<Node<V::Field>> {
        match expression {
            Expression::And(parts) => self.nodes(parts).map(Node::And),
            Expression::Or(parts) => self.nodes(parts).map(Node::Or),
            Expression::Not(inner) => self.node(*inner).map(|inner| Node::Not(Box::new(inner))),
            Expression::Check(check) => self.check(*check),
            Expression::Broken(operand) => {
                if let Some(operand) = operand {
                    self.operand(*operand);
                }
                None
            }
        }
    }

    /// All of them are looked at, though the first one may be wrong.
    fn nodes(&mut self, parts: Vec<Expression>) -> Option<Vec<Node<V::Field>>> {
        let nodes: Vec<_> = parts.into_iter().map(|part| self.node(part)).collect();
        nodes.into_iter().collect()
    }

    fn check(&mut self, check: Check) -> Option<Node<V::Field>> {
        let Check { left, operator, at, quantity, right } = check;
        let span = left.span().clone();
        let left = self.operand(left)?;
        if !operator.applies_to(left.kind) {
            let able: Vec<_> =
                OPERATORS.iter().filter(|row| row.operator.applies_to(left.kind)).map(|row| row.name).collect();
            let place = if at.is_empty() { span } else { at };
            let message = format!("`{}` does not apply to {}", operator.row().name, plural(left.kind));
            self.mistakes.push(Mistake::new(place, message).hinting(Some(format!("what does is {}", able.join(" ")))));
            return None;
        }
        let test = self.test(&left, operator, quantity, right)?;
        Some(Node::Check(left.source, test))
    }

    fn test(
        &mut self,
        left: &Known<V::Field>,
        operator: Operator,
        quantity: Option<Quantity>,
        right: Right,
    ) -> Option<Test<V::Field>> {
        match right {
            Right::Nothing => Some(Test::Exists),
            Right::Operand(operand) => {
                let span = operand.span().clone();
                let right = self.operand(operand)?;
                if class(right.kind) != class(left.kind) || operator == Operator::Regex {
                    let message = format!("{} cannot be compared with {}", plural(left.kind), plural(right.kind));
                    self.mistakes.push(Mistake::new(span, message));
                    return None;
                }
                Some(Test::Source(operator, right.source))
            }
            Right::Word(word) => {
                let constant = self.constant(&word, left, operator)?;
                Some(match constant {
                    Constant::Number(most) if left.kind == Kind::Nearness => {
                        Test::Within(u64::try_from(most).unwrap_or(0).saturating_mul(1_000_000))
                    }
                    constant => Test::Constant(operator, constant),
                })
            }
            Right::List(words) => {
                let constants: Vec<_> = words.iter().map(|word| self.constant(word, left, operator)).collect();
                let constants: Vec<_> = constants.into_iter().collect::<Option<_>>()?;
                let texts = matches!(operator, Operator::In | Operator::Intersects) && left.kind == Kind::Text;
                Some(match quantity {
                    None if texts => Test::Texts(words.into_iter().map(|word| word.bytes).collect()),
                    quantity => Test::Several(operator, quantity.unwrap_or(Quantity::Any), constants),
                })
            }
        }
    }

    fn constant(&mut self, word: &Word, left: &Known<V::Field>, operator: Operator) -> Option<Constant> {
        let services = |name: &str| self.vocabulary.port(name);
        let constant = Constant::parse(&word.bytes, operator, left.kind, &services);
        let checked = matches!(operator, Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects);
        let refused = match left.accepts {
            Some(accepts) if checked => accepts(&String::from_utf8_lossy(&word.bytes)).err(),
            _ => None,
        };
        if let Some(near) = refused {
            let message = format!("the field never is `{}`", shorten(&String::from_utf8_lossy(&word.bytes)));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            self.mistakes.push(Mistake::new(word.span.clone(), message).hinting(hint));
            return None;
        }
        constant.map_err(|message| self.mistakes.push(Mistake::new(word.span.clone(), message))).ok()
    }

    fn operand(&mut self, operand: Operand) -> Option<Known<V::Field>> {
        match operand {
            Operand::Field { name, argument, span } => self.field(&name, argument.as_deref(), span),
            Operand::Word(word) => Some(Known { source: Source::Word(word.bytes), kind: Kind::Text, accepts: None }),
            Operand::List(operands, _) => {
                let known = self.operands(operands)?;
                let sources = known.into_iter().map(|known| known.source).collect();
                Some(Known { source: Source::List(sources), kind: Kind::Text, accepts: None })
            }
            Operand::Apply { transform, operands, argument, span } => {
                let known = self.operands(operands)?;
                let kinds: Vec<_> = known.iter().map(|known| known.kind).collect();
                let kind = match transform.result(&kinds) {
                    Ok(kind) => kind,
                    Err(message) => {
                        self.mistakes.push(Mistake::new(span, format!("`{}` {message}", transform.row().name)));
                        return None;
                    }
                };
                let mut sources: Vec<_> = known.into_iter().map(|known| known.source).collect();
                let source = match transform {
                    Transform::Val => sources.pop()?,
                    transform => Source::Apply(transform, sources, argument),
                };
                Some(Known { source, kind, accepts: None })
            }
        }
    }

    fn operands(&mut self, operands: Vec<Operand>) -> Option<Vec<Known<V::Field>>> {
        let known: Vec<_> = operands.into_iter().map(|operand| self.operand(operand)).collect();
        known.into_iter().collect()
    }

    fn field(&mut self, name: &str, argument: Option<&str>, span: Span) -> Option<Known<V::Field>> {
        match self.vocabulary.find(name, argument) {
            Ok(found) => Some(Known { source: Source::Field(found.field), kind: found.kind, accepts: found.accepts }),
            Err(unknown) => {
                let near = if self.mistakes.len() < MOST { self.vocabulary.nearest(name, argument) } else { None };
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                self.mistakes.push(Mistake::new(span, unknown.message).hinting(hint));
                None
            }
        }
    }
}

/// Kinds that can be compared with each other have the same number.
fn class(kind: Kind) -> u8 {
    match kind {
        Kind::Text | Kind::Pairs | Kind::Bytes => 0,
        Kind::Number | Kind::Unsigned | Kind::Port | Kind::Age | Kind::Nearness => 1,
        Kind::Real => 2,
        Kind::Flag => 3,
        Kind::Address | Kind::Network => 4,
    }
}

fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Pairs => "texts",
        Kind::Bytes => "bytes",
        Kind::Number | Kind::Unsigned | Kind::Real => "numbers",
        Kind::Age => "ages",
        Kind::Flag => "what is true or false",
        Kind::Address => "addresses",
        Kind::Network => "networks",
        Kind::Port => "ports",
        Kind::Nearness => "the nearness to a point in time",
    }
}
