//! Whether a container reaches somebody: what to try from its own network, and what the answers mean together.
//!
//! A try is a word, `dns/SERVER/NAME`, `tcp/ADDRESS/PORT` or `mtu/ADDRESS`. Each that was made is an object of kind Probe, called
//! `CONTAINER TRY` or `POD TRY`, in the place of that, with its outcome. `resolver` is what it asks for names.

use std::net::{IpAddr, Ipv4Addr};

use crate::eval::hosts;
use crate::eval::resolver::{self, ResolvConf};
use crate::object::{Fields as _, Object};
use crate::scene::Scene;
use crate::snapshot::{Proof, Snapshot};

/// The try that asks for nothing but what the resolver is told.
pub const RESOLVER: &str = "resolver";

/// Somebody whom a container calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// A name or an address.
    pub host: String,
    /// The port, where one is known.
    pub port: Option<u16>,
}

impl Peer {
    /// Reads `HOST:PORT`, `[ADDRESS]:PORT` or `HOST`.
    pub fn parse(text: &str) -> Option<Peer> {
        if text.parse::<IpAddr>().is_ok() {
            return Some(Peer { host: text.to_owned(), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        (!host.is_empty() && !host.contains('/')).then(|| Peer { host: host.to_owned(), port })
    }
}

/// The peers whose calls fail, as logs tell.
pub fn peers(snapshot: &Snapshot) -> Vec<Peer> {
    let scene = Scene::new(snapshot);
    let calls = scene.calls().iter().filter(|call| call.pod.id.kind == "Container");
    let mut peers: Vec<Peer> = calls.map(|call| Peer { host: call.host.clone(), port: call.port }).collect();
    peers.sort();
    peers.dedup();
    peers
}

/// The file of a container's, or a pod's, resolver.
pub fn resolver_file<'a>(snapshot: &'a Snapshot, container: &Object) -> Option<&'a Object> {
    match container.id.kind.as_str() {
        "Pod" => probe(snapshot, container, RESOLVER),
        "Machine" => snapshot.seen("File", container.name(), "/etc/resolv.conf"),
        _ => snapshot.seen("File", container.ns(), container.text("/resolver")),
    }
}

/// What that says.
pub fn resolver_of(snapshot: &Snapshot, container: &Object) -> ResolvConf {
    resolver::parse(resolver_file(snapshot, container).map_or("", |file| file.text("/value")))
}

/// The pod that a probe was made from, where it was one.
pub fn pod_of<'a>(snapshot: &'a Snapshot, probe: &Object) -> Option<&'a Object> {
    snapshot.seen("Pod", probe.ns(), probe.name().split(' ').next()?)
}

/// The peers whose names have to be asked for: not those that its own hosts file knows.
pub fn unlisted(snapshot: &Snapshot, container: &Object, peers: &[Peer]) -> Vec<Peer> {
    let known = |peer: &&Peer| !hosts::of(snapshot, container, &peer.host).is_empty();
    peers.iter().filter(|peer| !known(peer)).cloned().collect()
}

/// The names to ask for: every one that the resolver would make of it, of every server. Without a name the root itself,
/// which every server knows of.
pub fn names(conf: &ResolvConf, peers: &[Peer]) -> Vec<String> {
    let named = peers.iter().filter(|peer| peer.host.parse::<IpAddr>().is_err());
    let mut names: Vec<String> = named.flat_map(|peer| resolver::expand(conf, &peer.host)).collect();
    if names.is_empty() && peers.is_empty() {
        names.push(".".to_owned());
    }
    let servers = conf.servers.iter().filter(|server| server.parse::<IpAddr>().is_ok());
    servers.flat_map(|server| names.iter().map(move |name| format!("dns/{server}/{name}"))).collect()
}

