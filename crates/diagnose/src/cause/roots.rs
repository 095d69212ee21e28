//! The choice of roots: the fewest claims that explain what is wrong, by the table of effects.

use std::collections::{BTreeMap, HashSet};

use super::graph::Graph;
use super::symptoms::Symptom;
use super::{Effect, lift};
use crate::claim::{Claim, Confidence};
use crate::object::Ref;
use crate::rule::{Rule, Stance};

/// A rule's claim about an object.
#[derive(Clone)]
pub struct Judgement {
    /// The rule.
    pub rule: &'static Rule,
    /// The object; for pods their topmost controller.
    pub subject: Ref,
    /// What was said.
    pub claim: Claim,
    /// The objects that were lifted into a shared one.
    pub members: Vec<Ref>,
}

impl Judgement {
    /// How sure.
    pub fn confidence(&self) -> Confidence {
        self.claim.confidence.unwrap_or(self.rule.confidence)
    }

    fn places(&self) -> impl Iterator<Item = &Ref> {
        std::iter::once(&self.subject).chain(&self.members)
    }

    /// What it explains elsewhere.
    fn reach(&self, graph: &Graph) -> HashSet<(Ref, Effect)> {
        let mut reach: HashSet<(Ref, Effect)> =
            self.places().flat_map(|place| graph.reach(place, self.rule.effect)).collect();
        reach.extend(self.members.iter().map(|member| (member.clone(), self.rule.effect)));
        reach
    }
}

/// A root, and what it explains.
pub struct Root {
    /// The claim.
    pub judgement: Judgement,
    /// Symptoms, by their place in the list of all.
    pub explains: Vec<usize>,
    /// Claims that are consequences of it: object and effect.
    pub behind: Vec<(Ref, Effect)>,
}

/// A symptom that no root explains.
pub struct Open {
    /// Its place in the list of all.
    pub symptom: usize,
    /// What rules say of it that name no cause.
    pub said: Vec<Claim>,
}

/// The roots among claims, in rank order, and the symptoms that none explains.
pub fn choose(claims: Vec<Judgement>, graph: &Graph, symptoms: &[Symptom]) -> (Vec<Root>, Vec<Open>) {
    let claims = compete(lift::lift(merge(claims)));
    let reaches: Vec<HashSet<(Ref, Effect)>> = claims.iter().map(|claim| claim.reach(graph)).collect();
    let explainers = explainers(&claims, &reaches);
    let mut roots: Vec<usize> = Vec::new();
    for (at, claim) in claims.iter().enumerate() {
        let may = !matches!(claim.rule.stance, Stance::Latent | Stance::Symptom);
        if may && explainers[at].iter().all(|&by| claims[by].rule.stance == Stance::Latent) {
            roots.push(at);
        }
    }
    // Claims that only an intention explains make that intention a cause; they are consequences then.
    for at in latent(&claims, &reaches, &roots, &explainers, symptoms) {
        roots.retain(|&root| !(claims[root].rule.stance == Stance::Yields && explainers[root].contains(&at)));
        roots.push(at);
    }
    let mut covered: HashSet<usize> = HashSet::new();
    let mut found: Vec<Root> = Vec::new();
    for &root in &roots {
        let explains: Vec<usize> =
            (0..symptoms.len()).filter(|&at| covers(&claims[root], &reaches[root], &symptoms[at])).collect();
        covered.extend(&explains);
        let behind = (0..claims.len()).filter(|at| !roots.contains(at) && explainers[*at].contains(&root));
        let behind = behind.map(|at| (claims[at].subject.clone(), claims[at].rule.effect)).collect();
        found.push(Root { judgement: claims[root].clone(), explains, behind });
    }
    found.sort_by(|a, b| rank(a).cmp(&rank(b)));
    let open = (0..symptoms.len()).filter(|at| !covered.contains(at) && symptoms[*at].hard);
    // What a claim says that is itself a consequence is explained with it.
    let behind = |at: usize| {
        (0..claims.len()).any(|claim| {
            let known = explainers[claim].iter().any(|by| roots.contains(by));
            known && claims[claim].subject == symptoms[at].object && same(&claims[claim], &symptoms[at])
        })
    };
    let open: Vec<usize> = open.filter(|&at| !behind(at)).collect();
    let open = open.into_iter().map(|at| Open {
        symptom: at,
        said: claims
            .iter()
            .filter(|claim| claim.rule.stance == Stance::Symptom && claim.subject == symptoms[at].object)
            .map(|claim| claim.claim.clone())
            .collect(),
    });
    (found, open.collect())
}

/// What is surer, hurts more and is more specific comes first; names decide what is left.
fn rank(root: &Root) -> impl Ord {
    let judgement = &root.judgement;
    let system = !["kube-system", ""].contains(&judgement.subject.namespace.as_str());
    let idle = judgement.rule.effect == Effect::Latent;
    (
        idle,
        judgement.confidence(),
        system,
        std::cmp::Reverse(root.explains.len() + root.behind.len()),
        std::cmp::Reverse(judgement.rule.weight),
        judgement.rule.code,
        judgement.subject.clone(),
    )
}

