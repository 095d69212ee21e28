//! NetworkPolicy: may these bytes pass, and which policy is to blame where not (networking.k8s.io/v1).
//!
//! Whether a CNI enforces any of it is another question.

use std::net::IpAddr;

use super::selector;
use crate::object::{Fields as _, Object};
use crate::snapshot::{Judged, Snapshot};
use crate::value::Value;

/// Which way the bytes go, seen from the pod that is isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into it.
    Ingress,
    /// Out of it.
    Egress,
}

/// The other end.
#[derive(Debug, Clone, Copy)]
pub enum Peer<'a> {
    /// A pod.
    Pod(&'a Object),
    /// An address that is no pod's.
    Address(IpAddr),
}

/// What they want to speak.
#[derive(Debug, Clone, Copy)]
pub struct Port<'a> {
    /// Its number.
    pub number: i64,
    /// `TCP`.
    pub protocol: &'a str,
}

/// Whether a policy isolates this way: policyTypes has its defaults.
pub fn isolates(policy: &Value, way: Way) -> bool {
    let types = policy.list("/spec/policyTypes");
    let has = |name: &str| types.iter().any(|one| one.as_str() == Some(name));
    match way {
        Way::Ingress => types.is_empty() || has("Ingress"),
        Way::Egress => has("Egress") || types.is_empty() && policy.at("/spec/egress").is_some(),
    }
}

/// The policies that select a pod for a way; the first is to blame if none of them lets the bytes pass.
pub fn blame<'a>(
    snapshot: &'a Snapshot,
    pod: &Object,
    way: Way,
    peer: Peer<'_>,
    port: Port<'_>,
) -> Judged<Option<&'a Object>> {
    let mut policies = snapshot.every("NetworkPolicy", pod.ns())?;
    let none = Value::Null;
    policies.retain(|policy| {
        isolates(policy, way) && selector::selects(policy.at("/spec/podSelector").unwrap_or(&none), pod.labels())
    });
    let passes =
        |policy: &&Object| rules(policy, way).iter().any(|rule| lets(snapshot, policy, rule, way, pod, peer, port));
    Ok(if policies.iter().any(passes) { None } else { policies.first().copied() })
}

fn rules(policy: &Value, way: Way) -> &[Value] {
    policy.list(if way == Way::Ingress { "/spec/ingress" } else { "/spec/egress" })
}

fn lets(
    snapshot: &Snapshot,
    policy: &Object,
    rule: &Value,
    way: Way,
    pod: &Object,
    peer: Peer<'_>,
    port: Port<'_>,
) -> bool {
    let (peers, ports) = (rule.list(if way == Way::Ingress { "/from" } else { "/to" }), rule.list("/ports"));
    // A named port is one of the pod that is spoken to.
    let spoken_to = match (way, peer) {
        (Way::Ingress, _) => Some(pod),
        (Way::Egress, Peer::Pod(other)) => Some(other),
        (Way::Egress, Peer::Address(_)) => None,
    };
    (peers.is_empty() || peers.iter().any(|one| fits(snapshot, policy, one, peer)))
        && (ports.is_empty() || ports.iter().any(|one| port_fits(one, port, spoken_to)))
}

fn fits(snapshot: &Snapshot, policy: &Object, one: &Value, peer: Peer<'_>) -> bool {
    match peer {
        Peer::Address(address) => {
            let inside = |block: &str| contains(block, address) == Some(true);
            let except = || one.list("/ipBlock/except").iter().filter_map(Value::as_str).any(inside);
            inside(one.text("/ipBlock/cidr")) && !except()
        }
        Peer::Pod(pod) => {
            if one.at("/ipBlock").is_some() {
                let address = pod.text("/status/podIP").parse().ok();
                return address.is_some_and(|address| fits(snapshot, policy, one, Peer::Address(address)));
            }
            let place = match one.at("/namespaceSelector") {
                None => pod.ns() == policy.ns(),
                Some(wanted) => {
                    selector::selects(wanted, snapshot.seen("Namespace", "", pod.ns()).and_then(Object::labels))
                }
            };
            place && one.at("/podSelector").is_none_or(|wanted| selector::selects(wanted, pod.labels()))
        }
    }
}

