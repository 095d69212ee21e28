//! Words of `fathom why`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `fathom why` takes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["from", "manifests", "explain"]))]
pub(crate) struct Why {
    /// Only what has to do with this: pod/NAME, deploy/NAME, svc/NAME, pvc/NAME, node/NAME, ns/NAME, …
    pub(crate) target: Option<String>,
    /// A saved cluster: a List in JSON or YAML, or a folder of them with logs/NAMESPACE/POD/CONTAINER.log
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(crate) from: Option<PathBuf>,
    /// Manifests that are to be applied: only what they prove themselves
    #[arg(short = 'f', long = "filename", value_name = "FILE|FOLDER")]
    pub(crate) manifests: Option<PathBuf>,
    /// What a cause means, what proves and refutes it, and how to mend it
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    /// Namespace of the target
    #[arg(short = 'n', long, value_name = "NAME", requires = "target")]
    pub(crate) namespace: Option<String>,
    /// table, json, yaml, markdown or sarif
    #[arg(short, long, value_enum, default_value_t = Answer::Table)]
    pub(crate) output: Answer,
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
