//! Sandboxes without a network, and bytes that a policy keeps.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::eval::messages::call::CallFault;
use crate::eval::messages::says;
use crate::eval::messages::start::{self, Network};
use crate::eval::netpol::{self, Peer, Port, Way};
use crate::eval::{endpoints, resolver};
use crate::object::{Fields as _, Object, Ref};
use crate::rule::{Rule, Stance};
use crate::scene::{Call, Part, Scene};
use crate::snapshot::{Event, Judged};
use crate::value::Value;

/// Events that tell of a sandbox.
const SANDBOX: [&str; 2] = ["FailedCreatePodSandBox", "NetworkNotReady"];

/// The latest words on the network of a pod that is not started.
fn sandbox<'a>(scene: &Scene<'a>, pod: &'a Object) -> Option<Event<'a>> {
    scene.suffers(pod, Effect::NotStarted).filter(|trouble| trouble.part.is_none())?;
    scene.warnings(pod, &SANDBOX).next()
}

/// What every pod of a node suffers from is the node's.
fn of_node<'a>(scene: &Scene<'a>, pod: &'a Object, wanted: Network, what: &str) -> Judged<Option<Claim>> {
    let event = sandbox(scene, pod).filter(|event| start::network(event.message()) == Some(wanted));
    Ok(event.map(|event| {
        let node = Ref::new("Node", "", pod.text("/spec/nodeName"));
        Claim::new(what).about(node).seen(pod).field(event.0, event.pointer()).field(pod, "/spec/nodeName")
    }))
}

/// A node that says itself that it has no network, and does not only start.
fn not_ready(scene: &Scene<'_>, node: &Object) -> Option<Claim> {
    let (at, ready) = node.condition("Ready").filter(|_| !scene.is_settling(node))?;
    let message = ready.text("/message");
    let no = ready.text("/status") == "False"
        && says(
            message,
            &["NetworkPluginNotReady", "network not ready", "cni plugin not initialized", "cni config uninitialized"],
        );
    no.then(|| Claim::new("its network is not set up").field(node, &format!("{at}/message")))
}

fn not_installed<'a>(scene: &Scene<'a>, object: &'a Object) -> Judged<Option<Claim>> {
    if object.id.kind == "Node" {
        return Ok(not_ready(scene, object).filter(|_| agent(scene, object).is_none()));
    }
    let claim = of_node(scene, object, Network::NotInstalled, "no network plug-in is set up on it")?;
    let node = scene.snapshot.seen("Node", "", object.text("/spec/nodeName"));
    Ok(claim.filter(|_| node.is_none_or(|node| agent(scene, node).is_none())))
}

/// Where the runtime looks for networks: who has these folders of a node sets its network up.
const FOLDERS: [&str; 2] = ["/etc/cni", "/opt/cni"];

/// What the usual networks call their agents, for where a table does not tell of volumes.
const NAMES: [&str; 10] = [
    "calico-node",
    "cilium",
    "flannel",
    "kube-flannel",
    "weave-net",
    "kindnet",
    "antrea-agent",
    "aws-node",
    "kube-router",
    "kube-multus",
];

/// Whether a pod is the agent of a network.
pub(crate) fn is_agent(pod: &Object) -> bool {
    let folder = |volume: &Value| {
        let path = volume.text("/hostPath/path");
        FOLDERS.iter().any(|folder| path.starts_with(folder))
    };
    pod.list("/spec/volumes").iter().any(folder) || NAMES.iter().any(|name| pod.name().starts_with(name))
}

/// Whether the agents that a node has are seen, and all of them are well: what ails its network is something else.
fn has_agents(scene: &Scene<'_>, node: &str) -> bool {
    let is_ready = |pod: &Object| pod.condition("Ready").is_some_and(|(_, ready)| ready.text("/status") == "True");
    let mut agents =
        scene.snapshot.all("Pod").filter(|pod| pod.text("/spec/nodeName") == node && is_agent(pod)).peekable();
    agents.peek().is_some() && agents.all(|pod| is_ready(pod) && scene.trouble(pod).is_none())
}

