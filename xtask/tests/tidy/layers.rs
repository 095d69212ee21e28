//! Who may know whom: the picture in ARCHITECTURE.md, checked against what cargo says of each crate.

use std::process::Command;

use fathom_testkit::need::workspace;
use serde_json::Value;

use crate::{files, none};

/// From the ground up. A crate may use those of lower floors only; crates on one floor do not know each other.
const LAYERS: &[&[&str]] = &[
    &["model"],
    &["filter", "scap", "protocol"],
    &["host", "kernel", "runtime", "cluster"],
    &["enter", "trace", "topology", "metrics", "diagnose", "mini", "toolkit", "demo"],
    &["server", "agent"],
    &["cli"],
];

/// Crates that only these may use: (crate, who may, why).
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("clap", &["cli", "xtask"], "libraries take options, not words"),
    ("clap_complete", &["cli", "xtask"], "libraries take options, not words"),
    ("anyhow", &["cli", "xtask"], "libraries name what went wrong with an error type of their own"),
    ("indicatif", &["cli"], "only cli prints"),
    ("kube", &["cluster"], "one outside world per crate"),
    ("aya", &["kernel"], "one outside world per crate"),
    ("axum", &["server", "agent"], "one protocol, in one place"),
];

/// Never in these, as direct dependencies: (crate, where not, why).
const BARRED: &[(&str, &[&str], &str)] = &[
    ("tokio", &["model", "filter", "scap", "protocol"], "pure crates have no async"),
    ("rustix", &["model", "filter", "scap", "protocol"], "pure crates do no I/O"),
    ("libc", &["model", "filter", "scap", "protocol"], "pure crates do no I/O"),
    ("tokio", &["host", "enter"], "nothing that joins a namespace runs in a process with tokio in it"),
    ("rustix", &["cluster"], "what speaks to a cluster is portable"),
    ("libc", &["cluster"], "what speaks to a cluster is portable"),
];

/// Crates that are Linux only. `cli` may use them there and nowhere else; what else it uses is the client half, which
/// builds for every system.
const LINUX: &[&str] = &["host", "kernel", "runtime", "enter", "mini", "toolkit", "demo", "agent", "libc"];

/// One arrow: who uses whom, in which way.
struct Edge {
    from: String,
    to: String,
    /// `normal`, `build` or `dev`.
    kind: String,
    /// The systems that it is for, where it is not for all.
    target: Option<String>,
}

/// Every direct dependency of our crates, with `fathom-` taken off ours.
fn edges() -> Vec<Edge> {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo
        .current_dir(workspace())
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .output()
        .expect("cargo that built us can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a workspace has packages");
    let text = |value: &Value| value.as_str().unwrap_or_default().trim_start_matches("fathom-").to_owned();
    let of = |package: &Value| -> Vec<Edge> {
        let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
        let edge = |dependency: &Value| Edge {
            from: text(&package["name"]),
            to: text(&dependency["name"]),
            kind: dependency["kind"].as_str().unwrap_or("normal").to_owned(),
            target: dependency["target"].as_str().map(str::to_owned),
        };
        dependencies.iter().map(edge).collect()
    };
    packages.iter().flat_map(of).collect()
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|crates| crates.contains(&name))
}

/// Why this arrow may not be, if so.
fn mistake(edge: &Edge) -> Option<String> {
    let Edge { from, to, kind, target } = edge;
    if from == "xtask" {
        return None;
    }
    if to == "testkit" {
        return (kind != "dev")
            .then(|| format!("`{from}` ships `testkit`, which is for tests: make it a dev-dependency"));
    }
    if let (Some(own), Some(other)) = (layer(from), layer(to))
        && other >= own
    {
        return Some(format!("`{from}` must not use `{to}`: same layer or above"));
    }
    if kind == "dev" {
        return None;
    }
    if from == "cli" && LINUX.contains(&to.as_str()) && target.as_deref() != Some(r#"cfg(target_os = "linux")"#) {
        return Some(format!("`cli` must not use `{to}` on every system: it is Linux only"));
    }
    let reserved = RESERVED.iter().find(|(name, who, _)| name == to && !who.contains(&from.as_str()));
    let barred = BARRED.iter().find(|(name, who, _)| name == to && who.contains(&from.as_str()));
    reserved.or(barred).map(|(_, _, why)| format!("`{from}` must not use `{to}`: {why}"))
}

#[test]
fn arrows_point_down() {
    none(edges().iter().filter_map(mistake).collect(), "the layers of ARCHITECTURE.md");
}

#[test]
fn every_crate_has_its_floor() {
    let homeless = |edge: &Edge| {
        let known = layer(&edge.from).is_some() || ["testkit", "xtask"].contains(&edge.from.as_str());
        (!known).then(|| format!("`{}` has no layer in xtask/tests/tidy/layers.rs", edge.from))
    };
    none(edges().iter().filter_map(homeless).collect(), "each crate stands on one floor");
}

#[test]
fn the_law_can_fail() {
    let edge = |from: &str, to: &str, kind: &str| Edge {
        from: from.into(),
        to: to.into(),
        kind: kind.into(),
        target: (from == "cli").then(|| r#"cfg(target_os = "linux")"#.into()),
    };
    for (bad, says) in [
        (edge("topology", "trace", "normal"), "`topology` must not use `trace`: same layer or above"),
        (edge("enter", "toolkit", "dev"), "`enter` must not use `toolkit`: same layer or above"),
        (edge("model", "host", "normal"), "`model` must not use `host`: same layer or above"),
        (edge("host", "clap", "normal"), "`host` must not use `clap`: libraries take options, not words"),
        (edge("scap", "tokio", "normal"), "`scap` must not use `tokio`: pure crates have no async"),
        (edge("cluster", "rustix", "normal"), "`cluster` must not use `rustix`: what speaks to a cluster is portable"),
        (edge("host", "testkit", "normal"), "`host` ships `testkit`, which is for tests: make it a dev-dependency"),
    ] {
        assert_eq!(mistake(&bad).as_deref(), Some(says));
    }
    let everywhere = Edge { target: None, ..edge("cli", "enter", "normal") };
    let says = "`cli` must not use `enter` on every system: it is Linux only";
    assert_eq!(mistake(&everywhere).as_deref(), Some(says));
    for good in [edge("cli", "enter", "normal"), edge("host", "testkit", "dev"), edge("cli", "clap", "normal")] {
        assert_eq!(mistake(&good), None);
    }
}

#[test]
fn the_picture_in_the_architecture_shows_the_same_floors() {
    let picture = crate::read("ARCHITECTURE.md");
    let of_layer = |crates: &&[&str]| -> Vec<String> {
        let built = crates.iter().filter(|name| workspace().join("crates").join(name).exists());
        built.filter(|name| !picture.contains(&format!("`{name}`"))).map(|name| format!("`{name}`")).collect()
    };
    none(LAYERS.iter().flat_map(of_layer).collect(), "crates that ARCHITECTURE.md does not name");
}

#[test]
fn every_crate_obeys_the_lints_of_the_workspace() {
    let manifests = files().into_iter().filter(|(name, _)| {
        name.ends_with("/Cargo.toml") && (name.starts_with("crates/") || name.starts_with("xtask/"))
    });
    let lawless = manifests.filter(|(_, text)| !text.contains("[lints]\nworkspace = true"));
    none(lawless.map(|(name, _)| name).collect(), "`[lints] workspace = true` is missing");
}
