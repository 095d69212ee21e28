//! The plan of an entry: what was asked, applied to what is there. Pure: `--dry-run` prints it, the launcher carries
//! it out, tests compare it.

use std::path::PathBuf;

use fathom_host::cgroup::{Leaf, Limits};
use fathom_host::incarnation::Freezer;
use fathom_host::namespace::Kind;
use fathom_model::{Class, Failure};
use fathom_protocol::Grant;
use serde::{Deserialize, Serialize};

use crate::options::{Attachment, Lifetime, Options, Place, Streams, Toolkit, View};
use crate::profile::{Credentials, Profile, credentials};
use crate::session::Registry;
use crate::subject::{Facts, Nature};

mod environment;
mod here;
mod user;

pub use here::{Surroundings, here};

/// Where the tools are when `/` is the target's.
pub const TOOLS: &str = "/.fathom";

/// Everything the launcher does, in the order in which it does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The session's id.
    pub id: String,
    /// Where it is on record.
    pub registry: Registry,
    /// What is entered.
    pub target: String,
    /// Whether anything is made for the session.
    pub ground: Ground,
    /// What sort of place that is.
    pub nature: Nature,
    /// The cgroup the command runs in, and its limits; `None` for the target's own.
    pub leaf: Option<Leaf>,
    /// Limits of the leaf.
    pub limits: Limits,
    /// The target's cgroup paths, where the command is to run in them.
    pub target_cgroups: Vec<PathBuf>,
    /// Namespaces that are joined, in this order.
    pub join: Vec<Kind>,
    /// Whose process numbers the session sees.
    pub pids: Pids,
    /// Whether the command gets the target's user namespace; all mounting is done before that.
    pub user_namespace: UserNamespace,
    /// What `/` is.
    pub view: View,
    /// Where the target's tree is seen, if at all.
    pub tree: Option<PathBuf>,
    /// The tools.
    pub toolkit: Toolkit,
    /// Bytes that may be written to the session's own root.
    pub scratch: u64,
    /// uid and gid, as we see them, of the session's root user: the owner of everything made for it.
    pub owner: (u32, u32),
    /// The same for the user the command runs as: the owner of its terminal.
    pub user: (u32, u32),
    /// Its descriptors.
    pub streams: Streams,
    /// What it may do.
    pub credentials: Credentials,
    /// Name of the profile.
    pub profile: String,
    /// What runs.
    pub command: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub workdir: PathBuf,
    /// The target is frozen, and goes on when the session ends.
    pub held: Option<Freezer>,
    /// Seconds after which the session ends.
    pub ttl: Option<u64>,
    /// Whether it needs a client.
    pub attachment: Attachment,
    /// For whom a server has it made; kept on record, and of no other consequence.
    pub grant: Option<Grant>,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// A root, a terminal's file system and rights of its own, which we have to be allowed to make.
    Made,
    /// On what is there, with the rights that we have ourselves.
    Found,
}

/// Whose process numbers a session sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pids {
    /// The target's.
    Target,
    /// Only its own: it lives on when the target dies.
    Own,
    /// Ours.
    Machine,
}

/// Whether the command gets the target's user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserNamespace {
    /// It does.
    Join,
    /// The target has none of its own, or was not to be joined.
    Stay,
}

