//! The answer for a terminal: root, proofs, chain, what would refute it, the mend.

use super::{Explained, Finding, Report, Unexplained};
use crate::claim::Confidence;
use crate::object::Ref;
use crate::snapshot::{fold, is_fact};

/// How many consequences are named before they are counted.
const NAMED: usize = 6;
/// How much of a quote is shown.
const QUOTE: usize = 160;

/// The whole answer.
pub fn render(report: &Report) -> String {
    let mut text: Vec<String> = report.findings.iter().map(finding).collect();
    text.extend(report.unexplained.iter().map(unexplained));
    if !report.unknown.is_empty() {
        let needs = fold(&report.unknown).into_iter().map(|need| format!("  {need}\n"));
        text.push(format!("COULD NOT LOOK\n{}", needs.collect::<String>()));
    }
    if text.is_empty() {
        text.push(format!(
            "nothing is wrong with what was looked at: {} objects, {} logs\n",
            report.looked_at.objects, report.looked_at.logs
        ));
    }
    text.join("\n")
}

/// An object as people name it: `deployment/web in shop`.
pub fn name(id: &Ref) -> String {
    let within = if is_fact(&id.kind) { "on" } else { "in" };
    let place = if id.namespace.is_empty() { String::new() } else { format!(" {within} {}", id.namespace) };
    format!("{}/{}{place}", id.kind.to_lowercase(), id.name)
}

fn finding(finding: &Finding) -> String {
    let sure = match finding.confidence {
        Confidence::Proven => "proven",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    };
    let mut text = format!("ROOT  {}  {}  {sure}\n", finding.code, name(&finding.object));
    text.push_str(&format!("  {}\n", finding.says));
    if let Some(since) = &finding.since {
        text.push_str(&format!("  since    {since}\n"));
    }
    for proof in &finding.proofs {
        text.push_str(&format!("  proof    {}  \"{}\"\n", proof.at, quote(&proof.saw)));
    }
    if !finding.explains.is_empty() {
        text.push_str(&format!("  explains {}\n", chain(&finding.explains)));
    }
    text.push_str(&format!("  refuted  by {}\n", finding.refuted_by));
    let verified = if finding.fix.verified { "  (with this the finding is gone)" } else { "" };
    text.push_str(&format!("  fix      {}{verified}\n", finding.fix.text));
    text
}

fn unexplained(one: &Unexplained) -> String {
    let mut text = format!("UNEXPLAINED  {}  {}\n", name(&one.object), one.effect);
    if let Some(says) = &one.says {
        text.push_str(&format!("  {says}\n"));
    }
    for proof in &one.proofs {
        text.push_str(&format!("  saw      {}  \"{}\"\n", proof.at, quote(&proof.saw)));
    }
    text.push_str(&format!("  try      {}\n", one.test));
    text
}

/// Consequences: pods are counted, others are named.
fn chain(explains: &[Explained]) -> String {
    let (pods, others): (Vec<_>, Vec<_>) = explains.iter().partition(|one| one.object.kind == "Pod");
    let mut parts: Vec<String> =
        others.iter().take(NAMED).map(|one| format!("{} ({})", name(&one.object), one.effect)).collect();
    if others.len() > NAMED {
        parts.push(format!("{} more", others.len() - NAMED));
    }
    if let Some(first) = pods.first() {
        let effects = format!("{} pod{} ({})", pods.len(), if pods.len() == 1 { "" } else { "s" }, first.effect);
        parts.push(effects);
    }
    parts.join(", ")
}

/// One line, not too long.
fn quote(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= QUOTE {
        return line;
    }
    let end: String = line.chars().rev().take(QUOTE / 2).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{} … {end}", line.chars().take(QUOTE / 2).collect::<String>())
}
