//! Schedules of CronJobs, as the controller reads them (github.com/robfig/cron, standard parser).

/// (field, lowest, highest, names from the lowest on).
const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("day of the week", 0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// Words that stand for a whole schedule.
const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// Units of the durations of `@every`.
const UNITS: [&str; 7] = ["ns", "us", "µs", "ms", "s", "m", "h"];

/// What is wrong with a schedule; nothing where it can be read.
pub fn fault(schedule: &str) -> Option<String> {
    if schedule.starts_with("TZ=") || schedule.starts_with("CRON_TZ=") {
        return Some("a zone does not belong into the schedule, but into timeZone".to_owned());
    }
    if let Some(word) = schedule.strip_prefix('@') {
        let known = WORDS.contains(&schedule) || word.strip_prefix("every ").is_some_and(is_duration);
        return (!known).then(|| format!("{schedule} is no word that stands for a schedule"));
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Some(format!("it has {} fields instead of five", fields.len()));
    }
    fields.iter().zip(FIELDS).find_map(|(text, (name, low, high, names))| {
        let mut parts = text.split(',').filter(|part| !part.is_empty());
        parts.find_map(|part| range(part, low, high, names)).map(|why| format!("{name} {text}: {why}"))
    })
}

/// What is wrong with `*`, `5`, `1-5`, `mon-fri` or `*/15`.
fn range(part: &str, low: u32, high: u32, names: &[&str]) -> Option<String> {
    let number = |text: &str| {
        let named = names.iter().position(|name| *name == text.to_lowercase()).and_then(|at| u32::try_from(at).ok());
        let digits = text.chars().all(|letter| letter.is_ascii_digit());
        named.map(|at| at + low).or_else(|| text.parse().ok().filter(|_| digits))
    };
    let mut steps = part.split('/');
    let (span, step) = (steps.next().unwrap_or_default(), steps.next());
    if steps.next().is_some() {
        return Some("it has more than one slash".to_owned());
    }
    match step.map(number) {
        Some(None) => return Some("its step is no number".to_owned()),
        Some(Some(0)) => return Some("its step is 0".to_owned()),
        _ => {}
    }
    let mut ends = span.split('-');
    let (from, to) = (ends.next().unwrap_or_default(), ends.next());
    if ends.next().is_some() {
        return Some("it has more than one hyphen".to_owned());
    }
    if ["*", "?"].contains(&from) {
        return None;
    }
    let Some(from) = number(from) else { return Some(format!("{from} is no number of it")) };
    let to = match to.map(|text| number(text).ok_or(text)) {
        Some(Err(text)) => return Some(format!("{text} is no number of it")),
        Some(Ok(to)) => to,
        None if step.is_some() => high,
        None => from,
    };
    match () {
        () if from < low => Some(format!("{from} is below {low}")),
        () if to > high => Some(format!("{to} is above {high}")),
        () if from > to => Some(format!("{from} is above {to}")),
        () => None,
    }
}

/// `1h30m`, as Go reads it.
fn is_duration(text: &str) -> bool {
    let mut rest = text.trim_start_matches(['+', '-']);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let unit = rest[digits..].find(|letter: char| letter.is_ascii_digit() || letter == '.');
        let (word, after) = rest[digits..].split_at(unit.unwrap_or(rest.len() - digits));
        if !UNITS.contains(&word) || rest[..digits].parse::<f64>().is_err() {
            return false;
        }
        rest = after;
    }
    !text.is_empty()
}

/// What is wrong with the name of a time zone. Whether there is one of this name only the database of zones tells.
pub fn zone_fault(zone: &str) -> Option<&'static str> {
    let word = |part: &str| {
        !part.is_empty() && part.chars().all(|one| one.is_ascii_alphanumeric() || ['_', '+', '-'].contains(&one))
    };
    let bare = ["UTC", "GMT"].iter().find_map(|begin| zone.strip_prefix(begin));
    let shifted = bare.is_some_and(|rest| rest.starts_with(['+', '-']) && !["+0", "-0"].contains(&rest));
    match () {
        () if zone.is_empty() => Some("it is empty"),
        () if zone.eq_ignore_ascii_case("local") => Some("the controller has no zone of its own that counts"),
        () if shifted => Some("hours from UTC are called Etc/GMT-2, with the sign turned"),
        () if zone.starts_with(['+', '-']) || !zone.split('/').all(word) => Some("no time zone is called so"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_as_the_controller_reads_them() {
        for good in [
            "* * * * *",
            "*/15 0-6,22-23 1,15 jan-MAR mon-fri",
            "5/10 ? * * ?",
            "0  3 * * 0",
            "0 0 31 2 *",
            "@daily",
            "@every 1h30m",
            "@every 1.5h",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for (bad, why) in [
            ("", "0 fields"),
            ("* * * *", "4 fields"),
            ("0 0 3 * * *", "6 fields"),
            ("60 * * * *", "60 is above 59"),
            ("* 24 * * *", "24 is above 23"),
            ("* * 0 * *", "0 is below 1"),
            ("* * * 13 *", "13 is above 12"),
            ("* * * * 7", "7 is above 6"),
            ("*/0 * * * *", "step is 0"),
            ("*/x * * * *", "no number"),
            ("5-1 * * * *", "5 is above 1"),
            ("* * L * *", "L is no number"),
            ("* * * * monday", "monday"),
            ("1/2/3 * * * *", "slash"),
            ("@Daily", "no word"),
            ("@every 5", "no word"),
            ("TZ=UTC * * * * *", "timeZone"),
        ] {
            assert!(fault(bad).is_some_and(|said| said.contains(why)), "{bad}: {:?}", fault(bad));
        }
        for good in
            ["Europe/Berlin", "Etc/UTC", "UTC", "America/Argentina/Buenos_Aires", "EST5EDT", "Etc/GMT+2", "GMT-0"]
        {
            assert_eq!(zone_fault(good), None, "{good}");
        }
        for bad in ["", "Local", "UTC+2", "+02:00", "Europe / Berlin", "Europe/"] {
            assert!(zone_fault(bad).is_some(), "{bad}");
        }
    }
}
