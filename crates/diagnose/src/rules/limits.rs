//! What containers run into: limits of their cgroups, by counters of the machine that they are on.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::object::{Fields as _, Object};
use crate::rule::Rule;
use crate::scene::Scene;
use crate::snapshot::{Judged, Need, Proof};

/// Seconds for which a kill for memory tells of now, where nobody started again since.
const RECENT: i64 = 600;

/// The status of who was ended by SIGKILL.
const KILLED: i64 = 137;

fn runs(container: &Object) -> bool {
    container.at("/status/containerStatuses/0/state/running").is_some()
}

/// Kills for memory as its cgroup counted them, and its limit.
fn kills(scene: &Scene<'_>, container: &Object) -> Option<Vec<Proof>> {
    let file = scene.counter(container, "oom")?;
    file.int("/value/oom_kill").filter(|kills| *kills > 0)?;
    let limit = scene.limit(container, "limit").map(|(_, proof)| proof);
    Some([Proof::field(file, "/value/oom_kill")].into_iter().chain(limit).collect())
}

/// A container that is over, and in whose cgroup somebody was killed by its own limit.
pub(super) fn oom<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let status = "/status/containerStatuses/0/state/terminated";
    let said = container.text(&format!("{status}/reason")) == "OOMKilled" && scene.trouble(container).is_some();
    let counted = kills(scene, container).filter(|_| !runs(container));
    let logged = scene.killed_for_memory(container, 3600).filter(|(kill, _)| !kill.is_of_machine());
    // Podman does not keep that it was the kernel, which says so itself.
    let killed = container.int(&format!("{status}/exitCode")) == Some(KILLED) && logged.is_some();
    if !said && counted.is_none() && !killed {
        return Ok(None);
    }
    let sure = if said || logged.is_some() { Confidence::Proven } else { Confidence::Likely };
    let since = logged.as_ref().map(|(_, line)| scene.moment(line));
    let mut claim = Claim::new("it was killed for memory by its own limit").seen(container).only(sure).since(since);
    if said {
        claim = claim.field(container, &format!("{status}/reason"));
    }
    if said || killed {
        claim = claim.field(container, &format!("{status}/exitCode"));
        let limit = "/spec/containers/0/resources/limits/memory";
        claim = claim.by_all(container.at(limit).map(|_| Proof::field(container, limit)));
    }
    let claim = claim.by_all(counted.into_iter().flatten()).by_all(logged.map(|(_, line)| line.proof));
    Ok(Some(claim.fix(Fix::say("give it a higher memory limit, or find out why it needs more"))))
}

/// A process of a container that goes on was killed: no engine and no API tells of it.
fn hidden<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let Some(proofs) = kills(scene, container).filter(|_| runs(container)) else { return Ok(None) };
    let began = container.time("/status/containerStatuses/0/state/running/startedAt");
    let young = began.is_some_and(|began| scene.now().since(began) < RECENT);
    if !young && !scene.has_log(container.ns()) {
        let reason = "without it nobody knows when a process was killed for memory";
        return Err(Need::new(format!("read /dev/kmsg on {}", container.ns()), reason));
    }
    let logged = scene.killed_for_memory(container, RECENT).filter(|(kill, _)| !kill.is_of_machine());
    let since = logged.as_ref().map(|(_, line)| scene.moment(line));
    let who = logged.as_ref().map_or("one of its processes", |(kill, _)| kill.task);
    let claim = Claim::new(format!("{who} in it was killed for memory while it went on")).seen(container).since(since);
    let is_now = young || logged.is_some();
    Ok(is_now.then(|| claim.by_all(proofs).by_all(logged.map(|(_, line)| line.proof))))
}

/// Killed though no limit of its own was reached: the machine had no more.
pub(super) fn oom_of_machine<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let killed = scene.killed_for_memory(container, RECENT).filter(|(kill, _)| kill.is_of_machine());
    Ok(killed.map(|(kill, line)| {
        Claim::new(format!("{} in it was killed because the machine had no memory left", kill.task))
            .seen(container)
            .since(Some(scene.moment(&line)))
            .by(line.proof)
    }))
}

