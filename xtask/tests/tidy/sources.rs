//! Rules for .rs files: how they begin, how long they are, what only some of them may do.

use crate::{files, none};

/// Longer than a file should be, because it is one table: (file, why).
const TABLES: &[(&str, &str)] = &[];

/// The most lines of a file that is no table.
const LONGEST: usize = 600;

fn sources() -> impl Iterator<Item = (String, String)> {
    files().into_iter().filter(|(name, _)| name.ends_with(".rs"))
}

#[test]
fn files_say_what_they_are() {
    let mute = sources().filter(|(_, text)| !text.starts_with("//! ") && !text.starts_with("#!"));
    none(mute.map(|(name, _)| name).collect(), "a file starts with `//! ` and what it is, where its data comes from");
}

#[test]
fn files_are_short() {
    let long = sources()
        .filter(|(name, text)| text.lines().count() > LONGEST && !TABLES.iter().any(|(table, _)| table == name));
    let say = |(name, text): (String, String)| format!("{name}: {} lines", text.lines().count());
    none(long.map(say).collect(), "two rooms in one, or a table to be named in xtask/tests/tidy/sources.rs");
}

#[test]
fn folders_have_a_file_of_their_name() {
    let old = sources().filter(|(name, _)| name.ends_with("/mod.rs"));
    none(old.map(|(name, _)| name).collect(), "write foo.rs beside foo/, not foo/mod.rs");
}

#[test]
fn modules_are_named_after_what_they_are() {
    const NAMELESS: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];
    let nameless = sources().filter(|(name, _)| {
        let stem = name.trim_end_matches(".rs").rsplit('/').next().unwrap_or_default();
        NAMELESS.contains(&stem)
    });
    none(nameless.map(|(name, _)| name).collect(), "a module's name says what is in it");
}

/// The workspace denies it; these are the places where it is allowed again.
#[test]
fn what_is_unsafe_stays_where_it_is_expected() {
    const PLACES: &[&str] = &["crates/host/src/", "crates/kernel/src/", "crates/enter/src/launcher"];
    let word = concat!("unsafe", "_code");
    // Tests may need it to put a program under a terminal or a filter; nobody is shipped a test.
    let strays = sources().filter(|(name, text)| {
        text.contains(word) && !name.contains("/tests/") && !PLACES.iter().any(|place| name.starts_with(place))
    });
    none(strays.map(|(name, _)| name).collect(), "unsafe code belongs into host, kernel or the launcher of enter");
}

/// The workspace denies printing and exiting; these are the places where it is allowed again.
#[test]
fn only_the_command_line_prints() {
    // Applets are programs of their own; what they print is what they are for.
    const PLACES: &[&str] =
        &["crates/cli/src/printer.rs", "crates/mini/src/frame.rs", "crates/mini/src/shell.rs", "xtask/src/"];
    let words = [concat!("clippy::", "print_"), concat!("clippy::", "exit")];
    let strays = sources().filter(|(name, text)| {
        words.iter().any(|word| text.contains(word))
            && !PLACES.iter().any(|place| name.starts_with(place))
            && !name.contains("/examples/")
    });
    none(strays.map(|(name, _)| name).collect(), "hand it to crates/cli/src/printer.rs");
}

#[test]
fn nothing_is_put_off() {
    let marks = [concat!("to", "do!("), concat!("un", "implemented!("), concat!("FIX", "ME"), concat!("#[ig", "nore")];
    let found = |(name, text): (String, String)| -> Vec<String> {
        let lines = text.lines().enumerate().filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
        lines.map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim())).collect()
    };
    none(sources().flat_map(found).collect(), "finish it, or leave it out");
}
