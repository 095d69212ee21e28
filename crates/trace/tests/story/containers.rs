//! Containers that a recording describes, and whose threads those are that run in their cgroups.

use fathom_scap::{Reader, Tolerance};
use fathom_trace::{Format, Lines};

use crate::tale::Value::{Bytes, I64, Text, U32, U64};
use crate::tale::{CHILD, SHELL, Tale};

fn lines(tale: Tale) -> Vec<String> {
    let mut reader = Reader::new(&tale.capture.0, Tolerance::Strict).unwrap();
    let mut text = Vec::new();
    let format = Format::parse("*%evt.type %proc.name %container.id %container.name").unwrap();
    Lines::new(format).write(&mut reader, &mut text, None).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    // The descriptions themselves are events too.
    text.lines().filter(|line| !line.starts_with("container ")).map(str::to_owned).collect()
}

/// `tid` executes a program in these cgroups.
fn exec(tale: Tale, tid: i64, comm: &str, cgroups: &str) -> Tale {
    let mut params = vec![I64(0), Text(comm), Bytes(b""), I64(tid), I64(tid), I64(1), Text("")];
    params.extend([U64(1024), U64(1), U64(2), U32(4000), U32(300), U32(0), Text(comm), Bytes(cgroups.as_bytes())]);
    params.extend([Bytes(b"A=b\0"), U32(0)]);
    tale.event(tid, 289, &params)
}

fn described(tale: Tale, json: &str) -> Tale {
    tale.event(0, 272, &[Text(json)])
}

const WEB: &str = r#"{"container":{"id":"web","name":"shop-web","type":5,"cgroup":"/jobs/web"}}"#;

#[test]
fn a_cgroup_that_a_description_names_is_the_container_s() {
    let begun = exec(Tale::begin(), SHELL, "early", "cpu=/\0memory=/jobs/web\0");
    let told = exec(described(begun, WEB), CHILD, "late", "cpu=/jobs/web/inner\0");
    let told = exec(told, CHILD, "other", "cpu=/jobs/web2\0").read(SHELL, 3, b"x");
    assert_eq!(
        lines(told),
        [
            "execve early host host",
            "execve late web shop-web",
            "execve other host host",
            "read early web shop-web",
            "read early web shop-web",
        ]
    );
}

#[test]
fn an_id_in_the_cgroup_s_own_name_comes_first() {
    let id = "4f".repeat(32);
    let json = format!(r#"{{"container":{{"id":"other","name":"other","type":5,"cgroup":"/docker/{id}"}}}}"#);
    let told = exec(described(Tale::begin(), &json), CHILD, "late", &format!("cpu=/docker/{id}\0"));
    let all = lines(told);
    assert!(matches!(all.as_slice(), [line] if line.starts_with(&format!("execve late {} ", &id[..12]))), "{all:?}");
}

#[test]
fn many_descriptions_keep_nobody_waiting() {
    let mut tale = exec(Tale::begin(), SHELL, "sh", "cpu=/jobs/5000\0");
    for number in 0..6000 {
        let json = format!(r#"{{"container":{{"id":"{number}","name":"n{number}","cgroup":"/jobs/{number}"}}}}"#);
        tale = described(tale, &json);
    }
    // More than any machine has are not believed.
    assert_eq!(lines(tale.read(SHELL, 3, b"x")).pop().unwrap(), "read sh host host");
}
