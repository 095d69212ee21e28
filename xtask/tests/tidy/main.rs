//! The shape of the repository: layers, files, prose. Each test is one rule of ARCHITECTURE.md or CONTRIBUTING.md, and
//! its message says what to change.

mod layers;
mod prose;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use fathom_testkit::need::workspace;

/// Every text file of ours with its path from the workspace's root, in order.
fn files() -> Vec<(String, String)> {
    let root = workspace();
    let mut paths = Vec::new();
    for folder in ["crates", "xtask", "docs", "fuzz", ".ci", ".cargo", ".config"] {
        collect(&root.join(folder), &mut paths);
    }
    let top = fs::read_dir(&root).expect("the workspace can be listed").flatten().map(|entry| entry.path());
    paths.extend(top.filter(|path| path.is_file()));
    paths.sort();
    let text = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("it lies in the workspace").to_string_lossy().into_owned();
        // What is no text is of no interest here.
        fs::read_to_string(&path).ok().map(|text| (name, text))
    };
    paths.into_iter().filter_map(text).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let made = ["target", "corpus", "artifacts"].iter().any(|name| path.ends_with(name));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !made => collect(&path, paths),
            Ok(kind) if kind.is_file() => paths.push(path),
            _ => {}
        }
    }
}

/// One file of the workspace.
fn read(name: &str) -> String {
    fs::read_to_string(workspace().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Fails with all of `found`, so that one run shows everything there is to change.
#[track_caller]
fn none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}
