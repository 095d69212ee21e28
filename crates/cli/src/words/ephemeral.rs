//! Words for a container of ours in somebody's pod.

use clap::Args;

/// Whether the pod itself gets the container that is entered.
#[derive(Debug, Args)]
#[command(next_help_heading = "Without an agent on the node")]
pub(crate) struct Ephemeral {
    /// Add an ephemeral container to the pod and enter that, beside the container that is meant. Kubernetes keeps its
    /// entry until the pod goes [default: where the pod runs in a sandbox, or the agent is refused]
    #[arg(long, conflicts_with_all = ["wait", "hold", "fork", "all", "installed"])]
    pub(crate) ephemeral: bool,
}
