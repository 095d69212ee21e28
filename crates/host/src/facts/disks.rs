//! What is free on the file systems that matter: of the machine, and of what is mounted into a container.

use std::path::Path;

use fathom_model::fact::Topic;
use fathom_model::{Fact, Facts};
use serde_json::json;

use crate::mountinfo::{self, Mount};
use crate::{Host, Pinned};

/// Folders of a machine whose file systems keep containers going.
const PLACES: &[&str] = &[
    "/",
    "/var",
    "/var/log",
    "/var/lib/kubelet",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/etcd",
    "/var/lib/rancher",
    "/tmp",
    "/run",
];

/// File systems of the kernel's own, where space means nothing.
const UNREAL: &[&str] = &[
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "mqueue",
    "securityfs",
    "debugfs",
    "tracefs",
    "bpf",
    "pstore",
    "configfs",
    "fusectl",
    "hugetlbfs",
    "nsfs",
    "autofs",
    "binfmt_misc",
    "squashfs",
    "iso9660",
    "erofs",
    "devtmpfs",
];

/// File systems whose server may never answer: who asks is stuck.
fn is_remote(kind: &str) -> bool {
    kind.starts_with("nfs") || kind.starts_with("fuse") || ["cifs", "smb3", "ceph", "9p", "glusterfs"].contains(&kind)
}

/// The file systems of [`PLACES`], each once.
pub(super) fn of_machine(host: &Host, facts: &mut Facts) {
    let Ok(bytes) = host.read("proc/self/mountinfo") else { return };
    let mounts = mountinfo::parse(&bytes);
    let mut seen: Vec<&str> = Vec::new();
    for place in PLACES.iter().filter(|place| host.path(place.trim_start_matches('/')).exists()) {
        // The last of those that are mounted at one place is what is seen.
        let holds = |mount: &&Mount| Path::new(place).starts_with(&mount.point);
        let Some(mount) = mounts.iter().filter(holds).max_by_key(|mount| (mount.point.len(), mount.id)) else {
            continue;
        };
        if !seen.contains(&mount.point.as_str()) {
            seen.push(&mount.point);
            look(&host.path(mount.point.trim_start_matches('/')), &mount.point, mount, facts);
        }
    }
}

/// The file systems that a process sees and that are not its own root, named by their place under `/proc/PID/root`.
pub fn of_process(pinned: &Pinned, facts: &mut Facts) {
    let Ok(bytes) = pinned.read("mountinfo") else { return };
    let root = format!("/proc/{}/root", pinned.process.pid);
    for mount in mountinfo::parse(&bytes) {
        // Single files that engines mount (resolv.conf, hostname) are on the machine's own file systems.
        let path = format!("{root}{}", mount.point.trim_end_matches('/'));
        if mount.kind != "overlay" && !["/dev", "/sys", "/proc"].iter().any(|own| is_kernel_s(&mount.point, own)) {
            look(Path::new(&path), &path, &mount, facts);
        }
    }
}

/// `/dev/shm` is used by programs, all else there is not.
fn is_kernel_s(point: &str, own: &str) -> bool {
    Path::new(point).starts_with(own) && point != "/dev/shm"
}

fn look(path: &Path, name: &str, mount: &Mount, facts: &mut Facts) {
    if UNREAL.contains(&mount.kind.as_str())
        || facts.facts.iter().any(|one| one.topic == Topic::Disk && one.name == name)
    {
        return;
    }
    if is_remote(&mount.kind) {
        return facts.lack(format!("see what is free on {name}"), "its server might never answer");
    }
    if !path.is_dir() {
        return;
    }
    match rustix::fs::statvfs(path) {
        Ok(stat) => facts.add(Fact::of(
            Topic::Disk,
            name,
            [
                ("kind", mount.kind.clone().into()),
                ("source", mount.source.clone().into()),
                ("total", (stat.f_blocks * stat.f_frsize).into()),
                ("available", (stat.f_bavail * stat.f_frsize).into()),
                ("files", stat.f_files.into()),
                ("filesFree", stat.f_favail.into()),
                ("options", json!(mount.options)),
                ("state", json!(mount.super_options)),
            ],
        )),
        Err(error) => facts.lack(format!("see what is free on {name}"), error),
    }
}
