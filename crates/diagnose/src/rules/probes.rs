//! What was tried from inside a container's or a pod's network (`--probe`): names, and connections to whom it calls.
//! What the ways to one service mean together is said of the service.

use std::collections::BTreeSet;

use crate::cause::Effect;
use crate::claim::{Claim, Confidence};
use crate::eval::flow::{self, Verdict};
use crate::eval::hosts;
use crate::eval::reach::{self, End};
use crate::eval::resolver;
use crate::object::{Fields as _, Object, Ref};
use crate::rule::Rule;
use crate::scene::Scene;
use crate::snapshot::{Judged, Proof};

/// What was tried, as people write it: `10.0.0.2:80`, `db.shop of 10.0.0.1`.
fn title(probe: &Object) -> String {
    let mut parts = probe.text("/try").splitn(3, '/');
    let (kind, address, rest) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if kind == Some("dns") { format!("{rest} of {address}") } else { format!("{address}:{rest}") }
}

/// The probes of a pod that are explained by a service: what they mean together is that service's finding.
fn explained<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<BTreeSet<&'a Ref>> {
    let mut ids = BTreeSet::new();
    // Where its hosts file misleads it, that is the finding.
    let misled = hosts::misleading(scene.snapshot, pod);
    let misled =
        misled.iter().flat_map(|(entry, _)| reach::tried(scene.snapshot, pod, &format!("tcp/{}/", entry.address)));
    ids.extend(misled.map(|(probe, _)| &probe.id));
    for service in scene.snapshot.all("Service").filter(|_| pod.id.kind == "Pod") {
        for flow in flow::flows(scene.snapshot, service).into_iter().filter(|flow| flow.from.id == pod.id) {
            ids.extend(flow.front.map(|(probe, _)| &probe.id));
            // Of these nothing more is known than that they failed.
            let bare = [Verdict::Dropped, Verdict::Some, Verdict::Firewall];
            if !bare.contains(&flow.judged(scene.snapshot)?.verdict) {
                ids.extend(flow.backs.iter().map(|back| &back.probe.id));
            }
        }
    }
    Ok(ids)
}

/// Connections that ended so, if any did.
fn connections<'a>(scene: &Scene<'a>, container: &'a Object, wanted: End, says: &str) -> Judged<Option<Claim>> {
    let tried = reach::tried(scene.snapshot, container, "tcp/");
    let mut same: Vec<&Object> = tried.into_iter().filter(|(_, end)| *end == wanted).map(|(probe, _)| probe).collect();
    if !same.is_empty() {
        let explained = explained(scene, container)?;
        same.retain(|probe| !explained.contains(&probe.id));
    }
    let Some(first) = same.first() else { return Ok(None) };
    let claim = Claim::new(format!("{}: {says}", title(first))).seen(container);
    Ok(Some(same.iter().fold(claim, |claim, probe| claim.by_all(reach::proofs(probe)))))
}

/// A way on which larger packets vanish without a word.
fn hole<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let mut tried = reach::tried(scene.snapshot, container, "mtu/").into_iter();
    let found = tried.find(|(_, end)| *end == End::Hole);
    Ok(found.map(|(probe, _)| {
        let (to, size) = (probe.text("/try").trim_start_matches("mtu/"), probe.int("/silent").unwrap_or(0));
        let says = format!("packets of {size} bytes vanish on the way to {to}, smaller ones arrive");
        Claim::new(says).seen(container).by_all(reach::proofs(probe))
    }))
}

/// What its own name servers said; of the cluster's, each behind the service was asked too.
fn queries<'a>(scene: &Scene<'a>, container: &Object) -> Vec<(&'a Object, End)> {
    let servers = reach::resolver_of(scene.snapshot, container).servers;
    let mut tried = reach::tried(scene.snapshot, container, "dns/");
    let own = |probe: &Object| {
        let server = probe.text("/try").split('/').nth(1).unwrap_or_default();
        container.id.kind != "Pod" || servers.iter().any(|one| one == server)
    };
    tried.retain(|(probe, _)| own(probe));
    tried
}

