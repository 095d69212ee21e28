//! Pods that run and are not ready: what their probe was told.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::program::{self, Sign};
use crate::eval::probes::{self, Fault, Kind};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::rules::manifests::{self, first};
use crate::scene::{Call, Part, Scene, Trouble};
use crate::snapshot::{Event, Judged, Proof};

/// The container that is not ready, and the last failure of its probe.
fn failing<'a, 's>(scene: &'s Scene<'a>, pod: &'a Object) -> Option<(&'s Trouble<'a>, Part<'a>, Event<'a>)> {
    let trouble = scene.suffers(pod, Effect::NotReady)?;
    let part = trouble.part.clone()?;
    let kinds = [Kind::Readiness, Kind::Startup].into_iter().filter(|kind| part.spec.at(kind.field()).is_some());
    let begins: Vec<&str> = kinds.map(Kind::begins).collect();
    let mut events = scene.warnings(pod, &["Unhealthy"]);
    let event = events.find(|event| begins.iter().any(|begin| event.message().starts_with(begin)))?;
    Some((trouble, part, event))
}

fn probe<'a>(part: &Part<'a>) -> Option<(&'static str, &'a crate::value::Value)> {
    [Kind::Readiness, Kind::Startup].iter().find_map(|kind| Some((kind.field(), part.spec.at(kind.field())?)))
}

fn says<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: &[Fault], what: &str) -> Judged<Option<Claim>> {
    let Some((trouble, part, event)) = failing(scene, pod) else { return Ok(None) };
    let Some((field, probe)) = probe(&part) else { return Ok(None) };
    let fault = probes::fault(event.message(), probe);
    let counts = wanted.contains(&fault) && probes::is_of(event.message(), probe, part.spec);
    Ok(counts.then(|| Claim::of(trouble, what).field(event.0, event.pointer()).by(part.asked(field))))
}

/// The call in vain of a container whose log does not tell that it has begun to listen: many programs wait for what
/// they call before they serve.
pub(super) fn awaits<'a, 's>(scene: &'s Scene<'a>, part: &Part<'a>) -> Option<&'s Call<'a>> {
    let written = if part.state("running").is_some() { scene.words(part) } else { scene.last_words(part) };
    let listens = written.is_some_and(|(_, log)| !probes::listening(&log.lines).is_empty());
    scene.calls_of(part.pod).find(|call| call.container == part.name()).filter(|_| !listens)
}

fn dependency<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let what = "it does not serve before what it calls answers";
    let Some(claim) = says(scene, pod, &[Fault::Refused], what)? else { return Ok(None) };
    let call = failing(scene, pod).and_then(|(_, part, _)| awaits(scene, &part));
    Ok(call.map(|call| {
        let port = call.port.map_or(String::new(), |port| format!(":{port}"));
        Claim { says: format!("it calls {}{port} in vain, and does not serve before", call.host), ..claim }
            .by(call.proof.clone())
            .by_all(call.told.clone())
    }))
}

/// How many lines at the end of a log tell why a program is not ready by now.
const TOLD: usize = 20;

/// It answers that it is not ready, and its log may say of what it complains.
fn not_ready<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    const REASONS: [Sign; 4] = [Sign::TlsUntrusted, Sign::TlsExpired, Sign::AuthFailed, Sign::Forbidden];
    let what = "it says itself that it is not ready";
    let Some(claim) = says(scene, pod, &[Fault::ServerError, Fault::Status], what)? else { return Ok(None) };
    let written = failing(scene, pod).and_then(|(_, part, _)| scene.words(&part));
    let reason = written.and_then(|(name, log)| {
        let mut last = log.lines.iter().enumerate().rev().take(TOLD);
        let is_reason = |line: &str| program::sign(line).is_some_and(|sign| REASONS.contains(&sign));
        last.find(|(_, line)| is_reason(line)).map(|(at, line)| (line, Proof::line(&name, at + 1, line)))
    });
    Ok(Some(match reason {
        Some((line, proof)) => {
            let says = format!("{what}: {}", line.trim());
            Claim { says, fix: super::advice::of_program(line), ..claim.by(proof) }
        }
        None => claim,
    }))
}

