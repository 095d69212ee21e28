//! `fathom`: words in, text out, exit status.
//!
//! One file is many programs, told apart by the name it was called by: the launcher of a session, an applet of the
//! mini toolkit, or `fathom` itself.

mod archive;
mod commands;
mod conversation;
mod environment;
mod exit;
mod kubernetes;
mod output;
mod printer;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use fathom_enter::trampoline;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let name =
        arguments.first().map(std::path::Path::new).and_then(std::path::Path::file_name).and_then(|name| name.to_str());
    if fathom_demo::role(&arguments).is_some() {
        return exit::code(fathom_demo::main(arguments));
    }
    match name {
        Some(fathom_enter::launcher::NAME) => exit::code(fathom_enter::launcher::main()),
        Some(name) if !is_us(name) => be_tool(name, arguments.clone()),
        _ => run(arguments),
    }
}

/// A tool of the toolkit that leads to us, or an applet; a name that is neither is that of a renamed `fathom`.
fn be_tool(name: &str, mut arguments: Vec<OsString>) -> ExitCode {
    // In a session whose `/` is the target's, tools of the toolkit are links to us. Returns only with an error.
    let jump = trampoline::is_here().then(|| trampoline::run(&arguments));
    match (fathom_mini::called(&mut arguments), jump) {
        (Some(applet), _) => exit::code((applet.run)(arguments)),
        (None, Some(error)) => printer::cannot_jump(name, &error),
        (None, None) => run(arguments),
    }
}

/// `fathom`, `kubectl-fathom`, and whatever a downloaded file may be called.
fn is_us(name: &str) -> bool {
    name.starts_with("fathom") || name.starts_with("kubectl-fathom")
}

fn run(arguments: Vec<OsString>) -> ExitCode {
    let words = match words::parse(arguments) {
        Ok(words) => words,
        Err(error) => return printer::usage(&error),
    };
    match commands::run(words) {
        Ok(status) => exit::code(status),
        Err(error) => {
            printer::error(&error);
            exit::code(exit::of(&error))
        }
    }
}
