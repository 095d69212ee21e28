//! What ways to a service mean that were tried from a pod (`--probe`): its address against the endpoints behind it,
//! against policies, and against what kube-proxy has put into the kernel of a node.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::eval::flow::{self, Flow, Outcome, Verdict};
use crate::eval::reach::End;
use crate::eval::{endpoints, netpol, proxy, reach, resolver};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::Scene;
use crate::snapshot::{Judged, Proof};
use crate::time::Time;

/// The first way to a service that has one of these verdicts.
pub(super) fn found<'a>(
    scene: &Scene<'a>,
    service: &'a Object,
    wanted: &[Verdict],
) -> Judged<Option<(Flow<'a>, Outcome<'a>)>> {
    for flow in flow::flows(scene.snapshot, service) {
        let outcome = flow.judged(scene.snapshot)?;
        if wanted.contains(&outcome.verdict) {
            return Ok(Some((flow, outcome)));
        }
    }
    Ok(None)
}

/// Who tried, and what became of address and endpoint.
pub(super) fn claim(flow: &Flow<'_>, outcome: &Outcome<'_>, says: String) -> Claim {
    let front = flow.front.iter().flat_map(|(probe, _)| reach::proofs(probe));
    let back = outcome.back.iter().flat_map(|back| reach::proofs(back.probe));
    Claim::new(says).by_all(front).by_all(back)
}

/// `10.1.0.7:8080`.
pub(super) fn spot(outcome: &Outcome<'_>) -> String {
    outcome.back.as_ref().map_or_else(String::new, |back| format!("{}:{}", back.spot.address, back.spot.port))
}

/// Who tried, and where that is.
fn from(flow: &Flow<'_>) -> String {
    let node = flow.from.text("/spec/nodeName");
    format!("{}{}", flow.from.name(), if node.is_empty() { String::new() } else { format!(" on {node}") })
}

/// Whether a service keeps to endpoints of the caller's node, and there is none.
fn keeps_to_node(flow: &Flow<'_>, service: &Object) -> bool {
    let node = flow.from.text("/spec/nodeName");
    service.text("/spec/internalTrafficPolicy") == "Local" && !flow.backs.iter().any(|back| back.spot.node == node)
}

/// Endpoints that changed a moment ago need not be in the rules yet.
const LAG: i64 = 30;

fn is_settled(scene: &Scene<'_>, service: &Object) -> bool {
    let own = |slice: &&Object| slice.label("kubernetes.io/service-name") == Some(service.name());
    let mut slices = scene.snapshot.within("EndpointSlice", service.ns()).filter(own);
    let changed = |slice: &Object| {
        let last = slice.annotation("endpoints.kubernetes.io/last-change-trigger-time").and_then(Time::parse);
        last.max(slice.created())
    };
    slices.all(|slice| changed(slice).is_none_or(|at| scene.now().since(at) > LAG))
}

/// What the rules of a node say of a service whose endpoints they do not have; `empty` is that they have none at all.
fn unlike<'a>(scene: &Scene<'a>, service: &'a Object, empty: Emptiness) -> Option<Claim> {
    let address = flow::address(service).filter(|_| is_settled(scene, service))?;
    for port in service.list("/spec/ports") {
        let spots = flow::spots(scene.snapshot, service, port);
        let Some(number) = port.int("/port").filter(|_| !spots.is_empty()) else { continue };
        let front = format!("{address}:{number}/{}", endpoints::protocol(port).to_lowercase());
        for proxy in scene.proxies() {
            let Some(source) = scene.snapshot.find(&proxy.source) else { continue };
            let local = service.text("/spec/internalTrafficPolicy") == "Local";
            let Some(ends) = proxy.table.get(&front).filter(|_| !local) else { continue };
            let known = spots.iter().any(|spot| ends.contains(&format!("{}:{}", spot.address, spot.port)));
            let ipvs = source.id.kind == "File";
            let wanted = if ipvs && ends.is_empty() { Emptiness::OfIpvs } else { Emptiness::Any };
            let Some(line) = proxy::line(source.text("/value"), address, number).filter(|_| !known && wanted == empty)
            else {
                continue;
            };
            let leads = ends.first().map_or_else(|| "nowhere".to_owned(), |end| format!("to {end}, which is gone"));
            let (machine, ready) = (source.ns(), spots.len());
            let says = format!("the rules on {machine} lead {address}:{number} {leads}, and {ready} are ready");
            let rule = Proof { saw: line.to_owned(), ..Proof::field(source, "/value") };
            return Some(Claim::new(says).by(rule).field(service, "/spec/clusterIP"));
        }
    }
    None
}

