//! What a pod suffers from now, and in which container: the worst of it.

use super::{Part, Role, Scene, patience};
use crate::cause::Effect;
use crate::eval::messages::{call, start};
use crate::eval::probes::{self, Kind};
use crate::object::{Fields as _, Object};
use crate::snapshot::{Event, LogName, Run};

/// A pod that is not as it should be.
#[derive(Debug, Clone)]
pub struct Trouble<'a> {
    /// Which.
    pub pod: &'a Object,
    /// What is wrong.
    pub effect: Effect,
    /// In which container, where it is in one.
    pub part: Option<Part<'a>>,
}

/// Reasons for waiting that pass by themselves.
const PATIENT: [&str; 3] = ["", "ContainerCreating", "PodInitializing"];

pub(super) fn trouble<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<Trouble<'a>> {
    let phase = pod.text("/status/phase");
    // A table tells of some that they are being deleted, as its word for them.
    let goes = pod.deletion().is_some() || pod.text("/row/STATUS") == "Terminating";
    // A manifest has no status; what is being deleted is another matter.
    if phase.is_empty() || phase == "Succeeded" || goes || !scene.lives(pod.ns()) {
        return None;
    }
    let whole = |effect| Some(Trouble { pod, effect, part: None });
    if phase == "Failed" {
        return failed(scene, pod).and_then(whole);
    }
    // Its node has not been heard of since.
    if phase == "Unknown" {
        return whole(Effect::NotReady);
    }
    match is_placed(scene, pod) {
        Some(true) if !stranded(scene, pod) => {}
        Some(_) => return unscheduled(scene, pod).then_some(Effect::Unscheduled).and_then(whole),
        // Pending, and that is all: it waits for a node, or for the kubelet of one.
        None => return (scene.age(pod) >= 60).then_some(Effect::NotStarted).and_then(whole),
    }
    let parts = Part::all(pod);
    let broken: Vec<_> = parts.iter().filter_map(|part| Some((part, broken(scene, part)?))).collect();
    let first = broken.iter().find(|(part, _)| broken.len() == 1 || !leans(scene, part)).or(broken.first());
    if let Some((part, effect)) = first.copied() {
        return Some(Trouble { pod, effect, part: Some(part.clone()) });
    }
    if let Some(part) = parts.iter().find(|part| part.role == Role::Init && hangs(scene, part)) {
        return Some(Trouble { pod, effect: Effect::NotStarted, part: Some(part.clone()) });
    }
    let begun = parts.iter().all(|part| part.role != Role::Init || part.state("terminated").is_some());
    let creating = |part: &Part<'_>| part.waits() == "ContainerCreating" || begun && part.waits() == "PodInitializing";
    let creating = parts.iter().any(creating);
    if creating && (setup_fails(scene, pod).is_some() || scene.age(pod) > 300) {
        return whole(Effect::NotStarted);
    }
    let (_, ready) = pod.condition("Ready")?;
    let inits = parts.iter().any(|part| part.role == Role::Init && part.state("terminated").is_none());
    if ready.text("/status") == "True" || inits {
        return None;
    }
    let mut lasting = parts.iter().filter(|part| part.role != Role::Init);
    if let Some(part) = lasting.clone().find(|part| part.state("running").is_some() && !part.is_ready()) {
        let fails = fails_to_be_ready(scene, part);
        return fails.then(|| Trouble { pod, effect: Effect::NotReady, part: Some(part.clone()) });
    }
    // Its containers are well: a gate is closed, or its node has gone.
    let moved = ready.time("/lastTransitionTime").map_or(i64::MAX, |at| scene.now().since(at));
    let since = moved.min(scene.age(pod));
    let lost = scene.snapshot.seen("Node", "", pod.text("/spec/nodeName")).is_some_and(is_lost);
    (lasting.all(Part::is_ready) && (since > 60 || lost)).then_some(Effect::NotReady).and_then(whole)
}

/// Whether a pod has a node. A table need not tell: whose containers are spoken of has one, and the scheduler's last word
/// about it may be there.
fn is_placed(scene: &Scene<'_>, pod: &Object) -> Option<bool> {
    let started = STATUSES.iter().any(|list| !pod.list(list).is_empty());
    // Who shows an object to others may leave its node out.
    if started || pod.text("/status/phase") != "Pending" {
        return Some(true);
    }
    if pod.tells("/spec/nodeName") {
        return Some(!pod.text("/spec/nodeName").is_empty());
    }
    let mut events = scene.snapshot.events(pod).rev();
    events.find_map(|event| match event.reason() {
        "FailedScheduling" => Some(false),
        "Scheduled" | "Pulling" | "Pulled" | "Failed" | "BackOff" => Some(true),
        reason => start::SETUP.contains(&reason).then_some(true),
    })
}

/// Where the states of containers are.
const STATUSES: [&str; 2] = ["/status/initContainerStatuses", "/status/containerStatuses"];

