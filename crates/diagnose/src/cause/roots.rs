//! The choice of roots: the fewest claims that explain what is wrong, by the table of effects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

    /// What is not there, by its proofs.
    fn lacks(&self) -> impl Iterator<Item = Ref> {
        let whole = |at: &&str| !at.contains('#') && !at.starts_with("log:");
        self.claim.proofs.iter().map(|proof| proof.at.as_str()).filter(whole).filter_map(Ref::parse)
    }

    /// What it explains elsewhere.
    fn reach(&self, graph: &Graph) -> Reach {
        let mut reach = Reach::new();
        let own = self.members.iter().map(|member| (member.clone(), self.rule.effect));
        let effect = self.rule.effect;
        let elsewhere = self.places().flat_map(|place| graph.reach_of(place, effect, &self.claim));
        for (object, effect) in elsewhere.chain(own) {
            reach.entry(object).or_default().insert(effect);
        }
        reach
    }
}

/// What a claim explains elsewhere: objects, and what they suffer from.
type Reach = HashMap<Ref, BTreeSet<Effect>>;

/// Claims, and which of them have to do with an object: a large cluster has too many to compare each with each.
struct Field<'a> {
    claims: &'a [Judgement],
    reaches: Vec<Reach>,
    /// By the objects that they are about.
    about: HashMap<&'a Ref, Vec<usize>>,
    /// By the objects that they are about or explain something of.
    near: HashMap<Ref, BTreeSet<usize>>,
}

