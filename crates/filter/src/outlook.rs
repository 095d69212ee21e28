//! What a filter will say of records of which only part is known yet: whether it can hold, and of which values only. For
//! whoever decides what to record at all.

use std::ops::RangeInclusive;

use fathom_model::Value;

use crate::compare::Constant;
use crate::operator::{Operator, Quantity};
use crate::predicate::{Node, Predicate, Source, Test, own};

/// What is known of a field before the record is there.
pub enum Known {
    /// Nothing: it may hold anything.
    Nothing,
    /// It holds one of these.
    Among(Vec<Value<'static>>),
    /// It holds a number from this one to that one.
    Between(RangeInclusive<i64>),
}

impl Known {
    /// It holds this value.
    pub fn is(value: &Value<'_>) -> Known {
        Known::Among(vec![own(value)])
    }
}

/// A record of which only part is known.
pub trait Sketch<F> {
    /// What is known of the field.
    fn known(&self, field: &F) -> Known;
}

/// What a filter can turn out to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// It may hold.
    pub holds: bool,
    /// It may fail.
    pub fails: bool,
}

impl Outlook {
    const OPEN: Outlook = Outlook { holds: true, fails: true };
}

impl<F> Predicate<F> {
    /// What it can turn out to say of records that are like `sketch`. What it says of one of them is never beyond that;
    /// where fields depend on each other, it may be less.
    pub fn outlook(&self, sketch: &impl Sketch<F>) -> Outlook {
        self.0.outlook(sketch)
    }

    /// The values of a field that is `meant` without which it never holds; nothing if there is no such condition.
    pub fn only(&self, meant: &dyn Fn(&F) -> bool) -> Option<Vec<Constant>> {
        self.0.only(meant)
    }
}

impl<F> Node<F> {
    fn outlook(&self, sketch: &impl Sketch<F>) -> Outlook {
        let all = |nodes: &[Node<F>]| -> Vec<Outlook> { nodes.iter().map(|node| node.outlook(sketch)).collect() };
        match self {
            Node::And(nodes) => {
                let all = all(nodes);
                Outlook { holds: all.iter().all(|one| one.holds), fails: all.iter().any(|one| one.fails) }
            }
            Node::Or(nodes) => {
                let all = all(nodes);
                Outlook { holds: all.iter().any(|one| one.holds), fails: all.iter().all(|one| one.fails) }
            }
            Node::Not(node) => {
                let Outlook { holds, fails } = node.outlook(sketch);
                Outlook { holds: fails, fails: holds }
            }
            Node::Check(_, Test::Source(..)) => Outlook::OPEN,
            Node::Check(Source::Field(field), test) => {
                let values = match sketch.known(field) {
                    Known::Nothing => return Outlook::OPEN,
                    Known::Among(values) => values,
                    Known::Between(range) => test.turning_points(&range),
                };
                let holds = |value: &Value<'_>| test.holds_of(value, |_| Value::Unknown);
                Outlook { holds: values.iter().any(holds), fails: values.iter().any(|value| !holds(value)) }
            }
            Node::Check(..) => Outlook::OPEN,
        }
    }

    fn only(&self, meant: &dyn Fn(&F) -> bool) -> Option<Vec<Constant>> {
        match self {
            // Each part must hold: the one that leaves the least.
            Node::And(nodes) => nodes.iter().filter_map(|node| node.only(meant)).min_by_key(Vec::len),
            Node::Or(nodes) => {
                let parts: Option<Vec<_>> = nodes.iter().map(|node| node.only(meant)).collect();
                parts.map(|parts| parts.concat())
            }
            Node::Check(Source::Field(field), test) if meant(field) => test.equals(),
            Node::Not(_) | Node::Check(..) => None,
        }
    }
}

