//! Containers that the kubelet kills, because a liveness or startup probe fails.

use super::crashes::ended;
use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::eval::probes::{self, Fault, Kind};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::rules::manifests::{self, first};
use crate::scene::{Part, Scene};
use crate::snapshot::{Event, Judged, Proof};
use crate::value::Value;

/// The last failure of a probe that the kubelet kills for, and the kill that followed.
pub(super) fn kill<'a>(scene: &Scene<'a>, part: &Part<'a>, kind: Kind) -> Option<(Event<'a>, Option<Event<'a>>)> {
    let probe = part.spec.at(kind.field())?;
    let failures = scene.warnings(part.pod, &["Unhealthy"]);
    let mut failures = failures.filter(|event| event.message().starts_with(kind.begins()));
    let failure = failures.next()?;
    let kills = scene.warnings(part.pod, &["Killing"]);
    let word = if kind == Kind::Liveness { "failed liveness probe" } else { "failed startup probe" };
    let mut kills = kills.filter(|event| {
        event.message().contains(word) && event.message().contains(&format!("ontainer {} ", part.name()))
    });
    let kill = kills.next();
    let current = is_of_now(part, probe, &failure) || kill.as_ref().is_some_and(|kill| is_of_now(part, probe, kill));
    let decided = kill.is_some() || failure.count() >= probes::threshold(probe);
    (current && decided).then_some((failure, kill))
}

/// Whether what is told of a probe is of the run that is there now, or brought about the end of the one before: what is
/// told of earlier ones is over.
fn is_of_now(part: &Part<'_>, probe: &Value, event: &Event<'_>) -> bool {
    let last_run = part.end().map(|(_, end)| (end.time("/startedAt"), end.time("/finishedAt")));
    let (from, to) = last_run.unwrap_or_default();
    if event.last() >= part.began().or(from) {
        return true;
    }
    // Between the last failure and the end lies no more than the time that a container is given to end.
    let field = "/terminationGracePeriodSeconds";
    let grace = probe.int(field).or_else(|| part.pod.int(&format!("/spec{field}"))).unwrap_or(30);
    let Some((last, to)) = event.last().zip(to) else { return false };
    Some(last) >= from && to.since(last) <= grace + LAG
}

/// How long the kubelet may take from a failure to the signal, in seconds.
const LAG: i64 = 10;

fn probed<'a>(scene: &Scene<'a>, pod: &'a Object, kind: Kind, wanted: &[Fault], says: &str) -> Judged<Option<Claim>> {
    let Some((trouble, parts)) = ended(scene, pod) else { return Ok(None) };
    Ok(parts.iter().find_map(|part| {
        let (failure, kill) = kill(scene, part, kind)?;
        let probe = part.spec.at(kind.field())?;
        let message = failure.message();
        let counts = wanted.contains(&probes::fault(message, probe)) && probes::is_of(message, probe, part.spec);
        counts.then(|| {
            let claim = Claim::of(trouble, says).part(part).field(failure.0, failure.pointer());
            let claim =
                claim.by_all(kill.map(|kill| Proof::field(kill.0, kill.pointer()))).by(part.asked(kind.field()));
            let scheme = super::readiness::probes_scheme(scene, part, kind.field().trim_start_matches('/'), message);
            Claim { fix: scheme, ..claim }
        })
    }))
}

/// Nobody listens on the probed port: wrong, or not yet open when the kubelet gives up.
fn wrong_port<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let claim =
        probed(scene, pod, Kind::Liveness, &[Fault::Refused], "its liveness probe asks a port where nobody listens")?;
    let Some(claim) = claim.filter(|_| late(scene, pod).is_none()) else { return Ok(None) };
    let part = Part::all(pod).into_iter().find(|part| Some(part.name()) == claim.part.as_deref());
    if part.as_ref().is_some_and(|part| super::readiness::awaits(scene, part).is_some()) {
        return Ok(None);
    }
    // The log, or the only port that is declared, names a better one.
    let right = part.as_ref().and_then(|part| {
        let heard = scene.last_words(part).map(|(_, log)| probes::listening(&log.lines)).unwrap_or_default();
        let declared: Vec<i64> =
            part.spec.list("/ports").iter().filter_map(|port| port.int("/containerPort")).collect();
        heard.first().or(declared.first().filter(|_| declared.len() == 1)).copied()
    });
    let fix = part.zip(right).map(|(part, right)| super::readiness::probes_port(scene, &part, "livenessProbe", right));
    Ok(Some(Claim { fix, ..claim }))
}

/// Whether a program that is killed had not begun to serve: its log says nothing of a port, and each run is as long as
/// the probe's patience.
fn late<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<Proof> {
    let (_, parts) = ended(scene, pod)?;
    parts.iter().find_map(|part| {
        let (name, log) = scene.last_words(part).filter(|(_, log)| !log.lines.is_empty())?;
        let open = probes::listening(&log.lines);
        let starts = log.lines.iter().rposition(|line| {
            crate::eval::messages::says(
                line,
                &["starting", "initializing", "loading", "warming", "migrating", "booting"],
            )
        })?;
        open.is_empty().then(|| Proof::line(&name, starts + 1, &log.lines[starts]))
    })
}

