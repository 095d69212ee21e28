//! `fathom why TARGET --from FILE`: targets as kubectl takes them, what has to do with each, and with which status it
//! ends where there is none.

use std::process::Command;

use fathom_testkit::Scratch;
use serde_json::Value;

/// Stdout, stderr and status.
fn why(arguments: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_fathom")).arg("why").args(arguments).output().expect("fathom runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1))
}

/// A cluster with a fault of its own for each target.
const STATE: &str = "\
kind: Lease
metadata: {name: n2, namespace: kube-node-lease, creationTimestamp: '2026-02-28T12:00:00Z'}
spec: {holderIdentity: n2, leaseDurationSeconds: 40, renewTime: '2026-03-01T12:00:00Z'}
---
kind: Lease
metadata: {name: n1, namespace: kube-node-lease, creationTimestamp: '2026-02-28T12:00:00Z'}
spec: {holderIdentity: n1, leaseDurationSeconds: 40, renewTime: '2026-03-01T11:50:30Z'}
---
kind: Node
metadata: {name: n1, creationTimestamp: '2026-02-28T12:00:00Z'}
status:
  conditions:
    - {type: Ready, status: Unknown, reason: NodeStatusUnknown, message: Kubelet stopped posting node status., lastTransitionTime: '2026-03-01T11:51:20Z'}
---
kind: Node
metadata: {name: n2, creationTimestamp: '2026-02-28T12:00:00Z'}
status: {conditions: [{type: Ready, status: 'True', lastTransitionTime: '2026-02-28T12:01:00Z'}]}
---
kind: Namespace
metadata: {name: shop, creationTimestamp: '2026-02-28T12:00:00Z'}
status: {phase: Active}
---
kind: Namespace
metadata: {name: bank, creationTimestamp: '2026-02-28T12:00:00Z'}
status: {phase: Active}
---
kind: Deployment
metadata: {name: web, namespace: shop, uid: d-web, creationTimestamp: '2026-03-01T11:00:00Z'}
spec: {replicas: 1, selector: {matchLabels: {app: web}}}
---
kind: ReplicaSet
metadata: {name: web-1, namespace: shop, uid: r-web, ownerReferences: [{kind: Deployment, name: web, uid: d-web, controller: true}]}
spec: {replicas: 1}
---
kind: Pod
metadata: {name: web-1-a, namespace: shop, labels: {app: web}, creationTimestamp: '2026-03-01T11:00:00Z', ownerReferences: [{kind: ReplicaSet, name: web-1, uid: r-web, controller: true}]}
spec: {nodeName: n1, containers: [{name: app, image: 'registry.example/web:1'}]}
status:
  phase: Running
  conditions: [{type: Ready, status: 'False', lastTransitionTime: '2026-03-01T11:51:20Z'}]
  containerStatuses: [{name: app, ready: true, restartCount: 0, state: {running: {startedAt: '2026-03-01T11:00:10Z'}}}]
---
kind: Deployment
metadata: {name: api, namespace: shop, uid: d-api, creationTimestamp: '2026-03-01T11:00:00Z'}
spec: {replicas: 1, selector: {matchLabels: {app: api}}}
---
kind: ReplicaSet
metadata: {name: api-1, namespace: shop, uid: r-api, ownerReferences: [{kind: Deployment, name: api, uid: d-api, controller: true}]}
spec: {replicas: 1}
---
kind: Pod
metadata: {name: api-1-a, namespace: shop, labels: {app: api}, creationTimestamp: '2026-03-01T11:00:00Z', ownerReferences: [{kind: ReplicaSet, name: api-1, uid: r-api, controller: true}]}
spec: {nodeName: n2, containers: [{name: app, image: 'registry.example/api:1', env: [{name: DB, value: 'db.bank:5432'}]}]}
status:
  phase: Running
  conditions: [{type: Ready, status: 'False', lastTransitionTime: '2026-03-01T11:51:20Z'}]
  containerStatuses:
    - name: app
      ready: false
      restartCount: 0
      state: {running: {startedAt: '2026-03-01T11:00:10Z'}}