/// What is wrong with a container that does not run as it should.
fn broken(scene: &Scene<'_>, part: &Part<'_>) -> Option<Effect> {
    let waiting = match part.waits() {
        "CrashLoopBackOff" | "RunContainerError" | "StartError" | "ContainerCannotRun" => Some(Effect::Crashing),
        reason if PATIENT.contains(&reason) => None,
        _ => Some(Effect::NotStarted),
    };
    let loops = part.loops(scene.now()) || killed(scene, part);
    waiting.or(loops.then_some(Effect::Crashing))
}

/// Whether the last call that a container says has failed was to its own pod: another container there is what ails it.
fn leans<'a>(scene: &Scene<'a>, part: &Part<'a>) -> bool {
    let Some((_, log)) = scene.last_words(part) else { return false };
    let called = log.lines.iter().rev().take(LAST).find_map(|line| call::failed_call(line));
    called.is_some_and(|called| called.to.iter().any(|(host, _)| call::is_loopback(host)))
}

/// So many lines at the end of a log tell why its program ended.
const LAST: usize = 60;

/// Whether a node is not ready.
pub(crate) fn is_lost(node: &Object) -> bool {
    node.condition("Ready").is_some_and(|(_, ready)| ready.text("/status") != "True")
}

/// Whether it was put on a node that does not exist.
fn stranded(scene: &Scene<'_>, pod: &Object) -> bool {
    let node = pod.text("/spec/nodeName");
    pod.text("/status/phase") == "Pending"
        && pod.condition("PodScheduled").is_none()
        && pod.list("/status/containerStatuses").is_empty()
        && matches!(scene.snapshot.get("Node", "", node), Ok(None))
}

fn unscheduled(scene: &Scene<'_>, pod: &Object) -> bool {
    let said = pod.condition("PodScheduled").is_some_and(|(_, condition)| condition.text("/status") == "False");
    // A scheduler that lives says something about a pod within seconds.
    (said || scene.age(pod) >= 5) && !patience::is_served(scene, pod)
}

/// A pod that is over and was not meant to be: not the remains of something that has recovered.
fn failed(scene: &Scene<'_>, pod: &Object) -> Option<Effect> {
    let evicted = pod.text("/status/reason") == "Evicted";
    match pod.controller().map_or("", |owner| owner.text("/kind")) {
        // What nobody owns and nobody took away is history after a while.
        "" => is_recent(scene, pod).then_some(if evicted { Effect::Evicted } else { Effect::Failed }),
        "Job" => job_fails(scene, pod).then_some(Effect::Failed),
        _ if evicted => recurs(scene, pod).then_some(Effect::Evicted),
        _ => None,
    }
}

/// Whether a pod that is over ended within the last hour.
fn is_recent(scene: &Scene<'_>, pod: &Object) -> bool {
    let ends = Part::all(pod).iter().filter_map(|part| part.end()?.1.time("/finishedAt")).max();
    let moved = pod.list("/status/conditions").iter().filter_map(|one| one.time("/lastTransitionTime")).max();
    let last = ends.max(moved).or_else(|| pod.time("/status/startTime")).or_else(|| pod.created());
    last.is_none_or(|last| scene.now().since(last) < 3600)
}

/// Whether the job of a pod has failed, or will: not one that went on to succeed, nor an older run of a schedule.
fn job_fails(scene: &Scene<'_>, pod: &Object) -> bool {
    let owner = pod.controller().map_or("", |owner| owner.text("/name"));
    let Some(job) = scene.snapshot.seen("Job", pod.ns(), owner) else { return true };
    let is = |kind: &str| job.condition(kind).is_some_and(|(_, condition)| condition.text("/status") == "True");
    if is("Complete") || is("SuccessCriteriaMet") || job.deletion().is_some() {
        return false;
    }
    let Some(above) = job.controller() else {
        return is("Failed") || is("FailureTarget") || job.int("/status/failed").unwrap_or(0) > 0;
    };
    let sibling = |other: &&Object| other.controller().is_some_and(|owner| owner.text("/uid") == above.text("/uid"));
    let mut later =
        scene.snapshot.within("Job", pod.ns()).filter(sibling).filter(|other| other.created() > job.created());
    !later.any(|other| other.int("/status/succeeded").unwrap_or(0) > 0)
}

/// How often the kubelet compares usage with limits: who outlives this after an eviction has recovered
/// (k8s.io/kubernetes/pkg/kubelet, evictionMonitoringPeriod).
const MONITORING: i64 = 10;

