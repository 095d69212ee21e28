//! A large cluster: its faults are found among all that is well, and twice as much of it takes about twice as long.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fathom_diagnose::{Gathering, Question, Report, diagnose};
use fathom_testkit::population::{self, CAUSES, FAULTS, Writing};

fn file(pods: usize, writing: Writing) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    let count = population::write(pods, writing, &mut bytes).expect("memory takes everything");
    (bytes, count)
}

fn report(bytes: &[u8]) -> Report {
    let mut gathering = Gathering::new();
    gathering.stream("cluster.json", Box::new(bytes));
    diagnose(&gathering.finish(), &Question::Everything)
}

#[test]
fn the_faults_of_a_large_cluster_are_found_and_nothing_else() {
    for writing in [Writing::Lines, Writing::Indented] {
        let (bytes, count) = file(200, writing);
        let report = report(&bytes);
        assert_eq!(report.looked_at.objects, count);
        let said: BTreeSet<&str> = report.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(said, BTreeSet::from(CAUSES), "{}", fathom_diagnose::report::text::render(&report));
        assert!(report.findings.len() <= CAUSES.len() * FAULTS && report.unexplained.is_empty());
    }
}

/// The least of a few runs: others use the machine too.
fn least(bytes: &[u8]) -> Duration {
    let run = || {
        let start = Instant::now();
        report(bytes);
        start.elapsed()
    };
    (0..3).map(|_| run()).min().expect("three runs")
}

#[test]
fn eight_times_as_much_takes_about_eight_times_as_long() {
    let (small, large) = (least(&file(50, Writing::Lines).0), least(&file(400, Writing::Lines).0));
    // Each with each would take 64 times as long. The room between is for whoever else uses the machine.
    assert!(large < small * 24, "{small:?}, and {large:?} for eight times as much");
}

#[test]
fn a_table_is_read_and_judged_in_a_time_that_grows_with_it() {
    let table = |rows: usize| {
        let header = "NAMESPACE   NAME   READY   STATUS             RESTARTS   AGE\n";
        let row = |at: usize| format!("n{:<9} p{at:<5} 0/1     CrashLoopBackOff   7          5m\n", at % 50);
        format!("{header}{}", (0..rows).map(row).collect::<String>())
    };
    let (small, large) = (least(table(200).as_bytes()), least(table(2000).as_bytes()));
    assert!(large < small * 30, "{small:?}, and {large:?} for ten times as much");
}
