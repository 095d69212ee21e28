//! What the operators mean: a value of a record against a constant of a filter.

use std::net::IpAddr;

use fathom_model::{Kind, Value};
use memchr::memmem::{Finder, find};

use crate::glob::{self, Case};
use crate::operator::Operator;
use crate::transform::text;

/// A value of a filter, ready to be compared with.
#[derive(Debug, Clone)]
pub enum Constant {
    /// Text or bytes.
    Bytes(Vec<u8>),
    /// What is searched for.
    Needle(Box<Finder<'static>>),
    /// A number.
    Number(i128),
    /// A number with a fraction.
    Real(f64),
    /// True or false.
    Flag(bool),
    /// An address.
    Address(IpAddr),
    /// An address and how many of its bits count.
    Network(IpAddr, u8),
    /// A regular expression that must match from begin to end.
    Regex(Box<regex::bytes::Regex>),
}

/// Services have names for ports; who knows them is asked with this.
pub type Services<'s> = &'s dyn Fn(&str) -> Option<u16>;

impl Constant {
    /// What `word` means behind `operator` for a field of `kind`, or why it means nothing.
    pub fn parse(word: &[u8], operator: Operator, kind: Kind, services: Services<'_>) -> Result<Self, String> {
        match operator {
            Operator::Contains => return Ok(Constant::Needle(Box::new(Finder::new(word).into_owned()))),
            Operator::ContainsFolded => return Ok(Constant::Bytes(word.to_ascii_lowercase())),
            Operator::ContainsHex | Operator::StartsWithHex => return unhex(word).map(Constant::Bytes),
            Operator::Regex => return regex_of(word),
            _ => {}
        }
        let text = String::from_utf8_lossy(word);
        let wrong = |what: &str| format!("`{}` is no {what}", crate::syntax::shorten(&text));
        match kind {
            Kind::Text | Kind::Pairs | Kind::Bytes => Ok(Constant::Bytes(word.to_vec())),
            Kind::Number | Kind::Unsigned | Kind::Nearness => {
                number(&text).map(Constant::Number).ok_or_else(|| match fathom_model::quantity::parse_duration(&text) {
                    Ok(time) if kind == Kind::Unsigned => {
                        format!("{}; in nanoseconds it is {}", wrong("number"), time.as_nanos())
                    }
                    _ => wrong("number"),
                })
            }
            Kind::Age => match fathom_model::quantity::parse_duration(&text) {
                Ok(age) => Ok(Constant::Number(age.as_nanos() as i128)),
                Err(error) => Err(error.to_string()),
            },
            Kind::Real => text.parse().map(Constant::Real).map_err(|_| wrong("number")),
            Kind::Flag => match &text[..] {
                "true" => Ok(Constant::Flag(true)),
                "false" => Ok(Constant::Flag(false)),
                _ => Err(format!("{}; `true` and `false` are", wrong("truth value"))),
            },
            Kind::Port if text.is_empty() => Ok(Constant::Number(0)),
            Kind::Port => {
                let known = number(&text).or_else(|| services(&text).map(i128::from));
                known.map(Constant::Number).ok_or_else(|| wrong("port and no service that is known"))
            }
            Kind::Address if network(&text).is_some() && text.contains('/') => {
                Err(format!("{}; fields of networks, such as fd.net, are compared with one", wrong("address")))
            }
            Kind::Address => text.parse().map(Constant::Address).map_err(|_| wrong("address")),
            Kind::Network => network(&text).ok_or_else(|| wrong("network such as 10.0.0.0/8")),
        }
    }
}

/// Whether `value` stands so to `constant`. What has no value stands to nothing.
#[inline]
pub fn holds(value: &Value<'_>, operator: Operator, constant: &Constant) -> bool {
    match value {
        Value::Unknown => false,
        Value::Any(values) => values.iter().any(|value| holds(value, operator, constant)),
        Value::Addresses(ends) => of_both(operator, ends.map(|end| address(end, operator, constant))),
        Value::Ports(ends) => of_both(operator, ends.map(|end| one(&Value::Unsigned(end.into()), operator, constant))),
        _ => one(value, operator, constant),
    }
}

/// One end is enough, but neither may be what it must not be.
fn of_both(operator: Operator, ends: [bool; 2]) -> bool {
    if operator == Operator::NotEqual { ends[0] && ends[1] } else { ends[0] || ends[1] }
}

fn one(value: &Value<'_>, operator: Operator, constant: &Constant) -> bool {
    match (value, constant) {
        (Value::Bytes(bytes), _) => of_bytes(bytes, operator, constant),
        (Value::Text(_) | Value::Id(..) | Value::Pairs(_), _) => of_bytes(&text(value), operator, constant),
        (Value::Number(number), Constant::Number(other)) => ordered(operator, &i128::from(*number), other),
        (Value::Unsigned(number), Constant::Number(other)) => ordered(operator, &i128::from(*number), other),
        (Value::Age(age), Constant::Number(other)) => ordered(operator, &(age.as_nanos() as i128), other),
        (Value::Real(number), Constant::Real(other)) => ordered(operator, number, other),
        (Value::Flag(flag), Constant::Flag(other)) => ordered(operator, flag, other),
        (Value::Address(end), _) => address(*end, operator, constant),
        _ => false,
    }
}

#[inline]
fn of_bytes(bytes: &[u8], operator: Operator, constant: &Constant) -> bool {
    let word = match constant {
        Constant::Bytes(word) => word,
        Constant::Needle(needle) => return needle.find(bytes).is_some(),
        Constant::Regex(regex) => return regex.is_match(bytes),
        _ => return false,
    };
    match operator {
        Operator::Contains | Operator::ContainsHex => find(bytes, word).is_some(),
        // The word is in lower case already.
        Operator::ContainsFolded => {
            word.is_empty() || bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
        }
        Operator::StartsWith | Operator::StartsWithHex => bytes.starts_with(word),
        Operator::EndsWith => bytes.ends_with(word),
        Operator::Glob => glob::matches(word, bytes, Case::Kept),
        Operator::GlobFolded => glob::matches(word, bytes, Case::Folded),
        Operator::PathMatch => is_below(bytes, word),
        _ => ordered(operator, bytes, &word[..]),
    }
}

fn ordered<T: PartialOrd + ?Sized>(operator: Operator, one: &T, other: &T) -> bool {
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects => one == other,
        Operator::NotEqual => one != other,
        Operator::Less => one < other,
        Operator::LessOrEqual => one <= other,
        Operator::Greater => one > other,
        Operator::GreaterOrEqual => one >= other,
        _ => false,
    }
}

