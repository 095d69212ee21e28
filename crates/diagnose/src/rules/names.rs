//! Names that do not resolve: the cluster's DNS, and pods that do not ask it.

use crate::cause::Effect;
use crate::claim::{Claim, Confidence, Fix};
use crate::eval::endpoints;
use crate::eval::hosts;
use crate::eval::messages::call::CallFault;
use crate::eval::messages::program::Sign;
use crate::eval::messages::says;
use crate::eval::reach::{self, End};
use crate::eval::resolver::{self, Source};
use crate::object::{Fields as _, Object};
use crate::rule::{Rule, Stance};
use crate::scene::{Call, Part, Scene};
use crate::snapshot::{Judged, Need, Proof};
use crate::value::Value;

/// Whether a pod is one of those that answer for the cluster's names.
pub(super) fn answers(scene: &Scene<'_>, pod: &Object) -> bool {
    resolver::cluster_dns(scene.snapshot)
        .is_some_and(|service| endpoints::selected(scene.snapshot, service).iter().any(|one| one.id == pod.id))
}

fn down<'a>(scene: &Scene<'a>, service: &'a Object) -> Judged<Option<Claim>> {
    let is = resolver::cluster_dns(scene.snapshot).is_some_and(|dns| dns.id == service.id);
    if !is || endpoints::behind(scene.snapshot, service)?.ready > 0 {
        return Ok(None);
    }
    let workload = endpoints::feeding(scene.snapshot, service).first().copied();
    let subject = workload.map_or_else(|| service.id.clone(), |one| one.id.clone());
    let call = scene.calls().iter().find(|call| matches!(call.fault, CallFault::NoResolver | CallFault::NoName));
    let claim = Claim::new("nobody answers for the cluster's names")
        .about(subject)
        .seen(service)
        .field(service, "/spec/selector");
    let claim = claim.by_all(call.map(|call| call.proof.clone()));
    Ok(Some(match workload {
        Some(one) if one.int("/spec/replicas") == Some(0) => {
            let fix = Fix::say(format!(
                "kubectl -n {} scale {} {} --replicas=2",
                one.ns(),
                one.id.kind.to_lowercase(),
                one.name()
            ));
            claim.field(one, "/spec/replicas").fix(fix)
        }
        Some(one) => claim.field(one, "/status/readyReplicas"),
        None => claim,
    }))
}

/// The log of a pod that answers for names and crashes.
fn complains<'a>(scene: &Scene<'a>, pod: &'a Object, sign: Sign, what: &str) -> Judged<Option<Claim>> {
    Ok(super::programs::signed(scene, pod, sign, what))
}

/// The name of a service leads elsewhere by the pod's own hosts file, and what is called by it does not answer there.
fn misled<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    for (entry, service) in hosts::misleading(scene.snapshot, pod) {
        let same = |host: &str| host.trim_end_matches('.').eq_ignore_ascii_case(entry.name.trim_end_matches('.'));
        let call = scene
            .calls_of(pod)
            .find(|call| same(&call.host) || call.host == entry.address)
            .map(|call| call.proof.clone());
        let tried = reach::tried(scene.snapshot, pod, &format!("tcp/{}/", entry.address));
        let lost: Vec<Proof> =
            tried.iter().filter(|(_, end)| *end != End::Well).flat_map(|(probe, _)| reach::proofs(probe)).collect();
        // Whoever answers there is meant to.
        let answers = tried.iter().any(|(_, end)| *end == End::Well);
        if answers || call.is_none() && lost.is_empty() {
            continue;
        }
        let says = format!("its hosts file leads {} to {}, past the service of that name", entry.name, entry.address);
        let claim = Claim::new(says).seen(pod).by(entry.proof).field(service, "/spec/clusterIP");
        return Ok(Some(claim.by_all(call).by_all(lost)));
    }
    Ok(None)
}

/// A call by a name of the cluster that exists, of a pod that does not ask the cluster.
fn unnamed<'a, 's>(scene: &'s Scene<'a>, pod: &'a Object) -> Option<&'s Call<'a>> {
    let known = |call: &&Call<'a>| {
        let fault = matches!(call.fault, CallFault::NoName | CallFault::NoResolver);
        fault && call.service.is_some_and(|service| service.text("/spec/type") != "ExternalName")
    };
    scene.calls_of(pod).find(known)
}

