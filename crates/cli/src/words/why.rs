//! Words of `fathom why`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `fathom why` takes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("source").args(["from", "manifests", "explain"]))]
pub(crate) struct Why {
    /// Something of this machine: a container, pid:N or host; or of a cluster, only what has to do with this: pod/NAME, deploy/NAME, svc/NAME, pvc/NAME, node/NAME, ns/NAME, NAMESPACE/KIND/NAME, … [default: everything]
    pub(crate) target: Option<String>,
    /// A saved cluster instead of the one that runs: Lists, a dump or bundle as folder or archive, or what kubectl printed; - reads stdin
    #[arg(long, value_name = "FILE|FOLDER|-")]
    pub(crate) from: Option<PathBuf>,
    /// Manifests that are to be applied: only what they prove themselves
    #[arg(short = 'f', long = "filename", value_name = "FILE|FOLDER")]
    pub(crate) manifests: Option<PathBuf>,
    /// What a cause means, what proves and refutes it, and how to mend it
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    /// Keep what was read in an archive (.tar.zst), secrets emptied; --from reads it anywhere
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    pub(crate) save: Option<PathBuf>,
    /// Try names and connections from the network of a container of this machine: of those calls that fail, or of this
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true, conflicts_with = "source")]
    pub(crate) probe: Option<Option<String>>,
    /// table, json, yaml, markdown or sarif
    #[arg(short, long, value_enum, default_value_t = Answer::Table)]
    pub(crate) output: Answer,
    #[command(flatten)]
    pub(crate) cluster: Asked,
}

/// Which cluster is asked, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "In a cluster")]
pub(crate) struct Asked {
    /// Namespace of the target [default: the context's]; without a target, all of this namespace
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Look for the target in all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,
    /// Kubeconfig file [default: KUBECONFIG, then ~/.kube/config, then the pod's own account]
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME", conflicts_with = "source")]
    pub(crate) context: Option<String>,
    /// User to act as
    #[arg(long = "as", value_name = "USER", conflicts_with = "source")]
    pub(crate) impersonate: Option<String>,
    /// Group to act as; can be repeated
    #[arg(long = "as-group", value_name = "GROUP", conflicts_with = "source")]
    pub(crate) groups: Vec<String>,
}

/// How the answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Answer {
    Table,
    Json,
    Yaml,
    Markdown,
    Sarif,
}