/// Whether the cluster's DNS was reached past its service: then the way to that is what is wrong.
fn is_reached_elsewhere(scene: &Scene<'_>, pod: &Object) -> bool {
    let flows = resolver::cluster_dns(scene.snapshot).map(|dns| flow::flows(scene.snapshot, dns)).unwrap_or_default();
    let own = flows.iter().filter(|flow| flow.from.id == pod.id);
    own.flat_map(|flow| &flow.backs).any(|back| reach::is_reached(back.end))
}

/// None of its name servers says anything.
fn no_server<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let tried = queries(scene, container);
    let lost = |end: &End| !matches!(end, End::Well | End::NoName);
    let Some((first, _)) = tried.first().filter(|_| tried.iter().all(|(_, end)| lost(end))) else { return Ok(None) };
    if is_reached_elsewhere(scene, container) {
        return Ok(None);
    }
    let claim = Claim::new(format!("no name server answers it: {}", title(first))).seen(container);
    let file = reach::resolver_file(scene.snapshot, container);
    let claim = tried.iter().fold(claim, |claim, (probe, _)| claim.by_all(reach::proofs(probe)));
    Ok(Some(match file {
        Some(file) => claim.field(file, "/value"),
        None => claim,
    }))
}

/// One of its name servers says nothing, and others do: resolvers ask it first, or each in turn, and wait.
fn dead_server<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let server = |probe: &'a Object| probe.text("/try").split('/').nth(1).unwrap_or_default();
    let tried = queries(scene, container);
    let answers = |end: &End| matches!(end, End::Well | End::NoName | End::Fails);
    let speaking: BTreeSet<&str> =
        tried.iter().filter(|(_, end)| answers(end)).map(|(probe, _)| server(probe)).collect();
    let dead = tried.iter().filter(|(probe, end)| {
        !speaking.contains(server(probe)) && matches!(end, End::Silence | End::Refused | End::NoRoute | End::NoHost)
    });
    let dead: Vec<&Object> = dead.map(|(probe, _)| *probe).collect();
    let Some(first) = dead.first().filter(|_| !speaking.is_empty()) else { return Ok(None) };
    let says = format!("its name server {} does not answer, and others do: names take seconds", server(first));
    let claim = dead.iter().fold(Claim::new(says).seen(container), |claim, probe| claim.by_all(reach::proofs(probe)));
    let file = reach::resolver_file(scene.snapshot, container);
    Ok(Some(claim.by_all(file.map(|file| Proof::field(file, "/value")))))
}

/// Servers answer, and none knows any of the names that its resolver makes.
fn no_name<'a>(scene: &Scene<'a>, container: &'a Object) -> Judged<Option<Claim>> {
    let tried = queries(scene, container);
    let unknown = tried.iter().any(|(_, end)| *end == End::NoName);
    let root = |probe: &Object| probe.text("/try").ends_with("/.");
    let known = tried.iter().any(|(probe, end)| *end == End::Well || root(probe));
    let Some((first, _)) = tried.first().filter(|_| unknown && !known) else { return Ok(None) };
    let is_service_s = container.id.kind == "Pod" && {
        let mut services = scene.snapshot.all("Service");
        services.any(|service| super::flows::misnamed(scene, service).is_some())
    };
    if is_service_s {
        return Ok(None);
    }
    let claim = Claim::new(format!("no server knows the name: {}", title(first))).seen(container);
    Ok(Some(tried.iter().fold(claim, |claim, (probe, _)| claim.by_all(reach::proofs(probe)))))
}

