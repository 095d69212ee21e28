//! Every rule judges every object of its kinds.

use std::collections::{BTreeMap, BTreeSet};

use crate::cause::roots::Judgement;
use crate::claim::{Claim, Confidence};
use crate::object::{Fields as _, Object, Ref, View};
use crate::rule::Rule;
use crate::rules;
use crate::scene::Scene;
use crate::snapshot::{Need, Proof, is_fact};

/// Every claim of every rule, and what would have to be known for more.
pub(super) fn judge(scene: &Scene<'_>) -> (Vec<Judgement>, BTreeSet<Need>) {
    let mut verdicts = Verdicts::default();
    for (kind, rules) in by_kind() {
        // Object by object: what many rules read of one is at hand then. By one thread: two are slower, for rules make
        // many small things, and who shares musl's allocator waits for it.
        for object in scene.snapshot.all(kind) {
            verdicts.object(scene, object, &rules);
        }
    }
    // In the order of the tables, as if each rule had been asked for all objects at once.
    verdicts.claims.sort_by_key(|(place, _)| *place);
    (verdicts.claims.into_iter().map(|(_, claim)| claim).collect(), verdicts.needs)
}

/// What rules said.
#[derive(Default)]
struct Verdicts {
    /// With the place of the rule.
    claims: Vec<((usize, usize), Judgement)>,
    needs: BTreeSet<Need>,
}

impl Verdicts {
    /// All that rules say of an object.
    fn object<'a>(&mut self, scene: &Scene<'a>, object: &'a Object, rules: &[Placed]) {
        let written = scene.snapshot.coverage().is_of_manifests();
        for (place, rule) in rules {
            match (rule.judge)(scene, object) {
                Ok(None) => {}
                Ok(Some(claim)) if written && is_of_a_state(&claim) => {}
                Err(need) => drop(self.needs.insert(need)),
                Ok(Some(mut claim)) => match claim.proofs.iter().find_map(|proof| scene.snapshot.doubts(proof)) {
                    Some(need) => drop(self.needs.insert(need)),
                    None => {
                        self.needs.extend(std::mem::take(&mut claim.needs));
                        let claim = hearing(scene, object, claim);
                        self.claims.push((*place, judgement(scene, rule, object, claim)));
                    }
                },
            }
        }
    }
}

/// Of an object that only events tell of nothing is more than likely, and the events are what proves it.
fn hearing(scene: &Scene<'_>, object: &Object, mut claim: Claim) -> Claim {
    if object.view() != View::Heard {
        return claim;
    }
    let made = |proof: &Proof| {
        let id = proof.at.split_once('#').and_then(|(id, _)| Ref::parse(id));
        id.is_some_and(|id| scene.snapshot.is_heard(&id))
    };
    claim.proofs.retain(|proof| !made(proof));
    claim.confidence = Some(claim.confidence.unwrap_or(Confidence::Likely).max(Confidence::Likely));
    claim.by_all(scene.snapshot.heard(&object.id))
}

/// Whether a claim is of what becomes of an object once it is there: of a manifest, nobody knows.
fn is_of_a_state(claim: &Claim) -> bool {
    claim.proofs.iter().any(|proof| proof.at.contains("#/status"))
}

/// A rule, with its place among all rules and that of a kind among its kinds.
type Placed = ((usize, usize), &'static Rule);

/// The rules of each kind.
fn by_kind() -> BTreeMap<&'static str, Vec<Placed>> {
    let mut kinds: BTreeMap<&str, Vec<Placed>> = BTreeMap::new();
    for (place, rule) in rules::all().enumerate() {
        for (among, kind) in rule.kinds().enumerate() {
            kinds.entry(kind).or_default().push(((place, among), rule));
        }
    }
    kinds
}

fn judgement(scene: &Scene<'_>, rule: &'static Rule, object: &Object, mut claim: Claim) -> Judgement {
    let subject = match claim.subject.clone() {
        Some(subject) if is_fact(&subject.kind) => {
            scene.snapshot.find(&subject).map_or(subject, |fact| scene.top(fact))
        }
        Some(subject) => subject,
        None => scene.top(object),
    };
    claim.since = claim.since.or_else(|| since(object));
    if scene.snapshot.coverage().is_of_manifests() {
        claim.proofs = claim.proofs.into_iter().map(|proof| scene.as_written(proof)).collect();
    }
    Judgement { rule, subject, claim, members: Vec::new() }
}

/// Since when an object is as it is, as far as its conditions say.
fn since(object: &Object) -> Option<crate::time::Time> {
    let conditions = ["Ready", "PodScheduled", "Available", "ScalingActive", "Failed"];
    let of =
        |name: &&str| object.condition(name).filter(|(_, one)| one.text("/status") != "True" || **name == *"Failed");
    let at = conditions.iter().find_map(of).and_then(|(_, condition)| condition.time("/lastTransitionTime"));
    at.or_else(|| object.deletion()).or_else(|| object.created())
}
