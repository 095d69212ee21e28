//! `cargo xtask bench trace`: `fathom trace` beside Debian's sysdig on a recording of a million events, and beside
//! strace on what happens now.

mod kernel;
mod live;
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
    /// Only this part
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
    /// Write docs/benchmarks.md too
    #[arg(long)]
    write: bool,
}

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// A recording of a million events beside sysdig
    Reading,
    /// What happens now beside strace; as root
    Live,
}

pub(super) fn run(words: &Words) -> anyhow::Result<u8> {
    let wants = |part| words.only.is_none_or(|only| only == part);
    let program = match &words.program {
        Some(file) => file.canonicalize().with_context(|| format!("there is no {}", file.display()))?,
        None => fathom(Profile::Release)?,
    };
    let mut page = Page::begin("trace", words.rounds, &program);
    if wants(Part::Live) {
        install(&[("strace", "strace")])?;
        page.peer("strace", Command::new("strace").arg("--version"));
    }
    if wants(Part::Reading) {
        install(&[("sysdig", "sysdig")])?;
        page.peer("sysdig", Command::new("sysdig").arg("--version"));
        let recording = Recording::make(words.sample.as_deref())?;
        page.line("recording", &recording.describe());
        reading::measure(&program, &recording, words.rounds, &mut page)?;
    }
    if wants(Part::Live) {
        live::measure(&program, words.rounds, &mut page)?;
    }
    page.show(words.write)
}
