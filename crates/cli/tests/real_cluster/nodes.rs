//! Two nodes, each with an agent of its own: what is meant for one of them never comes to the other.

use fathom_protocol::link;
use fathom_testkit::kubernetes::Kubernetes;

use crate::installation::Installation;
use crate::support::Cluster;

fn own(cluster: &Cluster) -> &Kubernetes {
    cluster.own.as_ref().expect("it was asked for")
}

/// Pods with this name on their label, each after its node.
fn pods(cluster: &Cluster, namespace: &str, name: &str) -> Vec<(String, String)> {
    let pods = own(cluster).list("", "pods", namespace);
    let meant = pods.iter().filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == name);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = meant.map(|pod| (text(&pod["spec"]["nodeName"]), text(&pod["metadata"]["name"]))).collect();
    found.sort();
    found
}

/// Both pods at once, each line with its pod in front.
#[track_caller]
fn enter_both(cluster: &Cluster, way: &str) {
    let got = cluster.run(&["-l", "both=yes", "--all", way], &["hostname"]);
    assert_eq!(got.status, 0, "{got:?}");
    let mut lines: Vec<&str> = got.stdout.lines().collect();
    lines.sort_unstable();
    let names = |name: &str| lines.iter().filter(|line| line.matches(&format!("{name}-")).count() == 2).count();
    assert_eq!((lines.len(), names("far"), names("near")), (2, 1, 1), "{got:?}");
}

#[test]
fn an_agent_of_one_s_own_comes_to_the_node_of_the_target() {
    let Some(cluster) = Cluster::with_two_nodes() else { return };
    let agents = || pods(&cluster, &cluster.namespace, "fathom-agent");
    let got = cluster.run(&["deploy/far"], &["hostname"]);
    assert!(got.status == 0 && got.stdout.starts_with("far-"), "{got:?}");
    let nodes: Vec<String> = agents().into_iter().map(|(node, _)| node).collect();
    assert_eq!(nodes, ["node2"]);
    enter_both(&cluster, "--agentless");
    let nodes: Vec<String> = agents().into_iter().map(|(node, _)| node).collect();
    assert_eq!(nodes, ["node1", "node2"]);
    let got = cluster.run(&["node/node2"], &["true"]);
    assert_eq!((got.status, agents().len()), (0, 2), "{got:?}");
}

#[test]
fn a_session_on_one_node_does_not_come_to_the_agent_of_another() {
    let Some(cluster) = Cluster::with_two_nodes() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    let agents = pods(&cluster, &installed.namespace, "fathom-node-agent");
    let [(one, first), (two, second)] = agents.as_slice() else { panic!("{agents:?}") };
    assert_eq!((one.as_str(), two.as_str()), ("node1", "node2"));
    let (_, server) = pods(&cluster, &installed.namespace, "fathom-server").remove(0);
    for target in ["deploy/near", "deploy/far"] {
        let got = installed.run(&[target], &["true"]);
        assert_eq!(got.status, 0, "{target}: {got:?}");
    }
    let nodes: Vec<_> = installed.record("admin", "ended").into_iter().map(|line| line["node"].clone()).collect();
    assert_eq!(nodes, ["node1", "node1", "node1", "node2", "node2", "node2"]);

    // Whoever speaks with the agent of the first node now waits in vain.
    let way = own(&cluster).between(&installed.namespace, &server, first, link::AGENT_PORT);
    way.fall_silent();
    let got = installed.run(&["deploy/near"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("the agent on node1"), "{got:?}");
    let got = installed.run(&["deploy/far"], &["true"]);
    assert_eq!(got.status, 0, "{got:?}");
    way.speak_again();

    // The certificate of the first node's agent is none for the second node.
    let processes = own(&cluster).processes(&installed.namespace, first);
    let agent = processes.iter().find(|(_, words)| words.get(1).is_some_and(|word| word == "agent"));
    let place = format!("/proc/{}/root/run/fathom-keys/credentials.json", agent.expect("it runs").0);
    let kept: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place).expect("it has enrolled")).expect("it is JSON");
    let text = |name: &str| kept[name].as_str().expect("it is text");
    let pem = (text("certificate"), text("key"));
    let impostor = own(&cluster).impersonate(&installed.namespace, &server, second, link::AGENT_PORT, pem);
    let got = installed.run(&["deploy/far"], &["true"]);
    assert!(got.status == 5 && got.stderr.contains("the agent on node2"), "{got:?}");
    assert!(impostor.met().0 > 0 && impostor.met().1 == 0, "{:?}: {got:?}", impostor.met());
    let got = installed.run(&["deploy/near"], &["true"]);
    assert_eq!(got.status, 0, "{got:?}");
}
