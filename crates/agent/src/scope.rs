//! From a target to what the kernel is told to look at.
//!
//! A container is its pid namespace: whoever comes into it later, by `docker exec` or `fathom enter`, is in that too, and
//! every kernel that can be traced tells it. A container that shares its pid namespace with others, or with the machine, is
//! its cgroup of version 2; without one it is the processes that it has now, with all that they will start.

mod members;
mod named;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use fathom_host::Host;
use fathom_host::cgroup::{Layout, naming};
use fathom_host::namespace::{Kind, Namespace};
use fathom_kernel::Scope;
use fathom_model::directory::Found as Match;
use fathom_model::target::{Object, ObjectKind};
use fathom_model::{Class, Container, Directory, Engine, Failure, Target};

pub use members::members;
pub use named::named;

use crate::{Node, resolve};

/// What is looked at.
#[derive(Debug)]
pub struct Watched {
    /// What the user will read: `docker://4f1c6a8f0d2b (web)`.
    pub title: String,
    /// What the kernel is told.
    pub scope: Scope,
    /// What of the target will not be seen.
    pub blind: Option<&'static str>,
}

/// Of processes that are known by their numbers alone.
const LATER: &str = "it shares the pid namespace of others and has no cgroup of version 2: what is started in it from outside \
    from now on, as by `docker exec`, is not seen";
const ENTERS: &str = "processes that enter it from now on are not seen";

/// What `target` is to the kernel of this machine.
///
/// # Errors
/// Where it is not on this machine, does not run, or may be several things.
pub fn watched(node: &Node, target: &Target) -> Result<Watched, Failure> {
    let host = &node.host;
    let title = target.to_string();
    match target {
        Target::Host => Ok(Watched { title, scope: Scope::Machine, blind: None }),
        Target::Pid(pid) => {
            host.pin(*pid)?;
            Ok(Watched { title, scope: Scope::Trees(vec![*pid]), blind: None })
        }
        Target::Container { engine, name } => container(node, name, *engine),
        Target::Unit(name) => unit(host, name),
        Target::Netns(path) => network(host, path),
        Target::Object(object) => pod(node, object),
        Target::Image(_) => Err(Failure::new(Class::Usage, format!("nothing of `{target}` runs"))
            .hinting("name a container that was made of it; `fathom ps` lists them")),
    }
}

/// Whether something of this name is here: what decides whether a word that could be anything is a target.
pub fn is_known(node: &Node, target: &Target) -> Known {
    let known = |directory: &Directory| match target {
        Target::Container { engine, name } => match directory.find(name, *engine) {
            Match::None(alike) => Known::No { alike },
            Match::One(_) | Match::Several(_) => Known::Yes,
        },
        Target::Object(object) if directory.containers().iter().any(|container| is_of(container, object)) => Known::Yes,
        _ => Known::No { alike: Vec::new() },
    };
    match known(&node.at_once()) {
        Known::Yes => Known::Yes,
        Known::No { .. } => known(&node.complete().0),
    }
}

/// Whether a container is of the pod that is meant, or is the one of it that is.
fn is_of(container: &Container, object: &Object) -> bool {
    container.pod.as_ref().is_some_and(|pod| {
        pod.name == object.name
            && object.namespace.as_ref().is_none_or(|namespace| *namespace == pod.namespace)
            && object.container.as_ref().is_none_or(|name| pod.container.as_ref() == Some(name))
    })
}

/// Whether there is such a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// One at least.
    Yes,
    /// None.
    No {
        /// Names that look alike, nearest first.
        alike: Vec<String>,
    },
}

fn container(node: &Node, name: &str, engine: Option<Engine>) -> Result<Watched, Failure> {
    let (found, _) = resolve::running(node, name, engine)?;
    let title = found.describe();
    together(&node.host, &node.at_once(), &[found], title)
}

