//! Filters, formats and recordings that mean harm: a megabyte of words, names that are no text, threads and descriptors
//! without end. All of them are answered, soon and with little memory.

use fathom_scap::{Reader, Tolerance};
use fathom_testkit::capture::{Capture, Runs};
use fathom_testkit::memory;
use fathom_trace::{Fields, Format, Json, Lines, format};

/// What a recording looks like.
fn shown(capture: &Capture, format: &str, json: Json) -> String {
    let mut reader = Reader::new(&capture.0, Tolerance::Strict).unwrap();
    let mut lines = Lines::new(Format::parse(format).unwrap());
    lines.style.json = json;
    let mut text = Vec::new();
    lines.write(&mut reader, &mut text, None).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// So often that it is a megabyte.
fn megabyte(text: &str) -> String {
    text.repeat((1 << 20) / text.len() + 1)
}

#[test]
fn a_format_of_a_megabyte_is_answered() {
    let peak = memory::peak();
    for text in ["\\", "%4096proc.aname[", "\u{e4}"] {
        assert!(Format::parse(&megabyte(text)).is_ok(), "{text}");
    }
    for (text, expected) in [
        ("%evt.nmu ", "did you mean `%evt.num`?"),
        ("%", "a field is missing behind `%`"),
        ("%evt.arg.nmae ", "did you mean `%evt.arg.name`?"),
        ("%evt.around[1] ", "can be compared with, and not shown"),
    ] {
        let said = Format::parse(&megabyte(text)).err().map(|mistakes| mistakes.to_string()).unwrap_or_default();
        assert!(said.contains(expected) && said.len() < 20_000, "{text}: {said:.2000}");
        assert!(said.ends_with("more mistakes"), "{text}");
    }
    memory::assert_grew_at_most(peak, 400);
}

#[test]
fn a_filter_of_a_megabyte_is_answered() {
    let peak = memory::peak();
    let filter = vec!["evt.type=open"; (1 << 20) / 17 + 1].join(" or ");
    assert!(fathom_filter::compile(&filter, &Fields).is_ok());
    for text in ["evt.tpye=open or ", "evt.arg.nmae=1 and ", "not ", "tolower(", "||"] {
        let said = fathom_filter::compile(&megabyte(text), &Fields).unwrap_err().to_string();
        assert!(said.len() < 20_000, "{text}: {said:.2000}");
    }
    for (open, close) in [("not (", ")"), ("join(',', (", "))")] {
        let deep = format!("{}proc.name{}=x", open.repeat(10_000), close.repeat(10_000));
        let said = fathom_filter::compile(&deep, &Fields).unwrap_err().to_string();
        assert!(said.contains("nested more than 200 deep"), "{open}: {said}");
    }
    memory::assert_grew_at_most(peak, 400);
}

#[test]
fn names_need_not_be_text() {
    let name: &[u8] = b"a\xff\xfe\x1b[31m\"\\\n\x07b\0c\0";
    let fd = 3_i64.to_le_bytes();
    let container = b"{\"container\":{\"id\":\"0123456789ab\",\"name\":\"\\u0000\\ud800\",\"labels\":{\"\":null}}}\0";
    let mut capture = Capture::default().begin(&[Runs { tid: 42, ptid: 1, comm: "a\u{1}\0\"\\b", cwd: "\0" }]);
    capture = capture.event(272, &[container]).event(272, &[b"{\"container\":\xff}\0"]).event(272, &[b"[[[["]);
    capture = capture.event(2, &[name, &[0; 4], &[0; 4]]).event(3, &[&fd, name, &[1, 0, 0, 0], &[0; 4]]);
    capture = capture.event(8, &[&fd, &[9, 0, 0, 0]]).event(9, &[&[9, 0, 0, 0, 0, 0, 0, 0], name]);
    let text = shown(&capture, format::DEFAULT, Json::No);
    assert!(text.contains("< open fd=3") && !text.contains('\u{1b}') && !text.contains('\u{7}'), "{text}");
    for line in shown(&capture, "*%evt.num %fd.name %fd.nameraw %proc.name %evt.args %evt.buffer", Json::Yes).lines() {
        let value: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(value.is_ok(), "{line}: {value:?}");
    }
}

#[test]
fn threads_and_descriptors_without_end_take_a_bounded_place() {
    let peak = memory::peak();
    let mut capture = Capture::default().begin(&[Runs { tid: 42, ptid: 1, comm: "sh", cwd: "/" }]);
    for tid in 0..200_000_i64 {
        capture = capture.event_of(1000 + tid, 0, 4, &[&tid.to_le_bytes()]);
    }
    for fd in 0..100_000_i64 {
        let opened: &[&[u8]] = &[&fd.to_le_bytes(), b"/a/path/that/is/some/bytes/long\0", &[1, 0, 0, 0], &[0; 4]];
        capture = capture.event(2, &opened[1..]).event(3, opened);
    }
    let mut reader = Reader::new(&capture.0, Tolerance::Strict).unwrap();
    let counts = Lines::new(Format::parse("%evt.num").unwrap()).write(&mut reader, &mut std::io::sink(), None).unwrap();
    assert_eq!(counts.passed, 400_000);
    memory::assert_grew_at_most(peak, 300);
}

/// Parents in a ring, and a line of parents longer than anybody waits for.
#[test]
fn families_may_be_rings() {
    let ring = [Runs { tid: 42, ptid: 43, comm: "a", cwd: "/" }, Runs { tid: 43, ptid: 42, comm: "b", cwd: "/" }];
    let capture = Capture::default().begin(&ring).event(4, &[&[0; 8]]);
    let text = shown(
        &capture,
        "*%proc.aname[99999999] %proc.aname[-5] %proc.sname %proc.pgid.name %proc.loginshellid",
        Json::No,
    );
    assert!(!text.is_empty());
    assert!(shown(&capture, "*%proc.acmdline", Json::No).len() < 1 << 20);
    let line: Vec<_> =
        (0..20_000).map(|tid| Runs { tid: 100_000 - tid, ptid: 99_999 - tid, comm: "sh", cwd: "/" }).collect();
    let mut capture = Capture::default().begin(&line);
    for _ in 0..20 {
        capture = capture.event_of(100_000, 0, 4, &[&[0; 8]]);
    }
    let text = shown(&capture, "*%proc.aname[19999] %proc.loginshellid %proc.aenv[X] %proc.sname", Json::No);
    assert_eq!(text.lines().count(), 20);
}
