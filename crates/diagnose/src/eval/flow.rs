//! A service as one pod sees it: how its address was reached, how each endpoint behind it, and what both mean together.
//!
//! From probes of a snapshot ([`reach`] says what each means) to one verdict of `VERDICTS`. What a
//! policy makes of the same bytes is asked of [`netpol`]: where it and a probe disagree, that is the
//! finding.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::value::Value;

use super::netpol::{self, Peer, Port, Way};
use super::{endpoints, reach};
use crate::eval::reach::End;
use crate::object::{Fields as _, Object};
use crate::snapshot::{Judged, Snapshot};

/// A way from one pod to one port of a service.
#[derive(Debug, Clone)]
pub struct Flow<'a> {
    /// Who tried.
    pub from: &'a Object,
    /// The port of the service.
    pub port: &'a Value,
    /// How the service's own address was reached; nothing where it has none or that was not tried.
    pub front: Option<(&'a Object, End)>,
    /// How the endpoints behind it were, of those that are ready and were tried.
    pub backs: Vec<Back<'a>>,
}

/// One endpoint.
#[derive(Debug, Clone)]
pub struct Back<'a> {
    /// The probe.
    pub probe: &'a Object,
    /// How it went.
    pub end: End,
    /// What has the address.
    pub spot: Spot<'a>,
}

/// An endpoint of a service's port, as its slices have it.
#[derive(Debug, Clone)]
pub struct Spot<'a> {
    /// Its address.
    pub address: &'a str,
    /// The number of its port.
    pub port: i64,
    /// Its node, where the slice says so.
    pub node: &'a str,
    /// Its pod, where that is known.
    pub pod: Option<&'a Object>,
}

/// The endpoints of a port that are ready.
pub fn spots<'a>(snapshot: &'a Snapshot, service: &'a Object, port: &Value) -> Vec<Spot<'a>> {
    let own = |slice: &&Object| slice.label("kubernetes.io/service-name") == Some(service.name());
    let mut found = Vec::new();
    for slice in snapshot.within("EndpointSlice", service.ns()).filter(own) {
        let same = |one: &&Value| one.text("/name") == port.text("/name");
        let Some(number) = slice.list("/ports").iter().find(same).and_then(|one| one.int("/port")) else { continue };
        for endpoint in slice.list("/endpoints") {
            let Some(address) = endpoint.list("/addresses").first().and_then(Value::as_str) else { continue };
            if endpoint.at("/conditions/ready") != Some(&Value::Bool(false)) {
                let pod = snapshot.seen("Pod", service.ns(), endpoint.text("/targetRef/name"));
                found.push(Spot { address, port: number, node: endpoint.text("/nodeName"), pod });
            }
        }
    }
    found.sort_by(|one, other| (one.address, one.port).cmp(&(other.address, other.port)));
    found
}

/// The address of a service for the cluster, where it has one.
pub fn address(service: &Object) -> Option<&str> {
    let address = service.text("/spec/clusterIP");
    address.parse::<IpAddr>().is_ok().then_some(address)
}

/// What a probe of this port at this address is called: `tcp/…`, and of a name server's `dns/…`, whatever it was asked.
fn is_of(probe: &Object, port: &Value, address: &str, number: i64) -> bool {
    let what = probe.text("/try");
    match endpoints::protocol(port) {
        "TCP" => what == format!("tcp/{address}/{number}"),
        "UDP" if number == 53 => what.strip_prefix("dns/").is_some_and(|rest| rest.split('/').next() == Some(address)),
        _ => false,
    }
}

