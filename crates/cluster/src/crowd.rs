//! From a selector or a workload to many pods: which of them can be entered, and why the others cannot.

use std::collections::BTreeMap;

use fathom_model::target::Object;
use fathom_model::{Class, Failure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use crate::error::{Tried, failure};
use crate::locate::{container_of, ready_since};
use crate::{Cluster, Located};

/// Which pods are meant.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// Those with labels that fit, in the namespace of what is named without one.
    Labels(&'a str),
    /// Those behind a workload or a service that are ready.
    Object(&'a Object),
}

/// What a selection leads to, in the order of names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crowd {
    /// One container of each pod that runs.
    pub meant: Vec<Located>,
    /// Pods that should run and do not, with why.
    pub absent: Vec<(String, Failure)>,
    /// Pods from which nobody expects anything, with why.
    pub skipped: Vec<(String, String)>,
}

/// Where a pod of a selection belongs.
enum Standing {
    Counts,
    Skipped(String),
}

impl Cluster {
    /// Every pod of `selection`, with the container `container` or the pod's main one.
    pub async fn locate_all(&self, selection: Selection<'_>, container: Option<&str>) -> Result<Crowd, Failure> {
        let (namespace, selector) = match selection {
            Selection::Labels(labels) => (self.namespace.clone(), labels.to_owned()),
            Selection::Object(object) => {
                let namespace = object.namespace.clone().unwrap_or_else(|| self.namespace.clone());
                let selector = self.selector(object, &namespace).await?.ok_or_else(|| {
                    Failure::new(Class::Usage, format!("`{object}` is one, so --all means nothing"))
                        .hinting("name a workload, or pods by their labels with -l")
                })?;
                (namespace, selector)
            }
        };
        let container = match selection {
            Selection::Object(Object { container: Some(own), .. }) => Some(own.as_str()),
            _ => container,
        };
        let mut crowd = Crowd::default();
        for pod in self.pods(&namespace, &selector).await? {
            match standing(&pod, selection) {
                Standing::Skipped(why) => crowd.skipped.push((pod.name_any(), why)),
                Standing::Counts => match container_of(&pod, &namespace, container) {
                    Ok(located) => crowd.meant.push(located),
                    Err(failure) => crowd.absent.push((pod.name_any(), failure)),
                },
            }
        }
        self.leave_out_lost_nodes(&mut crowd).await?;
        if crowd.meant.is_empty() && crowd.absent.is_empty() {
            let skipped = crowd.skipped.len();
            return Err(Failure::new(
                Class::NotFound,
                format!("of the pods `{selector}` in the namespace {namespace} none runs, {skipped} are left out"),
            )
            .hinting(format!("`kubectl -n {namespace} get pods -l '{selector}'` lists them")));
        }
        Ok(crowd)
    }

    /// The one ready pod with labels that fit; where there are several, their names.
    pub async fn locate_only(&self, selector: &str, container: Option<&str>) -> Result<Located, Failure> {
        let namespace = &self.namespace;
        let pods = self.pods(namespace, selector).await?;
        let ready: Vec<&Pod> = pods.iter().filter(|pod| ready_since(pod).is_some() && !is_leaving(pod)).collect();
        match ready.as_slice() {
            [one] => {
                let located = container_of(one, namespace, container)?;
                self.check_node(&located.node).await?;
                Ok(located)
            }
            [] => Err(Failure::new(
                Class::NotFound,
                format!("none of the {} pods `{selector}` in the namespace {namespace} is ready", pods.len()),
            )
            .hinting(format!("`kubectl -n {namespace} get pods -l '{selector}'` lists them; name one of them"))),
            several => {
                let names: Vec<String> = several.iter().map(|pod| pod.name_any()).collect();
                Err(Failure::new(Class::NotFound, format!("`{selector}` may be any of {}", names.join(", ")))
                    .hinting("name one of them, or mean them all with --all"))
            }
        }
    }

    /// By name.
    pub(crate) async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Pod>, Failure> {
        let tried = Tried { verb: "list", resource: "pods", group: "", namespace: Some(namespace), name: "" };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let listed = api.list(&ListParams::default().labels(selector)).await;
        let mut pods = listed.map_err(|error| failure(tried, error))?.items;
        pods.sort_by_key(ResourceExt::name_any);
        Ok(pods)
    }

    /// The pods of a node that is not ready would keep us waiting.
    async fn leave_out_lost_nodes(&self, crowd: &mut Crowd) -> Result<(), Failure> {
        let mut nodes: BTreeMap<String, Option<Failure>> = BTreeMap::new();
        for located in &crowd.meant {
            if !nodes.contains_key(&located.node) {
                let answer = self.check_node(&located.node).await;
                match answer {
                    Err(failure) if failure.class == Class::Denied => return Err(failure),
                    answer => nodes.insert(located.node.clone(), answer.err()),
                };
            }
        }
        for located in std::mem::take(&mut crowd.meant) {
            match nodes.get(&located.node).cloned().flatten() {
                Some(failure) => crowd.absent.push((located.pod_name().to_owned(), failure)),
                None => crowd.meant.push(located),
            }
        }
        Ok(())
    }
}

fn is_leaving(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// A job's finished pods and a deployment's evicted ones keep their labels, and nobody expects them to answer.
fn standing(pod: &Pod, selection: Selection<'_>) -> Standing {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    match phase {
        _ if is_leaving(pod) => Standing::Skipped("it is being deleted".to_owned()),
        Some(phase @ ("Succeeded" | "Failed")) => Standing::Skipped(format!("it has ended ({phase})")),
        _ if matches!(selection, Selection::Object(_)) && ready_since(pod).is_none() => {
            Standing::Skipped("it is not ready".to_owned())
        }
        _ => Standing::Counts,
    }
}

#[cfg(test)]
mod tests {
    use fathom_model::target::ObjectKind;
    use serde_json::json;

    use super::*;

    /// Why a pod with this status and deletion is left out.
    #[track_caller]
    fn check(selection: Selection<'_>, pod: serde_json::Value, expect: Option<&str>) {
        let pod: Pod = serde_json::from_value(pod).expect("it is a pod");
        let got = match standing(&pod, selection) {
            Standing::Counts => None,
            Standing::Skipped(why) => Some(why),
        };
        assert_eq!(got.as_deref(), expect);
    }

    #[test]
    fn who_has_ended_or_leaves_is_left_out_and_who_should_run_counts() {
        let object = Object { namespace: None, kind: ObjectKind::Deployment, name: "web".to_owned(), container: None };
        let (labels, workload) = (Selection::Labels("app=web"), Selection::Object(&object));
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        check(labels, json!({"metadata": {}, "status": {"phase": "Pending"}}), None);
        check(labels, json!({"metadata": {}, "status": {"phase": "Running"}}), None);
        check(labels, json!({"metadata": {}, "status": {"phase": "Succeeded"}}), Some("it has ended (Succeeded)"));
        check(labels, json!({"metadata": {}, "status": {"phase": "Failed"}}), Some("it has ended (Failed)"));
        let leaving = json!({"deletionTimestamp": "2024-01-01T00:00:00Z"});
        check(labels, json!({"metadata": leaving, "status": ready.clone()}), Some("it is being deleted"));
        check(workload, json!({"metadata": {}, "status": ready}), None);
        check(workload, json!({"metadata": {}, "status": {"phase": "Running"}}), Some("it is not ready"));
    }
}
