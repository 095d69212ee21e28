//! A Kubernetes in a test's own process: the paths of the API that we use, as the real one answers them, over real
//! containers of a real containerd.
//!
//! **Faithful:** TLS, tokens, impersonation and RBAC; objects with versions, selectors and watches; statuses in the
//! server's own sentences; reviews; exec over WebSocket; API groups that others serve, behind the front proxy; jobs,
//! deployments, daemon sets, namespaces that end, Pod Security; a node that runs pods with networks, volumes, tokens,
//! initial and ephemeral containers, restarts. **Not there:** everything else.
//!
//! It lies in a network namespace of its own, into which the thread that starts it moves, and with it all that it
//! starts afterwards.
//!
//! Read in this order: `api` (a request to its answer), `objects` and `store`, `kubelet` (a pod to its containers).

mod admission;
mod aggregation;
mod api;
mod authority;
mod call;
mod client;
mod controllers;
mod exec;
mod fault;
mod impostor;
mod kind;
mod kubelet;
mod objects;
mod patch;
mod pod_security;
mod proxy;
mod rbac;
mod reviews;
mod selector;
mod server;
mod status;
mod store;
mod user;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::Scratch;
use crate::need::Need;
use api::Api;
use kind::Kind;
use kubelet::Kubelet;

pub use authority::{Authority, Identity};
pub use client::Answer;
pub use fault::Barrier;
pub use impostor::Impostor;
pub use proxy::Proxy;

/// What [`Kubernetes::start`] needs of a machine.
pub const NEEDS: [Need; 6] = [
    Need::Root,
    Need::Program("containerd"),
    Need::Program("ip"),
    Need::Program("iptables"),
    Need::Program("unshare"),
    Need::Path("/bin/busybox"),
];

/// Which run of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// The one that runs.
    Current,
    /// The one before.
    Previous,
}

/// A cluster of one node, `node1`, and of those that are [added](Kubernetes::add_node).
#[derive(Debug)]
pub struct Kubernetes {
    api: Arc<Api>,
    /// The first node, where there are any.
    kubelet: Option<Arc<Kubelet>>,
    threads: Vec<JoinHandle<()>>,
    runtime: Option<tokio::runtime::Runtime>,
    scratch: Scratch,
    stopping: Arc<AtomicBool>,
}

impl Kubernetes {
    /// Starts one. The calling thread moves into a network namespace of its own.
    ///
    /// # Panics
    /// When the machine lacks one of [`NEEDS`].
    #[allow(clippy::new_without_default, reason = "starting a cluster is no default")]
    pub fn start() -> Kubernetes {
        move_into_network();
        kubelet::lay_network();
        let kubelet = Arc::new(Kubelet::new("node1", 0));
        let mut cluster = Self::serving(Some(kubelet.clone()));
        let api = cluster.api.clone();
        cluster.threads = vec![
            std::thread::spawn({
                let api = api.clone();
                move || controllers::work(&api)
            }),
            std::thread::spawn(move || kubelet::work(&api, &kubelet)),
        ];
        cluster.furnish();
        cluster
    }

    /// Only the API, for those that read: objects are what was [put](Kubernetes::put) there, logs what was
    /// [told](Kubernetes::tell). Needs nothing of a machine.
    pub fn without_nodes() -> Kubernetes {
        let cluster = Self::serving(None);
        let everything = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
        let rbac = "rbac.authorization.k8s.io";
        cluster.put(rbac, "clusterroles", json!({"metadata": {"name": "cluster-admin"}, "rules": everything}));
        cluster
    }

