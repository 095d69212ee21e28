//! What is wrong now and wants a cause: states, never events. Nothing here is printed as a root.

mod lines;

use std::collections::{BTreeSet, HashMap};

use super::Effect;
use crate::eval::endpoints;
use crate::eval::messages::start;
use crate::object::{Fields as _, Object, Ref};
use crate::rules::termination;
use crate::scene::{Part, Role, Scene};
use crate::snapshot::Proof;

/// Something that is wrong, and which test tells most about it.
#[derive(Debug, Clone)]
pub struct Symptom {
    /// With what; for a pod its topmost controller.
    pub object: Ref,
    /// What.
    pub effect: Effect,
    /// The pods in which it shows.
    pub seen: BTreeSet<Ref>,
    /// What is known of it, though it names no cause.
    pub says: Option<String>,
    /// Where it is read.
    pub proofs: Vec<Proof>,
    /// The cheapest test that would tell more.
    pub test: String,
    /// Whether it is worth saying when nothing explains it: not a log's complaint alone.
    pub hard: bool,
}

/// All of them.
pub fn find(scene: &Scene<'_>) -> Vec<Symptom> {
    let mut found = Vec::new();
    pods(scene, &mut found);
    workloads(scene, &mut found);
    storage(scene, &mut found);
    rest(scene, &mut found);
    lines::find(scene, &mut found);
    lines::held(scene, &mut found);
    for call in scene.calls() {
        let seen = BTreeSet::from([call.pod.id.clone()]);
        let proofs = vec![call.proof.clone()];
        let test = format!("fathom enter pod/{} and call {} by hand", call.pod.name(), call.host);
        let object = scene.top(call.pod);
        let says = lines::unresolved(call);
        // A text may leave out what would explain it, so that nothing else can.
        let (test, hard) = match &says {
            Some((_, test)) => (test.clone(), true),
            None => (test, false),
        };
        let says = says.map(|(says, _)| says);
        found.push(Symptom { object, effect: Effect::CallsFail, seen, says, proofs, test, hard });
    }
    lines::hear(scene, &mut found);
    found
}

fn symptom(object: &Object, effect: Effect, pointer: &str, test: String) -> Symptom {
    let proofs = vec![Proof::field(object, pointer)];
    let object = object.id.clone();
    Symptom { object, effect, seen: BTreeSet::new(), says: None, proofs, test, hard: true }
}

fn pods(scene: &Scene<'_>, found: &mut Vec<Symptom>) {
    let mut known: HashMap<(Ref, Effect), usize> = HashMap::new();
    for trouble in scene.troubles() {
        let (pod, object) = (trouble.pod, scene.top(trouble.pod));
        let proof = trouble.part.as_ref().and_then(|part| {
            let fields = ["/state/waiting/reason", "/state/terminated/reason", "/ready"];
            fields.iter().filter(|at| **at != "/ready" || pod.at(lines::STATUS).is_none()).find_map(|at| part.saw(at))
        });
        let proof = proof.unwrap_or_else(|| lines::proof(pod, trouble.effect));
        let test = match trouble.effect {
            _ if pod.id.kind == "Container" => {
                format!("read what {} wrote, and what its engine says of it", pod.name())
            }
            Effect::Crashing | Effect::Failed if ran(pod) => logs_of(pod, trouble.part.as_ref()),
            _ => format!("kubectl -n {} describe pod {}", pod.ns(), pod.name()),
        };
        match known.get(&(object.clone(), trouble.effect)) {
            Some(&at) => drop(found[at].seen.insert(pod.id.clone())),
            None => {
                known.insert((object.clone(), trouble.effect), found.len());
                let seen = BTreeSet::from([pod.id.clone()]);
                let says = lines::says(pod, trouble.effect);
                let waits = trouble.effect == Effect::NotStarted && trouble.part.is_none();
                let told = || lines::of_kubelet(scene, pod, &start::SETUP).filter(|_| waits);
                let warning = lines::warning(scene, pod).or_else(told);
                let proofs = std::iter::once(proof).chain(warning).collect();
                found.push(Symptom { object, effect: trouble.effect, seen, says, proofs, test, hard: true });
            }
        }
    }
}

/// Whether a container of a pod may have written something, and is told apart from others.
fn ran(pod: &Object) -> bool {
    let refused = pod.at("/status/reason").is_some() && pod.list("/status/containerStatuses").is_empty();
    let nameless = pod.list("/spec/initContainers").iter().any(|one| one.text("/name").is_empty());
    !refused && !nameless
}

