//! What a rule is: metadata, and one pure function that judges one object.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::object::Object;
use crate::scene::Scene;
use crate::snapshot::Judged;

/// How a claim stands to claims that would explain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// A cause of its own, whatever else is wrong.
    Root,
    /// A consequence where anything explains it.
    Yields,
    /// A consequence where something broken explains it, but not where that is only somebody's intention.
    Stands,
    /// Never a cause: where nothing explains it, it is said to be unexplained.
    Symptom,
    /// An intention, or a state that hurts nobody by itself: a cause only of what nothing else explains.
    Latent,
}

/// A rule.
pub struct Rule {
    /// `svc.selector-mismatch`.
    pub code: &'static str,
    /// The kinds of objects that it judges.
    pub on: &'static [&'static str],
    /// What it does to the object.
    pub effect: Effect,
    /// How it stands to other claims.
    pub stance: Stance,
    /// Of claims about the same pods, the most specific is believed: higher is more specific.
    pub weight: u8,
    /// How sure its claims are.
    pub confidence: Confidence,
    /// What it means.
    pub means: &'static str,
    /// What proves it.
    pub proves: &'static str,
    /// What would refute it.
    pub refutes: &'static str,
    /// How to mend it.
    pub fix: &'static str,
    /// Judges one object.
    pub judge: for<'s, 'a> fn(&'s Scene<'a>, &'a Object) -> Judged<Option<Claim>>,
}

impl Rule {
    /// A cause that its evidence decides; tables of rules change what differs.
    pub const PLAIN: Rule = Rule {
        code: "",
        on: &["Pod"],
        effect: Effect::NotStarted,
        stance: Stance::Root,
        weight: 80,
        confidence: Confidence::Proven,
        means: "",
        proves: "",
        refutes: "",
        fix: "",
        judge: |_, _| Ok(None),
    };

    /// The kinds of objects that it judges: what ends a program ends it in a container of a machine as in a pod.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let more = (self.on.contains(&"Pod") && self.group() == "crash").then_some("Container");
        self.on.iter().copied().chain(more)
    }

    /// `svc` of `svc.selector-mismatch`.
    pub fn group(&self) -> &'static str {
        self.code.split('.').next().unwrap_or_default()
    }
}
