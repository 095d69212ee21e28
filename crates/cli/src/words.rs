//! The command tree: what can be typed, with one line of help each. Nothing here does anything. What is only of use on
//! a machine that can be entered is in `machine/words.rs`.

use std::ops::Deref;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fathom_model::Profile;
use fathom_model::namespace::Kind;

use crate::machine;

mod ephemeral;
mod fork;
mod pods;
pub(crate) mod refused;
mod trace;
mod why;

pub(crate) use ephemeral::Ephemeral;
pub(crate) use fork::Fork;
pub(crate) use pods::Pods;
pub(crate) use trace::{ScapProfile, Topic, Trace};
pub(crate) use why::{Answer, Asked, Why};

/// See and enter containers, on a Linux machine or in a cluster, with tools, leaving nothing behind.
#[derive(Debug, Parser)]
#[command(name = "fathom", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Words {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a shell or a command inside a target, with tools
    Enter(Box<Enter>),
    /// Say why something is broken: the cause, with proof
    Why(Box<Why>),
    /// List, attach to, end or clear up sessions
    Sessions(Box<Sessions>),
    /// Say what works on this kernel and with these engines, or in a cluster, and what to do about the rest
    Doctor(Doctor),
    /// Show the system calls of this machine, of a command or of a recording, in sysdig's words
    #[command(disable_help_flag = true)]
    Trace(Box<Trace>),
    /// Print the script that completes words in a shell
    Completion(Completion),
    #[command(flatten)]
    Machine(machine::Verb),
}

/// What `fathom enter` takes.
#[derive(Debug, Args)]
pub(crate) struct Enter {
    #[arg(help = machine::TARGETS, required_unless_present = "selector", conflicts_with = "selector")]
    pub(crate) target: Option<String>,
    /// The command and its arguments; without one, the toolkit's shell
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
    /// What `/` is: the tools (target at /target) or the target's own tree (tools at /.fathom)
    #[arg(long, value_enum, default_value_t = Root::Tools)]
    pub(crate) root: Root,
    /// Tools to bring: mini, full, the name of an imported toolkit, or an archive, in a cluster one of this machine [default: full if there is one, else mini]
    #[arg(long, value_name = "NAME")]
    pub(crate) toolkit: Option<String>,
    /// What the command may do: as-target, restricted, general, netadmin, sysadmin, host
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<Profile>,
    /// Namespaces to join, separated by commas [default: all that differ from ours]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) ns: Option<Vec<Kind>>,
    /// Forward stdin
    #[arg(short = 'i', long)]
    pub(crate) stdin: bool,
    /// Give the command a terminal
    #[arg(short = 't', long)]
    pub(crate) tty: bool,
    /// User (and group) to run as, by name or number of the target
    #[arg(short = 'u', long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
    /// Working directory
    #[arg(short = 'w', long, value_name = "FOLDER")]
    pub(crate) workdir: Option<PathBuf>,
    /// Set a variable, or pass one on; can be repeated
    #[arg(short = 'e', long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Most memory the session may use
    #[arg(long, value_name = "SIZE", default_value = "512Mi", value_parser = fathom_model::quantity::parse_size)]
    pub(crate) memory: u64,
    /// Most processes the session may have
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub(crate) pids: u64,
    /// Most bytes that may be written to the session's own root
    #[arg(long, value_name = "SIZE", default_value = "256Mi", value_parser = fathom_model::quantity::parse_size)]
    pub(crate) scratch: u64,
    /// Whose cgroup the command runs in
    #[arg(long, value_enum, default_value_t = Cgroup::Own)]
    pub(crate) cgroup: Cgroup,
    /// Leave the session running and print its id
    #[arg(long)]
    pub(crate) detach: bool,
    /// End the session after this time
    #[arg(long, value_name = "DURATION", value_parser = fathom_model::quantity::parse_duration)]
    pub(crate) ttl: Option<std::time::Duration>,
    /// Stay when the target dies
    #[arg(long)]
    pub(crate) survive: bool,
    /// Enter the container's next incarnation, as soon as it exists
    #[arg(long)]
    pub(crate) wait: bool,
    /// Freeze the next incarnation as soon as its own program runs, until the session ends
    #[arg(long)]
    pub(crate) hold: bool,
    /// Record the terminal as an asciicast
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) here: machine::Here,
    /// Write whose status it was, and which, to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) status_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    #[command(flatten)]
    pub(crate) pods: Pods,
    #[command(flatten)]
    pub(crate) fork: Fork,
    #[command(flatten)]
    pub(crate) ephemeral: Ephemeral,
}

