//! POSIX regular expressions, basic and extended, in the words of the crate `regex`.
//!
//! Rules: POSIX.1-2017 chapter 9, and what GNU adds (`\|`, `\+`, `\?` in basic ones, `\<`, `\>`, `\b`, `\w`, `\s`).
//! What that crate cannot do, it does not do silently: a backreference is refused.

use std::iter::Peekable;
use std::str::Chars;

/// The dialect of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Basic,
    Extended,
    /// No pattern at all: text.
    Fixed,
}

/// Translates `pattern`.
pub(super) fn translate(pattern: &str, syntax: Syntax) -> Result<String, String> {
    if syntax == Syntax::Fixed {
        return Ok(regex::escape(pattern));
    }
    let mut out = String::new();
    let mut letters = pattern.chars().peekable();
    // At the start of an expression `*` is itself, and in basic ones `^` is an anchor only there.
    let mut start = true;
    while let Some(letter) = letters.next() {
        let mut next_start = false;
        match letter {
            '\\' => next_start = escape(&mut letters, syntax, start, &mut out)?,
            '[' => bracket(&mut letters, &mut out)?,
            '*' if start => out.push_str("\\*"),
            '^' if syntax == Syntax::Basic && !start => out.push_str("\\^"),
            '$' if syntax == Syntax::Basic && !ends(&letters) => out.push_str("\\$"),
            '^' => {
                out.push('^');
                next_start = true;
            }
            '(' | ')' | '|' | '+' | '?' | '{' | '}' if syntax == Syntax::Basic => out.extend(['\\', letter]),
            '+' | '?' if start => out.extend(['\\', letter]),
            '{' => interval(&mut letters, &mut out),
            '}' => out.push_str("\\}"),
            '(' | '|' => {
                out.push(letter);
                next_start = true;
            }
            letter => out.push(letter),
        }
        start = next_start;
    }
    Ok(out)
}

/// Whether a basic expression ends here, at `\)` or at `\|`.
fn ends(letters: &Peekable<Chars<'_>>) -> bool {
    let rest: String = letters.clone().take(2).collect();
    rest.is_empty() || rest == "\\)" || rest == "\\|"
}

/// What follows a backslash; true where an expression starts after it.
fn escape(letters: &mut Peekable<Chars<'_>>, syntax: Syntax, start: bool, out: &mut String) -> Result<bool, String> {
    let Some(letter) = letters.next() else { return Err("the pattern ends in a backslash".to_owned()) };
    match (letter, syntax) {
        ('(' | '|', Syntax::Basic) => {
            out.push(letter);
            return Ok(true);
        }
        ('+' | '?', Syntax::Basic) if start => out.extend(['\\', letter]),
        (')' | '+' | '?', Syntax::Basic) => out.push(letter),
        ('{', Syntax::Basic) => {
            let bounds: String = std::iter::from_fn(|| letters.next_if(|letter| *letter != '\\')).collect();
            if letters.next() != Some('\\') || letters.next() != Some('}') {
                return Err("`\\{` without its `\\}`".to_owned());
            }
            out.push_str(&format!("{{{}}}", with_zero(&bounds)));
        }
        ('<', _) => out.push_str("\\b{start}"),
        ('>', _) => out.push_str("\\b{end}"),
        ('b' | 'B' | 'w' | 'W' | 's' | 'S' | 'd' | 'D', _) => out.extend(['\\', letter]),
        ('1'..='9', _) => return Err(format!("the backreference `\\{letter}` is beyond this grep")),
        (letter, _) if letter.is_alphanumeric() => out.push(letter),
        (letter, _) => out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
    }
    Ok(false)
}

/// `{2,3}` in an extended expression; braces that hold no bounds are themselves.
fn interval(letters: &mut Peekable<Chars<'_>>, out: &mut String) {
    let rest: String = letters.clone().collect();
    let bounds = rest.split_once('}').map(|(bounds, _)| bounds);
    let is_bounds = |bounds: &&str| {
        !bounds.is_empty()
            && *bounds != ","
            && bounds.chars().all(|letter| letter.is_ascii_digit() || letter == ',')
            && bounds.matches(',').count() < 2
    };
    match bounds.filter(is_bounds) {
        Some(bounds) => {
            out.push_str(&format!("{{{}}}", with_zero(bounds)));
            letters.nth(bounds.chars().count());
        }
        None => out.push_str("\\{"),
    }
}

/// `{,3}` means `{0,3}`.
fn with_zero(bounds: &str) -> String {
    if bounds.starts_with(',') { format!("0{bounds}") } else { bounds.to_owned() }
}

