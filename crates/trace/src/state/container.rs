//! Containers, as events of a recording describe them in JSON.

use std::net::Ipv4Addr;

use fathom_scap::Event;
use serde_json::{Value, json};

use super::thread::Role;
use super::{Now, State, Text, Thread, cgroup};
use crate::state::threads::Place;

/// What made a container. The numbers are the recording's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each is its own name")]
pub enum Engine {
    #[default]
    Docker,
    Lxc,
    LibvirtLxc,
    Mesos,
    Rkt,
    Custom,
    Cri,
    Containerd,
    Crio,
    Bpm,
    Static,
    Podman,
}

/// Number, which it is, the word for it, and whether it tells about privileges.
const ENGINES: &[(u64, Engine, &str, bool)] = &[
    (0, Engine::Docker, "docker", true),
    (1, Engine::Lxc, "lxc", false),
    (2, Engine::LibvirtLxc, "libvirt-lxc", false),
    (3, Engine::Mesos, "mesos", false),
    (4, Engine::Rkt, "rkt", false),
    (5, Engine::Custom, "", false),
    (6, Engine::Cri, "cri", true),
    (7, Engine::Containerd, "containerd", true),
    (8, Engine::Crio, "cri-o", true),
    (9, Engine::Bpm, "bpm", false),
    (10, Engine::Static, "", false),
    (11, Engine::Podman, "", true),
];

impl Engine {
    fn row(self) -> &'static (u64, Engine, &'static str, bool) {
        ENGINES.iter().find(|row| row.1 == self).unwrap_or(&ENGINES[0])
    }

    /// One word; some have none.
    pub fn word(self) -> &'static str {
        self.row().2
    }

    /// Its number in recordings.
    pub fn number(self) -> u64 {
        self.row().0
    }

    /// Whether it is known of its containers if they are privileged.
    pub fn tells_privileges(self) -> bool {
        self.row().3
    }
}

/// A container.
#[derive(Debug, Clone, Default)]
pub struct Container {
    /// The short form of its id.
    pub id: Text,
    /// What made it.
    pub engine: Engine,
    /// Name.
    pub name: Text,
    /// Image as it was asked for, its id, repository, tag and digest.
    pub image: [Text; 5],
    /// Whether it may do everything.
    pub privileged: bool,
    /// Its address, if it has one of its own.
    pub address: Option<Ipv4Addr>,
    /// Labels in the order of their names.
    pub labels: Vec<(Text, Text)>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// What is started in it to see whether it is well.
    pub probes: Vec<Probe>,
    /// All that was said of it, as a recording says it; nothing if only its id is known.
    pub said: Text,
}

/// Something that is mounted into a container.
#[derive(Debug, Clone, Default)]
pub struct Mount {
    /// Source, target and mode.
    pub parts: [Text; 3],
    /// Whether it can be written to.
    pub writable: bool,
    /// How mounts within it are shared.
    pub propagation: Text,
}

impl Mount {
    /// All of it on one line.
    pub fn line(&self) -> Vec<u8> {
        let [source, target, mode] = &self.parts;
        [&source[..], target, mode, self.writable_word().as_bytes(), &self.propagation].join(&b':')
    }

    /// Whether it can be written to, in a word.
    pub fn writable_word(&self) -> &'static str {
        if self.writable { "true" } else { "false" }
    }
}

/// Something that is started in a container to see whether it is well.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What for.
    pub role: Role,
    /// The program.
    pub exe: Text,
    /// Its arguments.
    pub args: Vec<Text>,
}

/// The recorder asked the engine, and got an answer.
const FOUND: u64 = 1;

/// The key of the cgroup that the container has. Ours: others have the container's id from the cgroup's name, and do not
/// find those that are called otherwise.
pub(super) const CGROUP: &str = "cgroup";

/// Keys of probes.
const PROBES: &[(&str, Role)] =
    &[("Healthcheck", Role::Healthcheck), ("LivenessProbe", Role::Liveness), ("ReadinessProbe", Role::Readiness)];

impl Container {
    /// The value of a label.
    pub fn label(&self, name: &[u8]) -> Option<&Text> {
        self.labels.iter().find(|(label, _)| &label[..] == name).map(|(_, value)| value)
    }

    pub(super) fn parse(json: &Value) -> Option<Self> {
        let container = json.get("container")?;
        let text = |value: &Value| -> Text { value.as_str().unwrap_or_default().as_bytes().into() };
        let field = |key: &str| text(&container[key]);
        let number = container["type"].as_u64().unwrap_or_default();
        let mount = |mount: &Value| Mount {
            parts: ["Source", "Destination", "Mode"].map(|key| text(&mount[key])),
            writable: mount["RW"].as_bool().unwrap_or_default(),
            propagation: text(&mount["Propagation"]),
        };
        let probe = |(key, role): &(&str, Role)| {
            let probe = container[*key].as_object()?;
            let args = probe.get("args").and_then(Value::as_array).map(|args| args.iter().map(text).collect());
            Some(Probe { role: *role, exe: text(probe.get("exe")?), args: args.unwrap_or_default() })
        };
        let labels = container["labels"].as_object().into_iter().flatten();
        let mut labels: Vec<(Text, Text)> = labels.map(|(name, value)| (name.as_bytes().into(), text(value))).collect();
        labels.sort();
        Some(Container {
            id: field("id"),
            engine: ENGINES.iter().find(|row| row.0 == number).map(|row| row.1).unwrap_or_default(),
            name: field("name"),
            image: ["image", "imageid", "imagerepo", "imagetag", "imagedigest"].map(field),
            privileged: container["privileged"].as_bool().unwrap_or_default(),
            address: container["ip"]
                .as_str()
                .and_then(|ip| ip.parse().ok())
                .filter(|ip: &Ipv4Addr| !ip.is_unspecified()),
            labels,
            mounts: container["Mounts"].as_array().into_iter().flatten().map(mount).collect(),
            probes: PROBES.iter().filter_map(probe).collect(),
            said: Text::default(),
        })
    }
}