impl<'a> Field<'a> {
    fn new(claims: &'a [Judgement], graph: &Graph) -> Field<'a> {
        let reaches: Vec<Reach> = claims.iter().map(|claim| claim.reach(graph)).collect();
        let mut about: HashMap<&Ref, Vec<usize>> = HashMap::new();
        let mut near: HashMap<Ref, BTreeSet<usize>> = HashMap::new();
        for (at, claim) in claims.iter().enumerate() {
            about.entry(&claim.subject).or_default().push(at);
            for object in claim.places().chain(reaches[at].keys()) {
                near.entry(object.clone()).or_default().insert(at);
            }
        }
        Field { claims, reaches, about, near }
    }

    /// The claims about an object.
    fn about(&self, object: &Ref) -> impl Iterator<Item = usize> {
        self.about.get(object).into_iter().flatten().copied()
    }

    /// The claims about an object, and those that explain something of it.
    fn near(&self, object: &Ref) -> impl Iterator<Item = usize> {
        self.near.get(object).into_iter().flatten().copied()
    }

    /// Whether a claim says, or explains, that this object suffers from this.
    fn reaches(&self, by: usize, object: &Ref, effect: Effect) -> bool {
        self.reaches[by].get(object).is_some_and(|effects| effects.contains(&effect))
    }

    fn covers(&self, by: usize, symptom: &Symptom) -> bool {
        let claim = &self.claims[by];
        claim.places().any(|place| *place == symptom.object) && same(claim, symptom)
            || self.reaches[by].get(&symptom.object).is_some_and(|effects| {
                effects.contains(&symptom.effect)
                    || symptom.effect == Effect::Short && effects.iter().any(|effect| effect.is_of_pods())
            })
    }

    /// The claims that explain a symptom.
    fn covering(&self, symptom: &Symptom) -> Vec<usize> {
        self.near(&symptom.object).filter(|&by| self.covers(by, symptom)).collect()
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
    // What is beaten where it was seen is none of the many that share a cause.
    let claims = compete(lift::lift(compete(merge(claims))));
    let field = Field::new(&claims, graph);
    let explainers = explainers(&field);
    let covering: Vec<Vec<usize>> = symptoms.iter().map(|symptom| field.covering(symptom)).collect();
    let mut roots: BTreeSet<usize> = BTreeSet::new();
    for (at, claim) in claims.iter().enumerate() {
        let may = !matches!(claim.rule.stance, Stance::Latent | Stance::Symptom);
        if may && explainers[at].iter().all(|&by| claims[by].rule.stance == Stance::Latent) {
            roots.insert(at);
        }
    }
    // Claims that only an intention explains make that intention a cause; they are consequences then.
    for at in latent(&claims, &covering, &roots, &explainers, symptoms) {
        roots.retain(|&root| !(claims[root].rule.stance == Stance::Yields && explainers[root].contains(&at)));
        roots.insert(at);
    }
    let mut found: BTreeMap<usize, Root> = BTreeMap::new();
    for &root in &roots {
        let judgement = claims[root].clone();
        found.insert(root, Root { judgement, explains: Vec::new(), behind: Vec::new() });
    }
    for (at, by) in covering.iter().enumerate().flat_map(|(at, all)| all.iter().map(move |by| (at, by))) {
        found.entry(*by).and_modify(|root| root.explains.push(at));
    }
    for (at, by) in explainers.iter().enumerate().flat_map(|(at, all)| all.iter().map(move |by| (at, by))) {
        let consequence = || (claims[at].subject.clone(), claims[at].rule.effect);
        if !roots.contains(&at) {
            found.entry(*by).and_modify(|root| root.behind.push(consequence()));
        }
    }
    let mut found: Vec<Root> = found.into_values().collect();
    found.sort_by(|a, b| rank(a).cmp(&rank(b)));
    // What a claim says that is itself a consequence is explained with it.
    // So is it where nobody knows why another is as it is: that one is said to be unexplained, and once is enough.
    let is_open = |by: usize, symptom: &Symptom| {
        let other = claims[by].subject != symptom.object;
        claims[by].rule.stance == Stance::Symptom && explainers[by].is_empty() && other
    };
    let is_behind = |symptom: &Symptom| {
        let ends = |by: &usize| roots.contains(by) || is_open(*by, symptom);
        field.about(&symptom.object).any(|claim| explainers[claim].iter().any(ends) && same(&claims[claim], symptom))
    };
    let said = |symptom: &Symptom| {
        let about = field.about(&symptom.object).map(|at| &claims[at]);
        about.filter(|claim| claim.rule.stance == Stance::Symptom).map(|claim| claim.claim.clone()).collect()
    };
    let covered = |at: usize| covering[at].iter().any(|by| roots.contains(by));
    let open = symptoms.iter().enumerate().filter(|(at, one)| one.hard && !covered(*at) && !is_behind(one));
    let open = open.map(|(at, symptom)| Open { symptom: at, said: said(symptom) }).collect();
    (found, open)
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
    let mut about: HashMap<&Ref, Vec<&Judgement>> = HashMap::new();
    for claim in claims.iter().filter(|claim| claim.rule.effect.is_of_pods()) {
        about.entry(&claim.subject).or_default().push(claim);
    }
    let beaten = |claim: &Judgement| {
        let others = about.get(&claim.subject).filter(|_| claim.rule.effect.is_of_pods());
        others.into_iter().flatten().any(|other| {
            let same_pods = !claim.claim.seen.is_disjoint(&other.claim.seen);
            let same_part =
                claim.claim.part.is_none() || other.claim.part.is_none() || claim.claim.part == other.claim.part;
            let stronger = (other.rule.weight, claim.rule.code) > (claim.rule.weight, other.rule.code);
            other.rule.code != claim.rule.code && same_pods && same_part && stronger
        })
    };
    claims.iter().filter(|claim| !beaten(claim)).cloned().collect()
}

/// For each claim, those that explain it. Of two that would explain each other, the more specific one does.
fn explainers(field: &Field<'_>) -> Vec<Vec<usize>> {
    let claims = field.claims;
    let places = |at: usize| std::iter::once(&claims[at].subject).chain(&claims[at].claim.seen);
    // What many share is explained by what explains it of each.
    let of_all = |by: usize, claim: &Judgement| {
        !claim.members.is_empty() && claim.members.iter().all(|one| field.reaches(by, one, claim.rule.effect))
    };
    let lacks: Vec<Vec<Ref>> = claims.iter().map(|claim| claim.lacks().collect()).collect();
    let reaches_it = |by: usize, at: usize| {
        let claim: &Judgement = &claims[at];
        let lesser = matches!(claim.rule.stance, Stance::Yields | Stance::Stands | Stance::Symptom);
        let intended = claims[by].rule.stance == Stance::Latent && claim.rule.stance == Stance::Stands;
        let part = |one: usize| claims[one].claim.part.as_ref();
        // What one container calls in vain is no reason for what another one of the same pods suffers.
        let apart =
            claims[by].subject == claim.subject && part(by).zip(part(at)).is_some_and(|(one, other)| one != other);
        // Whoever should have made what it lacks is the reason, however sure it is by itself.
        let lacking = || lacks[at].iter().any(|what| field.reaches(by, what, Effect::Absent));
        by != at
            && !intended
            && !apart
            && (lesser && (places(at).any(|place| field.reaches(by, place, claim.rule.effect)) || of_all(by, claim))
                || lacking())
    };
    let of = |at: usize| {
        let weight = |one: usize| (claims[one].rule.weight, std::cmp::Reverse(one));
        let near: BTreeSet<usize> =
            places(at).chain(&claims[at].members).chain(&lacks[at]).flat_map(|place| field.near(place)).collect();
        let explains = |by: &usize| reaches_it(*by, at) && !(reaches_it(at, *by) && weight(at) > weight(*by));
        near.into_iter().filter(explains).collect()
    };
    (0..claims.len()).map(of).collect()
}

/// Whether a claim's effect is a symptom, seen where the claim is made.
fn same(claim: &Judgement, symptom: &Symptom) -> bool {
    // What a workload says of itself, whatever became of its pods.
    let own = matches!(symptom.effect, Effect::Short | Effect::NotCreated)
        || symptom.effect == Effect::Failed && symptom.seen.is_empty();
    claim.rule.effect == symptom.effect
        || symptom.effect == Effect::CallsFail
        // A node without a network is not ready.
        || (claim.rule.effect, symptom.effect) == (Effect::NoNetwork, Effect::Lost)
        || claim.rule.effect.is_of_pods() && own
        || claim.rule.effect.is_of_pods() && symptom.effect.is_of_pods() && !claim.claim.seen.is_disjoint(&symptom.seen)
}

/// The intentions without which something stays unexplained, the one that explains most first.
fn latent(
    claims: &[Judgement],
    covering: &[Vec<usize>],
    roots: &BTreeSet<usize>,
    explainers: &[Vec<usize>],
    symptoms: &[Symptom],
) -> Vec<usize> {
    // A claim that would give way to an intention explains nothing in its stead.
    let firm =
        |by: &usize| roots.contains(by) && (claims[*by].rule.stance != Stance::Yields || explainers[*by].is_empty());
    let mut open: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, by) in covering.iter().enumerate().filter(|(_, all)| !all.iter().any(firm)) {
        let latent = by.iter().copied().filter(|&by| claims[by].rule.stance == Stance::Latent);
        open.insert(at, latent.collect());
    }
    let mut chosen = Vec::new();
    loop {
        let mut gains: BTreeMap<usize, usize> = BTreeMap::new();
        for (&at, by) in &open {
            let elsewhere = by.iter().filter(|&&by| symptoms[at].object != claims[by].subject);
            elsewhere.for_each(|&by| *gains.entry(by).or_default() += 1);
        }
        let best = gains.into_iter().max_by_key(|(by, gain)| (*gain, std::cmp::Reverse(*by)));
        let Some((best, _)) = best else { return chosen };
        open.retain(|_, by| !by.contains(&best));
        chosen.push(best);
    }
}
