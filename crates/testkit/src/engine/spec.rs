//! What to run, in words that every engine understands: the input of all of them.

use std::path::{Path, PathBuf};

use super::image::Content;

/// The first host id of a [`Users::Mapped`] user namespace, and how many ids it has.
pub const MAPPED_FROM: u32 = 200_000;
/// How many ids a [`Users::Mapped`] user namespace has.
pub const MAPPED_COUNT: u32 = 65_536;

/// What docker, containerd and podman grant by default; the order is of no meaning.
pub(super) const DOCKER_CAPABILITIES: &[&str] = &[
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// A container to be: start from [`Spec::scratch`] or [`Spec::busybox`] and say what differs.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name, and for `runc` its id.
    pub name: String,
    /// The files of its root.
    pub content: Content,
    /// The command and its words.
    pub argv: Vec<String>,
    /// Whether its root can be written to.
    pub root: Access,
    /// uid and gid of the command.
    pub user: u32,
    /// What the command may do.
    pub capabilities: Capabilities,
    /// Whose ids the container's ids are.
    pub users: Users,
    /// Whose network it sees.
    pub network: Network,
    /// Host folders or files, each with its place inside and its access.
    pub mounts: Vec<(PathBuf, PathBuf, Access)>,
    /// Its host name; the engine's choice when `None`.
    pub hostname: Option<String>,
    /// Environment of the command, beyond PATH.
    pub env: Vec<(String, String)>,
    /// Labels (annotations for `runc`).
    pub labels: Vec<(String, String)>,
    /// Its cgroup below each hierarchy's root; one of the engine's own when `None`. Only `runc` and `ctr` take it.
    pub cgroup: Option<String>,
    /// Whether the command may gain privileges by executing another program.
    pub privileges: NewPrivileges,
}

/// Whether a tree can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It can.
    Writable,
    /// It cannot.
    ReadOnly,
}

/// What a container's command may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capabilities {
    /// Nothing.
    None,
    /// The fourteen that docker grants.
    Docker,
}

/// Whose ids a container's ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// The host's.
    Host,
    /// Those of a user namespace in which 0 is [`MAPPED_FROM`] outside.
    Mapped,
}

/// Whose network a container sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Its own, with a loopback interface.
    Own,
    /// The host's.
    Host,
}

/// Whether set-user-id programs work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewPrivileges {
    /// They do.
    Allowed,
    /// `no_new_privs` is set.
    Denied,
}

impl Spec {
    /// A container whose root is one static program, `/app`, which pauses for ever or takes `exit N SECONDS`.
    pub fn scratch<W: Into<String>>(name: &str, argv: impl IntoIterator<Item = W>) -> Self {
        Self::of(Content::idle(), name, argv)
    }

    /// A container with the machine's static busybox, `sh` and all.
    pub fn busybox<W: Into<String>>(name: &str, argv: impl IntoIterator<Item = W>) -> Self {
        Self::of(Content::busybox(), name, argv)
    }

    /// A container with these files.
    pub fn of<W: Into<String>>(content: Content, name: &str, argv: impl IntoIterator<Item = W>) -> Self {
        Spec {
            name: name.to_owned(),
            content,
            argv: argv.into_iter().map(Into::into).collect(),
            root: Access::Writable,
            user: 0,
            capabilities: Capabilities::Docker,
            users: Users::Host,
            network: Network::Own,
            mounts: Vec::new(),
            hostname: None,
            env: Vec::new(),
            labels: Vec::new(),
            cgroup: None,
            privileges: NewPrivileges::Allowed,
        }
    }

    /// Its root cannot be written to.
    pub fn read_only(mut self) -> Self {
        self.root = Access::ReadOnly;
        self
    }

    /// The command runs with this uid and gid.
    pub fn user(mut self, user: u32) -> Self {
        self.user = user;
        self
    }

    /// The command has no capability.
    pub fn no_capabilities(mut self) -> Self {
        self.capabilities = Capabilities::None;
        self
    }

    /// The command cannot gain privileges.
    pub fn no_new_privileges(mut self) -> Self {
        self.privileges = NewPrivileges::Denied;
        self
    }

    /// It has a user namespace in which 0 is [`MAPPED_FROM`] outside.
    pub fn own_users(mut self) -> Self {
        self.users = Users::Mapped;
        self
    }

    /// It sees the host's network.
    pub fn host_network(mut self) -> Self {
        self.network = Network::Host;
        self
    }

    /// `source` of the host shows at `inside`, writable.
    pub fn mount(mut self, source: impl AsRef<Path>, inside: &str) -> Self {
        self.mounts.push((source.as_ref().to_owned(), inside.into(), Access::Writable));
        self
    }

    /// `source` of the host shows at `inside` and cannot be written to.
    pub fn mount_read_only(mut self, source: impl AsRef<Path>, inside: &str) -> Self {
        self.mounts.push((source.as_ref().to_owned(), inside.into(), Access::ReadOnly));
        self
    }

    /// Its host name.
    pub fn hostname(mut self, name: &str) -> Self {
        self.hostname = Some(name.to_owned());
        self
    }

    /// A variable of the command's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Its cgroup below each hierarchy's root, for example `/kubepods/pod1/web`.
    pub fn cgroup(mut self, path: &str) -> Self {
        self.cgroup = Some(path.to_owned());
        self
    }
}
