//! One container from close by, out of the files that its engine keeps of it.

use std::path::PathBuf;

use fathom_model::{Container, Detail, Engine};

use super::containerd::{STATES, TASKS};
use super::file::{Folder, read as read_file};
use super::podman;
use crate::Listing;
use crate::places::Places;
use crate::records::{docker_detail, docker_digest, of_storage, podman_events, runc_bundle, runc_cgroups, spec_detail};

/// What files say of `container` beyond its record. They belong to one container that is known by its id, and what cannot be
/// read of them is not known.
pub(crate) fn read(places: &Places, container: &Container) -> Detail {
    // A foreign word; it must not lead elsewhere.
    if container.id.contains('/') || container.id.starts_with('.') {
        return Detail::default();
    }
    let mut detail = Detail::default();
    let mut unread = Listing::default();
    if matches!(container.engine, Engine::Docker) {
        read_docker(places, &container.id, &mut unread).into_iter().for_each(|found| detail.absorb(found));
    }
    for file in specifications(places, container, &mut unread) {
        if container.engine == Engine::Podman && detail.runs.log.is_none() {
            detail.runs.log = podman::log(&file);
        }
        let found = read_file(&file, &mut unread).and_then(|bytes| spec_detail(&bytes).ok());
        if let Some(found) = found {
            detail.absorb(found);
            break;
        }
    }
    if container.engine == Engine::Runc {
        let state = read_file(&places.at("run/runc").join(&container.id).join("state.json"), &mut unread);
        detail.cgroups = state.map(|state| runc_cgroups(&state)).unwrap_or_default();
    }
    if container.engine == Engine::Podman {
        let runs = podman::events(places).into_iter().filter_map(|log| read_file(&log, &mut unread));
        let mut runs = runs.map(|bytes| podman_events(&bytes, &container.id));
        let found = runs.find(|runs| runs.status.is_some()).map(|runs| Detail { runs, ..Detail::default() });
        found.into_iter().for_each(|found| detail.absorb(found));
    }
    if matches!(container.engine, Engine::Podman | Engine::CriO) {
        detail.image_id = detail.image_id.take().or_else(|| image_of(places, &container.id, &mut unread));
    }
    detail
}

fn read_docker(places: &Places, id: &str, unread: &mut Listing) -> Option<Detail> {
    super::docker::roots(places, unread).into_iter().find_map(|root| {
        let folder = Folder::open(root.join("containers").join(id), unread);
        let config = folder.read("config.v2.json", unread)?;
        let host = folder.read("hostconfig.json", unread);
        let mut detail = docker_detail(&config.bytes, host.as_ref().map(|host| host.bytes.as_slice())).ok()?;
        let images = Folder::open(root.join("image"), unread);
        detail.image_digest = detail.image_id.as_deref().and_then(|image| {
            images.names().find_map(|driver| {
                let known = read_file(&images.path().join(driver).join("repositories.json"), unread)?;
                docker_digest(&known, image)
            })
        });
        Some(detail)
    })
}

/// Where the specification may be that it was made with; the first that can be read is it.
fn specifications(places: &Places, container: &Container, unread: &mut Listing) -> Vec<PathBuf> {
    let id = &container.id;
    match container.engine {
        Engine::Containerd | Engine::Docker | Engine::Unknown => STATES
            .iter()
            .flat_map(|state| {
                let tasks = Folder::open(places.at(state).join(TASKS), unread);
                let folders = tasks.names().map(|namespace| tasks.path().join(namespace).join(id).join("config.json"));
                folders.collect::<Vec<_>>()
            })
            .collect(),
        Engine::Podman | Engine::CriO => podman::stores(places, unread)
            .into_iter()
            .flat_map(|(graph_root, run_root)| {
                let drivers = Folder::open(graph_root, unread);
                let own = drivers.names().filter(|name| name.ends_with("-containers"));
                let places = own.flat_map(|driver| [drivers.path().join(driver), run_root.join(driver)]);
                places.map(|place| place.join(id).join("userdata/config.json")).collect::<Vec<_>>()
            })
            .collect(),
        Engine::Runc | Engine::Crun => {
            let states = [places.at("run/runc"), places.at("run/crun")];
            let bundle = states.iter().find_map(|root| {
                let state = read_file(&root.join(id).join("state.json"), unread)?;
                runc_bundle(&state)
            });
            bundle.map(|bundle| places.beneath(bundle.as_ref()).join("config.json")).into_iter().collect()
        }
        Engine::Nspawn | Engine::Lxc | Engine::Demo => Vec::new(),
    }
}

/// The id of the image, in the list that containers/storage keeps.
fn image_of(places: &Places, id: &str, unread: &mut Listing) -> Option<String> {
    podman::stores(places, unread).into_iter().find_map(|(graph_root, _)| {
        let store = Folder::open(graph_root, unread);
        store.names().filter(|name| name.ends_with("-containers")).find_map(|driver| {
            let list = read_file(&store.path().join(driver).join("containers.json"), unread)?;
            of_storage(&list, id)
        })
    })
}
