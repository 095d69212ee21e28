//! A bad network on each leg of the way through a server: from a laptop to the API server, from there to our server, and
//! from that to a node's agent.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use fathom_testkit::kubernetes::{Kubernetes, Proxy};

use crate::installation::Installation;
use crate::support::{Cluster, Ended, ended, within};

/// Which part of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leg {
    /// From the client to the API server.
    Laptop,
    /// From the API server to ours.
    Front,
    /// From our server to the agent.
    Node,
}

const LEGS: [Leg; 3] = [Leg::Laptop, Leg::Front, Leg::Node];

/// How long until somebody who hears nothing says so, and ends what there was.
const BOUND: Duration = Duration::from_secs(25);

/// Tells a story for each leg in turn; after it, the network is as good as before.
fn on_each_leg(story: impl Fn(&Road<'_>, &Proxy)) {
    let Some(cluster) = Cluster::with_shop().filter(|cluster| cluster.own.is_some()) else { return };
    let installed = Installation::in_cluster(&cluster, None);
    for leg in LEGS {
        let own = cluster.own.as_ref().expect("it was asked for");
        let server = pod(own, &installed.namespace, "fathom-server");
        let agent = pod(own, &installed.namespace, "fathom-node-agent");
        let proxy = match leg {
            Leg::Laptop => Proxy::new(own.address()),
            Leg::Front => own.before(&installed.namespace, &server, 8443),
            Leg::Node => own.between(&installed.namespace, &server, &agent, fathom_protocol::link::AGENT_PORT),
        };
        let mark = format!("{}{}", std::process::id(), leg as u8);
        let road = Road { leg, cluster: &cluster, bad: laptop(own, leg, &proxy), mark };
        story(&road, &proxy);
        proxy.delay(Duration::ZERO);
        proxy.crumble(64 << 10);
        proxy.speak_again();
        let got = installed.run(&["deploy/web"], &["true"]);
        assert_eq!(got.status, 0, "after {leg:?}: {got:?}");
        own.straighten();
    }
}

fn pod(own: &Kubernetes, namespace: &str, name: &str) -> String {
    let pods = own.list("", "pods", namespace);
    let meant = pods.iter().find(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == name);
    meant.and_then(|pod| pod["metadata"]["name"].as_str()).expect("it runs").to_owned()
}

/// The kubeconfig of somebody behind the proxy, where that is between them and the API server.
fn laptop(own: &Kubernetes, leg: Leg, proxy: &Proxy) -> std::path::PathBuf {
    match leg {
        Leg::Laptop => own.kubeconfig_at(&proxy.url(), "admin", &["system:masters"]),
        Leg::Front | Leg::Node => own.kubeconfig(),
    }
}

/// One leg, and a client whose way leads over it.
struct Road<'a> {
    leg: Leg,
    cluster: &'a Cluster,
    bad: std::path::PathBuf,
    /// Nobody else on this machine sleeps for so long.
    mark: String,
}

impl Road<'_> {
    fn enter(&self, script: &str) -> std::process::Child {
        use std::process::Stdio;
        let mut enter = self.cluster.enter(&["deploy/web", "--installed", "--", "sh", "-c", script]);
        enter.env("KUBECONFIG", &self.bad).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        enter.spawn().expect("fathom starts")
    }

    /// A session that has begun, and sleeps.
    fn begin(&self) -> std::process::Child {
        let mut session = self.enter(&format!("echo here; sleep {}", self.mark));
        let mut word = [0; 5];
        session.stdout.as_mut().expect("a pipe").read_exact(&mut word).expect("it starts");
        session
    }

    /// Its client has been told, and it ends on its node too.
    #[track_caller]
    fn is_over(&self, got: &Ended) {
        let leg = self.leg;
        let told = ["cut off", "not been heard", "not heard for a while"].iter().any(|why| got.stderr.contains(why));
        assert!(got.status == 5 && told, "{leg:?}: {got:?}");
        let sleeps = || {
            let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
            let words = all.map(|entry| std::fs::read(entry.path().join("cmdline")).unwrap_or_default());
            words.into_iter().any(|words| words.split(|byte| *byte == 0).any(|word| word == self.mark.as_bytes()))
        };
        assert!(within(BOUND, || !sleeps()), "{leg:?}: the session goes on");
    }
}

#[test]
fn each_leg_may_be_slow_and_break_everything_in_crumbs() {
    on_each_leg(|road, proxy| {
        proxy.delay(Duration::from_millis(1));
        proxy.crumble(301);
        let mut session = road.enter("cat; echo end >&2; exit 7");
        let sent: Vec<u8> = (0..100_000_u32).map(|number| ((number * 31) >> 3) as u8).collect();
        let mut input = session.stdin.take().expect("a pipe");
        let bytes = sent.clone();
        let writer = std::thread::spawn(move || input.write_all(&bytes));
        let got = session.wait_with_output().expect("it is ours");
        writer.join().expect("it does not panic").expect("the session reads");
        assert!(got.stdout == sent, "{:?}: {} of {} bytes", road.leg, got.stdout.len(), sent.len());
        let said = String::from_utf8_lossy(&got.stderr);
        assert!(got.status.code() == Some(7) && said.contains("end\n"), "{:?}: {said}", road.leg);
    });
}

#[test]
fn each_leg_may_fall_silent_and_both_sides_end() {
    on_each_leg(|road, proxy| {
        let session = road.begin();
        proxy.fall_silent();
        let silence = Instant::now();
        let got = ended(session.wait_with_output().expect("it is ours"));
        assert!(silence.elapsed() < BOUND, "{:?}: {:?}", road.leg, silence.elapsed());
        road.is_over(&got);
    });
}

#[test]
fn each_leg_may_break_and_both_sides_end() {
    on_each_leg(|road, proxy| {
        let session = road.begin();
        proxy.cut();
        let got = ended(session.wait_with_output().expect("it is ours"));
        road.is_over(&got);
    });
}

#[test]
fn a_leg_that_is_silent_from_the_start_is_told() {
    on_each_leg(|road, proxy| {
        proxy.fall_silent();
        let began = Instant::now();
        let got = ended(road.enter("true").wait_with_output().expect("it is ours"));
        let why = match road.leg {
            Leg::Laptop => "check that the cluster can be reached",
            Leg::Front => "the server of the cluster does not answer",
            Leg::Node => "it does not answer within 5s",
        };
        assert!(got.status == 5 && got.stderr.contains(why), "{:?}: {got:?}", road.leg);
        assert!(began.elapsed() < BOUND, "{:?}: {:?}", road.leg, began.elapsed());
    });
}
