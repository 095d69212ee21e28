//! The answer for a terminal: root, proofs, chain, what would refute it, the mend.

use std::collections::{BTreeMap, BTreeSet};

use super::{Explained, Finding, Report, Unexplained};
use crate::object::Ref;
use crate::quantity::counted;
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
        text.push(nothing(report));
    }
    text.join("\n")
}

/// That there is nothing to say.
pub(super) fn nothing(report: &Report) -> String {
    let (objects, logs) = (counted(report.looked_at.objects, "object"), counted(report.looked_at.logs, "log"));
    format!("nothing is wrong with what was looked at: {objects}, {logs}\n")
}

/// An object as people name it: `deployment/web in shop`.
pub fn name(id: &Ref) -> String {
    let within = if is_fact(&id.kind) { "on" } else { "in" };
    let place = if id.namespace.is_empty() { String::new() } else { format!(" {within} {}", id.namespace) };
    format!("{}/{}{place}", id.kind.to_lowercase(), id.name)
}

fn finding(finding: &Finding) -> String {
    let sure = finding.confidence.words();
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

/// Consequences: pods are counted, others are named; one that suffers in several ways is one.
pub(super) fn chain(explains: &[Explained]) -> String {
    let mut effects: BTreeMap<&Ref, BTreeSet<&str>> = BTreeMap::new();
    for one in explains {
        effects.entry(&one.object).or_default().insert(&one.effect);
    }
    let (pods, others): (Vec<_>, Vec<_>) = effects.into_iter().partition(|(object, _)| object.kind == "Pod");
    let list = |effects: &BTreeSet<&str>| effects.iter().copied().collect::<Vec<_>>().join(", ");
    let mut parts: Vec<String> =
        others.iter().take(NAMED).map(|(object, effects)| format!("{} ({})", name(object), list(effects))).collect();
    if others.len() > NAMED {
        parts.push(format!("{} more", others.len() - NAMED));
    }
    if !pods.is_empty() {
        let all: BTreeSet<&str> = pods.iter().flat_map(|(_, effects)| effects.iter().copied()).collect();
        parts.push(format!("{} ({})", counted(pods.len(), "pod"), list(&all)));
    }
    parts.join(", ")
}

/// One line, not too long.
pub(super) fn quote(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= QUOTE {
        return line;
    }
    let end: String = line.chars().rev().take(QUOTE / 2).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{} … {end}", line.chars().take(QUOTE / 2).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pod_is_counted_once_and_numbers_agree_with_nouns() {
        let one = |kind: &str, name: &str, effect: &str| Explained {
            object: Ref::new(kind, "shop", name),
            effect: effect.to_owned(),
        };
        let pod = |name: &str, effect: &str| one("Pod", name, effect);
        let cases = [
            (vec![pod("a", "crashing")], "1 pod (crashing)"),
            (vec![pod("a", "crashing"), pod("a", "not ready")], "1 pod (crashing, not ready)"),
            (vec![pod("a", "crashing"), pod("b", "not ready"), pod("b", "crashing")], "2 pods (crashing, not ready)"),
            (
                vec![one("Service", "web", "leads nowhere"), one("Service", "web", "no ready endpoints")],
                "service/web in shop (leads nowhere, no ready endpoints)",
            ),
        ];
        for (explains, expect) in cases {
            assert_eq!(chain(&explains), expect);
        }
        let many: Vec<Explained> = (0..9).map(|at| one("Service", &format!("s{at}"), "leads nowhere")).collect();
        assert!(chain(&many).ends_with("service/s5 in shop (leads nowhere), 3 more"), "{}", chain(&many));
    }
}
