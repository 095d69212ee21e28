//! The grammars of what the scheduler, the kubelet, runtimes, the API server and programs write. Wordings drift from
//! version to version; each grammar keeps the old ones.

pub mod admission;
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
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(&word.to_lowercase()))
}