/// Whose finding it is that rules lead nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    /// A virtual server of IPVS without a real one.
    OfIpvs,
    /// Everything else.
    Any,
}

/// The address does not lead where the endpoints are: it was tried, or the rules say so.
fn stale<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    Ok(match (tried(scene, service)?, unlike(scene, service, Emptiness::Any)) {
        (Some(tried), Some(told)) => Some(tried.only(Confidence::Proven).by_all(told.proofs)),
        (tried, told) => tried.or(told),
    })
}

fn tried<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    let wanted = [Verdict::Stale, Verdict::Swallowed];
    let found = found(scene, service, &wanted)?.filter(|(flow, _)| !keeps_to_node(flow, service));
    Ok(found.map(|(flow, outcome)| {
        let (what, sure) = match outcome.verdict {
            Verdict::Stale => ("is refused", Confidence::Proven),
            _ => ("does not answer", Confidence::Likely),
        };
        let (who, address) = (from(&flow), service.text("/spec/clusterIP"));
        let port = flow.port.int("/port").unwrap_or_default();
        let says = format!("from {who} its address {address}:{port} {what}, and {} behind it answers", spot(&outcome));
        claim(&flow, &outcome, says).only(sure).field(service, "/spec/clusterIP")
    }))
}

fn hairpin<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    let found = found(scene, service, &[Verdict::Hairpin])?;
    Ok(found.map(|(flow, outcome)| {
        let says = format!("{} is behind it and does not reach itself by its address", from(&flow));
        claim(&flow, &outcome, says).field(service, "/spec/clusterIP")
    }))
}

fn between_nodes<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    let found = found(scene, service, &[Verdict::Nodes])?;
    Ok(found.map(|(flow, outcome)| {
        let there = outcome.back.as_ref().map_or("", |back| back.spot.node);
        let near = flow.backs.iter().find(|back| back.spot.node == flow.from.text("/spec/nodeName"));
        let proofs = near.into_iter().flat_map(|back| reach::proofs(back.probe));
        let says =
            format!("{} does not reach {} on {there}, and does reach its own node's", from(&flow), spot(&outcome));
        claim(&flow, &outcome, says).by_all(proofs).field(flow.from, "/spec/nodeName")
    }))
}

/// What a policy keeps, and what was reached all the same.
fn unenforced<'a>(scene: &Scene<'a>, policy: &'a Object) -> Judged<Option<Claim>> {
    for service in scene.snapshot.all("Service").filter(|_| scene.snapshot.all("Probe").next().is_some()) {
        let Some((flow, outcome)) = found(scene, service, &[Verdict::Unenforced])? else { continue };
        let Some((blamed, way)) = outcome.policy.filter(|(blamed, _)| blamed.id == policy.id) else { continue };
        let field = if way == netpol::Way::Ingress { "/spec/ingress" } else { "/spec/egress" };
        let says = format!("it keeps {} from {}, and the connection opens", from(&flow), spot(&outcome));
        let claim = claim(&flow, &outcome, says).field(blamed, "/spec/podSelector");
        return Ok(Some(if blamed.at(field).is_some() { claim.field(blamed, field) } else { claim }));
    }
    Ok(None)
}

/// How long the cluster's DNS may take to know of a new service.
const HEARSAY: i64 = 60;

