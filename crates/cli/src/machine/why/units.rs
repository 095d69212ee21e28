//! What systemd knows of its services and no file tells: which it has given up, which it starts again and again, and
//! what those wrote into its journal. Asked of its own programs; none of them is waited for long.

use std::path::Path;

use fathom_host::facts::journal;
use fathom_model::fact::Topic;
use fathom_model::{Fact, Facts};
use serde_json::Value;

use super::programs::here;

/// There where systemd is what runs services (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";

/// Asks for units that failed, one per line.
const FAILED: &[&str] = &["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager"];

/// What is asked of each service that matters, and how a fact calls it.
const PROPERTIES: &[(&str, &str)] = &[
    ("ActiveState", "active"),
    ("SubState", "sub"),
    ("Result", "result"),
    ("NRestarts", "restarts"),
    ("ExecMainStartTimestampMonotonic", "began"),
];

/// The end of a journal is enough.
const LINES: &str = "200";

/// Of so many units that failed the journal is read.
const MOST: usize = 5;

/// Adds what systemd says, where it runs the machine.
pub(super) fn read(facts: &mut Facts) {
    if !Path::new(BOOTED).exists() {
        return;
    }
    let failed = here(FAILED);
    match &failed {
        Some(text) => facts.add(Fact::of(Topic::Output, FAILED.join(" "), [("value", text.trim_end().into())])),
        None => facts.lack("list the units of systemd that failed", "systemctl is not there, or does not answer"),
    }
    let kept = facts.facts.iter().filter(|fact| fact.topic == Topic::Unit).map(|fact| fact.name.clone());
    let mut units: Vec<String> = kept.collect();
    states(&units, facts);
    let failed = failed.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_whitespace().next());
    let failed: Vec<String> = failed.filter(|name| !units.iter().any(|unit| unit == name)).map(str::to_owned).collect();
    units.extend(failed.into_iter().take(MOST));
    for unit in units {
        // A journal that does not answer once will not answer for the next unit.
        if !wrote(&unit, facts) {
            break;
        }
    }
}

/// Adds to each service how systemd sees it.
fn states(units: &[String], facts: &mut Facts) {
    let Some((first, rest)) = units.split_first() else { return };
    let names: Vec<&str> = PROPERTIES.iter().map(|(name, _)| *name).collect();
    let property = format!("--property=Id,{}", names.join(","));
    let words = ["systemctl", "show", property.as_str(), first].into_iter().chain(rest.iter().map(String::as_str));
    let Some(text) = here(&words.collect::<Vec<_>>()) else { return };
    let uptime = std::fs::read_to_string("/proc/uptime").ok();
    let uptime = uptime.and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or_default() as u64;
    absorb(&text, uptime, facts);
}

/// `NAME=VALUE`, one per line, and an empty line between units.
fn absorb(text: &str, uptime: u64, facts: &mut Facts) {
    for block in text.split("\n\n") {
        let value = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let own = |fact: &&mut Fact| fact.topic == Topic::Unit && Some(fact.name.as_str()) == value("Id");
        let Some(fact) = facts.facts.iter_mut().find(own) else { continue };
        for (name, key) in PROPERTIES {
            let Some(word) = value(name).filter(|word| !word.is_empty()) else { continue };
            let told: Value = word.parse::<u64>().map_or_else(|_| word.into(), Value::from);
            fact.body.insert((*key).to_owned(), told);
        }
        // Microseconds since the machine was started; none is told as 0.
        let began = fact.body.remove("began").and_then(|began| began.as_u64()).filter(|began| *began > 0);
        if let Some(began) = began {
            fact.body.insert("up".to_owned(), uptime.saturating_sub(began / 1_000_000).into());
        }
    }
}

/// Adds what a unit wrote that means trouble; whether the journal could be asked.
fn wrote(unit: &str, facts: &mut Facts) -> bool {
    let words = ["journalctl", "--unit", unit, "--lines", LINES, "--output", "json", "--no-pager"];
    let Some(text) = here(&words) else {
        facts.lack(format!("read the journal of {unit}"), "journalctl is not there, or does not answer");
        return false;
    };
    if text.trim().is_empty() {
        facts.lack(format!("read the journal of {unit}"), "it holds no line of it that may be read");
        return true;
    }
    let lines = journal::lines(&text, facts.taken);
    facts.add(Fact::of(Topic::Output, words.join(" "), [("unit", unit.into()), ("value", lines)]));
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_systemd_says_of_a_unit_stands_beside_what_is_seen_of_it() {
        let mut facts = Facts::default();
        for name in ["containerd.service", "kubelet.service"] {
            facts.add(Fact::of(Topic::Unit, name, [("runs", true.into())]));
        }
        let text = "Result=success\nNRestarts=0\nExecMainStartTimestampMonotonic=0\nId=containerd.service\nActiveState=failed\n\n\
                    Result=exit-code\nNRestarts=57\nExecMainStartTimestampMonotonic=995000000\nId=kubelet.service\nSubState=auto-restart\n\n\
                    Id=other.service\nNRestarts=1\n";
        absorb(text, 1000, &mut facts);
        let body = |at: usize| Value::Object(facts.facts[at].body.clone());
        assert_eq!(body(0), json!({"runs": true, "active": "failed", "result": "success", "restarts": 0}));
        assert_eq!(
            body(1),
            json!({"runs": true, "sub": "auto-restart", "result": "exit-code", "restarts": 57, "up": 5})
        );
    }
}
