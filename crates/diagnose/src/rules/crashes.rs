//! Containers that ended: by how they ended, never by their exit status alone.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::start::{self, Exec};
use crate::eval::probes::Kind;
use crate::object::{Fields as _, Object, Ref};
use crate::quantity;
use crate::rule::{Rule, Stance};
use crate::scene::{Part, Role, Scene, Trouble};
use crate::snapshot::{Judged, Proof};

/// The containers of a pod that crashed, or failed for good.
pub(super) fn ended<'a, 's>(scene: &'s Scene<'a>, pod: &'a Object) -> Option<(&'s Trouble<'a>, Vec<Part<'a>>)> {
    let trouble = scene.trouble(pod).filter(|one| matches!(one.effect, Effect::Crashing | Effect::Failed))?;
    let parts = match &trouble.part {
        Some(part) => vec![part.clone()],
        None => Part::all(pod).into_iter().filter(|part| part.exit().is_some_and(|exit| exit != 0)).collect(),
    };
    Some((trouble, parts))
}

/// Says it of the first crashed container of which a check holds.
pub(super) fn ends<'a>(
    scene: &Scene<'a>,
    pod: &'a Object,
    says: &str,
    check: impl Fn(&Part<'a>) -> bool,
) -> Judged<Option<Claim>> {
    let Some((trouble, parts)) = ended(scene, pod) else { return Ok(None) };
    let part = parts.iter().find(|part| check(part));
    Ok(part.map(|part| {
        Claim::of(trouble, format!("{}: {says}", part.title()))
            .part(part)
            .by_all(part.ending())
            .by_all(part.saw("/restartCount"))
    }))
}

pub(super) fn reason<'a>(part: &Part<'a>) -> &'a str {
    part.end().map_or("", |(_, end)| end.text("/reason"))
}

/// What the runtime, or the program in its last line, said about executing it.
fn execution<'a>(scene: &Scene<'a>, part: &Part<'a>) -> Option<(Exec, String, Proof)> {
    let (at, end) = part.end()?;
    if let Some((exec, program)) = start::exec(end.text("/message")) {
        return Some((exec, program.to_owned(), Proof::field(part.pod, &format!("{at}/message"))));
    }
    let complaint = scene.complaint(part).and_then(|(said, proof)| Some((start::exec(said)?, proof)));
    if let Some(((exec, program), proof)) = complaint {
        return Some((exec, program.to_owned(), proof));
    }
    let (name, log) = scene.last_words(part)?;
    let (line, text) = log.lines.iter().enumerate().rfind(|(_, text)| !text.trim().is_empty())?;
    let shell = text.trim_end().ends_with(": Exec format error");
    let (exec, program) = start::exec(text).filter(|_| {
        shell || start::is_interpreter(text) || text.starts_with("exec ") || text.starts_with("standard_init")
    })?;
    Some((exec, program.to_owned(), Proof::line(&name, line + 1, text)))
}

fn executes<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: Exec, says: &str) -> Judged<Option<Claim>> {
    let Some((trouble, parts)) = ended(scene, pod) else { return Ok(None) };
    Ok(parts.iter().find_map(|part| {
        let (_, program, proof) = execution(scene, part).filter(|(exec, _, _)| *exec == wanted)?;
        Some(Claim::of(trouble, format!("{says}: {program}")).part(part).by(proof).by_all(part.saw("/restartCount")))
    }))
}

fn oom<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let claim = ends(scene, pod, "it was killed for memory by its own limit", |part| reason(part) == "OOMKilled")?;
    let name = claim.as_ref().and_then(|claim| claim.part.clone());
    let limit = "/resources/limits/memory";
    // A table does not tell that there is one: its node may have been short of memory.
    let told = pod.tells("/spec/containers/0/resources") || pod.id.kind != "Pod";
    let claim = claim.map(|claim| if told { claim } else { claim.only(Confidence::Likely) });
    let limited =
        Part::all(pod).into_iter().find(|part| Some(part.name()) == name.as_deref() && part.spec.at(limit).is_some());
    let (Some(claim), Some(part)) = (&claim, limited) else { return Ok(claim) };
    // Since 1.33 its status has the limit under which it ran; what has been raised since is not what killed it.
    let now = quantity::of(part.spec.at(limit)).unwrap_or(0);
    if part.told(limit).and_then(|told| quantity::of(Some(told))).is_some_and(|told| now > told) {
        return Ok(None);
    }
    let changes = [(format!("{}{limit}", part.spec_at), (now / 1000).saturating_mul(2).to_string().into())];
    let words = "give it more memory, or make the program use less (GOMEMLIMIT, MaxRAMPercentage)";
    Ok(Some(claim.clone().by(part.asked(limit)).fix(Fix::patch(scene, pod, words, &changes))))
}

