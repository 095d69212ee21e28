//! Docker's own folder: `ROOT/containers/ID/config.v2.json`, of the system's daemon and of rootless ones.

use std::path::PathBuf;

use super::file::Folder;
use super::podman::users_homes;
use crate::Listing;
use crate::places::Places;
use crate::records::docker_config;

/// Where daemons keep what they have.
pub(super) fn roots(places: &Places, listing: &mut Listing) -> Vec<PathBuf> {
    let users = users_homes(places, listing);
    users.iter().map(|(_, home)| home.join(".local/share/docker")).chain([places.at("var/lib/docker")]).collect()
}

pub(super) fn read(places: &Places, listing: &mut Listing) {
    for root in roots(places, listing) {
        let folder = Folder::open(root.join("containers"), listing);
        for id in folder.names() {
            let file = format!("{id}/config.v2.json");
            let Some(content) = folder.read(&file, listing) else { continue };
            let mut record = docker_config(&content.bytes);
            if let Ok(container) = &mut record {
                id.clone_into(&mut container.id);
            }
            listing.take(record, &folder, &file);
        }
    }
}