/// A pod whose containers run here, or one of them.
fn pod(node: &Node, object: &Object) -> Result<Watched, Failure> {
    if object.kind != ObjectKind::Pod {
        return Err(elsewhere(object, "a cluster knows which pods it means, and this machine does not")
            .hinting("name a pod of this machine, as in shop/pod/web-0"));
    }
    let (directory, _) = node.complete();
    let meant: Vec<Container> = directory
        .containers()
        .iter()
        .filter(|container| container.pid.is_some())
        .filter(|container| is_of(container, object))
        .cloned()
        .collect();
    let namespaces: BTreeSet<&str> =
        meant.iter().filter_map(|container| container.pod.as_ref()).map(|pod| pod.namespace.as_str()).collect();
    match (meant.is_empty(), namespaces.len()) {
        (true, _) => Err(elsewhere(object, "no container of it runs on this machine").hinting(
            "run this on the pod's node: `kubectl get pod NAME -o wide` names it, `fathom ps` lists what is here",
        )),
        (false, 0 | 1) => together(&node.host, &directory, &meant, object.to_string()),
        _ => {
            let all: Vec<String> = namespaces.iter().map(|namespace| format!("{namespace}/{object}")).collect();
            Err(Failure::new(Class::NotFound, format!("`{object}` may be any of {}", all.join(", ")))
                .hinting("write the namespace before it, or add --namespace"))
        }
    }
}

/// Whether the pod of this name that runs here is the one with this uid.
///
/// # Errors
/// Where none runs here, or another one does.
pub(crate) fn check_pod(node: &Node, namespace: &str, name: &str, uid: &str) -> Result<(), Failure> {
    let object =
        Object { namespace: Some(namespace.to_owned()), kind: ObjectKind::Pod, name: name.to_owned(), container: None };
    let (directory, _) = node.complete();
    let mut found = directory.containers().iter().filter(|one| one.pid.is_some() && is_of(one, &object)).peekable();
    if found.peek().is_none() {
        return Err(elsewhere(&object, "no container of it runs on this machine").hinting("try again when it runs"));
    }
    // cgroupfs writes the uid as the API does, systemd with underscores.
    let written = [uid.to_owned(), uid.replace('-', "_")];
    let is_meant = |one: &Container| {
        let path = one.cgroup.as_deref().unwrap_or_default();
        !uid.is_empty() && written.iter().any(|uid| path.contains(uid))
    };
    if found.all(is_meant) {
        return Ok(());
    }
    Err(Failure::new(Class::NotFound, format!("{object} does not have the uid `{uid}`"))
        .hinting("the pod may have been replaced; try again"))
}

fn elsewhere(object: &Object, why: &str) -> Failure {
    Failure {
        cause: Some(why.to_owned()),
        ..Failure::new(Class::NotFound, format!("cannot trace `{object}` from here"))
    }
}

/// Containers that are looked at as one.
fn together(host: &Host, all: &Directory, meant: &[Container], title: String) -> Result<Watched, Failure> {
    if let Some(namespaces) = own_namespaces(all, meant)? {
        let scope = Scope::PidNamespaces(with_those_below(host, &namespaces)?);
        return Ok(Watched { title, scope, blind: None });
    }
    let paths: Vec<&str> = meant.iter().filter_map(|container| container.cgroup.as_deref()).collect();
    if let Some(ids) = ids_of(host, &paths).filter(|ids| ids.len() == meant.len()) {
        return Ok(Watched { title, scope: Scope::Cgroups(ids), blind: None });
    }
    let mut pids: BTreeSet<u32> = meant.iter().filter_map(|container| container.pid).collect();
    for pid in host.pids()? {
        let cgroup = host.read(format!("proc/{pid}/cgroup")).unwrap_or_default();
        let cgroup = String::from_utf8_lossy(&cgroup);
        if naming::paths(&cgroup).any(|own| paths.iter().any(|path| is_below(own, path))) {
            pids.insert(pid);
        }
    }
    Ok(Watched { title, scope: Scope::Trees(pids.into_iter().collect()), blind: Some(LATER) })
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The pid namespaces of `meant`, if nobody else is in them: neither we nor another container.
fn own_namespaces(all: &Directory, meant: &[Container]) -> Result<Option<Vec<Namespace>>, Failure> {
    let own = inode("self");
    let mut found: Vec<Namespace> = Vec::new();
    for pid in meant.iter().filter_map(|container| container.pid) {
        let opened = fs::File::open(format!("/proc/{pid}/ns/pid"));
        let namespace = opened.and_then(|file| Namespace::from_fd(Kind::Pid, file.into()));
        let namespace = namespace.map_err(|error| Failure {
            cause: Some(error.to_string()),
            ..Failure::new(Class::Denied, format!("cannot look at the pid namespace of process {pid}"))
                .hinting("run as root")
        })?;
        if own.is_none_or(|own| own == namespace.inode) {
            return Ok(None);
        }
        if found.iter().all(|known| known.inode != namespace.inode) {
            found.push(namespace);
        }
    }
    let is_other = |container: &&Container| !meant.iter().any(|one| one.pid == container.pid || one.is(container));
    let shared = all.containers().iter().filter(is_other).filter_map(|container| inode(&container.pid?.to_string()));
    let is_shared = shared.into_iter().any(|inode| found.iter().any(|namespace| namespace.inode == inode));
    Ok((!found.is_empty() && !is_shared).then_some(found))
}

/// The inode of a process's pid namespace.
fn inode(pid: &str) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/pid")).ok().map(|found| found.ino())
}

