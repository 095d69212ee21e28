//! The answer as SARIF 2.1.0, for tools that collect results.

use super::Report;
use crate::claim::Confidence;
use crate::rules;
use crate::value::{Value, json};

/// The whole answer.
pub fn render(report: &Report) -> Value {
    let used = rules::all().filter(|rule| report.findings.iter().any(|finding| finding.code == rule.code));
    let rules: Vec<Value> = used
        .map(|rule| json!({"id": rule.code, "shortDescription": {"text": rule.means}, "help": {"text": rule.fix}}))
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let level = if finding.confidence == Confidence::Possible { "warning" } else { "error" };
            let name = finding.object.to_string();
            json!({
                "ruleId": finding.code,
                "level": level,
                "message": {"text": finding.says},
                "locations": [{"logicalLocations": [{"fullyQualifiedName": name, "kind": finding.object.kind}]}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "fathom why", "rules": rules}}, "results": results}],
    })
}