fn completed<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let done = |part: &Part<'a>| {
        part.role != Role::Init
            && part.exit() == Some(0)
            && reason(part) != "OOMKilled"
            && part.restarts() >= 2
            && super::kills::kill(scene, part, Kind::Liveness).is_none()
    };
    let claim = ends(scene, pod, "its program ends well, and is started again each time", done)?;
    Ok(claim.map(|claim| claim.fix(Fix::say("run it as a Job, or keep the program in the foreground"))))
}

fn deadline<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.suffers(pod, Effect::Failed).filter(|_| pod.text("/status/reason") == "DeadlineExceeded")
    else {
        return Ok(None);
    };
    let claim = Claim::of(trouble, "it ran longer than activeDeadlineSeconds").field(pod, "/status/reason");
    let limit = "/spec/activeDeadlineSeconds";
    let Some(seconds) = pod.int(limit) else { return Ok(Some(claim)) };
    let more = [(limit.to_owned(), seconds.saturating_mul(2).into())];
    let text =
        format!("kubectl -n {} delete pod {}, and create it again with more than {seconds} s", pod.ns(), pod.name());
    let claim = claim.field(pod, limit);
    // Whoever owns it decides about its deadline.
    Ok(Some(if pod.controller().is_some() { claim } else { claim.fix(Fix::again(pod, &text, &more)) }))
}

fn init_hang<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.suffers(pod, Effect::NotStarted) else { return Ok(None) };
    let Some(part) = trouble.part.as_ref().filter(|part| part.role == Role::Init && part.state("running").is_some())
    else {
        return Ok(None);
    };
    // What is awaited may be starting as well.
    if part.began().is_none_or(|began| scene.now().since(began) < 60) {
        return Ok(None);
    }
    let log = scene.words(part).and_then(|(name, log)| {
        let (at, line) = log.lines.iter().enumerate().rev().find(|(_, line)| !line.trim().is_empty())?;
        Some(Proof::line(&name, at + 1, line))
    });
    Ok(Some(
        Claim::of(trouble, format!("{} runs on and does not end", part.title()))
            .by_all(part.saw("/state/running/startedAt"))
            .by_all(log),
    ))
}

/// All containers of a node ended without anybody knowing how.
fn rebooted<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let unknown = |part: &Part<'a>| reason(part) == "Unknown" && part.exit() == Some(255);
    let claim = ends(scene, pod, "nobody knows how it ended: its node was started again", unknown)?;
    let node = scene.snapshot.seen("Node", "", pod.text("/spec/nodeName"));
    let event = node.and_then(|node| scene.snapshot.events(node).rev().find(|event| event.reason() == "Rebooted"));
    Ok(claim.zip(event).map(|(claim, event)| {
        claim.field(event.0, event.pointer()).shared(Ref::new("Node", "", pod.text("/spec/nodeName")))
    }))
}

/// Whether it is a container of a machine, of which counters tell more than any status.
pub(super) fn is_container(one: &Object) -> bool {
    one.id.kind == "Container"
}