/// The addresses to connect to, once names are known: those of each peer's first name that has any.
pub fn connections(snapshot: &Snapshot, container: &Object, peers: &[Peer]) -> Vec<String> {
    let conf = resolver_of(snapshot, container);
    let mut tries = Vec::new();
    for (peer, port) in peers.iter().filter_map(|peer| Some((peer, peer.port?))) {
        if peer.host.parse::<IpAddr>().is_ok() {
            tries.push(format!("tcp/{}/{port}", peer.host));
            continue;
        }
        let listed = hosts::of(snapshot, container, &peer.host);
        if !listed.is_empty() {
            tries.extend(listed.iter().map(|entry| format!("tcp/{}/{port}", entry.address)));
            continue;
        }
        let answer = |name: &String| {
            let mut probes =
                conf.servers.iter().filter_map(|server| probe(snapshot, container, &format!("dns/{server}/{name}")));
            probes.find(|probe| probe.text("/outcome") == "answered")
        };
        let found = resolver::expand(&conf, &peer.host).iter().find_map(answer);
        let addresses = found.into_iter().flat_map(|probe| probe.list("/addresses")).filter_map(|one| one.as_str());
        tries.extend(addresses.map(|address| format!("tcp/{address}/{port}")));
    }
    tries.dedup();
    // Only of addresses of version 4 is it known how to ask.
    let addresses = tries.iter().filter_map(|what| what.split('/').nth(1)?.parse::<Ipv4Addr>().ok());
    let mut sizes: Vec<String> = addresses.map(|address| format!("mtu/{address}")).collect();
    sizes.dedup();
    tries.extend(sizes);
    tries
}

/// A try of a container or a pod that was made.
pub fn probe<'a>(snapshot: &'a Snapshot, container: &Object, what: &str) -> Option<&'a Object> {
    snapshot.seen("Probe", place(container), &format!("{} {what}", container.name()))
}

/// The namespace of what was tried from a container, a pod or a machine.
fn place(container: &Object) -> &str {
    if container.id.kind == "Machine" { container.name() } else { container.ns() }
}

/// How a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// An answer, a connection.
    Well,
    /// There is no such name.
    NoName,
    /// The server says that it cannot tell.
    Fails,
    /// The one who was called refused, by a reset.
    Refused,
    /// Somebody on the way, or in front of the one who was called, refused by ICMP.
    Barred,
    /// There is no way to it from here.
    NoRoute,
    /// Nobody answers for the address on its own link, or a router says that the host is not there.
    NoHost,
    /// A rule of this machine forbids to send.
    Forbidden,
    /// Nothing came back at all.
    Silence,
    /// Small packets arrive, larger ones vanish.
    Hole,
}

/// What outcome and sender mean: the first row that fits. ICMP of type 3: code 0 and 1 are routes and hosts, 3 is a port,
/// 9, 10 and 13 are prohibitions (RFC 792, RFC 1812).
const ENDS: &[(&str, &str, Option<&[i64]>, End)] = &[
    ("", "connected", None, End::Well),
    ("", "answered", None, End::Well),
    ("", "empty", None, End::NoName),
    ("", "nxdomain", None, End::NoName),
    ("", "servfail", None, End::Fails),
    ("", "rejected", None, End::Fails),
    // A datagram has no reset: the port of a server that is not there answers so.
    ("dns/", "refused", None, End::Refused),
    ("tcp/", "refused", Some(&[0, 1, 2, 3, 9, 10, 13]), End::Barred),
    ("tcp/", "refused", None, End::Refused),
    ("", "unreachable", Some(&[2, 3, 9, 10, 13]), End::Barred),
    ("", "unreachable", Some(&[0, 1, 5, 11, 12]), End::NoHost),
    ("", "denied", Some(&[2, 3, 9, 10, 13]), End::Barred),
    ("", "denied", None, End::Forbidden),
    ("dns/", "timeout", None, End::Silence),
    ("tcp/", "timeout", None, End::Silence),
    ("mtu/", "hole", None, End::Hole),
];

/// Whether the one who was called has answered, if only that it does not know.
pub fn is_reached(end: End) -> bool {
    matches!(end, End::Well | End::NoName | End::Fails)
}

/// How a probe went; nothing where it says nothing of the network.
pub fn end(probe: &Object) -> Option<End> {
    let (what, outcome, code) = (probe.text("/try"), probe.text("/outcome"), probe.int("/icmp/code"));
    if outcome == "unreachable" && code.is_none() {
        return Some(if probe.text("/error").starts_with("Network") { End::NoRoute } else { End::NoHost });
    }
    let fits = |row: &&(&str, &str, Option<&[i64]>, End)| {
        what.starts_with(row.0)
            && outcome == row.1
            && row.2.is_none_or(|codes| code.is_some_and(|code| codes.contains(&code)))
    };
    ENDS.iter().find(fits).map(|row| row.3)
}

/// The probes of a container of one kind, `dns/` or `tcp/`, with how they went.
pub fn tried<'a>(snapshot: &'a Snapshot, container: &Object, kind: &str) -> Vec<(&'a Object, End)> {
    let own = format!("{} {kind}", container.name());
    let mut found: Vec<(&Object, End)> = snapshot
        .within("Probe", place(container))
        .filter(|probe| probe.name().starts_with(&own))
        .filter_map(|probe| Some((probe, end(probe)?)))
        .collect();
    found.sort_by(|one, other| one.0.id.cmp(&other.0.id));
    found
}

