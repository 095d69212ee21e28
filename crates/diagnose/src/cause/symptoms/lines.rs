//! What a line of a table, or the counts of a workload, shows to be wrong where nothing else was given: who suffers, in
//! the words that were printed. Which cause it has no line tells.

use super::{Effect, Symptom};
use crate::eval::messages::call::CallFault;
use crate::object::{Fields as _, Object, Ref, View};
use crate::scene::{Call, Part, Scene};
use crate::snapshot::{Event, Proof};

/// The cells of a line, as they were printed.
pub(super) const STATUS: &str = "/row/STATUS";
pub(super) const READY: &str = "/row/READY";

/// How long something may be short of what it wants before that is a fault, in seconds.
const PATIENCE: i64 = 60;
/// How long a job of which only a line is known may run, in seconds.
const RUNS: i64 = 600;

/// What a word in a table means, where it names no cause: (word, what is known).
const WORDS: &[(&str, &str)] = &[
    ("ContainerCreating", "its volumes, its network or its image are not there yet; its events say which"),
    ("PodInitializing", "its init containers are done, and its containers are not made; its events say why"),
    (
        "Pending",
        "it waits for a node, or for the kubelet of one; its events, or NODE of `get pods -o wide`, tell which",
    ),
    ("ImagePullBackOff", "its image cannot be pulled; its events say why"),
    ("ErrImagePull", "its image cannot be pulled; its events say why"),
    ("InvalidImageName", "the name of its image is not one"),
    ("ErrImageNeverPull", "its image is not on its node, and it may not be pulled"),
    (
        "CreateContainerConfigError",
        "a ConfigMap, a Secret or a key that it refers to is not there; its events say which",
    ),
    ("CreateContainerError", "the runtime cannot make its container; its events say why"),
    ("RunContainerError", "the runtime cannot start its container; its events say why"),
    ("CrashLoopBackOff", "a container of it ends again and again; what it wrote before, and its exit code, tell why"),
    ("Error", "a container of it ended with another status than 0; what it wrote before tells why"),
    ("OOMKilled", "a container of it was killed for memory"),
    ("Unknown", "nobody has heard of it since its node was lost"),
    ("SchedulingGated", "a scheduling gate holds it back"),
    ("Evicted", "its node was short of something, and it was made to go; its message says of what"),
];

/// What is known of a pod by the word that a table has for it.
pub(super) fn says(pod: &Object, effect: Effect) -> Option<String> {
    let status = pod.text(STATUS);
    let partly = status.is_empty() && pod.view() == View::Listed;
    if (status == "Pending" || partly) && effect == Effect::Unscheduled {
        return Some("no node takes it; the scheduler's last word about it says why".to_owned());
    }
    let (init, word) = status.strip_prefix("Init:").map_or((false, status), |word| (true, word));
    if init && word.contains('/') {
        return Some(format!("{word} of its init containers are done, and the next one does not end"));
    }
    let known = WORDS.iter().find(|(known, _)| *known == word).map(|(_, says)| *says)?;
    Some(if init { format!("in an init container: {known}") } else { known.to_owned() })
}

/// The cell that shows what a pod suffers from; its phase where it came from no table.
pub(super) fn proof(pod: &Object, effect: Effect) -> Proof {
    let running = effect == Effect::NotReady && pod.text(STATUS) == "Running";
    let cell = if running { READY } else { STATUS };
    Proof::field(pod, if pod.at(cell).is_some() { cell } else { "/status/phase" })
}

/// The last warning about an object of which little else is known.
pub(super) fn warning(scene: &Scene<'_>, object: &Object) -> Option<Proof> {
    let partly = object.view() != View::Whole;
    let warnings = || scene.snapshot.events(object).rev().filter(|event| event.warns());
    // `Error: ErrImagePull` and a back-off say that it failed, and another one says how.
    let vague = |event: &Event<'_>| {
        let message = event.message();
        message.starts_with("Back-off") || message.strip_prefix("Error: ").is_some_and(|word| !word.contains(' '))
    };
    let event = warnings().find(|event| !vague(event)).or_else(|| warnings().next()).filter(|_| partly)?;
    Some(Proof::field(event.0, event.pointer()))
}

