//! Words for what runs inside a copy of a pod.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `fathom hold` takes.
#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// Copy this program to the folder instead
    #[arg(long, value_name = "FOLDER")]
    pub(crate) install: Option<PathBuf>,
    /// What would have been executed
    #[arg(last = true)]
    pub(crate) argv: Vec<String>,
}

/// What `fathom run-entrypoint` takes.
#[derive(Debug, Args)]
pub(crate) struct RunEntrypoint {
    /// Run it by a tool of the toolkit
    #[arg(long, value_enum)]
    pub(crate) under: Option<Under>,
    /// Print it instead
    #[arg(long, conflicts_with = "under")]
    pub(crate) show: bool,
}

/// What can run a command step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Under {
    Strace,
    Gdb,
}
