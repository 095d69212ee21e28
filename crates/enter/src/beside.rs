//! Where we are when a container was made for us beside the one that is meant: whose first process that is, and what
//! its files tell about users.
//!
//! From `/proc` to [`Surroundings`], which are plain data. We may be allowed to look at next to nothing.

use std::fs::File;

use fathom_host::{Host, Process};
use fathom_model::Failure;

use crate::launcher::offspring;
use crate::launcher::tree::read_inside;
use crate::plan::Surroundings;

/// What the first process of a container like ours is called.
const OWN: &[u8] = b"/fathom\0agent\0";

/// Looks at what is beside us: the container `id`, which a user knows as `title`.
pub fn look(host: &Host, title: &str, id: &str, home: String) -> Result<Surroundings, Failure> {
    let own = host.read("proc/self/status")?;
    let target = first_process(host, id);
    let root = target.and_then(|pid| File::open(format!("/proc/{pid}/root")).ok());
    let read = |path| root.as_ref().map_or(String::new(), |root| read_inside(root, path));
    Ok(Surroundings {
        title: title.to_owned(),
        own: Process::parse_status(&own),
        target,
        passwd: read("etc/passwd"),
        group: read("etc/group"),
        home,
    })
}

/// Kills and collects whatever is still below this process, which adopts orphans.
pub fn end_all_below() {
    offspring::end(|_, _| {});
}

/// The eldest process in the container's cgroup, where cgroups tell; else the first of all, unless that is our own.
fn first_process(host: &Host, id: &str) -> Option<u32> {
    let id = id.rsplit("://").next().filter(|id| !id.is_empty())?;
    let mut pids = host.pids().ok()?;
    pids.sort_unstable();
    let is_of = |pid: &u32| {
        let cgroup = host.read(format!("proc/{pid}/cgroup")).unwrap_or_default();
        String::from_utf8_lossy(&cgroup).contains(id)
    };
    let first = || host.read("proc/1/cmdline").ok().filter(|words| !words.starts_with(OWN)).map(|_| 1);
    pids.into_iter().find(is_of).or_else(first)
}
