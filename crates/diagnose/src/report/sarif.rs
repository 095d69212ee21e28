//! The answer as SARIF 2.1.0 (OASIS), for tools that collect results. What SARIF has no place for, such as a mend that is
//! no change of a file, stands in the message and in the properties of a result.

use super::text::{chain, name};
use super::{Finding, Report, Unexplained};
use crate::claim::Confidence;
use crate::object::Ref;
use crate::rule::Rule;
use crate::rules;
use crate::snapshot::{Proof, fold};
use crate::value::{Value, json};

/// The rule of what no cause explains.
const UNEXPLAINED: &str = "unexplained";

/// The whole answer.
pub fn render(report: &Report) -> Value {
    let mut used: Vec<&Rule> = Vec::new();
    for finding in &report.findings {
        let known = used.iter().any(|rule| rule.code == finding.code);
        used.extend(rules::find(finding.code).filter(|_| !known));
    }
    let place = |code: &str| used.iter().position(|rule| rule.code == code).unwrap_or(used.len());
    let mut rules: Vec<Value> = used.iter().map(|rule| described(rule)).collect();
    if !report.unexplained.is_empty() {
        let text = "Something is wrong, and no cause that is known explains it.";
        let help = "Run the command that the result names, and ask again with what it prints.";
        rules.push(json!({"id": UNEXPLAINED, "shortDescription": {"text": text}, "help": {"text": help}}));
    }
    let results = report.findings.iter().map(|one| finding(one, place(one.code)));
    let results: Vec<Value> =
        results.chain(report.unexplained.iter().map(|one| unexplained(one, used.len()))).collect();
    let notes: Vec<Value> = fold(&report.unknown)
        .into_iter()
        .map(|need| json!({"level": "note", "message": {"text": format!("could not look: {need}")}}))
        .collect();
    let driver = json!({"name": "fathom why", "version": env!("CARGO_PKG_VERSION"), "rules": rules});
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notes}],
            "results": results,
        }],
    })
}

fn described(rule: &Rule) -> Value {
    let help = format!("Proof: {}\nRefuted by: {}\nFix: {}", rule.proves, rule.refutes, rule.fix);
    json!({"id": rule.code, "shortDescription": {"text": rule.means}, "help": {"text": help}})
}

fn location(object: &Ref) -> Value {
    json!({"logicalLocations": [{"name": object.name, "fullyQualifiedName": object.to_string(), "kind": object.kind}]})
}

fn proofs(proofs: &[Proof]) -> Vec<Value> {
    proofs.iter().map(|proof| json!({"at": proof.at, "saw": proof.saw})).collect()
}

fn finding(finding: &Finding, place: usize) -> Value {
    let level = if finding.confidence == Confidence::Possible { "warning" } else { "error" };
    let mut text = format!("{}: {} ({}).", name(&finding.object), finding.says, finding.confidence.words());
    if !finding.explains.is_empty() {
        text.push_str(&format!(" Explains {}.", chain(&finding.explains)));
    }
    text.push_str(&format!(" Refuted by {}. Fix: {}", finding.refuted_by, finding.fix.text));
    let mut behind: Vec<&Ref> = finding.explains.iter().map(|one| &one.object).collect();
    behind.dedup();
    json!({
        "ruleId": finding.code,
        "ruleIndex": place,
        "level": level,
        "message": {"text": text},
        "locations": [location(&finding.object)],
        "relatedLocations": behind.into_iter().map(location).collect::<Vec<_>>(),
        "partialFingerprints": {"object/v1": format!("{} {}", finding.code, finding.object)},
        "properties": {
            "confidence": finding.confidence.words(),
            "since": finding.since,
            "proofs": proofs(&finding.proofs),
            "refutedBy": finding.refuted_by,
            "fix": {"text": finding.fix.text, "verified": finding.fix.verified},
        },
    })
}

fn unexplained(one: &Unexplained, place: usize) -> Value {
    let says = one.says.as_ref().map_or(String::new(), |says| format!(": {says}"));
    let text = format!("{}: {}{says}. Try: {}", name(&one.object), one.effect, one.test);
    json!({
        "ruleId": UNEXPLAINED,
        "ruleIndex": place,
        "level": "warning",
        "message": {"text": text},
        "locations": [location(&one.object)],
        "partialFingerprints": {"object/v1": format!("{UNEXPLAINED} {} {}", one.object, one.effect)},
        "properties": {"effect": one.effect, "proofs": proofs(&one.proofs), "test": one.test},
    })
}
