//! Nodes that are not ready or short of something, and pods that were evicted for it.

use super::journals::{self, KUBELETS};
use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::eval::messages::says;
use crate::object::{Fields as _, Object, Ref};
use crate::rule::{Rule, Stance};
use crate::scene::Scene;
use crate::snapshot::{Judged, Proof};

/// The Ready condition of a node that is not.
fn ready<'a>(node: &'a Object, status: &str) -> Option<(String, &'a crate::value::Value)> {
    node.condition("Ready").filter(|(_, ready)| ready.text("/status") == status && node.deletion().is_none())
}

/// The kubelet says nothing any more: its lease is old.
fn kubelet_down<'a>(scene: &Scene<'a>, node: &'a Object) -> Judged<Option<Claim>> {
    let Some((at, _)) = ready(node, "Unknown") else { return Ok(None) };
    let lease = scene.snapshot.seen("Lease", "kube-node-lease", node.name());
    let old =
        lease.and_then(|lease| lease.time("/spec/renewTime")).is_none_or(|renewed| scene.now().since(renewed) > 30);
    let claim = Claim::new("its kubelet says nothing any more: it is down, or the node is, or the way to it");
    Ok(old.then(|| {
        claim
            .field(node, &format!("{at}/status"))
            .field(node, &format!("{at}/reason"))
            .field(node, &format!("{at}/message"))
            .by_all(lease.map(|lease| Proof::field(lease, "/spec/renewTime")))
    }))
}

/// The lease is old, and nobody has drawn the conclusion: the controller manager is down as well.
fn silent<'a>(scene: &Scene<'a>, node: &'a Object) -> Judged<Option<Claim>> {
    let lease = scene.snapshot.seen("Lease", "kube-node-lease", node.name());
    let renewed = lease.and_then(|lease| Some((lease, lease.time("/spec/renewTime")?)));
    let fresh = scene
        .snapshot
        .within("Lease", "kube-node-lease")
        .filter_map(|lease| lease.time("/spec/renewTime"))
        .any(|at| scene.now().since(at) < 60);
    let says_ready = super::workloads::is_true(node, "Ready").is_some();
    let old = renewed.filter(|(_, at)| scene.now().since(*at) > 120 && fresh && says_ready);
    Ok(old.map(|(lease, _)| {
        Claim::new("its kubelet has not renewed its lease for minutes")
            .only(Confidence::Likely)
            .field(lease, "/spec/renewTime")
    }))
}

fn said<'a>(scene: &Scene<'a>, node: &'a Object, words: &[&str], what: &str) -> Judged<Option<Claim>> {
    let found = ready(node, "False").filter(|(_, ready)| says(ready.text("/message"), words));
    let found = found.filter(|_| !scene.is_settling(node));
    Ok(found.map(|(at, _)| Claim::new(what).field(node, &format!("{at}/message"))))
}

fn not_ready(node: &Object) -> Judged<Option<Claim>> {
    Ok(ready(node, "False").map(|(at, one)| {
        let claim = Claim::new(format!("it is not ready: {}", one.text("/message")));
        claim.field(node, &format!("{at}/status")).field(node, &format!("{at}/message"))
    }))
}

fn pressed<'a>(scene: &Scene<'a>, node: &'a Object, kind: &str, what: &str) -> Judged<Option<Claim>> {
    let found = super::workloads::is_true(node, kind);
    let evicted = scene
        .snapshot
        .all("Pod")
        .filter(|pod| pod.text("/spec/nodeName") == node.name() && pod.text("/status/reason") == "Evicted");
    Ok(found.map(|(at, _)| {
        let message = Proof::field(node, &format!("{at}/message"));
        let claim = Claim::new(what).field(node, &format!("{at}/status")).by(message);
        evicted.filter(|pod| scene.trouble(pod).is_some()).fold(claim, Claim::seen)
    }))
}