fn policy_wrong<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(call) = unnamed(scene, pod) else { return Ok(None) };
    let told = pod.tells("/spec/dnsPolicy");
    if !told && !pod.holds("/spec/hostNetwork") {
        let reason = format!("{} does not resolve there, and what was given does not tell whom it asks", call.host);
        let need = format!("read /spec/dnsPolicy and /spec/dnsConfig of {}", pod.id);
        return Err(Need::new(need, format!("{reason}; {} does", crate::snapshot::whole(&pod.id))));
    }
    if resolver::source(pod) != Source::Node {
        return Ok(None);
    }
    let field = if pod.text("/spec/dnsPolicy") == "Default" { "/spec/dnsPolicy" } else { "/spec/hostNetwork" };
    let wanted = if pod.holds("/spec/hostNetwork") { "ClusterFirstWithHostNet" } else { "ClusterFirst" };
    let change = ("/spec/dnsPolicy".to_owned(), wanted.into());
    let fix = Fix::patch(scene, pod, &format!("set dnsPolicy: {wanted}"), &[change]);
    let claim = Claim::new("it asks its node for names, and the node does not know the cluster's").seen(pod).fix(fix);
    let claim = claim.field(pod, field).by(call.proof.clone());
    // Whoever shares the node's network and names no policy asks the node.
    Ok(Some(if told { claim.field(pod, "/spec/dnsPolicy") } else { claim.only(Confidence::Likely) }))
}

fn wrong_server<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(call) = unnamed(scene, pod).filter(|_| resolver::source(pod) == Source::Own) else { return Ok(None) };
    let Some(dns) = resolver::cluster_dns(scene.snapshot) else { return Ok(None) };
    let servers = pod.list("/spec/dnsConfig/nameservers");
    let address = dns.text("/spec/clusterIP");
    let asks = servers.iter().any(|one| [address, "169.254.20.10"].contains(&one.as_str().unwrap_or_default()));
    let fix = Fix::say(format!("name the cluster's DNS in dnsConfig: {address}")).set(
        pod,
        "/spec/dnsConfig/nameservers",
        Value::from(vec![address]),
    );
    Ok((!asks).then(|| {
        Claim::new("it asks another server than the cluster's DNS")
            .seen(pod)
            .field(pod, "/spec/dnsConfig/nameservers")
            .field(dns, "/spec/clusterIP")
            .by(call.proof.clone())
            .fix(fix)
    }))
}

fn no_search<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    let Some(call) =
        unnamed(scene, pod).filter(|call| resolver::source(pod) == Source::Own && !call.host.contains(".svc"))
    else {
        return Ok(None);
    };
    let address = resolver::cluster_dns(scene.snapshot).map_or("", |dns| dns.text("/spec/clusterIP"));
    let asks = pod.list("/spec/dnsConfig/nameservers").iter().any(|one| one.as_str() == Some(address));
    let searches =
        pod.list("/spec/dnsConfig/searches").iter().any(|one| one.as_str().is_some_and(|one| one.contains("svc")));
    Ok((asks && !searches).then(|| {
        Claim::new("it has no search list for the cluster's names")
            .seen(pod)
            .field(pod, "/spec/dnsConfig")
            .by(call.proof.clone())
    }))
}