/// A bracket expression, in which a backslash is itself and a leading `]` too.
fn bracket(letters: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if letters.next_if_eq(&'^').is_some() {
        // No newline: lines have none, and what is not wanted should not match it elsewhere.
        out.push('^');
    }
    let mut first = true;
    loop {
        match letters.next() {
            None => return Err("`[` without its `]`".to_owned()),
            Some(']') if !first => {
                out.push(']');
                return Ok(());
            }
            Some('[') if matches!(letters.peek(), Some(':')) => {
                let name: String = std::iter::from_fn(|| letters.next_if(|letter| *letter != ']')).collect();
                letters.next();
                let known = [
                    "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
                    "xdigit",
                ];
                let inner = name.trim_matches(':');
                if !known.contains(&inner) || name.len() != inner.len() + 2 {
                    return Err(format!("no such class of characters: `[{name}]`"));
                }
                out.push_str(&format!("[:{inner}:]"));
            }
            Some('[') if matches!(letters.peek(), Some('.' | '=')) => {
                return Err("collating elements are beyond this grep".to_owned());
            }
            Some(letter @ ('[' | ']' | '\\' | '&' | '~' | '^')) => out.extend(['\\', letter]),
            // A dash at either end is itself; `--` would mean something else.
            Some('-') if first || letters.peek() == Some(&']') => out.push_str("\\-"),
            Some(letter) => out.push(letter),
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(syntax: Syntax, pattern: &str, matching: &[&str], other: &[&str]) {
        let translated = translate(pattern, syntax).expect("a pattern");
        let regex = regex::Regex::new(&translated).unwrap_or_else(|cause| panic!("{pattern} → {translated}: {cause}"));
        for text in matching {
            assert!(regex.is_match(text), "{pattern} → {translated} should match {text}");
        }
        for text in other {
            assert!(!regex.is_match(text), "{pattern} → {translated} should not match {text}");
        }
    }

    #[test]
    fn basic_expressions() {
        use Syntax::Basic;
        check(Basic, "a+b", &["a+b"], &["aab"]);
        check(Basic, r"a\+b", &["aab"], &["a+b"]);
        check(Basic, r"\(ab\|cd\)e", &["abe", "cde"], &["ace"]);
        check(Basic, r"^a\{2,3\}$", &["aa", "aaa"], &["a", "aaaa"]);
        check(Basic, "*a", &["*a"], &["a"]);
        check(Basic, "a^b$c", &["a^b$c"], &[]);
        check(Basic, "(x)|{y}", &["(x)|{y}"], &["x"]);
        check(Basic, r"\<foo\>", &["a foo b"], &["foobar"]);
        check(Basic, "^$", &[""], &["a"]);
    }

    #[test]
    fn extended_expressions() {
        use Syntax::Extended;
        check(Extended, "a+b?", &["aa"], &["b"]);
        check(Extended, "^(a|b){,2}$", &["", "ab"], &["aba"]);
        check(Extended, "a{x}", &["a{x}"], &["a"]);
        check(Extended, r"\(x\)", &["(x)"], &["x"]);
        check(Extended, "^*a", &["*a"], &["ba"]);
    }

    #[test]
    fn brackets() {
        for syntax in [Syntax::Basic, Syntax::Extended] {
            check(syntax, "[]x]", &["]", "x"], &["y"]);
            check(syntax, "[^]x]", &["y"], &["]x"]);
            check(syntax, r"[\n]", &["\\", "n"], &["\n"]);
            check(syntax, "[[:digit:]a-c-]", &["5", "b", "-"], &["z"]);
            check(syntax, "[a&&b]", &["&"], &["c"]);
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (pattern, expect) in [
            (r"\(a\)\1", r"the backreference `\1` is beyond this grep"),
            ("[a", "`[` without its `]`"),
            ("a\\", "the pattern ends in a backslash"),
            ("[[:nosuch:]]", "no such class of characters: `[:nosuch:]`"),
        ] {
            assert_eq!(translate(pattern, Syntax::Basic), Err(expect.to_owned()));
        }
    }

    proptest::proptest! {
        #[test]
        fn fixed_text_matches_itself(text in ".*") {
            let regex = regex::Regex::new(&translate(&text, Syntax::Fixed).expect("text")).expect("a pattern");
            proptest::prop_assert!(regex.is_match(&text));
        }

        #[test]
        fn any_text_is_translated_or_refused(text in ".*") {
            let _ = translate(&text, Syntax::Basic);
            let _ = translate(&text, Syntax::Extended);
        }
    }
}