/// Conditions whose polarity their name tells (node-problem-detector and others).
fn problem(node: &Object) -> Judged<Option<Claim>> {
    const KNOWN: [&str; 5] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];
    let bad = |kind: &str| {
        ["Problem", "Deadlock", "Unhealthy", "ReadonlyFilesystem", "Frequent", "Corrupt"]
            .iter()
            .any(|word| kind.contains(word))
    };
    let mut conditions = node.list("/status/conditions").iter().enumerate();
    let found = conditions.find(|(_, one)| {
        let kind = one.text("/type");
        !KNOWN.contains(&kind) && bad(kind) && one.text("/status") == "True"
    });
    Ok(found.map(|(index, one)| {
        Claim::new(format!("its condition {} is true", one.text("/type")))
            .field(node, &format!("/status/conditions/{index}/type"))
            .field(node, &format!("/status/conditions/{index}/message"))
    }))
}

fn unavailable(node: &Object) -> Judged<Option<Claim>> {
    let found = super::workloads::is_true(node, "NetworkUnavailable");
    Ok(found.map(|(at, _)| {
        Claim::new("its network is not configured")
            .field(node, &format!("{at}/status"))
            .field(node, &format!("{at}/message"))
    }))
}

/// What the kubelet says about images and disk, as long as it goes on.
fn collection<'a>(scene: &Scene<'a>, node: &'a Object) -> Judged<Option<Claim>> {
    let mut events = scene.snapshot.events(node).rev();
    let event = events.find(|event| ["ImageGCFailed", "FreeDiskSpaceFailed"].contains(&event.reason()));
    let goes_on =
        event.filter(|event| event.count() >= 2 && event.last().is_some_and(|at| scene.now().since(at) < 900));
    Ok(goes_on
        .map(|event| Claim::new("its kubelet cannot free space by removing images").field(event.0, event.pointer())))
}

fn rebooted<'a>(scene: &Scene<'a>, node: &'a Object) -> Judged<Option<Claim>> {
    let event = scene
        .snapshot
        .events(node)
        .rev()
        .find(|event| event.reason() == "Rebooted" && event.last().is_some_and(|at| scene.now().since(at) < 900));
    let hurt = scene.troubles().find(|trouble| {
        trouble.pod.text("/spec/nodeName") == node.name()
            && matches!(trouble.effect, Effect::Crashing | Effect::NotReady)
    });
    Ok(event
        .zip(hurt)
        .map(|(event, trouble)| Claim::new("it was started again").field(event.0, event.pointer()).seen(trouble.pod)))
}

/// Whether a node is no machine with a kubelet, but a program that plays one and says a version of its own.
fn is_virtual(node: &Object) -> bool {
    let version = node.text("/status/nodeInfo/kubeletVersion");
    let taints = || node.list("/spec/taints").iter().any(|taint| taint.text("/key").starts_with("virtual-kubelet.io/"));
    version.contains("-vk-") || node.label("type") == Some("virtual-kubelet") || taints()
}

/// Kubelets more than three minor versions behind the newest, or ahead of the API server.
fn skew<'a>(scene: &Scene<'a>, node: &'a Object) -> Judged<Option<Claim>> {
    let minor = |node: &Object| {
        let version = node.text("/status/nodeInfo/kubeletVersion").strip_prefix("v1.")?;
        let minor = version.split(['.', '+', '-']).next()?.parse::<i64>().ok();
        minor.filter(|_| !is_virtual(node))
    };
    let newest = scene.snapshot.all("Node").filter_map(minor).max();
    let far = minor(node).zip(newest).is_some_and(|(own, newest)| newest - own > 3);
    Ok(far.then(|| {
        Claim::new("its kubelet is more than three minor versions behind")
            .field(node, "/status/nodeInfo/kubeletVersion")
    }))
}

fn evicted<'a>(scene: &Scene<'a>, pod: &'a Object, words: &[&str], what: &str) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.suffers(pod, Effect::Evicted) else { return Ok(None) };
    Ok(says(pod.text("/status/message"), words).then(|| Claim::of(trouble, what).field(pod, "/status/message")))
}

/// Who was told to go, and why: the pod's own condition.
fn disrupted<'a>(scene: &Scene<'a>, pod: &'a Object, reason: &str, what: &str) -> Judged<Option<Claim>> {
    let Some(trouble) = scene.trouble(pod).filter(|one| matches!(one.effect, Effect::Failed | Effect::Evicted)) else {
        return Ok(None);
    };
    let found = pod.condition("DisruptionTarget").filter(|(_, one)| one.text("/reason") == reason);
    Ok(found.map(|(at, _)| {
        Claim::of(trouble, what).field(pod, &format!("{at}/reason")).shared(Ref::new(
            "Node",
            "",
            pod.text("/spec/nodeName"),
        ))
    }))
}

