//! State folders of runc and crun, called by hand or by an engine: `ROOT/ID/state.json` and `ROOT/ID/status`.

use std::path::PathBuf;

use fathom_model::{Container, Engine};

use super::file::Folder;
use crate::Listing;
use crate::places::Places;
use crate::records::{crun_status, runc_state};

/// The pid and the time of a state stand in here, unless its id is longer than any file name.
const HEAD: usize = 1024;

pub(super) fn read(places: &Places, listing: &mut Listing) {
    let users = places.users_run_folders();
    for root in users.iter().map(|user| user.join("runc")).chain([places.at("run/runc")]) {
        read_runc(root, Engine::Runc, listing);
    }
    for root in users.iter().map(|user| user.join("crun")).chain([places.at("run/crun")]) {
        read_crun(root, listing);
    }
    for root in users.iter().map(|user| user.join("docker/runtime-runc")).chain([places.at("run/docker/runtime-runc")])
    {
        read_namespaces(root, listing);
    }
    // Where shims keep it unless they are told otherwise, whatever containerd's own state folder.
    read_namespaces(places.at("run/containerd/runc"), listing);
}

/// containerd's shims have one root per namespace of containerd; docker's namespace is `moby`.
fn read_namespaces(root: PathBuf, listing: &mut Listing) {
    let namespaces = Folder::open(root, listing);
    for namespace in namespaces.names() {
        let engine = if namespace == "moby" { Engine::Docker } else { Engine::Containerd };
        read_runc(namespaces.path().join(namespace), engine, listing);
    }
}

fn read_runc(root: PathBuf, engine: Engine, listing: &mut Listing) {
    let folder = Folder::open(root, listing);
    for id in folder.names().filter(|id| !listing_knows(listing, id)).collect::<Vec<_>>() {
        let file = format!("{id}/state.json");
        let Some(head) = folder.read_head(&file, HEAD, listing) else { continue };
        let state = runc_state(id, &head.bytes).or_else(|garbled| {
            let whole = folder.read(&file, listing).filter(|whole| whole.bytes.len() > head.bytes.len());
            whole.map_or(Err(garbled), |whole| runc_state(id, &whole.bytes))
        });
        // A state without a pid is of a container that is just being made.
        listing.take(state.map(|state| Container { engine, ..state }), &folder, &file);
    }
}

fn read_crun(root: PathBuf, listing: &mut Listing) {
    let folder = Folder::open(root, listing);
    for id in folder.names().filter(|id| !listing_knows(listing, id)).collect::<Vec<_>>() {
        let file = format!("{id}/status");
        let Some(content) = folder.read(&file, listing) else { continue };
        listing.take(crun_status(id, &content.bytes), &folder, &file);
    }
}

/// An engine's own file has said all that a runtime's could, with names.
fn listing_knows(listing: &Listing, id: &str) -> bool {
    listing.get(id).is_some_and(|known| known.pid.is_some() && known.started.is_some())
}
