//! From a snapshot to findings: every rule judges every object of its kinds, and the roots among their claims are
//! chosen.

mod judging;

use std::collections::BTreeSet;

use crate::cause::graph::Graph;
use crate::cause::roots::{self, Judgement, Root};
use crate::cause::symptoms::{self, Symptom};
use crate::cause::{Edge, Effect, travels};
use crate::claim::{Change, Claim, Fix};
use crate::object::{Object, Ref};
use crate::report::{Explained, Finding, Mend, Report, Unexplained};
use crate::scene::Scene;
use crate::snapshot::{Need, Proof, Snapshot, is_fact};
use crate::time::Time;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// All of it.
    Everything,
    /// One object, what it belongs to and what it depends on.
    Object(Ref),
    /// A namespace.
    Namespace(String),
}

/// Answers a question about a snapshot.
pub fn diagnose(snapshot: &Snapshot, question: &Question) -> Report {
    let scene = Scene::new(snapshot);
    let (claims, needs) = judging::judge(&scene);
    let graph = Graph::of(&scene);
    let symptoms = symptoms::find(&scene);
    let (roots, open) = roots::choose(claims, &graph, &symptoms);
    let roots = roots.into_iter().filter(|root| concerns(&scene, question, root, &symptoms));
    let findings: Vec<Finding> = roots.map(|root| finding(&scene, root, &symptoms)).collect();
    let near = |id: &Ref| is_about(&scene, question, id);
    // What is wrong elsewhere, and is felt where the question is, belongs to the answer though it names no cause.
    let felt = |one: &Symptom| graph.reach(&one.object, one.effect).iter().any(|(object, _)| near(object));
    let open = open.iter().filter(|open| near(&symptoms[open.symptom].object) || felt(&symptoms[open.symptom]));
    let unexplained: Vec<Unexplained> = open.map(|open| unexplained(&symptoms[open.symptom], &open.said)).collect();
    // What could not be decided matters where something is wrong; a healthy cluster need not be listed whole.
    // Of manifests nobody expects that they tell of the cluster.
    let quiet =
        findings.is_empty() && unexplained.is_empty() && symptoms.is_empty() || snapshot.coverage().is_of_manifests();
    let mut unknown: BTreeSet<Need> = if quiet { BTreeSet::new() } else { needs };
    // Nothing wrong in a text may be something wrong that the text does not tell.
    if findings.is_empty() {
        unknown.extend(snapshot.untold());
    }
    unknown.extend(snapshot.rumours());
    unknown.extend(snapshot.coverage().gaps());
    unknown.extend(snapshot.lacks.iter().cloned());
    unknown.extend(snapshot.damage.iter().map(|what| Need::new("read the whole source", what)));
    Report::new(snapshot, findings, unexplained, unknown.into_iter().collect())
}

/// Every claim of every rule, before roots are chosen: code, object, proofs.
pub fn claims(snapshot: &Snapshot) -> Vec<(&'static str, Ref, Vec<Proof>)> {
    let (claims, _) = judging::judge(&Scene::new(snapshot));
    claims.into_iter().map(|claim| (claim.rule.code, claim.subject, claim.claim.proofs)).collect()
}

/// Whether an object is, belongs to, or owns what was asked about.
fn is_about(scene: &Scene<'_>, question: &Question, object: &Ref) -> bool {
    match question {
        Question::Everything => true,
        Question::Namespace(namespace) => {
            object.namespace == *namespace || object.kind == "Namespace" && object.name == *namespace
        }
        Question::Object(asked) if asked.kind == "Node" && is_fact(&object.kind) => object.namespace == asked.name,
        Question::Object(asked) => {
            let top = |id: &Ref| scene.snapshot.find(id).map_or_else(|| id.clone(), |found| scene.top(found));
            *object == *asked || top(object) == top(asked)
        }
    }
}