/// The program says itself that it is not well; or it says nothing yet, because it waits for what it calls.
fn dependency<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let told = [Fault::ServerError, Fault::Command, Fault::Status, Fault::Unauthorized, Fault::Grpc];
    let says = "its liveness probe is told that it is not well";
    if let Some(claim) = probed(scene, pod, Kind::Liveness, &told, says)? {
        return Ok(Some(claim));
    }
    let says = "its liveness probe gives up while it waits for what it calls";
    let Some(claim) = probed(scene, pod, Kind::Liveness, &[Fault::Refused], says)? else { return Ok(None) };
    let part = Part::all(pod).into_iter().find(|part| Some(part.name()) == claim.part.as_deref());
    let call = part.as_ref().and_then(|part| super::readiness::awaits(scene, part));
    Ok(call.map(|call| claim.by(call.proof.clone()).by_all(call.told.clone())))
}

fn aggressive<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let claim =
        probed(scene, pod, Kind::Liveness, &[Fault::Refused], "its liveness probe gives up before the program serves")?;
    let claim = claim.filter(|_| !Part::all(pod).iter().any(|part| super::readiness::awaits(scene, part).is_some()));
    Ok(claim.and_then(|claim| Some(claim.by(late(scene, pod)?))))
}

const CRASH: Rule = Rule { effect: Effect::Crashing, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "crash.liveness.port",
        weight: 89,
        means: "The liveness probe asks a port where nobody listens, so the kubelet kills a healthy program.",
        proves: "The probe was refused, and the kubelet killed the container for it.",
        refutes: "a listening socket on the port",
        fix: "correct the port of livenessProbe",
        judge: |scene, pod| first(manifests::asks_missing_port(scene, pod, Kind::Liveness), || wrong_port(scene, pod)),
        ..CRASH
    },
    Rule {
        code: "crash.liveness.path",
        weight: 89,
        means: "The liveness probe asks for a path that the program does not know.",
        proves: "The answer was 404, and the kubelet killed the container for it.",
        refutes: "the path answering 200",
        fix: "correct httpGet.path of livenessProbe",
        judge: |scene, pod| {
            probed(
                scene,
                pod,
                Kind::Liveness,
                &[Fault::NotFound],
                "its liveness probe asks for a path that is not there",
            )
        },
        ..CRASH
    },
    Rule {
        code: "crash.liveness.scheme",
        weight: 89,
        means: "The liveness probe speaks TLS to a plain port, or the other way round.",
        proves: "The kubelet's words, and the kill.",
        refutes: "a handshake on the port",
        fix: "correct httpGet.scheme of livenessProbe",
        judge: |scene, pod| {
            probed(
                scene,
                pod,
                Kind::Liveness,
                &[Fault::Scheme],
                "its liveness probe speaks another protocol than the port",
            )
        },
        ..CRASH
    },
    Rule {
        code: "crash.liveness.timeout",
        weight: 86,
        confidence: Confidence::Likely,
        means: "The program answers the liveness probe too late.",
        proves: "The probe ran out of time, and the kubelet killed the container for it.",
        refutes: "an answer within timeoutSeconds",
        fix: "raise timeoutSeconds, or find out what makes the answer slow (a CPU limit)",
        judge: |scene, pod| {
            probed(
                scene,
                pod,
                Kind::Liveness,
                &[Fault::Timeout, Fault::Unreachable],
                "its liveness probe is answered too late",
            )
        },
        ..CRASH
    },
    Rule {
        code: "crash.liveness.aggressive",
        weight: 90,
        confidence: Confidence::Likely,
        means: "The liveness probe gives up before the program has begun to serve.",
        proves: "It was refused while the log still tells of the start.",
        refutes: "the program serving within the probe's patience",
        fix: "add a startupProbe, or raise initialDelaySeconds",
        judge: aggressive,
        ..CRASH
    },
    Rule {
        code: "crash.liveness.dependency",
        weight: 85,
        stance: Stance::Yields,
        confidence: Confidence::Likely,
        means: "The liveness probe fails because the program, or what it asks, says that it is not well.",
        proves: "The answer was an error of the server, or the command failed, and the kubelet killed the container for it.",
        refutes: "the endpoint answering 200",
        fix: "let liveness ask only about the program itself; move dependencies into readiness",
        judge: dependency,
        ..CRASH
    },
    Rule {
        code: "crash.liveness.exec-missing-binary",
        weight: 89,
        means: "The liveness probe runs a program that the image does not have.",
        proves: "The runtime found no such program, and the kubelet killed the container for it.",
        refutes: "the program in the image",
        fix: "use httpGet, tcpSocket or grpc, or a program of the image",
        judge: |scene, pod| {
            probed(
                scene,
                pod,
                Kind::Liveness,
                &[Fault::NoProgram],
                "its liveness probe runs a program that is not in the image",
            )
        },
        ..CRASH
    },
    Rule {
        code: "crash.startup-probe",
        weight: 87,
        stance: Stance::Yields,
        means: "The program does not pass its startup probe in the time that it is given.",
        proves: "The probe's failure, and the kubelet's kill for it.",
        refutes: "a run that passes the probe",
        fix: "raise failureThreshold of startupProbe, or correct what it asks",
        judge: |scene, pod| {
            let all = [
                Fault::Refused,
                Fault::NotFound,
                Fault::Scheme,
                Fault::Timeout,
                Fault::ServerError,
                Fault::Unauthorized,
                Fault::Status,
                Fault::NoProgram,
                Fault::Grpc,
                Fault::Command,
                Fault::Unreachable,
            ];
            let running = || probed(scene, pod, Kind::Startup, &all, "it does not pass its startup probe in time");
            first(manifests::asks_missing_port(scene, pod, Kind::Startup), running)
        },
        ..CRASH
    },
];
