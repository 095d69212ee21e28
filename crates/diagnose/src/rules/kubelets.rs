//! What a kubelet is told, against the node that it is on: services of systemd that do not run, swap, thresholds.

use crate::value::Value;

use super::journals::{self, KUBELETS};
use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::messages::journal::{self, Sign, Speaker};
use crate::object::{Fields as _, Object, Ref};
use crate::quantity;
use crate::rule::Rule;
use crate::scene::Scene;
use crate::snapshot::Proof;

/// Where kubeadm, and most that do as it does, keep the settings.
const CONFIG: &str = "/var/lib/kubelet/config.yaml";

/// The settings of a machine's kubelet, and the file.
fn settings<'a>(scene: &Scene<'a>, machine: &str) -> Option<(&'a Object, Value)> {
    let file = scene.file(machine, CONFIG)?;
    let settings = serde_saphyr::from_str(file.text("/value")).ok()?;
    Some((file, settings))
}

/// A line of the settings, word by word.
fn line(file: &Object, key: &str) -> Option<Proof> {
    let begins = format!("{key}:");
    let line = file.text("/value").lines().find(|line| line.trim_start().starts_with(&begins))?;
    Some(Proof { saw: line.trim().to_owned(), ..Proof::field(file, "/value") })
}

/// The kubelet does not run, and would not with the swap that is on.
pub(super) fn swapped<'a>(scene: &Scene<'a>, unit: &'a Object) -> Option<Claim> {
    let swaps = scene.file(unit.ns(), "/proc/swaps").filter(|_| KUBELETS.contains(&unit.text("/program")));
    // The first line is a head.
    let swap =
        swaps.and_then(|file| Some((file, file.text("/value").lines().nth(1).filter(|line| !line.trim().is_empty())?)));
    let swap = swap.map(|(file, line)| Proof { saw: line.to_owned(), ..Proof::field(file, "/value") });
    let settings = settings(scene, unit.ns());
    let told = settings.as_ref().and_then(|(file, _)| line(file, "failSwapOn"));
    let fix = Fix::say("swapoff -a, and take it out of /etc/fstab; or set failSwapOn: false");
    let says = "it does not start while swap is on";
    if let Some(claim) = journals::ended(scene, unit, KUBELETS, Sign::Swap, says) {
        return Some(claim.only(Confidence::Proven).by_all(swap).by_all(told).fix(fix));
    }
    // Where its own last words are known, they are another reason.
    let allowed = settings.is_some_and(|(_, told)| told.at("/failSwapOn") == Some(&Value::Bool(false)));
    if allowed || journals::last_words(scene, unit).is_some() {
        return None;
    }
    Some(journals::stopped(scene, unit, KUBELETS, says)?.by(swap?).by_all(told).fix(fix))
}

/// Bytes that are to be free by a threshold such as `10%` or `5Gi`.
fn threshold(text: &str, total: i64) -> Option<i64> {
    if let Some(share) = text.strip_suffix('%') {
        let share = share.trim().parse::<f64>().ok().filter(|share| (0.0..=100.0).contains(share))?;
        return Some((total as f64 * share / 100.0) as i64);
    }
    i64::try_from(quantity::parse(text)? / 1000).ok()
}

/// A quarter of the disk is free, and the kubelet is told that this is too little.
pub(super) fn too_early<'a>(scene: &Scene<'a>, node: &'a Object) -> Option<Claim> {
    let (at, _) = super::workloads::is_true(node, "DiskPressure")?;
    let (file, told) = settings(scene, node.name())?;
    let wanted = told.at("/evictionHard/nodefs.available").and_then(Value::as_str)?;
    let holds = |disk: &&Object| std::path::Path::new("/var/lib/kubelet").starts_with(disk.name());
    let disk = scene.snapshot.within("Disk", node.name()).filter(holds).max_by_key(|disk| disk.name().len())?;
    let (free, total) = disk.int("/available").zip(disk.int("/total"))?;
    let least = threshold(wanted, total)?;
    (free < least && free >= total / 4).then(|| {
        Claim::new(format!(
            "its kubelet calls the disk short below {wanted}, and {} hundredths are free",
            free * 100 / total.max(1)
        ))
        .field(node, &format!("{at}/status"))
        .by_all(line(file, "nodefs.available"))
        .field(disk, "/available")
        .field(disk, "/total")
    })
}

