//! Names that a program finds in its own /etc/hosts (hosts(5)): they are asked of no server, for `files` stands before
//! `dns` wherever nobody changed it.

use crate::object::{Fields as _, Object};
use crate::snapshot::{Proof, Snapshot};

use super::reach::{self, RESOLVER};
use super::resolver::{self, Meant};
use super::{endpoints, flow};
use crate::value::Value;

/// An address that a name has there.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// Where it leads.
    pub address: String,
    /// Where that is read.
    pub proof: Proof,
}

/// All entries of a container or a pod: of the file where it was read, else of what the pod's spec adds to it.
pub fn entries(snapshot: &Snapshot, container: &Object) -> Vec<Entry> {
    let file = match container.id.kind.as_str() {
        "Pod" => reach::probe(snapshot, container, RESOLVER).map(|probe| (probe, "/hosts")),
        "Machine" => snapshot.seen("File", container.name(), "/etc/hosts").map(|file| (file, "/value")),
        _ => snapshot.seen("File", container.ns(), container.text("/hosts")).map(|file| (file, "/value")),
    };
    if let Some((object, at)) = file.filter(|(object, at)| object.at(at).is_some()) {
        return object.text(at).lines().flat_map(|line| of_line(line, &Proof::field(object, at))).collect();
    }
    let aliases = container.list("/spec/hostAliases").iter().enumerate();
    let of = |(index, alias): (usize, &Value)| {
        let proof = Proof::field(container, &format!("/spec/hostAliases/{index}/ip"));
        let entry =
            |name: &str| Entry { name: name.to_owned(), address: alias.text("/ip").to_owned(), proof: proof.clone() };
        alias.list("/hostnames").iter().filter_map(|name| Some(entry(name.as_str()?))).collect::<Vec<_>>()
    };
    aliases.flat_map(of).collect()
}

/// `ADDRESS NAME ALIAS… # comment`.
fn of_line(line: &str, file: &Proof) -> Vec<Entry> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let mut words = line.split_whitespace();
    let Some(address) = words.next().filter(|word| word.parse::<std::net::IpAddr>().is_ok()) else { return Vec::new() };
    let proof = Proof { saw: line.to_owned(), ..file.clone() };
    words.map(|name| Entry { name: name.to_owned(), address: address.to_owned(), proof: proof.clone() }).collect()
}

/// The addresses of one name. Names are compared as they are written, without search domains.
pub fn of(snapshot: &Snapshot, container: &Object, name: &str) -> Vec<Entry> {
    let name = name.trim_end_matches('.');
    let same = |one: &Entry| one.name.trim_end_matches('.').eq_ignore_ascii_case(name);
    entries(snapshot, container).into_iter().filter(same).collect()
}

/// Names of services that lead elsewhere there, with the service that the name means to everybody else. Its own name
/// leads a pod to itself.
pub fn misleading<'a>(snapshot: &'a Snapshot, pod: &'a Object) -> Vec<(Entry, &'a Object)> {
    let own = |address: &str| {
        pod.text("/status/podIP") == address || pod.list("/status/podIPs").iter().any(|one| one.text("/ip") == address)
    };
    let mut found = Vec::new();
    for entry in entries(snapshot, pod).into_iter().filter(|entry| !own(&entry.address)) {
        let service = match resolver::meant(snapshot, pod.ns(), &entry.name) {
            Meant::Service(service) => snapshot.find(&service.id),
            _ => None,
        };
        if let Some(service) = service.filter(|service| !is_behind(snapshot, service, &entry.address)) {
            found.push((entry, service));
        }
    }
    found
}

