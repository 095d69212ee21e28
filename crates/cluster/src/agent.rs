//! A pod of ours on a node: found, or started with the caller's own rights and gone by itself.

use std::time::Duration;

use fathom_model::{Class, Failure};
use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use serde_json::{Value, json};

use crate::Cluster;
use crate::error::{Tried, failure};

mod stray;

pub(crate) use stray::is_stray;

/// How an agent is made.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// The namespace it runs in.
    pub namespace: String,
    /// Its image, which the node has or can pull.
    pub image: String,
    /// Names of secrets for the pull.
    pub pull_secrets: Vec<String>,
    /// How long it stays when no client is there.
    pub grace: Duration,
    /// After this time it ends, whatever goes on.
    pub deadline: Duration,
    /// How long to wait for it.
    pub patience: Duration,
}

/// An agent that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its namespace.
    pub namespace: String,
    /// Its job, with which it goes; none for one in somebody else's pod.
    pub job: Option<String>,
    /// Its pod.
    pub pod: String,
    /// Its container there.
    pub container: String,
    /// Its node.
    pub node: String,
    /// Whether it was there before.
    pub found: bool,
}

/// Tells agents from everything else, and those of one node and version from others.
const NAME: (&str, &str) = ("app.kubernetes.io/name", "fathom-agent");
const VERSION: &str = "app.kubernetes.io/version";
const NODE: &str = "fathom.dev/node";
/// Its only container.
const CONTAINER: &str = "agent";
/// Kubernetes' own label.
pub(crate) const JOB: &str = "batch.kubernetes.io/job-name";

impl Cluster {
    /// Every agent of our version in the agents' namespace, on whatever node, and those in ephemeral containers of the
    /// namespace that is looked at.
    pub async fn agents(&self, options: &AgentOptions) -> Result<Vec<Agent>, Failure> {
        let found = self.agents_pods(options).await?;
        let judged = found.iter().filter_map(|pod| judge(pod, options).ok().flatten());
        let mut agents: Vec<Agent> = judged.map(|agent| Agent { found: true, ..agent }).collect();
        agents.extend(self.all_beside(&self.namespace).await);
        Ok(agents)
    }