/// Nobody listens: the probe asks another port than the program says that it serves.
fn port<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = says(scene, pod, &[Fault::Refused], "its readiness probe asks a port where nobody listens")?
    else {
        return Ok(None);
    };
    let waiting = failing(scene, pod).filter(|(_, part, _)| awaits(scene, part).is_none());
    let Some((_, part, _)) = waiting else { return Ok(None) };
    let asked = probe(&part).and_then(|(_, probe)| probes::port(probe, part.spec));
    let heard = scene.words(&part).and_then(|(name, log)| {
        let at = log.lines.iter().position(|line| !probes::listening(std::slice::from_ref(line)).is_empty())?;
        Some((probes::listening(&log.lines), Proof::line(&name, at + 1, &log.lines[at])))
    });
    // It says that it serves this very port: the address may be wrong, or it is too early to tell.
    let same = heard.as_ref().is_some_and(|(ports, _)| asked.is_some_and(|asked| ports.contains(&asked)));
    let local = heard
        .as_ref()
        .is_some_and(|(_, proof)| crate::eval::messages::says(&proof.saw, &["127.0.0.1", "localhost", "[::1]"]));
    if same && local {
        return Ok(None);
    }
    let declared: Vec<i64> = part.spec.list("/ports").iter().filter_map(|port| port.int("/containerPort")).collect();
    let other = declared.first().filter(|_| asked.is_some_and(|asked| !declared.contains(&asked)));
    let elsewhere = heard.filter(|(ports, _)| !ports.is_empty() && !same);
    let sure = elsewhere.is_some() || other.is_some();
    let right = elsewhere.as_ref().and_then(|(ports, _)| ports.first().copied()).or(other.copied());
    let claim = claim.by_all(elsewhere.map(|(_, proof)| proof)).by_all(other.map(|_| part.asked("/ports")));
    let claim = right
        .map_or_else(|| claim.clone(), |right| claim.clone().fix(probes_port(scene, &part, "readinessProbe", right)));
    Ok(Some(if sure { claim } else { claim.only(Confidence::Likely) }))
}

/// Lets a probe ask another port.
pub(super) fn probes_port(scene: &Scene<'_>, part: &Part<'_>, field: &str, right: i64) -> Fix {
    let probe = format!("/{field}");
    let kinds = ["/httpGet", "/tcpSocket", "/grpc"];
    let Some(kind) = kinds.iter().find(|kind| part.spec.at(&format!("{probe}{kind}")).is_some()) else {
        return Fix::say(format!("let {field} ask port {right}"));
    };
    let change = (format!("{}{probe}{kind}/port", part.spec_at), right.into());
    Fix::patch(scene, part.pod, &format!("let {field} ask port {right}"), &[change])
}

/// Lets a probe speak the other scheme, if the server said which.
pub(super) fn probes_scheme(scene: &Scene<'_>, part: &Part<'_>, field: &str, message: &str) -> Option<Fix> {
    let right = match () {
        () if message.contains("HTTP response to HTTPS") || message.contains("does not look like a TLS") => "HTTP",
        () if message.contains("HTTP request to an HTTPS") => "HTTPS",
        () => return None,
    };
    let change = (format!("{}/{field}/httpGet/scheme", part.spec_at), right.into());
    Some(Fix::patch(scene, part.pod, &format!("let {field} speak {right}"), &[change]))
}

fn localhost<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(claim) = says(scene, pod, &[Fault::Refused], "the program listens on the loopback address only")? else {
        return Ok(None);
    };
    let Some((_, part, _)) = failing(scene, pod) else { return Ok(None) };
    let asked = probe(&part).and_then(|(_, probe)| probes::port(probe, part.spec));
    let line = scene.words(&part).and_then(|(name, log)| {
        let local = |line: &String| {
            let ports = probes::listening(std::slice::from_ref(line));
            asked.is_some_and(|asked| ports.contains(&asked))
                && crate::eval::messages::says(line, &["127.0.0.1", "localhost", "[::1]"])
        };
        let at = log.lines.iter().position(local)?;
        Some(Proof::line(&name, at + 1, &log.lines[at]))
    });
    Ok(line.map(|line| claim.by(line)))
}

