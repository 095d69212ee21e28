//! Sizes and durations as people type them: `512Mi`, `2g`, `90s`, `1h30m`.
//!
//! Sizes follow both conventions in use: Kubernetes's `Ki Mi Gi` and docker's `k m g` mean powers of 1024.

use std::time::Duration;

/// What was wrong with a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a number with a known unit.
    #[error("`{text}` is not a size such as 512Mi, 2g or 1048576")]
    Size {
        /// What was typed.
        text: String,
    },
    /// Not a number with a known unit of time.
    #[error("`{text}` is not a duration such as 90s, 15m or 1h30m")]
    Duration {
        /// What was typed.
        text: String,
    },
}

/// Bytes for `text`; a bare number is bytes.
pub fn parse_size(text: &str) -> Result<u64, QuantityError> {
    let wrong = || QuantityError::Size { text: text.to_owned() };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "ki" | "kib" | "kb" => 10,
        "m" | "mi" | "mib" | "mb" => 20,
        "g" | "gi" | "gib" | "gb" => 30,
        "t" | "ti" | "tib" | "tb" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// A duration for `text`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let wrong = || QuantityError::Duration { text: text.to_owned() };
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let milliseconds = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        rest = &rest[unit..];
        let step = number.checked_mul(milliseconds).ok_or_else(wrong)?;
        total = total.checked_add(Duration::from_millis(step)).ok_or_else(wrong)?;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// An age as kubectl writes it: the two largest units at most, whole numbers.
pub fn show_age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600, seconds / 60);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 if !seconds.is_multiple_of(60) => format!("{minutes}m{}s", seconds % 60),
        120..10_800 => format!("{minutes}m"),
        10_800..28_800 if minutes % 60 != 0 => format!("{hours}h{}m", minutes % 60),
        10_800..172_800 => format!("{hours}h"),
        172_800..691_200 if hours % 24 != 0 => format!("{days}d{}h", hours % 24),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_docker_and_kubernetes() {
        for (text, bytes) in [("0", 0), ("512", 512), ("512Mi", 512 << 20), ("2g", 2 << 30), ("1K", 1024)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "Mi", "-1", "1.5g", "12x", "99999999999999999999", "18446744073709551615k"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_add_their_parts() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "h", "5", "5x", "1h30", "99999999999999999d"] {
            assert_eq!(parse_duration(text).is_ok(), text == "5", "{text}");
        }
    }

    #[test]
    fn ages_read_like_kubectl() {
        for (seconds, text) in
            [(5, "5s"), (119, "119s"), (150, "2m30s"), (660, "11m"), (10_860, "3h1m"), (90_000, "25h")]
        {
            assert_eq!(show_age(Duration::from_secs(seconds)), text);
        }
        assert_eq!(show_age(Duration::from_secs(864_000)), "10d");
    }
}
