//! What a service wrote into the journal of systemd that means trouble.
//!
//! From what `journalctl --output json` prints, one object per line (systemd.journal-fields(7)), to the lines worth
//! keeping, the oldest first: how long ago, in which run of the service, and what.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Priorities of syslog up to this one are errors.
const WORST: u8 = 3;

/// Words of lines that are kept though they are called warnings, or less.
const KEPT: &[&str] = &["failed to load plugin", "is expired", "fatal", "panic:", "level=error", "\"level\":\"error\""];

/// Programs that end with a word say it behind their own name.
const SPEAKERS: &[&str] = &["Error: ", "containerd: ", "crio: ", "dockerd: ", "kubelet: ", "unable to configure "];

/// So many lines are kept, the latest, and so many letters of each.
const MOST: usize = 120;
const LONGEST: usize = 1000;

/// The manager itself tells when it starts and ends a service; that is asked of it elsewhere.
const MANAGER: &str = "1";

/// The lines that mean trouble, with the seconds since then. Runs are counted from the last one, which is 0.
pub fn lines(printed: &str, now: u64) -> Value {
    let entries = printed.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut runs, mut run, mut kept): (BTreeMap<String, usize>, usize, Vec<Value>) = (BTreeMap::new(), 0, Vec::new());
    for entry in entries {
        let word = |name: &str| entry.get(name).and_then(Value::as_str);
        if let Some(id) = word("_SYSTEMD_INVOCATION_ID").or_else(|| word("INVOCATION_ID")) {
            let next = runs.len();
            run = *runs.entry(id.to_owned()).or_insert(next);
        }
        let Some(text) = entry.get("MESSAGE").and_then(text) else { continue };
        let level = word("PRIORITY").and_then(|level| level.parse::<u8>().ok());
        if kept.len() < MOST && word("_PID") != Some(MANAGER) && is_trouble(&text, level) {
            let moment = word("__REALTIME_TIMESTAMP").and_then(|micros| micros.parse::<u64>().ok());
            let ago = moment.map(|micros| now.saturating_sub(micros / 1_000_000));
            kept.push(json!({"ago": ago, "run": run, "text": text}));
        }
    }
    kept.reverse();
    Value::Array(kept)
}

/// What is no text is printed as its bytes, and what is too long as nothing.
fn text(message: &Value) -> Option<String> {
    let whole = match message {
        Value::String(text) => text.clone(),
        Value::Array(bytes) => {
            let bytes = bytes.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect::<Vec<u8>>();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => return None,
    };
    Some(whole.trim().chars().take(LONGEST).collect())
}

/// Programs write to their stderr what syslog's priorities know nothing of: klog has the level in front, `E1121 22:52:54`.
fn is_trouble(text: &str, level: Option<u8>) -> bool {
    let by_klog = |text: &[u8]| matches!(text, [b'E' | b'F', date @ .., ] if date.len() > 4 && date[..4].iter().all(u8::is_ascii_digit) && date[4] == b' ');
    level.is_some_and(|level| level <= WORST)
        || by_klog(text.as_bytes())
        || SPEAKERS.iter().any(|name| text.starts_with(name))
        || KEPT.iter().any(|word| super::has(text, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(seconds: u64, run: &str, pid: &str, message: Value) -> String {
        json!({"__REALTIME_TIMESTAMP": format!("{}", seconds * 1_000_000), "_SYSTEMD_INVOCATION_ID": run, "_PID": pid,
            "PRIORITY": "6", "MESSAGE": message})
        .to_string()
    }

    #[test]
    fn what_means_trouble_is_kept_with_its_run_and_its_age() {
        let fatal = "E1121 22:52:54.123456    7 run.go:74] \"command failed\" err=\"failed to run Kubelet\"";
        let printed = [
            entry(100, "a", "7", fatal.into()),
            entry(110, "b", "8", "I1121 22:53:04.1    8 server.go:1] \"Kubelet version\"".into()),
            entry(111, "b", "8", fatal.into()),
            entry(112, "b", "1", "kubelet.service: Failed with result 'exit-code'.".into()),
            entry(120, "c", "9", json!([101, 58, 32, 112, 97, 110, 105, 99, 58, 32, 255])),
            entry(121, "c", "9", Value::Null),
            "{ cut".to_owned(),
        ];
        let kept = lines(&printed.join("\n"), 130);
        let seen: Vec<_> = kept.as_array().into_iter().flatten().map(|line| (&line["ago"], &line["run"])).collect();
        assert_eq!(seen, [(&json!(30), &json!(2)), (&json!(19), &json!(1)), (&json!(10), &json!(0))]);
        assert_eq!(kept[2]["text"], "e: panic: \u{fffd}");
    }

    #[test]
    fn levels_are_read_as_programs_write_them() {
        for (text, level, expect) in [
            ("E0101 00:00:00.1  1 x.go:1] \"x\"", Some(6), true),
            ("W0101 00:00:00.1  1 x.go:1] \"x\"", Some(6), false),
            ("Exit", None, false),
            ("time=\"2026-01-01T00:00:00Z\" level=fatal msg=\"x\"", Some(6), true),
            ("time=\"2026-01-01T00:00:00Z\" level=info msg=\"x\"", Some(6), false),
            ("containerd: failed to load TOML: /etc/containerd/config.toml: (3, 1)", Some(6), true),
            ("anything", Some(3), true),
            ("", None, false),
        ] {
            assert_eq!(is_trouble(text, level), expect, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\{\"MESSAGE\":.{0,40}\\}|.{0,60}\n){0,4}") {
            lines(&text, 0);
            is_trouble(&text, None);
        }
    }
}
