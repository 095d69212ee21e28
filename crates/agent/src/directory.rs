//! The containers of this machine, joined from what /proc shows and what engines say.

use fathom_host::sighting::Look;
use fathom_model::Directory;
use fathom_runtime::{Listing, Missing, PATIENCE};

use crate::Node;

/// Whether every container has a name. One that /proc shows and no file names may have the name that is looked for;
/// its engine keeps its files elsewhere.
pub(crate) fn is_whole(directory: &Directory) -> bool {
    directory.containers().iter().all(|container| container.name.is_some() || !container.has_random_id())
}

impl Node {
    /// What files and /proc tell: no engine is asked, so none can keep us waiting.
    pub fn at_once(&self) -> Directory {
        self.join(fathom_runtime::on_disk(&self.places)).0
    }

    /// What engines tell as well, and who of them did not answer.
    pub fn complete(&self) -> (Directory, Vec<Missing>) {
        self.join(fathom_runtime::list(&self.places, PATIENCE))
    }

    /// A pid that an engine wrote down may be another process's by now: /proc has the last word.
    fn join(&self, listing: Listing) -> (Directory, Vec<Missing>) {
        let mut look = Look::at(&self.host);
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
}
