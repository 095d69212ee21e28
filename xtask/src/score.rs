//! `cargo xtask score why DIR`: how often the cause is named, over recorded states whose causes are known.
//!
//! Each folder of DIR is one state: `objects.json`, `logs/`, and `case.json` with the expected roots. What counts as a
//! hit is written in `case.rs`.

mod case;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use fathom_diagnose::{Question, diagnose};

use case::{Case, Outcome};

/// What can be scored.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Words {
    /// The causes that `fathom why` names
    Why(Why),
}

/// What `cargo xtask score why` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// Folder of recorded states
    dir: PathBuf,
    /// Only states whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Read the states as kubectl printed them: DIR/STATE/*.txt
    #[arg(long, value_name = "DIR")]
    printed: Option<PathBuf>,
    /// Of these files, only those whose name contains this
    #[arg(long, default_value = "", requires = "printed")]
    file: String,
    /// Print every finding of every state
    #[arg(long)]
    all: bool,
}

impl Words {
    /// All states of a folder.
    pub(crate) fn why(dir: PathBuf) -> Self {
        Words::Why(Why { dir, only: None, printed: None, file: String::new(), all: false })
    }
}

/// Where recorded states are, if they are on this machine: where FATHOM_STATES says, or beside the repository.
pub(crate) fn states() -> Option<PathBuf> {
    let beside = fathom_testkit::need::workspace().join("../shared/data/why");
    let folder = std::env::var_os("FATHOM_STATES").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Sums over states.
#[derive(Debug, Default, Clone)]
struct Sums {
    broken: usize,
    first: usize,
    third: usize,
    said: usize,
    right: usize,
    expected: usize,
    named: usize,
    leaks: usize,
    healthy: usize,
    healthy_objects: usize,
    alarms: usize,
    proofs: usize,
    true_proofs: usize,
    verified: usize,
    milliseconds: f64,
    slowest: f64,
}

impl Sums {
    fn add(&mut self, case: &Case, outcome: &Outcome) {
        if case.healthy {
            self.healthy += 1;
            self.healthy_objects += outcome.objects;
            self.alarms += outcome.said;
        } else {
            self.broken += 1;
            self.first += usize::from(outcome.rank.is_some_and(|rank| rank < 1));
            self.third += usize::from(outcome.rank.is_some_and(|rank| rank < 3));
            self.expected += case.expected.len();
            self.named += outcome.named;
        }
        self.said += outcome.said;
        self.right += outcome.right;
        self.leaks += outcome.leaks;
        self.proofs += outcome.proofs;
        self.true_proofs += outcome.true_proofs;
        self.verified += outcome.verified;
        self.milliseconds += outcome.milliseconds;
        self.slowest = self.slowest.max(outcome.milliseconds);
    }
}

/// Scores, and fails where something is worse than the goals.
pub(crate) fn run(words: &Words) -> anyhow::Result<u8> {
    let Words::Why(asked) = words;
    let mut cases = case::read(&asked.dir).with_context(|| format!("cannot read {}", asked.dir.display()))?;
    cases.retain(|case| asked.only.as_ref().is_none_or(|part| case.id.contains(part.as_str())));
    if cases.is_empty() {
        bail!("no recorded state is in {}", asked.dir.display());
    }
    let mut groups: BTreeMap<String, Sums> = BTreeMap::new();
    let mut all = Sums::default();
    let mut wrong = Vec::new();
    for case in &cases {
        let snapshot = match &asked.printed {
            Some(printed) => match case.printed(printed, &asked.file)? {
                Some(snapshot) => snapshot,
                None => continue,
            },
            None => case.snapshot()?,
        };
        let start = Instant::now();
        let report = diagnose(&snapshot, &Question::Everything);
        let mut outcome = case.judge(&snapshot, &report);
        outcome.milliseconds = start.elapsed().as_secs_f64() * 1000.0;
        groups.entry(case.group.clone()).or_default().add(case, &outcome);
        all.add(case, &outcome);
        if asked.all {
            println!("{}\n{}", case.id, fathom_diagnose::report::text::render(&report));
        }
        if !outcome.is_right(case) {
            wrong.push(case.tell(&report));
        }
    }
    print(&groups, &all);
    if !wrong.is_empty() {
        println!("\nWrong: {}\n{}", wrong.len(), wrong.join("\n"));
    }
    Ok(u8::from(!meets_goals(&all)))
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// The goals of the issue, as far as they do not depend on the machine.
fn meets_goals(all: &Sums) -> bool {
    share(all.first, all.broken) >= 0.97
        && share(all.right, all.said) >= 0.97
        && share(all.named, all.expected) >= 0.95
        && all.alarms == 0
        && all.proofs == all.true_proofs
}

fn print(groups: &BTreeMap<String, Sums>, all: &Sums) {
    println!("{:<14} {:>6} {:>6} {:>6} {:>9} {:>7}", "GROUP", "CASES", "A@1", "A@3", "PRECISION", "RECALL");
    for (name, sums) in groups.iter().map(|(name, sums)| (name.as_str(), sums)).chain([("all", all)]) {
        if sums.broken == 0 {
            println!("{name:<14} {:>6} {:>6} {:>6} {:>9} {:>7}", sums.healthy, "-", "-", sums.alarms, "-");
            continue;
        }
        println!(
            "{name:<14} {:>6} {:>6.3} {:>6.3} {:>9.3} {:>7.3}",
            sums.broken + sums.healthy,
            share(sums.first, sums.broken),
            share(sums.third, sums.broken),
            share(sums.right, sums.said),
            share(sums.named, sums.expected),
        );
    }
    let alarms = all.alarms as f64 * 1000.0 / all.healthy_objects.max(1) as f64;
    println!("\nfalse alarms on {} healthy states: {} ({alarms:.2} per 1,000 objects)", all.healthy, all.alarms);
    println!("symptoms said as roots: {} of {} findings", all.leaks, all.said);
    println!("proofs that read again as quoted: {} of {}", all.true_proofs, all.proofs);
    println!("findings that their fix takes away: {:.3}", share(all.verified, all.said));
    let cases = all.broken + all.healthy;
    println!("time for a state: {:.1} ms, the slowest {:.1} ms", all.milliseconds / cases.max(1) as f64, all.slowest);
}
