//! Docker's own folder: `ROOT/containers/ID/config.v2.json`, of the system's daemon and of rootless ones.

use super::file::Folder;
use super::podman::users_homes;
use crate::Listing;
use crate::places::Places;
use crate::records::docker_config;

pub(super) fn read(places: &Places, listing: &mut Listing) {
    let users = users_homes(places, listing);
    let roots = users.iter().map(|(_, home)| home.join(".local/share/docker")).chain([places.at("var/lib/docker")]);
    for root in roots {
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
