//! Times as engines write them (RFC 3339), in seconds since 1970.

/// `2026-11-20T23:50:51.336Z` or with an offset like `+01:00`; `None` for anything else and for times before 1970,
/// among them Go's zero time, `0001-01-01T00:00:00Z`.
pub fn seconds(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = clock.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let sane = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !sane {
        return None;
    }
    let zone =
        rest.strip_prefix('.').map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    let local = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    u64::try_from(local - offset(zone)?).ok()
}

fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('+') { 1 } else { -1 };
    let [hour, minute] = numbers(zone.strip_prefix(['+', '-'])?, ':', [2, 2])?;
    Some(sign * (hour * 3_600 + minute * 60))
}

/// In the proleptic Gregorian calendar, with years counted from March so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    const FROM_YEAR_0_TO_1970: i64 = 719_468;
    year * 365 + leap_days + day_of_year - FROM_YEAR_0_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<u64>) {
        assert_eq!(seconds(text), expect, "{text}");
    }

    #[test]
    fn times_of_engines() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-20T23:50:51.336002674Z", Some(1_795_218_651));
        check("2026-11-21T00:50:51+01:00", Some(1_795_218_651));
        check("2026-11-20T20:20:51.5-03:30", Some(1_795_218_651));
        check("2024-02-29T12:00:00Z", Some(1_709_208_000));
        check("2000-03-01T00:00:00Z", Some(951_868_800));
    }

    #[test]
    fn what_is_no_time() {
        for text in ["", "0001-01-01T00:00:00Z", "2026-11-20", "2026-13-20T00:00:00Z", "2026-11-20T24:00:00Z"] {
            check(text, None);
        }
        for text in ["2026-11-20T23:50:51", "2026-11-20T23:50:51+1", "2026-1-20T23:50:51Z.", "zwölf-wörter und mehr"]
        {
            check(text, None);
        }
    }
}
