//! The life of one pod on its node, from its sandbox to its last container's end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::api::Api;
use super::super::store::{self, Key};
use super::report::{self, Role, State, Told};
use super::sandbox::Sandbox;
use super::{Image, Kubelet, NAMESPACE, fresh_id, services, volumes};
use crate::engine::image::Content;
use crate::engine::{Capabilities, Running, Spec};

/// How long a container that ended waits for its next start, and twice as long after each.
const BACKOFF: Duration = Duration::from_millis(500);

/// A container of the pod: what is told of it, and the process that it is.
struct Container {
    told: Told,
    process: Option<Running>,
    /// When it may be started again.
    due: Instant,
}

/// Who looks after one pod.
pub(super) struct Worker<'a> {
    api: &'a Arc<Api>,
    kubelet: &'a Arc<Kubelet>,
    key: Key,
    uid: Value,
    containers: Vec<Container>,
    sandbox: Option<Sandbox>,
    started: String,
}

impl<'a> Worker<'a> {
    pub(super) fn new(api: &'a Arc<Api>, kubelet: &'a Arc<Kubelet>, key: Key, uid: Value) -> Worker<'a> {
        Worker { api, kubelet, key, uid, containers: Vec::new(), sandbox: None, started: store::now() }
    }

    /// Until the pod is gone, or the cluster is.
    pub(super) fn run(mut self) {
        while !self.api.is_stopping() {
            let version = self.api.store.version();
            let Some(pod) = self.pod() else { break };
            if pod["metadata"]["deletionTimestamp"].is_string() {
                self.end(Duration::from_secs(pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(30)));
                self.api.store.update(&self.key, |old| match old {
                    Some(old) if old["metadata"]["uid"] == self.uid => store::Update::Remove,
                    _ => store::Update::Keep,
                });
                return;
            }
            self.look_after(&pod);
            self.tell(&pod);
            volumes::refresh(self.api, self.kubelet, &pod);
            if let Some(sandbox) = &mut self.sandbox {
                services::addresses(&self.api.store, &pod).iter().for_each(|address| sandbox.take_address(address));
            }
            self.api.store.wait(version, Duration::from_millis(20));
        }
        self.end(Duration::ZERO);
    }

    fn pod(&self) -> Option<Value> {
        self.api.store.get(&self.key).filter(|pod| pod["metadata"]["uid"] == self.uid)
    }

    /// One step towards what the spec wants.
    fn look_after(&mut self, pod: &Value) {
        self.notice_new(pod);
        self.notice_ended(pod);
        let on_host_network = pod["spec"]["hostNetwork"] == json!(true);
        if self.sandbox.is_none() {
            let number = self.kubelet.pods.fetch_add(1, Ordering::Relaxed);
            self.sandbox = Some(Sandbox::new(&self.key.name, number, on_host_network));
        }
        let over_time = pod["spec"]["activeDeadlineSeconds"].as_u64().is_some_and(|most| {
            let since = self.started.parse::<jiff::Timestamp>().map(|at| jiff::Timestamp::now().duration_since(at));
            since.is_ok_and(|since| since.as_secs() >= i64::try_from(most).unwrap_or(i64::MAX))
        });
        if over_time {
            return self.end(Duration::ZERO);
        }
        for index in 0..self.containers.len() {
            if self.is_due(index, pod) {
                self.start(index, pod);
            }
        }
    }

    /// Containers that the spec has and we have not: all of them at first, ephemeral ones later.
    fn notice_new(&mut self, pod: &Value) {
        for role in [Role::Init, Role::Main, Role::Ephemeral] {
            for spec in pod["spec"][role.list()].as_array().into_iter().flatten() {
                let name = spec["name"].as_str().unwrap_or_default().to_owned();
                if self.containers.iter().any(|own| own.told.name == name && own.told.role == role) {
                    continue;
                }
                let image = spec["image"].as_str().unwrap_or_default().to_owned();
                let reason = if role == Role::Main && pod["spec"]["initContainers"].is_array() {
                    "PodInitializing"
                } else {
                    "ContainerCreating"
                };
                let state = State::Waiting { reason, message: String::new() };
                let told = Told { role, name, image, id: None, state, last: None, restarts: 0 };
                self.containers.push(Container { told, process: None, due: Instant::now() });
            }
        }
    }

    fn notice_ended(&mut self, pod: &Value) {
        let policy = pod["spec"]["restartPolicy"].as_str().unwrap_or("Always");
        for container in &mut self.containers {
            if container.process.as_ref().is_none_or(Running::is_alive) {
                continue;
            }
            container.process = None;
            let told = &mut container.told;
            let id = told.id.clone().unwrap_or_default();
            let code = self.kubelet.engine.forget(NAMESPACE, &id).unwrap_or(137);
            self.kubelet.running().remove(&(self.uid.as_str().unwrap_or_default().to_owned(), told.name.clone()));
            let State::Running { since } = &told.state else { continue };
            let ended = State::Ended { code, since: since.clone(), at: store::now() };
            let again = match told.role {
                Role::Main => policy == "Always" || (policy == "OnFailure" && code != 0),
                Role::Init => policy != "Never" && code != 0,
                Role::Ephemeral => false,
            };
            if again {
                told.last = Some((ended, id));
                container.due = Instant::now() + BACKOFF * 2_u32.pow(told.restarts.min(4));
                let message = format!("back-off restarting failed container {}", told.name);
                told.state = State::Waiting { reason: "CrashLoopBackOff", message };
                told.restarts += 1;
            } else {
                told.state = ended;
            }
        }
    }

    /// Whether it is its turn: initial ones one after the other, main ones when those are through.
    fn is_due(&self, index: usize, pod: &Value) -> bool {
        let container = &self.containers[index];
        if container.process.is_some() || Instant::now() < container.due {
            return false;
        }
        if !matches!(container.told.state, State::Waiting { .. }) {
            return false;
        }
        let policy = |name: &str| {
            let all = pod["spec"]["initContainers"].as_array().into_iter().flatten();
            all.into_iter().find(|own| own["name"] == json!(name)).map(|own| own["restartPolicy"].clone())
        };
        let through = |own: &Container| match own.told.state {
            State::Ended { code, .. } => code == 0,
            State::Running { .. } => policy(&own.told.name) == Some(json!("Always")),
            State::Waiting { .. } => false,
        };
        let before = self.containers[..index].iter().filter(|own| own.told.role == Role::Init);
        container.told.role == Role::Ephemeral || before.into_iter().all(through)
    }

    fn start(&mut self, index: usize, pod: &Value) {
        let told = &self.containers[index].told;
        let list = pod["spec"][told.role.list()].as_array();
        let Some(spec) = list.and_then(|list| list.iter().find(|own| own["name"] == json!(told.name))) else { return };
        let image = self.kubelet.images().get(&told.image).cloned();
        let id = fresh_id();
        let outcome = match image {
            Some(image) => self.run_container(pod, spec, &told.image, &image, &id),
            None => Err(("ErrImagePull", format!("failed to pull image \"{}\": not found", told.image))),
        };
        let uid = self.uid.as_str().unwrap_or_default().to_owned();
        let container = &mut self.containers[index];
        match outcome {
            Ok(process) => {
                self.kubelet.running().insert((uid, container.told.name.clone()), id.clone());
                (container.process, container.told.id) = (Some(process), Some(id));
                container.told.state = State::Running { since: store::now() };
            }
            Err((reason, message)) => {
                container.due = Instant::now() + Duration::from_secs(5);
                container.told.state = State::Waiting { reason, message };
            }
        }
    }

    fn run_container(
        &self,
        pod: &Value,
        spec: &Value,
        name: &str,
        image: &Image,
        id: &str,
    ) -> Result<Running, (&'static str, String)> {
        let sandbox = self.sandbox.as_ref().expect("it was made before");
        let texts = |list: &Value| -> Vec<String> {
            list.as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
        };
        let (command, arguments) = (texts(&spec["command"]), texts(&spec["args"]));
        let (content, default) = match image {
            Image::Ours(content) => (content.clone(), content.command.clone()),
            Image::Archive(_) => (Content { entries: Vec::new(), ..Content::idle() }, Vec::new()),
        };
        let env = volumes::environment(self.api, pod, spec, &self.address());
        let words = if command.is_empty() && arguments.is_empty() { default } else { [command, arguments].concat() };
        let words = words.iter().map(|word| expanded(word, &env));
        let (context, all) = (&spec["securityContext"], &pod["spec"]["securityContext"]);
        // What a container says for itself counts, else what its pod says for all.
        let said = |field: &str| if context[field].is_null() { &all[field] } else { &context[field] };
        let user = said("runAsUser").as_u64().and_then(|user| u32::try_from(user).ok());
        // This ctr takes a user from the image alone.
        let content = content.as_user(user.unwrap_or(0));
        let name = match (image, user) {
            (Image::Ours(_), _) => {
                self.kubelet.engine.load_in(NAMESPACE, &content);
                content.name.clone()
            }
            (Image::Archive(archive), Some(user @ 1..)) => {
                self.kubelet.engine.load_as_user(NAMESPACE, archive, name, user)
            }
            (Image::Archive(_), _) => name.to_owned(),
        };
        if said("runAsNonRoot") == &json!(true) && user.unwrap_or(0) == 0 {
            let why = "container has runAsNonRoot and image will run as root".to_owned();
            return Err(("CreateContainerConfigError", why));
        }
        let mut run = Spec::of(content, id, words);
        let capabilities = &context["capabilities"];
        if texts(&capabilities["drop"]).iter().any(|name| name == "ALL") {
            run.capabilities = Capabilities::None;
        }
        if context["allowPrivilegeEscalation"] == json!(false) {
            run = run.no_new_privileges();
        }
        let uid = self.uid.as_str().unwrap_or_default();
        run.cgroup = Some(format!("{}/kubepods/pod{uid}/{id}", self.kubelet.engine.cgroup()));
        if context["readOnlyRootFilesystem"] == json!(true) {
            run = run.read_only();
        }
        if sandbox.address.is_empty() {
            run = run.host_network();
        }
        run.env = env;
        run.labels = vec![
            ("io.kubernetes.pod.name".to_owned(), self.key.name.clone()),
            ("io.kubernetes.pod.namespace".to_owned(), self.key.namespace.clone()),
            ("io.kubernetes.pod.uid".to_owned(), uid.to_owned()),
            ("io.kubernetes.container.name".to_owned(), spec["name"].as_str().unwrap_or_default().to_owned()),
            ("io.cri-containerd.kind".to_owned(), "container".to_owned()),
        ];
        let mut more = sandbox.words();
        // As containerd's CRI plugin names them in the runtime's file.
        for (key, value) in [
            ("container-type", "container"),
            ("container-name", spec["name"].as_str().unwrap_or_default()),
            ("sandbox-name", &self.key.name),
            ("sandbox-namespace", &self.key.namespace),
            ("sandbox-uid", uid),
        ] {
            more.push(format!("--annotation=io.kubernetes.cri.{key}={value}"));
        }
        if let Some(folder) = spec["workingDir"].as_str() {
            more.push(format!("--cwd={folder}"));
        }
        more.extend(volumes::mounts(self.api, self.kubelet, pod, spec));
        more.extend(texts(&capabilities["add"]).iter().map(|name| format!("--cap-add=CAP_{name}")));
        if let Some(target) = spec["targetContainerName"].as_str() {
            more.extend(self.processes_of(target)?);
        }
        if context["privileged"] == json!(true) {
            more.push("--privileged".to_owned());
        }
        if pod["spec"]["hostPID"] == json!(true) {
            more.extend(["--with-ns".to_owned(), format!("pid:/proc/{}/ns/pid", std::process::id())]);
        }
        self.kubelet.engine.try_run_in(NAMESPACE, &run, &name, &more).map_err(|why| ("RunContainerError", why))
    }

    /// Shares the pid namespace of another container of the pod, in `ctr`'s words.
    fn processes_of(&self, target: &str) -> Result<[String; 2], (&'static str, String)> {
        let running = self.containers.iter().filter(|own| own.told.name == target);
        let process = running.filter_map(|own| own.process.as_ref()).find(|process| process.is_alive());
        let process = process.ok_or_else(|| ("CreateContainerError", format!("container \"{target}\" not running")))?;
        Ok(["--with-ns".to_owned(), format!("pid:/proc/{}/ns/pid", process.pid())])
    }

    fn address(&self) -> String {
        let own = self.sandbox.as_ref().map(|sandbox| sandbox.address.clone()).filter(|own| !own.is_empty());
        own.unwrap_or_else(|| super::sandbox::GATEWAY.to_owned())
    }

    fn tell(&self, pod: &Value) {
        let told: Vec<Told> = self.containers.iter().map(|container| container.told.clone()).collect();
        let restarts = pod["spec"]["restartPolicy"] != json!("Never")
            && (pod["spec"]["restartPolicy"] == json!("Always")
                || !told.iter().all(|one| matches!(one.state, State::Ended { code: 0, .. })));
        let status = report::status(&pod["status"], &told, &self.address(), &self.started, restarts);
        if status != pod["status"] {
            self.api.store.set(&self.key, "status", status);
        }
    }

    /// Asks all to end, and ends those that have not after `grace`.
    fn end(&mut self, grace: Duration) {
        let processes = || self.containers.iter().filter_map(|container| container.process.as_ref());
        if !grace.is_zero() {
            processes().for_each(Running::terminate);
        }
        let asked = Instant::now();
        while processes().any(Running::is_alive) && asked.elapsed() < grace {
            std::thread::sleep(Duration::from_millis(5));
        }
        for container in &mut self.containers {
            let Some(process) = container.process.take() else { continue };
            process.kill();
            let code = self.kubelet.engine.forget(NAMESPACE, process.id()).unwrap_or(137);
            self.kubelet
                .running()
                .remove(&(self.uid.as_str().unwrap_or_default().to_owned(), container.told.name.clone()));
            if let State::Running { since } = &container.told.state {
                container.told.state = State::Ended { code, since: since.clone(), at: store::now() };
            }
        }
        self.sandbox = None;
    }
}

/// `$(NAME)` stands for a variable of the container, if there is one.
fn expanded(word: &str, env: &[(String, String)]) -> String {
    env.iter().fold(word.to_owned(), |word, (name, value)| word.replace(&format!("$({name})"), value))
}