fn address(end: IpAddr, operator: Operator, constant: &Constant) -> bool {
    let same = match constant {
        Constant::Address(other) => end == *other,
        Constant::Network(network, bits) => is_in(end, *network, *bits),
        _ => return false,
    };
    if operator == Operator::NotEqual { !same } else { same }
}

/// Whether the first `bits` bits are the same.
fn is_in(end: IpAddr, network: IpAddr, bits: u8) -> bool {
    let shifted = |number: u128, width: u32| number.checked_shr(width - u32::from(bits)).unwrap_or(0);
    match (end, network) {
        (IpAddr::V4(end), IpAddr::V4(network)) => {
            shifted(end.to_bits().into(), 32) == shifted(network.to_bits().into(), 32)
        }
        (IpAddr::V6(end), IpAddr::V6(network)) => shifted(end.to_bits(), 128) == shifted(network.to_bits(), 128),
        _ => false,
    }
}

/// Whether `path` is `above`, or in it at any depth. Double slashes count as one.
fn is_below(path: &[u8], above: &[u8]) -> bool {
    let parts = |path| <[u8]>::split(path, |byte: &u8| *byte == b'/').filter(|part: &&[u8]| !part.is_empty());
    let mut path = parts(path);
    parts(above).all(|part| path.next() == Some(part))
}

fn number(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let size = match hex {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        // No sign may follow the sign.
        None if digits.starts_with(|c: char| c.is_ascii_digit()) => digits.parse::<u64>().ok()?,
        None => return None,
    };
    Some(sign * i128::from(size))
}

