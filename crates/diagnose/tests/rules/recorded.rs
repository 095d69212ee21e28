//! The recorded states of a real cluster, where they are on this machine: beside the repository, or where
//! FATHOM_STATES says. Nothing is said of the healthy ones, and every proof of the others reads again as quoted.

use std::fs;
use std::path::{Path, PathBuf};

use fathom_diagnose::object::Fields as _;
use fathom_diagnose::value::Value;
use fathom_diagnose::{Gathering, Question, Snapshot, diagnose};
use fathom_testkit::need::{Need, missing, workspace};

fn states() -> Option<PathBuf> {
    let beside = workspace().join("../shared/data/why");
    if std::env::var_os("FATHOM_STATES").is_none() && beside.is_dir() {
        return Some(beside);
    }
    (!missing(&[Need::Variable("FATHOM_STATES")]))
        .then(|| PathBuf::from(std::env::var_os("FATHOM_STATES").unwrap_or_default()))
}

fn read(folder: &Path) -> Snapshot {
    let mut gathering = Gathering::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else {
            let name = path.strip_prefix(folder).expect("below the folder").to_string_lossy().into_owned();
            gathering.file(&name, &fs::read(&path).expect("a file"));
        }
    }
    gathering.finish()
}

#[test]
fn recorded_states_are_judged_with_proofs_that_hold() {
    let Some(folder) = states() else { return };
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let Ok(about) = fs::read(path.join("case.json")) else { continue };
        let about: Value = serde_json::from_slice(&about).expect("JSON");
        let snapshot = read(&path);
        let report = diagnose(&snapshot, &Question::Everything);
        let name = path.display();
        assert!(
            !about.holds("/healthy") || !report.found_something(),
            "{name}: {:?}",
            report.findings.first().map(|one| one.code)
        );
        assert!(about.holds("/healthy") || report.found_something(), "{name}: nothing was found");
        for proof in report.findings.iter().flat_map(|finding| &finding.proofs) {
            assert!(snapshot.holds(proof), "{name}: {proof:?}");
        }
    }
}
