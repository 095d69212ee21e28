//! What kubectl offers for the next word of `kubectl fathom`: kubectl itself is asked, as a shell asks it.

use std::os::unix::fs::symlink;

use fathom_testkit::Scratch;

use crate::support::{Cluster, ended};

#[test]
fn kubectl_completes_what_is_in_the_cluster() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let folder = Scratch::new("plugins");
    for name in ["kubectl-fathom", "kubectl_complete-fathom"] {
        symlink(env!("CARGO_BIN_EXE_fathom"), folder.join(name)).expect("a scratch folder can be written to");
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let offered = |words: &[&str]| {
        let mut kubectl = cluster.command("kubectl");
        kubectl.env("PATH", &path).args(["__complete", "fathom"]).args(words);
        let got = ended(kubectl.output().expect("kubectl runs"));
        assert_eq!(got.status, 0, "{words:?}: {got:?}");
        got.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let namespace = cluster.namespace.as_str();
    let pods = cluster.kubectl(&["-n", namespace, "get", "pods", "-o", "name"]);
    let pod = pods.lines().next().expect("it runs");
    let name = pod.trim_start_matches("pod/");
    let node = cluster.kubectl(&["get", "nodes", "-o", "name"]).lines().next().expect("there is one").to_owned();
    let context = cluster.kubectl(&["config", "get-contexts", "-o", "name"]).trim().to_owned();
    let nodes_part = &node[..node.len() - 1];
    for (words, expect) in [
        (["enter", "-n", namespace, "pod/"].as_slice(), [pod, ":4"].as_slice()),
        (&["enter", "-n", namespace, "we"], &[name, ":4"]),
        (&["enter", "-n", namespace, "deploy/"], &["deploy/web", ":4"]),
        (&["enter", "-n", namespace, "svc/w"], &["svc/web", ":4"]),
        (&["enter", "-n", namespace, "deploy/web/"], &["deploy/web/web", "deploy/web/side", ":4"]),
        (&["enter", "-n", namespace, name, "-c", ""], &["web", "side", ":4"]),
        (&["enter", "-n", namespace, "svc/web", "-c", "s"], &["side", ":4"]),
        (&["enter", &format!("{namespace}/pod/")], &[&format!("{namespace}/{pod}"), ":4"]),
        (&["enter", "-n", namespace], &[namespace, ":4"]),
        (&["enter", nodes_part], &[&node, ":4"]),
        (&["sessions", "--agent-namespace", namespace], &[namespace, ":4"]),
        (&["enter", "-n", namespace, "-l", "app=w"], &["app=web", ":4"]),
        (&["enter", "--context", ""], &[&context, ":4"]),
        (&["sessions", "--context", &context[..1]], &[&context, ":4"]),
    ] {
        assert_eq!(offered(words), expect, "{words:?}");
    }
}
