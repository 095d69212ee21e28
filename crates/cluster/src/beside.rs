//! A container of ours in somebody's pod: found or added, waited for, and never removed, because nobody can.

use std::time::Duration;

use fathom_model::{Class, Failure};
use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{EphemeralContainer, Event, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::agent::AgentOptions;
use crate::ephemeral::{self, Grant, Options, Standing};
use crate::error::{Tried, failure, is_against_pod_security};
use crate::locate::Container;
use crate::{Agent, Cluster};

/// An ephemeral container in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// Its name in the pod.
    pub name: String,
    /// The pod's node.
    pub node: String,
    /// What it may do.
    pub grant: Grant,
    /// Whether it was there before.
    pub found: bool,
    /// Paths at which the target has something mounted that this one has not.
    pub left_out: Vec<String>,
}

impl Cluster {
    /// A container of ours beside `target`: one that is there, but for `not`, or a new one, with the first of `grants`
    /// that Pod Security lets pass.
    pub async fn beside(
        &self,
        target: &Container,
        options: &AgentOptions,
        grants: &[Grant],
        not: Option<&str>,
    ) -> Result<Beside, Failure> {
        let (namespace, pod_name) = (&target.namespace, &target.pod);
        let pod = self.get::<Pod>(namespace, pod_name, "pods", "").await?;
        let mut refused = None;
        for grant in grants {
            let wanted = Options {
                target: target.name.clone(),
                image: options.image.clone(),
                grant: *grant,
                grace: options.grace.as_secs(),
            };
            let living = ephemeral::living(&pod, &wanted, not);
            let name = living.clone().unwrap_or_else(|| ephemeral::fresh_name(&pod));
            let made = ephemeral::container(&pod, &wanted, &name)?;
            let beside = Beside {
                namespace: namespace.clone(),
                pod: pod_name.clone(),
                name,
                node: node_of(&pod),
                grant: *grant,
                found: living.is_some(),
                left_out: made.left_out,
            };
            if beside.found {
                return Ok(beside);
            }
            match self.add(target, &made.container).await {
                Ok(()) => return Ok(beside),
                Err(failure) if is_against_pod_security(&failure) => refused = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        Err(refused.unwrap_or_else(|| Failure::new(Class::Usage, "no profile is left to try")))
    }

    async fn add(&self, target: &Container, container: &EphemeralContainer) -> Result<(), Failure> {
        let resource = "pods/ephemeralcontainers";
        let (namespace, name) = (Some(target.namespace.as_str()), target.pod.as_str());
        let tried = Tried { verb: "patch", resource, group: "", namespace, name };
        // The uid: another pod of the same name is not the one that is meant.
        let patch = json!({"metadata": {"uid": target.uid}, "spec": {"ephemeralContainers": [container]}});
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &target.namespace);
        let (parameters, patch) = (PatchParams::default(), Patch::Strategic(patch));
        let patched = pods.patch_ephemeral_containers(name, &parameters, &patch).await;
        patched.map(drop).map_err(|error| failure(tried, error))
    }

    /// Waits until it runs; gives up at once where it never will.
    pub async fn until_it_is_beside(&self, beside: &Beside, options: &AgentOptions) -> Result<Agent, Failure> {
        let patience = options.patience;
        if let Ok(result) = tokio::time::timeout(patience, self.watch_beside(beside, options)).await {
            let Err(failure) = result else { return result };
            return Err(self.explain(failure, &beside.agent()).await);
        }
        let message = format!("the ephemeral container {} did not start within {patience:?}", beside.name);
        let (namespace, pod) = (&beside.namespace, &beside.pod);
        Err(Failure { cause: self.last_warning(beside).await, ..Failure::new(Class::System, message) }
            .hinting(format!("`kubectl -n {namespace} describe pod {pod}` says why")))
    }

    async fn watch_beside(&self, beside: &Beside, options: &AgentOptions) -> Result<Agent, Failure> {
        let (namespace, name) = (Some(beside.namespace.as_str()), beside.pod.as_str());
        let lost = |error| failure(Tried { verb: "watch", resource: "pods", group: "", namespace, name }, error);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &beside.namespace);
        let only = format!("metadata.name={name}");
        loop {
            let list = pods.list(&ListParams::default().fields(&only)).await.map_err(lost)?;
            let version = list.metadata.resource_version.clone().unwrap_or_default();
            let gone = || Failure::new(Class::NotFound, format!("the pod {}/{name} is gone", beside.namespace));
            let pod = list.items.first().ok_or_else(gone)?;
            if let Some(agent) = judge(pod, beside, options)? {
                return Ok(agent);
            }
            let mut events = pods.watch(&WatchParams::default().fields(&only), &version).await.map_err(lost)?.boxed();
            while let Some(event) = events.try_next().await.map_err(lost)? {
                match event {
                    WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
                        if let Some(agent) = judge(&pod, beside, options)? {
                            return Ok(agent);
                        }
                    }
                    WatchEvent::Deleted(_) => return Err(gone()),
                    WatchEvent::Bookmark(_) | WatchEvent::Error(_) => {}
                }
            }
        }
    }

    /// What the kubelet said last about it, for those who may read events.
    async fn last_warning(&self, beside: &Beside) -> Option<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &beside.namespace);
        let only = format!("involvedObject.kind=Pod,involvedObject.name={},type=Warning", beside.pod);
        let only = ListParams::default().fields(&only);
        let found = tokio::time::timeout(Duration::from_secs(3), events.list(&only)).await.ok()?.ok()?;
        let place = format!("spec.ephemeralContainers{{{}}}", beside.name);
        found.items.into_iter().rev().find(|event| event.involved_object.field_path.as_ref() == Some(&place))?.message
    }

    /// Containers of ours that run, in the pods of one namespace. Whoever may not look there finds none.
    pub(crate) async fn all_beside(&self, namespace: &str) -> Vec<Agent> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let Ok(found) = pods.list(&ListParams::default()).await else { return Vec::new() };
        let agents = |pod: &Pod| -> Vec<Agent> {
            let agent = |container| Agent {
                namespace: namespace.to_owned(),
                job: None,
                pod: pod.name_any(),
                container,
                node: node_of(pod),
                found: true,
            };
            ephemeral::running(pod).into_iter().map(agent).collect()
        };
        found.items.iter().flat_map(agents).collect()
    }
}

impl Beside {
    /// What is spoken with in it.
    fn agent(&self) -> Agent {
        Agent {
            namespace: self.namespace.clone(),
            job: None,
            pod: self.pod.clone(),
            container: self.name.clone(),
            node: self.node.clone(),
            found: self.found,
        }
    }
}

fn node_of(pod: &Pod) -> String {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default()
}

/// The container if it runs, nothing if it may still, a failure if it never will.
fn judge(pod: &Pod, beside: &Beside, options: &AgentOptions) -> Result<Option<Agent>, Failure> {
    let never = |cause: String| Failure {
        cause: Some(cause),
        ..Failure::new(Class::System, format!("the ephemeral container {} cannot start", beside.name))
    };
    match ephemeral::standing(pod, &beside.name) {
        Standing::Runs => Ok(Some(beside.agent())),
        Standing::Coming => Ok(None),
        Standing::Stuck(why) => Err(never(why).hinting(format!(
            "the image {} has to be on the node, or in a registry that --agent-image names and the pod's own pull \
             secrets open: `fathom image export` writes it",
            options.image
        ))),
        Standing::Ended(why) => Err(never(why).hinting(format!(
            "`kubectl -n {} describe pod {}` says more; --profile chooses other rights",
            beside.namespace, beside.pod
        ))),
    }
}
