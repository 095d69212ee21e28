//! Where the cgroup hierarchies of this machine are mounted.
//!
//! From mountinfo to [`Layout`]. A hybrid machine has both: v1 hierarchies that hold the controllers and a v2 one
//! that can only freeze and kill.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Error, Host, mountinfo};

/// The mounted hierarchies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Layout {
    /// Mount point of cgroup v2.
    pub v2: Option<PathBuf>,
    /// Mount points of cgroup v1 with their controllers (`name=systemd` counts as one).
    pub v1: Vec<(Vec<String>, PathBuf)>,
}

impl Layout {
    /// Reads where things are mounted.
    ///
    /// # Errors
    /// [`Error::NoCgroups`] where nothing is.
    pub fn of(host: &Host) -> Result<Self, Error> {
        let layout = Self::from_mounts(&mountinfo::parse(&host.read("proc/self/mountinfo")?), host);
        if layout.v2.is_none() && layout.v1.is_empty() { Err(Error::NoCgroups) } else { Ok(layout) }
    }

    fn from_mounts(mounts: &[mountinfo::Mount], host: &Host) -> Self {
        let mut layout = Layout::default();
        for mount in mounts {
            let point = host.path(mount.point.trim_start_matches('/'));
            match mount.kind.as_str() {
                // The first one wins: a second mount of the same hierarchy is somebody's bind mount.
                "cgroup2" if layout.v2.is_none() => layout.v2 = Some(point),
                "cgroup" => {
                    let controllers: Vec<String> = mount
                        .super_options
                        .split(',')
                        .filter(|option| !matches!(*option, "rw" | "ro" | "xattr" | "clone_children" | "noprefix"))
                        .filter(|option| !option.starts_with("release_agent="))
                        .map(str::to_owned)
                        .collect();
                    if layout.v1.iter().all(|(known, _)| *known != controllers) {
                        layout.v1.push((controllers, point));
                    }
                }
                _ => {}
            }
        }
        layout
    }

    /// The v1 mount point that holds `controller`.
    pub fn v1_of(&self, controller: &str) -> Option<&PathBuf> {
        self.v1.iter().find(|(controllers, _)| controllers.iter().any(|c| c == controller)).map(|(_, point)| point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mountinfo: &str, v2: Option<&str>, v1: &[(&[&str], &str)]) {
        let layout = Layout::from_mounts(&mountinfo::parse(mountinfo.as_bytes()), &Host::local());
        let expect = Layout {
            v2: v2.map(PathBuf::from),
            v1: v1.iter().map(|(c, p)| (c.iter().map(|c| (*c).to_owned()).collect(), PathBuf::from(p))).collect(),
        };
        assert_eq!(layout, expect);
    }

    #[test]
    fn unified() {
        check("30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", Some("/sys/fs/cgroup"), &[]);
    }

    #[test]
    fn hybrid() {
        check(
            "30 1 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
             31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
             33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
             34 1 0:27 / /elsewhere/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
            Some("/sys/fs/cgroup/unified"),
            &[(&["cpu", "cpuacct"], "/sys/fs/cgroup/cpu,cpuacct"), (&["name=systemd"], "/sys/fs/cgroup/systemd")],
        );
    }
}