fn gate<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.suffers(pod, Effect::NotReady).filter(|one| one.part.is_none()) else { return Ok(None) };
    let mut gates = pod.list("/spec/readinessGates").iter().enumerate();
    let closed = gates.find(|(_, gate)| {
        pod.condition(gate.text("/conditionType")).is_none_or(|(_, one)| one.text("/status") != "True")
    });
    Ok(closed.map(|(index, gate)| {
        let kind = gate.text("/conditionType");
        let condition = pod.condition(kind).map(|(at, _)| Proof::field(pod, &format!("{at}/status")));
        let claim = Claim::of(trouble, format!("its readiness gate {kind} is closed"));
        claim
            .field(pod, &format!("/spec/readinessGates/{index}/conditionType"))
            .field(pod, "/spec/readinessGates")
            .by_all(condition)
    }))
}

fn ipv6<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.trouble(pod) else { return Ok(None) };
    let Some(part) = trouble.part.as_ref() else { return Ok(None) };
    let words = if trouble.effect == Effect::Crashing { scene.last_words(part) } else { scene.words(part) };
    let Some((name, log)) = words else { return Ok(None) };
    let line = log.lines.iter().rposition(|line| program::sign(line) == Some(Sign::NoIpv6));
    Ok(line.map(|at| {
        Claim::of(trouble, "it wants IPv6, and the node has none").by(Proof::line(&name, at + 1, &log.lines[at]))
    }))
}

