//! Where several could be blamed, the right one is.

use fathom_diagnose::{Question, diagnose};

use crate::fixture::Fixture;

fn roots(documents: &[&str]) -> Vec<String> {
    let report = diagnose(&Fixture::parse(&documents.join("\n---\n")).snapshot(), &Question::Everything);
    report.findings.iter().map(|one| format!("{} {}", one.code, one.object)).collect()
}

fn node(name: &str, spec: &str) -> String {
    format!(
        "kind: Node
metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}
spec: {spec}
status:
  allocatable: {{cpu: '4', memory: 8Gi, pods: '110'}}
  conditions: [{{type: Ready, status: 'True'}}]"
    )
}

const CLAIM: &str = "kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {volumeName: pv1}
status: {phase: Bound}";

const VOLUME: &str = "kind: PersistentVolume
metadata: {name: pv1}
spec:
  claimRef: {name: data, namespace: shop}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [n1]}]}]}}
status: {phase: Bound}";

fn pod(message: &str) -> String {
    format!(
        "kind: Pod
metadata: {{name: db-0, namespace: shop, uid: u1, creationTimestamp: '2026-03-01T11:50:00Z'}}
spec:
  containers: [{{name: app, image: 'db:1'}}]
  volumes: [{{name: d, persistentVolumeClaim: {{claimName: data}}}}]
status:
  phase: Pending
  conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: '{message}'}}]"
    )
}

#[test]
fn a_volume_is_well_where_only_its_node_takes_nobody() {
    for (own, says, expected) in [
        (
            "{unschedulable: true}",
            "0/2 nodes are available: 1 node(s) had volume node affinity conflict, 1 node(s) were unschedulable.",
            "sched.node-cordoned Node//n1",
        ),
        (
            "{taints: [{key: dedicated, value: gpu, effect: NoSchedule}]}",
            "0/2 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}, 1 node(s) had volume node affinity conflict.",
            "sched.untolerated-taint Pod/shop/db-0",
        ),
    ] {
        let (home, other) = (node("n1", own), node("n2", "{}"));
        assert_eq!(roots(&[&home, &other, CLAIM, VOLUME, &pod(says)]), [expected], "{own}");
    }
    let says = "0/1 nodes are available: 1 node(s) had volume node affinity conflict.";
    let gone = roots(&[&node("n2", "{}"), CLAIM, VOLUME, &pod(says)]);
    assert_eq!(gone, ["sched.volume-node-affinity Pod/shop/db-0"], "nobody has it any more");
}
