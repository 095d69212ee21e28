//! The half of a target that has been typed: what has to follow.

use fathom_model::target::{Object, ObjectKind};

/// What follows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A kind, or a name without one where no namespace stands before it.
    Kind { namespace: Option<&'a str> },
    /// A name of this kind, after what stands `before` it.
    Name { before: String, namespace: Option<String>, kind: ObjectKind },
    /// A container of this object.
    Container { before: String, object: Object },
}

/// What follows `word`, whose last part is not yet whole.
pub(super) fn next(word: &str) -> Next<'_> {
    let mut parts: Vec<&str> = word.split('/').collect();
    parts.pop();
    let before = || word[..word.rfind('/').map_or(0, |slash| slash + 1)].to_owned();
    let name = |namespace: Option<&str>, kind| {
        let namespace = namespace.map(str::to_owned);
        Next::Name { before: before(), namespace, kind }
    };
    let container = |namespace: Option<&str>, kind, name: &str| {
        let namespace = namespace.map(str::to_owned);
        let object = Object { namespace, kind, name: name.to_owned(), container: None };
        Next::Container { before: before(), object }
    };
    let kinds: Vec<Option<ObjectKind>> = parts.iter().map(|part| ObjectKind::spelled(part)).collect();
    match (parts.as_slice(), kinds.as_slice()) {
        ([_], [Some(kind)]) => name(None, *kind),
        ([_, known], [Some(kind), _]) => container(None, *kind, known),
        ([namespace, _], [None, Some(kind)]) => name(Some(namespace), *kind),
        ([namespace, _, known], [None, Some(kind), _]) => container(Some(namespace), *kind, known),
        ([namespace], [None]) => Next::Kind { namespace: Some(namespace) },
        _ => Next::Kind { namespace: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_told_by_what_stands_before() {
        let name = |before: &str, namespace: Option<&str>, kind| Next::Name {
            before: before.to_owned(),
            namespace: namespace.map(str::to_owned),
            kind,
        };
        let container = |before: &str, namespace: Option<&str>, kind, name: &str| Next::Container {
            before: before.to_owned(),
            object: Object { namespace: namespace.map(str::to_owned), kind, name: name.to_owned(), container: None },
        };
        for (word, expect) in [
            ("", Next::Kind { namespace: None }),
            ("we", Next::Kind { namespace: None }),
            ("pod/", name("pod/", None, ObjectKind::Pod)),
            ("deployments/we", name("deployments/", None, ObjectKind::Deployment)),
            ("node/", name("node/", None, ObjectKind::Node)),
            ("pod/web-0/", container("pod/web-0/", None, ObjectKind::Pod, "web-0")),
            ("shop/", Next::Kind { namespace: Some("shop") }),
            ("shop/po", Next::Kind { namespace: Some("shop") }),
            ("shop/pod/w", name("shop/pod/", Some("shop"), ObjectKind::Pod)),
            ("shop/svc/web/s", container("shop/svc/web/", Some("shop"), ObjectKind::Service, "web")),
        ] {
            assert_eq!(next(word), expect, "{word}");
        }
    }
}