/// The pod of a network's agent on a node that is in trouble.
fn agent<'a>(scene: &Scene<'a>, node: &Object) -> Option<&'a Object> {
    let troubled = scene.troubles().map(|trouble| trouble.pod);
    let mut of_node = troubled.filter(|pod| pod.id.kind == "Pod" && pod.text("/spec/nodeName") == node.name());
    of_node.find(|pod| is_agent(pod))
}

fn agent_down<'a>(scene: &Scene<'a>, object: &'a Object) -> Judged<Option<Claim>> {
    if object.id.kind == "Node" {
        let Some(claim) = not_ready(scene, object) else { return Ok(None) };
        return Ok(agent(scene, object).map(|agent| claim.field(agent, "/status/phase")));
    }
    let claim = of_node(scene, object, Network::AgentDown, "the network's agent does not run on it")?;
    Ok(claim.filter(|_| !has_agents(scene, object.text("/spec/nodeName"))))
}

fn said<'a>(scene: &Scene<'a>, pod: &'a Object, words: &[&str], what: &str) -> Judged<Option<Claim>> {
    let event = sandbox(scene, pod).filter(|event| says(event.message(), words));
    Ok(event.map(|event| {
        Claim::new(what)
            .about(Ref::new("Node", "", pod.text("/spec/nodeName")))
            .seen(pod)
            .field(event.0, event.pointer())
            .field(pod, "/spec/nodeName")
    }))
}

/// A call that nobody answers, between two pods, and the policy that keeps it.
fn denied<'a>(scene: &Scene<'a>, policy: &'a Object, way: Way) -> Judged<Option<Claim>> {
    if !netpol::isolates(policy, way) {
        return Ok(None);
    }
    if let Some(claim) = super::flows::denied(scene, policy, way)? {
        return Ok(Some(claim.only(Confidence::Proven)));
    }
    let mut found: Option<Claim> = None;
    for call in scene.calls().iter().filter(|call| matches!(call.fault, CallFault::Timeout | CallFault::NoRoute)) {
        let Some(service) = call.service else { continue };
        for target in endpoints::selected(scene.snapshot, service) {
            let Some(port) = number(service, target, call) else { continue };
            let port = Port { number: port, protocol: "TCP" };
            let (isolated, peer) = if way == Way::Ingress { (target, call.pod) } else { (call.pod, target) };
            let blamed = netpol::blame(scene.snapshot, isolated, way, Peer::Pod(peer), port)?;
            if blamed.is_none_or(|blamed| blamed.id != policy.id) {
                continue;
            }
            let says = format!("it keeps {} from {} on port {}", scene.top(call.pod), scene.top(target), port.number);
            let field = if way == Way::Ingress { "/spec/ingress" } else { "/spec/egress" };
            let first = || {
                let claim = Claim::new(says).field(policy, "/spec/podSelector").field(policy, field);
                claim.by(call.proof.clone())
            };
            found = Some(found.unwrap_or_else(first).seen(call.pod));
            break;
        }
    }
    Ok(found)
}

/// The port of the pod that a call leads to.
fn number(service: &Object, target: &Object, call: &Call<'_>) -> Option<i64> {
    let ports = service.list("/spec/ports");
    let asked = ports
        .iter()
        .find(|port| call.port.is_some_and(|at| port.int("/port") == Some(i64::from(at))))
        .or(ports.first())?;
    endpoints::target(asked, target.at("/spec")?)
}

