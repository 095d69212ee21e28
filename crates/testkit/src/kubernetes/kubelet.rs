//! The node: pods that are bound to it become real containers of a real containerd, and their states are told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Api;
use super::store::{self, Key};
use crate::Scratch;
use crate::engine::Containerd;
use crate::engine::image::Content;

mod pod;
mod report;
mod sandbox;
mod services;
mod volumes;

pub(super) use sandbox::{GATEWAY, divert, lay_network};
pub(super) use services::number;

/// Where Kubernetes keeps its containers in containerd.
const NAMESPACE: &str = "k8s.io";

/// An image that the node has.
#[derive(Debug, Clone)]
enum Image {
    /// Its command is known to us.
    Ours(Content),
    /// Of an archive, which is here; its containers say what they run.
    Archive(PathBuf),
}

/// One node.
#[derive(Debug)]
pub(super) struct Kubelet {
    name: String,
    engine: Containerd,
    images: Mutex<BTreeMap<String, Image>>,
    /// Container ids by the pod's uid and the container's name, of those that run.
    running: Mutex<BTreeMap<(String, String), String>>,
    execs: AtomicU32,
    pods: AtomicU32,
    scratch: Scratch,
}

impl Kubelet {
    /// A node with the images `busybox:1.35` and `scratch:1`, whose root holds one static program and nothing else. Its
    /// pods are numbered from `first` on, which is how they get their addresses.
    pub(super) fn new(name: &str, first: u32) -> Kubelet {
        let kubelet = Kubelet {
            name: name.to_owned(),
            engine: Containerd::start(),
            images: Mutex::default(),
            running: Mutex::default(),
            execs: AtomicU32::new(0),
            pods: AtomicU32::new(first),
            scratch: Scratch::new("kubelet"),
        };
        for (image, name) in [(Content::busybox(), "busybox:1.35"), (Content::idle(), "scratch:1")] {
            let image = image.named(name);
            kubelet.engine.load_in(NAMESPACE, &image);
            kubelet.images().insert(name.to_owned(), Image::Ours(image));
        }
        kubelet
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The folder that is `/` to pods that mount the node's.
    pub(super) fn root(&self) -> &Path {
        self.engine.root()
    }

    /// Brings the image `name` of an archive to the node.
    pub(super) fn import(&self, archive: &Path, name: &str) {
        self.engine.import_in(NAMESPACE, archive);
        self.images().insert(name.to_owned(), Image::Archive(archive.to_owned()));
    }

    fn images(&self) -> MutexGuard<'_, BTreeMap<String, Image>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<(String, String), String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What runs `words` in a container of a pod; none if it does not run.
    pub(super) fn exec(&self, pod: &Value, container: &str, words: &[&str]) -> Option<Command> {
        let uid = pod["metadata"]["uid"].as_str()?.to_owned();
        let id = self.running().get(&(uid, container.to_owned())).cloned()?;
        let number = self.execs.fetch_add(1, Ordering::Relaxed);
        let mut command = self.engine.command(NAMESPACE);
        command.args(["task", "exec", "--exec-id", &format!("exec-{number}"), &id]).args(words);
        Some(command)
    }

    /// What a container of a pod has written since it was started for the last time.
    pub(super) fn log(&self, pod: &Value, container: &str) -> Option<PathBuf> {
        let lists = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
        let mut statuses = lists.iter().flat_map(|list| pod["status"][list].as_array().into_iter().flatten());
        let status = statuses.find(|status| status["name"] == json!(container))?;
        let id = status["containerID"].as_str()?.rsplit('/').next()?.to_owned();
        Some(self.engine.log_of(NAMESPACE, &id))
    }

    /// The processes in the cgroup of a pod and below it: their numbers and their words.
    pub(super) fn processes(&self, uid: &str) -> Vec<(u32, Vec<String>)> {
        let pids = self.engine.pids_below(&format!("kubepods/pod{uid}"));
        let words = |pid: u32| {
            let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let words = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
            Some((pid, words.filter(|word| !word.is_empty()).collect()))
        };
        pids.into_iter().filter_map(words).collect()
    }

    /// The node as an object.
    pub(super) fn object(&self) -> Value {
        let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"});
        json!({
            "metadata": {"name": self.name, "labels": {"kubernetes.io/hostname": self.name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}},
            "spec": {},
            "status": {
                "conditions": [ready],
                "addresses": [{"type": "InternalIP", "address": sandbox::GATEWAY}],
                "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "containerRuntimeVersion": "containerd://1.6"},
            },
        })
    }
}

/// Gives each pod of this node a worker, until the cluster ends; returns when all workers have.
pub(super) fn work(api: &Arc<Api>, kubelet: &Arc<Kubelet>) {
    let mut workers: BTreeMap<String, std::thread::JoinHandle<()>> = BTreeMap::new();
    while !api.is_stopping() {
        let (version, pods) = api.store.list("", "pods", None);
        for pod in pods.iter().filter(|pod| pod["spec"]["nodeName"] == json!(kubelet.name)) {
            let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            workers.entry(uid).or_insert_with(|| {
                let (api, kubelet, key) = (api.clone(), kubelet.clone(), key_of(pod));
                let uid = pod["metadata"]["uid"].clone();
                std::thread::spawn(move || pod::Worker::new(&api, &kubelet, key, uid).run())
            });
        }
        api.store.wait(version, Duration::from_millis(50));
    }
    for (_, worker) in workers {
        // A worker that panicked has said why.
        let _ = worker.join();
    }
}

fn key_of(pod: &Value) -> Key {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Key::new("", "pods", &text(&pod["metadata"]["namespace"]), &text(&pod["metadata"]["name"]))
}

/// A container's id, as engines write them.
fn fresh_id() -> String {
    store::hex(&store::bytes::<32>())
}
