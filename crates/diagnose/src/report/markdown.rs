//! The answer as Markdown, for an issue or a chat.

use super::Report;
use super::text::name;

/// The whole answer.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        text.push_str(&format!("## `{}` {}\n\n{}\n\n", finding.code, name(&finding.object), finding.says));
        for proof in &finding.proofs {
            text.push_str(&format!("- `{}`: `{}`\n", proof.at, proof.saw.replace('`', "'").replace('\n', " ")));
        }
        for one in &finding.explains {
            text.push_str(&format!("- explains {} ({})\n", name(&one.object), one.effect));
        }
        text.push_str(&format!("\nFix: {}\n\n", finding.fix.text));
    }
    for one in &report.unexplained {
        text.push_str(&format!("## Unexplained: {}\n\n{}. Try `{}`.\n\n", name(&one.object), one.effect, one.test));
    }
    for need in &report.unknown {
        text.push_str(&format!("- could not look: {need}\n"));
    }
    if text.is_empty() {
        text.push_str("Nothing is wrong with what was looked at.\n");
    }
    text
}