    /// Pods of agents that run, may yet run, or never will.
    async fn agents_pods(&self, options: &AgentOptions) -> Result<Vec<Pod>, Failure> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &options.namespace);
        let (name, kind) = NAME;
        let listing = ListParams::default().labels(&format!("{name}={kind},{VERSION}={}", env!("CARGO_PKG_VERSION")));
        let found = pods.list(&listing).await.map_err(|error| failure(tried("list", "pods", "", options), error))?;
        Ok(found.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Takes an agent away, with all that runs in it. One in an ephemeral container goes by itself or not at all.
    pub async fn remove(&self, agent: &Agent) -> Result<(), Failure> {
        let Some(job) = &agent.job else { return Ok(()) };
        let tried =
            Tried { verb: "delete", resource: "jobs", group: "batch", namespace: Some(&agent.namespace), name: job };
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &agent.namespace);
        jobs.delete(job, &DeleteParams::background()).await.map(drop).map_err(|error| failure(tried, error))
    }

    /// An agent on `node`: the one that is there, but for `not`, or a new one.
    pub async fn agent(&self, node: &str, options: &AgentOptions, not: Option<&Agent>) -> Result<Agent, Failure> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &options.namespace);
        let (mut starting, found) = (None, self.agents_pods(options).await?);
        for pod in &found {
            let is_there = pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref() == Some(node));
            match judge(pod, options) {
                Ok(Some(agent)) if is_there && not.is_none_or(|not| not.pod != agent.pod) => {
                    if Self::is_young(pod, options) {
                        self.prolong_found(&agent, options).await;
                    }
                    return Ok(Agent { found: true, ..agent });
                }
                Ok(None) if is_there => starting = pod.labels().get(JOB).cloned(),
                _ => {}
            }
        }
        // Another client's, who came a moment before us. If it does not come up, ours will or says why not.
        if let Some(job) = starting
            && let Ok(Ok(agent)) = tokio::time::timeout(options.patience / 4, running(&pods, &job, options)).await
        {
            self.prolong_found(&agent, options).await;
            return Ok(Agent { found: true, ..agent });
        }
        self.remove_hopeless(&found, options).await;
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &options.namespace);
        let until_it_runs = self.first_deadline(options).await;
        let deadline = until_it_runs.unwrap_or(options.deadline);
        let job: Job = serde_json::from_value(manifest(node, options, deadline)).expect("the manifest is a Job");
        let job = jobs
            .create(&PostParams::default(), &job)
            .await
            .map_err(|error| failure(tried("create", "jobs", "batch", options), error))?;
        let job = job.name_any();
        let events: Api<Event> = Api::namespaced(self.client.clone(), &options.namespace);
        let coming = async {
            let agent = tokio::select! {
                agent = running(&pods, &job, options) => agent?,
                failure = refusal(&events, &job, options) => return Err(failure),
            };
            if until_it_runs.is_some() {
                self.prolong(&agent, options).await?;
            }
            Ok(agent)
        };
        let started = tokio::time::timeout(options.patience, coming).await;
        let started = started.unwrap_or_else(|_| {
            Err(Failure::new(Class::System, format!("the agent on {node} did not start within {:?}", options.patience))
                .hinting("`kubectl get events` in its namespace says why"))
        });
        match started {
            Ok(agent) => Ok(agent),
            Err(failure) => {
                let namespace = options.namespace.clone();
                let agent = Agent {
                    namespace,
                    job: Some(job.clone()),
                    pod: String::new(),
                    container: CONTAINER.to_owned(),
                    node: node.to_owned(),
                    found: false,
                };
                let failure = self.explain(failure, &agent).await;
                // One that cannot start cannot go by itself before its deadline.
                let _ = jobs.delete(&job, &DeleteParams::background()).await;
                Err(failure)
            }
        }
    }
}

fn tried<'a>(verb: &'a str, resource: &'a str, group: &'a str, options: &'a AgentOptions) -> Tried<'a> {
    Tried { verb, resource, group, namespace: Some(&options.namespace), name: "" }
}

/// Waits for the pod of `job`, which is named after it, to run; gives up at once where it never will.
async fn running(pods: &Api<Pod>, job: &str, options: &AgentOptions) -> Result<Agent, Failure> {
    let lost = |error| failure(tried("watch", "pods", "", options), error);
    let selector = format!("{JOB}={job}");
    loop {
        let list = pods.list(&ListParams::default().labels(&selector)).await.map_err(lost)?;
        let version = list.metadata.resource_version.clone().unwrap_or_default();
        for pod in &list.items {
            if let Some(agent) = judge(pod, options)? {
                return Ok(agent);
            }
        }
        let mut events = pods.watch(&WatchParams::default().labels(&selector), &version).await.map_err(lost)?.boxed();
        while let Some(event) = events.try_next().await.map_err(lost)? {
            match event {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
                    if let Some(agent) = judge(&pod, options)? {
                        return Ok(agent);
                    }
                }
                WatchEvent::Deleted(pod) => return Err(never(&pod, Some("it was taken away".to_owned()), options)),
                WatchEvent::Bookmark(_) | WatchEvent::Error(_) => {}
            }
        }
    }
}

/// Says that no pod may be made for `job`, if that is so. Nobody is told of it but by an event; whoever may not read
/// those waits in vain.
async fn refusal(events: &Api<Event>, job: &str, options: &AgentOptions) -> Failure {
    const LOOK: Duration = Duration::from_millis(500);
    let only = format!("involvedObject.kind=Job,involvedObject.name={job},reason=FailedCreate");
    loop {
        tokio::time::sleep(LOOK).await;
        let Ok(found) = events.list(&ListParams::default().fields(&only)).await else {
            return std::future::pending().await;
        };
        if let Some(event) = found.items.into_iter().next() {
            let message = format!("the agent's pod is refused in the namespace {}", options.namespace);
            return Failure { cause: event.message, ..Failure::new(Class::Denied, message) }
                .hinting("--agent-namespace names another; its Pod Security level has to be `privileged`");
        }
    }
}