/// The last that the kubelet says with one of these reasons of what it does for a pod: no container can tell.
pub(super) fn of_kubelet(scene: &Scene<'_>, pod: &Object, reasons: &[&str]) -> Option<Proof> {
    let mut told = scene.snapshot.events(pod).rev();
    let event = told.find(|event| reasons.contains(&event.reason()))?;
    Some(Proof::field(event.0, event.pointer()))
}

/// A service's name that does not resolve in a pod of which a text does not tell whom it asks: what is known, and what
/// tells more.
pub(super) fn unresolved(call: &Call<'_>) -> Option<(String, String)> {
    let named = matches!(call.fault, CallFault::NoName | CallFault::NoResolver);
    let service = call.service.filter(|_| named && !call.pod.tells("/spec/dnsPolicy"))?;
    let says = format!(
        "{} does not resolve there, though there is service {}; whom it asks for names (dnsPolicy, dnsConfig) was not seen",
        call.host,
        service.name()
    );
    Some((says, format!("kubectl -n {} get pod {} -o yaml", call.pod.ns(), call.pod.name())))
}

/// Pods that a table calls terminating though their containers have ended: something holds them.
pub(super) fn held(scene: &Scene<'_>, found: &mut Vec<Symptom>) {
    let over = |pod: &&Object| {
        let parts = Part::all(pod);
        let ended = !parts.is_empty() && parts.iter().all(|part| part.state("terminated").is_some());
        pod.text(STATUS) == "Terminating" && pod.deletion().is_none() && ended
    };
    for pod in scene.snapshot.all("Pod").filter(over).filter(|pod| scene.lives(pod.ns())) {
        let says = "its containers have ended, and it is still there: a finalizer holds it, or its kubelet is silent";
        let test = format!("kubectl -n {} get pod {} -o yaml", pod.ns(), pod.name());
        found.push(Symptom { says: Some(says.to_owned()), ..super::symptom(pod, Effect::Stuck, STATUS, test) });
    }
}

/// Adds what events say. What is only heard is not a proof: the event that says it is.
pub(super) fn hear(scene: &Scene<'_>, found: &mut [Symptom]) {
    for symptom in found {
        let said = symptom.proofs.iter().any(|proof| proof.at.starts_with("Event/"));
        let object = scene.snapshot.find(&symptom.object).filter(|_| !said && symptom.hard);
        symptom.proofs.extend(object.and_then(|object| warning(scene, object)));
        let ids: Vec<Ref> = symptom.seen.iter().cloned().chain([symptom.object.clone()]).collect();
        let Some(id) = ids.iter().find(|id| scene.snapshot.is_heard(id)) else { continue };
        let made = format!("{id}#");
        symptom.proofs.retain(|proof| !proof.at.starts_with(&made));
        let heard = scene.snapshot.heard(id).filter(|proof| !symptom.proofs.contains(proof));
        symptom.proofs.splice(0..0, heard);
        symptom
            .says
            .get_or_insert_with(|| "only events were given of it, and this is the last that decides".to_owned());
    }
}

/// How many a workload has that are ready, and how many it wants: with the field that tells.
fn counts(object: &Object) -> Option<(i64, i64, &'static str)> {
    let (wanted, fields): (_, &[&str]) = match object.id.kind.as_str() {
        "DaemonSet" => ("/status/desiredNumberScheduled", &["/status/numberReady", "/status/numberAvailable"]),
        _ => ("/spec/replicas", &["/status/readyReplicas", "/status/availableReplicas"]),
    };
    let wanted = object.int(wanted)?;
    let told = fields.iter().find(|field| object.at(field).is_some());
    // A status leaves zeros out.
    let zero = || (object.view() == View::Whole && object.at("/status").is_some()).then_some(&fields[0]);
    let field = told.or_else(zero)?;
    Some((object.int(field).unwrap_or(0), wanted, field))
}

