//! `fathom demo`: a small shop to try everything on, with nothing installed.

use anyhow::Context as _;
use fathom_demo::{Outcome, Place, State};
use fathom_model::{Class, Failure, Hint as _};

use super::output::sandboxes;
use super::words::{Demo, DemoAction};
use crate::{environment, output, printer};

pub(crate) fn run(words: &Demo) -> anyhow::Result<i32> {
    let runtime_dir = environment::value("XDG_RUNTIME_DIR");
    let place = Place::of_user(rustix::process::geteuid().as_raw(), runtime_dir.as_deref().map(std::path::Path::new));
    match words.action {
        DemoAction::Up => {
            // The running file itself: the name it was called by may be another's by now.
            let program = std::fs::read_link("/proc/self/exe").context("cannot find this program's own file")?;
            let report = fathom_demo::up(&place, Some(&program)).map_err(failure)?;
            report.missing.iter().for_each(|missing| printer::notice(missing));
            if report.outcome == Outcome::AlreadyUp {
                printer::notice("the demo was up already");
            }
            printer::data(&output::records(sandboxes::FIELDS, &report.sandboxes, words.output)?);
            Ok(0)
        }
        DemoAction::Down => {
            let gone = fathom_demo::down(&place).map_err(failure)?;
            printer::notice(&format!("{} sandboxes ended", gone.sandboxes));
            Ok(0)
        }
        DemoAction::Status => {
            let status = fathom_demo::status(&place).map_err(failure)?;
            status.missing.iter().for_each(|missing| printer::notice(missing));
            printer::data(&output::records(sandboxes::FIELDS, &status.sandboxes, words.output)?);
            let all_run = status.sandboxes.iter().any(|sandbox| sandbox.state == State::Running);
            Ok(i32::from(!all_run))
        }
    }
}

fn failure(error: fathom_demo::Error) -> Failure {
    let source = std::error::Error::source(&error);
    let denied = source
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| source.kind() == std::io::ErrorKind::PermissionDenied);
    let class = if denied { Class::Denied } else { Class::System };
    Failure { class, message: error.to_string(), cause: source.map(ToString::to_string), hint: error.hint() }
}
