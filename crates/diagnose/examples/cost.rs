//! What one answer costs, part by part: `cargo run --release -p fathom-diagnose --example cost -- FILE`, or a number of
//! pods instead of a file, for which a cluster is made up; `indented` after it writes that as kubectl does.
//!
//! Times are by the clock. `cargo xtask bench large` reads the lines: what, milliseconds, MiB at most, parted by tabs;
//! with `rules` as last word the rules come that keep a processor longest.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Instant;

use fathom_diagnose::rule::Rule;
use fathom_diagnose::scene::Scene;
use fathom_diagnose::{Gathering, Question, diagnose, report, rules};
use fathom_testkit::Scratch;
use fathom_testkit::memory::peak;
use fathom_testkit::population::{self, Writing};

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let what = words.first().map_or("10000", String::as_str);
    let scratch = Scratch::new("cost");
    let path = match what.parse::<usize>() {
        Ok(pods) => {
            let writing = if words.iter().any(|word| word == "indented") { Writing::Indented } else { Writing::Lines };
            let path = scratch.path().join("cluster.json");
            population::write(pods, writing, &mut BufWriter::new(File::create(&path)?))?;
            path
        }
        Err(_) => PathBuf::from(what),
    };
    println!("the file\t\t{}", std::fs::metadata(&path)?.len() >> 20);
    let told =
        |what: &str, since: Instant| println!("{what}\t{}\t{}", since.elapsed().as_millis(), peak().unwrap_or(0));
    let begin = Instant::now();
    let mut gathering = Gathering::new();
    gathering.stream("file", Box::new(File::open(&path)?));
    told("reading it", begin);
    let start = Instant::now();
    let snapshot = gathering.finish();
    told("putting it in order", start);
    let start = Instant::now();
    let report = diagnose(&snapshot, &Question::Everything);
    told("judging it", start);
    told("all together", begin);
    println!("objects\t\t{}\nfindings\t\t{}", snapshot.len(), report.findings.len());
    if words.iter().any(|word| word == "rules") {
        println!("{}", report::text::render(&report));
        let scene = Scene::new(&snapshot);
        let mut rules: Vec<(f64, &str)> = rules::all().map(|rule| (judged(rule, &scene), rule.code)).collect();
        rules.sort_by(|one, other| other.0.total_cmp(&one.0));
        rules.iter().take(20).for_each(|(took, code)| println!("{code}\t{took:.1}\t"));
    }
    Ok(())
}

/// Milliseconds that this thread had a processor.
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