---
kind: Service
metadata: {name: db, namespace: bank, creationTimestamp: '2026-02-28T12:00:00Z'}
spec: {clusterIP: 10.96.0.9, selector: {app: db}, ports: [{port: 5432}], type: ClusterIP}
---
kind: EndpointSlice
metadata: {name: db-x, namespace: bank, labels: {kubernetes.io/service-name: db}}
endpoints: []
---
kind: StatefulSet
metadata: {name: db, namespace: bank, uid: s-db, creationTimestamp: '2026-02-28T12:00:00Z'}
spec: {replicas: 1, serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}}}
---
kind: Pod
metadata: {name: db-0, namespace: bank, labels: {app: db}, creationTimestamp: '2026-03-01T11:00:00Z', ownerReferences: [{kind: StatefulSet, name: db, uid: s-db, controller: true}]}
spec: {nodeName: n2, containers: [{name: db, image: 'registry.example/db:9', envFrom: [{configMapRef: {name: settings}}]}]}
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: 'True', lastTransitionTime: '2026-03-01T11:00:00Z'}]
  containerStatuses: [{name: db, ready: false, restartCount: 0, state: {waiting: {reason: CreateContainerConfigError, message: 'configmap \"settings\" not found'}}}]
---
kind: ConfigMap
metadata: {name: other, namespace: bank}
---
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop, creationTimestamp: '2026-03-01T11:00:00Z'}
spec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
status: {phase: Pending}
---
kind: StorageClass
metadata: {name: slow}
provisioner: example.com/slow
---
kind: Job
metadata: {name: load, namespace: shop, creationTimestamp: '2026-03-01T11:50:00Z'}
status: {failed: 7, conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}]}
---
kind: IngressClass
metadata: {name: edge}
spec: {controller: example.com/edge}
---
kind: Ingress
metadata: {name: shop, namespace: shop, creationTimestamp: '2026-03-01T11:00:00Z'}
spec: {ingressClassName: egde, rules: []}
---
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io, creationTimestamp: '2026-02-28T12:00:00Z'}
spec: {group: metrics.k8s.io, service: {name: metrics-server, namespace: kube-system}}
status: {conditions: [{type: Available, status: 'False', reason: FailedDiscoveryCheck, message: no response, lastTransitionTime: '2026-03-01T11:50:00Z'}]}
";

fn state() -> (Scratch, String) {
    let folder = Scratch::new("targets");
    let logs = folder.join("logs/shop/api-1-a");
    std::fs::create_dir_all(&logs).expect("a scratch folder can be written to");
    std::fs::write(folder.join("state.yaml"), STATE).expect("a scratch folder can be written to");
    let line = "2026-03-01T11:59:58Z not ready: dial tcp 10.96.0.9:5432: connect: connection refused (db.bank)\n";
    std::fs::write(logs.join("app.log"), line).expect("a scratch folder can be written to");
    let path = folder.path().display().to_string();
    (folder, path)
}

