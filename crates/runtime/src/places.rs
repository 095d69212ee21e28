//! Where engines listen and where they keep their files, on any distribution that is known to differ.

use std::path::{Path, PathBuf};

use fathom_model::Hint;

/// Sockets that speak CRI v1; most of them speak containerd's own API as well.
const CRI: &[&str] = &[
    "run/containerd/containerd.sock",
    "run/crio/crio.sock",
    "run/k3s/containerd/containerd.sock",
    "run/k0s/containerd.sock",
    "var/snap/microk8s/common/run/containerd.sock",
    "run/host-containerd/containerd.sock",
    "run/cri-dockerd.sock",
];

/// Sockets that speak Docker's API.
const DOCKER: &[&str] = &["run/docker.sock", "run/podman/podman.sock"];

/// The same below each user's /run/user/UID.
const USERS_DOCKER: &[&str] = &["docker.sock", "podman/podman.sock"];

/// Which machine to look at, and which sockets beside the usual ones to ask.
#[derive(Debug, Clone)]
pub struct Places {
    root: PathBuf,
    named: Vec<Socket>,
}

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its path.
    pub path: PathBuf,
    /// What it speaks.
    pub speech: Speech,
    /// How we know of it.
    pub origin: Origin,
}

/// What an engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// The container runtime interface, version 1.
    Cri,
    /// Docker's HTTP API.
    Docker,
}

/// How we know of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is where engines usually listen; if it is not there, nothing is missing.
    Usual,
    /// Somebody named it; if it is not there, that is worth saying.
    Named,
}

/// An address that names no socket of this machine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine's address `{0}` is not a unix socket of this machine")]
pub struct BadAddress(String);

impl Hint for BadAddress {
    fn hint(&self) -> Option<String> {
        Some("give a path or unix:///PATH".to_owned())
    }
}

impl Places {
    /// The machine that we run on.
    pub fn of_this_machine() -> Self {
        Self::rooted("/")
    }

    /// A folder laid out like `/`: a recording, a test's engines, or another machine's tree at `/host`.
    pub fn rooted(root: impl Into<PathBuf>) -> Self {
        Places { root: root.into(), named: Vec::new() }
    }

    /// Also asks this engine by CRI: the value of `FATHOM_CRI_SOCKET` or `CONTAINER_RUNTIME_ENDPOINT`.
    ///
    /// # Errors
    /// When it is neither a path nor a `unix:` address.
    pub fn with_cri(self, address: &str) -> Result<Self, BadAddress> {
        self.with(address, Speech::Cri)
    }

    /// Also asks this engine by Docker's API: the value of `DOCKER_HOST`.
    ///
    /// # Errors
    /// When it is neither a path nor a `unix:` address.
    pub fn with_docker(self, address: &str) -> Result<Self, BadAddress> {
        self.with(address, Speech::Docker)
    }

    fn with(mut self, address: &str, speech: Speech) -> Result<Self, BadAddress> {
        let path = address.strip_prefix("unix://").or_else(|| address.strip_prefix("unix:")).unwrap_or(address);
        if !path.starts_with('/') {
            return Err(BadAddress(address.to_owned()));
        }
        self.named.push(Socket { path: path.into(), speech, origin: Origin::Named });
        Ok(self)
    }

    /// Every socket that is there or was named, each once.
    pub fn sockets(&self) -> Vec<Socket> {
        let usual = |path: PathBuf, speech| Socket { path, speech, origin: Origin::Usual };
        let mut sockets = self.named.clone();
        sockets.extend(CRI.iter().map(|path| usual(self.at(path), Speech::Cri)));
        sockets.extend(DOCKER.iter().map(|path| usual(self.at(path), Speech::Docker)));
        for user in self.users_run_folders() {
            sockets.extend(USERS_DOCKER.iter().map(|path| usual(user.join(path), Speech::Docker)));
        }
        sockets.retain(|socket| socket.origin == Origin::Named || socket.path.exists());
        let mut seen = std::collections::HashSet::new();
        sockets.retain(|socket| seen.insert((socket.path.clone(), socket.speech as u8)));
        sockets
    }

    /// Each user's /run/user/UID.
    pub(crate) fn users_run_folders(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.at("run/user")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// `path`, which has no leading slash, on the machine we look at.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// An absolute path that a file of the machine we look at named. What lies below our root already stays.
    pub fn beneath(&self, path: &Path) -> PathBuf {
        if path.starts_with(&self.root) {
            return path.to_owned();
        }
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_testkit::Scratch;

    #[test]
    fn a_named_socket_is_kept_though_it_is_not_there() {
        let scratch = Scratch::new("places");
        let places = Places::rooted(scratch.path()).with_cri("unix:///nowhere/cri.sock").unwrap();
        let places = places.with_docker("/nowhere/docker.sock").unwrap();
        let paths: Vec<_> = places.sockets().into_iter().map(|socket| socket.path).collect();
        assert_eq!(paths, [PathBuf::from("/nowhere/cri.sock"), "/nowhere/docker.sock".into()]);
    }

    #[test]
    fn an_address_elsewhere_is_refused() {
        for address in ["tcp://127.0.0.1:2375", "ssh://host", "docker.sock", ""] {
            assert_eq!(Places::of_this_machine().with_docker(address).err(), Some(BadAddress(address.into())));
        }
    }

    #[test]
    fn usual_sockets_are_found_by_their_files() {
        let scratch = Scratch::new("places");
        for folder in ["run/user/1000/podman", "run/crio"] {
            std::fs::create_dir_all(scratch.join(folder)).unwrap();
        }
        for file in ["run/user/1000/podman/podman.sock", "run/crio/crio.sock"] {
            std::fs::write(scratch.join(file), "").unwrap();
        }
        let found = Places::rooted(scratch.path()).sockets();
        let speech: Vec<_> = found.iter().map(|socket| (socket.speech, socket.origin)).collect();
        assert_eq!(speech, [(Speech::Cri, Origin::Usual), (Speech::Docker, Origin::Usual)]);
    }

    #[test]
    fn paths_in_files_are_read_below_the_root() {
        let places = Places::rooted("/host");
        assert_eq!(places.beneath(Path::new("/var/lib/x")), PathBuf::from("/host/var/lib/x"));
        assert_eq!(places.beneath(Path::new("/host/var/lib/x")), PathBuf::from("/host/var/lib/x"));
        assert_eq!(Places::of_this_machine().beneath(Path::new("/var")), PathBuf::from("/var"));
    }
}
