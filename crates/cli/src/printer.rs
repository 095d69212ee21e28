//! The only place that writes: data to stdout, everything else to stderr.
#![allow(clippy::print_stderr, reason = "this is the place")]

use std::io::Write as _;
use std::process::ExitCode;

use fathom_agent::Listener;
use fathom_model::{Failure, Hint as _};
use fathom_toolkit::Progress;

use crate::exit;
use crate::output::progress::Bar;

/// Prints data. A reader that has gone is no error: `fathom ps | head -1`.
pub(crate) fn data(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Says something that is neither data nor an error.
pub(crate) fn notice(text: &str) {
    eprintln!("fathom: {text}");
}

/// Hears what happens on this machine, and shows it.
#[derive(Default)]
pub(crate) struct Listening {
    bar: Option<Bar>,
}

impl Listener for Listening {
    fn notice(&mut self, text: &str) {
        notice(text);
    }

    fn progress(&mut self, progress: &Progress) {
        self.bar.get_or_insert_with(Bar::new).show(progress);
    }
}

/// What failed, why, and what to try.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("fathom: {error}");
    let failure = error.downcast_ref::<Failure>();
    match failure {
        Some(Failure { cause: Some(cause), .. }) => eprintln!("  caused by: {cause}"),
        Some(_) => {}
        None => error.chain().skip(1).for_each(|cause| eprintln!("  caused by: {cause}")),
    }
    if let Some(hint) = failure.and_then(Failure::hint) {
        eprintln!("hint: {hint}");
    }
}

/// A tool of the toolkit that cannot be run from here.
pub(crate) fn cannot_jump(name: &str, error: &std::io::Error) -> ExitCode {
    eprintln!("fathom: cannot run the toolkit's `{name}`\n  caused by: {error}");
    exit::code(if error.kind() == std::io::ErrorKind::NotFound { exit::NO_COMMAND } else { exit::NOT_EXECUTABLE })
}

/// Wrong words, or help that was asked for.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    exit::code(if error.use_stderr() { exit::USAGE } else { 0 })
}
