//! `fathom why` with what only nodes can tell: services that are tried from a pod's own network, and facts of a node,
//! both by an agent that comes for it.

use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use fathom_testkit::Scratch;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

use crate::installation::Installation;
use crate::support::{Cluster, Ended, ended, role, within};

/// A pod that serves, one that asks, and services of one and the same pod: one right, one to where nobody listens, one
/// whose address leads nowhere here, since nobody translates ports in a cluster of the test's own. They ask nobody for
/// names: a cluster need not have a server for them.
const SHOP: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: api-0, labels: {app: api}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: api, image: "busybox:1.35", command: [sh, -c, ": > /etc/resolv.conf; exec httpd -f -p 8080"], imagePullPolicy: IfNotPresent}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: client, image: "busybox:1.35", command: [sh, -c, ": > /etc/resolv.conf; exec sleep 100000"], imagePullPolicy: IfNotPresent}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 8080, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: deaf}
spec: {selector: {app: api}, ports: [{port: 9, targetPort: 9}]}
---
apiVersion: v1
kind: Service
metadata: {name: lost}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}
"#;

fn shop() -> Option<Cluster> {
    let cluster = Cluster::bare()?;
    cluster.apply(SHOP);
    for pod in ["pod/api-0", "pod/client"] {
        cluster.until(pod, "{.status.conditions[?(@.type==\"Ready\")].status}", "True");
    }
    for service in ["svc/api", "svc/deaf", "svc/lost"] {
        let address = "-o=jsonpath={.spec.clusterIP}";
        let look = || cluster.kubectl(&["-n", &cluster.namespace, "get", service, address]);
        assert!(within(Duration::from_secs(60), || !look().is_empty()), "{service} has no address");
    }
    for (service, port) in [("api", 8080), ("deaf", 9), ("lost", 8080)] {
        cluster.slice(service, port);
    }
    Some(cluster)
}

impl Cluster {
    /// What a cluster writes of a service by itself, and the test's own does not.
    fn slice(&self, service: &str, port: u16) {
        if self.own.is_none() {
            let endpoints = "-o=jsonpath={.items[*].endpoints[*].addresses}";
            let label = format!("kubernetes.io/service-name={service}");
            let words = ["-n", &self.namespace, "get", "endpointslices", "-l", &label, endpoints];
            assert!(within(Duration::from_secs(60), || !self.kubectl(&words).is_empty()), "{service} has no endpoints");
            return;
        }
        let of = |part: &str| {
            let path = format!("-o=jsonpath={part}");
            self.kubectl(&["-n", &self.namespace, "get", "pod", "api-0", &path])
        };
        let endpoint = json!({"addresses": [of("{.status.podIP}")], "nodeName": of("{.spec.nodeName}"),
            "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "api-0", "namespace": self.namespace}});
        let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
            "endpoints": [endpoint], "ports": [{"port": port, "protocol": "TCP"}]});
        self.apply(&slice.to_string());
    }

    /// `fathom why` with an agent in this test's own namespace.
    fn why(&self, words: &[&str]) -> Ended {
        let mut command = self.command(env!("CARGO_BIN_EXE_fathom"));
        command.args(["why", "--namespace", &self.namespace, "--agent-namespace", &self.namespace, "--grace", "3s"]);
        if let Some(image) = self.agent_image() {
            command.arg("--agent-image").arg(image);
        }
        // Another test's server may come and go in a cluster that is shared.
        if !words.contains(&"--installed") {
            command.arg("--agentless");
        }
        ended(command.args(["-o", "json"]).args(words).output().expect("fathom runs"))
    }

