//! `fathom ps`: every container here, of any engine.

use fathom_model::{Container, State};

use super::node;
use super::output::containers;
use super::words::Ps;
use crate::words::Format;
use crate::{output, printer};

pub(crate) fn run(words: &Ps) -> anyhow::Result<i32> {
    let (directory, missing) = node::node().complete();
    let runs = |container: &&Container| words.all || matches!(container.state, State::Running | State::Paused);
    let listed: Vec<Container> = directory.containers().iter().filter(runs).cloned().collect();
    let format = if words.quiet { Format::Name } else { words.output };
    printer::data(&output::records(containers::FIELDS, &listed, format)?);
    // An engine that kept silent may know names that are not in the list.
    for source in missing {
        printer::notice(&source.to_string());
    }
    Ok(0)
}