const READY: Rule = Rule { effect: Effect::NotReady, weight: 70, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "rdy.port",
        means: "The readiness probe asks a port where nobody listens.",
        proves: "The probe is refused again and again; the log or the declared ports name another.",
        refutes: "a listening socket on the port",
        fix: "correct the port of readinessProbe",
        judge: |scene, pod| first(manifests::asks_missing_port(scene, pod, Kind::Readiness), || port(scene, pod)),
        ..READY
    },
    Rule {
        code: "rdy.dependency",
        weight: 69,
        confidence: Confidence::Likely,
        stance: Stance::Yields,
        means: "The program does not begin to serve, because what it calls does not answer.",
        proves: "The readiness probe is refused, the log names no port that is served, and its last words are that a call failed.",
        refutes: "the same call succeeding from the pod",
        fix: "see what is called",
        judge: dependency,
        ..READY
    },
    Rule {
        code: "rdy.path",
        weight: 75,
        means: "The readiness probe asks for a path that the program does not know.",
        proves: "The answer is 404.",
        refutes: "the path answering 200",
        fix: "correct httpGet.path of readinessProbe",
        judge: |scene, pod| {
            says(scene, pod, &[Fault::NotFound], "its readiness probe asks for a path that is not there")
        },
        ..READY
    },
    Rule {
        code: "rdy.scheme",
        weight: 75,
        means: "The readiness probe speaks TLS to a plain port, or the other way round.",
        proves: "The kubelet's words.",
        refutes: "a handshake on the port",
        fix: "correct httpGet.scheme of readinessProbe",
        judge: |scene, pod| {
            let what = "its readiness probe speaks another protocol than the port";
            let Some(claim) = says(scene, pod, &[Fault::Scheme], what)? else { return Ok(None) };
            let fix = failing(scene, pod).and_then(|(_, part, event)| {
                let (field, _) = probe(&part)?;
                probes_scheme(scene, &part, field.trim_start_matches('/'), event.message())
            });
            Ok(Some(Claim { fix, ..claim }))
        },
        ..READY
    },
    Rule {
        code: "rdy.unauthorized",
        weight: 75,
        means: "The readiness probe asks for a path that wants credentials.",
        proves: "The answer is 401 or 403.",
        refutes: "the path answering without credentials",
        fix: "serve the health path without credentials, or ask another",
        judge: |scene, pod| says(scene, pod, &[Fault::Unauthorized], "its readiness probe is not let in"),
        ..READY
    },
    Rule {
        code: "rdy.timeout",
        confidence: Confidence::Likely,
        stance: Stance::Yields,
        means: "The program answers the readiness probe too late.",
        proves: "The probe runs out of time, again and again.",
        refutes: "an answer within timeoutSeconds",
        fix: "raise timeoutSeconds, or find out what makes the answer slow (a CPU limit, what it calls)",
        judge: |scene, pod| says(scene, pod, &[Fault::Timeout], "its readiness probe is answered too late"),
        ..READY
    },
    Rule {
        code: "rdy.5xx",
        weight: 60,
        confidence: Confidence::Likely,
        stance: Stance::Yields,
        means: "The program itself says that it is not ready.",
        proves: "The answer is an error of the server.",
        refutes: "the path answering 200",
        fix: "see its log: most programs say so because of what they call",
        judge: not_ready,
        ..READY
    },
    Rule {
        code: "rdy.command",
        weight: 55,
        confidence: Confidence::Possible,
        stance: Stance::Symptom,
        means: "The command of the readiness probe fails.",
        proves: "What it printed.",
        refutes: "the command succeeding in the container",
        fix: "run the command in the container: fathom enter",
        judge: |scene, pod| says(scene, pod, &[Fault::Command], "the command of its readiness probe fails"),
        ..READY
    },
    Rule {
        code: "rdy.exec-missing-binary",
        weight: 78,
        means: "The readiness probe runs a program that the image does not have.",
        proves: "The runtime found no such program.",
        refutes: "the program in the image",
        fix: "use httpGet, tcpSocket or grpc, or a program of the image",
        judge: |scene, pod| {
            says(scene, pod, &[Fault::NoProgram], "its readiness probe runs a program that is not in the image")
        },
        ..READY
    },
    Rule {
        code: "rdy.grpc",
        weight: 75,
        means: "The port of the gRPC probe speaks no gRPC, or has no health service.",
        proves: "The kubelet's words.",
        refutes: "grpc_health_probe succeeding",
        fix: "serve grpc.health.v1, or use tcpSocket",
        judge: |scene, pod| {
            let what = "its port does not answer a gRPC health check";
            let Some(claim) = says(scene, pod, &[Fault::Grpc], what)? else { return Ok(None) };
            let fix = failing(scene, pod).and_then(|(_, part, _)| {
                let (field, probe) = probe(&part)?;
                let at = |kind: &str| format!("{}{field}/{kind}", part.spec_at);
                let socket = crate::value::json!({"port": probe.at("/grpc/port")?});
                let changes = [(at("grpc"), crate::value::Value::Null), (at("tcpSocket"), socket)];
                Some(Fix::patch(scene, pod, "ask only whether somebody listens", &changes))
            });
            Ok(Some(Claim { fix, ..claim }))
        },
        ..READY
    },
    Rule {
        code: "rdy.localhost-bind",
        weight: 77,
        means: "The program listens on the loopback address only, where no probe and no service reaches it.",
        proves: "The probe is refused on the port that the log says is served on 127.0.0.1.",
        refutes: "a socket on 0.0.0.0 or the pod's address",
        fix: "let it listen on 0.0.0.0",
        judge: localhost,
        ..READY
    },
    Rule {
        code: "rdy.unreachable",
        weight: 68,
        confidence: Confidence::Likely,
        stance: Stance::Yields,
        means: "The kubelet does not reach the pod: the node's firewall or its network.",
        proves: "There is no route from the kubelet to the pod.",
        refutes: "a connection from the node to the pod",
        fix: "see the node's routes and firewall",
        judge: |scene, pod| says(scene, pod, &[Fault::Unreachable], "its node does not reach it"),
        ..READY
    },
    Rule {
        code: "rdy.gate",
        weight: 76,
        means: "A readiness gate is closed: its controller has not opened it.",
        proves: "All containers are ready, and the gate's condition is not True.",
        refutes: "the condition being True",
        fix: "repair the controller that owns the gate (a load balancer's, a mesh's)",
        judge: gate,
        ..READY
    },
    Rule {
        code: "rdy.ipv6-listen",
        weight: 79,
        means: "The program wants to listen on IPv6, and the node has none.",
        proves: "Its log says so.",
        refutes: "IPv6 on the node",
        fix: "turn listening on [::] off in the program's settings",
        judge: ipv6,
        ..READY
    },
];