    /// Codes and objects of what it finds; objects without the namespace of the test.
    #[track_caller]
    fn found(&self, words: &[&str]) -> Vec<String> {
        let got = self.why(words);
        let findings = answer(&got)["findings"].as_array().cloned().unwrap_or_default();
        let said = |one: &Value| {
            let object = one["object"].as_str().unwrap_or_default().replace(&format!("/{}/", self.namespace), "/");
            format!("{} {object}", one["code"].as_str().unwrap_or_default())
        };
        assert_eq!(got.status, i32::from(!findings.is_empty()), "{got:?}");
        assert!(!got.stdout.contains("try connections from"), "{words:?}: {got:?}");
        findings.iter().map(said).collect()
    }

    /// The process of a pod's container, in the cluster of the test's own.
    fn pid(&self, pod: &str) -> Option<u32> {
        self.own.as_ref()?.processes(&self.namespace, pod).first().map(|(pid, _)| *pid)
    }

    /// A rule of a pod's own network.
    fn rule(&self, pod: u32, words: &[&str]) {
        let mut command = Command::new("nsenter");
        let status = command.args(["--net", "--target", &pod.to_string(), "iptables"]).args(words).status();
        assert!(status.expect("iptables runs").success(), "{words:?}");
    }
}

#[track_caller]
fn answer(got: &Ended) -> Value {
    serde_json::from_str(&got.stdout).unwrap_or_else(|error| panic!("{error}: {got:?}"))
}

#[test]
fn a_service_is_tried_from_a_pod_beside_it_and_nothing_stays() {
    let Some(cluster) = shop() else { return };
    assert_eq!(cluster.found(&["svc/api", "--probe"]), [""; 0], "it is reached");
    assert_eq!(cluster.found(&["svc/deaf", "--probe"]), ["svc.targetport-not-listening Service/deaf"]);
    assert_eq!(cluster.found(&["svc/deaf"]), [""; 0], "without a probe nobody knows");
    assert_eq!(cluster.found(&["pod/client", "--probe=api:8080"]), [""; 0]);
    assert_eq!(cluster.found(&["pod/client", "--probe=deaf:9"]), ["svc.targetport-not-listening Service/deaf"]);
    if cluster.own.is_some() {
        assert_eq!(cluster.found(&["svc/lost", "--probe"]), ["net.kube-proxy-stale Service/lost"]);
    }
    assert_eq!(cluster.sessions(&["-o", "name"]), "");
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}

#[test]
fn what_was_tried_is_kept_with_who_tried_it() {
    let Some(cluster) = shop() else { return };
    let folder = Scratch::new("tried");
    let file = folder.join("state.tar.zst").to_string_lossy().into_owned();
    let got = cluster.why(&["svc/deaf", "--probe", "--save", &file]);
    let proofs = answer(&got)["findings"][0]["proofs"].to_string();
    assert!(proofs.contains(&format!("Probe/{}/client tcp/", cluster.namespace)), "{proofs}");
    let words = ["why", "svc/deaf", "-n", &cluster.namespace, "--from", &file, "-o", "json"];
    let again = cluster.command(env!("CARGO_BIN_EXE_fathom")).args(words).output();
    let again = answer(&ended(again.expect("fathom runs")));
    assert_eq!(again["findings"][0]["code"], "svc.targetport-not-listening", "{again:#}");
    assert_eq!(again["findings"][0]["proofs"].to_string(), proofs);
    // Another pod, if somebody says so.
    let got = cluster.why(&["svc/deaf", "--probe", "--probe-from", "pod/api-0"]);
    let proofs = answer(&got)["findings"][0]["proofs"].to_string();
    assert!(proofs.contains(&format!("Probe/{}/api-0 tcp/", cluster.namespace)), "{proofs}");
    for (words, status, why) in [
        (["svc/deaf", "--probe", "--probe-from", "pod/nobody"], 3, "there is no pod `nobody`"),
        (["svc/deaf", "--probe", "--probe-from", "deploy/api"], 2, "only from a pod"),
        (["svc/deaf", "--probe=9", "--probe-from", "pod/client"], 2, "no host with a port"),
        (["ns/default", "--probe", "--probe-from", "pod/client"], 2, "--probe tries"),
        (["host", "--probe", "--probe-from", "pod/client"], 2, "is for a cluster"),
    ] {
        let got = cluster.why(&words);
        assert!(got.status == status && got.stderr.contains(why), "{words:?}: {got:?}");
    }
}