const NODE: Rule = Rule { on: &["Node"], effect: Effect::Lost, stance: Stance::Yields, ..Rule::PLAIN };
const EVICT: Rule = Rule { on: &["Pod"], effect: Effect::Evicted, stance: Stance::Yields, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "node.kubelet-down",
        on: &["Node", "Unit"],
        means: "The kubelet of the node says nothing any more: it is down, the node is, or the network between.",
        proves: "Ready is Unknown, and the node's lease is old; on the node, that its unit does not run.",
        refutes: "a lease that is renewed",
        fix: "on the node: systemctl status kubelet; if the node does not answer, look at the machine",
        judge: |scene, node| match node.id.kind.as_str() {
            "Unit" if journals::is_told(scene, node) => Ok(None),
            "Unit" => Ok(journals::stopped(scene, node, KUBELETS, "the kubelet is wanted and does not run")),
            _ if journals::tells_why(scene, node) => Ok(None),
            _ => Ok(kubelet_down(scene, node)?.or(silent(scene, node)?)),
        },
        ..NODE
    },
    Rule {
        code: "node.runtime-down",
        on: &["Node", "Engine", "Unit"],
        weight: 85,
        means: "The container runtime of the node does not answer.",
        proves: "The node's own words; on the node, its socket, or that its unit does not run.",
        refutes: "the runtime answering on its socket",
        fix: "start the runtime on the node",
        judge: |scene, node| {
            match node.id.kind.as_str() {
                "Engine" => return super::machines::silent(node),
                "Unit" => return Ok(journals::no_runtime(scene, node)),
                _ => {}
            }
            said(
                scene,
                node,
                &[
                    "container runtime is down",
                    "container runtime status check may not have completed",
                    "runtime not ready: RuntimeReady=false",
                ],
                "its runtime does not answer",
            )
        },
        ..NODE
    },
    Rule {
        code: "node.pleg",
        weight: 84,
        means: "The kubelet's loop over containers takes too long: the runtime or the disk is slow.",
        proves: "The node's own words.",
        refutes: "PLEG healthy",
        fix: "look at the disk and the number of dead containers on the node",
        judge: |scene, node| {
            said(scene, node, &["PLEG is not healthy"], "its kubelet does not get through its containers in time")
        },
        ..NODE
    },
    Rule {
        code: "node.not-ready",
        weight: 30,
        stance: Stance::Yields,
        confidence: Confidence::Likely,
        means: "The node says that it is not ready, for a reason that fits no other code.",
        proves: "The node's own words.",
        refutes: "Ready being True",
        fix: "see the message, and the kubelet's log on the node",
        judge: |scene, node| {
            let network = ready(node, "False")
                .is_some_and(|(_, one)| says(one.text("/message"), &["network", "cni", "PLEG", "runtime"]));
            if network || scene.is_settling(node) { Ok(None) } else { not_ready(node) }
        },
        ..NODE
    },
    Rule {
        code: "node.memory-pressure",
        on: &["Node", "Machine"],
        effect: Effect::Pressed,
        means: "The node is short of memory, evicts pods and takes no new ones.",
        proves: "Its condition MemoryPressure; on the node, whom its kernel killed for want of memory.",
        refutes: "MemAvailable above the kubelet's threshold",
        fix: "find who uses more than it requests; give the node more memory or less work",
        judge: |scene, one| {
            if one.id.kind == "Machine" {
                return Ok(super::kernel::starved(scene, one));
            }
            pressed(scene, one, "MemoryPressure", "it is short of memory")
        },
        ..NODE
    },
    Rule {
        code: "node.disk-pressure",
        on: &["Node", "Disk"],
        effect: Effect::Pressed,
        means: "The node is short of disk, evicts pods and takes no new ones.",
        proves: "Its condition DiskPressure; on the node, what is free.",
        refutes: "free space and free inodes above the kubelet's threshold",
        fix: "remove images, logs and emptyDirs; check evictionHard against what is free",
        judge: |scene, one| match one.id.kind.as_str() {
            "Disk" => super::machines::full(one),
            _ if super::kubelets::too_early(scene, one).is_some() => Ok(None),
            _ => pressed(scene, one, "DiskPressure", "it is short of disk"),
        },
        ..NODE
    },
    Rule {
        code: "node.pid-pressure",
        on: &["Node", "Machine"],
        effect: Effect::Pressed,
        means: "The node is short of process ids.",
        proves: "Its condition PIDPressure; on the node, its threads against their limit.",
        refutes: "process ids far below pid_max",
        fix: "find who makes so many processes; set podPidsLimit",
        judge: |scene, one| {
            if one.id.kind == "Machine" {
                return super::machines::threads(scene, one);
            }
            pressed(scene, one, "PIDPressure", "it is short of process ids")
        },
        ..NODE
    },
    Rule {
        code: "node.network-unavailable",
        effect: Effect::NoNetwork,
        means: "The node's network is not configured.",
        proves: "Its condition NetworkUnavailable.",
        refutes: "the condition being False",
        fix: "see the network's agent and the routes of the cloud",
        judge: |scene, node| if scene.is_settling(node) { Ok(None) } else { unavailable(node) },
        ..NODE
    },
    Rule {
        code: "node.npd-condition",
        weight: 60,
        confidence: Confidence::Likely,
        effect: Effect::Pressed,
        means: "A problem detector found something wrong with the node.",
        proves: "A condition whose name says that true is bad.",
        refutes: "the condition being False",
        fix: "see the condition's message and the node's kernel log",
        judge: |_, node| problem(node),
        ..NODE
    },
    Rule {
        code: "node.image-gc-failed",
        weight: 50,
        effect: Effect::Pressed,
        confidence: Confidence::Likely,
        means: "The kubelet cannot free space by removing images.",
        proves: "Its warning, again and again in the last minutes.",
        refutes: "free space on the image file system",
        fix: "remove images that nobody uses, or give the node a larger disk",
        judge: collection,
        ..NODE
    },
    Rule {
        code: "node.rebooted",
        weight: 70,
        confidence: Confidence::Likely,
        means: "The node was started again, and pods on it are not well since.",
        proves: "Its Rebooted event of the last minutes.",
        refutes: "the same boot id as before",
        fix: "see why: the node's log of the boot before",
        judge: rebooted,
        ..NODE
    },
    Rule {
        code: "node.version-skew",
        effect: Effect::Latent,
        confidence: Confidence::Possible,
        means: "The kubelet is older than what the control plane supports.",
        proves: "Its version and the newest in the cluster.",
        refutes: "a control plane of the same version",
        fix: "upgrade the node",
        judge: skew,
        ..NODE
    },
    Rule {
        code: "evict.node-pressure",
        means: "The pod was evicted because its node is short of something.",
        proves: "The kubelet's words.",
        refutes: "a node with enough left",
        fix: "see the node",
        judge: |scene, pod| {
            evicted(scene, pod, &["low on resource", "had condition: ["], "its node was short of something")
        },
        ..EVICT
    },
    Rule {
        code: "evict.ephemeral-limit",
        stance: Stance::Root,
        means: "The pod wrote more to its own disk than its limit for ephemeral storage.",
        proves: "The kubelet's words.",
        refutes: "usage below the limit",
        fix: "raise limits.ephemeral-storage, or write to a volume",
        judge: |scene, pod| {
            evicted(
                scene,
                pod,
                &["ephemeral local storage usage exceeds", "exceeded its local ephemeral storage limit"],
                "it wrote more than its limit for ephemeral storage",
            )
        },
        ..EVICT
    },
    Rule {
        code: "evict.taint-manager",
        means: "The pod had to leave because of a taint that it does not tolerate.",
        proves: "Its condition DisruptionTarget.",
        refutes: "no NoExecute taint on its node",
        fix: "see the node's taints",
        judge: |scene, pod| disrupted(scene, pod, "DeletionByTaintManager", "a taint of its node made it leave"),
        ..EVICT
    },
    Rule {
        code: "evict.api",
        confidence: Confidence::Possible,
        means: "Somebody evicted the pod: a drain, or an autoscaler.",
        proves: "Its condition DisruptionTarget.",
        refutes: "no drain at the time",
        fix: "run it by a controller, so that it is made again elsewhere",
        judge: |scene, pod| disrupted(scene, pod, "EvictionByEvictionAPI", "somebody evicted it"),
        ..EVICT
    },
];
