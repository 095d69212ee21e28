//! `cargo xtask bench cluster`: fathom beside kubectl in one cluster, turn by turn: the one that `FATHOM_E2E_KUBECONFIG`
//! names, or the test kit's own.

mod installed;
mod place;
mod prompt;
mod stream;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use super::page::{Page, size};
use crate::program::{Profile, fathom};
use place::Place;

/// What `cargo xtask bench cluster` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// How often each program takes its turn
    #[arg(short = 'n', long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(3..))]
    rounds: u32,
    /// Measure this file instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write docs/benchmarks.md too
    #[arg(long)]
    write: bool,
}

pub(super) fn run(words: &Words) -> anyhow::Result<u8> {
    let program = match &words.program {
        Some(file) => file.canonicalize().with_context(|| format!("there is no {}", file.display()))?,
        None => fathom(Profile::Release)?,
    };
    let place = Place::find(&program)?;
    let part = if place.own.is_some() { "cluster of the test kit" } else { "cluster" };
    let mut page = Page::begin(part, words.rounds, &program);
    page.line("cluster", &place.describe());
    eprintln!("measuring: prompt");
    prompt::measure(&place, words.rounds, &mut page)?;
    eprintln!("measuring: stream");
    stream::measure(&place, &mut page)?;
    eprintln!("measuring: idle");
    idle(&place, &mut page)?;
    page.show(words.write)
}

/// What an agent costs that nobody speaks with.
fn idle(place: &Place, page: &mut Page) -> anyhow::Result<()> {
    const LOOK: Duration = Duration::from_secs(20);
    place.enter(&["true"]).output().context("an agent is needed")?;
    let agent = place.agent_process().context("no process of an agent is to be seen from here")?;
    let before = agent.cpu()?;
    std::thread::sleep(LOOK);
    let used = agent.cpu()?.saturating_sub(before);
    let share = used.as_secs_f64() / LOOK.as_secs_f64() * 100.0;
    let rows = vec![vec!["agent".to_owned(), size(agent.resident()?), format!("{share:.2} %")]];
    let what = format!("nobody speaks with it for {} s", LOOK.as_secs());
    page.table("An agent that waits", &what, &["", "resident", "of one core"], rows);
    Ok(())
}