/// Every flow to a service that was tried.
pub fn flows<'a>(snapshot: &'a Snapshot, service: &'a Object) -> Vec<Flow<'a>> {
    let mut found = Vec::new();
    let tries: Vec<(&Object, &Object)> =
        snapshot.all("Probe").filter_map(|probe| Some((reach::pod_of(snapshot, probe)?, probe))).collect();
    if tries.is_empty() {
        return found;
    }
    for port in service.list("/spec/ports") {
        let spots = spots(snapshot, service, port);
        let front = address(service).zip(port.int("/port"));
        let of = |from: &Object, address: &str, number: i64| {
            // Of several queries of one server, the best one says whether it is there.
            let own = tries.iter().filter(|(pod, probe)| pod.id == from.id && is_of(probe, port, address, number));
            let mut ends: Vec<(&'a Object, End)> =
                own.filter_map(|(_, probe)| Some((*probe, reach::end(probe)?))).collect();
            ends.sort_by_key(|(probe, end)| (!reach::is_reached(*end), probe.name()));
            ends.into_iter().next()
        };
        let mut seen = BTreeSet::new();
        for &(from, _) in tries.iter().filter(|(from, _)| seen.insert(&from.id)) {
            let front = front.and_then(|(address, number)| of(from, address, number));
            let backs = spots.iter().filter_map(|spot| {
                let (probe, end) = of(from, spot.address, spot.port)?;
                Some(Back { probe, end, spot: spot.clone() })
            });
            let flow = Flow { from, port, front, backs: backs.collect() };
            if flow.front.is_some() || !flow.backs.is_empty() {
                found.push(flow);
            }
        }
    }
    found
}

/// How one side of a flow was reached, as the table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// Nothing is there to be reached, or nobody tried.
    Not,
    /// All answer.
    Well,
    /// The one who was called refuses; of endpoints, at least one.
    Refused,
    /// ICMP refuses, in front of the one who was called.
    Barred,
    /// Nothing comes back.
    Lost,
    /// Endpoints on the caller's own node answer, those on others are lost.
    Far,
    /// Some answer, some are lost, and nodes do not say why.
    Mixed,
}

/// What a flow means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is reached.
    Works,
    /// Nobody behind it is ready: what the API shows says why.
    NoEndpoints,
    /// An endpoint is there, and nobody listens on its port.
    NotListening,
    /// The endpoints answer, and the node's rules for the address refuse.
    Stale,
    /// The endpoints answer, and what is sent to the address vanishes.
    Swallowed,
    /// The same, and the caller is itself the one behind it.
    Hairpin,
    /// Something in front of the endpoints refuses.
    Firewall,
    /// A policy keeps the bytes.
    Denied,
    /// A policy should keep the bytes, and they pass.
    Unenforced,
    /// Endpoints of other nodes are not reached, those of the caller's are.
    Nodes,
    /// What is sent to the endpoints vanishes, and nothing says why.
    Dropped,
    /// Some endpoints are not reached.
    Some,
}

/// What a policy makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It may pass, or nobody knows.
    Allows,
    /// One keeps it.
    Denies,
}

/// A verdict with what it is about.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    /// What the flow means.
    pub verdict: Verdict,
    /// The endpoint that decides it.
    pub back: Option<Back<'a>>,
    /// The policy that counts, and the way of which it speaks.
    pub policy: Option<(&'a Object, Way)>,
}

use Reached::{Barred, Far, Lost, Mixed, Not, Refused, Well};

