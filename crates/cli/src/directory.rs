//! The containers of this machine, joined from what /proc shows and what engines say.

use fathom_host::Host;
use fathom_host::sighting::Look;
use fathom_model::Directory;
use fathom_runtime::{Listing, Missing, PATIENCE, Places};

use crate::environment;

/// Where engines are looked for, with what the environment adds.
pub(crate) fn places() -> Places {
    let mut places = environment::value("FATHOM_ROOT").map_or_else(Places::of_this_machine, Places::rooted);
    if let Some(with) =
        environment::text("CONTAINER_RUNTIME_ENDPOINT").and_then(|address| places.clone().with_cri(&address).ok())
    {
        places = with;
    }
    if let Some(with) = environment::text("DOCKER_HOST").and_then(|address| places.clone().with_docker(&address).ok()) {
        places = with;
    }
    places
}

/// Whether every container has a name. One that /proc shows and no file names may have the name that is looked for;
/// its engine keeps its files elsewhere.
pub(crate) fn is_whole(directory: &Directory) -> bool {
    directory.containers().iter().all(|container| container.name.is_some() || !container.has_random_id())
}

/// What files and /proc tell: no engine is asked, so none can keep us waiting.
pub(crate) fn at_once(host: &Host) -> Directory {
    join(host, fathom_runtime::on_disk(&places())).0
}

/// What engines tell as well, and who of them did not answer.
pub(crate) fn complete(host: &Host) -> (Directory, Vec<Missing>) {
    join(host, fathom_runtime::list(&places(), PATIENCE))
}

/// A pid that an engine wrote down may be another process's by now: /proc has the last word.
fn join(host: &Host, listing: Listing) -> (Directory, Vec<Missing>) {
    let mut look = Look::at(host);
    let mut directory = Directory::default();
    for mut container in listing.containers {
        look.verify(&mut container);
        directory.add(container);
    }
    for seen in look.containers().unwrap_or_default() {
        directory.add(seen);
    }
    (directory, listing.missing)
}
