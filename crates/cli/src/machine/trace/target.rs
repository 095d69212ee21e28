//! The target of `fathom trace`: what the words name is found on this machine.

use std::collections::BTreeSet;

use fathom_agent::scope::{self, Known, Watched};
use fathom_kernel::Scope;
use fathom_kernel::snapshot::Found;
use fathom_model::{Failure, Target};
use fathom_trace::Early;

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

/// The scope of the one container, or pod, without which the filter lets nothing pass, and what it is called; it has to run.
pub(super) fn named(early: &Early<'_>) -> Option<(Scope, String)> {
    let watched = scope::named(&node::node(), &early.container()?)?;
    Some((watched.scope, watched.title))
}

/// The processes of the scope, if it has not all.
pub(super) fn members(scope: &Scope, found: &Found) -> Option<BTreeSet<u32>> {
    scope::members(&node::node(), scope, found.processes.iter().map(|process| (process.pid, process.parent)))
}
