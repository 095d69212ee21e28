//! `cargo xtask bench trace`: `fathom trace` beside Debian's sysdig on a recording of a million events.

mod reading;
mod recording;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::page::Page;
use crate::program::{Profile, fathom, install};
use recording::Recording;

/// What `cargo xtask bench trace` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// How often each program takes its turn
    #[arg(short = 'n', long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(3..))]
    rounds: u32,
    /// Measure this file instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The recording whose events are repeated [default: a sample]
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// Write docs/benchmarks.md too
    #[arg(long)]
    write: bool,
}

pub(super) fn run(words: &Words) -> anyhow::Result<u8> {
    install(&[("sysdig", "sysdig")])?;
    let recording = Recording::make(words.sample.as_deref())?;
    let program = match &words.program {
        Some(file) => file.canonicalize().with_context(|| format!("there is no {}", file.display()))?,
        None => fathom(Profile::Release)?,
    };
    let mut page = Page::begin("trace", words.rounds, &program);
    page.peer("sysdig", Command::new("sysdig").arg("--version"));
    page.line("recording", &recording.describe());
    reading::measure(&program, &recording, words.rounds, &mut page)?;
    page.show(words.write)
}