/// A workload that is short of pods, where no pods were given that would tell why.
fn short(scene: &Scene<'_>, object: &Object) -> Option<Symptom> {
    let (ready, wanted, field) = counts(object)?;
    let moved = object.condition("Available").and_then(|(_, one)| one.time("/lastTransitionTime"));
    // A description that tells no later moment than that it was made does not tell how long ago that was.
    let age = || if scene.age(object) == 0 && object.view() != View::Whole { i64::MAX } else { scene.age(object) };
    let since = moved.map_or_else(age, |at| scene.now().since(at));
    if ready >= wanted || since < PATIENCE {
        return None;
    }
    // What came whole tells whether a rollout is only on its way.
    let available = object.condition("Available").is_some_and(|(_, one)| one.text("/status") == "True");
    if object.view() == View::Whole && (available || ready > 0) {
        return None;
    }
    let made = object.int("/status/replicas").filter(|_| object.id.kind == "ReplicaSet");
    let says = match made {
        Some(made) if made < wanted => format!("pods made: {made} of {wanted}; its events say why no more"),
        _ => format!("pods ready: {ready} of {wanted}; its pods tell which are not, and why"),
    };
    let at = if object.at(READY).is_some() { READY } else { field };
    let test = format!("kubectl -n {} get pods,events", object.ns());
    Some(Symptom { says: Some(says), ..super::symptom(object, Effect::Short, at, test) })
}

/// Events that say that a job is over, and failed.
const OVER: [&str; 4] = ["BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy", "FailedIndexes"];

/// A job that is not done, of which only a line is known; or one that failed, as events say where a description leaves
/// its conditions out.
fn undone(scene: &Scene<'_>, job: &Object) -> Option<Symptom> {
    let done = job.int("/status/succeeded") >= job.int("/spec/completions").or(Some(1));
    let over = scene.warnings(job, &OVER).next().filter(|_| job.view() != View::Whole && !done);
    if let Some(event) = over.filter(|_| job.condition("Failed").is_none()) {
        let test = format!("kubectl -n {} logs job/{}", job.ns(), job.name());
        let proofs = vec![Proof::field(event.0, event.pointer())];
        return Some(Symptom { proofs, ..super::symptom(job, Effect::Failed, "/status/failed", test) });
    }
    let left = job.int("/status/succeeded") < job.int("/spec/completions");
    // Since 1.31 the table tells how it goes.
    if job.view() != View::Listed || job.at(STATUS).is_some() || !left || scene.age(job) < RUNS {
        return None;
    }
    let says = "it is not done: whether it runs, waits or has failed the table does not tell".to_owned();
    let test = format!("kubectl -n {} describe job {}", job.ns(), job.name());
    Some(Symptom { says: Some(says), ..super::symptom(job, Effect::Undone, "/row/COMPLETIONS", test) })
}

/// Endpoints without an address, of a service that has pods.
fn unserved(scene: &Scene<'_>, endpoints: &Object) -> Option<Symptom> {
    let service = scene.snapshot.seen("Service", endpoints.ns(), endpoints.name());
    // A service without a selector has the addresses that somebody writes.
    let selects = |service: &&Object| service.map("/spec/selector").is_none_or(|wanted| !wanted.is_empty());
    let meant = match service {
        Some(service) => selects(&service) && service.text("/spec/type") != "ExternalName",
        // Locks of older components look the same, and are of no service.
        None => {
            let unknown = scene.snapshot.coverage().complete("Service", endpoints.ns()).is_err();
            unknown && endpoints.ns() != "kube-system" && !endpoints.name().contains('.')
        }
    };
    if endpoints.text("/row/ENDPOINTS") != "<none>" || !meant || scene.age(endpoints) < PATIENCE {
        return None;
    }
    let says = "no pod that its selector meets is ready, or its selector meets none".to_owned();
    let test = format!("kubectl -n {} describe service {}", endpoints.ns(), endpoints.name());
    let symptom = super::symptom(endpoints, Effect::NoEndpoints, "/row/ENDPOINTS", test);
    Some(Symptom { object: Ref::new("Service", endpoints.ns(), endpoints.name()), says: Some(says), ..symptom })
}

