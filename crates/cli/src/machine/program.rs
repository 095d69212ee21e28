//! One file is many programs, told apart by the name it was called by: the launcher of a session, a role of the demo, an
//! applet of the mini toolkit, or `fathom` itself.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use fathom_enter::trampoline;
use fathom_model::{Class, Failure};

use crate::{exit, printer};

/// Is the program that it was called as, unless that is `fathom`.
pub(crate) fn called(arguments: &[OsString]) -> Option<ExitCode> {
    let name = arguments.first().map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str());
    if fathom_demo::role(arguments).is_some() {
        return Some(exit::code(fathom_demo::main(arguments.to_vec())));
    }
    match name {
        Some(fathom_enter::launcher::NAME) => Some(exit::code(fathom_enter::launcher::main())),
        Some(name) if !is_us(name) => be_tool(name, arguments.to_vec()),
        _ => None,
    }
}

/// A tool of the toolkit that leads to us, or an applet; a name that is neither is that of a renamed `fathom`.
fn be_tool(name: &str, mut arguments: Vec<OsString>) -> Option<ExitCode> {
    // In a session whose `/` is the target's, tools of the toolkit are links to us. Returns only with an error.
    let jump = trampoline::is_here().then(|| trampoline::run(&arguments));
    match (fathom_mini::called(&mut arguments), jump) {
        (Some(applet), _) => Some(exit::code((applet.run)(arguments))),
        (None, Some(error)) => Some(printer::failed(&cannot_jump(name, &error).into())),
        (None, None) => None,
    }
}

/// A tool of the toolkit that cannot be run from here.
fn cannot_jump(name: &str, error: &io::Error) -> Failure {
    let class = if error.kind() == io::ErrorKind::NotFound { Class::NoCommand } else { Class::NotExecutable };
    Failure { cause: Some(error.to_string()), ..Failure::new(class, format!("cannot run the toolkit's `{name}`")) }
}

/// `fathom`, `kubectl-fathom` with its completion, and whatever a downloaded file may be called.
fn is_us(name: &str) -> bool {
    ["fathom", "kubectl-fathom", "kubectl_complete-fathom"].iter().any(|ours| name.starts_with(ours))
}
