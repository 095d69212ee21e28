//! What a person asks about, as it is typed: `pod/web-0`, `deploy/web`, `ns/shop`, `node/n1`.

use fathom_model::{Class, Failure};

use crate::diagnosis::Question;
use crate::object::Ref;
use crate::snapshot::Snapshot;

/// Words for kinds, as kubectl takes them: (kind, its other names).
const KINDS: &[(&str, &[&str])] = &[
    ("Pod", &["po", "pods"]),
    ("Deployment", &["deploy", "deployments"]),
    ("ReplicaSet", &["rs", "replicasets"]),
    ("StatefulSet", &["sts", "statefulsets"]),
    ("DaemonSet", &["ds", "daemonsets"]),
    ("Job", &["jobs"]),
    ("CronJob", &["cj", "cronjobs"]),
    ("Service", &["svc", "services"]),
    ("Ingress", &["ing", "ingresses"]),
    ("PersistentVolumeClaim", &["pvc", "persistentvolumeclaims"]),
    ("PersistentVolume", &["pv", "persistentvolumes"]),
    ("StorageClass", &["sc", "storageclasses"]),
    ("ConfigMap", &["cm", "configmaps"]),
    ("Secret", &["secrets"]),
    ("Node", &["no", "nodes"]),
    ("Namespace", &["ns", "namespaces"]),
    ("HorizontalPodAutoscaler", &["hpa", "horizontalpodautoscalers"]),
    ("PodDisruptionBudget", &["pdb", "poddisruptionbudgets"]),
    ("NetworkPolicy", &["netpol", "networkpolicies"]),
    ("APIService", &["apiservices"]),
    ("ServiceAccount", &["sa", "serviceaccounts"]),
];

/// The question that is meant by a target, in a namespace where one was given.
pub fn question(snapshot: &Snapshot, text: &str, namespace: Option<&str>) -> Result<Question, Failure> {
    let Some((word, name)) = text.split_once('/') else {
        return Err(Failure::new(Class::Usage, format!("`{text}` names no kind"))
            .hinting("write KIND/NAME, such as pod/web-0, deploy/web, svc/web, pvc/data, node/n1 or ns/shop"));
    };
    let kind = kind(word).ok_or_else(|| {
        let near = crate::eval::selector::nearest(word, words());
        let failure = Failure::new(Class::Usage, format!("`{word}` is no kind of object"));
        match near {
            Some(near) => failure.hinting(format!("`{near}` is one")),
            None => failure.hinting("write pod, deploy, sts, ds, job, svc, ingress, pvc, node, ns, hpa or apiservice"),
        }
    })?;
    if kind == "Namespace" {
        return Ok(Question::Namespace(name.to_owned()));
    }
    let found: Vec<&Ref> = snapshot
        .all(kind)
        .map(|object| &object.id)
        .filter(|id| {
            id.name == name && namespace.is_none_or(|wanted| id.namespace.is_empty() || id.namespace == wanted)
        })
        .collect();
    match found.as_slice() {
        [one] => Ok(Question::Object((*one).clone())),
        [] => {
            let near = crate::eval::selector::nearest(name, snapshot.all(kind).map(|object| object.name()));
            let failure = Failure::new(Class::NotFound, format!("there is no {kind} `{name}` in what was looked at"));
            Err(match near {
                Some(near) => failure.hinting(format!("there is `{near}`")),
                None => failure,
            })
        }
        many => {
            let places: Vec<&str> = many.iter().map(|id| id.namespace.as_str()).collect();
            Err(Failure::new(Class::NotFound, format!("`{text}` is in several namespaces: {}", places.join(", ")))
                .hinting("name one with --namespace"))
        }
    }
}

fn kind(word: &str) -> Option<&'static str> {
    let small = word.to_lowercase();
    KINDS
        .iter()
        .find(|(kind, names)| kind.to_lowercase() == small || names.contains(&small.as_str()))
        .map(|(kind, _)| *kind)
}

fn words() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(|(kind, names)| std::iter::once(*kind).chain(names.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Gathering;
    use serde_json::json;

    #[test]
    fn targets_are_found_as_kubectl_would() {
        let mut gathering = Gathering::new();
        for (kind, namespace, name) in
            [("Pod", "a", "web-0"), ("Pod", "b", "web-0"), ("Service", "a", "web"), ("Node", "", "n1")]
        {
            gathering.value(json!({"kind": kind, "metadata": {"namespace": namespace, "name": name}}));
        }
        let snapshot = gathering.finish();
        let ask =
            |text: &str, namespace: Option<&str>| question(&snapshot, text, namespace).map_err(|failure| failure.class);
        assert_eq!(ask("svc/web", None), Ok(Question::Object(Ref::new("Service", "a", "web"))));
        assert_eq!(ask("pod/web-0", Some("b")), Ok(Question::Object(Ref::new("Pod", "b", "web-0"))));
        assert_eq!(ask("node/n1", Some("b")), Ok(Question::Object(Ref::new("Node", "", "n1"))));
        assert_eq!(ask("ns/a", None), Ok(Question::Namespace("a".into())));
        assert_eq!(ask("pod/web-0", None), Err(Class::NotFound));
        assert_eq!(ask("pod/webb", None), Err(Class::NotFound));
        assert_eq!(ask("pot/web", None), Err(Class::Usage));
        assert_eq!(ask("web", None), Err(Class::Usage));
    }
}
