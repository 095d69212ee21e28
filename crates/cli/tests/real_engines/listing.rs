//! `fathom ps` as tables, JSON, YAML and names.

use fathom_testkit::engine::{Docker, Spec};
use fathom_testkit::{Need, needs};

use crate::place::{Place, own_name, scratch_like};
use crate::support::{Machine, ended};

#[test]
fn every_format_says_the_same() {
    needs!(Need::Root, Need::Program("dockerd"));
    let (machine, docker) = (Machine::new(), Docker::start());
    let place = Place::of(&machine, docker.root());
    let web = docker.run(&scratch_like(own_name()).label("tier", "front"));
    let short = &web.id()[..12];

    let table = place.run(["ps"]);
    assert_eq!((table.status, table.stderr.as_str()), (0, ""), "{table:?}");
    let mut lines = table.stdout.lines();
    let titles: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    assert_eq!(titles, ["ID", "NAME", "IMAGE", "RUNTIME", "PID", "USER", "AGE"]);
    let line = lines.find(|line| line.starts_with(short)).unwrap_or_else(|| panic!("{table:?}"));
    let cells: Vec<&str> = line.split_ascii_whitespace().collect();
    let pid = web.pid().to_string();
    assert_eq!(cells[..6], [short, own_name(), "fathom.test/idle:1", "docker", &pid, "65532"]);
    assert!(cells[6].ends_with('s'), "an age of seconds: {line}");

    let wide = place.run(["ps", "-o", "wide"]);
    let titles: Vec<&str> = wide.stdout.lines().next().unwrap_or_default().split_ascii_whitespace().collect();
    assert_eq!(titles[7..], ["STATE", "POD", "CGROUP", "LABELS"]);
    let line = wide.stdout.lines().find(|line| line.starts_with(short)).unwrap_or_else(|| panic!("{wide:?}"));
    assert!(line.contains(" running ") && line.contains(web.id()) && line.contains("tier=front"), "{line}");

    // Whole, unlike in tables.
    let row = place.row_of(&web);
    assert_eq!(row["id"], web.id(), "{row}");
    assert_eq!((&row["user"], &row["image"]), (&65532.into(), &"fathom.test/idle:1".into()), "{row}");
    assert_eq!((&row["state"], &row["labels"]["tier"]), (&"running".into(), &"front".into()), "{row}");
    assert!(row["age"].as_u64().is_some_and(|age| age < 120), "{row}");

    let yaml = place.run(["ps", "-o", "yaml"]);
    assert!(
        yaml.stdout.contains(&format!("\nname: \"{}\"\n", own_name()))
            && yaml.stdout.contains(&format!("\npid: {pid}\n")),
        "{yaml:?}"
    );
    let names = place.run(["ps", "-o", "name"]);
    assert!(names.stdout.lines().any(|line| line == short), "{names:?}");
    assert_eq!(place.run(["ps", "-q"]).stdout, names.stdout);
    machine.assert_clean();
}

#[test]
fn every_id_of_ps_can_be_entered() {
    needs!(Need::Root, Need::Program("dockerd"));
    let (machine, docker) = (Machine::new(), Docker::start());
    let place = Place::of(&machine, docker.root());
    let _running: Vec<_> = ["one", "two"].map(|name| docker.run(&Spec::scratch(name, ["/app"]).hostname(name))).into();
    let script = "\"$0\" ps -o json | grep '\"runtime\":\"docker\"' | sed 's/.*\"id\":\"//;s/\".*//' \
                  | xargs -I{} \"$0\" enter {} -- hostname";
    let fathom = env!("CARGO_BIN_EXE_fathom");
    let mut command = place.command(["ps"]);
    let settings: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = std::process::Command::new("sh");
    for (name, value) in settings {
        value.map(|value| command.env(&name, value));
    }
    let got = ended(command.args(["-c", script, fathom]).output().expect("sh runs"));
    let mut names: Vec<&str> = got.stdout.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["one", "two"], "{got:?}");
    machine.assert_clean();
}