/// Whether an eviction is not over: its node is still short, it happened to others of this owner too, or what took the
/// pod's place is too young to tell.
fn recurs(scene: &Scene<'_>, pod: &Object) -> bool {
    let ended = |pod: &Object| {
        let ends = pod.list("/status/containerStatuses").iter();
        ends.filter_map(|one| one.time("/state/terminated/finishedAt")).max().or_else(|| pod.time("/status/startTime"))
    };
    let recent = |pod: &Object| ended(pod).filter(|gone| scene.now().since(*gone) < 600);
    let Some(gone) = recent(pod) else { return false };
    let pressed = scene.snapshot.seen("Node", "", pod.text("/spec/nodeName")).is_some_and(|node| {
        let mut kinds = ["MemoryPressure", "DiskPressure", "PIDPressure"].iter();
        kinds.any(|kind| node.condition(kind).is_some_and(|(_, condition)| condition.text("/status") == "True"))
    });
    let top = scene.top(pod);
    let others =
        || scene.snapshot.within("Pod", pod.ns()).filter(|other| other.id != pod.id && scene.top(other) == top);
    let again = others().any(|other| other.text("/status/reason") == "Evicted" && recent(other).is_some());
    let outlived = others().any(|other| {
        let began = Part::all(other).iter().filter_map(Part::began).max();
        let lasts = |began| began >= gone && scene.now().since(began) > MONITORING;
        other.text("/status/phase") == "Running" && began.is_some_and(lasts)
    });
    pressed || again || !outlived
}

/// Whether the kubelet kills a container by its liveness or startup probe, in the run that is there now too.
fn killed(scene: &Scene<'_>, part: &Part<'_>) -> bool {
    let Some(began) = part.began().filter(|_| part.restarts() >= 1) else { return false };
    let fails = |event: &Event<'_>| {
        let mut kinds = [Kind::Liveness, Kind::Startup].into_iter();
        let probe =
            kinds.find(|kind| event.message().starts_with(kind.begins())).and_then(|kind| part.spec.at(kind.field()));
        // A probe that failed and was heard no more of has recovered.
        let recent = |probe, last| last >= began && scene.now().since(last) <= 60 + 2 * probes::patience(probe);
        probe.zip(event.last()).is_some_and(|(probe, last)| recent(probe, last))
    };
    scene.snapshot.events(part.pod).any(|event| event.reason() == "Unhealthy" && fails(&event))
}

/// Whether an init container waits for something: it goes on and on, and says so.
fn hangs(scene: &Scene<'_>, part: &Part<'_>) -> bool {
    if part.state("running").is_none() {
        return false;
    }
    // A table does not tell since when: no longer than there is the pod.
    let runs = part.began().map_or_else(|| scene.age(part.pod), |began| scene.now().since(began));
    let name = LogName {
        namespace: part.pod.ns().to_owned(),
        pod: part.pod.name().to_owned(),
        container: part.name().to_owned(),
        run: Run::Current,
    };
    let complains = || {
        let log = scene.snapshot.log(&name)?;
        log.lines.iter().rev().take(3).find(|line| call::complains(line))
    };
    runs > 600 || runs >= 15 && complains().is_some()
}

/// The event that tells why a pod's sandbox or volumes are not there. What passes by itself counts only once it lasts.
pub(crate) fn setup_fails<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<Event<'a>> {
    let lags = |event: &Event<'_>| start::mount(event.message()) == Some(start::Mount::NotRegistered);
    let node = scene.snapshot.seen("Node", "", pod.text("/spec/nodeName"));
    // On a node that starts, the network's agent does as well.
    let starts = node.is_some_and(|node| patience::starts(scene, node));
    let of_start = |event: &Event<'_>| {
        starts && (event.reason() == "NetworkNotReady" || start::network(event.message()).is_some())
    };
    let mut events = scene.snapshot.events(pod).rev().filter(|event| start::SETUP.contains(&event.reason()));
    let passes = |event: &Event<'_>| of_start(event) || patience::is_first_try(scene, pod, event);
    events.find(|event| !(lags(event) && scene.age(pod) <= 120 || passes(event)))
}

/// How long a program may take until it listens before that is a fault.
const START: i64 = 30;

/// Whether the readiness probe has said no often enough for the kubelet, or the container is unready for long.
fn fails_to_be_ready(scene: &Scene<'_>, part: &Part<'_>) -> bool {
    let Some(began) = part.began() else { return false };
    // Until its startup probe succeeds a container is asked nothing else, and may fail as often as that allows.
    let starts = part.spec.at(Kind::Startup.field()).is_some() && !part.has_started();
    let kind = if starts { Kind::Startup } else { Kind::Readiness };
    let probe = part.spec.at(kind.field());
    let threshold = probe.map_or(1, probes::threshold).max(3);
    let runs = scene.now().since(began);
    // The kubelet adds a failure for each try; tries of a run that has ended do not count for this one.
    let of_run = |event: &Event<'_>| {
        let about = event.reason() == "Unhealthy" && event.message().starts_with(kind.begins());
        about && event.last().is_some_and(|last| last >= began)
    };
    let events: Vec<Event<'_>> = scene.snapshot.events(part.pod).filter(of_run).collect();
    let failures: i64 = events.iter().map(|event| event.count()).sum();
    // Nobody listens yet, and the log names no port: it may still be starting.
    let silent = || scene.words(part).is_none_or(|(_, log)| probes::listening(&log.lines).is_empty());
    let refused = events.last().is_some_and(|event| event.message().contains("connection refused"));
    if refused && runs < START && silent() {
        return false;
    }
    failures >= threshold || runs > 120 && runs > probe.map_or(0, probes::patience)
}