    fn serving(kubelet: Option<Arc<Kubelet>>) -> Kubernetes {
        let stopping = Arc::new(AtomicBool::new(false));
        let authority = Authority::new("kubernetes");
        let api = Arc::new(Api {
            store: store::Store::new(),
            tokens: user::Tokens::default(),
            faults: fault::Faults::default(),
            authority,
            front_proxy: Mutex::new(Arc::new(Authority::new("front-proxy-ca"))),
            nodes: Mutex::new(kubelet.iter().cloned().collect()),
            logs: Mutex::default(),
            address: OnceLock::new(),
            stopping: stopping.clone(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads can be made");
        let address =
            runtime.block_on(server::listen(api.clone(), SystemTime::UNIX_EPOCH)).expect("loopback can be listened on");
        api.address.set(address).expect("it is set once");
        let scratch = Scratch::new("kubernetes");
        Kubernetes { api, kubelet, threads: Vec::new(), runtime: Some(runtime), scratch, stopping }
    }

    /// Adds a node: another engine, with files and cgroups of its own, on the same network and the same machine. What
    /// looks at the machine's processes sees those of all nodes.
    pub fn add_node(&mut self, name: &str) {
        let number = u32::try_from(self.threads.len()).expect("nobody has so many nodes");
        let kubelet = Arc::new(Kubelet::new(name, number * 500));
        self.api.nodes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(kubelet.clone());
        self.put("", "nodes", kubelet.object());
        let api = self.api.clone();
        self.threads.push(std::thread::spawn(move || kubelet::work(&api, &kubelet)));
    }

    /// What every cluster has from its first moment.
    fn furnish(&self) {
        for name in ["default", "kube-system"] {
            self.put("", "namespaces", json!({"metadata": {"name": name}, "status": {"phase": "Active"}}));
        }
        self.kubelet.iter().for_each(|kubelet| self.put("", "nodes", kubelet.object()));
        let everything = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
        let rbac = "rbac.authorization.k8s.io";
        self.put(rbac, "clusterroles", json!({"metadata": {"name": "cluster-admin"}, "rules": everything}));
        let reads = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"],
            "resourceNames": ["extension-apiserver-authentication"]}]);
        let name = "extension-apiserver-authentication-reader";
        self.put(rbac, "roles", json!({"metadata": {"name": name, "namespace": "kube-system"}, "rules": reads}));
        let data = json!({
            "client-ca-file": self.api.authority.pem(),
            "requestheader-client-ca-file": self.api.front_proxy().pem(),
            "requestheader-allowed-names": json!([aggregation::FRONT_PROXY]).to_string(),
            "requestheader-username-headers": "[\"X-Remote-User\"]",
            "requestheader-uid-headers": "[\"X-Remote-Uid\"]",
            "requestheader-group-headers": "[\"X-Remote-Group\"]",
            "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
        });
        let name = "extension-apiserver-authentication";
        self.put("", "configmaps", json!({"metadata": {"name": name, "namespace": "kube-system"}, "data": data}));
    }

    /// Puts in an object, past everybody who would have to allow it.
    ///
    /// # Panics
    /// When the kind is not kept here, or the object is there.
    #[track_caller]
    pub fn put(&self, group: &str, resource: &str, object: Value) {
        let kind = Kind::of(group, resource).expect("the kind is kept");
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        self.api.store.create(kind, &namespace, object).expect("it is new");
    }

    /// What is kept under this name, if anything is.
    pub fn get(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.api.store.get(&store::Key::new(group, resource, namespace, name))
    }

    /// Everything of a resource in one namespace.
    pub fn list(&self, group: &str, resource: &str, namespace: &str) -> Vec<Value> {
        self.api.store.list(group, resource, Some(namespace)).1
    }

    /// Writes one part of what is there, such as a node's `status`.
    pub fn set(&self, (group, resource): (&str, &str), namespace: &str, name: &str, part: &str, value: Value) {
        self.api.store.set(&store::Key::new(group, resource, namespace, name), part, value);
    }

