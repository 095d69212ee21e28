//! From what a person names to one container on one node.

use std::collections::BTreeMap;

use fathom_model::target::{Object, ObjectKind};
use fathom_model::{Class, Failure};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Node, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ListParams};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::Cluster;
use crate::error::{Tried, failure};

/// A container of a pod, or a node, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The node.
    pub node: String,
    /// The container; none where the node itself is meant.
    pub container: Option<Container>,
}

/// A container of a pod that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// Its own name.
    pub name: String,
    /// `containerd://4f1c…`
    pub id: String,
    /// The pod's runtime class, where it names one.
    pub runtime_class: Option<String>,
}

impl Located {
    /// The pod, or the node where there is none.
    pub fn pod_name(&self) -> &str {
        self.container.as_ref().map_or(&self.node, |container| &container.pod)
    }

    /// As a person would type it.
    pub fn describe(&self) -> String {
        match &self.container {
            Some(container) => format!("{}/pod/{}/{}", container.namespace, container.pod, container.name),
            None => format!("node/{}", self.node),
        }
    }
}

/// kubectl's name for a pod's main container.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

impl Cluster {
    /// Finds the one container, or the node, that `object` means. A workload or a service leads to a pod that is ready.
    pub async fn locate(&self, object: &Object) -> Result<Located, Failure> {
        let namespace = object.namespace.as_deref().unwrap_or(&self.namespace);
        if object.kind == ObjectKind::Node {
            self.check_node(&object.name).await?;
            return Ok(Located { node: object.name.clone(), container: None });
        }
        let pod = match self.selector(object, namespace).await? {
            None => self.get::<Pod>(namespace, &object.name, "pods", "").await?,
            Some(selector) => self.ready_pod(object, namespace, &selector).await?,
        };
        let located = container_of(&pod, namespace, object.container.as_deref())?;
        self.check_node(&located.node).await?;
        Ok(located)
    }

    pub(crate) async fn get<K>(&self, namespace: &str, name: &str, resource: &str, group: &str) -> Result<K, Failure>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
        K::DynamicType: Default,
    {
        let tried = Tried { verb: "get", resource, group, namespace: Some(namespace), name };
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        api.get(name).await.map_err(|error| failure(tried, error))
    }

    /// The labels of the pods behind a workload or a service; none for a pod.
    pub(crate) async fn selector(&self, object: &Object, namespace: &str) -> Result<Option<String>, Failure> {
        let name = &object.name;
        let selector = match object.kind {
            ObjectKind::Pod | ObjectKind::Node => return Ok(None),
            ObjectKind::Deployment => {
                self.get::<Deployment>(namespace, name, "deployments", "apps").await?.spec.map(|spec| spec.selector)
            }
            ObjectKind::StatefulSet => {
                self.get::<StatefulSet>(namespace, name, "statefulsets", "apps").await?.spec.map(|spec| spec.selector)
            }
            ObjectKind::DaemonSet => {
                self.get::<DaemonSet>(namespace, name, "daemonsets", "apps").await?.spec.map(|spec| spec.selector)
            }
            ObjectKind::ReplicaSet => {
                self.get::<ReplicaSet>(namespace, name, "replicasets", "apps").await?.spec.map(|spec| spec.selector)
            }
            ObjectKind::Job => {
                self.get::<Job>(namespace, name, "jobs", "batch").await?.spec.and_then(|spec| spec.selector)
            }
            ObjectKind::Service => {
                let labels = self.get::<Service>(namespace, name, "services", "").await?.spec;
                labels
                    .and_then(|spec| spec.selector)
                    .map(|labels| LabelSelector { match_labels: Some(labels), ..LabelSelector::default() })
            }
        };
        let text = selector.as_ref().map(written).filter(|text| !text.is_empty());
        text.map(Some).ok_or_else(|| {
            Failure::new(Class::NotFound, format!("`{object}` selects no pods")).hinting("name a pod instead")
        })
    }