/// What a running CoreDNS complains of, while callers' names fail.
fn grumbles<'a, 's>(
    scene: &'s Scene<'a>,
    pod: &'a Object,
    words: &[&str],
    what: &str,
    outside: bool,
) -> Judged<Option<Claim>> {
    if !answers(scene, pod) {
        return Ok(None);
    }
    let fault = |call: &&Call<'a>| {
        let name = matches!(call.fault, CallFault::NoName | CallFault::NoResolver | CallFault::Timeout);
        name && (outside
            && call.service.is_none()
            && call.missing.is_none()
            && call.ungoverned.is_none()
            && call.host.contains('.')
            || !outside && call.service.is_some())
    };
    let mut calls = scene.calls().iter().filter(|call| call.pod.id != pod.id).filter(fault);
    let Some(call) = calls.next() else { return Ok(None) };
    Ok(Part::all(pod).iter().find_map(|part| {
        let (name, log) = scene.words(part)?;
        let from = log.lines.len().saturating_sub(30);
        let at = log.lines[from..].iter().rposition(|line| says(line, words)).map(|at| from + at)?;
        let claim = Claim::new(what).seen(pod).part(part).by(Proof::line(&name, at + 1, &log.lines[at]));
        let callers = calls.clone().map(|call| call.pod);
        Some(callers.fold(claim.seen(call.pod).by(call.proof.clone()), Claim::seen))
    }))
}

/// A block of the Corefile that answers for a service's own name.
fn overridden<'a>(scene: &Scene<'a>, map: &'a Object) -> Judged<Option<Claim>> {
    let known = |call: &&Call<'a>| {
        call.fault == CallFault::NoName && call.service.is_some() && resolver::source(call.pod) == Source::Cluster
    };
    let core = map.ns() == "kube-system" && map.name().contains("coredns");
    let Some(call) = scene.calls().iter().find(known).filter(|_| core && scene.dead_dns().is_none()) else {
        return Ok(None);
    };
    let service = call.service.map_or("", |service| service.name());
    let text = map.text("/data/Corefile");
    let block = text.lines().map(str::trim).find(|line| {
        let answers = ["template", "rewrite", "hosts", "file"].iter().any(|plugin| line.starts_with(plugin));
        answers && (line.contains(service) && !service.is_empty() || line.contains("svc.cluster.local"))
    });
    Ok(block.map(|block| {
        let proof = Proof { saw: block.to_owned(), ..Proof::field(map, "/data/Corefile") };
        Claim::new(format!("its Corefile answers for {service} itself")).by(proof).by(call.proof.clone())
    }))
}

/// Rights of CoreDNS that are gone after an upgrade.
fn forbidden<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    if !answers(scene, pod) {
        return Ok(None);
    }
    Ok(Part::all(pod).iter().find_map(|part| {
        let (name, log) = scene.words(part)?;
        let from = log.lines.len().saturating_sub(20);
        let said = |line: &String| {
            line.contains("is forbidden: User \"")
                && says(line, &["endpointslices", "services", "namespaces", "endpoints"])
        };
        let at = log.lines[from..].iter().rposition(said).map(|at| from + at)?;
        Some(Claim::new("it may not read what it should answer from").seen(pod).part(part).by(Proof::line(
            &name,
            at + 1,
            &log.lines[at],
        )))
    }))
}

fn search_limit<'a>(scene: &Scene<'a>, pod: &'a Object) -> Judged<Option<Claim>> {
    // Cutting the list off hurts nobody, unless names fail.
    let Some(call) = scene.calls_of(pod).find(|call| call.fault == CallFault::NoName && call.missing.is_none()) else {
        return Ok(None);
    };
    let event = scene.warnings(pod, &["DNSConfigForming"]).next();
    Ok(event.map(|event| {
        Claim::new("its search list is longer than resolvers read")
            .seen(pod)
            .field(event.0, event.pointer())
            .by(call.proof.clone())
    }))
}

