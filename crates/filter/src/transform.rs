//! What can be done to values before they are compared, as one table.

use std::borrow::Cow;

use fathom_model::{Kind, Value};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own name; the table says the rest")]
pub enum Transform {
    ToLower,
    ToUpper,
    Base64,
    Basename,
    Length,
    Join,
    Concat,
    Options,
    Val,
}

/// One row.
pub struct Row {
    /// How it is written, before the bracket.
    pub name: &'static str,
    /// Which it is.
    pub transform: Transform,
    /// The fewest and the most operands.
    pub operands: (usize, usize),
    /// One line for the reference.
    pub doc: &'static str,
}

/// Every transformer.
pub const TRANSFORMS: &[Row] = &[
    Row { name: "tolower", transform: Transform::ToLower, operands: (1, 1), doc: "in lower case" },
    Row { name: "toupper", transform: Transform::ToUpper, operands: (1, 1), doc: "in upper case" },
    Row { name: "b64", transform: Transform::Base64, operands: (1, 1), doc: "what base64 stands for" },
    Row { name: "basename", transform: Transform::Basename, operands: (1, 1), doc: "what is behind the last slash" },
    Row { name: "len", transform: Transform::Length, operands: (1, 1), doc: "how many bytes, or how many of a list" },
    Row {
        name: "join",
        transform: Transform::Join,
        operands: (2, 2),
        doc: "a list as one text: join(SEPARATOR, LIST)",
    },
    Row { name: "concat", transform: Transform::Concat, operands: (2, usize::MAX), doc: "texts one after the other" },
    Row {
        name: "getopt",
        transform: Transform::Options,
        operands: (2, 2),
        doc: "options of a list of arguments, as getopt(3) finds them: getopt(LIST, \"ab:\")[b]",
    },
    Row { name: "val", transform: Transform::Val, operands: (1, 1), doc: "a field on the right-hand side" },
];

impl Transform {
    /// Its row.
    pub fn row(self) -> &'static Row {
        TRANSFORMS.iter().find(|row| row.transform == self).expect("every transformer has a row")
    }

    /// What it makes of operands of these kinds, or why it takes none such.
    pub fn result(self, kinds: &[Kind]) -> Result<Kind, &'static str> {
        let texts = kinds.iter().all(|kind| matches!(kind, Kind::Text | Kind::Bytes | Kind::Pairs));
        match self {
            Transform::Length => Ok(Kind::Unsigned),
            Transform::Val => Ok(kinds.first().copied().unwrap_or(Kind::Text)),
            _ if !texts => Err("takes text only"),
            Transform::Base64 | Transform::ToLower | Transform::ToUpper => {
                Ok(kinds.first().copied().unwrap_or(Kind::Text))
            }
            _ => Ok(Kind::Text),
        }
    }

    /// Does it. Nothing becomes of nothing.
    pub fn apply<'a>(self, operands: Vec<Value<'a>>, argument: Option<&str>) -> Value<'a> {
        if operands.contains(&Value::Unknown) {
            return Value::Unknown;
        }
        let mut operands = operands.into_iter();
        let Some(first) = operands.next() else { return Value::Unknown };
        match self {
            Transform::Val => first,
            Transform::Length => length(&first),
            Transform::ToLower => each(first, |bytes| Some(bytes.to_ascii_lowercase())),
            Transform::ToUpper => each(first, |bytes| Some(bytes.to_ascii_uppercase())),
            Transform::Basename => {
                each(first, |bytes| Some(bytes.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec()))
            }
            Transform::Base64 => each(first, decode),
            Transform::Concat => {
                let mut whole = text(&first).into_owned();
                operands.for_each(|operand| whole.extend_from_slice(&text(&operand)));
                Value::Bytes(Cow::Owned(whole))
            }
            Transform::Join => {
                let Some(list) = operands.next() else { return Value::Unknown };
                let parts: Vec<_> = list_of(&list).iter().map(|part| text(part).into_owned()).collect();
                Value::Bytes(Cow::Owned(parts.join(&text(&first)[..])))
            }
            Transform::Options => {
                let Some(wanted) = operands.next() else { return Value::Unknown };
                options(list_of(&first), &text(&wanted), argument)
            }
        }
    }
}

