//! A copy of a pod in the cluster: made, waited for, taken away.

use std::time::Duration;

use fathom_model::target::Object;
use fathom_model::{Class, Command, Failure};
use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{Container, ContainerStatus, PersistentVolumeClaim, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};

use crate::agent::{HOPELESS, is_stray};
use crate::error::{Tried, failure};
use crate::fork::Options;
use crate::incarnation::last_id;
use crate::locate::{container_of, default_container};
use crate::{Cluster, Located, fork};

/// A copy that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forked {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A pod that is to be copied.
#[derive(Debug, Clone)]
pub struct Original {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it is, if it is anywhere.
    pub node: Option<String>,
    /// The container that is meant.
    pub container: String,
    /// That container's image.
    pub image: String,
    /// The id of its last incarnation, if it had one.
    pub id: Option<String>,
    /// The whole of it.
    pub pod: Pod,
    own: Container,
}

impl Original {
    /// Whether the pod itself says what the container executes.
    pub fn says_all(&self) -> bool {
        self.argv(&Command::default()).is_some()
    }

    /// What the container executes.
    pub fn argv(&self, known: &Command) -> Option<Vec<String>> {
        fork::argv(&self.own, known)
    }
}

impl Cluster {
    /// What a copy is made of. A workload leads to a pod that is not ready, if there is one.
    pub async fn locate_original(&self, object: &Object) -> Result<Original, Failure> {
        let namespace = object.namespace.as_deref().unwrap_or(&self.namespace);
        let pod = self.troubled_pod(object, namespace).await?;
        let container = object.container.clone().unwrap_or_else(|| default_container(&pod));
        let status = pod.status.as_ref().and_then(|status| status.container_statuses.clone()).unwrap_or_default();
        let id = status.into_iter().find(|status| status.name == container).and_then(last_id);
        let spec = pod.spec.clone().unwrap_or_default();
        let own = spec.containers.iter().find(|own| own.name == container).cloned();
        Ok(Original {
            namespace: namespace.to_owned(),
            name: pod.name_any(),
            node: spec.node_name,
            image: own.as_ref().and_then(|own| own.image.clone()).unwrap_or_default(),
            own: own.unwrap_or_default(),
            container,
            id,
            pod,
        })
    }

    /// The node that a copy of `pod` has to run on: that of a volume which only one node can have. Whoever may not look
    /// at claims is told nothing; then any volume may be such a one.
    pub async fn node_of_volumes(&self, pod: &Pod) -> Result<Option<String>, Failure> {
        let namespace = pod.namespace().unwrap_or_else(|| self.namespace.clone());
        let spec = pod.spec.clone().unwrap_or_default();
        let claims = spec.volumes.unwrap_or_default().into_iter().filter_map(|volume| volume.persistent_volume_claim);
        for claim in claims {
            let found =
                self.get::<PersistentVolumeClaim>(&namespace, &claim.claim_name, "persistentvolumeclaims", "").await;
            let needs = match found {
                Ok(found) => is_of_one_node(&found),
                Err(failure) if failure.class == Class::Denied => true,
                Err(failure) => return Err(failure),
            };
            if needs {
                return Ok(spec.node_name);
            }
        }
        Ok(None)
    }

    /// Makes a copy.
    pub async fn fork(&self, original: &Original, options: &Options) -> Result<Forked, Failure> {
        let copy = &fork::copy(&original.pod, options)?;
        let namespace = copy.namespace().unwrap_or_else(|| self.namespace.clone());
        let tried = Tried { verb: "create", resource: "pods", group: "", namespace: Some(&namespace), name: "" };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        let made = pods.create(&PostParams::default(), copy).await.map_err(|error| failure(tried, error))?;
        Ok(Forked { name: made.name_any(), namespace })
    }

    /// Waits until `container` runs; gives up at once where it never will.
    pub async fn until_it_runs(&self, copy: &Forked, container: &str, patience: Duration) -> Result<Located, Failure> {
        tokio::time::timeout(patience, self.watch_copy(copy, container)).await.unwrap_or_else(|_| {
            Err(Failure::new(Class::System, format!("the copy {} did not start within {patience:?}", copy.name))
                .hinting(format!("`kubectl -n {} get events` says why", copy.namespace)))
        })
    }

