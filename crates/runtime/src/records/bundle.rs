//! Annotations in a bundle's `config.json` (OCI runtime specification): where containerd's CRI plugin, CRI-O and
//! nerdctl write the names that their own databases keep to themselves.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fathom_model::{Container, PodRef};

use super::json::{Garbled, Next, members, parse};

/// The annotations of a `config.json`.
///
/// They stand before the seccomp profile, which is the longest part; nothing behind them is read.
///
/// # Errors
/// When it is no object, or its annotations are no strings.
pub fn annotations(bytes: &[u8]) -> Result<BTreeMap<Cow<'_, str>, Cow<'_, str>>, Garbled> {
    let mut found = Ok(BTreeMap::new());
    members(bytes, |key, value| {
        if key != "annotations" {
            return Next::Member;
        }
        found = parse::<Option<BTreeMap<_, _>>>(value.get().as_bytes()).map(Option::unwrap_or_default);
        Next::Nothing
    })?;
    found
}

/// Writes what `annotations` say into the record.
pub fn annotate(container: &mut Container, annotations: &BTreeMap<Cow<'_, str>, Cow<'_, str>>) {
    let said = |keys: &[&str]| {
        let mut values = keys.iter().filter_map(|key| annotations.get(*key));
        values.find(|value| !value.is_empty()).map(|value| value.clone().into_owned())
    };
    let kind = said(&["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"]);
    let namespace =
        said(&["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri-o.Namespace", "io.kubernetes.pod.namespace"]);
    let pod = said(&["io.kubernetes.cri.sandbox-name", "io.kubernetes.cri-o.KubeName", "io.kubernetes.pod.name"]);
    let own = said(&["io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name"]);
    let own = own.filter(|_| kind.as_deref() != Some("sandbox"));
    if let (Some(namespace), Some(name)) = (namespace, pod) {
        let uid = said(&["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"]);
        container.pod.get_or_insert(PodRef { namespace, name, container: own.clone(), uid });
    }
    let pod = container.pod.as_ref().map(|pod| pod.name.clone());
    container.name = container.name.take().or(own).or(pod);
    container.image = container
        .image
        .take()
        .or_else(|| said(&["io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "nerdctl/image"]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_model::Engine;

    fn container(config: &str) -> Container {
        let mut container = Container::new("77", Engine::Containerd);
        annotate(&mut container, &annotations(config.as_bytes()).unwrap());
        container
    }

    #[test]
    fn a_containers_names_are_in_its_annotations() {
        let web = container(
            r#"{"ociVersion":"1","annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.container-type":"container","io.kubernetes.cri.image-name":"web:1","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-uid":"u1"},"linux":"#,
        );
        assert_eq!((web.name.as_deref(), web.image.as_deref()), (Some("app"), Some("web:1")));
        let pod = web.pod.unwrap();
        assert_eq!((pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_deref()), ("shop", "web-0", Some("u1")));
        assert_eq!(pod.container.as_deref(), Some("app"));
    }

    #[test]
    fn a_sandbox_is_called_like_its_pod_and_is_no_container_of_it() {
        let pause = container(
            r#"{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}"#,
        );
        assert_eq!((pause.name.as_deref(), pause.pod.unwrap().container), (Some("web-0"), None));
    }

    #[test]
    fn without_annotations_nothing_is_known() {
        assert_eq!(container("{}"), Container::new("77", Engine::Containerd));
        assert_eq!(container(r#"{"annotations":null}"#), Container::new("77", Engine::Containerd));
        assert!(annotations(b"{\"annotations\":[]}").is_err());
        assert!(annotations(b"{\"process\":{").is_err());
    }
}
