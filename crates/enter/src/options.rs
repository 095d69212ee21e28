//! What the user asked for, validated: the typed words on one side, the plan on the other.

use std::path::PathBuf;
use std::time::Duration;

use fathom_host::cgroup::Limits;
use fathom_host::namespace::Kind;
use serde::{Deserialize, Serialize};

use crate::Profile;

/// Everything about an entry that is not the target.
#[derive(Debug, Clone)]
pub struct Options {
    /// What `/` is.
    pub view: View,
    /// Which toolkit comes along.
    pub toolkit: Toolkit,
    /// Namespaces to join; `None` for all that differ from ours.
    pub namespaces: Option<Vec<Kind>>,
    /// What the command may do.
    pub profile: Profile,
    /// `-u`: user and group by number or by name in the target's `/etc/passwd`.
    pub user: Option<String>,
    /// `-w`.
    pub workdir: Option<PathBuf>,
    /// `-e`, in order.
    pub env: Vec<(String, String)>,
    /// The command with its arguments; empty for the toolkit's shell.
    pub command: Vec<String>,
    /// How the command's three descriptors are made.
    pub streams: Streams,
    /// Limits of the session.
    pub limits: Limits,
    /// Whose cgroup the command runs in.
    pub place: Place,
    /// Bytes that the session may write to its own root.
    pub scratch: u64,
    /// Whether the session ends with its target.
    pub lifetime: Lifetime,
    /// Ends the session after this time.
    pub ttl: Option<Duration>,
    /// Whether the session outlives its client.
    pub attachment: Attachment,
}

/// What `/` is in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// `/` is the toolkit; the target's files are under `/target`.
    Tools,
    /// `/` is the target's own tree; the tools are under `/.fathom` and on PATH.
    Target,
}

/// Which tools come along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Toolkit {
    /// The applets inside this very program.
    Mini {
        /// Their names.
        applets: Vec<String>,
    },
    /// An unpacked image, shared read-only.
    Tree {
        /// What it is called.
        name: String,
        /// Its root.
        path: PathBuf,
        /// A folder of links, one per program of the tree, all to the trampoline (for [`View::Target`]).
        trampolines: PathBuf,
        /// The image's environment.
        env: Vec<(String, String)>,
        /// What runs when no command is given.
        shell: Vec<String>,
    },
}

/// The command's three descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Streams {
    /// A terminal of its own, of this many columns and rows.
    Terminal {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// Three pipes.
    Pipes,
}

/// Whose cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A leaf of our own, with limits.
    Own,
    /// The target's: what is used counts as its own, and its limits may kill it for our doing.
    Target,
}

/// When the session ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifetime {
    /// With the target: it shares the target's pid namespace.
    WithTarget,
    /// Later than the target: a pid namespace of its own.
    Survive,
}

/// Whether a client must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attachment {
    /// The session ends when its client does.
    Attached,
    /// The session goes on without any.
    Detached,
}
