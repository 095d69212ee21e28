//! What one answer costs, part by part: `cargo run --release -p fathom-diagnose --example cost -- FILE`, or with a number
//! of pods instead of a file, for which a cluster is made up.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::fs::File;
use std::path::PathBuf;

use fathom_diagnose::cause::graph::Graph;
use fathom_diagnose::rule::Rule;
use fathom_diagnose::scene::Scene;
use fathom_diagnose::{Gathering, Question, diagnose, rules};
use fathom_testkit::memory::peak;
use fathom_testkit::population::{self, Writing};

fn main() -> std::io::Result<()> {
    let what = std::env::args().nth(1).unwrap_or_else(|| "10000".to_owned());
    let path = match what.parse::<usize>() {
        Ok(pods) => made_up(pods)?,
        Err(_) => PathBuf::from(what),
    };
    println!("{} MiB of text", std::fs::metadata(&path)?.len() >> 20);
    let begin = spent();
    let said = |what: &str, since: f64| {
        println!("{what:<28} {:>7.0} ms, {} MiB at most", spent() - since, peak().unwrap_or(0));
    };
    let mut gathering = Gathering::new();
    gathering.stream("file", Box::new(File::open(&path)?));
    said("read", begin);
    let start = spent();
    let snapshot = gathering.finish();
    said("put in order", start);
    let start = spent();
    let scene = Scene::new(&snapshot);
    said("look at pods", start);
    let start = spent();
    let _ = Graph::of(&scene);
    said("who depends on whom", start);
    let mut rules: Vec<(f64, &str)> = rules::all().map(|rule| (judged(rule, &scene), rule.code)).collect();
    rules.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("{} rules: {:.0} ms", rules.len(), rules.iter().map(|(took, _)| took).sum::<f64>());
    rules.iter().take(12).for_each(|(took, code)| println!("  {code:<34} {took:>7.1} ms"));
    let start = spent();
    let report = diagnose(&snapshot, &Question::Everything);
    said("judge, all in all", start);
    said("all together", begin);
    println!("{} objects, {} findings", snapshot.len(), report.findings.len());
    for finding in &report.findings {
        println!("  {} {} {}", finding.code, finding.object, finding.fix.verified);
    }
    Ok(())
}

/// Milliseconds that this thread had a processor: others use the machine too.
fn spent() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

/// Milliseconds that a rule takes for all objects of its kinds.
fn judged(rule: &Rule, scene: &Scene<'_>) -> f64 {
    let start = spent();
    for object in rule.kinds().flat_map(|kind| scene.snapshot.all(kind)) {
        let _ = (rule.judge)(scene, object);
    }
    spent() - start
}

fn made_up(pods: usize) -> std::io::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("fathom-population-{pods}.json"));
    if !path.exists() {
        population::write(pods, Writing::Lines, &mut std::io::BufWriter::new(File::create(&path)?))?;
    }
    Ok(path)
}
