//! Why an agent's pod ended before it could be spoken with: its last words, and the node that it was on.

use std::time::Duration;

use fathom_model::Failure;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Node, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, LogParams};

use crate::agent::JOB;
use crate::{Agent, Cluster};

/// How much of a log is worth reading.
const LINES: i64 = 5;
/// What a kernel answers to a program that is not for it, as every runtime writes it.
const FOREIGN: &str = "exec format error";
/// A kubelet tells of an end when it next looks.
const LOOKS: u32 = 6;
const LOOK: Duration = Duration::from_millis(300);

impl Cluster {
    /// The failure with what can be read about it. Whoever may not read it learns no less than before.
    pub(crate) async fn explain(&self, failure: Failure, agent: &Agent) -> Failure {
        let Some(words) = self.last_words(agent).await else { return failure };
        if !words.contains(FOREIGN) {
            return Failure { cause: Some(words), ..failure };
        }
        let nodes: Api<Node> = Api::all(self.client.clone());
        let known = nodes.get(&agent.node).await.ok().and_then(|node| node.status?.node_info);
        let architecture = known.map_or_else(String::new, |info| format!(", which is {}", info.architecture));
        Failure { cause: Some(words), ..failure }.hinting(format!(
            "the image is not for the node {}{architecture}: `fathom image export` of a fathom for that architecture \
             writes one for --agent-image",
            agent.node
        ))
    }

    /// Whether it has gone because nobody needed it: then it had no session, and what it was told last is not begun.
    pub(crate) async fn ended_well(&self, agent: &Agent) -> bool {
        self.end(agent).await.is_some_and(|(_, end)| end.exit_code == 0)
    }

    /// The end of its log, or what its runtime says; nothing of a pod that runs, or never began.
    async fn last_words(&self, agent: &Agent) -> Option<String> {
        let (pod, end) = self.end(agent).await?;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &agent.namespace);
        Some(words(&pods, &pod, &agent.container, end).await)
    }

    /// How its container ended, as soon as that is told.
    async fn end(&self, agent: &Agent) -> Option<(Pod, ContainerStateTerminated)> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &agent.namespace);
        let its = match &agent.job {
            Some(job) => ListParams::default().labels(&format!("{JOB}={job}")),
            None => ListParams::default().fields(&format!("metadata.name={}", agent.pod)),
        };
        for _ in 0..LOOKS {
            let pod = pods.list(&its).await.ok()?.items.into_iter().next()?;
            let state = state(&pod, &agent.container)?;
            if let Some(end) = state.terminated {
                return Some((pod, end));
            }
            state.running?;
            tokio::time::sleep(LOOK).await;
        }
        None
    }
}

fn state(pod: &Pod, container: &str) -> Option<ContainerState> {
    let status = pod.status.as_ref()?;
    let all = [&status.container_statuses, &status.ephemeral_container_statuses];
    let mut all = all.into_iter().flatten().flatten();
    all.find(|status| status.name == container)?.state.clone()
}

async fn words(pods: &Api<Pod>, pod: &Pod, container: &str, end: ContainerStateTerminated) -> String {
    if let Some(message) = end.message.filter(|message| !message.trim().is_empty()) {
        return message.trim().to_owned();
    }
    let reading = LogParams { container: Some(container.to_owned()), tail_lines: Some(LINES), ..LogParams::default() };
    let log = pods.logs(&pod.name_any(), &reading).await.unwrap_or_default();
    match log.trim() {
        "" => format!("it ended with status {}", end.exit_code),
        log => log.to_owned(),
    }
}
