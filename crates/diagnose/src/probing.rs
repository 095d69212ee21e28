//! What to try in a cluster, and from which pod: for a service its name, its address and the endpoints behind it, for a
//! pod the calls of which its log tells. Pure: whoever can reach the pod tries, and comes again with the answers, until
//! nothing more would tell.

use std::collections::BTreeSet;

use fathom_model::{Class, Failure};

use crate::claim::Confidence;
use crate::diagnosis::Question;
use crate::eval::flow::{self, Spot};
use crate::eval::hosts;
use crate::eval::netpol::{self, Peer as Other, Port, Way};
use crate::eval::reach::{self, Peer, RESOLVER};
use crate::eval::resolver::{self, Meant};
use crate::eval::{endpoints, selector};
use crate::object::{Fields as _, Object};
use crate::report::{Finding, Report};
use crate::scene::Scene;
use crate::snapshot::Snapshot;
use crate::target;

/// More tries than this are no diagnosis.
pub const MOST: usize = 64;
/// Of an address behind a service, and of a way whose largest packet is measured, so many stand for all.
const BEHIND: usize = 8;
const MEASURED: usize = 3;

/// Pods that run workloads.
const WORKLOADS: [&str; 7] =
    ["Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"];

/// From where, and what.
#[derive(Debug)]
pub struct Probing<'a> {
    snapshot: &'a Snapshot,
    /// The pod from whose network it is tried.
    pub pod: &'a Object,
    services: Vec<&'a Object>,
    peers: Vec<Peer>,
}

/// The container of a pod that runs, with the id that its node knows: any has the pod's network.
pub fn container(pod: &Object) -> Option<(&str, &str)> {
    let runs = pod.list("/status/containerStatuses").iter().find(|one| {
        one.at("/state/running").is_some() && !one.text("/containerID").is_empty() && !one.text("/name").is_empty()
    })?;
    Some((runs.text("/name"), runs.text("/containerID")))
}

fn is_ready(pod: &Object) -> bool {
    let ready = pod.condition("Ready").is_some_and(|(_, ready)| ready.text("/status") == "True");
    ready && pod.deletion().is_none() && container(pod).is_some()
}