/// What proves how a probe went: its outcome, and who said so.
pub fn proofs(probe: &Object) -> Vec<Proof> {
    let pointers =
        ["/outcome", "/icmp/code", "/by", "/largest", "/silent"].iter().filter(|pointer| probe.at(pointer).is_some());
    pointers.map(|pointer| Proof::field(probe, pointer)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    #[test]
    fn peers_are_read() {
        let peer = |text: &str| Peer::parse(text).map(|peer| (peer.host, peer.port));
        assert_eq!(peer("db:5432"), Some(("db".into(), Some(5432))));
        assert_eq!(peer("[fd00::1]:80"), Some(("fd00::1".into(), Some(80))));
        assert_eq!(peer("fd00::1"), Some(("fd00::1".into(), None)));
        assert_eq!(peer("db.shop"), Some(("db.shop".into(), None)));
        assert_eq!((peer("db:http"), peer(":80"), peer("http://db")), (None, None, None));
    }

    #[test]
    fn every_name_of_every_server_is_asked_for() {
        let conf = resolver::parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch shop.local\noptions ndots:2\n");
        let names = names(&conf, &[Peer { host: "db".into(), port: Some(1) }]);
        assert_eq!(
            names,
            ["dns/10.0.0.1/db.shop.local", "dns/10.0.0.1/db", "dns/10.0.0.2/db.shop.local", "dns/10.0.0.2/db"]
        );
        assert_eq!(super::names(&conf, &[]), ["dns/10.0.0.1/.", "dns/10.0.0.2/."]);
        assert!(super::names(&conf, &[Peer { host: "10.1.1.1".into(), port: Some(1) }]).is_empty());
    }

    #[test]
    fn what_the_hosts_file_knows_is_asked_of_no_server() {
        let mut gathering = crate::snapshot::Gathering::new();
        gathering.value(json!({"kind": "Container", "metadata": {"name": "web", "namespace": "n1"}, "resolver": "/r", "hosts": "/h"}));
        let file = |path: &str, text: &str| json!({"kind": "File", "metadata": {"name": path, "namespace": "n1"}, "value": text});
        gathering.value(file("/r", "nameserver 10.0.0.1"));
        gathering.value(file("/h", "127.0.0.1\tlocalhost\n10.0.0.7\tDB # ours"));
        let snapshot = gathering.finish();
        let container = snapshot.seen("Container", "n1", "web").expect("it is there");
        let peer = |host: &str| Peer { host: host.into(), port: Some(5432) };
        assert_eq!(unlisted(&snapshot, container, &[peer("db"), peer("mq")]), [peer("mq")]);
        assert_eq!(connections(&snapshot, container, &[peer("db")]), ["tcp/10.0.0.7/5432", "mtu/10.0.0.7"]);
    }

    #[test]
    fn who_refused_is_known_by_its_message() {
        let check = |what: &str, body: crate::value::Value, expect: End| {
            let mut object = body;
            object["kind"] = "Probe".into();
            object["try"] = what.into();
            object["metadata"] = json!({"name": what});
            assert_eq!(end(&Object::new(object).expect("an object")), Some(expect), "{what}");
        };
        check("tcp/10.0.0.1/80", json!({"outcome": "refused"}), End::Refused);
        check("tcp/10.0.0.1/80", json!({"outcome": "refused", "icmp": {"type": 3, "code": 3}}), End::Barred);
        check("tcp/10.0.0.1/80", json!({"outcome": "unreachable", "icmp": {"type": 3, "code": 13}}), End::Barred);
        check("tcp/10.0.0.1/80", json!({"outcome": "unreachable", "icmp": {"type": 3, "code": 1}}), End::NoHost);
        let lost = json!({"outcome": "unreachable", "error": "Network is unreachable (os error 101)"});
        check("tcp/10.0.0.1/80", lost, End::NoRoute);
        check("tcp/10.0.0.1/80", json!({"outcome": "timeout"}), End::Silence);
        check("dns/10.0.0.1/db", json!({"outcome": "refused", "icmp": {"type": 3, "code": 3}}), End::Refused);
        check("dns/10.0.0.1/db", json!({"outcome": "nxdomain"}), End::NoName);
    }
}
