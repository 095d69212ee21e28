//! Tables alone: what each line shows to be wrong is said, with what tells more, and no cause is made up. What a table
//! has no column for is unknown, not empty.

use fathom_diagnose::{Gathering, Question, Report, diagnose, report::text};

fn report(text: &str) -> Report {
    let mut gathering = Gathering::new();
    gathering.stream("pasted", Box::new(text.as_bytes()));
    diagnose(&gathering.finish(), &Question::Everything)
}

/// Everything that is said to be wrong: the code of a root, or `?`, with the object and its effect.
fn said(text: &str) -> Vec<String> {
    let report = report(text);
    let found = report.findings.iter().map(|one| format!("{} {}", one.code, one.object));
    found.chain(report.unexplained.iter().map(|one| format!("? {} {}", one.object, one.effect))).collect()
}

fn needs(text: &str) -> String {
    report(text).unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_word_for_a_pod_says_what_it_proves() {
    // STATUS, RESTARTS, AGE, READY; what is said of it; the command that tells more.
    let cases = [
        ("ContainerCreating", "0", "7m", "0/1", "not started", "describe pod p"),
        ("ContainerCreating", "0", "40s", "0/1", "", ""),
        ("PodInitializing", "0", "9m", "0/1", "not started", "describe pod p"),
        ("Pending", "0", "8m", "0/1", "not started", "describe pod p"),
        ("Pending", "0", "8s", "0/1", "", ""),
        ("ImagePullBackOff", "0", "12m", "0/1", "not started", "describe pod p"),
        ("ErrImagePull", "0", "1m", "0/1", "not started", "describe pod p"),
        ("InvalidImageName", "0", "9m", "0/1", "not started", "describe pod p"),
        ("CreateContainerConfigError", "0", "5m", "0/1", "not started", "describe pod p"),
        ("CrashLoopBackOff", "12 (2m ago)", "40m", "0/1", "crashing", "logs p --previous"),
        ("CrashLoopBackOff", "12 (2m ago)", "40m", "1/2", "crashing", "logs p --all-containers --previous"),
        ("Error", "3 (30s ago)", "2m", "0/1", "crashing", "logs p --previous"),
        ("Error", "0", "20m", "0/1", "failed", "logs p"),
        ("Error", "0", "3d", "0/1", "", ""),
        ("Init:0/1", "0", "20m", "0/1", "not started", "describe pod p"),
        ("Init:0/1", "0", "20s", "0/1", "", ""),
        ("Init:CrashLoopBackOff", "6 (1m ago)", "20m", "0/1", "crashing", "describe pod p"),
        ("Init:Error", "2 (20s ago)", "2m", "0/1", "crashing", "describe pod p"),
        ("Init:ImagePullBackOff", "0", "5m", "0/1", "not started", "describe pod p"),
        ("OutOfcpu", "0", "9m", "0/1", "failed", "describe pod p"),
        ("Evicted", "0", "9m", "0/1", "evicted", "describe pod p"),
        ("Evicted", "0", "3d", "0/1", "", ""),
        ("Unknown", "0", "3d", "1/1", "not ready", "describe pod p"),
        ("Running", "0", "3d", "1/2", "not ready", "describe pod p"),
        ("Running", "0", "10s", "0/1", "", ""),
        ("Running", "3 (2d ago)", "3d", "2/2", "", ""),
        ("SchedulingGated", "0", "9m", "0/1", "not scheduled", "describe pod p"),
        ("Terminating", "0", "3d", "1/1", "", ""),
        ("Completed", "0", "3d", "0/1", "", ""),
    ];
    for (status, restarts, age, ready, effect, test) in cases {
        let text = format!(
            "$ kubectl get pods -n shop\n{:<8}{:<8}{:<30}{:<14}AGE\n{:<8}{ready:<8}{status:<30}{restarts:<14}{age}\n",
            "NAME", "READY", "STATUS", "RESTARTS", "p"
        );
        let report = report(&text);
        assert!(report.findings.is_empty(), "{text}{}", text::render(&report));
        let said: Vec<(&str, &str)> =
            report.unexplained.iter().map(|one| (one.effect.as_str(), one.test.as_str())).collect();
        let test = format!("kubectl -n shop {test}");
        let expect = if effect.is_empty() { Vec::new() } else { vec![(effect, test.as_str())] };
        assert_eq!(said, expect, "{text}");
        let shown = text::render(&report);
        assert!(!shown.contains("\"\"") && !shown.contains("container :"), "{shown}");
    }
}

#[test]
fn a_kill_for_memory_is_no_proof_of_a_limit() {
    let text = "$ kubectl get pods -n shop\nNAME   READY   STATUS      RESTARTS      AGE\nweb    0/1     OOMKilled   3 (40s ago)   5m\n";
    let report = report(text);
    let shown = text::render(&report);
    assert!(shown.contains("crash.oom-limit  pod/web in shop  likely"), "{shown}");
    assert!(shown.contains("one container: it was killed"), "{shown}");
}

#[test]
fn the_column_of_the_node_tells_whether_there_is_one() {
    let row = |status: &str, node: &str| {
        format!(
            "$ kubectl get pods -n shop -o wide\nNAME   READY   STATUS              RESTARTS   AGE   IP       NODE     NOMINATED NODE   READINESS GATES\nweb    0/1     {status:<17}   0          9m    <none>   {node:<6}   <none>           <none>\n"
        )
    };
    assert_eq!(said(&row("Pending", "<none>")), ["? Pod/shop/web not scheduled"]);
    assert_eq!(said(&row("ContainerCreating", "n1")), ["? Pod/shop/web not started"]);
}

#[test]
fn events_beside_a_table_name_the_cause() {
    let pods = "$ kubectl get pods -n shop\nNAME   READY   STATUS    RESTARTS   AGE\nbig    0/1     Pending   0          9m\n\n";
    let events = "$ kubectl get events -n shop\nLAST SEEN   TYPE      REASON             OBJECT    MESSAGE\n60s         Warning   FailedScheduling   pod/big   0/3 nodes are available: 3 Insufficient memory. preemption: not eligible.\n";
    let report = report(&format!("{pods}{events}"));
    let shown = text::render(&report);
    assert!(shown.contains("not scheduled\n  no node takes it; the scheduler's last word"), "{shown}");
    assert!(shown.contains("Insufficient memory"), "{shown}");
    // The warning that says most is shown, not the one that came last.
    let pods = "$ kubectl get pods -n shop\nNAME   READY   STATUS             RESTARTS   AGE\nweb    0/1     ImagePullBackOff   0          9m\n\n";
    let rows = [
        (
            "90s",
            "Warning",
            "Failed",
            "pod/web",
            "Failed to pull image \"x:1\": rpc error: code = Unknown desc = an odd reason",
        ),
        ("60s", "Warning", "Failed", "pod/web", "Error: ImagePullBackOff"),
    ];
    let shown = text::render(&self::report(&format!("{pods}{}", self::events(&rows))));
    assert!(shown.contains("an odd reason"), "{shown}");
}

#[test]
fn whoever_suffers_is_named_from_each_table() {
    let cases: [(&str, &[&str]); 16] = [
        (
            "$ kubectl get deploy -n shop\nNAME   READY   UP-TO-DATE   AVAILABLE   AGE\napi    0/3     3            0           12m\nweb    2/2     2            2           12m\nnew    0/1     1            0           5s\n",
            &["? Deployment/shop/api fewer pods than wanted"],
        ),
        (
            "$ kubectl get sts -n shop\nNAME   READY   AGE\ndb     1/3     40m\n",
            &["? StatefulSet/shop/db fewer pods than wanted"],
        ),
        (
            "$ kubectl get ds -n shop\nNAME    DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR   AGE\nagent   3         3         1       3            1           <none>          40m\nnone    0         0         0       0            0           gpu=yes         40m\n",
            &["? DaemonSet/shop/agent fewer pods than wanted"],
        ),
        (
            "$ kubectl get rs -n shop\nNAME             DESIRED   CURRENT   READY   AGE\napi-7c9f7f7d9d   3         3         0       12m\napi-6c9f7f7d9d   0         0         0       42m\n",
            &["? ReplicaSet/shop/api-7c9f7f7d9d fewer pods than wanted"],
        ),
        (
            "$ kubectl get deploy,rs -n shop\nNAME                  READY   UP-TO-DATE   AVAILABLE   AGE\ndeployment.apps/api   0/3     3            0           12m\n\nNAME                             DESIRED   CURRENT   READY   AGE\nreplicaset.apps/api-7c9f7f7d9d   3         3         0       12m\n",
            &["? Deployment/shop/api fewer pods than wanted"],
        ),
        (
            "$ kubectl get jobs -n shop\nNAME   STATUS     COMPLETIONS   DURATION   AGE\nload   Failed     0/1           12m        12m\nrun    Running    0/1           12m        12m\ndone   Complete   1/1           12m        12m\n",
            &["? Job/shop/load failed"],
        ),
        (
            "$ kubectl get jobs -n shop\nNAME   COMPLETIONS   DURATION   AGE\nload   0/1           12m        12m\nnew    0/1           12s        12s\n",
            &["? Job/shop/load not done"],
        ),
        (
            "$ kubectl get cronjobs -n shop\nNAME    SCHEDULE    SUSPEND   ACTIVE   LAST SCHEDULE   AGE\nnight   0 2 * * *   False     0        22h             40d\n",
            &[],
        ),
        (
            "$ kubectl get nodes\nNAME   STATUS                     ROLES    AGE   VERSION\nn1     Ready                      <none>   40d   v1.28.3\nn2     NotReady                   <none>   40d   v1.28.3\nn3     Ready,SchedulingDisabled   <none>   40d   v1.28.3\n",
            &["? Node//n2 not ready"],
        ),
        (
            "$ kubectl get pvc -n shop\nNAME   STATUS    VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   AGE\ndata   Pending                                      fast           12m\nok     Bound     pv-1     10Gi       RWO            std            12m\n",
            &["? PersistentVolumeClaim/shop/data not bound"],
        ),
        (
            "$ kubectl get svc -n shop\nNAME   TYPE           CLUSTER-IP   EXTERNAL-IP   PORT(S)        AGE\nlb     LoadBalancer   10.96.0.7    <pending>     80:31234/TCP   40m\nok     LoadBalancer   10.96.0.9    192.0.2.7     80:31235/TCP   40m\nweb    ClusterIP      10.96.0.8    <none>        80/TCP         40m\n",
            &["svc.lb-pending Service/shop/lb"],
        ),
        (
            "$ kubectl get endpoints -n shop\nNAME   ENDPOINTS     AGE\nweb    <none>        40m\nlb     10.1.1.1:80   40m\n",
            &["? Service/shop/web no ready endpoints"],
        ),
        (
            "$ kubectl get hpa -n shop\nNAME   REFERENCE        TARGETS                              MINPODS   MAXPODS   REPLICAS   AGE\napi    Deployment/api   <unknown>/80%                        1         5         1          40m\nweb    Deployment/web   cpu: 12%/80%                         1         5         1          40m\nbit    Deployment/bit   cpu: <unknown>/80%, memory: 9%/80%   1         5         1          40m\n",
            &["? HorizontalPodAutoscaler/shop/api cannot scale"],
        ),
        (
            "$ kubectl get ingress -n shop\nNAME   CLASS   HOSTS          ADDRESS    PORTS   AGE\nok     nginx   ok.example     10.0.0.1   80      40m\n",
            &[],
        ),
        (
            "$ kubectl get pv\nNAME   CAPACITY   ACCESS MODES   RECLAIM POLICY   STATUS   CLAIM      STORAGECLASS   REASON   AGE\npv-1   10Gi       RWO            Delete           Bound    shop/ok    std                     40m\npv-2   10Gi       RWO            Delete           Failed   shop/old   std                     40m\n",
            &["? PersistentVolume//pv-2 failed"],
        ),
        (
            "$ kubectl get apiservices\nNAME                     SERVICE                      AVAILABLE                  AGE\nv1.                      Local                        True                       40d\nv1beta1.metrics.k8s.io   kube-system/metrics-server   False (MissingEndpoints)   40d\n",
            &["? APIService//v1beta1.metrics.k8s.io does not work"],
        ),
    ];
    for (text, expect) in cases {
        assert_eq!(said(text), expect, "{text}");
        let report = report(text);
        for one in &report.unexplained {
            assert!(one.test.starts_with("kubectl "), "{one:?}");
            assert!(one.proofs.iter().all(|proof| proof.saw != "absent" && !proof.saw.is_empty()), "{one:?}");
        }
    }
}

#[test]
fn what_a_word_leaves_open_is_said() {
    let pods = needs(
        "$ kubectl get pods -n shop\nNAME   READY   STATUS        RESTARTS   AGE\nold    0/1     Evicted       0          3d\ngo     1/1     Terminating   0          3d\n",
    );
    assert!(pods.contains("being deleted: go") && pods.contains("`kubectl describe pod/go -n shop`"), "{pods}");
    assert!(pods.contains("pods that are over: old"), "{pods}");
    let nodes = needs(
        "$ kubectl get nodes\nNAME   STATUS                     ROLES    AGE   VERSION\nn3     Ready,SchedulingDisabled   <none>   40d   v1.28.3\n",
    );
    assert!(nodes.contains("n3") && nodes.contains("status.phase=Pending"), "{nodes}");
}

/// Events as `kubectl get events -n shop` prints them: age, type, reason, object, message.
fn events(rows: &[(&str, &str, &str, &str, &str)]) -> String {
    let mut text = format!("{:<12}{:<10}{:<22}{:<32}MESSAGE\n", "LAST SEEN", "TYPE", "REASON", "OBJECT");
    for (age, kind, reason, object, message) in rows {
        text.push_str(&format!("{age:<12}{kind:<10}{reason:<22}{object:<32}{message}\n"));
    }
    format!("$ kubectl get events -n shop --sort-by=.lastTimestamp\n{text}")
}

const PULL: &str = "Failed to pull image \"registry.example/api:v2\": rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/api:v2\": failed to resolve reference \"registry.example/api:v2\": registry.example/api:v2: not found";

#[test]
fn events_alone_name_what_they_say_and_no_more_than_likely() {
    type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);
    let started: Row<'_> = ("20s", "Normal", "Started", "pod/web-1", "Started container web");
    let mount: Row<'_> = (
        "60s",
        "Warning",
        "FailedMount",
        "pod/web-1",
        "MountVolume.SetUp failed for volume \"cfg\" : configmap \"web-config\" not found",
    );
    let crash = "Back-off restarting failed container web in pod web-1_shop(0)";
    let quota = "Error creating: pods \"q-6d4cf56db6-\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=10, limited: pods=10";
    let cases: [(&[Row<'_>], &[&str]); 13] = [
        (&[mount], &["vol.configmap-missing Pod/shop/web-1"]),
        // It came, in the end.
        (&[mount, started], &[]),
        // A rollout has taken the pod away.
        (&[mount, ("50s", "Normal", "SuccessfulDelete", "replicaset/web", "Deleted pod: web-1")], &[]),
        // Nobody has said it again, as the kubelet would have.
        (&[("45m", mount.1, mount.2, mount.3, mount.4)], &[]),
        (
            &[
                ("13m", "Normal", "ScalingReplicaSet", "deployment/api", "Scaled up replica set api-7c9f7 from 0 to 1"),
                ("13m", "Normal", "SuccessfulCreate", "replicaset/api-7c9f7", "Created pod: api-7c9f7-x2x4k"),
                ("2m", "Warning", "Failed", "pod/api-7c9f7-x2x4k", PULL),
                ("2m", "Warning", "Failed", "pod/api-7c9f7-x2x4k", "Error: ErrImagePull"),
                (
                    "75s",
                    "Normal",
                    "BackOff",
                    "pod/api-7c9f7-x2x4k",
                    "Back-off pulling image \"registry.example/api:v2\"",
                ),
            ],
            &["img.not-found Deployment/shop/api"],
        ),
        (
            &[("9s", "Warning", "Failed", "pod/web-1", "Error: secret \"db-pass\" not found")],
            &["cfg.secret-missing Pod/shop/web-1"],
        ),
        (&[("9s", "Warning", "BackOff", "pod/web-1", crash)], &["? Pod/shop/web-1 crashing"]),
        (
            &[("9s", "Warning", "FailedScheduling", "pod/web-1", "0/3 nodes are available: 3 Insufficient memory.")],
            &["? Pod/shop/web-1 not scheduled"],
        ),
        (
            &[("9s", "Warning", "FailedCreate", "replicaset/q-6d4cf56db6", quota)],
            &["adm.quota-exceeded.pods ReplicaSet/shop/q-6d4cf56db6"],
        ),
        (
            &[(
                "9s",
                "Warning",
                "ProvisioningFailed",
                "persistentvolumeclaim/data",
                "storageclass.storage.k8s.io \"fast\" not found",
            )],
            &["pvc.storageclass-missing PersistentVolumeClaim/shop/data"],
        ),
        // A probe fails while a program starts.
        (
            &[
                ("30s", "Normal", "Started", "pod/web-1", "Started container web"),
                ("9s", "Warning", "Unhealthy", "pod/web-1", "Readiness probe failed: connection refused"),
            ],
            &[],
        ),
        (
            &[(
                "9s",
                "Warning",
                "Unhealthy",
                "pod/web-1",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
            )],
            &["? Pod/shop/web-1 not ready"],
        ),
        (
            &[
                ("9m", "Normal", "NodeNotReady", "node/n2", "Node n2 status is now: NodeNotReady"),
                ("8m", "Normal", "NodeReady", "node/n2", "Node n2 status is now: NodeReady"),
            ],
            &[],
        ),
    ];
    for (rows, expect) in cases {
        let text = events(rows);
        assert_eq!(said(&text), expect, "{text}");
        let report = report(&text);
        let shown = text::render(&report);
        for one in &report.findings {
            assert_ne!(one.confidence, fathom_diagnose::claim::Confidence::Proven, "{shown}");
            assert!(one.proofs.iter().all(|proof| proof.at.starts_with("Event/")), "{shown}");
        }
        assert!(
            report.unexplained.iter().all(|one| one.proofs.iter().all(|proof| proof.at.starts_with("Event/"))),
            "{shown}"
        );
        let warned = rows.iter().any(|row| row.1 == "Warning");
        let warned = warned && rows.iter().all(|row| row.2 != "SuccessfulDelete");
        assert_eq!(warned, shown.contains("only events were given") && shown.contains("-n shop -o wide"), "{shown}");
    }
}

#[test]
fn events_of_what_is_known_to_be_gone_say_nothing() {
    let gone = events(&[("9s", "Warning", "Failed", "pod/web-1", "Error: secret \"db-pass\" not found")]);
    let none = format!("$ kubectl get pods -n shop\nNo resources found in shop namespace.\n{gone}");
    assert!(said(&none).is_empty(), "{:?}", said(&none));
    let other = format!(
        "$ kubectl get pods -n shop\nNAME   READY   STATUS    RESTARTS   AGE\nweb-2  1/1     Running   0          9m\n\n{gone}"
    );
    assert!(said(&other).is_empty(), "{:?}", said(&other));
}

#[test]
fn every_way_of_printing_events_is_read_alike() {
    let message = "Error: secret \"db-pass\" not found";
    let wide = format!(
        "$ kubectl get events -A -o wide\nNAMESPACE   LAST SEEN   TYPE      REASON   OBJECT      SUBOBJECT              SOURCE        MESSAGE                             FIRST SEEN   COUNT   NAME\nshop        31s         Warning   Failed   pod/web-1   spec.containers{{app}}   kubelet, n1   {message}   12m          41      web-1.17b\n"
    );
    let newer = format!(
        "$ kubectl events -n shop --types=Warning\nLAST SEEN             TYPE      REASON   OBJECT      MESSAGE\n10s (x12 over 5m)     Warning   Failed   Pod/web-1   {message}\n"
    );
    let bare = format!(
        "$ kubectl -n shop get ev\nLAST SEEN   TYPE      REASON   OBJECT      MESSAGE\n10s         Warning   Failed   pod/web-1   {message}\n"
    );
    for text in [wide, newer, bare] {
        assert_eq!(said(&text), ["cfg.secret-missing Pod/shop/web-1"], "{text}");
    }
}

#[test]
fn a_workload_that_came_whole_without_its_pods_is_judged_by_its_condition() {
    let text = |ready: u32, available: &str| {
        format!(
            "kind: Deployment\napiVersion: apps/v1\nmetadata: {{name: web, namespace: shop, creationTimestamp: '2026-03-01T11:00:00Z'}}\nspec: {{replicas: 3}}\nstatus:\n  replicas: 3\n  readyReplicas: {ready}\n  conditions:\n  - {{type: Available, status: '{available}', lastTransitionTime: '2026-03-01T11:00:00Z'}}\n  - {{type: Progressing, status: 'True', lastTransitionTime: '2026-03-01T11:30:00Z'}}\n"
        )
    };
    assert_eq!(said(&text(0, "False")), ["? Deployment/shop/web fewer pods than wanted"]);
    // A rollout takes one away and brings the next.
    assert!(said(&text(2, "True")).is_empty());
}
