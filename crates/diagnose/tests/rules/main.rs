//! Every rule on its own fixtures: it speaks of the broken one and is silent on the quiet one; and what must be true of
//! all rules alike.

mod blame;
mod callers;
mod chains;
mod fixture;
mod healthy;
mod hostile;
mod innocent;
mod large;
mod laws;
mod older;
mod patient;
mod reasons;
mod recorded;
mod twice;
mod world;
mod written;

use std::collections::BTreeSet;

use fathom_diagnose::diagnosis::claims;
use fathom_diagnose::rule::Stance;
use fathom_diagnose::{Question, diagnose, rules};
use fixture::Fixture;

#[test]
fn every_rule_has_its_fixtures_and_every_fixture_its_rule() {
    let codes: BTreeSet<String> = rules::all().map(|rule| rule.code.to_owned()).collect();
    assert_eq!(codes.len(), rules::all().count(), "a code is a rule's own");
    assert_eq!(codes, fixture::codes());
}

#[test]
fn a_rule_speaks_of_what_is_broken_and_of_nothing_else() {
    let mut wrong = Vec::new();
    for rule in rules::all() {
        let broken = Fixture::read(rule.code, "broken").snapshot();
        let said = claims(&broken);
        if !said.iter().any(|(code, ..)| *code == rule.code) {
            wrong.push(format!(
                "{} is silent on broken; said: {:?}",
                rule.code,
                said.iter().map(|(code, ..)| code).collect::<Vec<_>>()
            ));
        }
        let quiet = Fixture::read(rule.code, "quiet").snapshot();
        // An intention may be there; it is no cause as long as nothing suffers from it.
        if rule.stance == Stance::Latent {
            let report = diagnose(&quiet, &Question::Everything);
            wrong.extend(report.findings.iter().map(|one| format!("{} on quiet: {}", one.code, one.object)));
            continue;
        }
        wrong.extend(
            claims(&quiet)
                .iter()
                .filter(|(code, ..)| *code == rule.code)
                .map(|(code, object, _)| format!("{code} on quiet: {object}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_proof_reads_again_as_it_was_quoted() {
    for rule in rules::all() {
        let snapshot = Fixture::read(rule.code, "broken").snapshot();
        for (code, object, proofs) in claims(&snapshot) {
            assert!(!proofs.is_empty(), "{code} {object} has no proof");
            for proof in proofs {
                assert!(
                    snapshot.holds(&proof),
                    "{code} {object}: {proof:?}, read {:?}",
                    snapshot.read_again(&proof.at)
                );
            }
        }
    }
}

#[test]
fn something_broken_is_never_passed_over() {
    let silent = rules::all().filter(|rule| {
        let report = diagnose(&Fixture::read(rule.code, "broken").snapshot(), &Question::Everything);
        // An intention hurts nobody alone.
        !report.found_something()
    });
    let silent: Vec<&str> = silent.map(|rule| rule.code).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn every_rule_says_what_it_means() {
    for rule in rules::all() {
        for (what, text) in
            [("means", rule.means), ("proves", rule.proves), ("refutes", rule.refutes), ("fix", rule.fix)]
        {
            assert!(!text.is_empty(), "{}: `{what}` is empty", rule.code);
        }
    }
}