/// A quarter of its periods or more ended early while it was looked at.
fn throttled<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let Some(file) = scene.counter(container, "throttle") else { return Ok(None) };
    let rise = |name: &str| file.int(&format!("/rise/{name}")).unwrap_or(0);
    let (periods, cut) = (rise("nr_periods"), rise("nr_throttled"));
    let quota = scene.counter(container, "quota").map(|quota| Proof::field(quota, "/value"));
    Ok((periods >= 5 && cut >= periods / 4 && runs(container)).then(|| {
        Claim::new(format!("its CPU limit cut it short in {cut} of {periods} periods of the last second"))
            .seen(container)
            .field(file, "/rise/nr_throttled")
            .field(file, "/rise/nr_periods")
            .by_all(quota)
    }))
}

/// Nearly all of its memory is in use that cannot be let go of, and it waits for memory.
fn near_limit<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let Some((limit, limited)) = scene.limit(container, "limit") else { return Ok(None) };
    let Some(usage) = scene.counter(container, "usage") else { return Ok(None) };
    let Some(waits) = scene.counter(container, "memoryPressure") else { return Ok(None) };
    let stat = scene.counter(container, "memory");
    let cache = stat.and_then(|stat| stat.int("/value/inactive_file")).unwrap_or(0);
    let full = usage.int("/value").is_some_and(|usage| usage.saturating_sub(cache) >= limit / 10 * 9);
    let slow = waits.at("/value/some/avg60").and_then(crate::value::Value::as_f64).is_some_and(|share| share >= 10.0);
    Ok((full && slow && runs(container)).then(|| {
        Claim::new("it uses nearly all memory of its limit, and waits for more")
            .seen(container)
            .field(usage, "/value")
            .by(limited)
            .field(waits, "/value/some/avg60")
    }))
}

/// It has as many processes as it may have, and was refused one.
pub(super) fn pids<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let Some((limit, limited)) = scene.limit(container, "pidsLimit") else { return Ok(None) };
    let Some((count, refused)) = scene.counter(container, "pids").zip(scene.counter(container, "pidsRefused")) else {
        return Ok(None);
    };
    let full = count.int("/value").is_some_and(|count| count >= limit);
    let hurt = refused.int("/value/max").is_some_and(|times| times > 0);
    Ok((full && hurt).then(|| {
        Claim::new("it has as many processes as its limit allows")
            .seen(container)
            .field(count, "/value")
            .by(limited)
            .field(refused, "/value/max")
            .fix(Fix::say("raise its limit of processes, or find out who starts so many"))
    }))
}

const LIMITED: Rule = Rule { on: &["Container"], effect: Effect::Slow, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "crash.oom-child-hidden",
        weight: 85,
        effect: Effect::Slow,
        means: "A process of the container was killed for memory, but not its first one: it goes on, and nobody is told.",
        proves: "The kill in memory.events (oom_control) of its cgroup and in the kernel's log, while it runs.",
        refutes: "a count that stays as it is while the log tells of no kill",
        fix: "raise the memory limit, or let fewer workers run; memory.oom.group=1 ends the whole container instead",
        judge: hidden,
        ..LIMITED
    },
    Rule {
        code: "perf.cpu-throttled",
        weight: 55,
        means: "The container is stopped again and again because its CPU limit is used up.",
        proves: "The rise of nr_throttled against nr_periods in cpu.stat within a second.",
        refutes: "nr_throttled staying as it is under the same load",
        fix: "raise the CPU limit, or use fewer threads",
        judge: throttled,
        ..LIMITED
    },
    Rule {
        code: "perf.memory-near-limit",
        weight: 50,
        confidence: Confidence::Likely,
        means: "The container has nearly no memory left and loses time finding some.",
        proves: "Usage without page cache against the limit, and the time lost in memory.pressure.",
        refutes: "a memory.pressure near zero",
        fix: "raise the memory limit, or find out what keeps the memory",
        judge: near_limit,
        ..LIMITED
    },
];
