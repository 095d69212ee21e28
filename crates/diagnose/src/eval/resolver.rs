//! Names as a pod's resolver sees them: resolv.conf, search domains, and which service is meant.

use crate::object::{Fields as _, Object};
use crate::snapshot::Snapshot;

/// What a resolv.conf says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// Whom to ask, in this order.
    pub servers: Vec<String>,
    /// What to append.
    pub search: Vec<String>,
    /// Names with so many dots are asked for as they are first.
    pub ndots: usize,
}

/// Reads a resolv.conf; later `search` lines replace earlier ones (resolv.conf(5)).
pub fn parse(text: &str) -> ResolvConf {
    let mut conf = ResolvConf { ndots: 1, ..ResolvConf::default() };
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => conf.servers.extend(words.next().map(str::to_owned)),
            Some("search" | "domain") => conf.search = words.map(str::to_owned).collect(),
            Some("options") => {
                let mut dots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                conf.ndots = dots.next_back().unwrap_or(conf.ndots);
            }
            _ => {}
        }
    }
    conf
}

/// The full names that are asked for, in the order in which they are.
pub fn expand(conf: &ResolvConf, name: &str) -> Vec<String> {
    if let Some(full) = name.strip_suffix('.') {
        return vec![full.to_owned()];
    }
    let searched = conf.search.iter().map(|domain| format!("{name}.{}", domain.trim_end_matches('.')));
    let own = std::iter::once(name.to_owned());
    if name.matches('.').count() >= conf.ndots { own.chain(searched).collect() } else { searched.chain(own).collect() }
}

/// What a pod of a spec is given: the cluster's, the node's, or its own (kubelet, pkg/kubelet/network/dns).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The cluster's DNS.
    Cluster,
    /// The node's.
    Node,
    /// What `dnsConfig` says, and no more.
    Own,
}

/// Where the names of a pod come from.
pub fn source(pod: &Object) -> Source {
    match pod.text("/spec/dnsPolicy") {
        "None" => Source::Own,
        "Default" => Source::Node,
        "ClusterFirstWithHostNet" => Source::Cluster,
        _ if pod.holds("/spec/hostNetwork") => Source::Node,
        _ => Source::Cluster,
    }
}

/// What a name means inside the cluster.
#[derive(Debug, Clone, Copy)]
pub enum Meant<'a> {
    /// This service.
    Service(&'a Object),
    /// A service's name, by its form, of a namespace that has none of this name.
    Missing {
        /// The service.
        name: &'a str,
        /// Its namespace.
        namespace: &'a str,
    },
    /// A single pod behind a governing service that is not there, `kv-0.kv-headless`.
    MissingGovernor {
        /// The service.
        name: &'a str,
    },
    /// Something outside, or of no known form.
    Elsewhere,
}

/// The service that is meant by a name that a pod of `namespace` uses.
pub fn meant<'a>(snapshot: &'a Snapshot, namespace: &'a str, name: &'a str) -> Meant<'a> {
    let name = name.trim_end_matches('.');
    let parts: Vec<&str> = name.split('.').collect();
    let service = |namespace: &str, name: &str| snapshot.seen("Service", namespace, name);
    let known = |namespace: &str| snapshot.seen("Namespace", "", namespace).is_some();
    let in_cluster = parts.get(2) == Some(&"svc");
    match parts.as_slice() {
        ["localhost"] => Meant::Elsewhere,
        [one] => service(namespace, one).map_or(Meant::Missing { name: one, namespace }, Meant::Service),
        [one, two] if service(two, one).is_some() => service(two, one).map_or(Meant::Elsewhere, Meant::Service),
        // A pod of a stateful set, by its governing service.
        [pod, two] if service(namespace, two).is_some() && snapshot.seen("Pod", namespace, pod).is_some() => {
            service(namespace, two).map_or(Meant::Elsewhere, Meant::Service)
        }
        [pod, two] if snapshot.seen("Pod", namespace, pod).is_some() => Meant::MissingGovernor { name: two },
        [one, two] if known(two) => Meant::Missing { name: one, namespace: two },
        [one, two, "svc", ..] if in_cluster => {
            service(two, one).map_or(Meant::Missing { name: one, namespace: two }, Meant::Service)
        }
        [pod, two, three, "svc", ..] if snapshot.seen("Pod", three, pod).is_some() => {
            service(three, two).map_or(Meant::MissingGovernor { name: two }, Meant::Service)
        }
        _ => Meant::Elsewhere,
    }
}

/// The service of an address: its own, or, for a pod's, nothing.
pub fn by_address<'a>(snapshot: &'a Snapshot, address: &str) -> Option<&'a Object> {
    let has = |service: &&Object| {
        service.text("/spec/clusterIP") == address
            || service.list("/spec/clusterIPs").iter().any(|one| one.as_str() == Some(address))
    };
    snapshot.all("Service").find(has)
}

/// The service that answers for the cluster's names, whatever it is called.
pub fn cluster_dns(snapshot: &Snapshot) -> Option<&Object> {
    let labelled = |service: &&Object| service.label("k8s-app") == Some("kube-dns");
    let found = snapshot.within("Service", "kube-system").find(labelled);
    let named = ["kube-dns", "coredns", "rke2-coredns-rke2-coredns"];
    found
        .or_else(|| named.iter().find_map(|name| snapshot.seen("Service", "kube-system", name)))
        .or_else(|| snapshot.seen("Service", "openshift-dns", "dns-default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_searched_for_as_glibc_does() {
        let conf =
            parse("nameserver 10.96.0.10\nsearch a.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:1\n");
        assert_eq!((conf.servers.len(), conf.ndots), (1, 5));
        assert_eq!(expand(&conf, "db"), ["db.a.svc.cluster.local", "db.svc.cluster.local", "db"]);
        assert_eq!(expand(&conf, "db.example."), ["db.example"]);
        assert_eq!(expand(&ResolvConf { ndots: 1, ..conf }, "db.example")[0], "db.example");
    }
}
