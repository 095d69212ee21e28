//! What one answer costs, part by part: `cargo run --release -p fathom-diagnose --example cost -- FILE`, or with a number
//! of pods instead of a file, for which a cluster is made up.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use fathom_diagnose::cause::graph::Graph;
use fathom_diagnose::scene::Scene;
use fathom_diagnose::{Gathering, Question, diagnose};
use fathom_testkit::memory::peak;
use fathom_testkit::population::{self, Writing};

fn main() -> std::io::Result<()> {
    let what = std::env::args().nth(1).unwrap_or_else(|| "10000".to_owned());
    let path = match what.parse::<usize>() {
        Ok(pods) => made_up(pods)?,
        Err(_) => PathBuf::from(what),
    };
    println!("{} MiB of text", std::fs::metadata(&path)?.len() >> 20);
    let begin = Instant::now();
    let said = |what: &str, since: Instant| {
        println!("{what:<28} {:>7.0} ms, {} MiB at most", since.elapsed().as_secs_f64() * 1000.0, peak().unwrap_or(0));
    };
    let mut gathering = Gathering::new();
    gathering.stream("file", Box::new(File::open(&path)?));
    said("read", begin);
    let start = Instant::now();
    let snapshot = gathering.finish();
    said("put in order", start);
    let start = Instant::now();
    let scene = Scene::new(&snapshot);
    said("look at pods", start);
    let start = Instant::now();
    let _ = Graph::of(&scene);
    said("who depends on whom", start);
    let start = Instant::now();
    let report = diagnose(&snapshot, &Question::Everything);
    said("judge, all in all", start);
    said("all together", begin);
    println!("{} objects, {} findings", snapshot.len(), report.findings.len());
    for finding in &report.findings {
        println!("  {} {} {}", finding.code, finding.object, finding.fix.verified);
    }
    Ok(())
}

fn made_up(pods: usize) -> std::io::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("fathom-population-{pods}.json"));
    if !path.exists() {
        population::write(pods, Writing::Lines, &mut std::io::BufWriter::new(File::create(&path)?))?;
    }
    Ok(path)
}
