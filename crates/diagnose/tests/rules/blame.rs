//! Where several could be blamed, the right one is.

use fathom_diagnose::{Question, diagnose};

use crate::fixture::Fixture;

fn roots(documents: &[&str]) -> Vec<String> {
    let report = diagnose(&Fixture::parse(&documents.join("\n---\n")).snapshot(), &Question::Everything);
    let open = report.unexplained.iter().map(|one| format!("unexplained {}", one.object));
    report.findings.iter().map(|one| format!("{} {}", one.code, one.object)).chain(open).collect()
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

const GONE: &str = "kind: Node
metadata: {name: n1}
status:
  conditions: [{type: Ready, status: 'Unknown', reason: NodeStatusUnknown, lastTransitionTime: '2026-03-01T11:40:00Z'}]";

/// A pod of a Deployment with the volume, on this node.
fn mounts(name: &str, node: &str, meta: &str, status: &str) -> String {
    format!(
        "kind: Pod
metadata:
  name: {name}
  namespace: shop
  uid: {name}
  creationTimestamp: '2026-03-01T11:30:00Z'
  ownerReferences: [{{kind: ReplicaSet, name: db, uid: r, controller: true}}]
  {meta}
spec:
  nodeName: {node}
  containers: [{{name: app, image: 'db:1'}}]
  volumes: [{{name: d, persistentVolumeClaim: {{claimName: data}}}}]
status: {status}"
    )
}

#[test]
fn a_volume_that_a_lost_node_holds_is_the_nodes() {
    let refused = "kind: Event
metadata: {name: e, namespace: shop}
involvedObject: {kind: Pod, namespace: shop, name: new}
type: Warning
reason: FailedAttachVolume
message: Multi-Attach error for volume \"pv1\" Volume is already used by pod(s) old
lastTimestamp: '2026-03-01T11:59:50Z'";
    let runs = "{phase: Running, containerStatuses: [{name: app, ready: true, state: {running: {}}}]}";
    let waits = "{phase: Pending, conditions: [{type: PodScheduled, status: 'True'}], \
                 containerStatuses: [{name: app, ready: false, state: {waiting: {reason: ContainerCreating}}}]}";
    let old = mounts("old", "n1", "deletionTimestamp: '2026-03-01T11:45:00Z'", runs);
    let (new, home) = (mounts("new", "n2", "", waits), node("n2", "{}"));
    assert_eq!(roots(&[GONE, &home, CLAIM, VOLUME, &old, &new, refused]), ["node.kubelet-down Node//n1"]);
    let (old, well) = (mounts("old", "n1", "", runs), node("n1", "{}"));
    let said = roots(&[&well, &home, CLAIM, VOLUME, &old, &new, refused]);
    assert_eq!(said, ["vol.multi-attach ReplicaSet/shop/db"], "it lives, and does not let go");
}

/// A pod of a network's agent whose image is not there, with what it mounts of the node.
fn agent(name: &str, mounts: &str) -> String {
    format!(
        "kind: Pod
metadata:
  name: {name}-x
  namespace: net
  uid: {name}
  creationTimestamp: '2026-03-01T11:30:00Z'
  ownerReferences: [{{kind: DaemonSet, name: {name}, uid: d, controller: true}}]
spec:
  nodeName: n1
  hostNetwork: true
  containers: [{{name: agent, image: 'net:9'}}]
  volumes: [{{name: cni, hostPath: {{path: {mounts}}}}}]
status:
  phase: Pending
  conditions: [{{type: PodScheduled, status: 'True'}}]
  containerStatuses: [{{name: agent, ready: false, state: {{waiting: {{reason: ImagePullBackOff,
    message: 'Back-off pulling image \"net:9\": failed to resolve reference \"net:9\": net:9: not found'}}}}}}]"
    )
}

#[test]
fn a_node_has_no_network_because_of_what_ails_its_agent() {
    let unready = "kind: Node
metadata: {name: n1}
status:
  conditions: [{type: Ready, status: 'False', reason: KubeletNotReady, lastTransitionTime: '2026-03-01T11:40:00Z',
    message: 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized'}]";
    let waits = pod("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.");
    let none = roots(&[unready, &waits]);
    assert_eq!(none, ["cni.not-installed Node//n1"], "the node is not also unexplained");
    // By what it mounts, whatever it is called.
    let own = roots(&[unready, &waits, &agent("our-network", "/etc/cni/net.d")]);
    assert_eq!(own, ["img.not-found DaemonSet/net/our-network"]);
    // By its name, and of what it says itself: a cloud does not let it.
    let waiting = "waiting: {reason: ImagePullBackOff,";
    let (begin, _) =
        agent("aws-node", "/var/log").split_once(waiting).map(|(a, b)| (a.to_owned(), b.to_owned())).expect("it waits");
    let crashing = format!(
        "{begin}waiting: {{reason: CrashLoopBackOff}}}}, restartCount: 5,
    lastState: {{terminated: {{exitCode: 1, reason: Error, finishedAt: '2026-03-01T11:59:00Z'}}}}}}]"
    );
    let said = |line: &str| {
        let log =
            format!("kind: Log\nnamespace: net\npod: aws-node-x\ncontainer: agent\nprevious: true\nlines: ['{line}']");
        roots(&[unready, &waits, &crashing, &log])
    };
    let denied = said("UnauthorizedOperation: You are not authorized to perform this operation");
    assert_eq!(denied, ["crash.app.auth-failed DaemonSet/net/aws-node"]);
    let mut other = roots(&[unready, &waits, &agent("logs", "/var/log")]);
    other.sort();
    assert_eq!(other, ["cni.not-installed Node//n1", "img.not-found DaemonSet/net/logs"]);
}

#[test]
fn a_job_has_failed_because_of_what_its_pod_said() {
    let job = "kind: Job
metadata: {name: load, namespace: shop, uid: j}
spec: {backoffLimit: 0}
status: {failed: 1, conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded}]}";
    let pod = "kind: Pod
metadata:
  name: load-0
  namespace: shop
  creationTimestamp: '2026-03-01T11:50:00Z'
  ownerReferences: [{kind: Job, name: load, uid: j, controller: true}]
spec: {nodeName: n1, containers: [{name: app, image: 'load:1'}]}
status:
  phase: Failed
  containerStatuses: [{name: app, ready: false, state: {terminated: {exitCode: 2, reason: Error}}}]";
    let log = "kind: Log
namespace: shop
pod: load-0
container: app
lines: ['load: error: unrecognized arguments: --dst']";
    assert_eq!(roots(&[&node("n1", "{}"), job, pod, log]), ["crash.app.bad-config Job/shop/load"]);
}