/// What a kubelet does not get over by itself in the time that somebody waits for a prompt.
pub(crate) const HOPELESS: [&str; 6] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
];

/// The agent if it runs, nothing if it may still, a failure if it never will.
fn judge(pod: &Pod, options: &AgentOptions) -> Result<Option<Agent>, Failure> {
    let Some(status) = &pod.status else { return Ok(None) };
    if matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")) {
        return Err(never(pod, status.reason.clone().or_else(|| status.message.clone()), options));
    }
    let container = status.container_statuses.as_ref().and_then(|all| all.first());
    let state = container.and_then(|container| container.state.as_ref());
    let waiting = state.and_then(|state| state.waiting.as_ref());
    if let Some(waiting) = waiting
        && waiting.reason.as_deref().is_some_and(|reason| HOPELESS.contains(&reason))
    {
        return Err(never(pod, waiting.message.clone().or_else(|| waiting.reason.clone()), options));
    }
    let runs = state.is_some_and(|state| state.running.is_some());
    Ok(runs.then(|| Agent {
        namespace: options.namespace.clone(),
        job: pod.labels().get(JOB).cloned(),
        pod: pod.name_any(),
        container: CONTAINER.to_owned(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        found: false,
    }))
}

fn never(pod: &Pod, cause: Option<String>, options: &AgentOptions) -> Failure {
    Failure { cause, ..Failure::new(Class::System, format!("the agent's pod {} cannot start", pod.name_any())) }.hinting(
        format!(
            "the image {} has to be on the node, or in a registry that --agent-image names: `fathom image export` writes it",
            options.image
        ),
    )
}

/// A label holds 63 characters; names of nodes may be longer.
fn label(node: &str) -> &str {
    node.get(..63).unwrap_or(node).trim_end_matches(['-', '.', '_'])
}

/// The job: one pod on the node, privileged, without a token, a port or a second try.
fn manifest(node: &str, options: &AgentOptions, deadline: Duration) -> Value {
    let labels = json!({NAME.0: NAME.1, VERSION: env!("CARGO_PKG_VERSION"), NODE: label(node)});
    let secrets: Vec<Value> = options.pull_secrets.iter().map(|name| json!({"name": name})).collect();
    let env = |name: &str, value: &str| json!({"name": name, "value": value});
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "fathom-agent-", "namespace": options.namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 10,
            "activeDeadlineSeconds": deadline.as_secs(),
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "nodeName": node,
                    "restartPolicy": "Never",
                    "hostPID": true,
                    "hostNetwork": true,
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": 5,
                    "tolerations": [{"operator": "Exists"}],
                    "imagePullSecrets": secrets,
                    "containers": [{
                        "name": CONTAINER,
                        "image": options.image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["/fathom", "agent", "--grace", format!("{}s", options.grace.as_secs().max(1))],
                        "env": [
                            env("FATHOM_ROOT", "/host"),
                            env("FATHOM_RUN", "/host/run/fathom"),
                            env("FATHOM_STORE", "/host/var/lib/fathom/store"),
                            env("TMPDIR", "/tmp"),
                        ],
                        "securityContext": {"privileged": true, "runAsUser": 0, "readOnlyRootFilesystem": true},
                        "resources": {
                            "requests": {"cpu": "10m", "memory": "16Mi"},
                            "limits": {"memory": "256Mi"},
                        },
                        "volumeMounts": [
                            {"name": "host", "mountPath": "/host", "mountPropagation": "HostToContainer"},
                            {"name": "cgroup", "mountPath": "/sys/fs/cgroup", "mountPropagation": "HostToContainer"},
                            {"name": "tmp", "mountPath": "/tmp"},
                        ],
                    }],
                    "volumes": [
                        {"name": "host", "hostPath": {"path": "/"}},
                        {"name": "cgroup", "hostPath": {"path": "/sys/fs/cgroup"}},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                },
            },
        },
    })
}
