//! Filters that nobody wrote: bracketed expressions from what sysdig 0.29.3 can parse, over one recording.

use fathom_trace::fields::rows;
use fathom_trace::format;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::reference::{ours, recordings, theirs};

/// Fields of every kind with values that some event of the recording has, and some that none has.
const FIELDS: &[(&str, &[&str])] = &[
    ("evt.type", &["open", "read", "write", "close", "mmap"]),
    ("evt.dir", &["<", ">"]),
    ("evt.num", &["10", "25", "40"]),
    ("evt.rawres", &["0", "-2", "11"]),
    ("evt.res", &["SUCCESS", "ENOENT", "EIO"]),
    ("evt.is_io", &["true", "false"]),
    ("evt.failed", &["true", "false"]),
    ("evt.buflen", &["5", "200"]),
    ("evt.latency", &["1000", "0"]),
    ("evt.arg.fd", &["3", "10"]),
    ("fd.name", &["/etc/passwd", "/tmp/a/c", "/home/notes.txt", "x"]),
    ("fd.num", &["3", "5", "10"]),
    ("fd.type", &["file", "ipv4", "pipe"]),
    ("fd.sport", &["80", "443"]),
    ("fd.cip", &["10.0.0.1", "10.0.0.9"]),
    ("fd.snet", &["10.0.0.0/8", "192.168.0.0/16"]),
    ("proc.name", &["sh", "ls", "init"]),
    ("proc.pid", &["100", "101"]),
    ("proc.cmdline", &["ls -l", "sh"]),
    ("proc.aname[1]", &["sh", "init"]),
    ("proc.nthreads", &["1", "2"]),
    ("thread.ismain", &["true", "false"]),
    ("user.name", &["root", "nobody"]),
];

/// Operators for text, and for everything.
const TEXTUAL: &[&str] = &["contains", "startswith", "endswith", "icontains", "glob"];
const NUMERIC: &[&str] = &["<", "<=", ">", ">="];

fn is_number(value: &str) -> bool {
    value.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
}

fn check() -> impl Strategy<Value = String> {
    let field = prop::sample::select(FIELDS);
    (field, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..5_u8).prop_map(
        |((name, values), at, which, way)| {
            let value = at.get(values);
            let more = if is_number(value) { NUMERIC } else { TEXTUAL };
            // Truth, addresses, networks and ports have no order and no parts.
            let plain = ["evt.is_io", "evt.failed", "thread.ismain", "fd.cip", "fd.snet", "evt.dir"].contains(&name);
            match way {
                0 => format!("{name} exists"),
                1 if name != "fd.snet" => format!(
                    "{name} in ({})",
                    values.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", ")
                ),
                2 => format!("{name} != \"{value}\""),
                3 if !plain => format!("{name} {} \"{value}\"", which.get(more)),
                _ => format!("{name} = \"{value}\""),
            }
        },
    )
}

fn filter() -> impl Strategy<Value = String> {
    let grown = |inner: BoxedStrategy<String>| {
        let many = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            (many, any::<bool>()).prop_map(|(all, and)| format!("({})", all.join(if and { " and " } else { " or " }))),
            inner.prop_map(|one| format!("(not {one})")),
        ]
        .boxed()
    };
    let leaf = check().prop_map(|one| format!("({one})"));
    leaf.prop_recursive(3, 12, 3, move |inner| grown(inner.boxed()))
}

#[test]
fn what_nobody_wrote_lets_the_same_events_pass() {
    let Some(recordings) = recordings() else { return };
    assert!(FIELDS.iter().all(|(name, _)| rows().any(|row| name.starts_with(row.name))));
    let file = recordings.named("tale.scap").unwrap();
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&filter(), |filter| {
        let (theirs, ours) = (theirs(file, &[&filter]), ours(file, format::DEFAULT, &filter, |_| {}));
        let shown = |lines: &[Vec<u8>]| String::from_utf8_lossy(&lines.join(&b'\n')).into_owned();
        prop_assert!(theirs == ours, "{}\nsysdig\n{}\nours\n{}", filter, shown(&theirs), shown(&ours));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
