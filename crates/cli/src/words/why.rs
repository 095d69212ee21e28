//! Words of `fathom why`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Agent;

/// What `fathom why` takes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("source").args(["from", "manifests", "explain"]))]
pub(crate) struct Why {
    /// Something of this machine: a container, pid:N or host; or of a cluster, only what has to do with this: pod/NAME, deploy/NAME, svc/NAME, pvc/NAME, node/NAME, ns/NAME, NAMESPACE/KIND/NAME, … [default: everything]
    pub(crate) target: Option<String>,
    /// Its name, where the kind stands before it in a word of its own: `deploy web`
    #[arg(requires = "target")]
    pub(crate) name: Option<String>,
    /// A saved cluster instead of the one that runs: Lists, a dump or bundle as folder or archive, or what kubectl printed; - reads stdin
    #[arg(long, value_name = "FILE|FOLDER|-")]
    pub(crate) from: Option<PathBuf>,
    /// Manifests that are to be applied: only what they prove themselves; - reads stdin
    #[arg(short = 'f', long = "filename", value_name = "FILE|FOLDER|-")]
    pub(crate) manifests: Option<PathBuf>,
    /// What a cause means, what proves and refutes it, and how to mend it
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    /// Keep what was read in an archive (.tar.zst), secrets emptied; --from reads it anywhere
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    pub(crate) save: Option<PathBuf>,
    /// Try names and connections from the target's own network: the calls of which its log tells that they fail, or this one; a service from a pod that calls it, or from another of its namespace. In a cluster an agent on the pod's node does it
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true, conflicts_with = "source")]
    pub(crate) probe: Option<Option<String>>,
    /// table, json, yaml, markdown or sarif
    #[arg(short, long, value_enum, default_value_t = Answer::Table)]
    pub(crate) output: Answer,
    #[command(flatten)]
    pub(crate) cluster: Asked,
    #[command(flatten)]
    pub(crate) near: Near,
    /// What is known of this machine, as the node of this name, for somebody far away
    #[arg(long, value_name = "NODE", hide = true, conflicts_with_all = ["source", "probe", "save"])]
    pub(crate) facts_of: Option<String>,
}

/// What only an agent on a node of the cluster can look at.
#[derive(Debug, Args)]
#[command(next_help_heading = "In a cluster")]
pub(crate) struct Near {
    /// Pod from whose network --probe tries: pod/NAME or NAMESPACE/pod/NAME [default: one that calls the service, or a ready one of its namespace that is not behind it]
    #[arg(long, value_name = "POD", requires = "probe")]
    pub(crate) probe_from: Option<String>,
    /// Read the target's nodes too, by an agent on each: units, counters of cgroups, kernel's log, disks, certificates, settings of kubelet and network, rules of kube-proxy, clock
    #[arg(long, conflicts_with = "source")]
    pub(crate) node_facts: bool,
    #[command(flatten)]
    pub(crate) agent: Agent,
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