/// Claims of one rule about one object become one, with all the pods.
fn merge(claims: Vec<Judgement>) -> Vec<Judgement> {
    let mut merged: BTreeMap<(&'static str, Ref), Judgement> = BTreeMap::new();
    for claim in claims {
        let key = (claim.rule.code, claim.subject.clone());
        match merged.get_mut(&key) {
            None => drop(merged.insert(key, claim)),
            Some(known) => {
                known.claim.seen.extend(claim.claim.seen);
                known.claim.since = known.claim.since.into_iter().chain(claim.claim.since).min();
            }
        }
    }
    merged.into_values().collect()
}

/// Of claims about the same pods and container, the most specific is believed.
fn compete(claims: Vec<Judgement>) -> Vec<Judgement> {
    let beaten = |claim: &Judgement| {
        claims.iter().any(|other| {
            let of_pods = claim.rule.effect.is_of_pods() && other.rule.effect.is_of_pods();
            let same_pods = !claim.claim.seen.is_disjoint(&other.claim.seen);
            let same_part =
                claim.claim.part.is_none() || other.claim.part.is_none() || claim.claim.part == other.claim.part;
            let stronger = (other.rule.weight, claim.rule.code) > (claim.rule.weight, other.rule.code);
            other.rule.code != claim.rule.code
                && of_pods
                && same_pods
                && same_part
                && other.subject == claim.subject
                && stronger
        })
    };
    claims.iter().filter(|claim| !beaten(claim)).cloned().collect()
}

/// For each claim, those that explain it. Of two that would explain each other, the more specific one does.
fn explainers(claims: &[Judgement], reaches: &[HashSet<(Ref, Effect)>]) -> Vec<Vec<usize>> {
    let reaches_it = |by: usize, at: usize| {
        let claim: &Judgement = &claims[at];
        let lesser = matches!(claim.rule.stance, Stance::Yields | Stance::Stands | Stance::Symptom);
        let intended = claims[by].rule.stance == Stance::Latent && claim.rule.stance == Stance::Stands;
        let mut places = std::iter::once(&claim.subject).chain(&claim.claim.seen);
        by != at && lesser && !intended && places.any(|place| reaches[by].contains(&(place.clone(), claim.rule.effect)))
    };
    (0..claims.len())
        .map(|at| {
            let weight = |one: usize| (claims[one].rule.weight, std::cmp::Reverse(one));
            (0..claims.len())
                .filter(|&by| reaches_it(by, at) && !(reaches_it(at, by) && weight(at) > weight(by)))
                .collect()
        })
        .collect()
}

/// Whether a claim's effect is a symptom, seen where the claim is made.
fn same(claim: &Judgement, symptom: &Symptom) -> bool {
    claim.rule.effect == symptom.effect
        || symptom.effect == Effect::CallsFail
        || claim.rule.effect.is_of_pods() && matches!(symptom.effect, Effect::Short | Effect::NotCreated)
        || claim.rule.effect.is_of_pods() && symptom.effect.is_of_pods() && !claim.claim.seen.is_disjoint(&symptom.seen)
}

fn covers(claim: &Judgement, reach: &HashSet<(Ref, Effect)>, symptom: &Symptom) -> bool {
    claim.places().any(|place| *place == symptom.object) && same(claim, symptom)
        || reach.iter().any(|(object, effect)| {
            *object == symptom.object
                && (*effect == symptom.effect || symptom.effect == Effect::Short && effect.is_of_pods())
        })
}

/// The intentions without which something stays unexplained, the one that explains most first.
fn latent(
    claims: &[Judgement],
    reaches: &[HashSet<(Ref, Effect)>],
    roots: &[usize],
    explainers: &[Vec<usize>],
    symptoms: &[Symptom],
) -> Vec<usize> {
    let covered = |by: usize, at: usize| covers(&claims[by], &reaches[by], &symptoms[at]);
    // A claim that would give way to an intention explains nothing in its stead.
    let firm = |root: &&usize| claims[**root].rule.stance != Stance::Yields || explainers[**root].is_empty();
    let firm: Vec<usize> = roots.iter().filter(firm).copied().collect();
    let mut open: Vec<usize> = (0..symptoms.len()).filter(|&at| !firm.iter().any(|&root| covered(root, at))).collect();
    let mut chosen = Vec::new();
    loop {
        let candidates =
            (0..claims.len()).filter(|&at| claims[at].rule.stance == Stance::Latent && !chosen.contains(&at));
        let gain =
            |by: usize| open.iter().filter(|&&at| covered(by, at) && symptoms[at].object != claims[by].subject).count();
        let best = candidates.map(|by| (gain(by), by)).filter(|(gain, _)| *gain > 0);
        let Some((_, best)) = best.max_by_key(|(gain, by)| (*gain, std::cmp::Reverse(*by))) else { return chosen };
        open.retain(|&at| !covered(best, at));
        chosen.push(best);
    }
}
