//! What must be true of every rule: without its evidence it is silent, of what was not looked at it claims nothing, and
//! names, order, time and healthy neighbours change nothing.

use std::collections::BTreeSet;

use fathom_diagnose::diagnosis::claims;
use fathom_diagnose::object::{Fields as _, Ref};
use fathom_diagnose::rule::Stance;
use fathom_diagnose::time::Time;
use fathom_diagnose::value::json;
use fathom_diagnose::{Question, diagnose, rules};

use crate::fixture::Fixture;

fn codes(fixture: &Fixture) -> BTreeSet<&'static str> {
    claims(&fixture.snapshot()).into_iter().map(|(code, ..)| code).collect()
}

#[test]
fn without_its_evidence_a_rule_is_silent() {
    // What proves these is that something is not there, and that cannot be dropped; their quiet fixtures have it.
    const ABSENT: [&str; 8] = [
        "cp.kubernetes-svc-stale",
        "dns.coredns-down",
        "ing.no-class",
        "ing.no-controller",
        "ing.wrong-type",
        "pvc.no-default-class",
        "cp.csr-pending",
        "sched.dra-claim",
    ];
    let mut loud = Vec::new();
    for rule in rules::all().filter(|rule| !ABSENT.contains(&rule.code)) {
        let whole = Fixture::read(rule.code, "broken");
        let proofs = claims(&whole.snapshot())
            .into_iter()
            .filter(|(code, ..)| *code == rule.code)
            .flat_map(|(.., proofs)| proofs);
        let mut bare = whole.clone();
        // What stands deeper in a list goes first, so that pointers stay true.
        let mut pointers: Vec<String> = proofs.map(|proof| proof.at).collect();
        pointers.sort_by_key(|at| std::cmp::Reverse(at.len()));
        pointers.iter().for_each(|at| bare.without(at));
        if codes(&bare).contains(rule.code) {
            loud.push(format!("{}: {pointers:?}", rule.code));
        }
    }
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}

#[test]
fn nothing_is_missing_where_nobody_looked() {
    for rule in rules::all() {
        let whole = Fixture::read(rule.code, "broken");
        let absent = |at: &str| (!at.contains('#') && !at.starts_with("log:")).then(|| Ref::parse(at)).flatten();
        let kinds: BTreeSet<String> = claims(&whole.snapshot())
            .iter()
            .flat_map(|(.., proofs)| proofs)
            .filter_map(|proof| Some(absent(&proof.at)?.kind))
            .collect();
        for kind in kinds {
            let mut blind = whole.clone();
            blind.coverage.refuse(&kind, None, "forbidden");
            for (code, _, proofs) in claims(&blind.snapshot()) {
                let claimed = proofs
                    .iter()
                    .filter_map(|proof| absent(&proof.at))
                    .any(|id| id.kind == kind && !id.name.starts_with('*'));
                assert!(!claimed, "{code} calls a {kind} missing that nobody could list");
            }
            let report = diagnose(&blind.snapshot(), &Question::Everything);
            assert!(
                report.unknown.iter().any(|need| need.need.contains(&kind)),
                "{}: the need for {kind} is not said",
                rule.code
            );
        }
    }
}

#[test]
fn names_decide_nothing() {
    for rule in rules::all() {
        let text = Fixture::text(rule.code, "broken");
        // A webhook is no name.
        let renamed = text.replace("webhook", "\u{1}").replace("shop", "bazaar").replace("web", "pylon");
        let renamed = renamed.replace("n1", "worker-eu-7").replace('\u{1}', "webhook");
        assert_eq!(codes(&Fixture::parse(&renamed)), codes(&Fixture::parse(&text)), "{}", rule.code);
    }
}

#[test]
fn order_and_date_decide_nothing() {
    for rule in rules::all() {
        let text = Fixture::text(rule.code, "broken");
        let expect = codes(&Fixture::parse(&text));
        let mut reversed = Fixture::parse(&text);
        reversed.documents.reverse();
        assert_eq!(codes(&reversed), expect, "{}", rule.code);
        let mut later = Fixture::parse(&text.replace("2026-03-01", "2031-07-02").replace("2026-02-28", "2031-07-01"));
        later.now = Time::parse("2031-07-02T12:00:00Z").expect("a moment");
        assert_eq!(codes(&later), expect, "{}", rule.code);
    }
}

/// Healthy pods of a namespace of their own.
fn neighbours(count: usize) -> Vec<fathom_diagnose::value::Value> {
    let pod = |index: usize| {
        json!({"kind": "Pod", "metadata": {"name": format!("calm-{index}"), "namespace": "calm", "uid": format!("calm-{index}"), "labels": {"app": "calm"}},
            "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "registry.example/calm:1"}]},
            "status": {"phase": "Running", "podIP": format!("10.9.{}.{}", index / 250, index % 250),
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-03-01T09:00:00Z"}}}]}})
    };
    (0..count).map(pod).collect()
}

#[test]
fn healthy_neighbours_change_nothing() {
    for (index, rule) in rules::all().enumerate() {
        let whole = Fixture::read(rule.code, "broken");
        let mut crowded = whole.clone();
        crowded.documents.extend(neighbours(if index % 50 == 0 { 1000 } else { 20 }));
        let said = |fixture: &Fixture| {
            let report = diagnose(&fixture.snapshot(), &Question::Everything);
            report.findings.iter().map(|finding| (finding.code, finding.object.clone())).collect::<Vec<_>>()
        };
        assert_eq!(said(&crowded), said(&whole), "{}", rule.code);
    }
}

#[test]
fn a_symptom_is_never_a_root() {
    for rule in rules::all().filter(|rule| rule.stance == Stance::Symptom) {
        let report = diagnose(&Fixture::read(rule.code, "broken").snapshot(), &Question::Everything);
        assert!(report.findings.iter().all(|finding| finding.code != rule.code), "{}", rule.code);
        assert!(report.found_something(), "{} is passed over", rule.code);
    }
}

#[test]
fn what_a_fix_promises_is_true() {
    for rule in rules::all() {
        let snapshot = Fixture::read(rule.code, "broken").snapshot();
        for finding in diagnose(&snapshot, &Question::Everything).findings.iter().filter(|finding| finding.fix.verified)
        {
            let fix = fathom_diagnose::claim::Fix { text: String::new(), changes: finding.fix.changes.clone() };
            let mended = fix.applied(&snapshot).expect("what is verified can be applied");
            let left =
                claims(&mended).into_iter().any(|(code, object, _)| code == finding.code && object == finding.object);
            assert!(!left, "{} {}", finding.code, finding.object);
            assert!(mended.objects().all(|object| !object.text("/kind").is_empty()));
        }
    }
}