/// An autoscaler that knows none of what it should measure.
fn unmeasured(scene: &Scene<'_>, scaler: &Object) -> Option<Symptom> {
    let mut targets = scaler.text("/row/TARGETS").split(", ").peekable();
    let unknown = |target: &str| target.contains("<unknown>/");
    if targets.peek().is_none_or(|first| first.is_empty()) || !targets.all(unknown) || scene.age(scaler) < PATIENCE {
        return None;
    }
    let says = "what it scales by is not measured; its conditions and events say why".to_owned();
    let test = format!("kubectl -n {} describe hpa {}", scaler.ns(), scaler.name());
    Some(Symptom { says: Some(says), ..super::symptom(scaler, Effect::NoMetrics, "/row/TARGETS", test) })
}

/// A volume that could not be recycled or deleted.
fn failed_volume(_: &Scene<'_>, volume: &Object) -> Option<Symptom> {
    let failed = volume.text("/status/phase") == "Failed" && volume.view() == View::Listed;
    let test = format!("kubectl describe pv {}", volume.name());
    failed.then(|| super::symptom(volume, Effect::Failed, "/status/phase", test))
}

/// An aggregated API that a table calls unavailable.
fn unavailable(_: &Scene<'_>, api: &Object) -> Option<Symptom> {
    let (at, one) = api.condition("Available").filter(|_| api.view() == View::Listed)?;
    let test = format!("kubectl describe apiservice {}", api.name());
    (one.text("/status") == "False").then(|| {
        let says = format!("it is not available: {}", one.text("/reason"));
        Symptom { says: Some(says), ..super::symptom(api, Effect::Down, &format!("{at}/status"), test) }
    })
}

type Look = fn(&Scene<'_>, &Object) -> Option<Symptom>;

/// Which kinds are looked at, and how.
const LOOKS: [(&str, Look); 9] = [
    ("Deployment", short),
    ("StatefulSet", short),
    ("DaemonSet", short),
    ("ReplicaSet", short),
    ("Job", undone),
    ("Endpoints", unserved),
    ("HorizontalPodAutoscaler", unmeasured),
    ("PersistentVolume", failed_volume),
    ("APIService", unavailable),
];

pub(super) fn find(scene: &Scene<'_>, found: &mut Vec<Symptom>) {
    for (kind, look) in LOOKS {
        for object in scene.snapshot.all(kind).filter(|one| one.deletion().is_none() && scene.lives(one.ns())) {
            let of_pods = counts(object).is_some();
            let Some(symptom) = look(scene, object) else { continue };
            // Pods that are here tell more, and so do those of whoever owns it.
            let told = of_pods && (has_pods(scene, object.ns()) || is_owned(scene, object));
            let known = found.iter().any(|one| one.object == symptom.object && one.effect == symptom.effect);
            if !told && !known {
                found.push(symptom);
            }
        }
    }
}

fn has_pods(scene: &Scene<'_>, namespace: &str) -> bool {
    scene.snapshot.coverage().complete("Pod", namespace).is_ok()
        || scene.snapshot.within("Pod", namespace).next().is_some()
}

/// Whether it is a replica set of a deployment that is here: `web-5d8c9` of `web`.
fn is_owned(scene: &Scene<'_>, object: &Object) -> bool {
    let named = |owner: &Object| {
        let rest = object.name().strip_prefix(owner.name()).and_then(|rest| rest.strip_prefix('-'));
        rest.is_some_and(|hash| !hash.contains('-'))
    };
    object.id.kind == "ReplicaSet"
        && (scene.top(object) != object.id || scene.snapshot.within("Deployment", object.ns()).any(named))
}
