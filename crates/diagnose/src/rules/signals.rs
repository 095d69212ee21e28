//! Programs that ended by a signal: their own faults, and kills that nobody accounts for.

use super::crashes::{CRASH, ended, ends, is_container, reason};
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::program::Sign;
use crate::eval::probes::Kind;
use crate::object::{Fields as _, Object, View};
use crate::rule::{Rule, Stance};
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};

/// Whether the kubelet was told to end its last run: the pod was deleted, evicted or displaced.
fn was_stopped(scene: &Scene<'_>, part: &Part<'_>) -> bool {
    let began = part.end().and_then(|(_, end)| end.time("/startedAt"));
    let words = format!("Stopping container {}", part.name());
    let mut stops = scene.snapshot.events(part.pod).filter(|one| one.reason() == "Killing" && one.message() == words);
    stops.any(|stop| stop.last() >= began)
}

/// Whether the kubelet, or a signal of the program's own, is known to have ended it.
fn accounted(scene: &Scene<'_>, part: &Part<'_>) -> bool {
    was_stopped(scene, part)
        || reason(part) == "OOMKilled"
        || reason(part) == "ContainerStatusUnknown"
        || [Kind::Liveness, Kind::Startup].iter().any(|kind| super::kills::kill(scene, part, *kind).is_some())
}

fn signalled<'a>(scene: &Scene<'a>, pod: &'a Object, number: i64, says: &str) -> Judged<Option<Claim>> {
    ends(scene, pod, says, |part| part.exit() == Some(128 + number) && !accounted(scene, part))
}

/// What a runtime runs out of and then aborts itself: that is why, and the signal only how.
const SHORTAGES: [Sign; 4] = [Sign::HeapFull, Sign::FdLimit, Sign::PidsLimit, Sign::Full];

fn aborted<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let short = |part: &Part<'a>| SHORTAGES.iter().any(|sign| super::programs::last_sign(scene, part, *sign).is_some());
    let by_itself = |part: &Part<'a>| part.exit() == Some(128 + 6) && !accounted(scene, part) && !short(part);
    let by_signal = ends(scene, pod, "it aborted itself", by_itself)?;
    Ok(by_signal.or_else(|| super::programs::signed(scene, pod, Sign::Abort, "it aborted itself")))
}

fn segfault<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    signalled(scene, pod, 11, "it accessed memory that it does not have")
}

/// Takes a container out of its seccomp profile.
fn unconfined(scene: &Scene<'_>, part: &Part<'_>) -> Fix {
    let change = (format!("{}/securityContext/seccompProfile/type", part.spec_at), "Unconfined".into());
    Fix::patch(scene, part.pod, "let a profile of its own allow the call; to see whether that is it", &[change])
}

/// A permission error that a security profile makes, rather than files: of a call that needs none.
fn seccomp<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    if let Some(claim) = signalled(scene, pod, 31, "it made a system call that its seccomp profile forbids")? {
        let part = Part::all(pod).into_iter().find(|part| Some(part.name()) == claim.part.as_deref());
        // No profile forbids anything to whom it does not hold for.
        return Ok(match part {
            Some(part) if part.spec.text("/securityContext/seccompProfile/type") == "Unconfined" => None,
            Some(part) => Some(claim.fix(unconfined(scene, &part))),
            None => Some(claim),
        });
    }
    let Some((trouble, parts)) = ended(scene, pod) else { return Ok(None) };
    Ok(parts.iter().find_map(|part| {
        let own = "/securityContext/seccompProfile/type";
        let of_part = part.spec.text(own);
        let kind = if of_part.is_empty() { pod.text("/spec/securityContext/seccompProfile/type") } else { of_part };
        let (line, proof) = super::programs::last_sign(scene, part, Sign::Permission)?;
        let call = [
            "unshare",
            "mount",
            "ptrace",
            "keyctl",
            "bpf",
            "perf_event_open",
            "clone",
            "setns",
            "userfaultfd",
            "io_uring",
            "seccomp",
            "personality",
        ];
        let forbidden = crate::eval::messages::says(&line, &["operation not permitted", "EPERM"])
            && crate::eval::messages::says(&line, &call);
        let setting = if of_part.is_empty() {
            Proof::field(pod, "/spec/securityContext/seccompProfile/type")
        } else {
            part.asked(own)
        };
        let claim = || Claim::of(trouble, line.trim().to_owned()).part(part).by(proof).by(setting);
        (forbidden && ["RuntimeDefault", "Localhost"].contains(&kind)).then(|| claim().fix(unconfined(scene, part)))
    }))
}