/// Where runtimes are told who makes cgroups: the file, the line's beginning, and what says that systemd does.
const DRIVERS: &[(&str, &str, &str)] = &[
    ("/etc/containerd/", "SystemdCgroup", "true"),
    ("/etc/crio/", "cgroup_manager", "systemd"),
    ("/etc/docker/daemon.json", "\"exec-opts\"", "native.cgroupdriver=systemd"),
];

/// Seconds for which a line of a kubelet that runs tells of now.
const NOW: i64 = 600;

/// What kubelet and runtime are told, where both are and it is not the same.
fn differing(scene: &Scene<'_>, machine: &str) -> Option<Vec<Proof>> {
    let (file, settings) = settings(scene, machine)?;
    let own = settings.at("/cgroupDriver").and_then(Value::as_str)? == "systemd";
    let told = scene.snapshot.within("File", machine).flat_map(|file| {
        let rows = DRIVERS.iter().filter(|(path, ..)| file.name().starts_with(path));
        rows.filter_map(move |(_, key, systemd)| {
            let text = file.text("/value").lines().rev().find(|line| line.trim_start().starts_with(key))?;
            Some((text.contains(systemd), Proof { saw: text.trim().to_owned(), ..Proof::field(file, "/value") }))
        })
    });
    let told: Vec<(bool, Proof)> = told.collect();
    // Of two runtimes, or of two files, it is not known which counts.
    let [(theirs, proof)] = told.as_slice() else { return None };
    (own != *theirs).then(|| line(file, "cgroupDriver").into_iter().chain([proof.clone()]).collect())
}

/// The runtime was given a name of systemd's, `kubepods-….slice:cri-containerd:ID`, and made a folder of that name.
fn misplaced<'a>(scene: &Scene<'a>, machine: &str) -> Option<Proof> {
    let is_so = |path: &str| path.split('/').any(|part| part.contains(".slice:") && part.matches(':').count() == 2);
    let mut containers = scene.snapshot.within("Container", machine).flat_map(|one| {
        let counters = ["/counters/oom", "/counters/throttle", "/counters/pids"];
        counters.into_iter().map(move |at| (one, at))
    });
    containers.find(|(one, at)| is_so(one.text(at))).map(|(one, at)| Proof::field(one, at))
}

/// Kubelet and runtime disagree about who makes cgroups: the kubelet ends for it, no sandbox is made, or pods are made
/// beside where the kubelet looks for them.
fn divided<'a>(scene: &Scene<'a>, unit: &'a Object) -> Option<Claim> {
    if !KUBELETS.contains(&unit.text("/program")) {
        return None;
    }
    let says = "kubelet and runtime disagree about who makes cgroups";
    let told = || differing(scene, unit.ns()).into_iter().flatten();
    if let Some(claim) = journals::ended(scene, unit, KUBELETS, Sign::CgroupDriver, says) {
        return Some(claim.by_all(told()));
    }
    let is_so = |text: &str| journal::sign(Speaker::Kubelet, text) == Some(Sign::CgroupDriver);
    let mut lines = scene.journal(unit.ns(), unit.name()).filter(|line| line.run == 0 && line.ago < NOW);
    if let Some(line) = lines.find(|line| is_so(line.text)) {
        return Some(Claim::new(format!("{says}, and no pod is made")).by(line.proof).by_all(told()));
    }
    let hurt = scene.troubles().any(|one| one.pod.text("/spec/nodeName") == unit.ns());
    let proof = misplaced(scene, unit.ns()).filter(|_| hurt)?;
    let says = format!("{says}: pods run beside the cgroups that the kubelet made for them");
    Some(Claim::new(says).only(Confidence::Likely).by(proof).by_all(told()))
}

