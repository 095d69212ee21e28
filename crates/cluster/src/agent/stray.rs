//! Agents whose client was killed before they ran: a short deadline until then, and who takes them away before that.

use std::time::Duration;

use fathom_model::Failure;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use super::{Agent, AgentOptions, CONTAINER, HOPELESS, JOB, tried};
use crate::Cluster;
use crate::error::failure;

/// How much longer than its client waits for it an agent has to begin.
const MORE: Duration = Duration::from_secs(60);

impl Cluster {
    /// The deadline of a job whose agent does not run yet: such a one has nobody who waits for it after that time.
    /// None for callers who may not put the deadline off afterwards.
    pub(super) async fn first_deadline(&self, options: &AgentOptions) -> Option<Duration> {
        let first = options.patience + MORE;
        let asked = json!({"metadata": {}, "spec": {"resourceAttributes": {
            "verb": "patch", "group": "batch", "resource": "jobs", "namespace": options.namespace,
        }}});
        let asked: SelfSubjectAccessReview = serde_json::from_value(asked).expect("it is a review");
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &asked).await;
        let may = review.is_ok_and(|review| review.status.is_some_and(|status| status.allowed));
        (may && first < options.deadline).then_some(first)
    }

    /// An agent that runs goes by itself when nobody needs it: only then has its job the deadline that is meant.
    pub(super) async fn prolong(&self, agent: &Agent, options: &AgentOptions) -> Result<(), Failure> {
        let Some(job) = &agent.job else { return Ok(()) };
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &agent.namespace);
        let later = json!({"spec": {"activeDeadlineSeconds": options.deadline.as_secs()}});
        let patched = jobs.patch(job, &PatchParams::default(), &Patch::Merge(later)).await;
        patched.map(drop).map_err(|error| failure(tried("patch", "jobs", "batch", options), error))
    }

    /// The same for one that another client has made: it may have gone before it could do so. Whoever may not look
    /// relies on it.
    pub(super) async fn prolong_found(&self, agent: &Agent, options: &AgentOptions) {
        let Some(job) = &agent.job else { return };
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &agent.namespace);
        let spec = jobs.get(job).await.ok().and_then(|job| job.spec);
        let deadline = spec.and_then(|spec| u64::try_from(spec.active_deadline_seconds?).ok());
        if deadline.is_some_and(|deadline| deadline < options.deadline.as_secs()) {
            let _ = self.prolong(agent, options).await;
        }
    }

    /// Whether an agent is so young that its job may still have its first deadline.
    pub(super) fn is_young(pod: &Pod, options: &AgentOptions) -> bool {
        age(pod).is_none_or(|age| age < options.patience + MORE)
    }

    /// Takes away agents that will never run. Their own clients do the same as soon as they see it, if they live.
    pub(super) async fn remove_hopeless(&self, pods: &[Pod], options: &AgentOptions) {
        for agent in pods.iter().filter(|pod| is_hopeless(pod)).filter_map(|pod| unborn(pod, options)) {
            // Who may not delete it has its deadline.
            let _ = self.remove(&agent).await;
        }
    }

    /// Agents that do not run although nobody waits for them any more.
    pub async fn stray_agents(&self, options: &AgentOptions) -> Result<Vec<Agent>, Failure> {
        let pods = self.agents_pods(options).await?;
        let stray = pods.iter().filter(|pod| is_stray(pod, options.patience));
        Ok(stray.filter_map(|pod| unborn(pod, options)).collect())
    }
}

/// Whether a pod of ours does not run, and nobody waits for it who has this patience.
pub(crate) fn is_stray(pod: &Pod, patience: Duration) -> bool {
    is_hopeless(pod) || (is_pending(pod) && age(pod).is_some_and(|age| age > patience + MORE))
}

/// How long ago it was made, by our own clock; nothing where that runs behind the cluster's.
fn age(pod: &Pod) -> Option<Duration> {
    let made = pod.metadata.creation_timestamp.as_ref()?.0;
    Timestamp::now().duration_since(made).try_into().ok()
}

fn is_pending(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).is_none_or(|phase| phase == "Pending")
}

fn is_hopeless(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let mut waiting = containers.filter_map(|one| one.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    is_pending(pod) && waiting.any(|reason| HOPELESS.contains(&reason))
}

/// An agent that never was, by its job.
fn unborn(pod: &Pod, options: &AgentOptions) -> Option<Agent> {
    Some(Agent {
        namespace: options.namespace.clone(),
        job: Some(pod.labels().get(JOB)?.clone()),
        pod: pod.name_any(),
        container: CONTAINER.to_owned(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        found: true,
    })
}
