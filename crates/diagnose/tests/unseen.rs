//! What nobody could look at is never called missing: by how sure an answer is, and by what it says it would need.

use fathom_diagnose::claim::Confidence;
use fathom_diagnose::snapshot::Coverage;
use fathom_diagnose::{Gathering, Question, Report, diagnose};
use serde_json::{Value, json};

fn pod(message: Option<&str>, sources: &Value) -> Value {
    let mut waiting = json!({"reason": "CreateContainerConfigError"});
    if let Some(message) = message {
        waiting["message"] = message.into();
    }
    let since = "2026-11-20T22:00:00Z";
    json!({
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "creationTimestamp": since},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "x:1", "envFrom": sources}]},
        "status": {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-20T22:10:00Z"},
                {"type": "Ready", "status": "False", "lastTransitionTime": since},
            ],
            "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "state": {"waiting": waiting}}],
        },
    })
}

fn report(objects: &[Value], coverage: Option<Coverage>) -> Report {
    let mut gathering = Gathering::new();
    objects.iter().for_each(|object| gathering.value(object.clone()));
    coverage.into_iter().for_each(|coverage| gathering.covers(coverage));
    diagnose(&gathering.finish(), &Question::Everything)
}

#[test]
fn a_secret_that_nobody_could_list_is_not_called_missing() {
    let secret = json!([{"secretRef": {"name": "db"}}]);
    let both = json!([{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "conf"}}]);
    let optional = json!([{"secretRef": {"name": "db", "optional": true}}]);
    let message = "secret \"db\" not found";
    let cases = [
        // The kubelet's own word.
        (Some(message), &secret, Some(Confidence::Proven)),
        // It says nothing: one thing may be missing, or one of two, or none.
        (None, &secret, Some(Confidence::Likely)),
        (None, &both, Some(Confidence::Possible)),
        (None, &optional, None),
    ];
    for (message, sources, expect) in cases {
        let mut forbidden = Coverage::whole();
        forbidden.refuse("Secret", None, "forbidden to ada");
        if sources == &both {
            forbidden.refuse("ConfigMap", None, "forbidden to ada");
        }
        for coverage in [None, Some(forbidden)] {
            let report = report(&[pod(message, sources)], coverage.clone());
            let found = report.findings.iter().find(|one| one.says.contains("Secret db"));
            assert_eq!(found.map(|one| one.confidence), expect, "{sources} {coverage:?}");
            let Some(found) = found else { continue };
            assert!(found.proofs.iter().all(|proof| proof.saw != "absent"), "{:?}", found.proofs);
            let needs: Vec<String> = report.unknown.iter().map(ToString::to_string).collect();
            assert!(needs.iter().any(|need| need.starts_with("list Secret")), "{needs:?}");
        }
    }
}

#[test]
fn a_secret_that_was_looked_for_is_missing_or_not() {
    let secret = json!([{"secretRef": {"name": "db"}}]);
    let other = |name: &str| json!({"kind": "Secret", "metadata": {"name": name, "namespace": "shop"}});
    let confidence = |name: &str| {
        let report = report(&[pod(None, &secret), other(name)], None);
        report.findings.first().map(|one| one.confidence)
    };
    assert_eq!(confidence("other"), Some(Confidence::Proven));
    assert_eq!(confidence("db"), None);
}

#[test]
fn a_class_that_nobody_could_list_is_missing_by_the_provisioners_word() {
    let claim = json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop", "creationTimestamp": "2026-11-20T22:00:00Z"},
        "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}});
    let event = json!({"kind": "Event", "metadata": {"name": "e", "namespace": "shop"}, "type": "Warning", "reason": "ProvisioningFailed",
        "message": "storageclass.storage.k8s.io \"fast\" not found", "lastTimestamp": "2026-11-20T22:10:00Z",
        "involvedObject": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data"}});
    let mut forbidden = Coverage::whole();
    forbidden.refuse("StorageClass", None, "forbidden to ada");
    let cases = [
        (vec![claim.clone()], Coverage::whole(), Some(Confidence::Proven)),
        (vec![claim.clone(), event], forbidden.clone(), Some(Confidence::Likely)),
        (vec![claim], forbidden, None),
    ];
    for (objects, coverage, expect) in cases {
        let report = report(&objects, Some(coverage));
        let found = report.findings.iter().find(|one| one.code == "pvc.storageclass-missing");
        assert_eq!(found.map(|one| one.confidence), expect, "{report:?}");
    }
}
