//! Autoscalers that cannot decide, and budgets that stand in the way.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::says;
use crate::eval::selector;
use crate::object::{Fields as _, Object, Ref};
use crate::rule::{Rule, Stance};
use crate::rules::manifests::{self, first};
use crate::scene::{Part, Role, Scene};
use crate::snapshot::Judged;
use crate::value::{Map, Value};

/// Words of the first minutes: metrics come later than pods.
const EARLY: [&str; 3] = ["no metrics returned", "did not receive metrics", "no recommendation"];

/// The condition of an autoscaler that cannot decide now, once that is not only because all is young.
pub(crate) fn inactive<'a>(scene: &Scene<'_>, scaler: &'a Object) -> Option<(String, &'a Value)> {
    let of = |kind: &str| scaler.condition(kind).filter(|(_, condition)| condition.text("/status") == "False");
    let (at, condition) = of("ScalingActive").or_else(|| of("AbleToScale"))?;
    if ["ScalingDisabled", "BackoffBoth", "BackoffDownscale", "BackoffUpscale"].contains(&condition.text("/reason"))
        || scaler.deletion().is_some()
    {
        return None;
    }
    // A text tells no more than how old the autoscaler is.
    let moment = condition.time("/lastTransitionTime").or_else(|| scaler.created());
    let since = moment.map_or(i64::MAX, |at| scene.now().since(at));
    let early = says(condition.text("/message"), &EARLY) && since < 300;
    (!early).then_some((at, condition))
}

fn said<'a>(
    scene: &Scene<'a>,
    scaler: &'a Object,
    reasons: &[&str],
    words: &[&str],
    what: &str,
) -> Judged<Option<Claim>> {
    let found = inactive(scene, scaler).filter(|(_, condition)| {
        reasons.contains(&condition.text("/reason")) && (words.is_empty() || says(condition.text("/message"), words))
    });
    Ok(found
        .map(|(at, _)| Claim::new(what).field(scaler, &format!("{at}/message")).field(scaler, &format!("{at}/reason"))))
}

fn target_missing<'a>(scene: &Scene<'a>, scaler: &'a Object) -> Judged<Option<Claim>> {
    let (kind, name) = (scaler.text("/spec/scaleTargetRef/kind"), scaler.text("/spec/scaleTargetRef/name"));
    let told = said(scene, scaler, &["FailedGetScale"], &[], "what it should scale does not exist")?;
    let absent = scene.snapshot.absent(kind, scaler.ns(), name).ok().flatten();
    Ok(told.map(|claim| claim.field(scaler, "/spec/scaleTargetRef/name").by_all(absent)))
}

/// Two autoscalers of one workload.
fn ambiguous<'a>(scene: &Scene<'a>, scaler: &'a Object) -> Judged<Option<Claim>> {
    if let Some(claim) =
        said(scene, scaler, &["AmbiguousSelector"], &[], "its pods are scaled by another autoscaler as well")?
    {
        let message = claim.proofs.first().map_or(String::new(), |proof| proof.saw.clone());
        let twins = |other: &&Object| message.contains(&format!("{}/{}", other.ns(), other.name()));
        let mut all: Vec<&Object> =
            scene.snapshot.within("HorizontalPodAutoscaler", scaler.ns()).filter(twins).collect();
        all.sort_by_key(|one| one.id.clone());
        let first = all.first().map_or(scaler.id.clone(), |one| one.id.clone());
        // With only one of them left, there is nobody to be mistaken for.
        if all.len() == 1 && scene.snapshot.every("HorizontalPodAutoscaler", scaler.ns()).is_ok() {
            return Ok(None);
        }
        let claim = match all.last() {
            Some(last) => {
                let text =
                    format!("kubectl -n {} delete hpa {}, its metrics put into the other", last.ns(), last.name());
                claim.fix(Fix::say(text).remove(last))
            }
            None => claim,
        };
        return Ok(Some(
            all.iter().fold(claim.about(first), |claim, one| claim.seen(one).field(one, "/spec/scaleTargetRef/name")),
        ));
    }
    Ok(None)
}

