//! Moments as Kubernetes writes them (RFC 3339, with or without a fraction), as whole seconds since 1970.
//!
//! A diagnosis never asks the clock: its now is when the snapshot was taken.

use std::fmt;

/// A moment, in whole seconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Reads `2026-11-20T22:52:18Z`, `…18.123456Z` or `…18+01:00`; nothing else is a moment.
    pub fn parse(text: &str) -> Option<Time> {
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
        let bytes = text.as_bytes();
        if bytes.len() < 20 || !text.is_ascii() || marks.iter().any(|&(at, mark)| bytes[at] != mark) {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let rest = text[19..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
        let offset = match rest {
            "Z" | "z" => 0,
            _ if rest.len() == 6 => {
                let sign = if rest.starts_with('-') { -1 } else { 1 };
                sign * (rest[1..3].parse::<i64>().ok()? * 3600 + rest[4..6].parse::<i64>().ok()? * 60)
            }
            _ => return None,
        };
        Some(Time(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset))
    }

    /// Seconds from `earlier` until this moment; negative where it is later.
    pub fn since(self, earlier: Time) -> i64 {
        self.0 - earlier.0
    }
}

/// Days since 1970 of a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted - era * 146_097;
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
        let year = year + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (second / 3600, second % 3600 / 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written_alike() {
        for text in ["1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-11-20T22:52:18Z", "2100-03-01T00:00:00Z"] {
            assert_eq!(Time::parse(text).map(|time| time.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Time::parse("2026-11-20T22:52:18.593664Z"), Time::parse("2026-11-20T23:52:18+01:00"));
        for text in
            ["", "yesterday", "2026-13-20T22:52:18Z", "2026-11-20 22:52", "2026-11-20T22:52:18", "２０２６-11-20T22"]
        {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
