//! Every known cause, and whether it is looked for: by a rule, only with a probe or a fact of a node, or not at all.
//! The page docs/reference/causes.md is made of this and of the tables of rules.

use std::fmt::Write as _;

use crate::rule::Rule;
use crate::rules;

/// Causes that no snapshot shows: (code, what it takes to tell).
pub const NEEDS: &[(&str, &str)] = &[
    ("sbx.changed-loop", "the kubelet's and the runtime's log of the node"),
    ("rdy.probe-blocked", "a connection from the node and one from another pod"),
    ("svc.lb-source-ranges", "the address that a client comes from"),
    ("net.cni-policy", "the agent's reasons for drops, and its own policy resources"),
    ("net.forward-drop", "the firewall's rules of the node"),
    ("net.masq-missing", "the rules of the node, and a connection to the outside"),
    ("net.conntrack-race", "counters of the node"),
    ("net.snat-port-exhaust", "the connection table of the node"),
    ("net.listen-overflow", "counters in the pod's network namespace"),
    ("net.loss-delay", "round trips between nodes, and queueing disciplines"),
    ("net.cidr-overlap", "the routes of the node"),
    ("net.node-partition", "connections between each pair of nodes"),
    ("dns.overloaded", "cgroup counters of the DNS pods"),
    ("dns.ndots-storm", "the queries that a pod sends"),
    ("dns.nodelocal-down", "a query from the node"),
    ("dns.tcp-blocked", "a query over TCP"),
    ("ing.host-path-mismatch", "a request through the controller"),
    ("ing.backend-protocol", "a handshake with the backend"),
    ("ing.cert-expired", "the certificate itself; values of secrets are not read"),
    ("ing.bad-pem", "the certificate itself; values of secrets are not read"),
    ("img.auth.wrong-registry", "the pull secret's content; values of secrets are not read"),
    ("node.down-or-partitioned", "whether others reach the machine"),
    ("node.10250-blocked", "a connection from the API server to the node"),
    ("cp.apiserver-down", "the API server's container on its machine"),
    ("cp.apiserver-overload", "metrics of the API server"),
    ("cp.etcd-nospace", "alarms of etcd"),
    ("cp.etcd-quorum", "members of etcd"),
    ("cp.etcd-slow", "metrics of etcd"),
    ("perf.throttled-probe-chain", "cpu.stat of the container's cgroup"),
];

/// Causes that are not looked for: (code, why).
pub const LEFT: &[(&str, &str)] = &[
    (
        "pvc.waiting-first-consumer",
        "nothing is wrong: the claim waits for a pod, and that pod's trouble has a code of its own",
    ),
    ("wl.externally-mutated", "who changed what is in managedFields, which no snapshot keeps"),
    ("hpa.replicas-fight", "one snapshot does not show replicas going up and down"),
    ("adm.quota-exceeded.services", "the refusal goes to whoever created the service, and no object keeps it"),
    ("adm.webhook-mutated", "defaults that plug-ins add look the same"),
    ("adm.crd-schema", "the refusal goes to whoever applied the manifest"),
    ("adm.immutable", "the refusal goes to whoever applied the manifest"),
    ("adm.conflict", "the refusal goes to whoever applied the manifest"),
    ("svc.publish-notready", "a setting that is meant, and breaks nothing that a snapshot shows"),
    ("net.mesh-mtls", "needs a model of each mesh"),
    ("net.mesh-authz", "needs a model of each mesh"),
    ("net.sidecar-missing", "needs a model of each mesh"),
    ("ing.misroute", "only a change tells a wrong route from a meant one"),
    ("ing.timeout", "needs the controller's access log"),
    ("ing.webhook-down", "is adm.webhook-unreachable"),
    ("gw.route-not-attached", "is gw.not-accepted: the reason says which"),
    ("node.cni-not-ready", "is cni.not-installed or cni.agent-down"),
    ("node.cordoned", "an intention; where pods wait for it, sched.node-cordoned"),
    ("node.drained", "an intention"),
    ("cp.cluster-info-stale", "the addresses that are right are not in the cluster"),
    ("perf.gc", "needs a profile"),
    ("perf.thread-starve", "needs a profile"),
    ("perf.retry-storm", "needs traces"),
    ("perf.dependency-slow", "needs traces"),
];

/// The page of all causes.
pub fn page() -> String {
    let mut text = "# Causes\n\nWhat `fathom why` names. A cause is said only of what is broken now, with proofs that can be read again; \
                    `fathom why --explain CODE` says what refutes it and how to mend it.\n"
        .to_owned();
    for (group, rules) in rules::GROUPS {
        let _ = writeln!(text, "\n## {group}\n\n| code | meaning | proof |\n| --- | --- | --- |");
        for rule in *rules {
            let _ = writeln!(text, "| `{}` | {} | {} |", rule.code, cell(rule.means), cell(rule.proves));
        }
    }
    let lists = [("Needs a probe or a fact of the node", "it takes", NEEDS), ("Not planned", "why", LEFT)];
    for (title, column, rows) in lists {
        let _ = writeln!(text, "\n## {title}\n\n| code | {column} |\n| --- | --- |");
        for (code, why) in rows {
            let _ = writeln!(text, "| `{code}` | {} |", cell(why));
        }
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// All that is known of one cause.
pub fn explain(rule: &Rule) -> String {
    let parts = [("means", rule.means), ("proof", rule.proves), ("refuted by", rule.refutes), ("fix", rule.fix)];
    let lines: String = parts.iter().map(|(name, text)| format!("  {name:<11}{text}\n")).collect();
    format!("{}\n{lines}", rule.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_cause_is_in_one_list_only() {
        let codes: Vec<&str> =
            rules::all().map(|rule| rule.code).chain(NEEDS.iter().chain(LEFT).map(|(code, _)| *code)).collect();
        let once: BTreeSet<&str> = codes.iter().copied().collect();
        assert_eq!(codes.len(), once.len());
    }
}