fn port_fits(one: &Value, port: Port<'_>, spoken_to: Option<&Object>) -> bool {
    let protocol = if one.text("/protocol").is_empty() { "TCP" } else { one.text("/protocol") };
    let number = match one.at("/port") {
        None => true,
        Some(Value::String(name)) => spoken_to.and_then(|pod| pod.at("/spec")).is_some_and(|spec| {
            super::endpoints::declared(spec)
                .iter()
                .any(|(number, named, _)| *named == name.as_str() && *number == port.number)
        }),
        Some(first) => {
            let last = one.int("/endPort").or(first.as_i64());
            first.as_i64().zip(last).is_some_and(|(first, last)| (first..=last).contains(&port.number))
        }
    };
    protocol == port.protocol && number
}

/// Whether an address is in a block such as `10.0.0.0/8`; nothing where the block is none.
pub fn contains(block: &str, address: IpAddr) -> Option<bool> {
    let (base, bits) = block.split_once('/')?;
    let (base, bits): (IpAddr, u32) = (base.parse().ok()?, bits.parse().ok()?);
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    let mask = if bits == 0 { 0 } else { u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0) };
    Some(base.is_ipv4() == address.is_ipv4() && number(base) & mask == number(address) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Gathering;
    use crate::value::json;

    fn blamed(policy: Value, port: i64) -> Option<String> {
        let mut gathering = Gathering::new();
        let pod = |name: &str| {
            json!({"kind": "Pod", "metadata": {"name": name, "namespace": "n", "labels": {"app": name}},
            "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]}})
        };
        for object in [pod("web"), pod("db"), policy] {
            gathering.value(object);
        }
        gathering.covers(crate::snapshot::Coverage::whole());
        let snapshot = gathering.finish();
        let (web, db) = (snapshot.seen("Pod", "n", "web").expect("web"), snapshot.seen("Pod", "n", "db").expect("db"));
        let blamed = blame(&snapshot, web, Way::Ingress, Peer::Pod(db), Port { number: port, protocol: "TCP" });
        blamed.expect("all kinds were collected").map(|policy| policy.name().to_owned())
    }

    #[test]
    fn what_no_policy_lets_pass_has_one_to_blame() {
        let policy =
            |spec: Value| json!({"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "n"}, "spec": spec});
        let from = json!([{"from": [{"podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": "http"}]}]);
        assert_eq!(
            blamed(policy(json!({"podSelector": {}})), 8080).as_deref(),
            Some("p"),
            "an empty selector denies, it allows nothing"
        );
        assert_eq!(blamed(policy(json!({"podSelector": {}, "ingress": from})), 8080), None);
        assert_eq!(blamed(policy(json!({"podSelector": {}, "ingress": from})), 9090).as_deref(), Some("p"));
        assert_eq!(blamed(policy(json!({"podSelector": {"matchLabels": {"app": "db"}}})), 8080), None);
        assert_eq!(blamed(policy(json!({"podSelector": {}, "policyTypes": ["Egress"]})), 8080), None);
        assert_eq!(blamed(policy(json!({"podSelector": {}, "ingress": [{}]})), 1), None);
    }

    #[test]
    fn blocks_contain_addresses() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(contains("10.0.0.0/8", address("10.9.8.7")), Some(true));
        assert_eq!(contains("0.0.0.0/0", address("1.1.1.1")), Some(true));
        assert_eq!(contains("10.0.0.0/8", address("11.0.0.1")), Some(false));
        assert_eq!(contains("fd00::/8", address("fd12::1")), Some(true));
        assert_eq!(contains("nonsense", address("1.1.1.1")), None);
    }
}
