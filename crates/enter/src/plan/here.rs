//! The plan of a session right where we are: in a container that was made for it, whose root, rights and limits are the
//! session's. Nothing is joined and nothing is made, so it needs no right of its own. Pure, as every plan.

use std::path::PathBuf;

use fathom_host::Process;
use fathom_host::cgroup::Limits;
use fathom_model::Failure;

use super::{Ground, Pids, Plan, UserNamespace, command, environment, user};
use crate::options::{Options, View};
use crate::profile::{Credentials, Seccomp};
use crate::session::Registry;
use crate::subject::Nature;

/// What planning has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// What is beside us, as the user will read it.
    pub title: String,
    /// We ourselves.
    pub own: Process,
    /// The first process of what is beside us, where it can be told.
    pub target: Option<u32>,
    /// Its `/etc/passwd`, for `-u NAME`.
    pub passwd: String,
    /// Its `/etc/group`, for `-u NAME:GROUP`.
    pub group: String,
    /// The only folder that is sure to be ours to write to.
    pub home: String,
}

/// Works out the plan of session `id` here.
///
/// # Errors
/// A [`fathom_model::Class::Usage`] failure for an unknown user.
pub fn here(around: &Surroundings, options: &Options, id: &str, registry: &Registry) -> Result<Plan, Failure> {
    let own = &around.own;
    let asked = options.user.as_deref().map(|user| user::resolve(user, &around.passwd, &around.group)).transpose()?;
    let (uid, gid, groups) = asked.unwrap_or_else(|| (own.uid, own.gid, own.groups.clone()));
    let credentials = Credentials {
        uid,
        gid,
        groups,
        capabilities: own.capabilities,
        seccomp: Seccomp::Unconfined,
        filters: Vec::new(),
        no_new_privs: own.no_new_privs != 0,
        label: None,
    };
    Ok(Plan {
        id: id.to_owned(),
        registry: registry.clone(),
        target: around.title.clone(),
        ground: Ground::Found,
        nature: Nature::Process,
        leaf: None,
        limits: Limits::default(),
        target_cgroups: Vec::new(),
        join: Vec::new(),
        pids: Pids::Machine,
        user_namespace: UserNamespace::Stay,
        view: View::Tools,
        tree: None,
        toolkit: options.toolkit.clone(),
        scratch: 0,
        owner: (own.uid, own.gid),
        user: (uid, gid),
        streams: options.streams,
        profile: options.profile.name().to_owned(),
        command: command(options),
        env: environment::here(around, options),
        workdir: options.workdir.clone().unwrap_or_else(|| PathBuf::from("/")),
        credentials,
        held: None,
        grant: None,
        ttl: options.ttl.map(|ttl| ttl.as_secs().max(1)),
        attachment: options.attachment,
    })
}