/// Names that do not resolve because the way to the resolver is closed.
fn dns_blocked<'a>(scene: &Scene<'a>, policy: &'a Object) -> Judged<Option<Claim>> {
    let Some(dns) = resolver::cluster_dns(scene.snapshot).filter(|_| netpol::isolates(policy, Way::Egress)) else {
        return Ok(None);
    };
    let unnamed = |call: &&Call<'a>| {
        matches!(call.fault, CallFault::NoResolver | CallFault::NoName | CallFault::Timeout)
            && call.pod.ns() == policy.ns()
    };
    let mut found: Option<Claim> = None;
    for call in scene.calls().iter().filter(unnamed) {
        for target in endpoints::selected(scene.snapshot, dns) {
            let port = dns
                .list("/spec/ports")
                .iter()
                .find(|port| endpoints::protocol(port) == "UDP")
                .and_then(|port| endpoints::target(port, target.at("/spec")?));
            let port = Port { number: port.unwrap_or(53), protocol: "UDP" };
            let blamed = netpol::blame(scene.snapshot, call.pod, Way::Egress, Peer::Pod(target), port)?;
            if blamed.is_some_and(|blamed| blamed.id == policy.id) && call.fault != CallFault::Timeout {
                let first = || {
                    let claim = Claim::new("it keeps the pods that it selects from the cluster's DNS");
                    claim.field(policy, "/spec/podSelector").field(policy, "/spec/egress").by(call.proof.clone())
                };
                found = Some(found.unwrap_or_else(first).seen(call.pod));
                break;
            }
        }
    }
    Ok(found)
}

fn proxy_down<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let is = pod.name().starts_with("kube-proxy") && pod.ns() == "kube-system";
    let trouble = scene.trouble(pod).filter(|_| is);
    Ok(trouble.map(|trouble| {
        Claim::of(trouble, "kube-proxy does not run on its node, so services do not lead anywhere from there")
            .field(pod, "/spec/nodeName")
            .field(pod, "/status/phase")
    }))
}

/// A proxy in the environment that also takes what belongs to the cluster.
fn proxy_env<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(call) = scene.calls_of(pod).find(|call| call.service.is_some() || call.host.contains("proxy")) else {
        return Ok(None);
    };
    Ok(Part::all(pod).iter().find_map(|part| {
        let env = part.spec.list("/env");
        let of = |wanted: &str| env.iter().enumerate().find(|(_, one)| one.text("/name").eq_ignore_ascii_case(wanted));
        let (index, proxy) = of("HTTP_PROXY").or_else(|| of("HTTPS_PROXY"))?;
        let spared =
            of("NO_PROXY").is_some_and(|(_, one)| says(one.text("/value"), &[".svc", ".cluster.local", "10.0.0.0/8"]));
        let by_proxy = says(&call.proof.saw, &["proxy"]) || proxy.text("/value").contains(&call.host);
        (!spared && by_proxy).then(|| {
            Claim::new("its calls into the cluster go to a proxy")
                .seen(pod)
                .part(part)
                .by(part.asked(&format!("/env/{index}/name")))
                .by(call.proof.clone())
        })
    }))
}