fn network(text: &str) -> Option<Constant> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
        None => (text.parse().ok()?, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    // An IPv6 network without a length is the half that every provider gives out.
    let bits = bits.unwrap_or(if address.is_ipv4() { 32 } else { 64 });
    (bits <= most).then_some(Constant::Network(address, bits))
}

fn unhex(word: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = || "bytes are written as pairs of hexadecimal digits".to_owned();
    let text = std::str::from_utf8(word).ok().filter(|text| text.is_ascii()).ok_or_else(wrong)?;
    if !text.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())).collect()
}

fn regex_of(word: &[u8]) -> Result<Constant, String> {
    let text = std::str::from_utf8(word).map_err(|_| "a regular expression is text".to_owned())?;
    let built = regex::bytes::RegexBuilder::new(&format!("^(?:{text})$")).dot_matches_new_line(true).build();
    built.map(|regex| Constant::Regex(Box::new(regex))).map_err(|error| {
        let last = error.to_string();
        format!(
            "this is no regular expression: {}",
            last.lines().last().unwrap_or_default().trim_start_matches("error: ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value<'_>, operator: Operator, kind: Kind, word: &str, expect: bool) {
        let constant = Constant::parse(word.as_bytes(), operator, kind, &|_| None).unwrap();
        assert_eq!(holds(&value, operator, &constant), expect, "{value:?} {operator:?} {word}");
    }

    #[test]
    fn texts_are_compared() {
        for (operator, word, expect) in [
            (Operator::Equal, "/etc/passwd", true),
            (Operator::Less, "/etc/shadow", true),
            (Operator::Contains, "pass", true),
            (Operator::ContainsFolded, "PASS", true),
            (Operator::ContainsFolded, "passes", false),
            (Operator::StartsWith, "/etc", true),
            (Operator::EndsWith, "wd", true),
            (Operator::Glob, "/etc/*", true),
            (Operator::GlobFolded, "/ETC/*", true),
            (Operator::Regex, "/e.*d", true),
            (Operator::Regex, "etc", false),
            (Operator::PathMatch, "/etc", true),
            (Operator::PathMatch, "/et", false),
        ] {
            check(Value::text("/etc/passwd"), operator, Kind::Text, word, expect);
        }
    }

    #[test]
    fn paths_are_below_others_by_whole_names() {
        for (path, above, expect) in [
            ("/a/b", "/a", true),
            ("/a", "/a/b", false),
            ("/ab", "/a", false),
            ("//a//b", "/a/", true),
            ("/x", "/", true),
        ] {
            assert_eq!(is_below(path.as_bytes(), above.as_bytes()), expect, "{path} {above}");
        }
    }

    #[test]
    fn neither_end_may_be_what_it_must_not_be() {
        let ends = Value::Addresses(["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()]);
        for (operator, kind, word, expect) in [
            (Operator::Equal, Kind::Address, "10.0.0.1", true),
            (Operator::NotEqual, Kind::Address, "10.0.0.1", false),
            (Operator::NotEqual, Kind::Address, "10.0.0.2", true),
            (Operator::Equal, Kind::Network, "10.0.0.0/8", true),
            (Operator::Equal, Kind::Network, "0.0.0.0/0", true),
            (Operator::Equal, Kind::Network, "11.0.0.0/8", false),
            (Operator::Equal, Kind::Network, "::/0", true),
        ] {
            check(ends.clone(), operator, kind, word, expect);
        }
        check(Value::Ports([1000, 80]), Operator::Less, Kind::Port, "100", true);
        check(Value::Ports([1000, 80]), Operator::NotEqual, Kind::Port, "80", false);
    }

    #[test]
    fn numbers_have_signs_and_bases() {
        assert_eq!(number("-12"), Some(-12));
        assert_eq!(number("0x1F"), Some(31));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX.into()));
        for wrong in ["", "-", "--1", "+-1", "1.5", "0x", "abc", "1e3"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
