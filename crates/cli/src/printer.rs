//! The only place that writes: data to stdout, everything else to stderr.
#![allow(clippy::print_stderr, reason = "this is the place")]

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use fathom_model::{Failure, Hint as _};

use crate::exit;

/// Whether data could not be printed.
static UNPRINTED: AtomicBool = AtomicBool::new(false);

/// Prints data. A reader that has gone is no error: `fathom ps | head -1`.
pub(crate) fn data(text: &str) {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe && !UNPRINTED.swap(true, Ordering::Relaxed) => {
            eprintln!("fathom: cannot write what was asked for\n  caused by: {error}");
        }
        _ => {}
    }
}

/// The status of a run that ended with `status`, now that everything is printed or not.
pub(crate) fn settled(status: i32) -> i32 {
    if status == 0 && UNPRINTED.load(Ordering::Relaxed) { exit::CANNOT } else { status }
}

/// Takes data that is made piece by piece. Whoever writes hears that the reader has gone.
pub(crate) fn stream() -> std::io::StdoutLock<'static> {
    std::io::stdout().lock()
}

/// Says something that is neither data nor an error.
pub(crate) fn notice(text: &str) {
    eprintln!("fathom: {text}");
}

/// Says how far something is, over what was said of it before; the whole ends the line.
pub(crate) fn progress(percent: u64) {
    eprint!("\r{percent} %{}", if percent >= 100 { "\n" } else { "" });
}

/// Says what failed where nobody waits for it: whoever runs us will read it in a log.
#[cfg(target_os = "linux")]
pub(crate) fn trouble(failure: &Failure) {
    failed(&anyhow::Error::new(failure.clone()));
}

/// Says what failed, why, and what to try; the exit status that belongs to it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref::<clap::Error>() {
        return usage(error);
    }
    eprintln!("fathom: {error}");
    let failure = error.downcast_ref::<Failure>();
    match failure {
        Some(Failure { cause: Some(cause), .. }) => eprintln!("  caused by: {cause}"),
        Some(_) => {}
        None => error.chain().skip(1).for_each(|cause| eprintln!("  caused by: {cause}")),
    }
    if let Some(text) = failure.and_then(Failure::hint) {
        hint(&text);
    }
    exit::code(exit::of(error))
}

/// One thing to try.
pub(crate) fn hint(text: &str) {
    eprintln!("hint: {text}");
}

/// Wrong words, or help that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    exit::code(if error.use_stderr() { exit::USAGE } else { 0 })
}
