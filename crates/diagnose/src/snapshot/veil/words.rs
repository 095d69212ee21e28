//! Passwords and tokens in text: of addresses, behind names that tell what follows, and by how they begin.

use std::borrow::Cow;

use super::{TELLING, VEIL};

/// Words that a token follows.
const ANNOUNCE: [&str; 2] = ["bearer", "basic"];

/// Names that are written before a colon by people too, and before nothing but a secret.
const PLAIN: [&str; 6] = ["password", "passwd", "pwd", "api_key", "apikey", "passphrase"];

/// How tokens begin.
const BEGINNINGS: [&str; 9] = ["ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk-", "eyJ"];

/// No token is shorter.
const SHORTEST: usize = 16;

/// What a line of a log says, without what nobody may read.
pub(crate) fn without_secrets(line: &str) -> Cow<'_, str> {
    match text_without_passwords(line) {
        Cow::Borrowed(line) => without_tokens(line),
        Cow::Owned(line) => Cow::Owned(without_tokens(&line).into_owned()),
    }
}

fn without_tokens(line: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut taken, mut at, mut before) = (0, 0, (0, 0));
    while let Some(word) = next_word(line, at) {
        let (start, mut end) = word;
        let (name, gap) = (&line[before.0..before.1], &line[before.1..start]);
        let named = is_behind_a_name(name, gap);
        let announced = gap == " " && ANNOUNCE.iter().any(|word| name.eq_ignore_ascii_case(word));
        let token = &line[start..end];
        // Names of pods are long too, but have neither capitals nor underscores.
        let is_no_name = token.contains(|c: char| c.is_ascii_uppercase() || c == '_');
        let looks = is_no_name && token.len() >= SHORTEST && BEGINNINGS.iter().any(|begin| token.starts_with(begin));
        if named || announced && token.len() >= 8 || looks {
            end = start + length(&line[start..], gap);
            out.push_str(&line[taken..start]);
            out.push_str(VEIL);
            taken = end;
        }
        (before, at) = ((start, end), end);
    }
    if taken == 0 {
        return Cow::Borrowed(line);
    }
    out.push_str(&line[taken..]);
    Cow::Owned(out)
}

fn separates(c: char) -> bool {
    c.is_whitespace() || "\"'`,;{}()[]<>&?=:\\".contains(c)
}

/// Where the next word begins and ends.
fn next_word(line: &str, at: usize) -> Option<(usize, usize)> {
    let start = at + line[at..].find(|c| !separates(c))?;
    let end = line[start..].find(separates).map_or(line.len(), |length| start + length);
    Some((start, end))
}

/// Whether a value follows a name that says what it is: `DB_PASSWORD=x`, `"token": "x"`, `password: x`.
fn is_behind_a_name(name: &str, gap: &str) -> bool {
    let marks = |c: char| "\"'\\".contains(c);
    let sign: String = gap.chars().filter(|c| !c.is_whitespace() && !marks(*c)).collect();
    let tells = || {
        let name = name.to_uppercase();
        TELLING.iter().any(|part| name.contains(part)) && !name.ends_with("_FILE")
    };
    match sign.as_str() {
        "=" => tells(),
        ":" if gap.starts_with(marks) => tells(),
        ":" => PLAIN.iter().any(|plain| name.eq_ignore_ascii_case(plain)),
        _ => false,
    }
}

/// How long a value is: to its closing quotation mark, or to where words end.
fn length(rest: &str, gap: &str) -> usize {
    let mark = gap.chars().next_back().filter(|c| "\"'".contains(*c));
    let is_end = |c: char| match mark {
        Some(mark) => c == mark,
        None => c.is_whitespace() || ",;&\"'`".contains(c),
    };
    rest.find(is_end).unwrap_or(rest.len())
}

/// `postgres://app:secret@db` without what is secret.
pub(crate) fn text_without_passwords(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let ends = |c: char| c.is_whitespace() || "/\"'<>`".contains(c);
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        out.push_str(before);
        rest = after;
        let Some((user, _)) = authority.rsplit_once('@') else { continue };
        let Some((name, _)) = user.split_once(':') else { continue };
        out.push_str(name);
        out.push(':');
        out.push_str(VEIL);
        rest = &after[user.len()..];
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_taken_out_of_addresses_and_nothing_else() {
        for (text, expect) in [
            ("postgres://app:s3cret@db.shop:5432/x", "postgres://app:***@db.shop:5432/x"),
            ("a http://x y amqp://u:p@mq z", "a http://x y amqp://u:***@mq z"),
            ("dial redis://:p@h@cache:1: refused", "dial redis://:***@cache:1: refused"),
            ("http://db:80/a:b@c", "http://db:80/a:b@c"),
            ("https://ada@example/", "https://ada@example/"),
            ("none", "none"),
        ] {
            assert_eq!(text_without_passwords(text), expect);
        }
    }

    #[test]
    fn secrets_of_a_line_are_taken_out_and_nothing_else() {
        for (line, expect) in [
            ("connecting with DB_PASSWORD=hush and host=db", "connecting with DB_PASSWORD=*** and host=db"),
            ("dsn: host=db password='two words' port=1", "dsn: host=db password='***' port=1"),
            (r#"{"user":"a","password":"hush, hush","port":1}"#, r#"{"user":"a","password":"***","port":1}"#),
            (r#"{\"password\": \"hush\"}"#, r#"{\"password\": \"***"}"#),
            (r#"{'api_token': 'hush', 'name': 'x'}"#, r#"{'api_token': '***', 'name': 'x'}"#),
            ("Password: hush", "Password: ***"),
            ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"),
            ("push with ghp_0123456789abcdef failed", "push with *** failed"),
            ("key sk-0123456789ABCdefg refused", "key *** refused"),
            ("pod sk-worker-7f9c8d7b6-abcde is gone", "pod sk-worker-7f9c8d7b6-abcde is gone"),
            ("x://u:hush@db token=hush", "x://u:***@db token=***"),
            // What only speaks of secrets stays.
            ("password authentication failed for user \"app\"", "password authentication failed for user \"app\""),
            ("invalid token: token is expired", "invalid token: token is expired"),
            (
                "MountVolume.SetUp failed: secret \"tls\" not found",
                "MountVolume.SetUp failed: secret \"tls\" not found",
            ),
            ("PASSWORD_FILE=/run/secrets/p", "PASSWORD_FILE=/run/secrets/p"),
            ("basic auth is off", "basic auth is off"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(line), expect);
        }
    }
}
