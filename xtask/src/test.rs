//! `cargo xtask test`: every test that this machine allows; at the end, by name, what was skipped and why, and the
//! runner's own summary once more.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use fathom_testkit::Scratch;
use fathom_testkit::need::find_program;

use crate::program::{self, cargo};

/// What `cargo xtask test` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// Words for the runner, such as `--package fathom-host`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    runner: Vec<String>,
}

impl Words {
    /// The whole workspace.
    pub(crate) const ALL: Words = Words { runner: Vec::new() };
}

/// Runs the tests and gives the runner's status.
pub(crate) fn run(words: &Words) -> anyhow::Result<u8> {
    let scratch = Scratch::new("skips");
    let skips = scratch.join("skips");
    let mut worst = 0;
    let mut summaries = Vec::new();
    for mut command in commands(&words.runner) {
        command.env("FATHOM_SKIPS", &skips);
        let ended = watch(&mut command)?;
        summaries.extend(ended.summaries);
        worst = worst.max(ended.code);
    }
    report(&skips, &summaries);
    Ok(worst)
}

/// nextest does not run the examples in doc comments; cargo's own runner runs everything. Wherever a run is chosen by
/// the caller, it is the only one.
fn commands(chosen: &[String]) -> Vec<Command> {
    let packages = if chosen.is_empty() { vec!["--workspace".to_owned()] } else { chosen.to_vec() };
    let with = |words: &[&str]| {
        let mut command = cargo();
        command.args(words).args(&packages);
        command
    };
    match find_program("cargo-nextest") {
        Some(_) if chosen.is_empty() => vec![with(&["test", "--doc"]), with(&["nextest", "run", "--no-fail-fast"])],
        Some(_) => vec![with(&["nextest", "run", "--no-fail-fast"])],
        None => vec![with(&["test", "--no-fail-fast"])],
    }
}

/// What became of one runner.
#[derive(Debug, Default)]
struct Ended {
    code: u8,
    summaries: Vec<String>,
}

/// Passes on what the runner says, and keeps its summaries.
fn watch(command: &mut Command) -> anyhow::Result<Ended> {
    program::say(command);
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cannot run cargo")?;
    let stdout = child.stdout.take().context("stdout is a pipe")?;
    let stderr = child.stderr.take().context("stderr is a pipe")?;
    // One place for both, so that a summary stands under the name of its test program.
    let summaries = std::thread::scope(|scope| {
        let errors = scope.spawn(|| pass_on(stderr, std::io::stderr()));
        let mut summaries = pass_on(stdout, std::io::stdout());
        summaries.extend(errors.join().unwrap_or_default());
        summaries
    });
    let status = child.wait().context("cannot wait for cargo")?;
    Ok(Ended { code: program::code(status), summaries })
}

fn pass_on(from: impl Read, mut to: impl Write) -> Vec<String> {
    let mut summaries = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let _ = to.write_all(&[&line[..], b"\n"].concat());
        let text = String::from_utf8_lossy(&line);
        if is_summary(&text) {
            summaries.push(text.trim().to_owned());
        }
    }
    summaries
}

/// `test result: ok. 7 passed; …` of libtest, and `Summary [ 1.2s] 7 tests run: …` of nextest.
fn is_summary(line: &str) -> bool {
    let plain: String = strip_colour(line);
    plain.starts_with("test result: ") || plain.trim_start().starts_with("Summary [")
}

fn strip_colour(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

fn report(skips: &Path, summaries: &[String]) {
    let text = std::fs::read_to_string(skips).unwrap_or_default();
    let skipped: BTreeSet<&str> = text.lines().collect();
    println!();
    match skipped.len() {
        0 => println!("Nothing was skipped."),
        count => println!("{count} skipped:"),
    }
    for line in skipped {
        println!("  {line}");
    }
    println!();
    for line in summaries {
        println!("{line}");
    }
    if let Some(total) = total(summaries) {
        println!("{total}");
    }
}

/// libtest has a summary per test program; one line for all of them.
fn total(summaries: &[String]) -> Option<String> {
    let count = |word: &str| -> u64 {
        let counts = summaries.iter().filter_map(|line| {
            let plain = strip_colour(line);
            let (before, _) = plain.strip_prefix("test result: ")?.split_once(&format!(" {word}"))?;
            before.rsplit(' ').next()?.parse::<u64>().ok()
        });
        counts.sum()
    };
    let (passed, failed, ignored) = (count("passed"), count("failed"), count("ignored"));
    let word = if failed == 0 { "ok" } else { "FAILED" };
    (passed + failed > 0)
        .then(|| format!("all test programs: {word}. {passed} passed; {failed} failed; {ignored} ignored"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_told_from_other_lines() {
        for (line, expect) in [
            ("test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s", true),
            ("\u{1b}[32;1m     Summary\u{1b}[0m [   0.5s] 7 tests run: 7 passed, 0 skipped", true),
            ("test tests::a_test_result ... ok", false),
            ("running 7 tests", false),
        ] {
            assert_eq!(is_summary(line), expect, "{line}");
        }
    }

    #[test]
    fn all_programs_together() {
        let lines = [
            "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: \u{1b}[31mFAILED\u{1b}[0m. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        ]
        .map(str::to_owned);
        assert_eq!(total(&lines).as_deref(), Some("all test programs: FAILED. 19 passed; 2 failed; 1 ignored"));
        assert_eq!(total(&[]), None);
    }
}
