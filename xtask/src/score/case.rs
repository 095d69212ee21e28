//! One recorded state, and whether what is said of it is right.
//!
//! A finding is right when its code is the expected one and its object is, owns, or belongs to the expected one;
//! `accept` lists other codes and objects that name the same root.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use fathom_diagnose::eval::owners;
use fathom_diagnose::report::{Finding, Report};
use fathom_diagnose::{Gathering, Ref, Snapshot};
use serde_json::Value;

/// A root that should be named.
#[derive(Debug)]
pub(crate) struct Expected {
    codes: Vec<String>,
    objects: Vec<Ref>,
}

/// A recorded state.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) healthy: bool,
    pub(crate) expected: Vec<Expected>,
    symptoms: Vec<String>,
    folder: PathBuf,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The place of the first right finding.
    pub(crate) rank: Option<usize>,
    /// Findings.
    pub(crate) said: usize,
    /// Right ones.
    pub(crate) right: usize,
    /// Expected roots that were named.
    pub(crate) named: usize,
    /// Findings about what is listed as a consequence.
    pub(crate) leaks: usize,
    pub(crate) objects: usize,
    pub(crate) proofs: usize,
    pub(crate) true_proofs: usize,
    pub(crate) verified: usize,
    pub(crate) milliseconds: f64,
}

impl Outcome {
    /// Nothing more and nothing less than what was expected, and the first finding right.
    pub(crate) fn is_right(&self, case: &Case) -> bool {
        self.said == self.right && self.named == case.expected.len() && self.proofs == self.true_proofs
    }
}

/// All states of a folder, by name.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.join("case.json").exists() {
            folders.push(path);
        }
    }
    folders.sort();
    folders.into_iter().map(Case::read).collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Case {
    fn read(folder: PathBuf) -> anyhow::Result<Case> {
        let path = folder.join("case.json");
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let value: Value = serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))?;
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let expected = value["expected"].as_array().into_iter().flatten().map(|one| {
            // `accept` holds codes and objects; only objects have a slash.
            let (objects, codes): (Vec<String>, Vec<String>) =
                strings(&one["accept"]).into_iter().partition(|text| text.contains('/'));
            let own = |field: &str| one[field].as_str().map(str::to_owned);
            Expected {
                codes: own("code").into_iter().chain(codes).collect(),
                objects: own("object").into_iter().chain(objects).filter_map(|text| Ref::parse(&text)).collect(),
            }
        });
        Ok(Case {
            id: text("id"),
            group: text("group"),
            healthy: value["healthy"].as_bool().unwrap_or(false),
            expected: expected.collect(),
            symptoms: strings(&value["symptoms"]),
            folder,
        })
    }

    /// The state, without what is said of it in `case.json`.
    pub(crate) fn snapshot(&self) -> anyhow::Result<Snapshot> {
        let mut gathering = Gathering::new();
        let mut open = vec![self.folder.clone()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                for entry in fs::read_dir(&path)? {
                    open.push(entry?.path());
                }
                continue;
            }
            let name = path.strip_prefix(&self.folder).unwrap_or(&path).to_string_lossy().into_owned();
            gathering.file(&name, &fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
        Ok(gathering.finish())
    }

    /// The same state, as kubectl printed it; nothing where it was not.
    pub(crate) fn printed(&self, folder: &Path, part: &str) -> anyhow::Result<Option<Snapshot>> {
        let mut gathering = Gathering::new();
        for entry in fs::read_dir(folder.join(&self.id)).into_iter().flatten() {
            let path = entry?.path();
            let name = path.display().to_string();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains(part)) {
                gathering
                    .stream(&name, Box::new(fs::File::open(&path).with_context(|| format!("cannot read {name}"))?));
            }
        }
        Ok((!gathering.is_empty()).then(|| gathering.finish()))
    }

    /// Compares a report with what was expected.
    pub(crate) fn judge(&self, snapshot: &Snapshot, report: &Report) -> Outcome {
        let mut outcome = Outcome { said: report.findings.len(), objects: snapshot.len(), ..Outcome::default() };
        let mut named: BTreeSet<usize> = BTreeSet::new();
        for (rank, finding) in report.findings.iter().enumerate() {
            if let Some(hit) = self.expected.iter().position(|expected| expected.is(snapshot, finding)) {
                outcome.right += 1;
                outcome.rank = outcome.rank.or(Some(rank));
                named.insert(hit);
            } else if self.symptoms.iter().any(|symptom| symptom.starts_with(&finding.object.to_string())) {
                outcome.leaks += 1;
            }
            outcome.proofs += finding.proofs.len();
            outcome.true_proofs += finding.proofs.iter().filter(|proof| snapshot.holds(proof)).count();
            outcome.verified += usize::from(finding.fix.verified);
        }
        outcome.named = named.len();
        outcome
    }

    /// What was said and what was expected, for the list of wrong states.
    pub(crate) fn tell(&self, report: &Report) -> String {
        let said = report.findings.iter().map(|finding| format!("{} {}", finding.code, finding.object));
        let said =
            said.chain(report.unexplained.iter().map(|one| format!("unexplained {}: {}", one.object, one.effect)));
        let said: Vec<String> = said.collect();
        let expected = self
            .expected
            .iter()
            .map(|one| format!("{} {}", one.codes[0], one.objects.first().map(Ref::to_string).unwrap_or_default()));
        format!(
            "  {}\n    expected {}\n    said     {}",
            self.id,
            expected.collect::<Vec<_>>().join(", "),
            said.join(", ")
        )
    }
}

impl Expected {
    fn is(&self, snapshot: &Snapshot, finding: &Finding) -> bool {
        let top = |id: &Ref| snapshot.find(id).map_or_else(|| id.clone(), |object| owners::top(snapshot, object));
        self.codes.iter().any(|code| code == finding.code)
            && self.objects.iter().any(|object| *object == finding.object || top(object) == top(&finding.object))
    }
}
