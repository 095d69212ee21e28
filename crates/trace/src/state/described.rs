//! A container of this machine, in the words in which recordings describe containers: what an engine says becomes the
//! event that a file brings, so that both take the same way into the state, and a file has what was known live.

use fathom_model::{Container, Detail, Engine as Made};
use fathom_scap::Event;
use fathom_scap::event::Head;
use fathom_scap::schema::number::CONTAINER;
use serde_json::{Map, Value, json};

use super::container::{CGROUP, Engine};

/// The type of the event, whose only parameter is the description; every program that knows containers reads it.
pub const EVENT: u16 = CONTAINER;

/// An event's parameter is no longer; what would make it so is left out.
const LONGEST: usize = u16::MAX as usize - 1;

/// Who makes containers, by the numbers of recordings. Where they have none, it is one of nobody's.
const ENGINES: &[(Made, Engine)] = &[
    (Made::Docker, Engine::Docker),
    (Made::Containerd, Engine::Containerd),
    (Made::CriO, Engine::Crio),
    (Made::Podman, Engine::Podman),
    (Made::Lxc, Engine::Lxc),
];

/// What is said of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// JSON that ends with NUL: the one parameter of the event.
    words: Vec<u8>,
    length: [u8; 2],
}

impl Description {
    /// Of a container whose threads are in `cgroup`.
    pub fn new(container: &Container, detail: &Detail, cgroup: &str) -> Self {
        let mut said = members(container, detail, cgroup);
        // From the longest and least asked for: variables hold whole files sometimes.
        for part in ["env", "Mounts", "labels"] {
            if json!({ "container": &said }).to_string().len() <= LONGEST {
                break;
            }
            said.remove(part);
        }
        let mut words = json!({ "container": said }).to_string().into_bytes();
        words.truncate(LONGEST);
        words.push(0);
        let length = u16::try_from(words.len()).expect("it was made short enough").to_le_bytes();
        Description { words, length }
    }

    /// The JSON.
    pub fn words(&self) -> &[u8] {
        &self.words[..self.words.len() - 1]
    }

    /// The event that a recording has of it, so many nanoseconds after 1970.
    pub fn event(&self, ts: u64) -> Event<'_> {
        Event::new(Head { ts, tid: 0, number: EVENT, cpu: 0 }, &self.length, &self.words)
    }
}

fn members(container: &Container, detail: &Detail, cgroup: &str) -> Map<String, Value> {
    let engine =
        ENGINES.iter().find(|(made, _)| *made == container.engine).map_or(Engine::Custom, |(_, engine)| *engine);
    let image = container.image.as_deref().unwrap_or_default();
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    // A colon before the last slash is that of a port.
    let tag = name.rfind(':').filter(|at| !name[*at..].contains('/'));
    let (repository, tag) = tag.map_or((name, ""), |at| (&name[..at], &name[at + 1..]));
    let mounts: Vec<Value> = detail
        .mounts
        .iter()
        .map(|mount| {
            json!({
                "Source": mount.source, "Destination": mount.target, "Mode": mount.mode,
                "RW": mount.writable, "Propagation": mount.propagation,
            })
        })
        .collect();
    let is_sandbox = container.pod.as_ref().is_some_and(|pod| pod.container.is_none());
    let said = json!({
        "id": container.short_id(),
        "full_id": container.id,
        "type": engine.number(),
        "name": container.name.as_deref().unwrap_or_default(),
        "image": image,
        "imageid": detail.image_id.as_deref().unwrap_or_default(),
        "imagerepo": repository,
        "imagetag": tag,
        "imagedigest": detail.image_digest.as_deref().or(digest).unwrap_or_default(),
        "privileged": detail.privileged.unwrap_or_default(),
        "is_pod_sandbox": is_sandbox,
        "ip": detail.address.map_or_else(|| "0.0.0.0".to_owned(), |address| address.to_string()),
        "labels": labels(container, detail),
        "Mounts": mounts,
        "env": detail.env,
        "port_mappings": [],
        "lookup_state": 1,
        "created_time": container.started.unwrap_or_default(),
        "metadata_deadline": 0,
        CGROUP: cgroup,
    });
    match said {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The engine's, and those by which everybody finds the pod.
fn labels(container: &Container, detail: &Detail) -> Map<String, Value> {
    let mut labels: Map<String, Value> =
        detail.labels.iter().chain(&container.labels).map(|(key, value)| (key.clone(), json!(value))).collect();
    let mut add = |key: &str, value: Option<&String>| {
        if let Some(value) = value {
            labels.entry(key).or_insert_with(|| json!(value));
        }
    };
    if let Some(pod) = &container.pod {
        add("io.kubernetes.pod.name", Some(&pod.name));
        add("io.kubernetes.pod.namespace", Some(&pod.namespace));
        add("io.kubernetes.pod.uid", pod.uid.as_ref());
        add("io.kubernetes.container.name", pod.container.as_ref());
        let own = pod.container.is_none().then_some(&container.id);
        add("io.kubernetes.sandbox.id", detail.sandbox.as_ref().or(own));
    }
    labels
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::mem::take;

    use fathom_model::PodRef;
    use fathom_model::detail::Mount;

    use super::*;
    use crate::state::container::Container as Known;

    fn read(said: &Description) -> Known {
        let json = serde_json::from_slice(said.words()).expect("it is JSON");
        Known::parse(&json).expect("it is a container")
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let id = "4f".repeat(32);
        let web = Container {
            name: Some("app".into()),
            image: Some("registry.test:5000/web:1".into()),
            pod: Some(PodRef {
                namespace: "shop".into(),
                name: "web-0".into(),
                container: Some("app".into()),
                uid: Some("u1".into()),
            }),
            ..Container::new(&id, Made::Containerd)
        };
        let mount = Mount { source: "/srv".into(), target: "/data".into(), ..Mount::default() };
        let detail = Detail {
            privileged: Some(true),
            address: "10.0.0.7".parse().ok(),
            sandbox: Some("5a".into()),
            labels: BTreeMap::from([("tier".into(), "front".into())]),
            mounts: vec![mount],
            ..Detail::default()
        };
        let mut known = read(&Description::new(&web, &detail, "/x"));
        let text = |text: &super::super::Text| String::from_utf8_lossy(text).into_owned();
        assert_eq!(
            (text(&known.id), known.engine, text(&known.name)),
            (id[..12].into(), Engine::Containerd, "app".into())
        );
        assert_eq!(
            take(&mut known.image).map(|part| text(&part)),
            ["registry.test:5000/web:1", "", "registry.test:5000/web", "1", ""]
        );
        assert_eq!((known.privileged, known.address, known.mounts.len()), (true, "10.0.0.7".parse().ok(), 1));
        for (label, value) in [
            ("io.kubernetes.pod.name", "web-0"),
            ("io.kubernetes.pod.namespace", "shop"),
            ("io.kubernetes.pod.uid", "u1"),
            ("io.kubernetes.sandbox.id", "5a"),
            ("tier", "front"),
        ] {
            assert_eq!(known.label(label.as_bytes()).map(text).as_deref(), Some(value), "{label}");
        }
    }

    #[test]
    fn an_event_s_parameter_has_room_for_it() {
        let detail = Detail { env: vec!["A=".to_owned() + &"x".repeat(100_000)], ..Detail::default() };
        let web = Container { name: Some("web".into()), ..Container::new("web", Made::Runc) };
        let said = Description::new(&web, &detail, "/web");
        assert!(said.words().len() < 1000);
        assert_eq!(&read(&said).name[..], b"web");
        assert_eq!(said.event(7).param(0), Some(&said.words[..]));
    }
}
