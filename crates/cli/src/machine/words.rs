//! The words that are of use only on a Linux machine: verbs that look at it, and what `enter` takes for a target on it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::words::{AGENT_IMAGE, Format};

mod hold;

pub(crate) use hold::{Hold, RunEntrypoint, Under};

/// What `fathom enter` can reach from here.
pub(crate) const TARGETS: &str = "A container by name or id, ENGINE://ID, pid:N, unit:NAME, netns:NAME, host, \
    image:FILE, or, in a cluster, pod/NAME, deploy/NAME, svc/NAME, node/NAME, …";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List every container here, of any engine
    Ps(Ps),
    /// List, import, export, build and remove toolkits
    Toolkit(Toolkit),
    /// Write the image that agents in a cluster run
    Image(Image),
    /// Start, look at or end a small shop to try everything on
    Demo(Demo),
    /// Stay on a node for as long as clients need it; what `kubectl fathom enter` runs there
    #[command(hide = true)]
    Agent(Agent),
    /// Run what the container of a copy would have run, inside a session of `enter --fork`
    RunEntrypoint(RunEntrypoint),
    /// Wait as the first process of a container; what a copy of a pod runs
    #[command(hide = true)]
    Hold(Hold),
    /// Speak with one client over stdin and stdout
    #[command(hide = true)]
    Relay,
    /// Print what installs fathom in a cluster, for `kubectl apply -f -`
    Install(Install),
    /// Serve everybody in a cluster; what `fathom install` runs there
    #[command(hide = true)]
    Serve(Serve),
    /// Print a page of the reference
    #[command(hide = true)]
    Reference(Reference),
}

/// What `fathom enter` takes for a target on this machine only.
#[derive(Debug, Args)]
pub(crate) struct Here {
    /// Print the plan and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Stopped containers too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only ids
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Toolkit {
    #[command(subcommand)]
    pub(crate) action: Option<ToolkitAction>,
    /// table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t = Format::Table, global = true)]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ToolkitAction {
    /// List the toolkits of the store
    List,
    /// Unpack an OCI archive or layout, a docker-save file, a folder, or an image of a registry
    Import { source: String },
    /// Write a toolkit as an OCI archive, to a file or to stdout
    Export { name: String, file: Option<PathBuf> },
    /// Remove a toolkit from the store
    Remove { name: String },
    /// Build the full toolkit from Debian's packages
    Build {
        /// Keep the archive in this file too
        file: Option<PathBuf>,
        /// One more package; can be repeated
        #[arg(long, value_name = "PACKAGE")]
        add: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Image {
    #[command(subcommand)]
    pub(crate) action: ImageAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImageAction {
    /// Write it as an OCI archive, to a file or to stdout: this program with its applets, the same bytes every time
    Export {
        file: Option<PathBuf>,
        /// What the image is called
        #[arg(long, value_name = "NAME", default_value = AGENT_IMAGE)]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(subcommand)]
    pub(crate) action: DemoAction,
    /// table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t = Format::Table, global = true)]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DemoAction {
    /// Start it; nothing happens where it runs already
    Up,
    /// End it; nothing of it stays
    Down,
    /// Say what runs
    Status,
}

#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// How long to stay when no client is there
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = fathom_model::quantity::parse_duration)]
    pub(crate) grace: std::time::Duration,
    #[command(flatten)]
    pub(crate) installed: InstalledAgent,
}

/// An agent that stays, for the server of its cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where a server is installed")]
pub(crate) struct InstalledAgent {
    /// Listen for the server, which takes enrolments there, instead of going when nobody is here
    #[arg(long, value_name = "HOST:PORT", requires = "node")]
    pub(crate) server: Option<String>,
    /// The node that this is
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) address: std::net::IpAddr,
    /// The certificate that the server is verified by
    #[arg(long, value_name = "FILE", default_value = "/etc/fathom/authority/ca.crt")]
    pub(crate) authority: PathBuf,
    /// The agent's own token
    #[arg(long, value_name = "FILE", default_value = "/var/run/secrets/fathom/token")]
    pub(crate) token: PathBuf,
    /// Where key and certificate are kept
    #[arg(long, value_name = "FOLDER", default_value = "/run/fathom-keys")]
    pub(crate) keys: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Only the agents of nodes
    #[arg(long, conflicts_with = "server")]
    pub(crate) agent: bool,
    /// Everything but the agents
    #[arg(long)]
    pub(crate) server: bool,
    /// Namespace of all of it
    #[arg(short = 'n', long, value_name = "NAME", default_value = "fathom")]
    pub(crate) namespace: String,
    /// Image, which the nodes have or can pull
    #[arg(long, value_name = "IMAGE", default_value = AGENT_IMAGE)]
    pub(crate) image: String,
    /// Secret for the pull of the image; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) image_pull_secret: Vec<String>,
    /// The policy of the cluster [default: one without rules]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The API group `fathom.dev`, behind the API server
    #[arg(long, required = true)]
    pub(crate) api: bool,
    /// Namespace that it is installed in
    #[arg(long, value_name = "NAME", default_value = "fathom")]
    pub(crate) namespace: String,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) address: std::net::IpAddr,
    /// How long the certificates of agents are good
    #[arg(long, value_name = "DURATION", default_value = "6h", value_parser = fathom_model::quantity::parse_duration)]
    pub(crate) certificate_life: std::time::Duration,
    /// How long the server's own authority is good; another takes its place in time
    #[arg(long, value_name = "DURATION", default_value = "3650d", value_parser = fathom_model::quantity::parse_duration)]
    pub(crate) authority_life: std::time::Duration,
    /// How long two authorities are trusted before the new one signs, and after [default: 10m more than certificates of agents are good]
    #[arg(long, value_name = "DURATION", value_parser = fathom_model::quantity::parse_duration)]
    pub(crate) authority_overlap: Option<std::time::Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Reference {
    /// Which page
    pub(crate) page: Option<String>,
    /// Name the pages
    #[arg(long)]
    pub(crate) list: bool,
}