const CNI: Rule = Rule { effect: Effect::NoNetwork, ..Rule::PLAIN };
const NET: Rule = Rule {
    on: &["NetworkPolicy"],
    effect: Effect::Unreachable,
    stance: Stance::Root,
    confidence: Confidence::Likely,
    ..Rule::PLAIN
};

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "cni.not-installed",
        on: &["Pod", "Node"],
        stance: Stance::Yields,
        means: "The node has no network plug-in set up, so no pod gets an address.",
        proves: "The runtime says that it has no configuration.",
        refutes: "a configuration in /etc/cni/net.d",
        fix: "install the cluster's network, or put its configuration back",
        judge: not_installed,
        ..CNI
    },
    Rule {
        code: "cni.binary-missing",
        means: "The network's configuration names a plug-in whose program is not on the node.",
        proves: "The runtime did not find it in its path.",
        refutes: "the program in /opt/cni/bin",
        fix: "install the plug-in's program on the node, or correct the configuration",
        judge: |scene, pod| {
            of_node(scene, pod, Network::BinaryMissing, "the program of a network plug-in is not on it")
        },
        ..CNI
    },
    Rule {
        code: "cni.agent-down",
        on: &["Pod", "Node"],
        stance: Stance::Yields,
        means: "The network's agent does not run on the node.",
        proves: "The plug-in's words, or the agent's pod in trouble.",
        refutes: "the agent's pod being ready",
        fix: "repair the agent's pod on the node",
        judge: agent_down,
        ..CNI
    },
    Rule {
        code: "cni.ip-exhausted",
        means: "No address is left for pods on the node: the range is small, or leases leak.",
        proves: "The plug-in's words.",
        refutes: "free addresses in the node's range",
        fix: "remove leases of pods that are gone, or enlarge the range",
        judge: |scene, pod| of_node(scene, pod, Network::Exhausted, "it has no address left for pods"),
        ..CNI
    },
    Rule {
        code: "cni.bridge-conflict",
        means: "The node's bridge has an address of another range than the node was given.",
        proves: "The plug-in's words.",
        refutes: "the bridge's address inside podCIDR",
        fix: "delete the bridge and start the network's agent again",
        judge: |scene, pod| of_node(scene, pod, Network::BridgeConflict, "its bridge has an address of another range"),
        ..CNI
    },
    Rule {
        code: "cni.no-podcidr",
        means: "The node was given no range for its pods.",
        proves: "The plug-in's words.",
        refutes: "spec.podCIDR of the node",
        fix: "let the controller manager allocate ranges, and make them large enough",
        judge: |scene, pod| of_node(scene, pod, Network::NoRange, "it was given no range for pods"),
        ..CNI
    },
    Rule {
        code: "img.sandbox-image",
        means: "The node cannot have the image of the sandbox itself, so no pod starts there.",
        proves: "The runtime's words.",
        refutes: "the pause image on the node",
        fix: "load the pause image on the node, or correct sandbox_image of the runtime",
        judge: |scene, pod| {
            said(
                scene,
                pod,
                &["failed to get sandbox image", "failed to pull sandbox image", "unable to pull sandbox image"],
                "it cannot have the sandbox's image",
            )
        },
        ..CNI
    },
    Rule {
        code: "sbx.runtime-socket",
        means: "The kubelet does not reach the runtime of its node.",
        proves: "The kubelet's words.",
        refutes: "the runtime answering on its socket",
        fix: "start the runtime on the node",
        judge: |scene, pod| {
            said(
                scene,
                pod,
                &["containerd.sock", "crio.sock", "docker.sock: connect", "dockershim.sock"],
                "its runtime does not answer",
            )
        },
        ..CNI
    },
    Rule {
        code: "net.netpol-ingress-deny",
        means: "A NetworkPolicy does not let the caller in.",
        proves: "The call is not answered, and no policy of the target lets it pass.",
        refutes: "the same call from a pod with other labels failing too",
        fix: "add a rule for the caller to the policy",
        judge: |scene, policy| denied(scene, policy, Way::Ingress),
        ..NET
    },
    Rule {
        code: "net.netpol-egress-deny",
        means: "A NetworkPolicy does not let the caller out.",
        proves: "The call is not answered, and no policy of the caller lets it pass.",
        refutes: "the same call without the policy failing too",
        fix: "add a rule for the target to the policy",
        judge: |scene, policy| denied(scene, policy, Way::Egress),
        ..NET
    },
    Rule {
        code: "net.netpol-dns-blocked",
        weight: 85,
        means: "A NetworkPolicy does not let the pods ask the cluster's DNS.",
        proves: "Names do not resolve, and no policy lets UDP 53 out to it.",
        refutes: "names resolving without the policy",
        fix: "allow UDP and TCP 53 to the cluster's DNS",
        judge: dns_blocked,
        ..NET
    },
    Rule {
        code: "net.kube-proxy-down",
        on: &["Pod"],
        effect: Effect::Crashing,
        weight: 5,
        stance: Stance::Yields,
        means: "kube-proxy does not run on a node, so services lead nowhere from there.",
        proves: "Its pod is in trouble.",
        refutes: "its pod being ready",
        fix: "mend its pod",
        judge: proxy_down,
        ..NET
    },
    Rule {
        code: "net.proxy-env",
        on: &["Pod"],
        effect: Effect::CallsFail,
        means: "A proxy is set for the program, and calls into the cluster go there.",
        proves: "The variable without an exception for the cluster, and a call that fails at the proxy.",
        refutes: "NO_PROXY with .svc and the cluster's ranges",
        fix: "add .svc, .cluster.local and the cluster's ranges to NO_PROXY",
        judge: proxy_env,
        ..NET
    },
];
