//! The answer, as it is serialized: one object with a version.

pub mod markdown;
pub mod sarif;
pub mod text;

use serde::Serialize;

use crate::claim::{Change, Confidence};
use crate::object::{Ref, View};
use crate::snapshot::{Need, Proof, Snapshot};

/// The version of what is serialized here.
pub const VERSION: &str = "fathom.dev/why/v1";

/// The answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`VERSION`].
    pub api_version: &'static str,
    /// Roots only, in rank order.
    pub findings: Vec<Finding>,
    /// What is wrong and no root explains.
    pub unexplained: Vec<Unexplained>,
    /// What could not be looked at, where it would have mattered.
    pub unknown: Vec<Need>,
    /// What was looked at.
    pub looked_at: LookedAt,
}

/// What was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct LookedAt {
    /// The moment of the snapshot.
    pub time: String,
    /// How many objects.
    pub objects: usize,
    /// How many logs.
    pub logs: usize,
}

/// A root.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's code.
    pub code: &'static str,
    /// What is wrong with.
    pub object: Ref,
    /// How sure.
    pub confidence: Confidence,
    /// In one sentence.
    pub says: String,
    /// Since when, where that is known.
    pub since: Option<String>,
    /// Each can be read again.
    pub proofs: Vec<Proof>,
    /// What follows from it.
    pub explains: Vec<Explained>,
    /// What would speak against it.
    pub refuted_by: &'static str,
    /// How to mend it.
    pub fix: Mend,
}

/// A consequence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Explained {
    /// Of what.
    pub object: Ref,
    /// What.
    pub effect: String,
}

/// How to mend a root.
#[derive(Debug, Clone, Serialize)]
pub struct Mend {
    /// A command, or a sentence.
    pub text: String,
    /// With these changes the finding is gone from the snapshot.
    pub verified: bool,
    /// The same as changes of objects.
    #[serde(skip)]
    pub changes: Vec<Change>,
}

/// Something that is wrong and that no root explains.
#[derive(Debug, Clone, Serialize)]
pub struct Unexplained {
    /// With what.
    pub object: Ref,
    /// What.
    pub effect: String,
    /// What is known of it, though it names no cause.
    pub says: Option<String>,
    /// Where it is read.
    pub proofs: Vec<Proof>,
    /// The cheapest test that would tell more.
    pub test: String,
}

impl Report {
    pub(crate) fn new(
        snapshot: &Snapshot,
        findings: Vec<Finding>,
        unexplained: Vec<Unexplained>,
        unknown: Vec<Need>,
    ) -> Report {
        let given = snapshot.objects().filter(|object| object.view() != View::Heard);
        let looked_at =
            LookedAt { time: snapshot.now().to_string(), objects: given.count(), logs: snapshot.logs().count() };
        Report { api_version: VERSION, findings, unexplained, unknown, looked_at }
    }

    /// Whether something is wrong.
    pub fn found_something(&self) -> bool {
        !self.findings.is_empty() || !self.unexplained.is_empty()
    }
}
