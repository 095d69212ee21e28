//! The answer in the forms that are read by others: all of it is there, in shapes that they take.

use std::collections::BTreeSet;

use fathom_diagnose::report::{markdown, sarif, text};
use fathom_diagnose::{Gathering, Question, Report, diagnose};
use serde_json::{Value, json};

/// A cause that is proven, with a mend that is verified and with consequences; something unexplained; a kind that nobody
/// looked at.
fn report() -> Report {
    let since = "2026-11-20T22:00:00Z";
    let pod = |name: &str, waiting: Value| {
        json!({
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web"}, "creationTimestamp": since},
            "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "x:1", "envFrom": [{"configMapRef": {"name": "conf"}}]}]},
            "status": {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-20T22:30:00Z"}],
                "containerStatuses": [{"name": "app", "ready": false, "restartCount": 4, "state": {"waiting": waiting}}],
            },
        })
    };
    let config = json!({"reason": "CreateContainerConfigError", "message": "configmap \"conf\" not found"});
    let crash = json!({"reason": "CrashLoopBackOff", "message": "back-off | 5m0s <restarting> `app`"});
    let service = json!({"kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    let slice = json!({"kind": "EndpointSlice", "metadata": {"name": "web-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}}, "endpoints": []});
    let other = json!({"kind": "ConfigMap", "metadata": {"name": "other", "namespace": "shop"}});
    let mut gathering = Gathering::new();
    for object in [pod("web-0", config), pod("odd-0", crash), service, slice, other] {
        gathering.value(object);
    }
    gathering.damaged("the end of it is missing");
    let report = diagnose(&gathering.finish(), &Question::Everything);
    assert!(!report.findings.is_empty() && !report.unexplained.is_empty() && !report.unknown.is_empty(), "{report:?}");
    assert!(report.findings.iter().any(|one| one.fix.verified), "{report:?}");
    assert!(report.findings.iter().any(|one| !one.explains.is_empty()), "{report:?}");
    report
}

#[test]
fn markdown_has_all_that_the_terminal_has() {
    let report = report();
    let said = markdown::render(&report);
    for finding in &report.findings {
        let head = format!("## `{}` {} ({})\n", finding.code, text::name(&finding.object), finding.confidence.words());
        assert!(said.contains(&head), "{head}{said}");
        assert!(said.contains(&format!("- refuted by {}\n", finding.refuted_by)), "{said}");
        assert!(said.contains(&format!("- since {}\n", finding.since.as_deref().expect("a moment"))), "{said}");
        for proof in &finding.proofs {
            assert!(said.contains(&format!("- proof `{}`: `", proof.at)), "{said}");
        }
        let fix = format!("**Fix:** {}", finding.fix.text);
        assert!(said.contains(&fix), "{fix}\n{said}");
    }
    assert!(
        said.contains("(with this the finding is gone)") && said.contains("- explains service/web in shop"),
        "{said}"
    );
    for one in &report.unexplained {
        assert!(said.contains(&format!("## Unexplained: {}, {}\n", text::name(&one.object), one.effect)), "{said}");
        assert!(said.contains(&format!("**Try:** `{}`", one.test)), "{said}");
    }
    assert!(said.contains("## Could not look\n\n- "), "{said}");
    // A mark that is opened on a line is closed on it.
    for line in said.lines() {
        assert_eq!(line.matches('`').count() % 2, 0, "{line}");
    }
    let quiet = markdown::render(&diagnose(&Gathering::new().finish(), &Question::Everything));
    assert_eq!(quiet, "nothing is wrong with what was looked at: 0 objects, 0 logs\n");
}

fn text_of<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} of {value:#}"))
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What SARIF 2.1.0 demands of a location that is no file.
fn is_location(location: &Value) {
    let logical = list(location, "/logicalLocations");
    assert_eq!(logical.len(), 1, "{location}");
    assert_eq!(text_of(&logical[0], "/fullyQualifiedName").matches('/').count(), 2, "{location}");
    assert!(!text_of(&logical[0], "/kind").is_empty());
}

#[test]
fn sarif_has_the_shape_of_its_version() {
    let report = report();
    let said: Value = serde_json::from_str(&sarif::render(&report).to_string()).expect("JSON");
    assert_eq!((text_of(&said, "/version"), list(&said, "/runs").len()), ("2.1.0", 1));
    assert!(text_of(&said, "/$schema").contains("sarif-2.1.0"));
    let run = &said["runs"][0];
    assert_eq!(text_of(run, "/tool/driver/name"), "fathom why");
    let rules = list(run, "/tool/driver/rules");
    let ids: BTreeSet<&str> = rules.iter().map(|rule| text_of(rule, "/id")).collect();
    assert_eq!(ids.len(), rules.len(), "each rule is described once");
    for rule in rules {
        assert!(!text_of(rule, "/shortDescription/text").is_empty() && !text_of(rule, "/help/text").is_empty());
    }
    let results = list(run, "/results");
    assert_eq!(results.len(), report.findings.len() + report.unexplained.len());
    let mut prints = BTreeSet::new();
    for result in results {
        let place = result["ruleIndex"].as_u64().and_then(|at| usize::try_from(at).ok()).expect("a place");
        assert_eq!(text_of(&rules[place], "/id"), text_of(result, "/ruleId"));
        assert!(["error", "warning", "note"].contains(&text_of(result, "/level")));
        assert_eq!(list(result, "/locations").len(), 1);
        list(result, "/locations").iter().chain(list(result, "/relatedLocations")).for_each(is_location);
        assert!(prints.insert(text_of(result, "/partialFingerprints/object~1v1").to_owned()), "one result, one print");
    }
    for (finding, result) in report.findings.iter().zip(results) {
        assert_eq!(text_of(result, "/ruleId"), finding.code);
        let message = text_of(result, "/message/text");
        assert!(message.contains(&finding.says) && message.contains(&finding.fix.text), "{message}");
        assert_eq!(text_of(result, "/properties/confidence"), finding.confidence.words());
        assert_eq!(result["properties"]["fix"]["verified"], finding.fix.verified);
        assert_eq!(list(result, "/properties/proofs").len(), finding.proofs.len());
    }
    for (one, result) in report.unexplained.iter().zip(&results[report.findings.len()..]) {
        assert_eq!(text_of(result, "/ruleId"), "unexplained");
        assert!(text_of(result, "/message/text").ends_with(&one.test), "{result}");
    }
    let run_of = &run["invocations"][0];
    assert_eq!(run_of["executionSuccessful"], true);
    assert!(list(run_of, "/toolExecutionNotifications").iter().all(|note| !text_of(note, "/message/text").is_empty()));
    assert!(!list(run_of, "/toolExecutionNotifications").is_empty());
}
