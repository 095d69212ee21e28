//! Rules for what people read: decisions have one form, the two READMEs say the same, no file names the machine that
//! it was written on.

use std::path::Path;

use fathom_testkit::need::workspace;

use crate::{files, none, read};

#[test]
fn decisions_have_their_four_headings() {
    const HEADINGS: &[&str] = &["Context", "Decision", "Consequences", "What would change our mind"];
    let records: Vec<_> = files().into_iter().filter(|(name, _)| name.starts_with("docs/adr/")).collect();
    assert!(!records.is_empty(), "docs/adr is empty");
    let wrong = records.iter().filter(|(_, text)| {
        let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        found != HEADINGS
    });
    none(wrong.map(|(name, _)| name.clone()).collect(), &format!("the headings are {}", HEADINGS.join(", ")));
}

#[test]
fn decisions_are_numbered_and_named() {
    let records: Vec<String> =
        files().into_iter().map(|(name, _)| name).filter(|name| name.starts_with("docs/adr/")).collect();
    let number = |name: &String| name["docs/adr/".len()..].split('-').next().unwrap_or_default().to_owned();
    let mut numbers: Vec<String> = records.iter().map(number).collect();
    let shape = |number: &String| number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    assert!(numbers.iter().all(shape), "files are called NNNN-title.md: {records:?}");
    numbers.dedup();
    assert_eq!(numbers.len(), records.len(), "a number is used twice: {records:?}");
}

/// ARCHITECTURE.md names the tests that hold its invariants; a test that was renamed holds nothing.
#[test]
fn tests_that_the_architecture_names_exist() {
    let sources: Vec<String> =
        files().into_iter().filter(|(name, _)| name.ends_with(".rs")).map(|(_, text)| text).collect();
    let text = read("ARCHITECTURE.md");
    let quoted = text.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| {
        word.matches('_').count() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let exists = |name: &str| sources.iter().any(|source| source.contains(&format!("fn {name}(")));
    // Lints look the same and are known by the workspace's manifest.
    let lints = read("Cargo.toml");
    let missing = quoted.filter(is_test).filter(|name| !exists(name) && !lints.contains(name));
    none(missing.map(str::to_owned).collect(), "tests that ARCHITECTURE.md names and nobody has written");
}

#[test]
fn both_readmes_have_the_same_parts() {
    let (english, chinese) = (read("README.md"), read("README.zh-CN.md"));
    let depths = |text: &str| -> Vec<usize> {
        prose(text)
            .filter(|line| line.starts_with('#'))
            .map(|line| line.bytes().take_while(|b| *b == b'#').count())
            .collect()
    };
    assert_eq!(depths(&english), depths(&chinese), "headings");
    assert_eq!(code(&english), code(&chinese), "code blocks");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let pages = files().into_iter().filter(|(name, _)| name.ends_with(".md"));
    let broken = |(name, text): (String, String)| -> Vec<String> {
        let folder = Path::new(&name).parent().unwrap_or(Path::new("")).to_owned();
        let links: Vec<String> = prose(&text).flat_map(targets).collect();
        let dead = |link: &&String| !workspace().join(&folder).join(link).exists();
        links.iter().filter(dead).map(|link| format!("{name}: {link}")).collect()
    };
    none(pages.flat_map(broken).collect(), "links that lead nowhere");
}

/// Files that a line of Markdown links to; addresses and anchors are not followed.
fn targets(line: &str) -> Vec<String> {
    let after = line.split("](").skip(1);
    let file = |rest: &str| rest.split([')', '#']).next().unwrap_or_default().to_owned();
    after.map(file).filter(|link| !link.is_empty() && !link.contains("://")).collect()
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let root = workspace();
    // Folders that mean something on every machine say nothing about this one.
    let own = |path: &&Path| {
        !["/", "/root", "/home", "/tmp", "/run", "/srv", "/mnt", "/opt", "/src", "/usr/src", "/var/tmp"]
            .map(Path::new)
            .contains(path)
    };
    let places: Vec<String> = root.ancestors().take(2).filter(own).map(|path| format!("{}/", path.display())).collect();
    let naming = files().into_iter().filter(|(_, text)| places.iter().any(|place| text.contains(place)));
    none(naming.map(|(name, _)| name).collect(), "paths of the machine it was written on");
}

/// Lines outside code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// Lines inside code blocks.
fn code(text: &str) -> Vec<&str> {
    let mut inside = false;
    let keep = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        inside || fence
    };
    text.lines().filter(keep).collect()
}