impl<'a> Probing<'a> {
    /// Chooses the pod. For a service: `named`, or one that calls it, or a ready one of its namespace that is not behind
    /// it and that policies let through, or any other. For a pod or a workload: itself.
    ///
    /// # Errors
    /// Where nothing can be tried for what is asked about, or nobody runs from whom it could be.
    pub fn of(
        snapshot: &'a Snapshot,
        question: &Question,
        named: Option<&str>,
        peer: Option<Peer>,
    ) -> Result<Probing<'a>, Failure> {
        let Question::Object(id) = question else { return Err(aimless()) };
        let Some(object) = snapshot.find(id) else { return Err(aimless()) };
        let scene = Scene::new(snapshot);
        let is_service = id.kind == "Service";
        if !is_service && !WORKLOADS.contains(&id.kind.as_str()) {
            return Err(aimless());
        }
        let pod = match named {
            Some(text) => of_words(snapshot, text, &id.namespace)?,
            None if is_service => of_service(&scene, object).ok_or_else(|| {
                Failure::new(
                    Class::NotFound,
                    format!("no pod runs in {} from which {} could be called", id.namespace, id.name),
                )
                .hinting("name one of another namespace: --probe-from NAMESPACE/pod/NAME")
            })?,
            None => of_workload(&scene, object).ok_or_else(|| {
                Failure::new(
                    Class::NotFound,
                    format!("no container of {} {} runs, so nothing can be tried from it", id.kind, id.name),
                )
                .hinting("name another pod that runs: --probe-from pod/NAME")
            })?,
        };
        let mut probing = Probing { snapshot, pod, services: Vec::new(), peers: Vec::new() };
        match peer {
            Some(peer) => probing.call(peer),
            None if is_service => probing.serve(object),
            None => {
                // Whoever is named tries what the one that is asked about calls.
                let of = |pod: &Object| pod.id == *id || scene.top(pod) == scene.top(object);
                let calls = scene.calls().iter().filter(|call| of(call.pod));
                let calls: Vec<Peer> = calls.map(|call| Peer { host: call.host.clone(), port: call.port }).collect();
                calls.into_iter().for_each(|peer| probing.call(peer));
            }
        }
        Ok(probing)
    }

    /// Somebody who is called, or the service that this is.
    fn call(&mut self, peer: Peer) {
        let meant = match resolver::meant(self.snapshot, self.pod.ns(), &peer.host) {
            Meant::Service(service) => Some(service.id.clone()),
            _ => resolver::by_address(self.snapshot, &peer.host).map(|service| service.id.clone()),
        };
        match meant.and_then(|id| self.snapshot.find(&id)) {
            Some(service) => self.serve(service),
            None if !self.peers.contains(&peer) => self.peers.push(peer),
            None => {}
        }
    }

    fn serve(&mut self, service: &'a Object) {
        if self.services.iter().any(|one| one.id == service.id) {
            return;
        }
        self.services.push(service);
        let near = service.ns() == self.pod.ns();
        let host = if near { service.name().to_owned() } else { format!("{}.{}", service.name(), service.ns()) };
        // What it is an alias of is called in its stead; else its addresses are known.
        let alias = service.text("/spec/type") == "ExternalName";
        let port = service.at("/spec/ports/0/port").and_then(|port| u16::try_from(port.as_i64()?).ok());
        self.peers.push(Peer { host, port: port.filter(|_| alias) });
    }

    /// Where its own hosts file leads whoever calls a service by one of its names.
    fn listed(&self, service: &Object) -> Vec<String> {
        let led = hosts::misleading(self.snapshot, self.pod).into_iter();
        led.filter(|(_, meant)| meant.id == service.id).map(|(entry, _)| entry.address).collect()
    }

    /// What is to be tried next; nothing when all is known.
    pub fn next(&self) -> Vec<String> {
        let (snapshot, pod) = (self.snapshot, self.pod);
        let is_new = |what: &String| reach::probe(snapshot, pod, what).is_none();
        if is_new(&RESOLVER.to_owned()) {
            return vec![RESOLVER.to_owned()];
        }
        let conf = reach::resolver_of(snapshot, pod);
        // What its hosts file knows, it asks nobody for.
        let unlisted = reach::unlisted(snapshot, pod, &self.peers);
        let asks = self.peers.is_empty() || !unlisted.is_empty();
        let mut tries = if asks { reach::names(&conf, &unlisted) } else { Vec::new() };
        // The cluster's name servers themselves, past their service.
        if let Some(first) = tries.first().and_then(|what| what.splitn(3, '/').nth(2)).map(str::to_owned)
            && let Some(dns) = resolver::cluster_dns(snapshot)
        {
            let asked = flow::address(dns).is_some_and(|address| conf.servers.iter().any(|one| one == address));
            let ports = dns.list("/spec/ports").iter().filter(|port| asked && endpoints::protocol(port) == "UDP");
            let spots = ports.flat_map(|port| flow::spots(snapshot, dns, port)).filter(|spot| spot.port == 53);
            tries.extend(spots.take(MEASURED).map(|spot| format!("dns/{}/{first}", spot.address)));
        }
        for service in &self.services {
            for port in service.list("/spec/ports").iter().filter(|port| endpoints::protocol(port) == "TCP") {
                let spots = flow::spots(snapshot, service, port);
                let front = flow::address(service).zip(port.int("/port"));
                tries.extend(front.map(|(address, number)| format!("tcp/{address}/{number}")));
                let numbers = port.int("/port").into_iter();
                tries.extend(numbers.flat_map(|number| {
                    self.listed(service).into_iter().map(move |address| format!("tcp/{address}/{number}"))
                }));
                tries.extend(spots.iter().take(BEHIND).map(|spot| format!("tcp/{}/{}", spot.address, spot.port)));
                tries.extend(spots.iter().take(MEASURED).filter_map(measured));
            }
        }
        tries.extend(reach::connections(snapshot, pod, &self.peers));
        let mut seen = BTreeSet::new();
        tries.retain(|what| seen.insert(what.clone()) && is_new(what));
        tries
    }

    /// Ports of which nothing can be tried, in words.
    pub fn untried(&self) -> Vec<String> {
        let ports = self.services.iter().flat_map(|service| {
            let others = service.list("/spec/ports").iter().filter(|port| endpoints::protocol(port) != "TCP");
            let others = others.filter(|port| port.int("/port") != Some(53));
            others.map(move |port| {
                let (number, protocol) = (port.int("/port").unwrap_or_default(), endpoints::protocol(port));
                format!("try port {number}/{protocol} of service {}/{}", service.ns(), service.name())
            })
        });
        ports.collect()
    }
}

/// Only of addresses of version 4 is it known how to ask.
fn measured(spot: &Spot<'_>) -> Option<String> {
    spot.address.parse::<std::net::Ipv4Addr>().ok().map(|address| format!("mtu/{address}"))
}

fn aimless() -> Failure {
    Failure::new(Class::Usage, "--probe tries the calls of a pod or a workload, or a service; this is none")
        .hinting("name one: `kubectl fathom why svc/NAME --probe`, pod/NAME or deploy/NAME")
}