/// The objects of which something is said: roots, and what no root explains.
fn objects(words: &[&str], path: &str) -> Vec<String> {
    let (said, complained, status) = why(&[words, &["--from", path, "-o", "json"]].concat());
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{words:?}: {complained}"));
    let list = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let all: Vec<String> = list("findings")
        .iter()
        .chain(&list("unexplained"))
        .map(|one| one["object"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(status, i32::from(!all.is_empty()), "{words:?}");
    all
}

#[test]
fn each_target_has_its_own_answer() {
    let (_folder, path) = state();
    let cases: [(&[&str], &str); 16] = [
        (&["pvc/data"], "PersistentVolumeClaim/shop/data"),
        (&["persistentvolumeclaims", "data"], "PersistentVolumeClaim/shop/data"),
        (&["job/load"], "Job/shop/load"),
        (&["jobs.batch/load", "-n", "shop"], "Job/shop/load"),
        (&["ing/shop"], "Ingress/shop/shop"),
        (&["ingress.networking.k8s.io/shop"], "Ingress/shop/shop"),
        (&["apiservice/v1beta1.metrics.k8s.io"], "APIService//v1beta1.metrics.k8s.io"),
        (&["node/n1"], "Node//n1"),
        (&["no", "n1"], "Node//n1"),
        // What is wrong with its node, or with what it calls in another namespace, is the cause.
        (&["deployment.apps/web"], "Node//n1"),
        (&["shop/deploy/web"], "Node//n1"),
        (&["pods/web-1-a", "-n", "shop"], "Node//n1"),
        (&["deployments/api", "-n", "shop"], "StatefulSet/bank/db"),
        (&["po/api-1-a"], "StatefulSet/bank/db"),
        (&["svc/db", "-A"], "StatefulSet/bank/db"),
        (&["sts", "db", "-n", "bank"], "StatefulSet/bank/db"),
    ];
    for (words, expect) in cases {
        let said = objects(words, &path);
        assert_eq!(said.first().map(String::as_str), Some(expect), "{words:?}: {said:?}");
    }
    for words in [&["ns/bank"][..], &["ns", "bank"], &["namespaces/bank"], &["-n", "bank"]] {
        assert_eq!(objects(words, &path).first().map(String::as_str), Some("StatefulSet/bank/db"), "{words:?}");
    }
    for words in [&["node/n2"][..], &["sc/slow"]] {
        assert_eq!(objects(words, &path), Vec::<String>::new(), "{words:?}");
    }
    let all = objects(&[], &path);
    for expect in cases.map(|(_, object)| object) {
        assert!(all.iter().any(|one| one == expect), "{expect}: {all:?}");
    }
}

#[test]
fn a_target_that_is_not_there_says_so() {
    let (_folder, path) = state();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["deploy/webb"], 3, "there is no Deployment `webb` in what was looked at\nhint: there is `web`"),
        (&["deploy/web", "-n", "bank"], 3, "hint: one of this name is in shop"),
        (&["ns/bankk"], 3, "there is no namespace `bankk` in what was looked at\nhint: there is `bank`"),
        (&["-n", "nowhere"], 3, "hint: there is bank, kube-node-lease, shop"),
        (&["hpa/web", "-n", "shop"], 3, "list HorizontalPodAutoscaler in shop: this kind was not collected"),
        (&["deployment.batch/web"], 2, "`deployment.batch` is no kind of object"),
        (&["depoly/web"], 2, "hint: `deploy` is one"),
        (&["deploy/web", "svc/db"], 2, "`deploy/web` and `svc/db` are two targets"),
        (&["web"], 2, "`web` names no kind"),
    ];
    for (words, expect, says) in cases {
        let (said, complained, status) = why(&[words, &["--from", &path]].concat());
        assert_eq!((said.as_str(), status), ("", expect), "{words:?}: {complained}");
        assert!(complained.contains(says), "{words:?}: {complained}");
    }
}

#[test]
fn a_part_of_a_code_offers_those_that_have_it() {
    let cases = [
        ("oom", "there are `crash.oom-child-hidden`, `crash.oom-limit`, `crash.oom-node`"),
        ("OOM-limit", "there is `crash.oom-limit`"),
        ("crash.oom-limt", "there is `crash.oom-limit`"),
        ("crash", " more"),
        ("qqqqqq", "codes begin with adm, "),
    ];
    for (code, expect) in cases {
        let (said, complained, status) = why(&["--explain", code]);
        assert_eq!((said.as_str(), status), ("", 3), "{code}");
        let hint = complained.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
        assert!(hint.contains(expect), "{code}: {complained}");
    }
}