/// These namespaces, and those that were made in them already: a container may run containers of its own.
fn with_those_below(host: &Host, namespaces: &[Namespace]) -> Result<Vec<u64>, Failure> {
    let mut wanted: BTreeSet<u64> = namespaces.iter().map(|namespace| namespace.inode).collect();
    let mut others: BTreeSet<u64> = inode("self").into_iter().collect();
    for pid in host.pids()? {
        let Some(number) = inode(&pid.to_string()) else { continue };
        if wanted.contains(&number) || others.contains(&number) {
            continue;
        }
        let opened = fs::File::open(format!("/proc/{pid}/ns/pid"));
        let Ok(own) = opened.and_then(|file| Namespace::from_fd(Kind::Pid, file.into())) else { continue };
        let mut above = std::iter::successors(own.parent(), Namespace::parent);
        let is_below = above.any(|one| namespaces.iter().any(|namespace| namespace.inode == one.inode));
        if is_below {
            wanted.insert(number)
        } else {
            others.insert(number)
        };
    }
    Ok(wanted.into_iter().collect())
}

/// The ids of cgroups of version 2, each of which is its folder's inode; those that are mounted here and are not the root.
fn ids_of(host: &Host, paths: &[&str]) -> Option<Vec<u64>> {
    let root = Layout::of(host).ok()?.v2?;
    let id = |path: &&str| {
        let path = path.trim_start_matches('/');
        if path.is_empty() || path.split('/').any(|part| part == "..") {
            return None;
        }
        let folder = root.join(path);
        folder.join("cgroup.procs").exists().then(|| fs::metadata(&folder).ok().map(|found| found.ino())).flatten()
    };
    Some(paths.iter().filter_map(id).collect())
}

fn unit(host: &Host, name: &str) -> Result<Watched, Failure> {
    let (title, full) = (format!("unit:{name}"), resolve::unit_name(name));
    let processes = resolve::of_unit(host, name)?;
    // Version 2 knows the unit only where systemd keeps its own hierarchy there.
    let folder = |cgroup: &str| {
        let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
        let end = path.split_inclusive('/').scan(0, |at, part| {
            *at += part.len();
            Some((*at, part.trim_end_matches('/') == full))
        });
        end.into_iter().find(|(_, is_unit)| *is_unit).map(|(end, _)| path[..end].trim_end_matches('/').to_owned())
    };
    let folders: BTreeSet<String> = processes.iter().filter_map(|(_, cgroup)| folder(cgroup)).collect();
    let paths: Vec<&str> = folders.iter().map(String::as_str).collect();
    let is_whole = processes.iter().all(|(_, cgroup)| folder(cgroup).is_some());
    match ids_of(host, &paths).filter(|ids| is_whole && ids.len() == paths.len()) {
        Some(ids) => Ok(Watched { title, scope: Scope::Cgroups(ids), blind: None }),
        None => {
            let pids = processes.into_iter().map(|(pid, _)| pid).collect();
            Ok(Watched { title, scope: Scope::Trees(pids), blind: Some(ENTERS) })
        }
    }
}

/// Whoever is in a network namespace now.
fn network(host: &Host, path: &Path) -> Result<Watched, Failure> {
    let namespace = resolve::open_network(path)?;
    let is_in =
        |pid: &u32| fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|found| found.ino() == namespace.inode);
    let pids: Vec<u32> = host.pids()?.into_iter().filter(is_in).collect();
    let title = format!("netns:{}", path.display());
    if pids.is_empty() {
        return Err(Failure::new(Class::NotFound, format!("no process is in {title}")).hinting(
            "start one there with `ip netns exec`, or trace it as you start it: `fathom trace -- ip netns exec …`",
        ));
    }
    Ok(Watched { title, scope: Scope::Trees(pids), blind: Some(ENTERS) })
}