const DNS: Rule = Rule { effect: Effect::CallsFail, weight: 82, ..Rule::PLAIN };

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "dns.coredns-down",
        on: &["Service"],
        effect: Effect::NoEndpoints,
        weight: 60,
        stance: Stance::Stands,
        means: "Nobody answers for the cluster's names.",
        proves: "The service of the cluster's DNS has no ready endpoint.",
        refutes: "a ready endpoint",
        fix: "mend or scale up the cluster's DNS",
        judge: down,
        ..DNS
    },
    Rule {
        code: "dns.coredns-loop",
        effect: Effect::Crashing,
        weight: 91,
        means: "CoreDNS forwards to a server that forwards to CoreDNS: the node's resolv.conf names a local stub.",
        proves: "CoreDNS says that it met itself.",
        refutes: "an upstream that is not CoreDNS",
        fix: "set resolvConf of the kubelet to the real file, /run/systemd/resolve/resolv.conf",
        judge: |scene, pod| complains(scene, pod, Sign::DnsLoop, "it forwards to itself"),
        ..DNS
    },
    Rule {
        code: "dns.corefile-error",
        effect: Effect::Crashing,
        weight: 91,
        means: "CoreDNS cannot read its Corefile.",
        proves: "CoreDNS names the line.",
        refutes: "a Corefile that parses",
        fix: "correct the ConfigMap of CoreDNS",
        judge: |scene, pod| complains(scene, pod, Sign::Corefile, "its Corefile cannot be read"),
        ..DNS
    },
    Rule {
        code: "dns.corefile-override",
        on: &["ConfigMap"],
        effect: Effect::Down,
        confidence: Confidence::Likely,
        means: "A block of the Corefile answers for a name of the cluster.",
        proves: "The name of a service that exists does not resolve, and the block speaks of it.",
        refutes: "the name resolving with the block",
        fix: "take the block out of the Corefile",
        judge: overridden,
        ..DNS
    },
    Rule {
        code: "dns.hosts-override",
        weight: 86,
        confidence: Confidence::Likely,
        means: "The pod's own hosts file leads the name of a service elsewhere, and nobody answers there.",
        proves: "The entry, the service's own address, and a call or a try that fails.",
        refutes: "a connection to the address of the entry",
        fix: "take the name out of hostAliases (or of the image's /etc/hosts), or give it the service's address",
        judge: misled,
        ..DNS
    },
    Rule {
        code: "dns.policy-wrong",
        means: "The pod asks its node for names, and the node does not know the cluster's.",
        proves: "dnsPolicy, or hostNetwork without ClusterFirstWithHostNet, and the name of a service that does not resolve.",
        refutes: "the name resolving in the pod",
        fix: "set dnsPolicy to ClusterFirst, or ClusterFirstWithHostNet with hostNetwork",
        judge: policy_wrong,
        ..DNS
    },
    Rule {
        code: "dns.svc-ip-mismatch",
        means: "The pod asks another server than the cluster's DNS.",
        proves: "Its nameservers, the address of the DNS service, and a name that does not resolve.",
        refutes: "the server answering for the cluster's names",
        fix: "correct dnsConfig.nameservers",
        judge: wrong_server,
        ..DNS
    },
    Rule {
        code: "dns.search-missing",
        means: "The pod asks the cluster's DNS, but has no search list, so short names do not resolve.",
        proves: "dnsConfig without searches, and a short name that does not resolve.",
        refutes: "the full name failing too",
        fix: "add NAMESPACE.svc.cluster.local to dnsConfig.searches, or use full names",
        judge: no_search,
        ..DNS
    },
    Rule {
        code: "dns.upstream-fail",
        effect: Effect::Down,
        confidence: Confidence::Likely,
        means: "The cluster's DNS does not reach the servers that it forwards to.",
        proves: "Its log, and an outside name that does not resolve.",
        refutes: "the upstream answering from the node",
        fix: "correct forward in the Corefile, or open the way to the upstream",
        judge: |scene, pod| {
            grumbles(
                scene,
                pod,
                &["i/o timeout", "failure to forward", "SERVFAIL", "no upstream host available"],
                "the servers that it forwards to do not answer",
                true,
            )
        },
        ..DNS
    },
    Rule {
        code: "dns.rbac",
        effect: Effect::Down,
        means: "CoreDNS may not read services or endpoints.",
        proves: "The API server's refusal in its log.",
        refutes: "its ClusterRole with list and watch on endpointslices",
        fix: "add the rule to the ClusterRole of CoreDNS",
        judge: forbidden,
        ..DNS
    },
    Rule {
        code: "dns.search-limit",
        confidence: Confidence::Possible,
        weight: 30,
        means: "The pod's search list is longer than resolvers read, and names fail.",
        proves: "The kubelet's warning, and a name that does not resolve.",
        refutes: "the name failing with its full form too",
        fix: "shorten the search list of the node or of dnsConfig",
        judge: search_limit,
        ..DNS
    },
];