/// Whether an address is one of a service's own, or of whom it leads to.
fn is_behind(snapshot: &Snapshot, service: &Object, address: &str) -> bool {
    let is = |value: &Value| value.as_str() == Some(address);
    let lists = ["/spec/clusterIPs", "/spec/externalIPs"].iter().flat_map(|at| service.list(at));
    let outside = service.list("/status/loadBalancer/ingress").iter().filter_map(|one| one.at("/ip"));
    let mut ports = service.list("/spec/ports").iter();
    let own = service.text("/spec/clusterIP") == address || lists.chain(outside).any(is);
    own || ports.any(|port| flow::spots(snapshot, service, port).iter().any(|spot| spot.address == address))
        || endpoints::selected(snapshot, service).iter().any(|pod| pod.text("/status/podIP") == address)
        // What it is an alias of has addresses that nobody here knows.
        || service.text("/spec/type") == "ExternalName"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Ref;
    use crate::probing::Probing;
    use crate::snapshot::{Coverage, Gathering};
    use crate::value::json;
    use crate::{Question, diagnose};

    #[test]
    fn lines_are_read_as_resolvers_do() {
        let file = Proof { at: "File/n1//etc/hosts#/value".into(), saw: String::new() };
        let read = |line: &str| of_line(line, &file).into_iter().map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(read("10.0.0.7\tdb db.shop # ours"), ["db", "db.shop"]);
        assert_eq!(read("fe00::0 ip6-localnet"), ["ip6-localnet"]);
        assert!(read("# 10.0.0.7 db").is_empty() && read("db 10.0.0.7").is_empty() && read("").is_empty());
        assert_eq!(of_line("10.0.0.7 db #x", &file)[0].proof.saw, "10.0.0.7 db");
    }

    #[test]
    fn whoever_is_misled_tries_where_it_is_led() {
        let mut gathering = Gathering::new();
        gathering.covers(Coverage::whole());
        gathering.value(json!({"kind": "Service", "metadata": {"name": "api", "namespace": "n"},
            "spec": {"clusterIP": "10.9.0.1", "selector": {"app": "api"}, "ports": [{"port": 80}]}}));
        gathering.value(json!({"kind": "Pod", "metadata": {"name": "web", "namespace": "n", "uid": "web"},
            "spec": {"nodeName": "n1", "containers": [{"name": "app"}]},
            "status": {"phase": "Running", "podIP": "10.1.0.9", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "containerID": "containerd://1", "ready": true, "state": {"running": {}}}]}}));
        let pod = Ref::new("Pod", "n", "web");
        let answer = |gathering: &mut Gathering, what: &str, body: Value| {
            let body: serde_json::Value = serde_json::from_str(&body.to_string()).expect("it is JSON");
            gathering.probed(&pod, what, body.as_object().cloned().unwrap_or_default());
        };
        let read = json!({"try": "resolver", "value": "nameserver 10.9.0.10", "hosts": "10.1.0.9 web\n10.7.7.7 api"});
        answer(&mut gathering, "resolver", read);
        let snapshot = gathering.look();
        let question = Question::Object(Ref::new("Service", "n", "api"));
        let tries = Probing::of(&snapshot, &question, None, None).expect("somebody runs").next();
        assert_eq!(tries, ["tcp/10.9.0.1/80", "tcp/10.7.7.7/80"], "nobody is asked for the name");
        let found = |gathering: &Gathering| {
            let report = diagnose(&gathering.look(), &question);
            report.findings.iter().map(|one| format!("{} {}", one.code, one.object)).collect::<Vec<_>>()
        };
        answer(&mut gathering, "tcp/10.9.0.1/80", json!({"try": "tcp/10.9.0.1/80", "outcome": "connected"}));
        answer(&mut gathering, "tcp/10.7.7.7/80", json!({"try": "tcp/10.7.7.7/80", "outcome": "connected"}));
        assert_eq!(found(&gathering), [""; 0], "it is answered there");
        answer(&mut gathering, "tcp/10.7.7.7/80", json!({"try": "tcp/10.7.7.7/80", "outcome": "refused"}));
        assert_eq!(found(&gathering), ["dns.hosts-override Pod/n/web"]);
    }
}