/// The cluster's own DNS does not know a service by its full name, or by another address.
pub(super) fn misnamed<'a>(scene: &Scene<'a>, service: &'a Object) -> Option<Claim> {
    let dns = resolver::cluster_dns(scene.snapshot).filter(|_| scene.snapshot.all("Probe").next().is_some())?;
    let spots = dns.list("/spec/ports").iter().flat_map(|port| flow::spots(scene.snapshot, dns, port));
    let servers: Vec<&str> = flow::address(dns).into_iter().chain(spots.map(|spot| spot.address)).collect();
    if service.text("/spec/type") == "ExternalName" || scene.age(service) < HEARSAY {
        return None;
    }
    let full = format!("{}.{}.svc.", service.name(), service.ns());
    for probe in scene.snapshot.all("Probe") {
        let asked = probe.text("/try").strip_prefix("dns/").and_then(|rest| rest.split_once('/'));
        let Some((server, name)) = asked.filter(|(server, _)| servers.contains(server)) else { continue };
        // A search domain behind a full name makes one that nobody has.
        let Some(domain) = name.strip_prefix(&full).filter(|domain| !domain.contains(".svc.")) else { continue };
        let address = flow::address(service);
        let other = |address: &str| !probe.list("/addresses").iter().any(|one| one.as_str() == Some(address));
        let what = match reach::end(probe) {
            Some(End::NoName) if address.is_some() => "does not know it",
            Some(End::Well) if address.is_some_and(other) => "gives another address for it",
            _ => continue,
        };
        let claim = Claim::new(format!("{server}, which answers for {domain}, {what}")).by_all(reach::proofs(probe));
        let claim = if probe.at("/addresses").is_some() { claim.field(probe, "/addresses") } else { claim };
        return Some(claim.field(service, "/spec/clusterIP"));
    }
    None
}

/// Nobody listens where an endpoint is.
pub(super) fn closed<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    let found = found(scene, service, &[Verdict::NotListening])?;
    Ok(found.map(|(flow, outcome)| {
        let all = flow.backs.iter().filter(|back| back.end == End::Refused).count();
        let count = if all > 1 { format!(" and {} more", all - 1) } else { String::new() };
        let says = format!("nobody listens at {}{count}, though it is among its ready endpoints", spot(&outcome));
        let listed = service.list("/spec/ports").iter().position(|port| port == flow.port);
        let pointer = listed.map(|index| format!("/spec/ports/{index}/targetPort"));
        let claim = claim(&flow, &outcome, says);
        match pointer.filter(|pointer| service.at(pointer).is_some()) {
            Some(pointer) => claim.field(service, &pointer),
            None => claim,
        }
    }))
}

/// The bytes that a policy keeps, as a connection shows it that was tried.
pub(super) fn denied<'a>(scene: &Scene<'a>, policy: &'a Object, way: netpol::Way) -> Judged<Option<Claim>> {
    for service in scene.snapshot.all("Service").filter(|_| scene.snapshot.all("Probe").next().is_some()) {
        let Some((flow, outcome)) = found(scene, service, &[Verdict::Denied])? else { continue };
        let kept = outcome.policy.filter(|(blamed, kept)| blamed.id == policy.id && *kept == way);
        let (Some(_), Some(pod)) = (kept, outcome.back.as_ref().and_then(|back| back.spot.pod)) else { continue };
        let port = endpoints::protocol(flow.port);
        let says = format!("it keeps {} from {} ({} {port})", scene.top(flow.from), scene.top(pod), spot(&outcome));
        return Ok(Some(claim(&flow, &outcome, says).field(policy, "/spec/podSelector")));
    }
    Ok(None)
}

