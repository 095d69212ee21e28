//! Moments and ages as kubectl prints them: `Fri, 20 Nov 2026 22:38:14 +0000`, `3m12s`, `5d`, `3m (x5 over 10m)`.

use crate::time::Time;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment in one of the two forms that descriptions have.
pub(super) fn moment(text: &str) -> Option<Time> {
    if let Some(time) = Time::parse(text) {
        return Some(time);
    }
    let mut words = text.split_once(", ")?.1.split_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (clock, zone) = (words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let zone = match zone.as_bytes() {
        [b'+' | b'-', rest @ ..] if rest.len() == 4 && rest.is_ascii() => format!("{}:{}", &zone[..3], &zone[3..]),
        _ => "Z".to_owned(),
    };
    Time::parse(&format!("{year:0>4}-{month:02}-{day:0>2}T{clock}{zone}")).filter(|time| time.0 > 0)
}

/// An age in seconds: the least that it may be.
pub(super) fn age(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches(" ago");
    let mut seconds: i64 = 0;
    let mut number = String::new();
    for letter in text.chars() {
        if letter.is_ascii_digit() && number.len() < 9 {
            number.push(letter);
            continue;
        }
        let unit = match letter {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'y' => 365 * 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && !text.is_empty()).then_some(seconds)
}

/// When something happened: seconds since the last time, how often, and seconds since the first time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) last: Option<i64>,
    pub(super) count: i64,
    pub(super) first: Option<i64>,
}

/// `3m`, or `3m (x5 over 10m)`.
pub(super) fn repeated(text: &str) -> Repeated {
    let (last, rest) = text.split_once(" (x").unwrap_or((text, ""));
    let last = age(last);
    match rest.split_once(" over ") {
        Some((count, first)) => {
            Repeated { last, count: count.parse().unwrap_or(1), first: age(first.trim_end_matches(')')) }
        }
        None => Repeated { last, count: 1, first: last },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_both_forms_are_read() {
        let expect = Time::parse("2026-11-20T22:38:14Z");
        assert_eq!(moment("Fri, 20 Nov 2026 22:38:14 +0000"), expect);
        assert_eq!(moment("Fri, 20 Nov 2026 23:38:14 +0100"), expect);
        assert_eq!(moment("2026-11-20T22:38:14Z"), expect);
        for text in ["", "Mon, 01 Jan 0001 00:00:00 +0000", "yesterday, at 5", "Fri, 20 Nov"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn ages_are_read() {
        let cases = [("45s", 45), ("3m12s", 192), ("5h", 18_000), ("2d3h", 183_600), ("1y30d", 34_128_000), ("0s", 0)];
        for (text, seconds) in cases {
            assert_eq!(age(text), Some(seconds));
        }
        for text in ["", "<unknown>", "5", "m", "99999999999999999999y"] {
            assert_eq!(age(text), None, "{text}");
        }
        assert_eq!(repeated("3m (x5 over 10m)"), Repeated { last: Some(180), count: 5, first: Some(600) });
        assert_eq!(repeated("3m"), Repeated { last: Some(180), count: 1, first: Some(180) });
    }
}
