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

#[test]
fn the_doctor_says_what_somebody_may_and_how_to_get_the_rest() {
    let Some(cluster) = Cluster::with_shop() else { return };
    let doctor = |words: &[&str]| {
        let mut command = cluster.command(env!("CARGO_BIN_EXE_fathom"));
        let namespace = cluster.namespace.as_str();
        command.args(["doctor", "--remote", "--agentless", "-n", namespace, "--agent-namespace", namespace]);
        ended(command.args(["-o", "json"]).args(words).output().expect("fathom runs"))
    };
    let rows = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    };
    let well = doctor(&[]);
    assert!(rows(&well.stdout).iter().all(|row| row["state"] != "blocks"), "{well:?}");
    assert!(well.stdout.contains("Kubernetes v"), "{well:?}");
    let nobody = doctor(&["--as", "jane"]);
    assert_eq!(nobody.status, 5, "{nobody:?}");
    let exec = format!("create pods/exec in the namespace {}", cluster.namespace);
    let rows_of_jane = rows(&nobody.stdout);
    let exec = rows_of_jane.iter().find(|row| row["name"] == exec.as_str()).expect("it was asked for");
    assert_eq!(exec["state"], "blocks");
    let rule = r#"grant apiGroups: [""], resources: ["pods/exec"], verbs: ["create"]"#;
    assert_eq!(exec["remedy"], rule);
    let level = "pod-security.kubernetes.io/enforce=baseline";
    cluster.kubectl(&["label", "namespace", &cluster.namespace, level]);
    let refused = doctor(&[]);
    assert!(refused.status == 5 && refused.stdout.contains("Pod Security level is baseline"), "{refused:?}");
}
