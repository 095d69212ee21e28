//! What a client wants of a node: the first thing that is said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// [`crate::VERSION`] of who wishes.
    pub version: u32,
    /// What is to be done.
    pub action: Action,
}

/// What a node can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Run a command inside a target.
    Enter(Box<Entry>),
    /// Show what a target does: the entry's command is what stands behind `fathom trace`, as far as
    /// [`tracing::check`](crate::tracing::check) lets it; of the rest, place, terminal, variables and life count.
    Trace(Box<Entry>),
    /// Back into a session.
    Attach {
        /// Its id.
        session: String,
    },
    /// End a session.
    Kill {
        /// Its id.
        session: String,
    },
    /// Let the container that a session holds go on.
    Release {
        /// Its id.
        session: String,
    },
    /// Say which sessions there are.
    List,
    /// Take in an archive for the node's store. Answered with [`crate::Word::Have`] where it is not there yet, after
    /// which the rest of it is the input; and in the end with the image's digest.
    Bring {
        /// The SHA-256 of the archive: `sha256:4f1c…`.
        archive: String,
        /// Its bytes.
        size: u64,
    },
    /// Say what a container executes, as a [`fathom_model::Command`].
    Command {
        /// Its id as the API has it, if it ever had one.
        id: Option<String>,
        /// Its image.
        image: String,
    },
}

/// An entry: where, what, and with which rights. Whatever is left out is the node's to choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Entry {
    /// Where.
    pub place: Place,
    /// The command with its arguments; empty for the toolkit's shell.
    pub command: Vec<String>,
    /// Columns and rows of the terminal that the command gets; none for three pipes.
    pub terminal: Option<(u16, u16)>,
    /// Whether `/` is the target's own tree.
    pub target_root: bool,
    /// By name: `mini`, `full`, or one of the node's store.
    pub toolkit: Option<String>,
    /// By name: `general`, `host`, …
    pub profile: Option<String>,
    /// By name: `net`, `pid`, …; none for all that differ.
    pub namespaces: Option<Vec<String>>,
    /// User and group, by number or by name in the target.
    pub user: Option<String>,
    /// Working directory.
    pub workdir: Option<PathBuf>,
    /// Variables, the last one of a name wins.
    pub env: BTreeMap<String, String>,
    /// Most bytes of memory.
    pub memory: Option<u64>,
    /// Most processes.
    pub pids: Option<u64>,
    /// Most bytes that may be written to the session's own root.
    pub scratch: Option<u64>,
    /// Whether the command runs in the target's own cgroup.
    pub target_cgroup: bool,
    /// Whether the session outlives its client.
    pub detach: bool,
    /// Seconds after which the session ends.
    pub ttl: Option<u64>,
    /// Whether the session outlives its target.
    pub survive: bool,
    /// What is waited for first.
    pub await_next: Option<Await>,
    /// Whether a terminal is recorded on the node.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
    /// What a server's policy allows; none where nobody stands between client and node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// For whom a server has the session made; none where nobody stands between client and node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

/// What a node holds an entry to, because a server says so. A client's own words about it are never passed on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Bounds {
    /// Digests of toolkits that may come along; none for any that the node's store has. None is ever fetched.
    pub toolkits: Option<Vec<String>>,
}

/// Whose session it is, in the server's words: kept by the node with the session, and told to the server that asks, so
/// that one that starts afresh knows it too. A client's own words about it are never passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grant {
    /// Which server: the namespace that it is installed in.
    pub server: String,
    /// What that calls the session.
    pub session: String,
    /// And what was entered.
    pub target: String,
    /// The name of who created it.
    pub user: String,
    /// The uid, where the cluster knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// When it was granted: RFC 3339.
    pub created: String,
}

/// The next incarnation of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Await {
    /// Is entered as soon as it exists.
    Enter,
    /// Is frozen as soon as its own program runs, until the session ends.
    Hold,
}

/// Where on the node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The node itself.
    #[default]
    Node,
    /// A container of a pod.
    Container {
        /// As the API has it: `containerd://4f1c…`.
        id: String,
        /// The pod's uid: the node refuses when the container's cgroup names another.
        pod: String,
    },
    /// All containers of a pod: only for who looks at them.
    Pod {
        /// The pod's uid, checked as above.
        pod: String,
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        name: String,
    },
    /// An incarnation of a container that has no id yet: only for who waits for it.
    Incarnation {
        /// The pod's uid, checked as above.
        pod: String,
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        name: String,
        /// The container's name in the pod.
        container: String,
        /// The last incarnation that the client knows of, as the API has it: it is not the one that is meant.
        after: Option<String>,
    },
    /// Where the relay itself runs: an ephemeral container that shares the processes of the one that is meant.
    Here {
        /// That one as a person would type it: `shop/pod/web-0/web`.
        target: String,
        /// Its id as the API has it.
        id: String,
    },
}
