//! The answer as Markdown, for an issue or a chat: the same as for a terminal, in the same order.

use super::text::{chain, name, nothing};
use super::{Finding, Report, Unexplained};
use crate::snapshot::{Proof, fold};

/// The whole answer.
pub fn render(report: &Report) -> String {
    let mut text: String = report.findings.iter().map(finding).collect();
    text.extend(report.unexplained.iter().map(unexplained));
    if !report.unknown.is_empty() {
        text.push_str("## Could not look\n\n");
        text.extend(fold(&report.unknown).into_iter().map(|need| format!("- {}\n", plain(&need))));
    }
    if text.is_empty() {
        text.push_str(&nothing(report));
    }
    text
}

fn finding(finding: &Finding) -> String {
    let sure = finding.confidence.words();
    let mut text = format!("## `{}` {} ({sure})\n\n", finding.code, plain(&name(&finding.object)));
    text.push_str(&format!("{}\n\n", plain(&finding.says)));
    if let Some(since) = &finding.since {
        text.push_str(&format!("- since {since}\n"));
    }
    finding.proofs.iter().for_each(|one| text.push_str(&proof("proof", one)));
    if !finding.explains.is_empty() {
        text.push_str(&format!("- explains {}\n", plain(&chain(&finding.explains))));
    }
    text.push_str(&format!("- refuted by {}\n", plain(finding.refuted_by)));
    let verified = if finding.fix.verified { " (with this the finding is gone)" } else { "" };
    text.push_str(&format!("\n**Fix:** {}{verified}\n\n", plain(&finding.fix.text)));
    text
}

fn unexplained(one: &Unexplained) -> String {
    let mut text = format!("## Unexplained: {}, {}\n\n", plain(&name(&one.object)), one.effect);
    if let Some(says) = &one.says {
        text.push_str(&format!("{}\n\n", plain(says)));
    }
    one.proofs.iter().for_each(|one| text.push_str(&proof("saw", one)));
    text.push_str(&format!("\n**Try:** `{}`\n\n", code(&one.test)));
    text
}

fn proof(word: &str, proof: &Proof) -> String {
    format!("- {word} `{}`: `{}`\n", code(&proof.at), code(&super::text::quote(&proof.saw)))
}

/// One line that ends where its marks end; an empty one needs something between them.
fn code(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "'");
    if line.is_empty() { " ".to_owned() } else { line }
}

/// One line in which no letter begins a tag or a mark; commands in it stay code.
fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let marks = line.matches('`').count();
    let parts = line.split('`').enumerate().map(|(at, part)| match at % 2 {
        // Between two marks all stands as it is.
        1 if at < marks => part.to_owned(),
        _ => part.replace('&', "&amp;").replace('<', "&lt;").replace('*', "\\*").replace('|', "\\|"),
    });
    parts.collect::<Vec<_>>().join("`")
}