fn node_oom<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let node = scene.snapshot.seen("Node", "", pod.text("/spec/nodeName"));
    let events = node.into_iter().flat_map(|node| scene.snapshot.events(node).rev());
    let mut events = events.filter(|event| {
        ["SystemOOM", "OOMKilling"].contains(&event.reason())
            && event.last().is_some_and(|at| scene.now().since(at) < 900)
    });
    let Some(event) = events.next() else { return Ok(None) };
    let claim = signalled(scene, pod, 9, "the node ran out of memory, and the kernel chose it")?;
    Ok(claim.map(|claim| claim.field(event.0, event.pointer())))
}

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "crash.oom-node",
        weight: 82,
        confidence: Confidence::Likely,
        means: "The node ran out of memory, and the kernel killed this container though it kept its limit.",
        proves: "It was killed by SIGKILL without OOMKilled, and the node recorded an OOM at the time.",
        refutes: "no OOM in the node's kernel log",
        fix: "give the pods of the node requests and limits that it can hold",
        judge: |scene, one| {
            if is_container(one) { super::limits::oom_of_machine(scene, one) } else { node_oom(scene, one) }
        },
        ..CRASH
    },
    Rule {
        code: "crash.segv",
        weight: 72,
        means: "The program accessed memory that it does not have.",
        proves: "Exit status 139: SIGSEGV.",
        refutes: "a run of the same image elsewhere",
        fix: "look at the program's core dump or stack; check its native libraries and architecture",
        judge: segfault,
        ..CRASH
    },
    Rule {
        code: "crash.abort",
        weight: 72,
        means: "The program aborted itself: a failed assertion, an uncaught exception of C++, a broken heap.",
        proves: "Exit status 134: SIGABRT, or the words of the runtime library.",
        refutes: "another cause in its log",
        fix: "look at the last lines of its log",
        judge: aborted,
        ..CRASH
    },
    Rule {
        code: "crash.sigbus",
        weight: 72,
        means: "The program accessed a mapped file beyond its end, or shared memory that is full.",
        proves: "Exit status 135: SIGBUS.",
        refutes: "free space in /dev/shm and whole files",
        fix: "mount a larger /dev/shm, or see who truncates the file",
        judge: |scene, pod| signalled(scene, pod, 7, "it accessed a mapped file beyond its end"),
        ..CRASH
    },
    Rule {
        code: "crash.illegal-instruction",
        weight: 72,
        means: "The processor does not know an instruction of the program: it was built for a newer one.",
        proves: "Exit status 132: SIGILL.",
        refutes: "a run on the same type of processor",
        fix: "build for the processors that the nodes have",
        judge: |scene, pod| signalled(scene, pod, 4, "the processor does not know an instruction of it"),
        ..CRASH
    },
    Rule {
        code: "crash.sigsys-seccomp",
        weight: 77,
        confidence: Confidence::Likely,
        means: "The program made a system call that its seccomp profile forbids.",
        proves: "Exit status 159: SIGSYS, or a privileged call that was not permitted under a profile.",
        refutes: "the call succeeding with seccompProfile Unconfined",
        fix: "allow the call in a Localhost profile, or do without it",
        judge: seccomp,
        ..CRASH
    },
    Rule {
        code: "crash.sigkill-unexplained",
        weight: 25,
        confidence: Confidence::Likely,
        stance: Stance::Yields,
        means: "Somebody killed the program, and neither the kubelet nor the kernel's memory limit is known to have done it.",
        proves: "Exit status 137 without OOMKilled, without a failed probe, without a deadline.",
        refutes: "a Killing event, or an OOM in the node's kernel log",
        fix: "find out who sends the signal: a supervisor in the container, or somebody on the node",
        judge: |scene, pod| {
            let claim = signalled(scene, pod, 9, "somebody killed it")?;
            // Events live for an hour: that none tells of a probe says nothing where there is one.
            let probed = |claim: &Claim| {
                let part = Part::all(pod).into_iter().find(|part| Some(part.name()) == claim.part.as_deref());
                part.is_some_and(|part| part.spec.at("/livenessProbe").or(part.spec.at("/startupProbe")).is_some())
            };
            // A text need not have all of them.
            let silent = scene.snapshot.events(pod).next().is_none() || pod.view() != View::Whole;
            if !pod.tells("/spec/containers/0/livenessProbe") {
                return Ok(None);
            }
            Ok(claim.filter(|claim| pod.text("/status/reason").is_empty() && !(silent && probed(claim))))
        },
        ..CRASH
    },
    Rule {
        code: "crash.sigterm-143",
        weight: 24,
        confidence: Confidence::Possible,
        stance: Stance::Yields,
        means: "Somebody told the program to end, and it is started again each time.",
        proves: "Exit status 143, again and again, and no probe failed.",
        refutes: "a Killing event for a probe",
        fix: "find out who sends SIGTERM: a supervisor in the container, or a preStop hook",
        judge: |scene, pod| {
            ends(scene, pod, "it was told to end", |part| {
                part.exit() == Some(143) && part.restarts() >= 2 && !accounted(scene, part)
            })
        },
        ..CRASH
    },
];
