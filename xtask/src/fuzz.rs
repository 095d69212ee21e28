//! `cargo xtask fuzz`: the targets of fuzz/ one after the other, each for a while. Needs a nightly compiler and
//! cargo-fuzz, which the other chores do not.
//!
//! A target begins with what is sound, so that it gets deep: words of `fuzz/dictionaries`, lines of `fuzz/seeds`, and for
//! recordings small ones that are made here, with the samples that are at hand.

mod seeds;

use std::process::Command;

use anyhow::bail;
use fathom_testkit::need::{find_program, workspace};

use crate::program::step;

/// What `cargo xtask fuzz` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// Only this target
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Name the targets and run none
    #[arg(long)]
    list: bool,
}

/// Runs the targets; the first crash ends it.
pub(crate) fn run(words: &Words) -> anyhow::Result<u8> {
    let all = targets();
    if words.list {
        all.iter().for_each(|name| println!("{name}"));
        return Ok(0);
    }
    let chosen: Vec<_> = all.iter().filter(|name| words.target.as_ref().is_none_or(|only| only == *name)).collect();
    if chosen.is_empty() {
        bail!("fuzz/fuzz_targets has no such target; `cargo xtask fuzz --list` names them");
    }
    if find_program("cargo-fuzz").is_none() {
        bail!("cargo-fuzz is missing: `rustup toolchain install nightly && cargo install cargo-fuzz --locked`");
    }
    for name in chosen {
        let mut command = Command::new("rustup");
        // The cargo that runs us is the stable one, and says so to those that it starts.
        command.current_dir(workspace()).env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
        // Sanitizers want glibc.
        command.args(["run", "nightly", "cargo", "fuzz", "run", name, "--target", "x86_64-unknown-linux-gnu"]);
        // Its own folder first: what is found goes there, beside what is sown.
        command.arg(seeds::sow(name)?).arg("--").arg(format!("-max_total_time={}", words.seconds));
        let dictionary = workspace().join("fuzz/dictionaries").join(format!("{name}.dict"));
        if dictionary.is_file() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        step(&mut command)?;
    }
    Ok(0)
}

fn targets() -> Vec<String> {
    let entries = std::fs::read_dir(workspace().join("fuzz/fuzz_targets")).into_iter().flatten().flatten();
    let name = |path: std::path::PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".rs")?.to_owned());
    let mut names: Vec<_> = entries.filter_map(|entry| name(entry.path())).collect();
    names.sort();
    names
}
