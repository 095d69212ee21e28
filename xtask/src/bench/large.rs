//! `cargo xtask bench large`: what it costs to answer for 10,000 pods with 100,000 objects: from a file, by the example
//! `cost` of `diagnose`, which is built as users get it, and of a cluster that runs, by the program.

mod live;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use fathom_testkit::need::workspace;

use super::page::Page;
use crate::program::{Profile, cargo, fathom, step};

/// What `cargo xtask bench large` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// How many pods
    #[arg(long, default_value_t = 10_000)]
    pods: usize,
    /// Measure this build of the example
    #[arg(long, value_name = "FILE")]
    example: Option<PathBuf>,
    /// Ask the cluster that runs with this build of the program
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write docs/benchmarks.md too
    #[arg(long)]
    write: bool,
}

/// How often each file is read; the median counts.
const ROUNDS: usize = 5;

pub(super) fn run(words: &Words) -> anyhow::Result<u8> {
    let example = match &words.example {
        Some(file) => file.canonicalize().with_context(|| format!("there is no {}", file.display()))?,
        None => build()?,
    };
    let program = match &words.program {
        Some(file) => file.canonicalize().with_context(|| format!("there is no {}", file.display()))?,
        None => fathom(Profile::Release)?,
    };
    let how = "A cluster is made up, written as a List, and asked `why` of; the program is the example `cost` of \
               `diagnose`. Times are by the clock, memory is the most that was resident.";
    let mut page = Page::head("large", how, &example);
    for (title, way) in [("Objects on lines of their own", ""), ("As `kubectl get -o json` writes it", "indented")] {
        eprintln!("measuring: {title}");
        let mut runs = (0..ROUNDS).map(|_| measure(&example, words.pods, way)).collect::<anyhow::Result<Vec<_>>>()?;
        let whole = |run: &Vec<Vec<String>>| {
            let all = run.iter().find(|line| line[0] == "all together");
            all.and_then(|line| line[1].parse::<u64>().ok())
        };
        runs.sort_by_key(whole);
        let median = runs.swap_remove(ROUNDS / 2);
        let count = |what: &str| median.iter().find(|line| line[0] == what).map_or("", |line| line[2].as_str());
        let what = format!(
            "{} pods, {} objects, {} MiB of text, {} findings",
            words.pods,
            count("objects"),
            count("the file"),
            count("findings")
        );
        let rows = median.iter().filter(|line| !line[1].is_empty());
        let rows = rows.map(|line| vec![line[0].clone(), format!("{} ms", line[1]), format!("{} MiB", line[2])]);
        page.table(title, &what, &["", "time", "memory at most"], rows.collect());
    }
    live::table(&program, words.pods, &mut page)?;
    page.show(words.write)
}

fn build() -> anyhow::Result<PathBuf> {
    step(cargo().args(["build", "--release", "--package", "fathom-diagnose", "--example", "cost"]))?;
    let target = workspace().join("target");
    let places = [target.join("x86_64-unknown-linux-musl/release/examples/cost"), target.join("release/examples/cost")];
    places.into_iter().find(|path| path.exists()).context("cargo built no example")
}

/// The lines of one run: what, milliseconds, MiB.
fn measure(example: &PathBuf, pods: usize, way: &str) -> anyhow::Result<Vec<Vec<String>>> {
    let output = Command::new(example).arg(pods.to_string()).arg(way).output().context("cannot run the example")?;
    ensure!(output.status.success(), "the example failed: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    Ok(lines.lines().map(cells).filter(|cells| cells.len() == 3).collect())
}