/// What would tell more where an answer is not sure, and the switch for it. Nothing of it begins unasked.
pub fn offer(question: &Question, report: &Report) -> Option<(&'static str, &'static str)> {
    let Question::Object(id) = question else { return None };
    let unsure =
        report.findings.iter().any(|one| one.confidence != Confidence::Proven) || !report.unexplained.is_empty();
    match id.kind.as_str() {
        "Node" if report.found_something() => {
            Some(("read the node itself: its units, its kernel's log, its disks and settings", "--node-facts"))
        }
        "Service" if unsure => Some(("try the service from a pod", "--probe")),
        kind if unsure && WORKLOADS.contains(&kind) && report.findings.iter().any(calls) => {
            Some(("try what it calls from its own network", "--probe"))
        }
        _ => None,
    }
}

/// Whether a finding is one of calls that fail.
fn calls(finding: &Finding) -> bool {
    ["net.", "dns.", "svc.", "crash.app.dependency"].iter().any(|group| finding.code.starts_with(group))
}

/// The namespace of the pod that a person names to try from, where it is said.
pub fn namespace_of(named: &str) -> Result<Option<&str>, Failure> {
    let named = target::read(named)?;
    if named.kind.name != "Pod" {
        return Err(Failure::new(Class::Usage, "only from a pod can anything be tried").hinting("write pod/NAME"));
    }
    Ok(named.namespace)
}

fn of_words<'a>(snapshot: &'a Snapshot, text: &str, namespace: &str) -> Result<&'a Object, Failure> {
    let namespace = namespace_of(text)?.unwrap_or(namespace);
    let name = target::read(text)?.name;
    let Some(pod) = snapshot.seen("Pod", namespace, name) else {
        let failure = Failure::new(Class::NotFound, format!("there is no pod `{name}` in {namespace} to try from"));
        let near = selector::nearest(name, snapshot.within("Pod", namespace).map(Object::name));
        return Err(near.map_or_else(|| failure.clone(), |near| failure.clone().hinting(format!("there is `{near}`"))));
    };
    match container(pod) {
        Some(_) => Ok(pod),
        None => Err(Failure::new(
            Class::NotFound,
            format!("no container of pod {name} in {namespace} runs, so nothing can be tried from it"),
        )
        .hinting("name a pod that runs")),
    }
}

fn of_service<'a>(scene: &Scene<'a>, service: &'a Object) -> Option<&'a Object> {
    let snapshot = scene.snapshot;
    let caller = scene.calls_to(service).map(|call| call.pod).find(|pod| container(pod).is_some());
    if caller.is_some() {
        return caller;
    }
    let behind = endpoints::selected(snapshot, service);
    let own = |pod: &Object| behind.iter().any(|one| one.id == pod.id);
    let host = |pod: &Object| pod.holds("/spec/hostNetwork");
    let mut ready: Vec<&Object> = snapshot.within("Pod", service.ns()).filter(|pod| is_ready(pod)).collect();
    // A pod on its node's network sees what the node sees, and one behind the service may take a way of its own.
    ready.sort_by_key(|pod| (host(pod), own(pod), !may_call(snapshot, pod, service), pod.name()));
    ready.first().copied()
}

/// Whether policies let a pod reach what is behind a service.
fn may_call(snapshot: &Snapshot, from: &Object, service: &Object) -> bool {
    let ports = service.list("/spec/ports").iter();
    let mut spots =
        ports.flat_map(|port| flow::spots(snapshot, service, port).into_iter().map(move |spot| (port, spot)));
    let kept = |isolated: &Object, way: Way, peer: &Object, port: Port<'_>| {
        matches!(netpol::blame(snapshot, isolated, way, Other::Pod(peer), port), Ok(Some(_)))
    };
    spots.all(|(port, spot)| {
        let Some(pod) = spot.pod else { return true };
        let port = Port { number: spot.port, protocol: endpoints::protocol(port) };
        !kept(pod, Way::Ingress, from, port) && !kept(from, Way::Egress, pod, port)
    })
}

