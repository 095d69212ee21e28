//! Task folders of containerd's shims: `STATE/io.containerd.runtime.v2.task/NAMESPACE/ID` with the bundle's
//! `config.json` and `init.pid`. They exist exactly as long as the task, whatever the runtime below (runc, kata, …).

use std::path::PathBuf;

use fathom_model::{Container, Engine};

use super::file::Folder;
use crate::Listing;
use crate::places::Places;
use crate::records::{annotate, annotations};

/// State folders of containerd as distributions of Kubernetes and docker place them.
const STATES: &[&str] = &[
    "run/containerd",
    "run/k3s/containerd",
    "run/k0s/containerd",
    "var/snap/microk8s/common/run/containerd",
    "run/host-containerd",
    "run/docker/containerd/daemon",
];

const TASKS: &str = "io.containerd.runtime.v2.task";

/// Annotations stand before the seccomp profile; with a hundred mounts before them, 16 KiB hold them.
const HEAD: u64 = 16 * 1024;

pub(super) fn read(places: &Places, listing: &mut Listing) {
    let users = places.users_run_folders().into_iter().map(|user| user.join("docker/containerd/daemon"));
    for state in STATES.iter().map(|state| places.at(state)).chain(users) {
        let namespaces = Folder::open(state.join(TASKS), listing);
        for namespace in namespaces.names() {
            read_tasks(namespaces.path().join(&namespace), &namespace, listing);
        }
    }
}

fn read_tasks(path: PathBuf, namespace: &str, listing: &mut Listing) {
    let engine = if namespace == "moby" { Engine::Docker } else { Engine::Containerd };
    let folder = Folder::open(path, listing);
    for id in folder.names() {
        let mut container = Container::new(&id, engine);
        container.pid = read_pid(&folder, &id, listing);
        // Docker writes no names there, and its own file has been read.
        if engine == Engine::Containerd {
            read_names(&folder, &mut container, listing);
        }
        listing.claim(container);
    }
}

fn read_pid(folder: &Folder, id: &str, listing: &mut Listing) -> Option<u32> {
    let bytes = folder.read(format!("{id}/init.pid"), listing)?;
    std::str::from_utf8(&bytes).ok()?.trim().parse().ok().filter(|pid| *pid > 0)
}

fn read_names(folder: &Folder, container: &mut Container, listing: &mut Listing) {
    let file = format!("{}/config.json", container.id);
    let Some(head) = folder.read_head(&file, HEAD, listing) else { return };
    match annotations(&head) {
        Ok(found) => annotate(container, &found),
        Err(garbled) => {
            let whole = folder.read(&file, listing).filter(|whole| whole.len() > head.len()).unwrap_or_default();
            match annotations(&whole) {
                Ok(found) => annotate(container, &found),
                Err(later) => {
                    let garbled = if whole.is_empty() { garbled } else { later };
                    listing.garbled(folder, &file, garbled);
                }
            }
        }
    }
}
