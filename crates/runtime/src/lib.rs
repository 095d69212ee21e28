//! Names, images, labels and states of containers: from what engines answer, and from what they leave on disk.
//!
//! **Owns** the sockets of container engines (CRI, Docker's API and podman's copy of it, containerd's own) and the
//! formats of the files they keep. **Does not** look at processes: a pid read from a file is a claim that `host` checks.
//! Every source that exists is asked, all at the same time; one that does not answer costs the patience and is named
//! in [`Listing::missing`], never more. Read [`list`] first, then [`places`], then [`records`].

pub mod listing;
pub mod places;
pub mod records;

mod disk;
mod live;

use std::time::Duration;

pub use listing::{Listing, Missing};
pub use places::Places;

/// How long a person waits for an engine before its answer is not worth the wait.
pub const PATIENCE: Duration = Duration::from_millis(300);

/// Everything that engines and their files say. Takes at most about `patience`, whatever the engines do.
///
/// Any thread of control of its own has ended when this returns.
pub fn list(places: &Places, patience: Duration) -> Listing {
    let read = disk::read(places);
    live::ask(places, &read, patience).completed_by(read).finished()
}

/// What the container `id`, running or not, executes, or else what `image` would: as any engine knows it.
/// Takes at most about `patience`.
pub fn command(places: &Places, id: Option<&str>, image: &str, patience: Duration) -> fathom_model::Command {
    live::command(places, id, image, patience)
}

/// One container from close by: what its engine's files say, and what engines that listen know beyond that. Takes at most
/// about `patience`.
pub fn detail(places: &Places, container: &fathom_model::Container, patience: Duration) -> fathom_model::Detail {
    let mut detail = disk::detail::read(places, container);
    detail.absorb(live::detail(places, container, patience));
    detail
}

/// The same without asking anybody.
pub fn detail_on_disk(places: &Places, container: &fathom_model::Container) -> fathom_model::Detail {
    disk::detail::read(places, container)
}

/// What files alone say: microseconds instead of an engine's milliseconds, and right when every engine is dead.
pub fn on_disk(places: &Places) -> Listing {
    disk::read(places).finished()
}
