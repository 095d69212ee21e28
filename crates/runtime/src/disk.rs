//! Walks the folders that engines keep on this machine and reads the records in them.

mod containerd;
pub(crate) mod detail;
mod docker;
mod file;
mod oci;
mod podman;

use fathom_model::Container;

use crate::Listing;
use crate::Missing;
use crate::places::Places;
use crate::records::{Garbled, demo_state, machine};
use file::Folder;

/// Reads every source that exists. Sources that are most telling come first, because their names win.
pub(crate) fn read(places: &Places) -> Listing {
    let mut listing = Listing::default();
    docker::read(places, &mut listing);
    podman::read(places, &mut listing);
    containerd::read(places, &mut listing);
    oci::read(places, &mut listing);
    read_machines(places, &mut listing);
    read_demo(places, &mut listing);
    listing
}

fn read_machines(places: &Places, listing: &mut Listing) {
    let folder = Folder::open(places.at("run/systemd/machines"), listing);
    // Beside each file lies a link `unit:SCOPE` to it.
    for name in folder.names().filter(|name| !name.starts_with("unit:")) {
        let Some(file) = folder.read(name, listing) else { continue };
        match machine(&file.bytes) {
            Ok(found) => found.into_iter().for_each(|container| listing.claim(container)),
            Err(garbled) => listing.garbled(&folder, name, garbled),
        }
    }
}

fn read_demo(places: &Places, listing: &mut Listing) {
    let own = places.users_run_folders().into_iter().map(|folder| folder.join("fathom/demo"));
    for path in std::iter::once(places.at("run/fathom/demo")).chain(own) {
        let folder = Folder::open(path, listing);
        for name in folder.names().filter(|name| name.ends_with(".json")) {
            let Some(file) = folder.read(name, listing) else { continue };
            let state = demo_state(&file.bytes);
            listing.take(state, &folder, name);
        }
    }
}

impl Listing {
    /// Adds the record, or says that it is none.
    fn take(&mut self, record: Result<Container, Garbled>, folder: &Folder, name: &str) {
        match record {
            Ok(container) => self.claim(container),
            Err(garbled) => self.garbled(folder, name, garbled),
        }
    }

    fn garbled(&mut self, folder: &Folder, name: &str, source: Garbled) {
        self.miss(Missing::Garbled { path: folder.path().join(name), source });
    }
}
