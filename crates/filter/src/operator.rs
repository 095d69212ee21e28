//! The operators, as one table: how each is written, what it takes, and to which kinds of fields it applies.

use fathom_model::Kind;

/// What a check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is its own name; the table says the rest")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    ContainsFolded,
    ContainsHex,
    StartsWith,
    StartsWithHex,
    EndsWith,
    Glob,
    GlobFolded,
    Regex,
    In,
    Intersects,
    PathMatch,
    Exists,
}

/// What stands behind an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// One value.
    Value,
    /// Values in brackets.
    List,
}

/// Fields to which an operator applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applies {
    Always,
    Equality,
    Order,
    Search,
    Text,
    Bytes,
}

/// One row.
pub struct Row {
    /// How it is written.
    pub name: &'static str,
    /// Which it is.
    pub operator: Operator,
    /// What stands behind it.
    pub takes: Takes,
    applies: Applies,
    /// One line for the reference.
    pub doc: &'static str,
}

const fn row(name: &'static str, operator: Operator, takes: Takes, applies: Applies, doc: &'static str) -> Row {
    Row { name, operator, takes, applies, doc }
}

/// Every way to write an operator; of those that begin alike, the longer one first.
pub const OPERATORS: &[Row] = &[
    row("==", Operator::Equal, Takes::Value, Applies::Equality, "is"),
    row("=", Operator::Equal, Takes::Value, Applies::Equality, "is"),
    row("!=", Operator::NotEqual, Takes::Value, Applies::Equality, "is not; fails where the field has no value"),
    row("<=", Operator::LessOrEqual, Takes::Value, Applies::Order, "is at most"),
    row("<", Operator::Less, Takes::Value, Applies::Order, "is less than"),
    row(">=", Operator::GreaterOrEqual, Takes::Value, Applies::Order, "is at least"),
    row(">", Operator::Greater, Takes::Value, Applies::Order, "is more than"),
    row("contains", Operator::Contains, Takes::Value, Applies::Search, "has within it"),
    row("icontains", Operator::ContainsFolded, Takes::Value, Applies::Text, "has within it, in whichever case"),
    row("bcontains", Operator::ContainsHex, Takes::Value, Applies::Bytes, "has these bytes, written in hex, within it"),
    row("startswith", Operator::StartsWith, Takes::Value, Applies::Search, "begins with"),
    row(
        "bstartswith",
        Operator::StartsWithHex,
        Takes::Value,
        Applies::Bytes,
        "begins with these bytes, written in hex",
    ),
    row("endswith", Operator::EndsWith, Takes::Value, Applies::Search, "ends with"),
    row("glob", Operator::Glob, Takes::Value, Applies::Text, "matches a pattern with `*`, `?` and `[…]`"),
    row("iglob", Operator::GlobFolded, Takes::Value, Applies::Text, "matches such a pattern in whichever case"),
    row("regex", Operator::Regex, Takes::Value, Applies::Text, "matches a regular expression as a whole"),
    row("in", Operator::In, Takes::List, Applies::Equality, "is one of"),
    row("intersects", Operator::Intersects, Takes::List, Applies::Equality, "has something in common with"),
    row("pmatch", Operator::PathMatch, Takes::List, Applies::Text, "is a path at or below one of these"),
    row("exists", Operator::Exists, Takes::Nothing, Applies::Always, "has a value"),
];

impl Operator {
    /// Its row; of two spellings the last.
    pub fn row(self) -> &'static Row {
        OPERATORS.iter().rfind(|row| row.operator == self).expect("every operator has a row")
    }

    /// Whether fields of this kind can be asked so.
    pub fn applies_to(self, kind: Kind) -> bool {
        let text = matches!(kind, Kind::Text | Kind::Pairs);
        let bytes = kind == Kind::Bytes;
        let plain = matches!(kind, Kind::Flag | Kind::Address | Kind::Network | Kind::Nearness);
        match self.row().applies {
            Applies::Always => kind != Kind::Nearness,
            Applies::Equality => kind != Kind::Nearness || self == Operator::Equal,
            Applies::Order => !plain && !bytes,
            Applies::Search => text || bytes,
            Applies::Text => text,
            Applies::Bytes => bytes,
        }
    }
}

/// Words of other languages, and those of this one that stand for them.
pub const FOREIGN: &[(&str, &str)] = &[
    ("&&", "and"),
    ("||", "or"),
    ("&", "and"),
    ("|", "or"),
    ("AND", "and"),
    ("OR", "or"),
    ("NOT", "not"),
    ("!", "not"),
    ("=~", "regex"),
    ("~", "regex"),
    ("matches", "regex"),
    ("like", "glob"),
    ("is", "="),
    ("eq", "="),
    ("ne", "!="),
    ("<>", "!="),
    ("lt", "<"),
    ("le", "<="),
    ("gt", ">"),
    ("ge", ">="),
    ("has", "contains"),
    ("IN", "in"),
];

/// The word of this language that one of another stands for.
pub(crate) fn native(word: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(foreign, _)| *foreign == word).map(|(_, native)| *native)
}

/// How several values behind one operator count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Exactly one of them.
    One,
    /// At least one of them.
    Any,
    /// Every one of them.
    All,
}

/// How they are written.
pub const QUANTITIES: &[(&str, Quantity)] =
    &[("oneof", Quantity::One), ("anyof", Quantity::Any), ("allof", Quantity::All)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_two_spellings_comes_first() {
        for (index, row) in OPERATORS.iter().enumerate() {
            let hidden = OPERATORS[..index]
                .iter()
                .find(|before| row.name.starts_with(before.name) && !before.name.starts_with(char::is_alphabetic));
            assert!(hidden.is_none(), "{} is never reached", row.name);
        }
    }
}