impl<F> Test<F> {
    /// The constants of which the value must be one.
    fn equals(&self) -> Option<Vec<Constant>> {
        match self {
            Test::Constant(Operator::Equal, constant) => Some(vec![constant.clone()]),
            Test::Texts(texts) => Some(texts.iter().map(|text| Constant::Bytes(text.clone())).collect()),
            Test::Several(Operator::Equal | Operator::In | Operator::Intersects, quantity, constants) => {
                // Of nothing, all would hold; the language says that then none does.
                (*quantity != Quantity::All || !constants.is_empty()).then(|| constants.clone())
            }
            _ => None,
        }
    }

    /// Numbers of the range in which the test says all that it can say of any number in it: between two constants that
    /// it compares with, it never changes its mind.
    fn turning_points(&self, range: &RangeInclusive<i64>) -> Vec<Value<'static>> {
        let constants: &[Constant] = match self {
            Test::Constant(_, constant) => std::slice::from_ref(constant),
            Test::Several(_, _, constants) => constants,
            _ => &[],
        };
        let near = constants.iter().filter_map(|constant| match constant {
            Constant::Number(number) => Some([number - 1, *number, number + 1]),
            _ => None,
        });
        let near =
            near.flatten().filter_map(|number| i64::try_from(number).ok()).filter(|number| range.contains(number));
        near.chain([*range.start(), *range.end()]).map(Value::Number).collect()
    }
}

#[cfg(test)]
mod tests {
    use fathom_model::Kind;
    use proptest::prelude::*;

    use super::*;
    use crate::vocabulary::{Found, Record, Unknown, Vocabulary};

    /// Two numbers and two texts, of which a sketch knows one each.
    struct Words;

    impl Vocabulary for Words {
        type Field = &'static str;

