//! Words for a copy of a pod.

use clap::Args;

/// Whether a copy is entered, and how it is made.
#[derive(Debug, Args)]
#[command(next_help_heading = "A copy that does not crash")]
pub(crate) struct Fork {
    /// Enter a copy of the pod whose container waits instead of crashing; `fathom run-entrypoint` there runs what it
    /// would have run. The copy goes with the session
    #[arg(long)]
    pub(crate) fork: bool,
    /// Labels that the copy keeps, separated by commas [default: none, so that no service finds it]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "fork")]
    pub(crate) keep_labels: Vec<String>,
    /// Leave the pod's init containers out of the copy
    #[arg(long, requires = "fork")]
    pub(crate) skip_init: bool,
    /// Leave the copy there when the session ends
    #[arg(long, requires = "fork")]
    pub(crate) keep: bool,
}
