//! `containers.json` of containers/storage, the store that podman and CRI-O share: a list with the engine's own
//! record as JSON inside a JSON string (libpod's and CRI-O's `RuntimeContainerMetadata`).

use fathom_model::{Container, Engine, PodRef, State};
use serde::Deserialize;

use super::json::{Text, elements, parse, said};
use super::{Records, seconds};

#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default)]
    names: Vec<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Text<'a>>,
    #[serde(borrow)]
    created: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    pod_name: Option<String>,
    pod_id: Option<String>,
    image_name: Option<String>,
    metadata_name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
}

/// The containers of a `containers.json` or `volatile-containers.json`, all taken for stopped: whether one runs is
/// in another file, its `pidfile`.
pub fn storage_containers(bytes: &[u8]) -> Records {
    let mut records = Records::default();
    let broken = elements(bytes, |element| match parse::<Stored<'_>>(element.get().as_bytes()) {
        Ok(stored) => records.containers.push(container(stored)),
        Err(garbled) => records.garbled.push(garbled),
    });
    records.garbled.extend(broken.err());
    records
}

/// The id of the image that the container `id` of such a list was made of.
pub fn of_storage(bytes: &[u8], id: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Made<'a> {
        #[serde(borrow)]
        id: Text<'a>,
        #[serde(borrow)]
        image: Option<Text<'a>>,
    }
    let mut found = None;
    let _ = elements(bytes, |element| {
        let made = parse::<Made<'_>>(element.get().as_bytes()).ok().filter(|made| made.id == id);
        found = found.take().or(made.and_then(|made| said(made.image)));
    });
    found
}

fn container(stored: Stored<'_>) -> Container {
    let metadata: Metadata =
        stored.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let full = |text: Option<String>| text.filter(|text| !text.is_empty());
    // Only CRI-O's containers belong to pods in this file.
    let engine = if full(metadata.pod_id.clone()).is_some() { Engine::CriO } else { Engine::Podman };
    let kubernetes_name = full(metadata.metadata_name);
    let container = kubernetes_name.clone().filter(|name| name != "POD");
    let pod = full(metadata.namespace).zip(full(metadata.pod_name)).map(|(namespace, name)| PodRef {
        namespace,
        // CRI-O's own name of a sandbox is `k8s_POD_NAME_NAMESPACE_UID_ATTEMPT`.
        name: name.strip_prefix("k8s_").and_then(|rest| rest.split('_').nth(1)).map_or(name.clone(), str::to_owned),
        container: container.clone(),
        uid: full(metadata.uid),
    });
    Container {
        name: kubernetes_name.or_else(|| said(stored.names.into_iter().next())),
        image: full(metadata.image_name),
        state: State::Exited,
        started: stored.created.and_then(|created| seconds(&created)),
        pod,
        ..Container::new(stored.id, engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = r#"{"id":"507f","names":["web"],"image":"cee0","layer":"d31a","metadata":"{\"image-name\":\"fathom.test/idle:1\",\"image-id\":\"cee0\",\"name\":\"web\",\"created-at\":1795219217}","created":"2026-11-21T00:00:17.359299202Z","flags":{"MountLabel":""}}"#;

    #[test]
    fn podmans_record() {
        let records = storage_containers(format!("[{WEB}]").as_bytes());
        assert_eq!(records.garbled, []);
        let [web] = records.containers.as_slice() else { panic!("one container") };
        assert_eq!((web.id.as_str(), web.name.as_deref(), web.engine), ("507f", Some("web"), Engine::Podman));
        assert_eq!((web.image.as_deref(), web.started), (Some("fathom.test/idle:1"), Some(1_795_219_217)));
    }

    #[test]
    fn cri_os_record_names_its_pod() {
        let record = r#"[{"id":"a1","names":["k8s_app_web-0_shop_u1_0"],"metadata":"{\"pod-name\":\"k8s_POD_web-0_shop_u1_0\",\"pod-id\":\"p1\",\"image-name\":\"web:1\",\"metadata-name\":\"app\",\"uid\":\"u1\",\"namespace\":\"shop\",\"attempt\":0}"}]"#;
        let records = storage_containers(record.as_bytes());
        let app = &records.containers[0];
        assert_eq!((app.engine, app.name.as_deref()), (Engine::CriO, Some("app")));
        let pod = app.pod.as_ref().unwrap();
        assert_eq!(
            (pod.namespace.as_str(), pod.name.as_str(), pod.container.as_deref()),
            ("shop", "web-0", Some("app"))
        );
    }

    #[test]
    fn one_bad_record_hides_no_other() {
        let records = storage_containers(format!(r#"[{{"id":5}},{WEB},{{"names":["x"]}}]"#).as_bytes());
        assert_eq!((records.containers.len(), records.garbled.len()), (1, 2));
        let cut = storage_containers(format!("[{WEB},{}", &WEB[..50]).as_bytes());
        assert_eq!((cut.containers.len(), cut.garbled.len()), (1, 1));
        let bad_inside = storage_containers(br#"[{"id":"a","metadata":"{"}]"#);
        assert_eq!((bad_inside.containers.len(), bad_inside.garbled.len()), (1, 0));
        assert_eq!(storage_containers(b"").garbled.len(), 1);
    }
}