/// Whether a root has to do with the question: it is the answer, or explains something that was asked about.
fn concerns(scene: &Scene<'_>, question: &Question, root: &Root, symptoms: &[Symptom]) -> bool {
    let judgement = &root.judgement;
    // What was tried was tried for this question.
    let tried = judgement.claim.proofs.iter().any(|proof| proof.at.starts_with("Probe/"));
    tried
        || is_about(scene, question, &judgement.subject)
        || judgement.members.iter().chain(&judgement.claim.seen).any(|object| is_about(scene, question, object))
        || root.explains.iter().any(|&at| is_about(scene, question, &symptoms[at].object))
        || root.behind.iter().any(|(object, _)| is_about(scene, question, object))
}

fn finding(scene: &Scene<'_>, root: Root, symptoms: &[Symptom]) -> Finding {
    let Judgement { rule, subject, claim, members } = &root.judgement;
    let mut explains: BTreeSet<Explained> = BTreeSet::new();
    let mut add = |object: &Ref, effect: &str| {
        if object != subject {
            explains.insert(Explained { object: object.clone(), effect: effect.to_owned() });
        }
    };
    for &at in &root.explains {
        let symptom = &symptoms[at];
        add(&symptom.object, symptom.effect.words());
        symptom.seen.iter().for_each(|pod| add(pod, symptom.effect.words()));
    }
    root.behind.iter().for_each(|(object, effect)| add(object, effect.words()));
    // A pod that calls in vain is no way that leads nowhere.
    let calls_fail = travels(Edge::Calls, rule.effect).any(|effect| effect == Effect::CallsFail);
    let is_caller = |object: &Ref| {
        let foreign = |pod: &Object| pod.id.kind == "Pod" && scene.top(pod) != *subject;
        calls_fail && scene.snapshot.find(object).is_some_and(foreign)
    };
    for object in members.iter().chain(&claim.seen) {
        add(object, if is_caller(object) { Effect::CallsFail } else { rule.effect }.words());
    }
    // That calls fail says less than what else is wrong with the same object.
    let calls = Effect::CallsFail.words();
    let more: BTreeSet<Ref> = explains.iter().filter(|one| one.effect != calls).map(|one| one.object.clone()).collect();
    explains.retain(|one| one.effect != calls || !more.contains(&one.object));
    let fix = claim.fix.clone().unwrap_or_else(|| Fix::say(rule.fix));
    let mend = Mend { verified: vanishes(scene, &root.judgement, &fix), text: fix.text, changes: fix.changes };
    Finding {
        code: rule.code,
        object: subject.clone(),
        confidence: root.judgement.confidence(),
        says: claim.says.clone(),
        // Ages without the moment that they are told at are no dates.
        since: claim.since.filter(|_| scene.now() > Time(0)).map(|since| since.to_string()),
        proofs: claim.proofs.clone(),
        explains: explains.into_iter().collect(),
        refuted_by: rule.refutes,
        fix: mend,
    }
}

fn unexplained(symptom: &Symptom, said: &[Claim]) -> Unexplained {
    let mut proofs = symptom.proofs.clone();
    proofs.extend(
        said.iter().flat_map(|claim| &claim.proofs).filter(|proof| !symptom.proofs.contains(proof)).take(3).cloned(),
    );
    Unexplained {
        object: symptom.object.clone(),
        effect: symptom.effect.words().to_owned(),
        says: said.first().map(|claim| claim.says.clone()).or_else(|| symptom.says.clone()),
        proofs,
        test: symptom.test.clone(),
    }
}

/// Whether the finding is gone from the snapshot as it would be after the mend.
fn vanishes(scene: &Scene<'_>, found: &Judgement, fix: &Fix) -> bool {
    let Judgement { rule, subject, members, .. } = found;
    let Some(mended) = fix.applied(scene.snapshot) else { return false };
    let changed: Vec<Ref> = fix.changes.iter().filter_map(Change::object).collect();
    let scene = Scene::after(scene, &mended, &changed.iter().collect::<Vec<_>>());
    let objects = rule.kinds().flat_map(|kind| mended.all(kind));
    let mut claims = objects.filter_map(|object| {
        let claim = (rule.judge)(&scene, object).ok().flatten()?;
        Some(claim.subject.unwrap_or_else(|| scene.top(object)))
    });
    !claims.any(|claimed| claimed == *subject || members.contains(&claimed))
}
