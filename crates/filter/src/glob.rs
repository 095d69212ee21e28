//! Shell patterns as fnmatch(3) without flags has them: `*` and `?` match slashes and leading dots too, `[…]` one of
//! several, a backslash takes its meaning away from what follows.

/// Upper and lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// Are different.
    Kept,
    /// Are the same.
    Folded,
}

/// Whether the whole of `text` matches. Takes time of at most one by the other.
pub(crate) fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if it was too early to leave the last star.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            None if t == text.len() => return true,
            None => None,
            Some(_) => text.get(t).and_then(|byte| one(&pattern[p..], *byte, case)),
        };
        match (step, retry) {
            (Some(length), _) => (p, t) = (p + length, t + 1),
            (None, Some((after, from))) if from < text.len() => {
                retry = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// How much of the pattern matches this one byte.
fn one(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let same = |other: u8| other == byte || (case == Case::Folded && other.eq_ignore_ascii_case(&byte));
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => same(*escaped).then_some(2),
        [b'[', rest @ ..] => match class(rest, byte, case) {
            Some((true, length)) => Some(length + 1),
            Some((false, _)) => None,
            // Without an end it is a bracket like any other character.
            None => same(b'[').then_some(1),
        },
        [other, ..] => same(*other).then_some(1),
        [] => None,
    }
}

/// Whether the byte is in the class, and how long the class is; nothing if it does not end.
fn class(pattern: &[u8], byte: u8, case: Case) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let begin = at;
    let mut found = false;
    let within = |low: u8, high: u8| {
        let folded = case == Case::Folded
            && ((low..=high).contains(&byte.to_ascii_lowercase()) || (low..=high).contains(&byte.to_ascii_uppercase()));
        (low..=high).contains(&byte) || folded
    };
    loop {
        let mut low = *pattern.get(at)?;
        if low == b']' && at > begin {
            return Some((found != negated, at + 1));
        }
        if low == b'\\' {
            at += 1;
            low = *pattern.get(at)?;
        }
        at += 1;
        if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|high| *high != b']') {
            found |= within(low, pattern[at + 1]);
            at += 2;
        } else {
            found |= within(low, low);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expect: bool) {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), Case::Kept), expect, "{pattern} {text}");
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "/a/b"),
            ("/etc/*", "/etc/ssl/x"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            (r"\*", "*"),
            ("a*b*c", "aXbXbXc"),
            ("[]]", "]"),
            ("[", "["),
            ("**a", "ba"),
        ] {
            check(pattern, text, true);
        }
        for (pattern, text) in [("", "a"), ("a", ""), ("a?c", "ac"), ("[a-c]x", "dx"), ("a*b", "abc"), (r"\*", "x")] {
            check(pattern, text, false);
        }
        assert!(matches(b"*.TXT", b"a.txt", Case::Folded));
        assert!(matches(b"[A-C]", b"b", Case::Folded));
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = "*a".repeat(200);
        check(&pattern, &"a".repeat(5000), true);
        check(&format!("{pattern}b"), &"a".repeat(5000), false);
    }
}