fn missing_request<'a>(scene: &Scene<'a>, scaler: &'a Object) -> Judged<Option<Claim>> {
    let claim = said(
        scene,
        scaler,
        &["FailedGetResourceMetric", "FailedGetContainerResourceMetric"],
        &["missing request for"],
        "a container has no request of what it scales by",
    )?;
    let target =
        Ref::new(scaler.text("/spec/scaleTargetRef/kind"), scaler.ns(), scaler.text("/spec/scaleTargetRef/name"));
    let mut pods = scene.snapshot.within("Pod", scaler.ns()).filter(|pod| scene.top(pod) == target);
    let Some((claim, pod)) = claim.as_ref().zip(pods.next()) else { return Ok(claim) };
    let said = claim.proofs.first().map_or("", |proof| proof.saw.as_str());
    let resource = if said.contains("missing request for memory") { "memory" } else { "cpu" };
    let amount = if resource == "memory" { "128Mi" } else { "100m" };
    let lacks = |part: &Part<'_>| {
        let asks = |side: &str| part.spec.at(&format!("/resources/{side}/{resource}")).is_some();
        part.role != Role::Init && !asks("requests") && !asks("limits")
    };
    let parts: Vec<Part<'_>> = Part::all(pod).into_iter().filter(lacks).collect();
    // They have been set in the meantime; the autoscaler will see it.
    if parts.is_empty() && pod.tells("/spec/containers/0/resources") {
        return Ok(None);
    }
    let at = |part: &Part<'_>| (format!("{}/resources/requests/{resource}", part.spec_at), amount.into());
    let changes: Vec<_> = parts.iter().map(at).collect();
    let words = format!("let every container ask for {resource}, by what it uses");
    Ok(Some(claim.clone().fix(Fix::patch(scene, pod, &words, &changes))))
}

fn no_metrics<'a>(scene: &Scene<'a>, scaler: &'a Object) -> Judged<Option<Claim>> {
    let words = [
        "could not find the requested resource",
        "unable to fetch metrics from resource metrics API",
        "no metrics returned",
        "unable to handle the request",
    ];
    said(
        scene,
        scaler,
        &["FailedGetResourceMetric", "FailedGetContainerResourceMetric"],
        &words,
        "the metrics API does not answer",
    )
}

/// Whether an autoscaler asks for metrics of a type; for the processor where it names none.
pub(crate) fn measures(scaler: &Object, kind: &str) -> bool {
    let metrics = scaler.list("/spec/metrics");
    metrics.iter().any(|one| one.text("/type") == kind) || metrics.is_empty() && kind == "Resource"
}

fn maxed<'a>(_: &Scene<'a>, scaler: &'a Object) -> Judged<Option<Claim>> {
    let limited = scaler
        .condition("ScalingLimited")
        .filter(|(_, one)| one.text("/status") == "True" && one.text("/reason") == "TooManyReplicas");
    let max = scaler.int("/spec/maxReplicas");
    let at_max = scaler.int("/status/desiredReplicas") >= max && max.is_some();
    // With one number for both somebody has chosen it.
    let chosen = scaler.int("/spec/minReplicas").or(Some(1)) == max;
    Ok(limited.filter(|_| at_max && !chosen).map(|(at, _)| {
        Claim::new("it wants more pods than it may make")
            .field(scaler, &format!("{at}/reason"))
            .field(scaler, "/spec/maxReplicas")
            .fix(Fix::say("raise maxReplicas, or make each pod do more").set(
                scaler,
                "/spec/maxReplicas",
                max.unwrap_or(1) * 2,
            ))
    }))
}

/// Whether a budget guards a pod. An empty selector is of all pods, and was of none before policy/v1.
fn guards(budget: &Object, pod: &Object) -> bool {
    let Some(wanted) = budget.at("/spec/selector") else { return false };
    let empty = wanted.map("/matchLabels").is_none_or(Map::is_empty) && wanted.list("/matchExpressions").is_empty();
    !(empty && budget.text("/apiVersion") == "policy/v1beta1") && selector::selects(wanted, pod.labels())
}

/// Budgets of one pod: the eviction API refuses when there are two.
fn several<'a>(scene: &Scene<'a>, budget: &'a Object) -> Judged<Option<Claim>> {
    let all = scene.snapshot.within("PodDisruptionBudget", budget.ns());
    let others: Vec<&Object> = all.filter(|other| other.id > budget.id).collect();
    let over = |pod: &&Object| !["Succeeded", "Failed"].contains(&pod.text("/status/phase"));
    let none = Map::new();
    let labels = budget.map("/spec/selector/matchLabels").unwrap_or(&none);
    let pods = scene.snapshot.labelled("Pod", budget.ns(), labels).filter(|_| !others.is_empty()).filter(over);
    let mut own = pods.filter(|pod| guards(budget, pod));
    let found = own.find_map(|pod| Some((pod, *others.iter().find(|other| guards(other, pod))?)));
    Ok(found.map(|(pod, other)| {
        let says = format!("it and {} both guard {}, so nothing can evict it", other.name(), scene.top(pod));
        Claim::new(says).field(budget, "/spec/selector").field(other, "/spec/selector").fix(
            Fix::say(format!("delete one of them: kubectl -n {} delete pdb {}", budget.ns(), other.name()))
                .remove(other),
        )
    }))
}