#[test]
fn what_is_dropped_is_told_from_what_a_policy_keeps() {
    let Some(cluster) = shop() else { return };
    let Some(pid) = cluster.pid("api-0") else { return };
    let client = cluster.kubectl(&["-n", &cluster.namespace, "get", "pod", "client", "-o=jsonpath={.status.podIP}"]);
    cluster.rule(pid, &["-A", "INPUT", "-s", &client, "-j", "DROP"]);
    assert_eq!(cluster.found(&["svc/api", "--probe"]), ["net.dropped Pod/client"]);
    cluster.apply(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed}\n\
         spec: {podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress]}\n",
    );
    let from = ["--probe-from", "pod/client"];
    let denied = ["net.netpol-ingress-deny NetworkPolicy/closed"];
    assert_eq!(cluster.found(&[&["svc/api", "--probe"], &from[..]].concat()), denied);
    cluster.rule(pid, &["-F", "INPUT"]);
    let open = ["net.netpol-unenforced NetworkPolicy/closed"];
    assert_eq!(cluster.found(&[&["svc/api", "--probe"], &from[..]].concat()), open);
}

#[test]
fn names_are_asked_for_as_the_pod_would() {
    let Some(cluster) = shop() else { return };
    let (Some(pid), Some(client)) = (cluster.pid("api-0"), cluster.pid("client")) else { return };
    let server = cluster.kubectl(&["-n", &cluster.namespace, "get", "pod", "api-0", "-o=jsonpath={.status.podIP}"]);
    let resolver = format!("/proc/{client}/root/etc/resolv.conf");
    std::fs::write(&resolver, format!("nameserver {server}\nsearch shop.test\noptions ndots:2\n")).expect("it is ours");
    assert_eq!(cluster.found(&["pod/client", "--probe=db:5432"]), ["dns.no-server Pod/client"], "nobody serves names");

    let network = std::fs::File::open(format!("/proc/{pid}/ns/net")).expect("it lives");
    let (put, take) = mpsc::channel();
    std::thread::spawn(move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may join a network");
        let socket = UdpSocket::bind("0.0.0.0:53").expect("the port is free");
        put.send(()).expect("the test waits");
        let mut question = [0; 512];
        // That there is no such name.
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let mut answer = question[..length].to_vec();
            (answer[2], answer[3]) = (0x81, 0x83);
            let _ = socket.send_to(&answer, from);
        }
    });
    take.recv().expect("it begins");
    let got = cluster.why(&["pod/client", "--probe=db:5432"]);
    let said = answer(&got);
    assert_eq!(said["findings"][0]["code"], "dns.name-unknown", "{said:#}");
    let proofs = said["findings"][0]["proofs"].to_string();
    for name in ["db.shop.test", "/db#"] {
        assert!(proofs.contains(name), "{name}: {proofs}");
    }
}

#[test]
fn who_may_only_read_is_told_what_was_not_tried() {
    let Some(cluster) = shop() else { return };
    let all = r#"{apiGroups: ["*"], resources: ["*"], verbs: [get, list]}"#;
    cluster.apply_anywhere(&role("reader", &cluster.namespace, all));
    for words in [["svc/api", "--probe"], ["pod/client", "--node-facts"]] {
        let got = cluster.why(&[&words[..], &["--as", "reader"]].concat());
        let unknown = answer(&got)["unknown"].to_string();
        let what = if words[1] == "--probe" { "try connections from pod" } else { "read the node" };
        assert!(unknown.contains(what) && unknown.contains("jobs"), "{unknown}: {got:?}");
    }
    assert_eq!(cluster.agents(), 0);
}

