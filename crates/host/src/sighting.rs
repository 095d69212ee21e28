//! Containers seen in /proc alone, with every engine dead: processes in a cgroup that an engine has named, and first
//! processes of pid namespaces that are not ours.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::PathBuf;

use fathom_model::{Claim, Container, Engine, State};

use crate::cgroup::naming;
use crate::{Error, Host, Process};

/// Ticks per second of the times in `/proc/PID/stat`; fixed in the kernel's interface.
const TICKS: u64 = 100;

/// Seconds from the start of a process until a busy engine has written its number down.
const LONGEST_START: u64 = 60;

/// Seconds by which the clock of files and the clock of processes may differ.
const CLOCKS_DIFFER: u64 = 2;

/// One look at this machine's processes: each is read once, however often it is asked for.
#[derive(Debug)]
pub struct Look<'h> {
    host: &'h Host,
    seen: HashMap<u32, Option<Seen>>,
}

/// A process as it was when it was first asked for.
#[derive(Debug)]
struct Seen {
    /// Its file of cgroups.
    cgroup: String,
    /// Read when a container may be behind it; none if it was gone by then.
    process: OnceCell<Option<Process>>,
}

impl Seen {
    fn process(&self, host: &Host, pid: u32) -> Option<&Process> {
        self.process.get_or_init(|| host.process(pid).ok().filter(|process| process.state != 'Z')).as_ref()
    }
}

impl<'h> Look<'h> {
    /// A look that begins now.
    pub fn at(host: &'h Host) -> Self {
        Look { host, seen: HashMap::new() }
    }

    fn see(&mut self, pid: u32) -> Option<&Seen> {
        let host = self.host;
        let read = || {
            let cgroup = host.read(format!("proc/{pid}/cgroup")).ok()?;
            Some(Seen { cgroup: String::from_utf8_lossy(&cgroup).into_owned(), process: OnceCell::new() })
        };
        self.seen.entry(pid).or_insert_with(read).as_ref()
    }

    /// The containers of this machine that /proc shows, each with its first process.
    pub fn containers(&mut self) -> Result<Vec<Container>, Error> {
        let mut first: HashMap<String, (Container, u64)> = HashMap::new();
        let (host, boot) = (self.host, self.host.boot_time());
        let own_pids = PidNamespace::own(host);
        for pid in host.pids()? {
            let Some(seen) = self.see(pid) else { continue };
            let named = naming::paths(&seen.cgroup).find_map(naming::container_of);
            if named.is_none() && !own_pids.is_left_by(host, pid) {
                continue;
            }
            let Some(process) = seen.process(host, pid).filter(|process| !is_ours(process)) else { continue };
            let rank = rank(process);
            let container = match &named {
                Some(named) => sighted(named, process, boot),
                None if rank == 0 => nameless(&seen.cgroup, process, boot),
                None => continue,
            };
            if first.get(&container.id).is_none_or(|(_, known)| rank < *known) {
                first.insert(container.id.clone(), (container, rank));
            }
        }
        let mut containers: Vec<Container> = first.into_values().map(|(container, _)| container).collect();
        containers.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(containers)
    }

    /// Completes a record that an engine's files made: drops a pid that is no longer that container's, and adds what
    /// /proc knows of it.
    pub fn verify(&mut self, container: &mut Container) {
        let Some(pid) = container.pid else { return };
        let host = self.host;
        let meant = self.see(pid).and_then(|seen| {
            let process = seen.process(host, pid)?;
            is_meant(host, container, process, &seen.cgroup).then_some((process, &seen.cgroup))
        });
        let Some((process, cgroup)) = meant else {
            container.pid = None;
            return;
        };
        container.uid = container.uid.or(Some(process.uid));
        container.started = container.started.or_else(|| Some(host.boot_time() + process.started / TICKS));
        let own = || naming::paths(cgroup).find(|path| *path != "/").map(str::to_owned);
        container.cgroup = container.cgroup.take().or_else(own);
    }
}

/// Whether `process`, in the cgroups of the file `cgroup`, is the one that a container's record means, and not a
/// later one with its number.
pub fn is_meant(host: &Host, container: &Container, process: &Process, cgroup: &str) -> bool {
    if !container.cgroup.as_deref().is_none_or(|path| naming::paths(cgroup).any(|own| is_within(own, path))) {
        return false;
    }
    // Ids that are drawn at random: a cgroup that is called by one says it all.
    if container.has_random_id() && naming::paths(cgroup).any(|path| path.contains(&container.id)) {
        return true;
    }
    let is_others =
        || container.has_random_id() && naming::paths(cgroup).any(|path| naming::container_of(path).is_some());
    match container.claim {
        None | Some(Claim { start: None, written: None }) => !is_others(),
        Some(Claim { start: Some(start), .. }) => process.started == start,
        Some(_) if is_others() => false,
        // Of two processes with one number, the other one started after this was written down.
        Some(Claim { written: Some(written), .. }) => {
            let started = host.boot_time() + process.started / TICKS;
            (written.saturating_sub(LONGEST_START)..=written + CLOCKS_DIFFER).contains(&started)
        }
    }
}

/// Whether `path` is `folder` or lies below it.
fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Our own pid namespace, to tell who is in another one.
struct PidNamespace(Option<PathBuf>);

impl PidNamespace {
    fn own(host: &Host) -> Self {
        PidNamespace(std::fs::read_link(host.path("proc/self/ns/pid")).ok())
    }

    fn is_left_by(&self, host: &Host, pid: u32) -> bool {
        let other = std::fs::read_link(host.path(format!("proc/{pid}/ns/pid"))).ok();
        other.is_some() && other != self.0
    }
}

/// The first process of a pid namespace in a cgroup that no engine named: `runc run`, `unshare`, a sandbox. Its id is
/// how it is entered.
fn nameless(cgroup: &str, process: &Process, boot: u64) -> Container {
    let path = naming::paths(cgroup).find(|path| *path != "/");
    let mut container = Container::new(format!("pid:{}", process.pid), Engine::Unknown);
    container.pid = Some(process.pid);
    container.uid = Some(process.uid);
    container.started = Some(boot + process.started / TICKS);
    container.cgroup = path.map(str::to_owned);
    let last = path.and_then(|path| path.rsplit('/').next());
    container.name = last.filter(|part| !part.contains(".s") && !part.is_empty()).map(str::to_owned);
    container
}

/// A container's own first process has number 1 in its pid namespace; with the host's pid namespace it is the eldest.
fn rank(process: &Process) -> u64 {
    if process.pids.len() > 1 && process.own_pid() == 1 { 0 } else { process.started.max(1) }
}

/// Sessions of ours join a container's pid namespace but are no part of it.
fn is_ours(process: &Process) -> bool {
    process.name == "fathom-init"
}

fn sighted(named: &naming::Named<'_>, process: &Process, boot: u64) -> Container {
    let mut container = Container::new(named.id, named.engine);
    container.pid = Some(process.pid);
    container.uid = Some(process.uid);
    container.cgroup = Some(named.path.to_owned());
    container.started = Some(boot + process.started / TICKS);
    container.state = State::Running;
    if matches!(named.engine, Engine::Nspawn | Engine::Lxc | Engine::Demo) {
        container.name = Some(named.id.to_owned());
    }
    if let Some(uid) = &named.pod_uid {
        container.labels.insert("io.kubernetes.pod.uid".to_owned(), uid.clone());
    }
    container
}
