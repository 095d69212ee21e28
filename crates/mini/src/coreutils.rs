//! The frame around uutils' programs (coreutils, find, xargs, sed): what their own `main` would have done.
//!
//! They print through `println!` and expect a reader that goes away to end them; this build aborts on panics, so
//! SIGPIPE gets its default action back before they start, as in every C program. Their messages are looked up by
//! key in English texts that the crate `uucore` holds: no file is read.

use std::ffi::OsString;
use std::io::Write;

/// Runs one of uutils' programs as `name`; `main` is its `uumain`.
pub(crate) fn run(name: &'static str, argv: Vec<OsString>, main: fn(std::vec::IntoIter<OsString>) -> i32) -> i32 {
    prepare(name);
    let status = main(argv.into_iter());
    finish(status)
}

/// `find`, whose entry takes text.
pub(crate) fn find(argv: Vec<OsString>) -> i32 {
    prepare("find");
    let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    finish(findutils::find::find_main(&words, &findutils::find::StandardDependencies::new()))
}

/// `xargs`, whose entry takes text.
pub(crate) fn xargs(argv: Vec<OsString>) -> i32 {
    prepare("xargs");
    let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    finish(findutils::xargs::xargs_main(&words))
}

fn prepare(name: &str) {
    // Only refused for signals that cannot be set; SIGPIPE can.
    let _ = uucore::signals::enable_pipe_errors();
    // uutils takes its name from the process's own words; `fathom-mini ls` has it in second place.
    let own_name = std::env::args_os().next().is_some_and(|first| crate::find(&first).is_some());
    if !own_name {
        uucore::set_utility_is_second_arg();
    }
    // Without the texts a program still works, and prints their keys.
    let _ = uucore::locale::setup_localization(if name == "[" { "test" } else { name });
}

fn finish(status: i32) -> i32 {
    match std::io::stdout().flush() {
        Ok(()) => status,
        Err(_) if status == 0 => 1,
        Err(_) => status,
    }
}