        fn find(&self, name: &str, _: Option<&str>) -> Result<Found<&'static str>, Unknown> {
            let field = ["known.number", "open.number", "known.text", "open.text"].into_iter().find(|one| *one == name);
            let field = field.ok_or_else(|| Unknown { message: String::new() })?;
            let kind = if field.ends_with("number") { Kind::Number } else { Kind::Text };
            Ok(Found { field, kind, accepts: None })
        }
    }

    struct Partly {
        numbers: RangeInclusive<i64>,
        texts: Vec<&'static str>,
    }

    impl Sketch<&'static str> for Partly {
        fn known(&self, field: &&'static str) -> Known {
            match *field {
                "known.number" => Known::Between(self.numbers.clone()),
                "known.text" => Known::Among(self.texts.iter().map(|text| Value::text(text)).collect()),
                _ => Known::Nothing,
            }
        }
    }

    struct Whole {
        numbers: [i64; 2],
        texts: [&'static str; 2],
    }

    impl Record<&'static str> for Whole {
        fn value<'a>(&'a self, field: &'a &'static str, _: &'a mut Vec<u8>) -> Value<'a> {
            match *field {
                "known.number" => Value::Number(self.numbers[0]),
                "open.number" => Value::Number(self.numbers[1]),
                "known.text" => Value::text(self.texts[0]),
                _ => Value::text(self.texts[1]),
            }
        }
    }

    fn filter(text: &str) -> Predicate<&'static str> {
        crate::compile(text, &Words).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn outlook(text: &str) -> (bool, bool) {
        let Outlook { holds, fails } = filter(text).outlook(&Partly { numbers: -9..=-1, texts: vec!["read", "write"] });
        (holds, fails)
    }

    #[test]
    fn what_is_known_decides() {
        assert_eq!(outlook("known.number < 0"), (true, false));
        assert_eq!(outlook("known.number >= 0"), (false, true));
        assert_eq!(outlook("known.number = -5"), (true, true));
        assert_eq!(outlook("known.number in (1, 2)"), (false, true));
        assert_eq!(outlook("known.text = open"), (false, true));
        assert_eq!(outlook("known.text in (open, read)"), (true, true));
        assert_eq!(outlook("not known.text in (read, write)"), (false, true));
        assert_eq!(outlook("known.text = open and open.number = 1"), (false, true));
        assert_eq!(outlook("known.text != open or open.number = 1"), (true, false));
        assert_eq!(outlook("open.text = x or known.text = open"), (true, true));
        assert_eq!(outlook("toupper(known.text) = READ"), (true, true));
    }

    #[test]
    fn conditions_on_a_field_are_found() {
        let only = |text: &str| {
            let constants = filter(text).only(&|field| *field == "open.number")?;
            let number = |constant: &Constant| if let Constant::Number(number) = constant { *number } else { 0 };
            Some(constants.iter().map(number).collect::<Vec<_>>())
        };
        assert_eq!(only("open.number = 7 and known.text = x"), Some(vec![7]));
        assert_eq!(only("open.number in (7, 8) and open.number = 8"), Some(vec![8]));
        assert_eq!(only("open.number = 7 or open.number = 9 and known.text = x"), Some(vec![7, 9]));
        assert_eq!(only("open.number = 7 or known.text = x"), None);
        assert_eq!(only("not open.number = 7"), None);
        assert_eq!(only("open.number > 7"), None);
        assert_eq!(only("known.number = 7"), None);
    }

    fn random() -> impl Strategy<Value = String> {
        let number = (prop::sample::select(vec!["known.number", "open.number"]), -5_i64..5, 0..6_usize).prop_map(
            |(field, number, way)| {
                let operator = ["=", "!=", "<", "<=", ">", ">="][way];
                format!("{field} {operator} {number}")
            },
        );
        let several = (prop::sample::select(vec!["known.number", "open.number"]), -5_i64..5, -5_i64..5)
            .prop_map(|(field, one, other)| format!("{field} in ({one}, {other})"));
        let text = (
            prop::sample::select(vec!["known.text", "open.text"]),
            prop::sample::select(vec!["a", "b", "c"]),
            0..4_usize,
        )
            .prop_map(|(field, text, way)| match way {
                0 => format!("{field} in ({text}, x)"),
                1 => format!("{field} contains {text}"),
                2 => format!("{field} exists"),
                _ => format!("{field} != {text}"),
            });
        let other = Just("known.text = val(open.text)".to_owned());
        let leaf = prop_oneof![3 => number, 1 => several, 2 => text, 1 => other];
        leaf.prop_recursive(4, 20, 3, |inner| {
            prop_oneof![
                (prop::collection::vec(inner.clone(), 2..4), any::<bool>())
                    .prop_map(|(all, and)| format!("({})", all.join(if and { " and " } else { " or " }))),
                inner.prop_map(|one| format!("not ({one})")),
            ]
        })
    }

    proptest! {
        /// No record that is like the sketch is told otherwise.
        #[test]
        fn what_is_said_before_is_what_is_said_then(
            text in random(),
            low in -6_i64..6,
            more in 0_i64..5,
            numbers in [-12_i64..12, -6..6],
            texts in [0..3_usize, 0..3],
        ) {
            const TEXTS: [&str; 3] = ["a", "b", "c"];
            let filter = filter(&text);
            let known = [TEXTS[texts[0]], TEXTS[(texts[0] + 1) % 3]];
            let outlook = filter.outlook(&Partly { numbers: low..=low + more, texts: known.to_vec() });
            let numbers = [numbers[0].clamp(low, low + more), numbers[1]];
            let record = Whole { numbers, texts: [known[0], TEXTS[texts[1]]] };
            let said = filter.holds(&record, &mut Vec::new());
            prop_assert!(if said { outlook.holds } else { outlook.fails }, "{} {:?}", text, outlook);
            if let Some(only) = filter.only(&|field| *field == "open.number") && said {
                let is = |one: &Constant| matches!(one, Constant::Number(number) if *number == i128::from(numbers[1]));
                prop_assert!(only.iter().any(is), "{}", text);
            }
        }
    }
}