/// Units that systemd has given up, but for those that are told of by themselves.
fn failed<'a>(scene: &Scene<'a>, output: &'a Object) -> Option<Claim> {
    let lines = output.text("/value").lines().filter(|_| output.name().starts_with("systemctl "));
    let is_told = |unit: &str| scene.snapshot.seen("Unit", output.ns(), unit).is_some_and(journals::is_down);
    // `NAME loaded failed failed DESCRIPTION`
    let units = lines.filter_map(|line| Some((line.split_whitespace().next()?, line)));
    let units: Vec<(&str, &str)> = units.filter(|(unit, line)| line.contains(" failed ") && !is_told(unit)).collect();
    let (first, line) = units.first()?;
    let more = if units.len() > 1 { format!(" and {} more", units.len() - 1) } else { String::new() };
    let proof = Proof { saw: line.trim().to_owned(), ..Proof::field(output, "/value") };
    let last = scene.journal(output.ns(), first).find(|line| line.run == 0);
    let why = last.as_ref().map(|line| format!(": {}", journal::told(line.text))).unwrap_or_default();
    let fix = Fix::say(format!("on the machine: systemctl status {first}; journalctl -u {first}"));
    let claim = Claim::new(format!("{first}{more} failed{why}")).about(Ref::new("Machine", "", output.ns()));
    Some(claim.by(proof).by_all(last.map(|line| line.proof)).fix(fix))
}

