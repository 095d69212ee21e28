//! The containers of a pod, as they come, by the cgroup folder that the kubelet makes for it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{first, processes};
use crate::cgroup::{Layout, naming};
use crate::{Error, Host};

/// Deeper than any kubelet nests its folders.
const DEEPEST: usize = 8;

/// A pod that has a cgroup here.
#[derive(Debug)]
pub struct Pod {
    folder: PathBuf,
}

/// A container's cgroup in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The engine's id of the container.
    pub id: String,
    folder: PathBuf,
}

impl Pod {
    /// The pod with this uid, if it is here by now.
    pub fn find(host: &Host, uid: &str) -> Result<Option<Pod>, Error> {
        let layout = Layout::of(host)?;
        // One hierarchy is enough; the freezer's knows whom it can freeze.
        let freezer = layout.v1_of("freezer").into_iter().chain(&layout.v2);
        let mut points = freezer.chain(layout.v1.iter().map(|(_, point)| point));
        // cgroupfs writes the uid as the API does, systemd with underscores.
        let names = [format!("pod{uid}"), format!("pod{}", uid.replace('-', "_"))];
        Ok(points.find_map(|point| below(point, &names, DEEPEST)).map(|folder| Pod { folder }))
    }

    /// Its containers, with the sandbox; none when the pod itself is gone.
    pub fn containers(&self) -> Option<Vec<Leaf>> {
        let pod = self.folder.file_name()?.to_string_lossy().into_owned();
        let leaves = fs::read_dir(&self.folder).ok()?.flatten().filter_map(|entry| {
            // Only what the pod's folder and the one in it say: where nodes are containers, more stands above.
            let path = format!("/kubepods/{pod}/{}", entry.file_name().to_string_lossy());
            let id = naming::container_of(&path)?.id.to_owned();
            Some(Leaf { id, folder: entry.path() })
        });
        Some(leaves.collect())
    }
}

impl Leaf {
    /// The container's first process, if it has one.
    pub fn first(&self, host: &Host) -> Option<u32> {
        first(host, processes(&self.folder))
    }
}

fn below(folder: &Path, names: &[String], depth: usize) -> Option<PathBuf> {
    let inside: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    let is_meant = |path: &&PathBuf| {
        path.file_name().is_some_and(|name| names.iter().any(|meant| name.to_string_lossy().contains(meant)))
    };
    if let Some(found) = inside.iter().find(is_meant) {
        return Some(found.clone());
    }
    inside.iter().filter(|_| depth > 0).find_map(|folder| below(folder, names, depth - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pod: &str, leaf: &str, id: &str) {
        let root = std::env::temp_dir().join(format!("fathom-pod-{}-{}", std::process::id(), pod.len() + leaf.len()));
        let folder = root.join("nested/kubepods/burstable").join(pod);
        fs::create_dir_all(folder.join(leaf)).expect("it is ours");
        let names = ["pod8f-2a".to_owned(), "pod8f_2a".to_owned()];
        let found = below(&root, &names, DEEPEST);
        let leaves = found.clone().map(|folder| Pod { folder }.containers().expect("it exists"));
        fs::remove_dir_all(&root).expect("it is ours");
        assert_eq!(found, Some(folder.clone()));
        assert_eq!(leaves, Some(vec![Leaf { id: id.to_owned(), folder: folder.join(leaf) }]));
        assert_eq!(Pod { folder }.containers(), None, "it is gone");
    }

    #[test]
    fn both_drivers_ways_of_naming_a_pod() {
        let id = "4f1c".repeat(16);
        check("pod8f-2a", &id, &id);
        check("kubepods-burstable-pod8f_2a.slice", &format!("cri-containerd-{id}.scope"), &id);
        check("kubepods-pod8f_2a.slice", &format!("crio-{id}.scope"), &id);
    }
}
