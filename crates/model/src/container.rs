//! A container as every engine would describe it: the record that `runtime` and `host` fill and everyone reads.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who made a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// dockerd.
    Docker,
    /// containerd, by CRI, `ctr` or nerdctl.
    Containerd,
    /// CRI-O.
    #[serde(rename = "cri-o")]
    CriO,
    /// podman, rootful or rootless.
    Podman,
    /// runc called by hand.
    Runc,
    /// crun called by hand.
    Crun,
    /// systemd-nspawn.
    Nspawn,
    /// LXC and LXD/Incus.
    Lxc,
    /// The built-in demo shop.
    Demo,
    /// A cgroup that looks like a container's, of an engine that could not be told.
    Unknown,
}

impl Engine {
    /// Every engine that can be named in `ENGINE://ID`, with its scheme.
    pub const SCHEMES: &[(&str, Engine)] = &[
        ("docker", Engine::Docker),
        ("containerd", Engine::Containerd),
        ("cri-o", Engine::CriO),
        ("podman", Engine::Podman),
        ("runc", Engine::Runc),
        ("crun", Engine::Crun),
        ("nspawn", Engine::Nspawn),
        ("lxc", Engine::Lxc),
        ("demo", Engine::Demo),
    ];

    /// The scheme without `://`.
    pub fn scheme(self) -> &'static str {
        Self::SCHEMES.iter().find(|(_, engine)| *engine == self).map_or("unknown", |(scheme, _)| scheme)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.scheme())
    }
}

impl FromStr for Engine {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::SCHEMES.iter().find(|(scheme, _)| *scheme == text).map(|(_, engine)| *engine).ok_or(())
    }
}

/// The container of a pod, as Kubernetes names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodRef {
    /// Namespace.
    pub namespace: String,
    /// Pod name.
    pub name: String,
    /// Container name within the pod; `None` for the pod's sandbox.
    pub container: Option<String>,
    /// The pod's UID, when known.
    pub uid: Option<String>,
}

/// Whether a container's process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Made, its command not yet started.
    Created,
    /// Running.
    Running,
    /// Frozen by its engine.
    Paused,
    /// Not running any more.
    Exited,
}

/// One container. What nobody could say is `None`; `id` alone is always known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The engine's own id. Not always hexadecimal: `runc run web` and nspawn use names.
    pub id: String,
    /// Who made it.
    pub engine: Engine,
    /// What people call it; for a pod's container, the container's name.
    pub name: Option<String>,
    /// The image reference it was made from.
    pub image: Option<String>,
    /// Its first process, in the pid namespace of this machine.
    pub pid: Option<u32>,
    /// How to tell that process from a later one with its number; `None` where a living engine or /proc named it.
    #[serde(skip)]
    pub claim: Option<Claim>,
    /// Whether it runs.
    pub state: State,
    /// Start of its first process (or its creation), in seconds since 1970.
    pub started: Option<u64>,
    /// The pod it belongs to.
    pub pod: Option<PodRef>,
    /// The engine's labels.
    pub labels: BTreeMap<String, String>,
    /// Its cgroup path below the hierarchy's root, the v2 one where there is one.
    pub cgroup: Option<String>,
    /// The host uid of its first process.
    pub uid: Option<u32>,
}

/// What a file that names a process says beside its number, which may be another process's by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Claim {
    /// When the process started, in clock ticks since boot as `/proc/PID/stat` has it: exact.
    pub start: Option<u64>,
    /// When the number was written down, in seconds since 1970: the process had just started.
    pub written: Option<u64>,
}

impl Container {
    /// A record that knows an id and nothing else.
    pub fn new(id: impl Into<String>, engine: Engine) -> Self {
        Container {
            id: id.into(),
            engine,
            name: None,
            image: None,
            pid: None,
            claim: None,
            state: State::Running,
            started: None,
            pod: None,
            labels: BTreeMap::new(),
            cgroup: None,
            uid: None,
        }
    }

    /// The id as tables show it: twelve characters of a hexadecimal one, all of any other.
    pub fn short_id(&self) -> &str {
        if self.has_random_id() { &self.id[..12] } else { &self.id }
    }

    /// `docker://4f1c… (web)`: enough to type it again without doubt.
    pub fn describe(&self) -> String {
        let name = self.name.as_deref().filter(|name| *name != self.id);
        match name {
            Some(name) => format!("{}://{} ({name})", self.engine, self.short_id()),
            None => format!("{}://{}", self.engine, self.short_id()),
        }
    }

    /// Adds what `other`, a record of the same container from another source, knows beyond this one.
    pub fn absorb(&mut self, other: Container) {
        if self.engine == Engine::Unknown
            || (matches!(self.engine, Engine::Runc | Engine::Crun) && other.engine != Engine::Unknown)
        {
            self.engine = other.engine;
        }
        self.name = self.name.take().or(other.name);
        self.image = self.image.take().or(other.image);
        self.absorb_process(other.pid, other.claim);
        self.started = self.started.or(other.started);
        self.pod = self.pod.take().or(other.pod);
        self.cgroup = self.cgroup.take().or(other.cgroup);
        self.uid = self.uid.or(other.uid);
        for (key, value) in other.labels {
            self.labels.entry(key).or_insert(value);
        }
    }

    fn absorb_process(&mut self, pid: Option<u32>, claim: Option<Claim>) {
        if self.pid.is_none() {
            (self.pid, self.claim) = (pid, claim);
        } else if let (true, Some(own), Some(other)) = (self.pid == pid, &mut self.claim, claim) {
            own.start = own.start.or(other.start);
            own.written = own.written.or(other.written);
        }
    }

    /// Whether `other` is a record of this container, and not of another one that happens to have the same id.
    ///
    /// Hexadecimal ids are drawn at random. `web` may be a container in two namespaces of containerd and one of runc's
    /// as well; then its processes differ.
    pub fn is(&self, other: &Container) -> bool {
        let differ = self.pid.zip(other.pid).is_some_and(|(own, other)| own != other);
        self.id == other.id && (!differ || self.has_random_id())
    }

    /// Whether its id is one that no other container has: 64 hexadecimal digits.
    pub fn has_random_id(&self) -> bool {
        self.id.len() == 64 && self.id.bytes().all(|b| b.is_ascii_hexdigit())
    }
}