/// Address, endpoints, policy, verdict.
type Row = (&'static [Reached], &'static [Reached], &'static [Policy], Verdict);

/// The first row that fits. An empty list is any.
const VERDICTS: &[Row] = &[
    (&[], &[Refused], &[], Verdict::NotListening),
    (&[], &[Well], &[Policy::Denies], Verdict::Unenforced),
    (&[Well, Not], &[Well, Not], &[], Verdict::Works),
    // Whoever may not call an endpoint itself may still call the service, of a mesh for instance.
    (&[Well], &[Barred, Lost], &[], Verdict::Works),
    (&[], &[Not], &[], Verdict::NoEndpoints),
    (&[Refused, Barred], &[Well], &[], Verdict::Stale),
    (&[Lost], &[Well], &[], Verdict::Swallowed),
    (&[], &[Barred], &[], Verdict::Firewall),
    (&[], &[Lost, Far, Mixed], &[Policy::Denies], Verdict::Denied),
    (&[], &[Far], &[], Verdict::Nodes),
    (&[], &[Lost], &[], Verdict::Dropped),
    (&[], &[Mixed], &[], Verdict::Some),
];

fn reached(end: End) -> Reached {
    match end {
        End::Well | End::NoName | End::Fails => Well,
        End::Refused => Refused,
        End::Barred => Barred,
        _ => Lost,
    }
}

impl<'a> Flow<'a> {
    fn behind(&self) -> Reached {
        let ends: Vec<Reached> = self.backs.iter().map(|back| reached(back.end)).collect();
        let all = |one: Reached| ends.iter().all(|end| *end == one);
        // A table of version 4 of an API may not tell nodes.
        let near = |back: &Back<'_>| back.spot.node == self.from.text("/spec/nodeName");
        let by_node = |back: &Back<'_>| (reached(back.end) == Well) == near(back);
        if ends.is_empty() {
            return Not;
        }
        if let Some(one) = [Well, Lost].into_iter().find(|one| all(*one)) {
            return one;
        }
        let refused = [Refused, Barred].into_iter().find(|one| ends.contains(one));
        refused.unwrap_or(if self.backs.iter().all(by_node) { Far } else { Mixed })
    }

    /// What it means.
    pub fn verdict(&self, policy: Policy) -> Verdict {
        let front = self.front.map_or(Not, |(_, end)| reached(end));
        let behind = self.behind();
        let fits = |row: &&Row| {
            (row.0.is_empty() || row.0.contains(&front))
                && (row.1.is_empty() || row.1.contains(&behind))
                && (row.2.is_empty() || row.2.contains(&policy))
        };
        let verdict = VERDICTS.iter().find(fits).map_or(Verdict::Some, |row| row.3);
        let is_own = |back: &Back<'_>| back.spot.pod.is_some_and(|pod| pod.id == self.from.id);
        // Packets that would come back to who sent them take a way of their own.
        if verdict == Verdict::Swallowed && self.backs.iter().all(is_own) { Verdict::Hairpin } else { verdict }
    }

    /// The endpoint that a verdict is about: the first that was reached so.
    fn back(&self, verdict: Verdict) -> Option<&Back<'a>> {
        let wanted: &[Reached] = match verdict {
            Verdict::NotListening => &[Refused],
            Verdict::Firewall => &[Barred],
            Verdict::Denied | Verdict::Nodes | Verdict::Dropped | Verdict::Some => &[Lost],
            _ => &[Well],
        };
        self.backs.iter().find(|back| wanted.contains(&reached(back.end)))
    }

    /// The policy that keeps the bytes from an endpoint: of the endpoint's pod, or of the caller's.
    pub fn blamed(&self, snapshot: &'a Snapshot, back: &Back<'a>) -> Judged<Option<(&'a Object, Way)>> {
        let Some(pod) = back.spot.pod.filter(|pod| pod.id != self.from.id) else { return Ok(None) };
        let port = Port { number: back.spot.port, protocol: endpoints::protocol(self.port) };
        for (isolated, way, peer) in [(pod, Way::Ingress, self.from), (self.from, Way::Egress, pod)] {
            // A pod on its node's network is the node, of which no policy of pods tells.
            if [isolated, peer].iter().any(|one| one.holds("/spec/hostNetwork")) {
                continue;
            }
            if let Some(policy) = netpol::blame(snapshot, isolated, way, Peer::Pod(peer), port)? {
                return Ok(Some((policy, way)));
            }
        }
        Ok(None)
    }

    /// The verdict with what policies say, where that counts.
    pub fn judged(&self, snapshot: &'a Snapshot) -> Judged<Outcome<'a>> {
        let plain = self.verdict(Policy::Allows);
        let asked = matches!(plain, Verdict::Works | Verdict::Nodes | Verdict::Dropped | Verdict::Some);
        for back in self.backs.iter().filter(|_| asked) {
            let (policy, way) = match self.blamed(snapshot, back) {
                Ok(Some(blamed)) => blamed,
                Ok(None) => continue,
                // What passes is no trouble, whatever policies say.
                Err(_) if plain == Verdict::Works => break,
                Err(need) => return Err(need),
            };
            let verdict = self.verdict(Policy::Denies);
            let end = if verdict == Verdict::Unenforced { Well } else { Lost };
            if matches!(verdict, Verdict::Denied | Verdict::Unenforced) && reached(back.end) == end {
                return Ok(Outcome { verdict, back: Some(back.clone()), policy: Some((policy, way)) });
            }
        }
        Ok(Outcome { verdict: plain, back: self.back(plain).cloned(), policy: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Coverage, Gathering};
    use serde_json::{Value, json};

    /// A service with endpoints on these nodes, and how each was reached from a pod on n1.
    fn verdict(front: &str, backs: &[(&str, &str)], denied: bool, own: bool) -> Verdict {
        let mut gathering = Gathering::new();
        gathering.covers(Coverage::whole());
        let pod = |name: &str, node: &str, app: &str| json!({"kind": "Pod", "metadata": {"name": name, "namespace": "n", "labels": {"app": app}}, "spec": {"nodeName": node}});
        gathering.value(pod("client", "n1", "client"));
        let slice: Vec<Value> = backs.iter().enumerate().map(|(at, (node, _))| {
            let name = if own { "client".to_owned() } else { format!("b{at}") };
            json!({"addresses": [format!("10.1.0.{at}")], "nodeName": node, "targetRef": {"kind": "Pod", "name": name}})
        }).collect();
        for (at, (node, _)) in backs.iter().enumerate() {
            gathering.value(pod(&format!("b{at}"), node, "b"));
        }
        gathering.value(json!({"kind": "Service", "metadata": {"name": "s", "namespace": "n"},
            "spec": {"clusterIP": "10.9.0.1", "ports": [{"port": 80}]}}));
        gathering.value(json!({"kind": "EndpointSlice", "metadata": {"name": "s", "namespace": "n",
            "labels": {"kubernetes.io/service-name": "s"}}, "ports": [{"port": 8080}], "endpoints": slice}));
        if denied {
            gathering.value(json!({"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "n"},
                "spec": {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"]}}));
        }
        let mut probe = |what: String, outcome: &str| {
            let (outcome, icmp) = outcome.split_once('!').map_or((outcome, Value::Null), |(outcome, code)| {
                (outcome, json!({"type": 3, "code": code.parse::<i64>().expect("a number")}))
            });
            gathering.value(json!({"kind": "Probe", "metadata": {"name": format!("client {what}"), "namespace": "n"},
                "try": what, "outcome": outcome, "icmp": icmp}));
        };
        if !front.is_empty() {
            probe("tcp/10.9.0.1/80".to_owned(), front);
        }
        for (at, (_, outcome)) in backs.iter().enumerate() {
            probe(format!("tcp/10.1.0.{at}/8080"), outcome);
        }
        let snapshot = gathering.finish();
        let service = snapshot.seen("Service", "n", "s").expect("it is there");
        let flows = flows(&snapshot, service);
        flows[0].judged(&snapshot).expect("all is known").verdict
    }

    #[test]
    fn each_row_of_the_table() {
        let check = |front: &str, backs: &[(&str, &str)], expect: Verdict| {
            assert_eq!(verdict(front, backs, false, false), expect, "{front} {backs:?}");
        };
        check("connected", &[("n1", "connected"), ("n2", "connected")], Verdict::Works);
        check("", &[("n1", "connected")], Verdict::Works);
        check("refused!3", &[], Verdict::NoEndpoints);
        check("timeout", &[], Verdict::NoEndpoints);
        check("refused", &[("n1", "refused")], Verdict::NotListening);
        check("connected", &[("n1", "refused"), ("n2", "connected")], Verdict::NotListening);
        check("refused!3", &[("n1", "connected")], Verdict::Stale);
        check("refused", &[("n2", "connected")], Verdict::Stale);
        check("timeout", &[("n2", "connected")], Verdict::Swallowed);
        check("refused!13", &[("n2", "unreachable!13")], Verdict::Firewall);
        check("timeout", &[("n1", "connected"), ("n2", "timeout")], Verdict::Nodes);
        check("connected", &[("n1", "connected"), ("n2", "timeout")], Verdict::Nodes);
        check("timeout", &[("n1", "timeout"), ("n2", "timeout")], Verdict::Dropped);
        check("connected", &[("n2", "connected"), ("n2", "timeout")], Verdict::Some);
        check("connected", &[("n2", "timeout")], Verdict::Works);
    }

    #[test]
    fn what_a_policy_makes_of_it_counts() {
        assert_eq!(verdict("timeout", &[("n1", "timeout")], true, false), Verdict::Denied);
        assert_eq!(verdict("connected", &[("n1", "connected")], true, false), Verdict::Unenforced);
        // Refused by the one who was called: it was reached.
        assert_eq!(verdict("refused", &[("n1", "refused")], true, false), Verdict::NotListening);
    }

    #[test]
    fn who_calls_itself_takes_a_way_of_its_own() {
        assert_eq!(verdict("timeout", &[("n1", "connected")], false, true), Verdict::Hairpin);
        assert_eq!(verdict("refused", &[("n1", "connected")], false, true), Verdict::Stale);
    }
}
