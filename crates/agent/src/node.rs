//! Where things are on this machine, and who hears of what is done there.

use std::path::PathBuf;

use fathom_enter::session::Registry;
use fathom_host::Host;
use fathom_runtime::Places;
use fathom_toolkit::{Progress, Store};

/// This machine, for whoever runs us.
#[derive(Debug)]
pub struct Node {
    /// Its processes, cgroups and namespaces.
    pub host: Host,
    /// Where engines keep their files and sockets.
    pub places: Places,
    /// Where toolkits and images are.
    pub store: Store,
    /// Where sessions are on record.
    pub registry: Registry,
    /// Where terminals are recorded that a server wants recorded.
    pub recordings: PathBuf,
    /// The variables that say all this to other programs of ours.
    pub environment: Vec<(String, String)>,
    /// Where we may write what is of no use after us.
    pub temporary: PathBuf,
}

/// Who hears what a user should read meanwhile.
pub trait Listener {
    /// One line.
    fn notice(&mut self, text: &str);
    /// How far an image is.
    fn progress(&mut self, progress: &Progress);
    /// Whether anybody still waits; asked again and again by what may take long.
    fn waits(&mut self) -> bool {
        true
    }
}
