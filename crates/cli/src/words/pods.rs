//! Words for more than one pod.

use clap::Args;

/// Which pods, and how many at a time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Many pods")]
pub(crate) struct Pods {
    /// Pods by their labels instead of a target: the only ready one, or with --all each that runs
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub(crate) selector: Option<String>,
    /// Run the command in every pod of -l or of a workload; the exit status is the highest of theirs
    #[arg(long)]
    pub(crate) all: bool,
    /// How many pods at a time
    #[arg(long, value_name = "N", default_value_t = 10, requires = "all", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallel: u16,
}