pub(super) const CRASH: Rule = Rule { effect: Effect::Crashing, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "crash.oom-limit",
        weight: 90,
        means: "The container, or a child of it, was killed because it reached its memory limit. The exit status may be any.",
        proves: "The reason of its end is OOMKilled; on a node, the kill in the counters of its cgroup and in the kernel's log.",
        refutes: "a memory.peak of its cgroup well below the limit",
        fix: "raise the memory limit, or make the program use less (GOMEMLIMIT, MaxRAMPercentage)",
        judge: |scene, one| if is_container(one) { super::limits::oom(scene, one) } else { oom(scene, one) },
        ..CRASH
    },
    Rule {
        code: "crash.command-not-found",
        weight: 88,
        means: "The command of the container is not in its image.",
        proves: "The runtime found no such program; it never ran.",
        refutes: "the program in the image's PATH",
        fix: "correct command, or build the program into the image",
        judge: |scene, pod| executes(scene, pod, Exec::NotFound, "its command is not in the image"),
        ..CRASH
    },
    Rule {
        code: "crash.not-executable",
        weight: 88,
        means: "The command may not be executed: no x in its mode, or a mount with noexec.",
        proves: "The runtime was denied to execute it.",
        refutes: "an executable mode and a mount without noexec",
        fix: "chmod +x in the image; for a ConfigMap set defaultMode: 0755",
        judge: |scene, pod| executes(scene, pod, Exec::Denied, "its command may not be executed"),
        ..CRASH
    },
    Rule {
        code: "crash.exec-format",
        weight: 88,
        means: "The kernel cannot execute the file: it is for another architecture, or a script without a first line.",
        proves: "Executing it gave `exec format error`.",
        refutes: "a binary for the node's architecture, or a shebang",
        fix: "use an image for this architecture, or begin the script with #!",
        judge: |scene, pod| executes(scene, pod, Exec::Format, "the kernel cannot execute it"),
        ..CRASH
    },
    Rule {
        code: "crash.interpreter-missing",
        weight: 88,
        means: "The file is there, and what it wants to be run by is not: a shell, a loader, or one with a carriage return in its name.",
        proves: "Executing it gave `no such file or directory` after the runtime had found it.",
        refutes: "the interpreter of its first line in the image",
        fix: "install the interpreter, name another one, or take the carriage returns out",
        judge: |scene, pod| executes(scene, pod, Exec::Interpreter, "what should run it is not in the image"),
        ..CRASH
    },
    Rule {
        code: "crash.completed-restart",
        weight: 70,
        means: "The program ends well, and the pod's restart policy starts it again and again.",
        proves: "Exit status 0, again and again, and no probe killed it.",
        refutes: "a Killing event",
        fix: "run it as a Job, or keep the program in the foreground",
        judge: completed,
        ..CRASH
    },
    Rule {
        code: "crash.init-failed",
        weight: 15,
        stance: Stance::Symptom,
        confidence: Confidence::Possible,
        means: "An init container fails, so the others never start.",
        proves: "Its exit status.",
        refutes: "a run of the init container that ends with 0",
        fix: "see the init container's log",
        judge: |scene, pod| {
            ends(scene, pod, "this init container fails", |part| {
                part.role == Role::Init && part.exit().is_some_and(|exit| exit != 0)
            })
        },
        ..CRASH
    },
    Rule {
        code: "crash.init-hang",
        effect: Effect::NotStarted,
        weight: 60,
        stance: Stance::Yields,
        confidence: Confidence::Likely,
        means: "An init container waits for something that does not come.",
        proves: "It runs on, and its log repeats itself.",
        refutes: "the init container ending",
        fix: "see what its log waits for",
        judge: init_hang,
        ..CRASH
    },
    Rule {
        code: "crash.active-deadline",
        effect: Effect::Failed,
        weight: 90,
        means: "The pod ran longer than its activeDeadlineSeconds.",
        proves: "The pod's reason is DeadlineExceeded.",
        refutes: "none: the pod is over",
        fix: "raise activeDeadlineSeconds, or find out what takes so long",
        judge: deadline,
        ..CRASH
    },
    Rule {
        code: "crash.node-reboot",
        weight: 83,
        stance: Stance::Yields,
        means: "The node was started again, and took its containers with it.",
        proves: "The end is unknown with 255, and the node was rebooted.",
        refutes: "the node's boot id unchanged",
        fix: "see why the node was started again",
        judge: rebooted,
        ..CRASH
    },
    Rule {
        code: "crash.status-unknown",
        weight: 40,
        stance: Stance::Yields,
        confidence: Confidence::Possible,
        means: "The kubelet lost the record of the container: its runtime was wiped, or the node was gone.",
        proves: "The reason is ContainerStatusUnknown.",
        refutes: "none: what was lost cannot be read",
        fix: "see the node: was it started again, or its runtime's data removed",
        judge: |scene, pod| {
            ends(scene, pod, "the kubelet lost its record", |part| reason(part) == "ContainerStatusUnknown")
        },
        ..CRASH
    },
];
