//! What a machine is out of, and what on it is set so that containers cannot work.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::program::Sign;
use crate::eval::messages::says;
use crate::object::{Fields as _, Object};
use crate::rule::Rule;
use crate::scene::{Part, Scene};
use crate::snapshot::{Judged, Proof};
use crate::value::Value;

/// A figure that has nearly reached its limit.
fn nearly(scene: &Scene<'_>, machine: &Object, used: &str, most: &str) -> Option<Vec<Proof>> {
    let (used, now) = scene.figure(machine.name(), used)?;
    let (most, limit) = scene.figure(machine.name(), most)?;
    (most > 0 && used >= most / 100 * 95).then(|| vec![now, limit])
}

fn conntrack<'a>(scene: &Scene<'a>, machine: &'a Object) -> Judged<Option<Claim>> {
    let folder = "/proc/sys/net/netfilter";
    let full = nearly(scene, machine, &format!("{folder}/nf_conntrack_count"), &format!("{folder}/nf_conntrack_max"));
    let line = scene.logged(machine.name(), 300).find(|line| says(line.text, &["nf_conntrack: table full"]));
    let proofs = full.into_iter().flatten().chain(line.map(|line| line.proof));
    let claim = Claim::new("its table of connections is full, and new ones are dropped").by_all(proofs);
    Ok((!claim.proofs.is_empty()).then_some(claim))
}

/// Threads as /proc/loadavg counts them, `0.20 0.18 0.12 1/80 11206`, against both limits.
pub(super) fn threads<'a>(scene: &Scene<'a>, machine: &'a Object) -> Judged<Option<Claim>> {
    let Some(load) = scene.file(machine.name(), "/proc/loadavg") else { return Ok(None) };
    let all = load.text("/value").split(' ').nth(3).and_then(|word| word.split('/').nth(1)?.parse::<i64>().ok());
    let limits = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];
    let least = limits.iter().filter_map(|path| scene.figure(machine.name(), path)).min_by_key(|(limit, _)| *limit);
    let full = all.zip(least).filter(|(all, (limit, _))| *all >= limit / 100 * 95);
    Ok(full.map(|(all, (limit, proof))| {
        Claim::new(format!("{all} of at most {limit} threads run")).field(load, "/value").by(proof)
    }))
}

/// So little is left that programs fail: of a large disk a gibibyte, of a small one two hundredths.
const LEFT: i64 = 1 << 30;
/// The same of files.
const FILES_LEFT: i64 = 10_000;

/// What a file system is out of: the pointer, and in words.
fn short(disk: &Object) -> Option<(&'static str, &'static str)> {
    let fixed = disk.text("/options").split(',').any(|option| option == "ro");
    let least = |total: &str, most: i64| disk.int(total).filter(|total| *total > 0).map(|total| most.min(total / 50));
    let below = |what: &str, least: Option<i64>| disk.int(what).zip(least).is_some_and(|(left, least)| left <= least);
    if fixed {
        return None;
    }
    if below("/available", least("/total", LEFT)) {
        return Some(("/available", "no space is left on it"));
    }
    below("/filesFree", least("/files", FILES_LEFT)).then_some(("/filesFree", "it can hold no more files"))
}

/// Of file systems of the machine; those that a container mounts are named by a path in its /proc.
pub(super) fn full(disk: &Object) -> Judged<Option<Claim>> {
    let found = short(disk).filter(|_| !disk.name().starts_with("/proc/"));
    Ok(found.map(|(pointer, says)| {
        let total = if pointer == "/available" { "/total" } else { "/files" };
        let fix = Fix::say(format!("see what is large: du -xh {} | sort -h | tail", disk.name()));
        Claim::new(says).field(disk, pointer).field(disk, total).fix(fix)
    }))
}

