//! What is known of containers, and which source could not say its part.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use fathom_model::{Container, Hint, State};

use crate::records::Garbled;

/// Containers, one record each, and what is missing from them.
#[derive(Debug, Default)]
pub struct Listing {
    /// One record per id, in the order of its first mention.
    pub containers: Vec<Container>,
    /// Sources that exist and did not say their part.
    pub missing: Vec<Missing>,
    places: HashMap<String, Vec<usize>>,
}

/// A source that exists and did not say its part. The rest of the listing stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    /// Nothing came back in time.
    #[error("the engine at `{}` did not answer within {} ms", socket.display(), patience.as_millis())]
    Silent {
        /// Where it listens.
        socket: PathBuf,
        /// How long was waited.
        patience: Duration,
    },
    /// The socket takes no connection.
    #[error("cannot reach the engine at `{}`", socket.display())]
    Unreachable {
        /// Where it should listen.
        socket: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The connection worked, the exchange did not.
    #[error("the engine at `{}` gave no usable answer", socket.display())]
    Strange {
        /// Where it listens.
        socket: PathBuf,
        /// What was wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or folder could not be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file holds something else than its engine writes.
    #[error("`{}` does not hold what its engine writes", path.display())]
    Garbled {
        /// Which.
        path: PathBuf,
        /// Where in it.
        source: Garbled,
    },
    /// A file is larger than any engine would write.
    #[error("`{}` is {size} bytes long, more than any engine writes", path.display())]
    Bloated {
        /// Which.
        path: PathBuf,
        /// Its length in bytes.
        size: u64,
    },
}

impl Hint for Missing {
    fn hint(&self) -> Option<String> {
        match self {
            Missing::Unreachable { source, .. } | Missing::Unreadable { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("run as root, or join the engine's group".to_owned())
            }
            Missing::Unreachable { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => {
                Some("start the engine again, or remove the socket it left".to_owned())
            }
            Missing::Silent { .. } => Some("see whether the engine hangs; its containers are still found".to_owned()),
            Missing::Garbled { path, .. } | Missing::Bloated { path, .. } => {
                Some(format!("look at `{}`; all other containers are listed", path.display()))
            }
            _ => None,
        }
    }
}

impl Listing {
    /// Adds a record, or what it knows beyond the one of the same container that is already there; says where it is.
    pub(crate) fn add(&mut self, container: Container) -> usize {
        if let Some(place) = self.place_of(&container) {
            self.containers[place].absorb(container);
            return place;
        }
        let place = self.containers.len();
        self.places.entry(container.id.clone()).or_default().push(place);
        self.containers.push(container);
        place
    }

    fn place_of(&self, container: &Container) -> Option<usize> {
        let places = self.places.get(&container.id)?;
        // With two of one id, the one with this process comes before one without.
        let same = |place: &&usize| self.containers[**place].is(container);
        let exact = |place: &&usize| same(place) && self.containers[**place].pid == container.pid;
        places.iter().find(exact).or_else(|| places.iter().find(same)).copied()
    }

    /// Adds a record read from a file. A runtime that knows a process is right against an engine's file that knows none.
    pub(crate) fn claim(&mut self, container: Container) {
        let runs = container.state == State::Running && container.pid.is_some();
        let place = self.add(container);
        let known = &mut self.containers[place];
        if runs && matches!(known.state, State::Exited | State::Created) {
            known.state = State::Running;
        }
    }

    /// The record of an id that no other container can have.
    pub(crate) fn get(&self, id: &str) -> Option<&Container> {
        let [place] = self.places.get(id)?.as_slice() else { return None };
        Some(&self.containers[*place]).filter(|known| known.has_random_id())
    }

    pub(crate) fn miss(&mut self, missing: Missing) {
        self.missing.push(missing);
    }

    /// This listing, the more recent one, with what `other` knows beyond it.
    pub(crate) fn completed_by(mut self, other: Listing) -> Listing {
        for container in other.containers {
            if let Some(place) = self.place_of(&container) {
                let known = &mut self.containers[place];
                // Files hold the start of the process and the image's name where a list has the creation and a digest.
                known.started = container.started.or(known.started);
                if known.image.as_deref().is_none_or(is_digest) {
                    known.image = container.image.clone().or(known.image.take());
                }
            }
            self.add(container);
        }
        self.missing.extend(other.missing);
        self
    }

    /// The last touches that need every source: who does not run has no process, and who has no name is called by
    /// its id, as with `runc` and `ctr`, unless that is a number nobody would say.
    pub(crate) fn finished(mut self) -> Listing {
        for container in &mut self.containers {
            if container.state == State::Exited {
                container.pid = None;
            }
            if container.name.is_none() && container.short_id().len() == container.id.len() {
                container.name = Some(container.id.clone());
            }
        }
        self
    }
}

fn is_digest(image: &str) -> bool {
    image.starts_with("sha256:")
        || image.split_once("@sha256:").is_some()
        || (image.len() == 64 && image.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_model::Engine;

    #[test]
    fn what_an_engine_says_wins_and_files_fill_the_gaps() {
        let mut live = Listing::default();
        let said =
            Container { state: State::Paused, image: Some("sha256:77".into()), ..Container::new("a", Engine::Docker) };
        live.add(Container { started: Some(5), ..said });
        let mut disk = Listing::default();
        let read = Container { pid: Some(7), image: Some("web:1".into()), ..Container::new("a", Engine::Runc) };
        disk.add(Container { started: Some(6), ..read });
        let all = live.completed_by(disk).finished().containers;
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].engine, all[0].state, all[0].pid), (Engine::Docker, State::Paused, Some(7)));
        assert_eq!((all[0].image.as_deref(), all[0].started), (Some("web:1"), Some(6)));
    }

    #[test]
    fn two_containers_of_one_id_stay_two() {
        let mut listing = Listing::default();
        for (engine, pid) in [(Engine::Containerd, 7), (Engine::Containerd, 8), (Engine::Runc, 8), (Engine::Runc, 9)] {
            listing.add(Container { pid: Some(pid), ..Container::new("web", engine) });
        }
        let all: Vec<_> = listing.containers.iter().map(|container| (container.engine, container.pid)).collect();
        assert_eq!(all, [(Engine::Containerd, Some(7)), (Engine::Containerd, Some(8)), (Engine::Runc, Some(9))]);
        let id = "ab".repeat(32);
        let mut listing = Listing::default();
        for pid in [7, 8] {
            listing.add(Container { pid: Some(pid), ..Container::new(&id, Engine::Docker) });
        }
        assert_eq!(listing.containers.len(), 1);
    }

    #[test]
    fn the_dead_have_no_process_and_only_a_sayable_id_is_a_name() {
        let mut listing = Listing::default();
        listing.add(Container { state: State::Exited, pid: Some(7), ..Container::new("web", Engine::Runc) });
        listing.add(Container::new("ab".repeat(32), Engine::Runc));
        let all = listing.finished().containers;
        assert_eq!((all[0].pid, all[0].name.as_deref()), (None, Some("web")));
        assert_eq!(all[1].name, None);
    }
}