const FLOW: Rule =
    Rule { on: &["Service"], effect: Effect::Unreachable, stance: Stance::Root, weight: 85, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "net.kube-proxy-stale",
        means: "The node's rules for the service are not those of its endpoints: kube-proxy there hangs or is not there.",
        proves: "From one pod, the service's address fails while the endpoints behind it answer; or the rules of a node lead elsewhere.",
        refutes: "the service's address answering from the same pod",
        fix: "see the log of kube-proxy on that node, and start it again",
        judge: stale,
        ..FLOW
    },
    Rule {
        code: "net.ipvs-missing",
        means: "On a node, IPVS has the service's address and nobody behind it, though endpoints are ready.",
        proves: "The virtual server in /proc/net/ip_vs, without a real one.",
        refutes: "real servers with a weight behind the virtual one: ipvsadm -ln",
        fix: "see the log of kube-proxy on that node, and start it again",
        judge: |scene, service| Ok(unlike(scene, service, Emptiness::OfIpvs)),
        ..FLOW
    },
    Rule {
        code: "net.hairpin",
        confidence: Confidence::Likely,
        means: "A pod does not reach itself by the address of its own service.",
        proves: "The pod's own endpoint answers it, and the service's address does not.",
        refutes: "the service's address answering from the same pod",
        fix: "set hairpinMode of the pods' network, or let the pod call itself at localhost",
        judge: hairpin,
        ..FLOW
    },
    Rule {
        code: "net.overlay-blocked",
        confidence: Confidence::Likely,
        means: "Packets between pods of different nodes do not arrive, those within a node do.",
        proves: "Connections of one pod: to endpoints on its node, and to those on others.",
        refutes: "a connection to an endpoint on the other node",
        fix: "let the protocol of the pods' network pass between the nodes: UDP 8472, 4789, 6081 or 51820, IP-in-IP, or BGP",
        judge: between_nodes,
        ..FLOW
    },
    Rule {
        code: "dns.stale",
        effect: Effect::Nameless,
        confidence: Confidence::Likely,
        means: "The cluster's DNS does not know a service that exists, or knows another address: a block of its Corefile answers instead, or it hears nothing of the API server any more.",
        proves: "What it answered to the service's full name, and the service's address.",
        refutes: "the right address for the full name, asked again",
        fix: "see the log of the cluster's DNS and its Corefile, and start it again",
        judge: |scene, service| Ok(misnamed(scene, service)),
        ..FLOW
    },
    Rule {
        code: "net.netpol-unenforced",
        on: &["NetworkPolicy"],
        effect: Effect::Latent,
        confidence: Confidence::Likely,
        means: "A NetworkPolicy forbids what passes: the cluster's network does not enforce policies.",
        proves: "A connection that the policy keeps, and that opens.",
        refutes: "the same connection failing",
        fix: "use a network that enforces NetworkPolicy, or do not count on the policy",
        judge: unenforced,
        ..FLOW
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Coverage, Gathering};
    use crate::{Question, diagnose};
    use serde_json::json;

    /// Codes that are found where the rules of n1 lead a service to `end`, and its slice, made then, to 10.1.0.1.
    fn found(end: &str, made: &str) -> Vec<&'static str> {
        let mut gathering = Gathering::new();
        gathering.covers(Coverage::whole());
        gathering.taken_at(Time::parse("2026-03-01T12:00:00Z").expect("a moment"));
        gathering.value(json!({"kind": "Service", "metadata": {"name": "s", "namespace": "n"},
            "spec": {"clusterIP": "10.9.0.1", "ports": [{"port": 80}]}}));
        gathering.value(json!({"kind": "EndpointSlice", "metadata": {"name": "s", "namespace": "n", "creationTimestamp": made,
            "labels": {"kubernetes.io/service-name": "s"}}, "ports": [{"port": 8080}], "endpoints": [{"addresses": ["10.1.0.1"]}]}));
        let rules = format!(
            "-A KUBE-SERVICES -d 10.9.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A\n-A KUBE-SVC-A -j KUBE-SEP-A\n\
             -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination {end}\n"
        );
        gathering
            .value(json!({"kind": "Output", "metadata": {"name": "iptables-save", "namespace": "n1"}, "value": rules}));
        let snapshot = gathering.finish();
        let report = diagnose(&snapshot, &Question::Everything);
        let proofs = report.findings.iter().flat_map(|finding| &finding.proofs);
        for proof in proofs {
            assert!(snapshot.read_again(&proof.at).is_some_and(|text| text.contains(&proof.saw)), "{proof:?}");
        }
        report.findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn rules_that_lead_to_what_is_gone_are_told_without_a_try() {
        let old = "2026-03-01T11:00:00Z";
        assert_eq!(found("10.1.0.9:8080", old), ["net.kube-proxy-stale"]);
        assert_eq!(found("10.1.0.1:8080", old), [""; 0]);
        assert_eq!(found("10.1.0.9:8080", "2026-03-01T11:59:50Z"), [""; 0], "it may still be on its way");
    }
}