    /// The pod that has been ready for longest.
    async fn ready_pod(&self, object: &Object, namespace: &str, selector: &str) -> Result<Pod, Failure> {
        let tried = Tried { verb: "list", resource: "pods", group: "", namespace: Some(namespace), name: "" };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pods = api.list(&ListParams::default().labels(selector)).await.map_err(|error| failure(tried, error))?;
        let count = pods.items.len();
        let ready = pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        ready
            .filter_map(|pod| Some((ready_since(&pod)?, pod)))
            .min_by(|a, b| a.0.cmp(&b.0))
            .map(|(_, pod)| pod)
            .ok_or_else(|| {
                Failure::new(Class::NotFound, format!("none of the {count} pods of `{object}` is ready"))
                    .hinting(format!("`kubectl -n {namespace} get pods -l {selector}` lists them; name one of them"))
            })
    }

    /// A node that is not ready would keep us waiting for an agent that never starts.
    pub async fn check_node(&self, name: &str) -> Result<(), Failure> {
        let api: Api<Node> = Api::all(self.client.clone());
        let node = match api.get(name).await {
            Ok(node) => node,
            // Whoever may not look at nodes has to find out by trying.
            Err(kube::Error::Api(status)) if status.code == 403 => return Ok(()),
            Err(error) => {
                let tried = Tried { verb: "get", resource: "nodes", group: "", namespace: None, name };
                return Err(failure(tried, error));
            }
        };
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        match conditions.into_iter().find(|condition| condition.type_ == "Ready") {
            Some(condition) if condition.status != "True" => Err(Failure {
                cause: condition.message,
                ..Failure::new(Class::Unsupported, format!("the node {name} is not ready"))
            }
            .hinting("on the node itself, `fathom` works without the cluster")),
            _ => Ok(()),
        }
    }
}

/// A selector as the API takes it in a query.
fn written(selector: &LabelSelector) -> String {
    let none = BTreeMap::new();
    let labels = selector.match_labels.as_ref().unwrap_or(&none);
    let equal = labels.iter().map(|(key, value)| format!("{key}={value}"));
    let others = selector.match_expressions.iter().flatten().map(|rule| {
        let values = rule.values.as_deref().unwrap_or_default().join(",");
        match rule.operator.as_str() {
            "In" => format!("{} in ({values})", rule.key),
            "NotIn" => format!("{} notin ({values})", rule.key),
            "DoesNotExist" => format!("!{}", rule.key),
            _ => rule.key.clone(),
        }
    });
    equal.chain(others).collect::<Vec<_>>().join(",")
}

/// When the pod became ready, if it is.
pub(crate) fn ready_since(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    Some(ready.last_transition_time.as_ref().map_or_else(String::new, |time| time.0.to_string()))
}

/// The pod's main container: the one that it is annotated with, or its first.
pub(crate) fn default_container(pod: &Pod) -> String {
    let first = || pod.spec.as_ref()?.containers.first().map(|container| container.name.clone());
    pod.annotations().get(DEFAULT_CONTAINER).cloned().or_else(first).unwrap_or_default()
}

/// The container `wanted`, or the pod's main one, if it runs.
pub(crate) fn container_of(pod: &Pod, namespace: &str, wanted: Option<&str>) -> Result<Located, Failure> {
    let pod_name = pod.name_any();
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let name = wanted.map_or_else(|| default_container(pod), str::to_owned);
    let all: Vec<ContainerStatus> =
        [status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses]
            .into_iter()
            .flatten()
            .flatten()
            .collect();
    let Some(found) = all.iter().find(|container| container.name == name) else {
        let names: Vec<&str> = all.iter().map(|container| container.name.as_str()).collect();
        let names = if names.is_empty() { "it has not started any".to_owned() } else { names.join(", ") };
        return Err(Failure::new(
            Class::NotFound,
            format!("the pod {namespace}/{pod_name} runs no container `{name}`"),
        )
        .hinting(format!("its containers: {names}")));
    };
    let state = found.state.clone().unwrap_or_default();
    let (Some(_), Some(id), Some(node)) = (state.running, found.container_id.clone(), spec.node_name) else {
        let reason = state.waiting.and_then(|waiting| waiting.reason).or(state.terminated.and_then(|end| end.reason));
        return Err(Failure {
            cause: reason,
            ..Failure::new(Class::NotFound, format!("the container {namespace}/{pod_name}/{name} is not running"))
        }
        .hinting(format!("`kubectl -n {namespace} describe pod {pod_name}` says why")));
    };
    let container = Container {
        namespace: namespace.to_owned(),
        uid: pod.uid().unwrap_or_default(),
        pod: pod_name,
        name,
        id,
        runtime_class: spec.runtime_class_name,
    };
    Ok(Located { node, container: Some(container) })
}