/// With no registry's name: an image that a node has need not be pulled.
pub(crate) const AGENT_IMAGE: &str = concat!("fathom-agent:", env!("CARGO_PKG_VERSION"));

/// What is meant in a cluster, and how that is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "In a cluster")]
pub(crate) struct Cluster {
    /// Namespace of what is named without one [default: the context's]
    #[arg(short = 'n', long, value_name = "NAME", global = true)]
    pub(crate) namespace: Option<String>,
    /// Container of the pod [default: its annotated or first one]
    #[arg(short = 'c', long, value_name = "NAME", global = true)]
    pub(crate) container: Option<String>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// Which cluster, as whom, and how an agent is had there.
#[derive(Debug, Args)]
#[command(next_help_heading = "In a cluster")]
pub(crate) struct Reach {
    /// Kubeconfig file [default: KUBECONFIG, then ~/.kube/config, then the pod's own account]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) context: Option<String>,
    /// User to act as
    #[arg(long = "as", value_name = "USER", global = true)]
    pub(crate) impersonate: Option<String>,
    /// Group to act as; can be repeated
    #[arg(long = "as-group", value_name = "GROUP", global = true)]
    pub(crate) groups: Vec<String>,
    #[command(flatten)]
    agent: Agent,
}

impl Deref for Reach {
    type Target = Agent;

    fn deref(&self) -> &Agent {
        &self.agent
    }
}

/// How an agent is had on a node of a cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "In a cluster")]
pub(crate) struct Agent {
    /// Namespace of the agent's pod
    #[arg(long, value_name = "NAME", default_value = "default", global = true)]
    pub(crate) agent_namespace: String,
    /// Image of the agent, which the node has or can pull
    #[arg(long, value_name = "IMAGE", default_value = AGENT_IMAGE, global = true)]
    pub(crate) agent_image: String,
    /// Secret for the pull of the agent's image; can be repeated
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) image_pull_secret: Vec<String>,
    /// How long an agent stays when no client is there
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = fathom_model::quantity::parse_duration, global = true)]
    pub(crate) grace: std::time::Duration,
    /// Go through the server of the cluster or not at all [default: if there is one]
    #[arg(long, conflicts_with = "agentless", global = true)]
    pub(crate) installed: bool,
    /// Go past the server of the cluster, with kubectl's rights alone
    #[arg(long, global = true)]
    pub(crate) agentless: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Root {
    Tools,
    Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cgroup {
    /// A leaf of its own, with limits
    Own,
    /// The target's, and its limits
    Target,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Wide,
    Json,
    Yaml,
    Name,
}

#[derive(Debug, Args)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    pub(crate) action: Option<SessionsAction>,
    /// Those of the agents of a cluster, as `kubectl fathom sessions` always does
    #[arg(long, global = true)]
    pub(crate) remote: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t = Format::Table, global = true)]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsAction {
    /// List the sessions that run
    List,
    /// Back into a session; Ctrl-P Ctrl-Q leaves it running
    Attach { id: String },
    /// End a session
    Kill { id: String },
    /// Let the container that a session holds go on
    Release { id: String },
    /// Remove what sessions without a living owner left
    Cleanup,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// A cluster and what you may do in it, as `kubectl fathom doctor` always does
    #[arg(long)]
    pub(crate) remote: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// table, wide, json, yaml or name
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell that shall read it
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}