    /// The kubeconfig of somebody who may everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig_of("admin", &["system:masters"])
    }

    /// The kubeconfig of a person, who may what the roles bound to them say.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn kubeconfig_of(&self, name: &str, groups: &[&str]) -> PathBuf {
        self.kubeconfig_at(&self.url(), name, groups)
    }

    /// The same with another address, such as that of a proxy in between.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn kubeconfig_at(&self, url: &str, name: &str, groups: &[&str]) -> PathBuf {
        use base64::Engine as _;
        let token = self.api.tokens.give(name, groups);
        let authority = base64::prelude::BASE64_STANDARD.encode(self.api.authority.pem());
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
        });
        let place = self.scratch.join(format!("kubeconfig-{}", store::random(8)));
        fs::write(&place, config.to_string()).expect("the folder can be written to");
        place
    }

    /// Where the API listens.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.address().port())
    }

    /// The same as an address.
    ///
    /// # Panics
    /// Never: it listens from the start.
    pub fn address(&self) -> std::net::SocketAddr {
        let port = self.api.address.get().expect("it listens").port();
        std::net::SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Where the API shows a certificate that is valid from tomorrow on: what a machine sees whose clock is behind.
    ///
    /// # Panics
    /// When nothing more can be listened on.
    pub fn url_of_tomorrow(&self) -> String {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let runtime = self.runtime.as_ref().expect("it runs until it is dropped");
        let listening = server::listen(self.api.clone(), SystemTime::now() + DAY);
        let address = runtime.block_on(listening).expect("loopback can be listened on");
        format!("https://127.0.0.1:{}", address.port())
    }

    /// Signs the certificate that the API server shows to those it forwards to.
    pub fn front_proxy(&self) -> Arc<Authority> {
        self.api.front_proxy()
    }

    /// Has the API server show certificates of another authority from now on.
    pub fn use_front_proxy(&self, authority: Arc<Authority>) {
        *self.api.front_proxy.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = authority;
    }

    /// Tells everybody to believe the API server by these authorities.
    ///
    /// # Panics
    /// Never: a cluster has what this changes.
    pub fn trust_front_proxies(&self, authorities: &[&Authority]) {
        let (namespace, name) = ("kube-system", "extension-apiserver-authentication");
        let mut data = self.get("", "configmaps", namespace, name).expect("it is there from the start")["data"].take();
        let bundle: String = authorities.iter().map(|authority| authority.pem()).collect();
        data["requestheader-client-ca-file"] = json!(bundle);
        self.set(("", "configmaps"), namespace, name, "data", data);
    }

    /// Brings the image `name` of an OCI archive to every node.
    ///
    /// # Panics
    /// When containerd refuses.
    pub fn import(&self, archive: &Path, name: &str) {
        let nodes = self.api.nodes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        nodes.iter().for_each(|node| node.import(archive, name));
    }

    /// The folder that is `/` to pods of `node1` that mount the node's.
    ///
    /// # Panics
    /// Where there are no nodes.
    pub fn node_root(&self) -> &Path {
        self.kubelet.as_ref().expect("there is a node").root()
    }

    /// What a container has written to its log.
    pub fn log(&self, namespace: &str, pod: &str, container: &str) -> String {
        let pod = self.get("", "pods", namespace, pod);
        let place = pod.and_then(|pod| self.api.node(pod["spec"]["nodeName"].as_str()?)?.log(&pod, container));
        place.and_then(|place| fs::read_to_string(place).ok()).unwrap_or_default()
    }

    /// Puts in an object of a file, whatever its kind, under all that it says of itself.
    ///
    /// # Panics
    /// When its kind is not kept here.
    #[track_caller]
    pub fn record(&self, object: Value) {
        let kind = Kind::named(object["kind"].as_str().unwrap_or_default()).expect("the kind is kept");
        let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        let key = store::Key::new(kind.group, kind.resource, &text("namespace"), &text("name"));
        self.api.store.update(&key, |_| store::Update::Write(object));
    }

    /// Whether objects of this kind are kept here.
    pub fn keeps(&self, kind: &str) -> bool {
        Kind::named(kind).is_some()
    }

    /// What a container that no node runs has written; or in the run before.
    pub fn tell(&self, namespace: &str, pod: &str, container: &str, run: Run, text: &str) {
        let own = |text: &str| text.to_owned();
        let place = (own(namespace), own(pod), own(container), run == Run::Previous);
        self.api.logs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(place, own(text));
    }

    /// Every request so far: method and address.
    pub fn requests(&self) -> Vec<String> {
        self.api.faults.heard()
    }

    /// The next `count` pages after the first, of lists whose address holds `part`, are not to be had: the version that
    /// they go on from is forgotten.
    pub fn expire(&self, part: &str, count: u32) {
        self.api.faults.expire(part, count);
    }

    /// Nobody serves this API group any more.
    pub fn hide(&self, group: &str) {
        self.api.faults.hide(group);
    }

    /// The API server dies when it has answered so many more requests.
    pub fn die_after(&self, requests: u32) {
        self.api.faults.die_after(requests);
    }

    /// The next `count` requests whose path holds `part` are told to come again in a second.
    pub fn throttle(&self, part: &str, count: u32) {
        self.api.faults.throttle(part, count);
    }

    /// Requests whose path and query hold `part` wait for an answer until the barrier goes. What a stream carries has
    /// an address too: that of its request, with `#in` for what its client says and `#out` for what it hears.
    pub fn hold(&self, part: &str) -> Barrier {
        self.api.faults.hold(part)
    }

    /// A network of one's own between the API server and a port of a pod that serves a part of the API.
    pub fn before(&self, namespace: &str, pod: &str, port: u16) -> Proxy {
        let pod = self.address_of(namespace, pod, port);
        let proxy = Proxy::at(kubelet::GATEWAY, pod);
        self.api.faults.detour(pod, proxy.address());
        proxy
    }

    /// A network of one's own between a pod and a port of another one, for connections that are made from now on.
    ///
    /// # Panics
    /// When one of them does not run.
    pub fn between(&self, namespace: &str, from: &str, to: &str, port: u16) -> Proxy {
        let server = self.address_of(namespace, to, port);
        let proxy = Proxy::at(kubelet::GATEWAY, server);
        let (inside, _) = self.processes(namespace, from).into_iter().next().expect("it runs");
        kubelet::divert(inside, server, proxy.address());
        proxy
    }

    /// The API server's own ways are straight again.
    pub fn straighten(&self) {
        self.api.faults.straighten();
    }

    /// Has this certificate and key (PEM) answer in place of a port of a pod, for connections that another one makes
    /// from now on. It takes them, and says nothing.
    ///
    /// # Panics
    /// When one of the pods does not run, or they are no certificate and key.
    pub fn impersonate(&self, namespace: &str, from: &str, to: &str, port: u16, pem: (&str, &str)) -> Impostor {
        let server = self.address_of(namespace, to, port);
        let runtime = self.runtime.as_ref().expect("it runs until the end");
        let impostor = runtime.block_on(Impostor::at(kubelet::GATEWAY, pem));
        let (inside, _) = self.processes(namespace, from).into_iter().next().expect("it runs");
        kubelet::divert(inside, server, impostor.address());
        impostor
    }

    fn address_of(&self, namespace: &str, pod: &str, port: u16) -> std::net::SocketAddr {
        let pod = self.get("", "pods", namespace, pod).expect("the pod is there");
        let address = pod["status"]["podIP"].as_str().and_then(|text| text.parse().ok());
        std::net::SocketAddr::new(address.expect("it has an address"), port)
    }

    /// The processes of a pod on its node, of all of its containers: their numbers and their words.
    pub fn processes(&self, namespace: &str, pod: &str) -> Vec<(u32, Vec<String>)> {
        let pod = self.get("", "pods", namespace, pod).unwrap_or_default();
        let node = pod["spec"]["nodeName"].as_str().and_then(|node| self.api.node(node));
        node.map_or_else(Vec::new, |node| node.processes(pod["metadata"]["uid"].as_str().unwrap_or("none")))
    }
}

impl Drop for Kubernetes {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(200));
        }
        self.api.nodes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}

/// A new network namespace is held by a process until this thread is in it; from then on the thread holds it.
fn move_into_network() {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    use std::os::fd::AsFd as _;
    let own = fs::read_link("/proc/thread-self/ns/net").expect("proc is mounted");
    let sleep = ["--pdeathsig", "KILL", "unshare", "--net", "/bin/busybox", "sleep", "60"];
    let mut holder = Command::new("setpriv").args(sleep).stdin(Stdio::null()).spawn().expect("unshare can be run");
    let path = format!("/proc/{}/ns/net", holder.id());
    let started = Instant::now();
    while fs::read_link(&path).is_ok_and(|link| link == own) {
        assert!(started.elapsed() < Duration::from_secs(10), "unshare makes no network namespace");
        std::thread::sleep(Duration::from_millis(1));
    }
    let network = fs::File::open(&path).expect("the namespace can be opened");
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may move into it");
    let _ = holder.kill();
    let _ = holder.wait();
}
