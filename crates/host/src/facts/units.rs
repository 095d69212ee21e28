//! Services of systemd by which a machine is a node or runs containers: whether each is wanted, and whether it runs.
//!
//! From the links that `systemctl enable` makes and from cgroups: systemd puts every service into one of its own
//! (systemd.service(5), `/system.slice/NAME`). What else systemd knows of a unit it says over D-Bus alone.

use fathom_model::fact::Topic;
use fathom_model::{Fact, Facts};

use super::text;
use crate::Host;

/// Services that have to go on, with the name of their program.
const KEPT: &[(&str, &str)] = &[
    ("kubelet.service", "kubelet"),
    ("containerd.service", "containerd"),
    ("crio.service", "crio"),
    ("docker.service", "dockerd"),
    ("cri-docker.service", "cri-dockerd"),
    ("k3s.service", "k3s-server"),
    ("k3s-agent.service", "k3s-agent"),
    ("rke2-server.service", "rke2"),
    ("rke2-agent.service", "rke2"),
];

/// Where units that are wanted have links.
const WANTED: &[&str] = &["etc/systemd/system/multi-user.target.wants", "etc/systemd/system/default.target.wants"];

/// Where systemd has its tree: of version 2, beside the others of version 1, and in a hybrid.
const TREES: &[&str] = &["sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice"];

/// There where systemd is what runs services, and not only installed (sd_booted(3)).
const BOOTED: &str = "run/systemd/system";

/// Reads those that are wanted.
pub(super) fn read(host: &Host, facts: &mut Facts) {
    if !host.path(BOOTED).exists() {
        return;
    }
    for (unit, program) in KEPT {
        let link = WANTED.iter().map(|folder| format!("{folder}/{unit}"));
        // A link into a file system that is not seen from here is a link all the same.
        let Some(link) = link.into_iter().find(|link| host.path(link).symlink_metadata().is_ok()) else { continue };
        let runs = TREES.iter().any(|tree| runs(host, &format!("{tree}/{unit}"), program));
        facts.add(Fact::of(
            Topic::Unit,
            *unit,
            [("wanted", format!("/{link}").into()), ("runs", runs.into()), ("program", (*program).into())],
        ));
    }
}

/// Whether the program itself is in its cgroup: those that it started may outlive it there.
fn runs(host: &Host, cgroup: &str, program: &str) -> bool {
    let members = text(host, &format!("{cgroup}/cgroup.procs")).unwrap_or_default();
    let is_it = |pid: &str| text(host, &format!("proc/{pid}/comm")).is_some_and(|comm| comm.trim() == program);
    members.lines().any(is_it)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wanted_runs_if_its_program_does() {
        let root = std::env::temp_dir().join(format!("fathom-units-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a scratch folder can be written");
            fs::write(path, text).expect("a scratch folder can be written");
        };
        let booted = || fs::create_dir_all(root.join(BOOTED)).expect("a scratch folder can be written");
        let wants = root.join(WANTED[0]);
        fs::create_dir_all(&wants).expect("a scratch folder can be written");
        for unit in ["kubelet.service", "containerd.service"] {
            symlink("/lib/systemd/system/gone", wants.join(unit)).expect("a scratch folder can be written");
        }
        // What containerd started goes on without it.
        write("sys/fs/cgroup/system.slice/containerd.service/cgroup.procs", "7\n");
        write("proc/7/comm", "containerd-shim\n");
        write("sys/fs/cgroup/system.slice/kubelet.service/cgroup.procs", "8\n");
        write("proc/8/comm", "kubelet\n");
        let mut facts = Facts::default();
        read(&Host::at(&root), &mut facts);
        assert!(facts.facts.is_empty(), "nobody runs services here");
        booted();
        read(&Host::at(&root), &mut facts);
        let seen: Vec<_> = facts.facts.iter().map(|one| (one.name.as_str(), one.body["runs"].clone())).collect();
        assert_eq!(seen, [("kubelet.service", json!(true)), ("containerd.service", json!(false))]);
        fs::remove_dir_all(root).expect("it is ours");
    }
}
