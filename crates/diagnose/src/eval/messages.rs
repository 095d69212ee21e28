//! The grammars of what the scheduler, the kubelet, runtimes, the API server and programs write. Wordings drift from
//! version to version; each grammar keeps the old ones.

pub mod admission;
pub mod call;
pub mod journal;
pub mod kernel;
pub mod program;
pub mod pull;
pub mod schedule;
pub mod start;

/// What stands between two marks, the first time.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// Whether a text contains one of several, whatever their case.
pub fn says(text: &str, words: &[&str]) -> bool {
    let small = text.to_ascii_lowercase();
    words.iter().any(|word| small.contains(&word.to_ascii_lowercase()))
}

/// The same where both are in small letters already: tables of words ask it often.
pub fn hears(small: &str, words: &[&str]) -> bool {
    words.iter().any(|word| small.contains(word))
}
