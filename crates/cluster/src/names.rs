//! What there is in a cluster, by name, for whoever completes a word.

use std::collections::BTreeSet;
use std::fmt::Debug;

use fathom_model::Failure;
use fathom_model::target::{Object, ObjectKind};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Service};
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde::de::DeserializeOwned;

use crate::Cluster;
use crate::error::{Tried, failure};

/// Nobody reads more of them.
const MOST: u32 = 500;

impl Cluster {
    /// The names of everything of this kind, in `namespace` or the one that is meant without one.
    pub async fn names(&self, kind: ObjectKind, namespace: Option<&str>) -> Result<Vec<String>, Failure> {
        let namespace = namespace.unwrap_or(&self.namespace);
        let client = self.client.clone();
        match kind {
            ObjectKind::Pod => names(Api::<Pod>::namespaced(client, namespace), "pods").await,
            ObjectKind::Deployment => names(Api::<Deployment>::namespaced(client, namespace), "deployments").await,
            ObjectKind::StatefulSet => names(Api::<StatefulSet>::namespaced(client, namespace), "statefulsets").await,
            ObjectKind::DaemonSet => names(Api::<DaemonSet>::namespaced(client, namespace), "daemonsets").await,
            ObjectKind::ReplicaSet => names(Api::<ReplicaSet>::namespaced(client, namespace), "replicasets").await,
            ObjectKind::Job => names(Api::<Job>::namespaced(client, namespace), "jobs").await,
            ObjectKind::Service => names(Api::<Service>::namespaced(client, namespace), "services").await,
            ObjectKind::Node => names(Api::<Node>::all(client), "nodes").await,
        }
    }

    /// The names of the namespaces.
    pub async fn namespaces(&self) -> Result<Vec<String>, Failure> {
        names(Api::<Namespace>::all(self.client.clone()), "namespaces").await
    }

    /// The labels that pods have, each as a selector writes it.
    pub async fn labels(&self) -> Result<Vec<String>, Failure> {
        let namespace = self.namespace.as_str();
        let tried = Tried { verb: "list", resource: "pods", group: "", namespace: Some(namespace), name: "" };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let list = pods.list_metadata(&ListParams::default().limit(MOST)).await;
        let list = list.map_err(|error| failure(tried, error))?;
        let labels = list.items.iter().flat_map(|pod| pod.labels().iter().map(|(key, value)| format!("{key}={value}")));
        Ok(labels.collect::<BTreeSet<String>>().into_iter().collect())
    }

    /// The names of the containers that `object` may mean, those of one of its pods where it has many.
    pub async fn containers(&self, object: &Object) -> Result<Vec<String>, Failure> {
        let namespace = object.namespace.as_deref().unwrap_or(&self.namespace);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let tried = Tried { verb: "get", resource: "pods", group: "", namespace: Some(namespace), name: &object.name };
        let pod = match self.selector(object, namespace).await? {
            None => Some(pods.get(&object.name).await.map_err(|error| failure(tried, error))?),
            Some(selector) => {
                let first = ListParams::default().labels(&selector).limit(1);
                pods.list(&first).await.map_err(|error| failure(tried, error))?.items.pop()
            }
        };
        let spec = pod.and_then(|pod| pod.spec).unwrap_or_default();
        let ephemeral = spec.ephemeral_containers.unwrap_or_default().into_iter().map(|container| container.name);
        let init = spec.init_containers.unwrap_or_default().into_iter().map(|container| container.name);
        Ok(spec.containers.into_iter().map(|container| container.name).chain(ephemeral).chain(init).collect())
    }
}

/// Of the objects themselves only what they are called is sent.
async fn names<K>(api: Api<K>, resource: &str) -> Result<Vec<String>, Failure>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug,
{
    let tried = Tried { verb: "list", resource, group: "", namespace: None, name: "" };
    let list = api.list_metadata(&ListParams::default().limit(MOST)).await.map_err(|error| failure(tried, error))?;
    Ok(list.items.iter().map(ResourceExt::name_any).collect())
}
