//! What a person asks about, as it is typed: `pod/web-0`, `deploy/web`, `ns/shop`, `node/n1`.

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
    let (kind, namespace) = (kind.name, own.or(namespace));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Gathering;
    use crate::value::json;

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
        assert_eq!(ask("b/pod/web-0", None), Ok(Question::Object(Ref::new("Pod", "b", "web-0"))));
        assert_eq!(ask("pod/web-0/app", Some("b")), Ok(Question::Object(Ref::new("Pod", "b", "web-0"))));
        assert_eq!(ask("b/pod/web-0/app", None), Ok(Question::Object(Ref::new("Pod", "b", "web-0"))));
    }
}