/// A budget that lets nobody go, while somebody wants to drain.
fn blocks<'a>(scene: &Scene<'a>, budget: &'a Object) -> Judged<Option<Claim>> {
    let none =
        budget.int("/status/disruptionsAllowed") == Some(0) && budget.int("/status/expectedPods").unwrap_or(0) > 0;
    let healthy = budget.int("/status/currentHealthy") >= budget.int("/status/expectedPods");
    let pods = scene.snapshot.within("Pod", budget.ns()).filter(|_| none && healthy);
    let drained = pods.filter(|pod| guards(budget, pod)).find_map(|pod| {
        let node = scene
            .snapshot
            .seen("Node", "", pod.text("/spec/nodeName"))
            .filter(|node| node.holds("/spec/unschedulable"))?;
        let mut events = scene.snapshot.events(pod).chain(scene.snapshot.events(node));
        events.find(|event| {
            says(event.message(), &["disruption budget"]) && event.last().is_some_and(|at| scene.now().since(at) < 3600)
        })
    });
    Ok(drained.map(|event| {
        Claim::new("it lets no pod go, and a drain waits for it")
            .field(budget, "/status/disruptionsAllowed")
            .field(event.0, event.pointer())
    }))
}

const HPA: Rule = Rule { on: &["HorizontalPodAutoscaler"], effect: Effect::NoMetrics, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "hpa.missing-request",
        means: "A container has no request of the resource that the autoscaler computes a share of.",
        proves: "The autoscaler's condition names the container.",
        refutes: "the request in every container, sidecars as well",
        fix: "set resources.requests for every container of the pods",
        judge: |scene, scaler| first(manifests::no_request(scene, scaler), || missing_request(scene, scaler)),
        ..HPA
    },
    Rule {
        code: "hpa.no-metrics-api",
        weight: 60,
        stance: Stance::Yields,
        means: "The metrics API does not answer: metrics-server is not installed, or broken.",
        proves: "The autoscaler's condition.",
        refutes: "kubectl top pods answering",
        fix: "install or repair metrics-server and its APIService",
        judge: no_metrics,
        ..HPA
    },
    Rule {
        code: "hpa.target-missing",
        means: "What the autoscaler should scale does not exist, or cannot be scaled.",
        proves: "The autoscaler's condition FailedGetScale.",
        refutes: "the object with a scale subresource",
        fix: "correct scaleTargetRef",
        judge: |scene, scaler| first(manifests::no_target(scene, scaler), || target_missing(scene, scaler)),
        ..HPA
    },
    Rule {
        code: "hpa.ambiguous-selector",
        weight: 90,
        means: "Two autoscalers scale the same pods, so neither does.",
        proves: "The condition AmbiguousSelector names both.",
        refutes: "one autoscaler for the pods",
        fix: "delete one of them, or put its metrics into the other",
        judge: ambiguous,
        ..HPA
    },
    Rule {
        code: "hpa.custom-metric-missing",
        stance: Stance::Yields,
        means: "Nobody serves the metric that the autoscaler wants.",
        proves: "The autoscaler's condition.",
        refutes: "the metric in the custom or external metrics API",
        fix: "install the adapter that serves it, or correct the metric's name",
        judge: |scene, scaler| {
            said(
                scene,
                scaler,
                &["FailedGetPodsMetric", "FailedGetObjectMetric", "FailedGetExternalMetric"],
                &[],
                "nobody serves the metric that it wants",
            )
        },
        ..HPA
    },
    Rule {
        code: "hpa.maxed",
        effect: Effect::Latent,
        confidence: Confidence::Likely,
        means: "The autoscaler is at its maximum and wants more.",
        proves: "ScalingLimited with TooManyReplicas.",
        refutes: "usage below the target at this size",
        fix: "raise maxReplicas, or make each pod do more",
        judge: maxed,
        ..HPA
    },
    Rule {
        code: "pdb.multiple",
        on: &["PodDisruptionBudget"],
        effect: Effect::Latent,
        means: "Two disruption budgets guard the same pods; the eviction API refuses to choose.",
        proves: "Both selectors select a running pod.",
        refutes: "each pod being selected by one budget",
        fix: "merge them into one",
        judge: several,
        ..HPA
    },
    Rule {
        code: "pdb.blocks-eviction",
        on: &["PodDisruptionBudget"],
        effect: Effect::Latent,
        means: "A disruption budget allows no disruption, though all pods are healthy, and a drain waits.",
        proves: "disruptionsAllowed is 0, and an eviction was refused on a cordoned node.",
        refutes: "minAvailable below the number of replicas",
        fix: "lower minAvailable, or run one replica more",
        judge: |scene, budget| first(manifests::budget(scene, budget), || blocks(scene, budget)),
        ..HPA
    },
];