/// A volume of a container.
pub(super) fn volume_full<'a>(scene: &Scene<'a>, disk: &'a Object) -> Judged<Option<Claim>> {
    let Some((pointer, says)) = short(disk).filter(|_| disk.name().starts_with("/proc/")) else { return Ok(None) };
    let sees = |one: &&Object| one.list("/disks").iter().any(|name| name.as_str() == Some(disk.name()));
    let Some(container) = scene.snapshot.within("Container", disk.ns()).find(sees) else { return Ok(None) };
    let place = disk.name().split_once("/root").map_or("", |(_, place)| place);
    let total = if pointer == "/available" { "/total" } else { "/files" };
    Ok(Some(
        Claim::new(format!("its volume at {place}: {says}"))
            .about(container.id.clone())
            .seen(container)
            .field(disk, pointer)
            .field(disk, total),
    ))
}

/// An engine that takes no connection, or does not answer on it.
pub(super) fn silent(engine: &Object) -> Judged<Option<Claim>> {
    let says = match engine.text("/state") {
        "silent" => "the engine does not answer",
        "unreachable" => "the engine left its socket and is not behind it",
        _ => return Ok(None),
    };
    let sure = if engine.text("/state") == "silent" { Confidence::Proven } else { Confidence::Likely };
    Ok(Some(
        Claim::new(says)
            .only(sure)
            .field(engine, "/state")
            .field(engine, "/error")
            .fix(Fix::say("see the engine's own log and start it again; `fathom enter` works without it")),
    ))
}

/// Somebody's certificates are not believed, and nobody keeps the clock.
fn clock<'a>(scene: &Scene<'a>, machine: &'a Object) -> Judged<Option<Claim>> {
    if machine.at("/clock/synchronized") != Some(&Value::Bool(false)) {
        return Ok(None);
    }
    let hurt = scene.troubles().filter(|one| one.pod.id.kind == "Container" && one.pod.ns() == machine.name());
    let mut said = hurt.filter_map(|trouble| {
        let parts = Part::all(trouble.pod);
        let (_, proof) = parts.iter().find_map(|part| super::programs::last_sign(scene, part, Sign::TlsExpired))?;
        Some((trouble.pod, proof))
    });
    Ok(said.next().map(|(container, proof)| {
        Claim::new("its clock is kept by nobody, and certificates are too old or too young for it")
            .seen(container)
            .field(machine, "/clock/synchronized")
            .by(proof)
    }))
}

/// Whether a machine hands packets on for others: it is a node, or has engines' containers in networks of their own.
fn forwards(scene: &Scene<'_>, machine: &Object) -> bool {
    let own = |one: &Object| {
        one.text("/network") == "own" && ["docker", "containerd", "cri-o", "podman"].contains(&one.text("/engine"))
    };
    scene.snapshot.within("Container", machine.name()).any(own)
}

fn forwarding<'a>(scene: &Scene<'a>, machine: &'a Object) -> Judged<Option<Claim>> {
    let figure = scene.figure(machine.name(), "/proc/sys/net/ipv4/ip_forward");
    let off = figure.filter(|(value, _)| *value == 0 && forwards(scene, machine));
    Ok(off.map(|(_, proof)| Claim::new("it hands no packets on for its containers").by(proof)))
}

/// Bridged pods whose packets no rule of kube-proxy sees.
fn bridged<'a>(scene: &Scene<'a>, machine: &'a Object) -> Judged<Option<Claim>> {
    let figure = scene.figure(machine.name(), "/proc/sys/net/bridge/bridge-nf-call-iptables");
    let mut files = scene.snapshot.within("File", machine.name());
    let conf = files.find(|file| {
        let text: String = file.text("/value").split_whitespace().collect();
        file.name().starts_with("/etc/cni/net.d/") && text.contains("\"type\":\"bridge\"")
    });
    Ok(figure.filter(|(value, _)| *value == 0).zip(conf).map(|((_, proof), conf)| {
        Claim::new("packets between its pods pass no rule, so that services of the same node do not answer")
            .by(proof)
            .field(conf, "/value")
    }))
}

/// So many packets in a second are more than the strays of any network.
const MANY: i64 = 5;

