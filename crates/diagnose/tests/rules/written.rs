//! Manifests before they are applied: nothing is said of good ones, and each mistake has its code. The same mistakes of
//! what runs already are no business of these rules.

mod mistakes;

use std::collections::BTreeSet;

use fathom_diagnose::diagnosis::claims;
use fathom_diagnose::object::Fields as _;
use fathom_diagnose::value::Value;
use fathom_diagnose::{Gathering, Question, Snapshot, diagnose};
use mistakes::MISTAKES;

pub(crate) const GOOD: &str = include_str!("written/good.yaml");

fn snapshot(text: &str) -> Snapshot {
    let mut gathering = Gathering::new();
    gathering.manifest("written.yaml", text.as_bytes(), true);
    assert_eq!(gathering.faults(), [], "{text}");
    gathering.planned(None);
    gathering.finish()
}

#[test]
fn nothing_is_wrong_with_good_manifests() {
    let report = diagnose(&snapshot(GOOD), &Question::Everything);
    let said: Vec<String> =
        report.findings.iter().map(|one| format!("{} {}: {}", one.code, one.object, one.says)).collect();
    assert!(said.is_empty() && report.unexplained.is_empty() && report.unknown.is_empty(), "{said:#?}");
}

#[test]
fn each_mistake_has_its_code_and_no_other() {
    let mut wrong = Vec::new();
    for (code, from, to, part) in MISTAKES {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        let (mut text, mut part) = (GOOD.replace(from, to), *part);
        if *code == "pdb.blocks-eviction" {
            // What scales decides how many there are; here nobody does.
            text = text
                .replace("kind: Deployment, name: web}", "kind: Deployment, name: other}")
                .replace("minAvailable: 2", "minAvailable: 4");
            part = "has 3";
        }
        let snapshot = snapshot(&text);
        let said = claims(&snapshot);
        let codes: BTreeSet<&str> = said.iter().map(|(code, ..)| *code).collect();
        if codes != BTreeSet::from([*code]) {
            wrong.push(format!("{to}: {codes:?} instead of {code}"));
        }
        for proof in said.iter().flat_map(|(.., proofs)| proofs) {
            assert!(snapshot.holds(proof) && !proof.at.starts_with("Pod/shop/web#"), "{to}: {proof:?}");
        }
        let report = diagnose(&snapshot, &Question::Everything);
        let told = report.findings.iter().filter(|one| one.code == *code).any(|one| one.says.contains(part));
        if !told {
            wrong.push(format!("{to}: {:?}", report.findings.iter().map(|one| &one.says).collect::<Vec<_>>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_what_is_there_already_nothing_of_this_is_said() {
    // Two of these are proven by what is there as well.
    let of_both = ["ing.port-missing", "ing.backend-svc-missing", "svc.named-port-missing", "svc.selector-mismatch"];
    for (code, from, to, _) in MISTAKES.iter().filter(|(code, ..)| !of_both.contains(code)) {
        let mut gathering = Gathering::new();
        for text in GOOD.replace(from, to).split("\n---\n") {
            let mut object: Value = serde_saphyr::from_str(text).expect("YAML");
            object["metadata"]["creationTimestamp"] = "2026-03-01T11:00:00Z".into();
            object["status"] = fathom_diagnose::json!({"observedGeneration": 1});
            gathering.value(object);
        }
        let snapshot = gathering.finish();
        assert!(snapshot.objects().all(|object| object.created().is_some() && !object.text("/kind").is_empty()));
        let said = claims(&snapshot);
        assert!(!said.iter().any(|(said, ..)| said == code), "{code}: {to}");
    }
}

#[test]
fn what_is_to_be_mended_is_what_was_written() {
    for (from, to, fix) in [
        (
            "image: ghcr.io/acme/web:1.2.3",
            "image: ghcr.io/Acme/web:1.2.3",
            "use ghcr.io/acme/web:1.2.3: set spec.template.spec.containers[0].image to \"ghcr.io/acme/web:1.2.3\"",
        ),
        (
            "containers: [{name: job, image: busybox}]",
            "containers: [{name: job, image: Busybox}]",
            "use busybox: set spec.jobTemplate.spec.template.spec.containers[0].image to \"busybox\"",
        ),
        (
            "containers: [{name: wget, image: busybox,",
            "containers: [{name: wget, image: Busybox,",
            "use busybox: set spec.containers[0].image to \"busybox\"",
        ),
        (
            "cpu: 100m, memory: 128Mi",
            "cpu: 100mi, memory: 128Mi",
            "set spec.template.spec.containers[0].resources.requests.cpu to \"100m\"",
        ),
        ("  replicas: 3\n", "  replicas: \"3\"\n", "set spec.replicas to 3"),
        ("command: [wget], args", "command: wget -q, args", "set spec.containers[0].command to [\"wget\",\"-q\"]"),
        (
            "prometheus.io/scrape: \"true\"",
            "prometheus.io/scrape: 1",
            "set spec.template.metadata.annotations[prometheus.io/scrape] to \"1\"",
        ),
    ] {
        let report = diagnose(&snapshot(&GOOD.replace(from, to)), &Question::Everything);
        let fixes: Vec<(&str, bool)> =
            report.findings.iter().map(|one| (one.fix.text.as_str(), one.fix.verified)).collect();
        assert_eq!(fixes, [(fix, true)], "{to}");
    }
}

#[test]
fn several_mistakes_of_one_object_are_all_said() {
    let text = GOOD
        .replace("  replicas: 3\n", "  replicas: -1\n")
        .replace("image: ghcr.io/acme/web:1.2.3", "image: ghcr.io/Acme/web:1.2.3");
    let text = text
        .replace("{name: tmp, mountPath: /tmp}", "{name: temp, mountPath: /tmp}")
        .replace("path: /ready, port: 8080,", "path: /ready, port: metric,");
    let report = diagnose(&snapshot(&text), &Question::Everything);
    let codes: BTreeSet<&str> = report.findings.iter().map(|one| one.code).collect();
    assert_eq!(codes, BTreeSet::from(["adm.invalid", "img.invalid-name", "rdy.port"]));
    let invalid = report.findings.iter().find(|one| one.code == "adm.invalid").expect("it is invalid");
    assert!(
        invalid.says.contains("spec.replicas") && invalid.says.contains("volumeMounts[1].name"),
        "{}",
        invalid.says
    );
}
