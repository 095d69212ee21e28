//! Containers by name and id, of every engine, and the list of them.

use fathom_testkit::engine::{Runc, Spec};
use fathom_testkit::{Need, needs};

use crate::support::Machine;

#[test]
fn a_container_that_only_proc_knows_is_listed_and_entered() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]).user(65532).no_capabilities());
    let listed = machine.run(["ps", "-o", "json"]);
    let row: Vec<serde_json::Value> =
        listed.stdout.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    let row =
        row.iter().find(|row| row["pid"] == web.pid()).unwrap_or_else(|| panic!("{} is not in {listed:?}", web.pid()));
    assert_eq!(row["user"], 65532);
    let id = row["id"].as_str().expect("it has an id");
    let got = machine.run(["enter", id, "--", "hostname"]);
    assert_eq!(got.status, 0, "{got:?}");
    machine.assert_clean();
}

#[test]
fn a_dry_run_shows_the_plan_and_changes_nothing() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = runc.run(&Spec::scratch("web", ["/app"]).user(65532).no_capabilities());
    let got = machine.run(["enter", "--dry-run", &format!("pid:{}", web.pid()), "--", "tcpdump", "-i", "eth0"]);
    assert_eq!(got.status, 0, "{got:?}");
    for line in
        ["join         net, ipc, uts", "profile      general", "grants       CHOWN", "command      tcpdump -i eth0"]
    {
        assert!(got.stdout.contains(line), "no {line:?} in {}", got.stdout);
    }
    machine.assert_clean();
}
