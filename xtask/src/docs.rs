//! `cargo xtask docs`: the pages of docs/reference, written by the program itself from its tables.
//!
//! `fathom reference --list` names the pages and `fathom reference NAME` prints one, so that this chore knows no table.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use fathom_testkit::need::workspace;

use crate::program::{Profile, fathom, words};

/// What `cargo xtask docs` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Words {
    /// Change nothing, and fail where a page is not what the tables say
    #[arg(long)]
    check: bool,
}

impl Words {
    /// As CI asks.
    pub(crate) const CHECK: Words = Words { check: true };
}

/// Writes the pages, or compares them.
pub(crate) fn run(asked: &Words) -> anyhow::Result<u8> {
    let pages = pages(&fathom(Profile::Debug)?)?;
    let folder = workspace().join("docs/reference");
    let stale = differences(&folder, &pages)?;
    if asked.check {
        for name in &stale {
            println!("docs/reference/{name} is not what the tables say");
        }
        if !stale.is_empty() {
            println!("`cargo xtask docs` writes it anew; commit what it changes");
        }
        return Ok(u8::from(!stale.is_empty()));
    }
    fs::create_dir_all(&folder).context("cannot make docs/reference")?;
    for name in stale {
        let path = folder.join(&name);
        match pages.get(&name) {
            Some(text) => fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?,
            None => fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?,
        }
        println!("docs/reference/{name}");
    }
    Ok(0)
}

/// Every page by the name of its file.
fn pages(program: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let list = ask(program, &["reference", "--list"])?;
    let page = |name: &str| Ok((format!("{name}.md"), ask(program, &["reference", name])?));
    list.split_whitespace().map(page).collect()
}

fn ask(program: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).output().with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", words(&command), output.status, said.trim());
    }
    String::from_utf8(output.stdout).context("a page is no UTF-8")
}

/// The names of pages that are missing, different, or of no table any more.
fn differences(folder: &Path, pages: &BTreeMap<String, String>) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = pages
        .iter()
        .filter(|(name, text)| fs::read_to_string(folder.join(name)).ok().as_ref() != Some(*text))
        .map(|(name, _)| name.clone())
        .collect();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let name = entry.context("cannot list docs/reference")?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") && !pages.contains_key(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_testkit::Scratch;

    #[test]
    fn stale_missing_and_orphaned_pages_are_named() {
        let folder = Scratch::new("pages");
        for (name, text) in [("same.md", "a"), ("stale.md", "old"), ("orphan.md", "x"), ("picture.png", "y")] {
            fs::write(folder.join(name), text).expect("a scratch folder can be written to");
        }
        let pages = [("same.md", "a"), ("stale.md", "new"), ("missing.md", "z")];
        let pages = pages.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let found = differences(folder.path(), &pages).expect("a scratch folder can be read");
        assert_eq!(found, ["missing.md", "stale.md", "orphan.md"]);
    }
}
