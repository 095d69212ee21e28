//! Exit statuses: one table, from which the README's is made.

use std::process::ExitCode;

use fathom_model::{Class, Failure};

/// Every status of ours with its meaning.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the reference shows it, written on Linux"))]
pub(crate) const STATUSES: &[(i32, &str)] = &[
    (0, "done; `trace`: also if nothing matched"),
    (1, "done, and something was found (`trace`: the recording is damaged), or nothing matched"),
    (USAGE, "wrong words"),
    (NOT_FOUND, "target not found, or ambiguous"),
    (DENIED, "not permitted"),
    (CANNOT, "this kernel, runtime or machine cannot, a full disk for instance"),
    (OUR_BUG, "our bug"),
    (NOT_EXECUTABLE, "`enter`, `trace -- CMD`: the command cannot be executed"),
    (NO_COMMAND, "`enter`, `trace -- CMD`: there is no such command"),
];

pub(crate) const USAGE: i32 = 2;
pub(crate) const NOT_FOUND: i32 = 3;
pub(crate) const DENIED: i32 = 4;
pub(crate) const CANNOT: i32 = 5;
pub(crate) const OUR_BUG: i32 = 70;
pub(crate) const NOT_EXECUTABLE: i32 = 126;
pub(crate) const NO_COMMAND: i32 = 127;

/// A status as the kernel keeps it: the lowest eight bits.
pub(crate) fn code(status: i32) -> ExitCode {
    ExitCode::from((status & 0xff) as u8)
}

/// The status that belongs to an error.
pub(crate) fn of(error: &anyhow::Error) -> i32 {
    if let Some(status) = error.downcast_ref::<Status>() {
        return status.0;
    }
    match error.downcast_ref::<Failure>().map(|failure| failure.class) {
        Some(Class::Usage) => USAGE,
        Some(Class::NotFound) => NOT_FOUND,
        Some(Class::Denied) => DENIED,
        Some(Class::Unsupported | Class::System) => CANNOT,
        Some(Class::NotExecutable) => NOT_EXECUTABLE,
        Some(Class::NoCommand) => NO_COMMAND,
        None => OUR_BUG,
    }
}

/// A status that was decided where the error was made.
#[derive(Debug)]
pub(crate) struct Status(pub(crate) i32);

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit status {}", self.0)
    }
}

impl std::error::Error for Status {}
