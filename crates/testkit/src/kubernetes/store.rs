//! The objects, their versions and what happened to them; whoever waits for a change hears of it here.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::kind::Kind;

/// Where an object is: `group/resource`, namespace (empty for none) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) resource: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(group: &str, resource: &str, namespace: &str, name: &str) -> Key {
        let resource = format!("{group}/{resource}");
        Key { resource, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// What happened to one object. A deletion has none after, a creation none before.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) key: Key,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    objects: BTreeMap<Key, Value>,
    history: Vec<Change>,
}

/// All objects. Nothing is forgotten: tests are short.
#[derive(Debug)]
pub(super) struct Store {
    state: Mutex<State>,
    changed: Condvar,
    version: watch::Sender<u64>,
}

/// Whether a change is written, and what.
pub(super) enum Update {
    Write(Value),
    Remove,
    Keep,
}

impl Store {
    pub(super) fn new() -> Store {
        Store { state: Mutex::default(), changed: Condvar::new(), version: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Value> {
        self.lock().objects.get(key).cloned()
    }

    /// Everything of a resource, in one namespace or in all, and the version of that look.
    pub(super) fn list(&self, group: &str, resource: &str, namespace: Option<&str>) -> (u64, Vec<Value>) {
        let state = self.lock();
        let resource = format!("{group}/{resource}");
        let fits = |key: &Key| key.resource == resource && namespace.is_none_or(|namespace| key.namespace == namespace);
        (state.version, state.objects.iter().filter(|(key, _)| fits(key)).map(|(_, object)| object.clone()).collect())
    }

    /// Every object, for those that look after what belongs to what.
    pub(super) fn all(&self) -> Vec<(Key, Value)> {
        self.lock().objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    /// Puts in a new object, completed as the server does; none if one of its name is there.
    pub(super) fn create(&self, kind: &Kind, namespace: &str, mut object: Value) -> Option<Value> {
        let meta = &mut object["metadata"];
        if meta["name"].as_str().unwrap_or_default().is_empty() {
            meta["name"] = json!(format!("{}{}", meta["generateName"].as_str().unwrap_or_default(), random(5)));
        }
        let key = Key::new(kind.group, kind.resource, namespace, meta["name"].as_str().unwrap_or_default());
        if !namespace.is_empty() {
            meta["namespace"] = json!(namespace);
        }
        meta["uid"] = json!(uid());
        meta["creationTimestamp"] = json!(now());
        meta["generation"] = json!(1);
        object["kind"] = json!(kind.name);
        object["apiVersion"] = json!(kind.api_version());
        self.update(&key, |old| if old.is_none() { Update::Write(object.clone()) } else { Update::Keep })
    }

    /// Reads, decides and writes without anybody between; gives what was written or removed.
    pub(super) fn update(&self, key: &Key, decide: impl FnOnce(Option<&Value>) -> Update) -> Option<Value> {
        let mut state = self.lock();
        let before = state.objects.get(key).cloned();
        let version = state.version + 1;
        let (after, result) = match decide(before.as_ref()) {
            Update::Keep => return None,
            Update::Remove => (None, before.clone()?),
            Update::Write(mut object) => {
                if before.as_ref() == Some(&object) {
                    return Some(object);
                }
                object["metadata"]["resourceVersion"] = json!(version.to_string());
                (Some(object.clone()), object)
            }
        };
        match &after {
            Some(object) => drop(state.objects.insert(key.clone(), object.clone())),
            None => drop(state.objects.remove(key)),
        }
        state.version = version;
        state.history.push(Change { version, key: key.clone(), before, after });
        drop(state);
        self.changed.notify_all();
        self.version.send_replace(version);
        Some(result)
    }

    pub(super) fn remove(&self, key: &Key) -> Option<Value> {
        self.update(key, |_| Update::Remove)
    }

    /// Writes one part of an object that is there.
    pub(super) fn set(&self, key: &Key, part: &str, value: Value) {
        self.update(key, |old| match old {
            Some(old) => {
                let mut object = old.clone();
                object[part] = value;
                Update::Write(object)
            }
            None => Update::Keep,
        });
    }

    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    /// What happened after `version`.
    pub(super) fn since(&self, version: u64) -> Vec<Change> {
        let state = self.lock();
        let first = state.history.partition_point(|change| change.version <= version);
        state.history[first..].to_vec()
    }

    /// Says the version whenever it grows.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Blocks until something happens after `version`, or for `patience`.
    pub(super) fn wait(&self, version: u64, patience: Duration) {
        let state = self.lock();
        drop(self.changed.wait_timeout_while(state, patience, |state| state.version == version));
    }
}

/// A time as the API writes it: in whole seconds.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Bytes that nobody can guess.
pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut bytes[filled..], flags).expect("the kernel has random bytes");
    }
    bytes
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The end of a generated name.
pub(super) fn random(length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    bytes::<16>().iter().take(length).map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

pub(super) fn uid() -> String {
    let text = hex(&bytes::<16>());
    format!("{}-{}-4{}-8{}-{}", &text[..8], &text[8..12], &text[13..16], &text[17..20], &text[20..])
}
