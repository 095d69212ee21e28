//! `fathom doctor` on this machine, on older kernels, without rights, and with an engine that is dead.

use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use fathom_testkit::kernel::{Call, without};
use fathom_testkit::{Need, Scratch, needs};

use crate::support::{Ended, Machine, ended};

/// Every line of `-o json`.
fn rows(got: &Ended) -> Vec<serde_json::Value> {
    let rows: Vec<_> =
        got.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect();
    assert!(!rows.is_empty(), "{got:?}");
    rows
}

fn row<'a>(rows: &'a [serde_json::Value], name: &str) -> &'a serde_json::Value {
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no row {name} in {rows:?}"))
}

#[test]
fn it_says_the_same_in_every_format_and_as_status() {
    needs!(Need::Root);
    let machine = Machine::new();
    let json = machine.run(["doctor", "-o", "json"]);
    let rows = rows(&json);
    let any = |state| rows.iter().any(|row| row["state"] == state);
    assert_eq!(json.status, if any("blocks") { 5 } else { i32::from(any("gap")) }, "{json:?}");
    assert_eq!(row(&rows, "open_tree")["state"], "works");
    assert_eq!(row(&rows, "mini")["state"], "works");
    for row in &rows {
        let gap = row["state"] == "gap" || row["state"] == "blocks";
        assert!(!gap || row["remedy"].is_string(), "a gap without a remedy: {row}");
    }
    let table = machine.run(["doctor"]);
    assert!(table.stdout.starts_with("NAME"), "{table:?}");
    for row in &rows {
        let name = row["name"].as_str().expect("a name is text");
        assert!(table.stdout.contains(name), "{name} is not in {table:?}");
    }
    machine.assert_clean();
}

#[test]
fn a_missing_call_is_a_row_with_what_is_lost() {
    needs!(Need::Root);
    let machine = Machine::new();
    let usual = rows(&machine.run(["doctor", "-o", "json"]));
    let others = |rows: &[serde_json::Value]| usual.iter().filter(|row| !rows.contains(row)).count();
    for (call, name, state, status) in [
        (Call::OpenTree, "open_tree", "blocks", Some(5)),
        (Call::MountSetattr, "mount_setattr", "gap", Some(1)),
        (Call::CloseRange, "close_range", "absent", None),
    ] {
        let mut command = machine.fathom(["doctor", "-o", "json"]);
        let got = ended(without(call, move || command.output().expect("fathom runs")));
        let rows = rows(&got);
        let row = row(&rows, name);
        assert_eq!(row["state"], state, "{got:?}");
        assert!(row["remedy"].is_string() && row["cause"].is_string() && row["since"].is_string(), "{row}");
        assert!(status.is_none_or(|status| status == got.status), "{got:?}");
        assert_eq!(others(&rows), 1, "{call:?}: {rows:?}");
    }
}

#[test]
fn without_rights_nothing_can_be_entered_and_it_says_what_to_do() {
    needs!(Need::Root, Need::Program("setpriv"));
    let folder = Scratch::new("program");
    let program = folder.join("fathom");
    std::fs::copy(env!("CARGO_BIN_EXE_fathom"), &program).expect("it can be copied");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "1000", "--regid", "1000", "--clear-groups"]).arg(&program);
    command.args(["doctor", "-o", "json"]).stdin(Stdio::null());
    let got = ended(command.output().expect("setpriv runs"));
    let rows = rows(&got);
    assert_eq!(got.status, 5, "{got:?}");
    let row = row(&rows, "CAP_SYS_ADMIN");
    assert_eq!(row["state"], "blocks");
    assert!(row["remedy"].as_str().is_some_and(|remedy| remedy.contains("root")), "{row}");
}

#[test]
fn an_engine_that_is_dead_or_silent_is_a_gap() {
    let (machine, folder) = (Machine::new(), Scratch::new("engine"));
    // One socket nobody listens at, and one where somebody listens and never answers.
    drop(UnixListener::bind(folder.join("dead.sock")).expect("a socket can be made"));
    let _silent = UnixListener::bind(folder.join("silent.sock")).expect("a socket can be made");
    for (name, cause) in [("dead.sock", "cannot reach"), ("silent.sock", "did not answer")] {
        let socket = folder.join(name);
        let mut command = machine.fathom(["doctor", "-o", "json"]);
        let got =
            ended(command.env("DOCKER_HOST", format!("unix://{}", socket.display())).output().expect("fathom runs"));
        let rows = rows(&got);
        let row = row(&rows, &socket.display().to_string());
        assert_eq!((&row["area"], &row["state"]), (&"engine".into(), &"gap".into()), "{row}");
        assert!(row["cause"].as_str().is_some_and(|text| text.contains(cause)) && row["remedy"].is_string(), "{row}");
        assert_ne!(got.status, 0, "{got:?}");
    }
}

#[test]
fn what_tracing_lacks_is_a_row_with_a_remedy() {
    needs!(Need::Root, Need::Program("setpriv"), Need::Program("unshare"));
    let doctor = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args([env!("CARGO_BIN_EXE_fathom"), "doctor", "-o", "json"]);
        rows(&ended(command.stdin(Stdio::null()).output().expect("it can be started")))
    };
    let here = doctor(&["env"]);
    assert_eq!(row(&here, "rights to trace")["state"], "works");
    assert_eq!(row(&here, "types of the kernel")["state"], "works");

    let mut cases = vec![
        (vec!["setpriv", "--bounding-set=-all", "--inh-caps=-all"], "rights to trace", "CAP_BPF"),
        (within("mount -t tmpfs none /sys/kernel/btf"), "types of the kernel", "CONFIG_DEBUG_INFO_BTF"),
    ];
    if std::path::Path::new("/sys/kernel/security").exists() {
        let locked = "mount -t tmpfs none /sys/kernel/security \
                      && echo 'none integrity [confidentiality]' >/sys/kernel/security/lockdown";
        cases.push((within(locked), "memory of the kernel", "locked down"));
    }
    for (words, name, cause) in cases {
        let rows = doctor(&words);
        let row = row(&rows, name);
        assert_eq!(row["state"], "gap", "{row}");
        assert!(row["cause"].as_str().is_some_and(|said| said.contains(cause)), "{row}");
        assert!(row["remedy"].is_string(), "{row}");
    }
}

/// Words that run what follows them where `script` has hidden something from it alone.
fn within(script: &'static str) -> Vec<&'static str> {
    let script = format!("{script} && exec \"$@\"");
    vec!["unshare", "--mount", "sh", "-ec", script.leak(), "sh"]
}
