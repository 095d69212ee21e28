//! What the user is used to: settings, kubectl-debug's file.

use crate::support::{Cluster, ended};

#[test]
fn the_namespace_of_kubectl_debugs_agent_is_that_of_ours() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let home = fathom_testkit::Scratch::new("home");
    std::fs::create_dir(home.join(".kube")).expect("a scratch folder can be written to");
    let text = format!("agentPodNamespace: {}\nagentPort: 10027\n", cluster.namespace);
    std::fs::write(home.join(".kube/debug-config"), text).expect("a scratch folder can be written to");
    let mut command = cluster.command(env!("CARGO_BIN_EXE_fathom"));
    command.env("HOME", home.path()).env("FATHOM_NAMESPACE", &cluster.namespace).env("FATHOM_GRACE", "3s");
    if let Some(image) = std::env::var_os("FATHOM_E2E_AGENT_IMAGE") {
        command.env("FATHOM_AGENT_IMAGE", image);
    }
    let got = ended(command.args(["enter", "deploy/web", "--", "cat", "/proc/1/comm"]).output().expect("fathom runs"));
    assert_eq!((got.status, got.stdout.as_str()), (0, "httpd\n"), "{}", got.stderr);
    assert!(got.stderr.contains("taken over: agentPodNamespace as agent-namespace = "), "{}", got.stderr);
    assert!(cluster.agents() > 0, "no agent in {}", cluster.namespace);
}
