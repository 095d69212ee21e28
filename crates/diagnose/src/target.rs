//! What a person asks about, as it is typed: `pod/web-0`, `deploy/web`, `ns/shop`, `node/n1`.

use std::collections::BTreeSet;

use fathom_model::{Class, Failure};

use crate::diagnosis::Question;
use crate::kinds::{self, Kind};
use crate::object::Ref;
use crate::snapshot::Snapshot;

/// An object as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// Its kind.
    pub kind: &'static Kind,
    /// The namespace, where it stands before the kind.
    pub namespace: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
}

/// Reads `pod/web-0`, `shop/pod/web-0` or `shop/pod/web-0/app`, whose container says nothing more.
pub fn read(text: &str) -> Result<Named<'_>, Failure> {
    let parts: Vec<&str> = text.split('/').collect();
    let (namespace, word, name) = match parts.as_slice() {
        [word, name] => (None, *word, *name),
        [word, name, _] if kinds::of_word(word).is_some_and(|kind| kind.name == "Pod") => (None, *word, *name),
        [namespace, word, name] | [namespace, word, name, _] => (Some(*namespace), *word, *name),
        _ => {
            return Err(Failure::new(Class::Usage, format!("`{text}` names no kind"))
                .hinting("write KIND/NAME, such as pod/web-0, deploy/web, svc/web, pvc/data, node/n1 or ns/shop"));
        }
    };
    let kind = kinds::of_word(word).ok_or_else(|| {
        let near = crate::eval::selector::nearest(word, kinds::words());
        let failure = Failure::new(Class::Usage, format!("`{word}` is no kind of object"));
        match near {
            Some(near) => failure.hinting(format!("`{near}` is one")),
            None => failure.hinting("write pod, deploy, sts, ds, job, svc, ingress, pvc, node, ns, hpa or apiservice"),
        }
    })?;
    Ok(Named { kind, namespace, name })
}

/// The question that is meant by a target, in a namespace where one was given.
pub fn question(snapshot: &Snapshot, text: &str, namespace: Option<&str>) -> Result<Question, Failure> {
    let Named { kind, namespace: own, name } = read(text)?;
    let (of, namespace) = (kind, own.or(namespace));
    let kind = of.name;
    if kind == "Namespace" {
        return self::namespace(snapshot, name);
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
            let place = namespace.filter(|_| of.is_namespaced()).unwrap_or_default();
            let elsewhere =
                snapshot.all(kind).find(|object| object.name() == name).map(|object| object.ns().to_owned());
            Err(match (elsewhere, near, snapshot.coverage().complete(kind, place)) {
                (Some(elsewhere), ..) => failure.hinting(format!("one of this name is in {elsewhere}")),
                (_, Some(near), _) => failure.hinting(format!("there is `{near}`")),
                (.., Err(need)) => failure.hinting(format!("{need}: take `{}` along", of.plural)),
                _ => failure,
            })
        }
        many => {
            let places: Vec<&str> = many.iter().map(|id| id.namespace.as_str()).collect();
            Err(Failure::new(Class::NotFound, format!("`{text}` is in several namespaces: {}", places.join(", ")))
                .hinting("name one with --namespace"))
        }
    }
}

/// The question about a namespace, if anything of it is here.
pub fn namespace(snapshot: &Snapshot, name: &str) -> Result<Question, Failure> {
    let told = snapshot.seen("Namespace", "", name).is_some() || snapshot.objects().any(|object| object.ns() == name);
    if told {
        return Ok(Question::Namespace(name.to_owned()));
    }
    let failure = Failure::new(Class::NotFound, format!("there is no namespace `{name}` in what was looked at"));
    let known: BTreeSet<&str> = snapshot.objects().map(|object| object.ns()).filter(|name| !name.is_empty()).collect();
    let near = crate::eval::selector::nearest(name, known.iter().copied());
    Err(match (near, known.len()) {
        (Some(near), _) => failure.hinting(format!("there is `{near}`")),
        (None, 1..=8) => failure.hinting(format!("there is {}", known.into_iter().collect::<Vec<_>>().join(", "))),
        _ => failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Gathering;
    use crate::value::json;

    #[test]
    fn targets_are_found_as_kubectl_would() {
        let mut gathering = Gathering::new();
        for (kind, namespace, name) in [
            ("Pod", "a", "web-0"),
            ("Pod", "b", "web-0"),
            ("Service", "a", "web"),
            ("Node", "", "n1"),
            ("Deployment", "a", "app"),
            ("Ingress", "a", "app"),
            ("CronJob", "a", "app"),
            ("StorageClass", "", "fast"),
            ("PersistentVolume", "", "pv-1"),
            ("APIService", "", "v1beta1.metrics.k8s.io"),
        ] {
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
        assert_eq!(ask("b/pod/web-0", None), Ok(Question::Object(Ref::new("Pod", "b", "web-0"))));
        assert_eq!(ask("pod/web-0/app", Some("b")), Ok(Question::Object(Ref::new("Pod", "b", "web-0"))));
        assert_eq!(ask("b/pod/web-0/app", None), Ok(Question::Object(Ref::new("Pod", "b", "web-0"))));
        assert_eq!(ask("ns/nowhere", None), Err(Class::NotFound));
        for (text, kind) in [
            ("deployment.apps/app", "Deployment"),
            ("deployments.apps/app", "Deployment"),
            ("deployment.v1.apps/app", "Deployment"),
            ("deploy/app", "Deployment"),
            ("deployments/app", "Deployment"),
            ("Deployment/app", "Deployment"),
            ("ing/app", "Ingress"),
            ("ingresses.networking.k8s.io/app", "Ingress"),
            ("cj/app", "CronJob"),
            ("cronjob.batch/app", "CronJob"),
        ] {
            assert_eq!(ask(text, None), Ok(Question::Object(Ref::new(kind, "a", "app"))), "{text}");
        }
        for (text, kind, name) in [
            ("sc/fast", "StorageClass", "fast"),
            ("pv/pv-1", "PersistentVolume", "pv-1"),
            ("apiservice/v1beta1.metrics.k8s.io", "APIService", "v1beta1.metrics.k8s.io"),
            ("no/n1", "Node", "n1"),
        ] {
            assert_eq!(ask(text, Some("b")), Ok(Question::Object(Ref::new(kind, "", name))), "{text}");
        }
        for text in ["deployment.batch/app", "deployment.v1.batch/app", "pod.apps/web-0"] {
            assert_eq!(ask(text, None), Err(Class::Usage), "{text}");
        }
        let hint = |text: &str, namespace: Option<&str>| question(&snapshot, text, namespace).map_err(|gone| gone.hint);
        assert_eq!(hint("svc/web", Some("b")), Err(Some("one of this name is in a".to_owned())));
        let unlisted = hint("pvc/data", Some("a")).expect_err("nobody listed claims").unwrap_or_default();
        assert!(unlisted.contains("list PersistentVolumeClaim in a"), "{unlisted}");
    }
}
