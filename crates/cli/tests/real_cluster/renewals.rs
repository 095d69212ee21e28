//! Certificates that change while sessions run.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout};
use std::sync::Arc;
use std::time::Duration;

use fathom_protocol::link;
use fathom_testkit::kubernetes::{Authority, Kubernetes};
use serde_json::Value;

use crate::installation::Installation;
use crate::support::{Cluster, within};

/// A session that says again what it hears.
struct Echo {
    session: Child,
    output: BufReader<ChildStdout>,
}

impl Echo {
    fn begin(cluster: &Cluster) -> Self {
        let mut session = cluster.spawn(&["deploy/web", "--installed"], &["cat"]);
        let output = BufReader::new(session.stdout.take().expect("a pipe"));
        let mut echo = Echo { session, output };
        echo.answers("first");
        echo
    }

    #[track_caller]
    fn answers(&mut self, word: &str) {
        writeln!(self.session.stdin.as_mut().expect("a pipe"), "{word}").expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a pipe");
        assert_eq!(line, format!("{word}\n"), "the session has not outlived it");
    }

    fn end(mut self) {
        drop(self.session.stdin.take());
        assert!(self.session.wait().expect("it is ours").success());
    }
}

fn own(cluster: &Cluster) -> &Kubernetes {
    cluster.own.as_ref().expect("it was asked for")
}

/// The one pod of ours with this name on its label.
fn pod(installed: &Installation<'_>, name: &str) -> String {
    let pods = own(installed.cluster).list("", "pods", &installed.namespace);
    let meant = pods.iter().find(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == name);
    meant.and_then(|pod| pod["metadata"]["name"].as_str()).expect("it runs").to_owned()
}

/// Certificate and key that the agent has now, as one who owns its node could take them.
fn stolen(installed: &Installation<'_>) -> (String, String) {
    let processes = own(installed.cluster).processes(&installed.namespace, &pod(installed, "fathom-node-agent"));
    let agent = processes.iter().find(|(_, words)| words.get(1).is_some_and(|word| word == "agent"));
    let (pid, _) = agent.expect("it runs");
    let kept = std::fs::read(format!("/proc/{pid}/root/run/fathom-keys/credentials.json")).expect("it has enrolled");
    let kept: Value = serde_json::from_slice(&kept).expect("it is JSON");
    let text = |name: &str| kept[name].as_str().expect("it is text").to_owned();
    (text("certificate"), text("key"))
}

#[test]
fn an_agent_renews_its_certificate_while_sessions_run_and_the_old_one_is_nobody_s() {
    let Some(cluster) = Cluster::with_shop().filter(|cluster| cluster.own.is_some()) else { return };
    let installed = Installation::with_server_words(&cluster, None, &["--certificate-life=9s"]);
    let mut echo = Echo::begin(&cluster);
    let mut seen = BTreeSet::from([stolen(&installed)]);
    let first = stolen(&installed);
    let renewed = || {
        // All the while, sessions begin.
        let got = installed.run(&["deploy/web"], &["true"]);
        assert_eq!(got.status, 0, "after {} certificates: {got:?}", seen.len());
        echo.answers("again");
        seen.insert(stolen(&installed));
        seen.len() >= 3
    };
    assert!(within(Duration::from_secs(60), renewed), "it does not renew: {}", installed.log());
    let agent = pod(&installed, "fathom-node-agent");
    let lines: Vec<Value> = installed.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.iter().filter(|line| line["event"] == "enrolled").count() >= 3, "{lines:?}");

    let server = pod(&installed, "fathom-server");
    let (certificate, key) = &first;
    let impostor =
        own(&cluster).impersonate(&installed.namespace, &server, &agent, link::AGENT_PORT, (certificate, key));
    let got = installed.run(&["deploy/web"], &["true"]);
    assert_eq!(got.status, 5, "{got:?}");
    assert!(impostor.met().0 > 0 && impostor.met().1 == 0, "{:?}: {got:?}", impostor.met());
    echo.answers("still");
    echo.end();
}

/// As when the authority of a cluster's front proxy is replaced: both are believed for a while, then the new one alone.
#[test]
fn a_server_that_runs_believes_the_api_server_by_its_new_certificates_and_no_more_by_the_old_ones() {
    let Some(cluster) = Cluster::with_shop().filter(|cluster| cluster.own.is_some()) else { return };
    let installed = Installation::in_cluster(&cluster, None);
    let own = own(&cluster);
    let (old, new) = (own.front_proxy(), Arc::new(Authority::new("front-proxy-ca-2")));
    let mut echo = Echo::begin(&cluster);
    // The server looks every half minute.
    let soon = Duration::from_secs(60);
    let enters = || installed.run(&["deploy/web"], &["true"]).status == 0;

    own.use_front_proxy(new.clone());
    assert!(!enters(), "a stranger is believed");
    own.trust_front_proxies(&[&old, &new]);
    assert!(within(soon, enters), "the new one is not believed: {}", installed.log());
    own.use_front_proxy(old.clone());
    assert!(enters(), "the old one is no more believed, though it may be");

    own.trust_front_proxies(&[&new]);
    assert!(within(soon, || !enters()), "the old one is believed for ever");
    own.use_front_proxy(new);
    assert!(enters(), "the new one is believed no more: {}", installed.log());
    echo.answers("still");
    echo.end();
}