const TRIED: Rule = Rule { on: &["Container", "Pod", "Machine"], effect: Effect::CallsFail, weight: 70, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "dns.no-server",
        weight: 80,
        means: "None of the container's name servers answers from its network.",
        proves: "Each query, as it was answered or not.",
        refutes: "an answer to a query from the same network",
        fix: "see whether the servers of its resolv.conf run, and what stands between",
        judge: no_server,
        ..TRIED
    },
    Rule {
        code: "dns.server-dead",
        effect: Effect::Slow,
        weight: 55,
        confidence: Confidence::Likely,
        means: "One of the name servers does not answer, so that names take seconds, or fail now and then.",
        proves: "Queries to each server from the same network, as they were answered or not.",
        refutes: "an answer of that server",
        fix: "mend the server, or take it out of resolv.conf",
        judge: dead_server,
        ..TRIED
    },
    Rule {
        code: "dns.name-unknown",
        means: "The name that is called does not exist, with any of the search domains.",
        proves: "Each query, with the server's answer.",
        refutes: "a server that knows the name",
        fix: "correct the name, or the search domains of its resolv.conf",
        judge: no_name,
        ..TRIED
    },
    Rule {
        code: "net.port-closed",
        means: "The host that is called is reached, and nobody listens on the port.",
        proves: "A connection from the same network, reset by the host itself.",
        refutes: "a listening socket on the port, on an address that others reach",
        fix: "start who should listen, on an address other than 127.0.0.1, or correct the port",
        judge: |scene, one| connections(scene, one, End::Refused, "it is reached, and nobody listens there"),
        ..TRIED
    },
    Rule {
        code: "net.host-firewall",
        means: "A firewall refuses the connection.",
        proves: "An ICMP message instead of a reset, and who sent it.",
        refutes: "a connection, or a reset by the host itself",
        fix: "on the machine that sent the message: iptables -L -v -n, or nft list ruleset",
        judge: |scene, one| connections(scene, one, End::Barred, "a firewall refuses it"),
        ..TRIED
    },
    Rule {
        code: "net.route-missing",
        means: "From the container's network no way leads to whom it calls.",
        proves: "The kernel's answer to the connection, without a packet sent.",
        refutes: "a route: `fathom enter TARGET -- ip route get ADDRESS`",
        fix: "give its network a default route, or connect it to the network of whom it calls",
        judge: |scene, one| connections(scene, one, End::NoRoute, "no route leads there"),
        ..TRIED
    },
    Rule {
        code: "net.host-gone",
        means: "Nobody has the address that is called.",
        proves: "No answer to the search for its hardware address, or a router's message that the host is not there.",
        refutes: "the host answering on its own network",
        fix: "see whether it runs and has this address",
        judge: |scene, one| connections(scene, one, End::NoHost, "no host has this address"),
        ..TRIED
    },
    Rule {
        code: "net.send-forbidden",
        means: "A rule of the container's own machine forbids to send.",
        proves: "The kernel's answer to the connection, without a packet sent.",
        refutes: "the same connection without the rule",
        fix: "look at the rules in its own network and at programs of its cgroup: bpftool cgroup tree",
        judge: |scene, one| connections(scene, one, End::Forbidden, "it may not send there"),
        ..TRIED
    },
    Rule {
        code: "net.mtu",
        weight: 75,
        means: "Large packets vanish on the way, and nobody says so: connections open, and hang with the first full packet.",
        proves: "Datagrams of growing size from the same network: small ones were answered before and after, large ones not.",
        refutes: "large datagrams that are answered, or a router's message that they are too large",
        fix: "lower the MTU of its network to what fits, and let ICMP type 3 code 4 pass",
        judge: hole,
        ..TRIED
    },
    Rule {
        code: "net.dropped",
        weight: 60,
        confidence: Confidence::Likely,
        means: "Whatever is sent there vanishes: a firewall or a policy drops it, or the host is down behind a router.",
        proves: "A connection from the same network to which nothing came back, neither a refusal nor a message.",
        refutes: "any answer from there",
        fix: "try the same from the machine itself: what works there and not here is dropped between them",
        judge: |scene, one| connections(scene, one, End::Silence, "nothing comes back"),
        ..TRIED
    },
];