impl State {
    /// Finds out which container a thread is in, and what it does there.
    pub(super) fn settle(&mut self, thread: &mut Thread) {
        thread.container = Text::default();
        self.strangers.meet(&thread.cgroups);
        if let Some((id, engine)) = cgroup::container(thread) {
            thread.container = id.clone();
            // Of others nothing is known before somebody says it.
            let name = if engine == Engine::Lxc { id.clone() } else { Text::default() };
            if engine != Engine::Cri {
                self.containers.entry(id.clone()).or_insert_with(|| Container {
                    id,
                    engine,
                    name,
                    ..Container::default()
                });
            }
        } else if let Some(id) = self.leaves.container_of(&thread.cgroups) {
            thread.container = id.clone();
        }
        self.find_role(thread);
    }

    /// The same for a thread in the table.
    pub(super) fn settle_at(&mut self, place: Place) {
        let mut thread = std::mem::take(&mut self.threads[place]);
        self.settle(&mut thread);
        self.threads[place] = thread;
    }

    fn find_role(&mut self, thread: &mut Thread) {
        if thread.container.is_empty() {
            return;
        }
        if thread.vpid == 1 {
            thread.role = Role::Init;
            return;
        }
        let parent = self.threads.find_quietly(thread.ptid).map(|place| self.threads[place].role);
        if let Some(role) = parent.filter(|role| *role != Role::None) {
            thread.role = role;
            return;
        }
        let Some(container) = self.containers.get(&thread.container) else { return };
        let same = |probe: &&Probe| {
            let args: Vec<_> = thread.args.split(|byte| *byte == 0).collect();
            let args = &args[..args.len().saturating_sub(1)];
            probe.exe == thread.exe && probe.args.iter().map(|arg| &arg[..]).eq(args.iter().copied())
        };
        let Some(role) = container.probes.iter().find(same).map(|probe| probe.role) else { return };
        let own = |parent: &Thread| parent.vpid == 1 && !parent.container.is_empty();
        if !self.threads.ancestors(thread).any(own) {
            thread.role = role;
        }
    }

    /// An event that describes a container.
    pub(super) fn container_seen(&mut self, event: &Event<'_>, now: &mut Now) {
        let Some(json) = event.param(0) else { return };
        let said = json.strip_suffix(&[0]).unwrap_or(json);
        let Ok(json) = serde_json::from_slice(said) else { return };
        if let Some(mut container) = Container::parse(&json) {
            container.said = said.into();
            now.describes = true;
            // Of some the recorder could not find out anything.
            now.hidden = json["container"]["lookup_state"].as_u64().is_some_and(|state| state != FOUND);
            self.described = Some(Box::new(Thread::describing(&container.id)));
            let id = container.id.clone();
            self.containers.insert(id.clone(), container);
            if let Some(leaf) = json["container"][CGROUP].as_str() {
                self.move_in(leaf.as_bytes(), &id);
            }
        }
    }

    /// Threads in the cgroup `leaf` are of the container `id`, unless the cgroup itself says whose they are.
    fn move_in(&mut self, leaf: &[u8], id: &Text) {
        if !self.leaves.add(leaf, id) {
            return;
        }
        let lost = |place: &Place| cgroup::is_within(&self.threads[*place].cgroups, leaf);
        let lost: Vec<Place> = self.threads.places().filter(lost).collect();
        lost.into_iter().for_each(|place| self.settle_at(place));
    }

    /// An event of older recorders that describes a container.
    pub(super) fn older_container_seen(&mut self, event: &Event<'_>) {
        let text = |index: usize| -> Text { super::path::until_nul(event.param(index).unwrap_or_default()).into() };
        let number = u64::from(event.u32(1).unwrap_or_default());
        let [id, name, image] = [0, 2, 3].map(|index| String::from_utf8_lossy(&text(index)).into_owned());
        let said = json!({ "container": { "id": id, "type": number, "name": name, "image": image } });
        let container = Container {
            said: said.to_string().as_bytes().into(),
            id: text(0),
            engine: ENGINES.iter().find(|row| row.0 == number).map(|row| row.1).unwrap_or_default(),
            name: text(2),
            image: [text(3), Text::default(), Text::default(), Text::default(), Text::default()],
            ..Container::default()
        };
        self.containers.insert(container.id.clone(), container);
    }
}
