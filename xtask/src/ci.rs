//! `cargo xtask ci`: everything that a change has to pass, in the order in which failures are cheapest to find.

use std::process::Command;

use fathom_testkit::need::find_program;

use crate::program::{self, cargo};
use crate::system::{ARM, WINDOWS};
use crate::{bpf, docs, score, test};

/// What `cargo xtask ci` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// A step to leave out; can be repeated
    #[arg(long, value_enum, value_name = "STEP")]
    except: Vec<Step>,
}

/// One thing that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// rustfmt has nothing to change
    Format,
    /// clippy has nothing to say
    Lint,
    /// Layers, file lengths, headings: xtask/tests/tidy
    Tidy,
    /// Objects in bpf/ are what their source says
    Bpf,
    /// docs/reference is what the tables say
    Docs,
    /// Doc comments build and their links lead somewhere
    Rustdoc,
    /// Causes named of recorded states, where there are any
    Score,
    /// Licences, bans, sources and advisories: deny.toml
    Deny,
    /// What speaks to a cluster builds for Windows
    Windows,
    /// All of it builds for Linux on aarch64; a test starts what this step built
    Arm,
    /// Every test
    Test,
}

const STEPS: &[Step] = &[
    Step::Format,
    Step::Lint,
    Step::Tidy,
    Step::Bpf,
    Step::Docs,
    Step::Rustdoc,
    Step::Score,
    Step::Deny,
    Step::Windows,
    Step::Arm,
    Step::Test,
];

/// Runs all steps, also after one has failed, and names those that did.
pub(crate) fn run(words: &Words) -> anyhow::Result<u8> {
    let mut failed = Vec::new();
    for step in STEPS.iter().copied().filter(|step| !words.except.contains(step)) {
        println!("\n== {}", name(step));
        // A step that cannot even run has failed too, and says why.
        let passed = check(step).unwrap_or_else(|error| {
            eprintln!("xtask: {error:#}");
            false
        });
        if !passed {
            failed.push(name(step));
        }
    }
    println!();
    if failed.is_empty() {
        println!("ci: all steps passed");
        return Ok(0);
    }
    println!("ci: failed: {}", failed.join(", "));
    Ok(1)
}

fn name(step: Step) -> String {
    format!("{step:?}").to_lowercase()
}

fn check(step: Step) -> anyhow::Result<bool> {
    let passes = |command: &mut Command| Ok(program::status(command)?.success());
    match step {
        Step::Format => passes(cargo().args(["fmt", "--all", "--", "--check"])),
        Step::Lint => passes(cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])),
        Step::Tidy => passes(cargo().args(["test", "--package", "xtask", "--test", "tidy"])),
        Step::Bpf => Ok(bpf::run(&bpf::Words::CHECK)? == 0),
        Step::Docs => Ok(docs::run(&docs::Words::CHECK)? == 0),
        Step::Rustdoc => passes(
            cargo()
                .args(["doc", "--workspace", "--no-deps", "--document-private-items"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        ),
        Step::Score => match score::states() {
            Some(dir) => Ok(score::run(&score::Words::why(dir))? == 0),
            None => {
                println!("no recorded states are on this machine (FATHOM_STATES names their folder)");
                Ok(true)
            }
        },
        Step::Deny if find_program("cargo-deny").is_none() => {
            println!("cargo-deny is not installed, so deny.toml was not checked (`cargo install cargo-deny --locked`)");
            Ok(true)
        }
        Step::Deny => passes(cargo().args(["deny", "--workspace", "check"])),
        Step::Windows => passes(&mut WINDOWS.build()?),
        Step::Arm => passes(&mut ARM.build()?),
        Step::Test => Ok(test::run(&test::Words::ALL)? == 0),
    }
}