const TOLD: Rule = Rule { on: &["Unit"], effect: Effect::Lost, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "node.swap",
        weight: 85,
        confidence: Confidence::Likely,
        means: "Swap is on, and the kubelet does not start with it unless it is told to.",
        proves: "A swap device in use, and a kubelet that is wanted and does not run.",
        refutes: "the kubelet's log naming another reason",
        fix: "swapoff -a, and take it out of /etc/fstab; or set failSwapOn: false",
        judge: |scene, unit| Ok(swapped(scene, unit)),
        ..TOLD
    },
    Rule {
        code: "node.cgroup-driver",
        weight: 85,
        means: "The kubelet and the runtime make cgroups in different ways: one by systemd, one by itself.",
        proves: "The kubelet's words, or cgroups of pods with systemd's names where systemd made none; what both are told.",
        refutes: "the same driver on both sides, and pods below kubepods.slice or kubepods",
        fix: "cgroupDriver: systemd in /var/lib/kubelet/config.yaml, SystemdCgroup = true in /etc/containerd/config.toml; start both again",
        judge: |scene, unit| Ok(divided(scene, unit)),
        ..TOLD
    },
    Rule {
        code: "node.unit-failed",
        on: &["Output"],
        effect: Effect::Latent,
        weight: 20,
        confidence: Confidence::Likely,
        means: "A unit of systemd has failed, and nothing starts it again.",
        proves: "systemd's own list.",
        refutes: "the unit being active: systemctl status",
        fix: "on the machine: systemctl --failed; journalctl -u UNIT",
        judge: |scene, output| Ok(failed(scene, output)),
        ..TOLD
    },
    Rule {
        code: "node.disk-pressure-misconfig",
        on: &["Node"],
        effect: Effect::Pressed,
        weight: 85,
        means: "The kubelet evicts pods for a disk that has room: its threshold is too high.",
        proves: "The threshold of its settings, what is free, and the node's condition.",
        refutes: "less free space than a usual threshold of a tenth",
        fix: "lower evictionHard of nodefs.available in the kubelet's settings, and start it again",
        judge: |scene, node| Ok(too_early(scene, node)),
        ..TOLD
    },
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::snapshot::{Coverage, Gathering};
    use crate::{Question, diagnose};
    use serde_json::{Value, json};

    /// Codes and objects that are found of a node n1 with these facts.
    pub(in crate::rules) fn found(facts: Vec<Value>) -> Vec<String> {
        let mut gathering = Gathering::new();
        gathering.covers(Coverage::whole());
        gathering.value(json!({"kind": "Node", "metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
        gathering.value(json!({"kind": "Machine", "metadata": {"name": "n1"}}));
        facts.into_iter().for_each(|fact| gathering.value(fact));
        let report = diagnose(&gathering.finish(), &Question::Object(Ref::new("Node", "", "n1")));
        report.findings.iter().map(|one| format!("{} {}", one.code, one.object)).collect()
    }

    fn unit(name: &str, program: &str, runs: bool) -> Value {
        json!({"kind": "Unit", "metadata": {"name": name, "namespace": "n1"}, "program": program, "runs": runs, "wanted": "/etc/x"})
    }

    #[test]
    fn a_unit_that_is_wanted_and_does_not_run_is_the_node_s_trouble() {
        assert_eq!(found(vec![unit("kubelet.service", "kubelet", true)]), [""; 0]);
        assert_eq!(found(vec![unit("kubelet.service", "kubelet", false)]), ["node.kubelet-down Node//n1"]);
        assert_eq!(found(vec![unit("containerd.service", "containerd", false)]), ["node.runtime-down Node//n1"]);
    }

    #[test]
    fn swap_is_said_instead_of_what_follows_from_it() {
        let file = |path: &str, value: &str| json!({"kind": "File", "metadata": {"name": path, "namespace": "n1"}, "value": value});
        let swaps = file("/proc/swaps", "Filename Type Size\n/dev/sda2 partition 1024\n");
        let told = |word: &str| file(CONFIG, &format!("kind: KubeletConfiguration\nfailSwapOn: {word}\n"));
        let down = || unit("kubelet.service", "kubelet", false);
        assert_eq!(found(vec![down(), swaps.clone()]), ["node.swap Node//n1"]);
        assert_eq!(found(vec![down(), swaps.clone(), told("true")]), ["node.swap Node//n1"]);
        assert_eq!(found(vec![down(), swaps.clone(), told("false")]), ["node.kubelet-down Node//n1"]);
        assert_eq!(found(vec![unit("kubelet.service", "kubelet", true), swaps]), [""; 0]);
    }

    #[test]
    fn who_makes_cgroups_is_disputed_where_it_hurts() {
        let file = |path: &str, value: &str| json!({"kind": "File", "metadata": {"name": path, "namespace": "n1"}, "value": value});
        let pod = |path: &str, state: Value| {
            let status =
                json!({"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": 9, "state": state}]});
            json!({"kind": "Container", "metadata": {"name": "shop/web-0/app", "namespace": "n1"}, "engine": "containerd",
                "counters": {"oom": path}, "spec": {"nodeName": "n1", "containers": [{"name": "app"}]}, "status": status})
        };
        let crashing = || json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let beside =
            "/sys/fs/cgroup/system.slice/containerd.service/kubepods-podx.slice:cri-containerd:1/memory.events";
        let below = "/sys/fs/cgroup/kubepods.slice/kubepods-podx.slice/cri-containerd-1.scope/memory.events";
        let told = || {
            [file(CONFIG, "cgroupDriver: systemd\n"), file("/etc/containerd/config.toml", "SystemdCgroup = false\n")]
        };
        let runs = || unit("kubelet.service", "kubelet", true);
        let is_said = |facts: Vec<Value>| found(facts).iter().any(|one| one == "node.cgroup-driver Node//n1");
        assert!(is_said([vec![runs(), pod(beside, crashing())], told().to_vec()].concat()));
        assert!(
            !is_said([vec![runs(), pod(beside, json!({"running": {}}))], told().to_vec()].concat()),
            "it hurts nobody"
        );
        assert!(
            !is_said([vec![runs(), pod(below, crashing())], told().to_vec()].concat()),
            "the kubelet has learnt it"
        );
    }

    #[test]
    fn thresholds_are_shares_or_sizes() {
        assert_eq!(threshold("10%", 2000), Some(200));
        assert_eq!(threshold("5Gi", 0), Some(5 << 30));
        assert_eq!((threshold("x", 1), threshold("900%", 1)), (None, None));
    }
}