#[test]
fn through_a_server_it_is_by_the_rights_to_enter() {
    let Some(cluster) = shop() else { return };
    let installed = Installation::in_cluster(&cluster, None);
    let all = r#"{apiGroups: ["*"], resources: ["*"], verbs: [get, list]}"#;
    cluster.apply_anywhere(&role("ann", &cluster.namespace, all));
    cluster.apply_anywhere(&role("bob", &cluster.namespace, all));
    // Tries need no more than an ordinary user's rights in the pod.
    installed.bind("ann", "fathom-enter-restricted");
    let got = cluster.why(&["svc/deaf", "--probe", "--installed", "--as", "ann"]);
    assert_eq!(answer(&got)["findings"][0]["code"], "svc.targetport-not-listening", "{got:?}");
    let got = cluster.why(&["svc/deaf", "--probe", "--installed", "--as", "bob"]);
    let said = answer(&got);
    assert!(said["unknown"].to_string().contains("pods/enter"), "{said:#}");
    assert_eq!(cluster.agents(), 0, "what was denied was tried another way");
}

#[test]
fn a_node_tells_what_no_api_does() {
    let Some(cluster) = shop() else { return };
    let node = cluster.kubectl(&["get", "pod", "client", "-n", &cluster.namespace, "-o=jsonpath={.spec.nodeName}"]);
    let target = format!("node/{node}");
    let folder = Scratch::new("facts");
    let file = folder.join("state.tar.zst").to_string_lossy().into_owned();
    let got = cluster.why(&[&target, "--node-facts", "--save", &file]);
    let plain = answer(&cluster.why(&[&target]))["lookedAt"]["objects"].as_u64().unwrap_or_default();
    let facts = answer(&got)["lookedAt"]["objects"].as_u64().unwrap_or_default();
    assert!(facts > plain + 10, "{plain} objects, with facts {facts}: {got:?}");
    let again = cluster.command(env!("CARGO_BIN_EXE_fathom")).args(["why", "--from", &file, "-o", "json"]).output();
    assert_eq!(answer(&ended(again.expect("fathom runs")))["lookedAt"]["objects"].as_u64(), Some(facts));
    // Of a node that is whole its own files were read, wherever the agent has them; the test's own has only some.
    let kept = Command::new("tar").args(["--zstd", "-xOf", &file]).output().expect("tar runs").stdout;
    let kept = String::from_utf8_lossy(&kept);
    assert!(kept.contains(r#""name":"/proc/loadavg""#), "{got:?}");
    assert!(cluster.own.is_some() || !kept.contains(r#""name":"/host"#), "{got:?}");

    // What a container suffers from is said of its pod.
    let Some(pid) = cluster.pid("api-0") else { return };
    let cgroups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it lives");
    let path = |wanted: &str| {
        let mut lines = cgroups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let own = |own: &str| own.split(',').any(|one| one == wanted);
        lines.find(|(controllers, _)| own(controllers)).map(|(_, path)| path.trim_start_matches('/').to_owned())
    };
    let old = path("cpu").map(|path| std::path::Path::new("/sys/fs/cgroup/cpu").join(path).join("cpu.cfs_quota_us"));
    match old.filter(|file| file.exists()) {
        Some(file) => std::fs::write(file, "2000"),
        None => std::fs::write(
            std::path::Path::new("/sys/fs/cgroup").join(path("").expect("version 2")).join("cpu.max"),
            "2000 100000",
        ),
    }
    .expect("a cgroup of ours can be written to");
    let mut busy = cluster.spawn(&["pod/api-0", "--cgroup", "target"], &["sh", "-c", "while :; do :; done"]);
    let throttled = || cluster.found(&["pod/api-0", "--node-facts"]) == ["perf.cpu-throttled Pod/api-0"];
    assert!(within(Duration::from_secs(60), throttled), "{:?}", cluster.why(&["pod/api-0", "--node-facts"]));
    busy.kill().expect("it is ours");
    busy.wait().expect("it is ours");
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}
