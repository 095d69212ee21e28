//! The one door to every chore of the workspace: `cargo xtask demo | test | bench | score | toolkit | bpf |
//! recordings | docs | ci | fuzz`.
//!
//! One file per chore. Chores call cargo and the built `fathom`; what they decide themselves is written here, in Rust,
//! so that a developer's machine and CI do the same.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to whoever started it")]

mod bench;
mod bpf;
mod ci;
mod demo;
mod docs;
mod fuzz;
mod program;
mod recordings;
mod score;
mod system;
mod test;
mod toolkit;

use std::process::ExitCode;

use clap::Parser;

/// The chores of the workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Chore {
    /// Build fathom, start the demo, and do the main job on it
    Demo,
    /// Run every test that this machine allows, and say what was skipped and why
    Test(test::Words),
    /// Measure against what else is on this machine
    #[command(subcommand)]
    Bench(bench::Words),
    /// Compare what is said of recorded states with what was done to them
    #[command(subcommand)]
    Score(score::Words),
    /// Build the full toolkit into one archive
    Toolkit(toolkit::Words),
    /// Compile the kernel's half of tracing into the objects that are committed
    Bpf(bpf::Words),
    /// Make the small recordings again that tests read
    Recordings,
    /// Write docs/reference from the tables in the code
    Docs(docs::Words),
    /// Everything that a change has to pass
    Ci(ci::Words),
    /// Feed the parsers of foreign bytes with hostile ones
    Fuzz(fuzz::Words),
}

fn main() -> ExitCode {
    let result = match Chore::parse() {
        Chore::Demo => demo::run(),
        Chore::Test(words) => test::run(&words),
        Chore::Bench(words) => bench::run(&words),
        Chore::Score(words) => score::run(&words),
        Chore::Toolkit(words) => toolkit::run(&words),
        Chore::Bpf(words) => bpf::run(&words),
        Chore::Recordings => recordings::run(),
        Chore::Docs(words) => docs::run(&words),
        Chore::Ci(words) => ci::run(&words),
        Chore::Fuzz(words) => fuzz::run(&words),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