/// Several ways lead out, a strict filter drops what comes back by another than it would go, and it does so now.
fn filtered<'a>(scene: &Scene<'a>, machine: &'a Object) -> Judged<Option<Claim>> {
    let folder = "/proc/sys/net/ipv4/conf";
    let Some(routes) = scene.file(machine.name(), "/proc/net/route") else { return Ok(None) };
    let mut ways: Vec<&str> = routes.text("/value").lines().filter_map(|line| line.split_whitespace().next()).collect();
    ways.sort_unstable();
    ways.dedup();
    // The kernel takes the greater of both: 1 is strict, 2 asks only whether there is any way back.
    let all = scene.figure(machine.name(), &format!("{folder}/all/rp_filter"));
    let filter = |way: &&str| {
        let own = scene.figure(machine.name(), &format!("{folder}/{way}/rp_filter"));
        own.into_iter().chain(all.clone()).max_by_key(|(value, _)| *value).filter(|(value, _)| *value == 1)
    };
    let strict = ways.iter().find_map(filter);
    let counters = scene.file(machine.name(), "/proc/net/netstat");
    let grows = counters.filter(|file| file.int("/rise/IPReversePathFilter").is_some_and(|more| more >= MANY));
    Ok(strict.zip(grows).filter(|_| ways.len() > 1).map(|((_, proof), counters)| {
        let says = format!("packets that come back another way than {} are dropped", ways.join(" or "));
        Claim::new(says).by(proof).field(counters, "/rise/IPReversePathFilter").field(routes, "/value")
    }))
}

/// Time lost in the last minute, in hundredths: `some` is at least one task, `full` all of them.
fn pressure<'a>(
    scene: &Scene<'a>,
    machine: &'a Object,
    of: &str,
    kind: &str,
    least: f64,
    says: &str,
) -> Judged<Option<Claim>> {
    let Some(file) = scene.file(machine.name(), &format!("/proc/pressure/{of}")) else { return Ok(None) };
    let at = format!("/value/{kind}/avg60");
    let share = file.at(&at).and_then(Value::as_f64).filter(|share| *share >= least);
    Ok(share.map(|_| Claim::new(says).field(file, &at)))
}

/// So many tasks for each processor, for minutes, are more than a batch of work that is meant to use all of them.
const CROWD: f64 = 4.0;

/// Tasks wait for a processor all the time, and there are many more of them than processors.
fn crowded<'a>(scene: &Scene<'a>, machine: &'a Object) -> Judged<Option<Claim>> {
    let claim = pressure(scene, machine, "cpu", "some", 90.0, "its tasks wait for a processor")?;
    let file = |path: &str| scene.file(machine.name(), path);
    let Some((load, online)) = file("/proc/loadavg").zip(file("/sys/devices/system/cpu/online")) else {
        return Ok(None);
    };
    // Of one minute and of five.
    let loads = load.text("/value").split(' ').take(2).filter_map(|word| word.parse::<f64>().ok());
    let least = loads.fold(f64::INFINITY, f64::min);
    let most = processors(online).filter(|count| least.is_finite() && least >= *count as f64 * CROWD);
    Ok(claim.zip(most).map(|(claim, _)| claim.field(load, "/value").field(online, "/value")))
}

/// How many there are of a list such as `0-3,7`; one is written as a number.
fn processors(online: &Object) -> Option<i64> {
    if online.at("/value").is_some_and(|value| value.as_i64().is_some()) {
        return Some(1);
    }
    let count = |part: &str| match part.split_once('-') {
        Some((from, to)) => Some(to.trim().parse::<i64>().ok()? - from.trim().parse::<i64>().ok()? + 1),
        None => part.trim().parse::<i64>().ok().map(|_| 1),
    };
    online.text("/value").split(',').map(count).sum::<Option<i64>>().filter(|count| *count > 0)
}