fn of_workload<'a>(scene: &Scene<'a>, object: &'a Object) -> Option<&'a Object> {
    if object.id.kind == "Pod" {
        return container(object).map(|_| object);
    }
    let own = scene.snapshot.within("Pod", object.ns()).filter(|pod| scene.top(pod) == scene.top(object));
    let mut own: Vec<&Object> = own.filter(|pod| container(pod).is_some() && pod.deletion().is_none()).collect();
    let calls = |pod: &Object| scene.calls_of(pod).next().is_some();
    own.sort_by_key(|pod| (!calls(pod), scene.trouble(pod).is_none(), pod.name()));
    own.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Ref;
    use crate::snapshot::{Coverage, Gathering};
    use serde_json::{Value, json};

    fn pod(name: &str, labels: Value, ready: &str) -> Value {
        json!({"kind": "Pod", "metadata": {"name": name, "namespace": "n", "labels": labels, "uid": name},
            "spec": {"nodeName": "n1", "containers": [{"name": "app"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": "app", "containerID": "containerd://1", "ready": true, "state": {"running": {}}}]}})
    }

    fn cluster() -> Gathering {
        let mut gathering = Gathering::new();
        gathering.covers(Coverage::whole());
        gathering.value(json!({"kind": "Service", "metadata": {"name": "api", "namespace": "n"},
            "spec": {"clusterIP": "10.9.0.1", "selector": {"app": "api"}, "ports": [{"port": 80}, {"port": 9, "protocol": "UDP"}]}}));
        gathering.value(json!({"kind": "EndpointSlice", "metadata": {"name": "api", "namespace": "n",
            "labels": {"kubernetes.io/service-name": "api"}}, "ports": [{"port": 8080}],
            "endpoints": [{"addresses": ["10.1.0.1"], "targetRef": {"kind": "Pod", "name": "api-0"}}]}));
        gathering.value(pod("api-0", json!({"app": "api"}), "True"));
        gathering
    }

    fn service() -> Question {
        Question::Object(Ref::new("Service", "n", "api"))
    }

    #[test]
    fn whoever_is_not_behind_a_service_and_may_call_it_tries_it() {
        let mut gathering = cluster();
        let from = |gathering: &Gathering| {
            Probing::of(&gathering.look(), &service(), None, None).expect("somebody runs").pod.name().to_owned()
        };
        assert_eq!(from(&gathering), "api-0", "nobody else is there");
        gathering.value(pod("worker", json!({"app": "worker"}), "True"));
        gathering.value(pod("aged", json!({"app": "aged"}), "False"));
        assert_eq!(from(&gathering), "worker");
        gathering.value(pod("x-web", json!({"app": "web"}), "True"));
        gathering.value(json!({"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "n"},
            "spec": {"podSelector": {"matchLabels": {"app": "api"}},
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}}));
        assert_eq!(from(&gathering), "x-web", "a policy lets only that one in");
        let snapshot = gathering.look();
        let named = Probing::of(&snapshot, &service(), Some("pod/aged"), None).expect("it runs");
        assert_eq!(named.pod.name(), "aged");
        let missing = Probing::of(&snapshot, &service(), Some("pod/workr"), None).expect_err("there is none");
        assert_eq!((missing.class, missing.hint.as_deref()), (Class::NotFound, Some("there is `worker`")));
        let aimless = Probing::of(&snapshot, &Question::Everything, None, None).expect_err("what for?");
        assert_eq!(aimless.class, Class::Usage);
    }

    #[test]
    fn a_service_is_tried_by_name_by_address_and_past_it() {
        let mut gathering = cluster();
        gathering.value(pod("worker", json!({"app": "worker"}), "True"));
        let next = |gathering: &Gathering| {
            Probing::of(&gathering.look(), &service(), None, None).expect("somebody runs").next()
        };
        let answer = |gathering: &mut Gathering, what: &str, body: Value| {
            gathering.probed(&Ref::new("Pod", "n", "worker"), what, body.as_object().cloned().unwrap_or_default());
        };
        assert_eq!(next(&gathering), ["resolver"]);
        answer(
            &mut gathering,
            "resolver",
            json!({"value": "nameserver 10.9.0.10\nsearch n.svc.x svc.x\noptions ndots:5"}),
        );
        let tries = next(&gathering);
        assert_eq!(
            tries,
            [
                "dns/10.9.0.10/api.n.svc.x",
                "dns/10.9.0.10/api.svc.x",
                "dns/10.9.0.10/api",
                "tcp/10.9.0.1/80",
                "tcp/10.1.0.1/8080",
                "mtu/10.1.0.1"
            ]
        );
        tries.iter().for_each(|what| answer(&mut gathering, what, json!({"outcome": "connected"})));
        assert!(next(&gathering).is_empty());
        let snapshot = gathering.look();
        let probing = Probing::of(&snapshot, &service(), None, None).expect("somebody runs");
        assert_eq!(probing.untried(), ["try port 9/UDP of service n/api"]);
    }

    #[test]
    fn a_peer_that_is_a_service_is_tried_as_one() {
        let mut gathering = cluster();
        gathering.value(pod("worker", json!({"app": "worker"}), "True"));
        gathering.probed(&Ref::new("Pod", "n", "worker"), "resolver", Default::default());
        let snapshot = gathering.look();
        let question = Question::Object(Ref::new("Pod", "n", "worker"));
        let of = |peer: &str| Probing::of(&snapshot, &question, None, Peer::parse(peer)).expect("it runs").next();
        assert_eq!(of("api:80"), ["tcp/10.9.0.1/80", "tcp/10.1.0.1/8080", "mtu/10.1.0.1"]);
        assert_eq!(of("10.9.0.1:80"), of("api:80"));
        assert_eq!(of("192.0.2.1:5432"), ["tcp/192.0.2.1/5432", "mtu/192.0.2.1"]);
    }
}
