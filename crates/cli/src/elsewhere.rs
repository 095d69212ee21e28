//! This machine, where it is none with Linux: nothing on it can be looked at or entered, and what would be answers with
//! where to go instead. The names are those of `machine.rs`.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use fathom_diagnose::eval::reach::Peer;
use fathom_model::{Class, Facts, Failure, Target};
use fathom_protocol::{Entry, Input};
use fathom_trace::lines::Page;
use fathom_trace::replay::Replay;

use crate::commands::trace::asked::Standing;
use crate::output::doctor::Check;
use crate::words::{Enter, Sessions, Trace};

/// What `fathom enter` can reach from here.
pub(crate) const TARGETS: &str = "pod/NAME, deploy/NAME, svc/NAME, node/NAME, … of a cluster";

/// Verbs that are of use only on a Linux machine: none.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {}

/// What `fathom enter` takes for a target on this machine: nothing.
#[derive(Debug, Args)]
pub(crate) struct Here {}

impl Here {
    /// Whether a target of a cluster can do without this machine.
    pub(crate) fn fit_a_cluster(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// The program is no other than it seems.
pub(crate) fn called(_: &[OsString]) -> Option<ExitCode> {
    None
}

/// Names of containers that run here: none can.
pub(crate) fn containers() -> Vec<String> {
    Vec::new()
}

/// Names of the toolkits that are kept here: none is.
pub(crate) fn toolkits() -> Vec<String> {
    Vec::new()
}

/// What works here: nothing of what would be looked at.
pub(crate) fn checks() -> anyhow::Result<Vec<Check>> {
    Err(Failure::new(Class::Unsupported, "there is nothing to look at on this machine: it has no Linux")
        .hinting("--remote looks at a cluster")
        .into())
}

/// Whether two names mean one file.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Ids of the sessions that are on record here: none is.
pub(crate) fn session_ids() -> Vec<String> {
    Vec::new()
}

pub(crate) fn run(verb: Verb) -> anyhow::Result<i32> {
    match verb {}
}

pub(crate) fn enter(_: &Enter, target: &str, _: &Entry, _: Input) -> anyhow::Result<i32> {
    let target: Target = target.parse().map_err(Failure::from)?;
    let message = format!("cannot enter `{target}`: it is on a Linux machine, and this is none");
    Err(Failure::new(Class::Unsupported, message)
        .hinting("name what is in a cluster, such as pod/NAME, or run fathom on the node itself")
        .into())
}

pub(crate) fn sessions(_: &Sessions) -> anyhow::Result<i32> {
    Err(Failure::new(Class::Unsupported, "no session is on this machine: only Linux has them")
        .hinting("add --remote for those of a cluster")
        .into())
}

/// Whether a target is here: nothing is.
pub(crate) fn standing(_: &Target) -> Standing {
    Standing::Unknown(Vec::new())
}

pub(crate) fn facts(target: &Target) -> Result<Facts, Failure> {
    let message = format!("cannot look at `{target}`: it is on a Linux machine, and this is none");
    Err(Failure::new(Class::Unsupported, message)
        .hinting("run fathom on the node itself, or read a saved cluster with --from"))
}

pub(crate) fn node_facts(node: &str) -> Result<Facts, Failure> {
    let message = format!("cannot look at the node {node}: this machine has no Linux");
    Err(Failure::new(Class::Unsupported, message)
        .hinting("ask for it with `kubectl fathom why node/NAME --node-facts`"))
}

pub(crate) fn probe(_: &Target, _: Option<Peer>, _: &mut Facts) -> Result<(), Failure> {
    Err(Failure::new(Class::Unsupported, "nothing can be tried from a network of this machine: it has no Linux"))
}

pub(crate) fn trace(_: &Trace, _: Option<&Target>, _: Replay, _: Page<'_>) -> anyhow::Result<i32> {
    Err(Failure::new(Class::Unsupported, "nothing can be traced on this machine: it has no Linux")
        .hinting("read a recording: `fathom trace -r FILE`")
        .into())
}