/// The bytes of a text; other values as they are written.
pub fn text<'v>(value: &'v Value<'_>) -> Cow<'v, [u8]> {
    match value {
        Value::Bytes(bytes) => Cow::Borrowed(bytes),
        Value::Text(text) => Cow::Borrowed(text.as_bytes()),
        Value::Id(full, _) => Cow::Borrowed(full.as_bytes()),
        Value::Number(number) => Cow::Owned(number.to_string().into_bytes()),
        Value::Unsigned(number) => Cow::Owned(number.to_string().into_bytes()),
        Value::Pairs(pairs) => {
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            Cow::Owned(pairs.join(",").into_bytes())
        }
        _ => Cow::Borrowed(&[]),
    }
}

fn list_of<'v, 'a>(value: &'v Value<'a>) -> &'v [Value<'a>] {
    match value {
        Value::Any(values) => values,
        other => std::slice::from_ref(other),
    }
}

fn each<'a>(value: Value<'a>, change: impl Fn(&[u8]) -> Option<Vec<u8>> + Copy) -> Value<'a> {
    match value {
        Value::Any(values) => Value::Any(values.into_iter().map(|value| each(value, change)).collect()),
        other => change(&text(&other)).map_or(Value::Unknown, |bytes| Value::Bytes(Cow::Owned(bytes))),
    }
}

fn length<'a>(value: &Value<'_>) -> Value<'a> {
    Value::Unsigned(match value {
        Value::Any(values) => values.len(),
        other => text(other).len(),
    } as u64)
}

/// Base64 of either alphabet, padded or not.
fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(encoded.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in encoded.iter().take_while(|byte| **byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
        }
    }
    Some(decoded)
}

/// Options in a list of arguments by the rules of getopt(3): all of them, or the value of one.
fn options<'a>(arguments: &[Value<'_>], wanted: &[u8], one: Option<&str>) -> Value<'a> {
    let wanted = wanted.strip_prefix(b":").unwrap_or(wanted);
    let takes = |option: u8| {
        let at = wanted.iter().position(|known| *known == option && option != b':')?;
        Some(wanted.get(at + 1) == Some(&b':'))
    };
    let mut found = Vec::new();
    let mut push = |bytes: &[u8]| found.push(bytes.to_vec());
    let mut selected = None;
    let mut arguments = arguments.iter().map(text);
    'arguments: while let Some(argument) = arguments.next() {
        let Some(letters) = argument.strip_prefix(b"-").filter(|letters| !letters.is_empty()) else { continue };
        if letters == b"-" {
            break;
        }
        for (index, option) in letters.iter().enumerate() {
            let Some(takes) = takes(*option) else { continue };
            let value = takes.then(|| match &letters[index + 1..] {
                [] => arguments.next().unwrap_or_default().into_owned(),
                rest => rest.to_vec(),
            });
            if one.is_some_and(|one| one.as_bytes() == [*option]) {
                selected = Some(value.clone().unwrap_or_else(|| vec![*option]));
            }
            push(&[*option]);
            if let Some(value) = value {
                push(&value);
                continue 'arguments;
            }
        }
    }
    match one {
        Some(_) => selected.map_or(Value::Unknown, |value| Value::Bytes(Cow::Owned(value))),
        None => Value::Any(found.into_iter().map(|part| Value::Bytes(Cow::Owned(part))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(transform: Transform, operands: &[&str], expect: &str) {
        let operands = operands.iter().map(|operand| Value::text(operand)).collect();
        assert_eq!(text(&transform.apply(operands, None)), expect.as_bytes());
    }

    #[test]
    fn texts_are_changed() {
        check(Transform::ToUpper, &["Straße"], "STRAßE");
        check(Transform::Basename, &["/usr/bin/cat"], "cat");
        check(Transform::Basename, &["cat"], "cat");
        check(Transform::Base64, &["aGVsbG8="], "hello");
        check(Transform::Base64, &["aGVsbG8"], "hello");
        check(Transform::Concat, &["a", "b", "c"], "abc");
        check(Transform::Length, &["hello"], "5");
    }

    #[test]
    fn options_are_found_as_getopt_finds_them() {
        let arguments: Vec<_> = ["-v", "-ofile", "-n", "3", "--", "-x"].map(Value::text).into();
        let all = options(&arguments, b"vo:n:x", None);
        let Value::Any(all) = all else { panic!("{all:?}") };
        let all: Vec<_> = all.iter().map(|part| String::from_utf8_lossy(&text(part)).into_owned()).collect();
        assert_eq!(all, ["v", "o", "file", "n", "3"]);
        assert_eq!(text(&options(&arguments, b"vo:n:", Some("n"))), &b"3"[..]);
        assert_eq!(options(&arguments, b"vo:n:x", Some("x")), Value::Unknown);
    }
}
