//! What is entered: a pinned process, with everything the plan needs to know about it.
//!
//! From [`fathom_host::Pinned`] to [`Facts`], which are plain data: planning never looks at the machine.

use std::fs::File;
use std::path::PathBuf;

use fathom_host::cgroup::Layout;
use fathom_host::namespace::{Kind, Namespace};
use fathom_host::{Host, Pinned, Process};
use fathom_model::Failure;
use serde::{Deserialize, Serialize};

use crate::failure::Step;
use crate::idmap::IdMap;
use crate::label::Label;
use crate::launcher::tree::read_inside;
use crate::profile::CopiedFilter;

/// A target that has been found and is held.
#[derive(Debug)]
pub struct Subject {
    /// What the user will read: `docker://4f1c6a8f0d2b (web)`.
    pub title: String,
    /// What sort of place it is.
    pub nature: Nature,
    /// The process whose namespaces and root are entered.
    pub pinned: Pinned,
    /// A network namespace to join in place of the process's.
    pub network: Option<Namespace>,
}

/// What sort of place is entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// A container or any process.
    Process,
    /// The machine itself: its tree is at `/host`.
    Host,
    /// A network namespace; everything else is the machine's.
    Network,
    /// An unpacked image that does not run.
    Image {
        /// Its root.
        root: PathBuf,
        /// Its environment.
        env: Vec<(String, String)>,
        /// Its working directory.
        workdir: PathBuf,
    },
}

/// What planning has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// See [`Subject::title`].
    pub title: String,
    /// See [`Subject::nature`].
    pub nature: Nature,
    /// The process, with its numbers as we see them.
    pub process: Process,
    /// The namespaces in which it is not where we are.
    pub foreign: Vec<Kind>,
    /// Users of its user namespace.
    pub uids: IdMap,
    /// Groups of its user namespace.
    pub gids: IdMap,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub workdir: PathBuf,
    /// Its cgroup paths, v2 first.
    pub cgroups: Vec<String>,
    /// The hierarchies of this machine.
    pub layout: Layout,
    /// Its `/etc/passwd`, for `-u NAME`.
    pub passwd: String,
    /// Its `/etc/group`, for `-u NAME:GROUP`.
    pub group: String,
    /// Its seccomp filters, where the profile copies them.
    pub filters: Vec<CopiedFilter>,
    /// What AppArmor or SELinux holds it to.
    pub label: Option<Label>,
}

impl Subject {
    /// Looks at everything that planning may ask for.
    pub fn facts(&self, host: &Host) -> Result<Facts, Failure> {
        let mut foreign = self.pinned.foreign_kinds().step("look at our own namespaces")?;
        if self.network.is_some() && !foreign.contains(&Kind::Net) {
            foreign.push(Kind::Net);
        }
        let environ = self.pinned.read("environ").unwrap_or_default();
        let cgroups = fathom_host::cgroup::naming::paths(&self.pinned.cgroup).map(str::to_owned).collect();
        let (env, workdir) = match &self.nature {
            Nature::Image { env, workdir, .. } => (env.clone(), workdir.clone()),
            _ => (parse_environ(&environ), self.pinned.workdir()),
        };
        Ok(Facts {
            title: self.title.clone(),
            nature: self.nature.clone(),
            process: self.pinned.process.clone(),
            foreign,
            uids: IdMap::parse(&self.pinned.id_maps.0),
            gids: IdMap::parse(&self.pinned.id_maps.1),
            env,
            workdir,
            cgroups,
            layout: Layout::of(host).unwrap_or_default(),
            passwd: self.read("etc/passwd"),
            group: self.read("etc/group"),
            filters: Vec::new(),
            label: Label::of(|file| self.pinned.read(file).ok()),
        })
    }
}

impl Subject {
    /// The text of a small file of the target's own tree.
    fn read(&self, path: &str) -> String {
        match &self.nature {
            Nature::Image { root, .. } => File::open(root).map_or(String::new(), |root| read_inside(&root, path)),
            _ => read_inside(&self.pinned.root, path),
        }
    }

    /// The seccomp filters of the process, for a command that is to be confined exactly like it. Stops the process for
    /// some microseconds.
    pub fn filters(&self) -> Result<Vec<CopiedFilter>, Failure> {
        if self.pinned.process.seccomp != 2 {
            return Ok(Vec::new());
        }
        let filters = fathom_host::sys::seccomp_filters(self.pinned.process.pid);
        let filters = filters.step("copy the target's seccomp filters")?;
        if self.pinned.is_alive() {
            Ok(filters.into_iter().map(CopiedFilter).collect())
        } else {
            Err(fathom_host::Error::Gone { pid: self.pinned.process.pid }.into())
        }
    }
}

/// Reads `/proc/PID/environ`. A process may write anything there; what is no `NAME=VALUE` is passed over.
pub fn parse_environ(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let pair = |entry: &str| entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.split('\0').filter_map(pair).filter(|(name, _)| !name.is_empty()).collect()
}
