//! `cargo xtask bench`: what fathom costs beside the programs that people use today, on the same containers, in one
//! run, turn by turn. Prints a Markdown page; `--write` keeps it as docs/benchmarks.md.

mod burst;
mod cluster;
mod containers;
mod crowd;
mod large;
mod memory;
mod page;
mod prompt;
mod start;
mod stream;
mod trace;
mod turns;
mod why;

use std::path::PathBuf;

use anyhow::Context;

use crate::program::{Profile, fathom};
use containers::Containers;
use page::Page;

/// What is measured.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Words {
    /// `fathom enter` and `fathom ps` beside runc, nsenter, ctr and docker
    Enter(Enter),
    /// `fathom enter` into pods beside kubectl
    Cluster(cluster::Words),
    /// `fathom trace` beside sysdig and strace
    Trace(trace::Words),
    /// `fathom why` of faults made in a real cluster
    Why(why::Words),
    /// `fathom why` of a file with 100,000 objects
    Large(large::Words),
    /// Inside a mount namespace of its own: the part of `enter` that has 500 containers
    #[command(hide = true)]
    Crowd(crowd::Words),
}

/// What `cargo xtask bench enter` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Enter {
    /// How often each program takes its turn
    #[arg(short = 'n', long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(3..))]
    rounds: u32,
    /// Measure this file instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Only these parts
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Write docs/benchmarks.md too
    #[arg(long)]
    write: bool,
}

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// One command, from start to status
    Start,
    /// The first byte of a shell's prompt
    Prompt,
    /// Memory of what stays while a session runs
    Memory,
    /// 200 sessions on one target at once
    Burst,
    /// `fathom ps` with 500 containers
    Crowd,
    /// A gigabyte through a session
    Stream,
}

const PARTS: &[Part] = &[Part::Start, Part::Prompt, Part::Memory, Part::Burst, Part::Crowd, Part::Stream];

/// Measures and prints.
pub(crate) fn run(words: &Words) -> anyhow::Result<u8> {
    let words = match words {
        Words::Enter(words) => words,
        Words::Cluster(words) => return cluster::run(words),
        Words::Trace(words) => return trace::run(words),
        Words::Why(words) => return why::run(words),
        Words::Large(words) => return large::run(words),
        Words::Crowd(words) => return crowd::inside(words),
    };
    let program = match &words.program {
        Some(file) => file.canonicalize().with_context(|| format!("there is no {}", file.display()))?,
        None => fathom(Profile::Release)?,
    };
    let containers = Containers::start(&program)?;
    let mut page = Page::begin("enter", words.rounds, &containers.program);
    page.engines(&containers);
    for part in PARTS.iter().filter(|part| words.only.is_empty() || words.only.contains(part)) {
        eprintln!("measuring: {}", format!("{part:?}").to_lowercase());
        match part {
            Part::Start => start::measure(&containers, words.rounds, &mut page)?,
            Part::Prompt => prompt::measure(&containers, words.rounds, &mut page)?,
            Part::Memory => memory::measure(&containers, &mut page)?,
            Part::Burst => burst::measure(&containers, &mut page)?,
            Part::Crowd => crowd::measure(&containers, words.rounds, &mut page)?,
            Part::Stream => stream::measure(&containers, &mut page)?,
        }
    }
    page.show(words.write)
}
