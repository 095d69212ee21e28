//! containers/storage, where podman and CRI-O keep their containers: `GRAPHROOT/DRIVER-containers/containers.json`
//! for names and images, `RUNROOT/DRIVER-containers/ID/userdata/pidfile` for processes.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fathom_model::{Claim, State};

use super::file::{Folder, read as read_file, read_dated};
use crate::places::Places;
use crate::records::{Records, Storage, homes, storage_conf, storage_containers};
use crate::{Listing, Missing};

/// A user with a line in /etc/passwd: uid, and the home on the machine we look at.
type Home = (u32, PathBuf);

pub(super) fn read(places: &Places, listing: &mut Listing) {
    for (graph_root, run_root) in stores(places, listing) {
        read_store(graph_root, &run_root, listing);
    }
}

/// Every store: what survives a reboot, and what does not.
pub(super) fn stores(places: &Places, listing: &mut Listing) -> Vec<(PathBuf, PathBuf)> {
    let mut stores = vec![(places.at("var/lib/containers/storage"), places.at("run/containers/storage"))];
    stores.push(configured(places, &places.at("etc/containers/storage.conf"), stores[0].clone(), listing));
    for (uid, home) in users_homes(places, listing) {
        let usual = (home.join(".local/share/containers/storage"), places.at(format!("run/user/{uid}/containers")));
        let settings = home.join(".config/containers/storage.conf");
        stores.push(configured(places, &settings, usual.clone(), listing));
        stores.push(usual);
    }
    stores.sort();
    stores.dedup();
    stores
}

/// The logs of what happened: root's, and those of users who are here.
pub(super) fn events(places: &Places) -> Vec<PathBuf> {
    let users = places.users_run_folders().into_iter().map(|folder| folder.join("libpod/tmp"));
    let folders = [places.at("run/libpod")].into_iter().chain(users);
    folders.map(|folder| folder.join("events/events.log")).collect()
}

/// What a container wrote, beside its specification where the driver is k8s-file. Who keeps the store may be a user who
/// would like us to read somebody else's file.
pub(super) fn log(specification: &Path) -> Option<String> {
    let log = specification.with_file_name("ctr.log");
    let (file, folder) = (log.symlink_metadata().ok()?, log.parent()?.symlink_metadata().ok()?);
    (file.is_file() && folder.is_dir() && file.uid() == folder.uid()).then(|| log.display().to_string())
}

/// The homes of users who are here, which is who has a run folder. Others' homes are not looked at: they hold nothing
/// that runs, and may lie on a file server that does not answer.
pub(super) fn users_homes(places: &Places, listing: &mut Listing) -> Vec<Home> {
    let here: Vec<u32> =
        places.users_run_folders().iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect();
    if here.is_empty() {
        return Vec::new();
    }
    let passwd = read_file(&places.at("etc/passwd"), listing).unwrap_or_default();
    let homes = homes(&String::from_utf8_lossy(&passwd)).into_iter();
    homes.filter(|(uid, _)| here.contains(uid)).map(|(uid, home)| (uid, places.beneath(&home))).collect()
}

/// What a `storage.conf` says, and the usual folders for what it does not.
fn configured(places: &Places, file: &Path, usual: (PathBuf, PathBuf), listing: &mut Listing) -> (PathBuf, PathBuf) {
    let text = read_file(file, listing).unwrap_or_default();
    let Storage { graph_root, run_root } = storage_conf(&String::from_utf8_lossy(&text));
    (graph_root.map_or(usual.0, |path| places.beneath(&path)), run_root.map_or(usual.1, |path| places.beneath(&path)))
}

fn read_store(graph_root: PathBuf, run_root: &Path, listing: &mut Listing) {
    let store = Folder::open(graph_root, listing);
    for driver in store.names().filter(|name| name.ends_with("-containers")) {
        let userdata = run_root.join(driver);
        // Containers that need not survive a reboot have their list in the other root.
        let lists = [store.path().join(driver).join("containers.json"), userdata.join("volatile-containers.json")];
        for path in lists {
            let Some(bytes) = read_file(&path, listing) else { continue };
            let Records { containers, garbled } = storage_containers(&bytes);
            for mut container in containers {
                if let Some((pid, written)) = read_pid(&userdata, &container.id, listing) {
                    container.pid = Some(pid);
                    container.claim = Some(Claim { start: None, written: Some(written) });
                    // The list knows when it was made, which may be long before it was started.
                    container.started = Some(written);
                    container.state = State::Running;
                }
                listing.claim(container);
            }
            for source in garbled {
                listing.miss(Missing::Garbled { path: path.clone(), source });
            }
        }
    }
}

/// The process, and when that was written down, in seconds since 1970.
fn read_pid(userdata: &Path, id: &str, listing: &mut Listing) -> Option<(u32, u64)> {
    // The id is a foreign word; it must not lead elsewhere.
    if id.contains('/') || id.starts_with('.') {
        return None;
    }
    let file = read_dated(&userdata.join(id).join("userdata/pidfile"), listing)?;
    let pid = std::str::from_utf8(&file.bytes).ok()?.trim().parse().ok().filter(|pid| *pid > 0)?;
    Some((pid, file.written))
}