const MACHINE: Rule = Rule { on: &["Machine"], effect: Effect::Pressed, ..Rule::PLAIN };
const PRESSURE: Rule = Rule { confidence: Confidence::Likely, weight: 40, ..MACHINE };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "net.conntrack-full",
        effect: Effect::CallsFail,
        means: "The kernel's table of connections is full: new connections of the machine are dropped, old ones go on.",
        proves: "Its count against its limit, or the kernel's line of the last minutes.",
        refutes: "nf_conntrack_count far below nf_conntrack_max",
        fix: "raise net.netfilter.nf_conntrack_max, and find out who opens so many connections",
        judge: conntrack,
        ..MACHINE
    },
    Rule {
        code: "node.clock-skew",
        weight: 60,
        confidence: Confidence::Likely,
        means: "The machine's clock goes wrong, so that good certificates look expired or not yet valid.",
        proves: "The kernel's word that nobody keeps the clock, and a program that rejects a certificate for its dates.",
        refutes: "the same time on another machine",
        fix: "start chrony or systemd-timesyncd, and look whether its servers answer",
        judge: clock,
        ..MACHINE
    },
    Rule {
        code: "net.ip-forward-off",
        effect: Effect::CallsFail,
        confidence: Confidence::Likely,
        means: "The machine does not forward packets, so its containers reach nobody beyond it.",
        proves: "net.ipv4.ip_forward is 0 while containers have networks of their own.",
        refutes: "ip_forward being 1",
        fix: "sysctl -w net.ipv4.ip_forward=1, and keep it in /etc/sysctl.d",
        judge: forwarding,
        ..MACHINE
    },
    Rule {
        code: "net.bridge-nf-off",
        effect: Effect::CallsFail,
        confidence: Confidence::Likely,
        means: "Bridged packets do not pass iptables, so a service with its pod on the same node does not answer.",
        proves: "bridge-nf-call-iptables is 0 on a machine whose pods are on a bridge.",
        refutes: "bridge-nf-call-iptables being 1",
        fix: "modprobe br_netfilter; sysctl -w net.bridge.bridge-nf-call-iptables=1",
        judge: bridged,
        ..MACHINE
    },
    Rule {
        code: "net.rp-filter",
        effect: Effect::CallsFail,
        weight: 45,
        confidence: Confidence::Likely,
        means: "The machine has several ways out, and drops packets whose way back to their sender is another than they came.",
        proves: "A strict rp_filter, more than one default route, and a count of such packets that grows while it is looked at.",
        refutes: "IPReversePathFilter staying as it is while the calls fail",
        fix: "sysctl -w net.ipv4.conf.all.rp_filter=2, and keep it in /etc/sysctl.d; or let answers leave by where questions came",
        judge: filtered,
        ..MACHINE
    },
    Rule {
        code: "perf.node-cpu",
        means: "Tasks of the machine wait for a processor most of the time, and are many more than its processors.",
        proves: "The share of the last minute in /proc/pressure/cpu, and the load of the last minutes against the processors.",
        refutes: "a share near zero",
        fix: "find out who is busy: fathom trace -c topprocs_cpu",
        judge: crowded,
        ..PRESSURE
    },
    Rule {
        code: "perf.node-mem",
        means: "The machine loses its time finding memory.",
        proves: "The share of the last minute in which nothing else was done, in /proc/pressure/memory.",
        refutes: "a share near zero",
        fix: "find out who uses it; give limits to what has none",
        judge: |scene, machine| pressure(scene, machine, "memory", "full", 20.0, "all its tasks wait for memory"),
        ..PRESSURE
    },
    Rule {
        code: "perf.node-io",
        means: "The machine waits for its disks and does nothing else.",
        proves: "The share of the last minute in /proc/pressure/io.",
        refutes: "a share near zero",
        fix: "find out who writes: fathom trace -c topprocs_file",
        judge: |scene, machine| pressure(scene, machine, "io", "full", 60.0, "all its tasks wait for disks"),
        ..PRESSURE
    },
];
