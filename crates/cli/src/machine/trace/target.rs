//! The target of `fathom trace`: what the words name is found on this machine.

use fathom_agent::scope::{self, Known, Watched};
use fathom_model::{Failure, Target};

use crate::commands::trace::asked::Standing;
use crate::machine::node;
use crate::printer;

/// Whether a target is here.
pub(crate) fn standing(target: &Target) -> Standing {
    match scope::is_known(&node::node(), target) {
        Known::Yes => Standing::Here,
        Known::No { alike } => Standing::Unknown(alike),
    }
}

/// What the kernel is told to look at; what will not be seen of it is said.
pub(super) fn watched(target: &Target) -> Result<Watched, Failure> {
    let watched = scope::watched(&node::node(), target)?;
    if let Some(blind) = watched.blind {
        printer::notice(&format!("{}: {blind}", watched.title));
    }
    Ok(watched)
}