    async fn watch_copy(&self, copy: &Forked, container: &str) -> Result<Located, Failure> {
        let tried =
            Tried { verb: "watch", resource: "pods", group: "", namespace: Some(&copy.namespace), name: &copy.name };
        let lost = |error| failure(tried, error);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &copy.namespace);
        let only = format!("metadata.name={}", copy.name);
        loop {
            let list = pods.list(&ListParams::default().fields(&only)).await.map_err(lost)?;
            let version = list.metadata.resource_version.clone().unwrap_or_default();
            for pod in &list.items {
                if let Some(located) = judge(pod, &copy.namespace, container)? {
                    return Ok(located);
                }
            }
            if list.items.is_empty() {
                return Err(Failure::new(Class::NotFound, format!("somebody took the copy {} away", copy.name)));
            }
            let mut events = pods.watch(&WatchParams::default().fields(&only), &version).await.map_err(lost)?.boxed();
            while let Some(event) = events.try_next().await.map_err(lost)? {
                if let WatchEvent::Modified(pod) = event
                    && let Some(located) = judge(&pod, &copy.namespace, container)?
                {
                    return Ok(located);
                }
            }
        }
    }

    /// Copies in `namespace` that have ended, or never ran: their clients would have taken them away.
    pub async fn stray_copies(&self, namespace: &str, patience: Duration) -> Result<Vec<Forked>, Failure> {
        let pods = self.pods(namespace, fork::LABEL).await?;
        let has_ended = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            matches!(phase, Some("Failed" | "Succeeded"))
        };
        let stray = pods
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none() && (has_ended(pod) || is_stray(pod, patience)));
        Ok(stray.map(|pod| Forked { namespace: namespace.to_owned(), name: pod.name_any() }).collect())
    }

    /// Takes a copy away.
    pub async fn take_away(&self, copy: &Forked) -> Result<(), Failure> {
        let tried =
            Tried { verb: "delete", resource: "pods", group: "", namespace: Some(&copy.namespace), name: &copy.name };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &copy.namespace);
        let now = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
        pods.delete(&copy.name, &now).await.map(drop).map_err(|error| failure(tried, error))
    }
}

fn is_of_one_node(claim: &PersistentVolumeClaim) -> bool {
    let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.clone()).unwrap_or_default();
    !modes.is_empty() && modes.iter().all(|mode| mode.starts_with("ReadWriteOnce"))
}

/// The container if it runs, nothing if it may still, a failure if it never will.
fn judge(pod: &Pod, namespace: &str, container: &str) -> Result<Option<Located>, Failure> {
    let status = pod.status.clone().unwrap_or_default();
    let all = status.init_container_statuses.into_iter().chain(status.container_statuses).flatten();
    let never = |what: &ContainerStatus, cause: Option<String>| Failure {
        cause,
        ..Failure::new(Class::System, format!("the container `{}` of the copy cannot start", what.name))
    };
    for what in all {
        let state = what.state.clone().unwrap_or_default();
        if let Some(waiting) = state.waiting
            && waiting.reason.as_deref().is_some_and(|reason| HOPELESS.contains(&reason))
        {
            return Err(never(&what, waiting.message.or(waiting.reason))
                .hinting("an image that the original has may be on its node only; --agent-image names ours"));
        }
        let is_own = what.name == container;
        if let Some(end) = state.terminated
            && (is_own || (end.exit_code != 0 && what.name != container && is_init(pod, &what.name)))
        {
            let cause = end.message.or(Some(format!("exit status {}", end.exit_code)));
            return Err(never(&what, cause).hinting("--skip-init leaves the pod's init containers out"));
        }
        if is_own && state.running.is_some() {
            return container_of(pod, namespace, Some(container)).map(Some);
        }
    }
    match status.phase.as_deref() {
        Some(phase @ ("Failed" | "Succeeded")) => {
            let failure = Failure::new(Class::System, format!("the copy {} has ended ({phase})", pod.name_any()));
            Err(Failure { cause: status.message.or(status.reason), ..failure })
        }
        _ => Ok(None),
    }
}

fn is_init(pod: &Pod, name: &str) -> bool {
    let init = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
    init.is_some_and(|all| all.iter().any(|container| container.name == name))
}
