//! `fathom`: words in, text out, exit status.
//!
//! There is one seam between what works on every system and what is Linux: `machine`, which is `machine.rs` with its
//! folder on Linux and `elsewhere.rs` on all others. `terminal` has a half for Unix and one for Windows.

mod commands;
mod completion;
mod conversation;
mod environment;
mod exit;
mod installed;
mod kubernetes;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod machine;
mod output;
mod printer;
mod reading;
mod recording;
mod settings;
mod terminal;
mod whole;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    machine::called(&arguments).or_else(|| completion::asked(&arguments)).unwrap_or_else(|| run(&arguments))
}

fn run(arguments: &[OsString]) -> ExitCode {
    match reading::words(arguments).and_then(commands::run) {
        Ok(status) => exit::code(printer::settled(status)),
        Err(error) => printer::failed(&error),
    }
}