/// What a container wrote before it ended: in the run before, where it was started again.
fn logs_of(pod: &Object, part: Option<&Part<'_>>) -> String {
    let parts = Part::all(pod);
    let failed = || parts.iter().find(|part| part.end().is_some() && part.exit() != Some(0));
    let part = part.or_else(failed);
    let named = part.filter(|part| !part.name().is_empty() && (part.role != Role::Main || parts.len() > 1));
    let several = pod.text(lines::READY).split_once('/').is_some_and(|(_, of)| of != "1");
    let any = if several && parts.iter().all(|part| part.name().is_empty()) { " --all-containers" } else { "" };
    let container = named.map_or(any.to_owned(), |part| format!(" -c {}", part.name()));
    let before = if part.is_none_or(|part| part.restarts() > 0) { " --previous" } else { "" };
    format!("kubectl -n {} logs {}{container}{before}", pod.ns(), pod.name())
}

/// Controllers that do not get what they want, though none of their pods is in trouble.
fn workloads(scene: &Scene<'_>, found: &mut Vec<Symptom>) {
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet"] {
        for object in scene.snapshot.all(kind).filter(|one| one.deletion().is_none() && scene.lives(one.ns())) {
            let test = format!("kubectl -n {} describe {} {}", object.ns(), kind.to_lowercase(), object.name());
            let true_of =
                |name: &str| object.condition(name).filter(|(_, condition)| condition.text("/status") == "True");
            if let Some((at, _)) = true_of("ReplicaFailure") {
                let top = scene.top(object);
                if found.iter().any(|one| one.object == top && one.effect == Effect::NotCreated) {
                    continue;
                }
                found.push(Symptom {
                    object: top,
                    ..symptom(object, Effect::NotCreated, &format!("{at}/message"), test)
                });
            } else if kind == "Job"
                && let Some((at, failed)) = true_of("Failed")
                && object.controller().is_none()
            {
                let field = if failed.at("/reason").is_some() { "reason" } else { "type" };
                found.push(symptom(object, Effect::Failed, &format!("{at}/{field}"), test));
            } else if kind == "Deployment"
                && let Some((at, progress)) = object.condition("Progressing")
                && progress.text("/reason") == "ProgressDeadlineExceeded"
            {
                found.push(symptom(object, Effect::Short, &format!("{at}/reason"), test));
            }
        }
    }
    for service in scene.snapshot.all("Service").filter(|one| scene.lives(one.ns()) && !scene.is_served(one)) {
        let pods = endpoints::selected(scene.snapshot, service);
        if pods.iter().any(|pod| scene.trouble(pod).is_some()) {
            let test = format!(
                "kubectl -n {} get endpointslices -l kubernetes.io/service-name={}",
                service.ns(),
                service.name()
            );
            found.push(symptom(service, Effect::NoEndpoints, "/spec/selector", test));
        }
    }
}

fn storage(scene: &Scene<'_>, found: &mut Vec<Symptom>) {
    for claim in scene.snapshot.all("PersistentVolumeClaim").filter(|claim| claim.text("/status/phase") == "Pending") {
        if claim.deletion().is_none()
            && !crate::rules::storage::waits_for_consumer(scene, claim)
            && scene.age(claim) > 60
        {
            let test = format!("kubectl -n {} describe pvc {}", claim.ns(), claim.name());
            found.push(symptom(claim, Effect::Unbound, "/status/phase", test));
        }
    }
}

fn rest(scene: &Scene<'_>, found: &mut Vec<Symptom>) {
    for node in scene.snapshot.all("Node") {
        if let Some((at, ready)) = node.condition("Ready")
            && ready.text("/status") != "True"
            && !scene.is_settling(node)
        {
            let described = ready.at("/message").is_some();
            let test = match described {
                true => format!("on {}: journalctl -u kubelet --since -1h", node.name()),
                false => format!("kubectl describe node {}", node.name()),
            };
            found.push(symptom(node, Effect::Lost, &format!("{at}/status"), test));
        }
    }
    for object in scene.snapshot.objects() {
        let Some(deletion) = object.deletion() else { continue };
        // The grace period is in the moment already; garbage collection and kubelets get a minute.
        let grace = match termination::foreign(object) {
            _ if termination::ends_pods(scene, object) => i64::MAX,
            Some(_) => termination::PATIENCE,
            None if object.id.kind == "Pod" => 60,
            None => 120,
        };
        if scene.now().since(deletion) > grace && scene.lives(object.ns()) {
            let test = format!("kubectl get {} {} -o yaml", object.id.kind.to_lowercase(), object.name());
            let mut stuck = symptom(object, Effect::Stuck, "/metadata/deletionTimestamp", test);
            stuck.proofs.extend(lines::of_kubelet(scene, object, &["FailedKillPod"]));
            found.push(stuck);
        }
    }
    for scaler in scene.snapshot.all("HorizontalPodAutoscaler") {
        if let Some((at, _)) = crate::rules::autoscaling::inactive(scene, scaler) {
            let test = format!("kubectl -n {} describe hpa {}", scaler.ns(), scaler.name());
            found.push(symptom(scaler, Effect::NoMetrics, &format!("{at}/message"), test));
        }
    }
}