/// Works out the plan of session `id`.
///
/// # Errors
/// A [`Class::Usage`] failure where the words do not fit the target, for instance an unknown user.
pub fn plan(facts: &Facts, options: &Options, id: &str, registry: &Registry) -> Result<Plan, Failure> {
    let wanted = |kind: Kind| options.namespaces.as_ref().is_none_or(|kinds| kinds.contains(&kind));
    let joins = |kind: Kind| wanted(kind) && facts.foreign.contains(&kind);
    let survives = options.lifetime == Lifetime::Survive || matches!(facts.nature, Nature::Image { .. });
    let pids = match survives {
        true => Pids::Own,
        false if joins(Kind::Pid) => Pids::Target,
        false => Pids::Machine,
    };
    // The mount namespace last: the others are joined by descriptors, but a cgroup namespace hides our own cgroups.
    let join = [Kind::Net, Kind::Ipc, Kind::Uts, Kind::Cgroup, Kind::Pid, Kind::Mnt]
        .into_iter()
        .filter(|kind| joins(*kind) && !(survives && matches!(kind, Kind::Pid | Kind::Cgroup)))
        .collect();
    let user_namespace = if joins(Kind::User) { UserNamespace::Join } else { UserNamespace::Stay };

    let inside = |map: &crate::idmap::IdMap, id| if joins(Kind::User) { map.inside(id).unwrap_or(65534) } else { id };
    let mut process = facts.process.clone();
    process.uid = inside(&facts.uids, process.uid);
    process.gid = inside(&facts.gids, process.gid);
    process.groups = process.groups.iter().map(|group| inside(&facts.gids, *group)).collect();
    let asked = options.user.as_deref().map(|user| user::resolve(user, &facts.passwd, &facts.group)).transpose()?;
    let mut credentials = credentials(options.profile, &process, asked);
    credentials.filters = facts.filters.clone();
    credentials.label = facts.label.clone().filter(|_| options.profile == Profile::AsTarget);
    let outside = |map: &crate::idmap::IdMap, id| if joins(Kind::User) { map.outside(id).unwrap_or(0) } else { id };

    let (leaf, target_cgroups) = match options.place {
        Place::Own => (Some(Leaf::planned(&facts.layout, id)), Vec::new()),
        Place::Target => (None, target_cgroups(facts)),
    };
    Ok(Plan {
        id: id.to_owned(),
        registry: registry.clone(),
        target: facts.title.clone(),
        ground: Ground::Made,
        nature: facts.nature.clone(),
        leaf,
        limits: options.limits,
        target_cgroups,
        join,
        pids,
        user_namespace,
        view: options.view,
        tree: tree(facts, options, wanted(Kind::Mnt)),
        toolkit: options.toolkit.clone(),
        scratch: options.scratch,
        owner: (outside(&facts.uids, 0), outside(&facts.gids, 0)),
        user: (outside(&facts.uids, credentials.uid), outside(&facts.gids, credentials.gid)),
        streams: options.streams,
        profile: options.profile.name().to_owned(),
        command: command(options),
        env: environment::of(facts, options, &credentials),
        workdir: workdir(facts, options),
        credentials,
        held: None,
        ttl: options.ttl.map(|ttl| ttl.as_secs().max(1)),
        attachment: options.attachment,
        grant: None,
    })
}

fn tree(facts: &Facts, options: &Options, mounts: bool) -> Option<PathBuf> {
    match (options.view, &facts.nature) {
        (View::Target, _) => Some("/".into()),
        (View::Tools, Nature::Host | Nature::Network) => Some("/host".into()),
        (View::Tools, _) if mounts => Some("/target".into()),
        (View::Tools, _) => None,
    }
}

fn command(options: &Options) -> Vec<String> {
    if !options.command.is_empty() {
        return options.command.clone();
    }
    let shell = match &options.toolkit {
        Toolkit::Tree { shell, .. } if !shell.is_empty() => shell.clone(),
        _ => vec!["sh".to_owned()],
    };
    match options.view {
        View::Tools => shell,
        // By path: the target may have a shell of the same name, which is the one that was not asked for.
        View::Target => {
            let name = shell[0].rsplit('/').next().unwrap_or("sh").to_owned();
            [vec![format!("{TOOLS}/bin/{name}")], shell[1..].to_vec()].concat()
        }
    }
}

fn workdir(facts: &Facts, options: &Options) -> PathBuf {
    match (&options.workdir, options.view) {
        (Some(folder), _) => folder.clone(),
        (None, View::Target) => facts.workdir.clone(),
        (None, View::Tools) => "/".into(),
    }
}

/// The target's own cgroup folders: v2 and every v1 hierarchy that we know how to enter.
fn target_cgroups(facts: &Facts) -> Vec<PathBuf> {
    let Some(path) = facts.cgroups.first().map(|path| path.trim_start_matches('/')) else { return Vec::new() };
    let v1 = ["memory", "pids", "cpu"].iter().filter_map(|controller| facts.layout.v1_of(controller));
    facts.layout.v2.iter().chain(v1).map(|point| point.join(path)).collect()
}

impl Plan {
    /// The command's first word.
    pub fn program(&self) -> &str {
        self.command.first().map_or("sh", String::as_str)
    }

    /// A failure about this plan's command.
    pub(crate) fn cannot_run(&self, class: Class, cause: impl Into<String>) -> Failure {
        let hint = match class {
            Class::NoCommand => {
                format!("look for it with `ls {}` in a shell there, or choose another --toolkit", self.search_path())
            }
            _ => "check its mode and its architecture with `file` or `ls -l`".to_owned(),
        };
        Failure {
            cause: Some(cause.into()),
            ..Failure::new(class, format!("cannot run `{}` in {}", self.program(), self.target))
        }
        .hinting(hint)
    }

    /// PATH as the command will have it.
    pub fn search_path(&self) -> &str {
        self.env.iter().rev().find(|(name, _)| name == "PATH").map_or("/bin", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests;
