//! Task folders of containerd's shims: `STATE/io.containerd.runtime.v2.task/NAMESPACE/ID` with the bundle's
//! `config.json` and `init.pid`. They exist exactly as long as the task, whatever the runtime below (runc, kata, …).

use std::path::PathBuf;

use fathom_model::{Claim, Container, Engine};

use super::file::Folder;
use crate::Listing;
use crate::places::Places;
use crate::records::{annotate, annotations};

/// State folders of containerd as distributions of Kubernetes and docker place them.
pub(super) const STATES: &[&str] = &[
    "run/containerd",
    "run/k3s/containerd",
    "run/k0s/containerd",
    "var/snap/microk8s/common/run/containerd",
    "run/host-containerd",
    "run/docker/containerd/daemon",
];

pub(super) const TASKS: &str = "io.containerd.runtime.v2.task";

/// Annotations stand before the seccomp profile; with a hundred mounts before them, 16 KiB hold them.
const HEAD: usize = 16 * 1024;

pub(super) fn read(places: &Places, listing: &mut Listing) {
    let users = places.users_run_folders().into_iter().map(|user| user.join("docker/containerd/daemon"));
    for state in STATES.iter().map(|state| places.at(state)).chain(users) {
        let namespaces = Folder::open(state.join(TASKS), listing);
        for namespace in namespaces.names() {
            read_tasks(namespaces.path().join(namespace), namespace, listing);
        }
    }
}

fn read_tasks(path: PathBuf, namespace: &str, listing: &mut Listing) {
    let engine = if namespace == "moby" { Engine::Docker } else { Engine::Containerd };
    let folder = Folder::open(path, listing);
    for id in folder.names() {
        // Docker writes no names there; if its own file was read, that has said the process as well.
        if engine == Engine::Docker && listing.get(id).is_some_and(|known| known.pid.is_some()) {
            continue;
        }
        let mut container = Container::new(id, engine);
        read_pid(&folder, &mut container, listing);
        if engine == Engine::Containerd {
            read_names(&folder, &mut container, listing);
        }
        listing.claim(container);
    }
}

/// The shim writes the file when it has started the process.
fn read_pid(folder: &Folder, container: &mut Container, listing: &mut Listing) {
    let Some(file) = folder.read(&format!("{}/init.pid", container.id), listing) else { return };
    let pid = std::str::from_utf8(&file.bytes).ok().and_then(|text| text.trim().parse().ok());
    container.pid = pid.filter(|pid| *pid > 0);
    container.started = Some(file.written);
    container.claim = Some(Claim { start: None, written: Some(file.written) });
}

fn read_names(folder: &Folder, container: &mut Container, listing: &mut Listing) {
    let file = format!("{}/config.json", container.id);
    let Some(head) = folder.read_head(&file, HEAD, listing) else { return };
    if let Ok(found) = annotations(&head.bytes) {
        return annotate(container, &found);
    }
    // They stand further back, or nowhere.
    let whole = if head.bytes.len() < HEAD { Some(head) } else { folder.read(&file, listing) };
    match whole.as_ref().map(|whole| annotations(&whole.bytes)) {
        Some(Ok(found)) => annotate(container, &found),
        Some(Err(garbled)) => listing.garbled(folder, &file, garbled),
        None => {}
    }
}
