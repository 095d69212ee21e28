//! What a container finds in its file system and its environment.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};

use super::super::api::Api;
use super::super::reviews;
use super::super::store::Key;
use super::{Kubelet, services};

/// Folders of the node that are the machine's own.
const MACHINES_OWN: [&str; 3] = ["/dev", "/proc", "/sys"];

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Each mount of a container as `ctr` wants it.
pub(super) fn mounts(api: &Api, kubelet: &Kubelet, pod: &Value, container: &Value) -> Vec<String> {
    let mount = |mount: &Value| {
        let volume = array(&pod["spec"]["volumes"]).iter().find(|volume| volume["name"] == mount["name"])?;
        let mut source = source(api, kubelet, pod, volume)?;
        if let Some(below) = mount["subPath"].as_str() {
            source.push(below);
            // Whatever is not there is a folder.
            if !source.exists() {
                fs::create_dir_all(&source).expect("the volume can be written to");
            }
        }
        let access = if mount["readOnly"] == json!(true) { "ro" } else { "rw" };
        let flow = match text(&mount["mountPropagation"]) {
            "HostToContainer" => "rslave",
            "Bidirectional" => "rshared",
            _ => "rprivate",
        };
        let (source, inside) = (source.display(), text(&mount["mountPath"]));
        Some(format!("--mount=type=bind,src={source},dst={inside},options=rbind:{access}:{flow}"))
    };
    array(&container["volumeMounts"]).iter().filter_map(mount).collect()
}

/// Where a volume is on the machine; what it holds is written anew.
fn source(api: &Api, kubelet: &Kubelet, pod: &Value, volume: &Value) -> Option<PathBuf> {
    if let Some(path) = volume["hostPath"]["path"].as_str() {
        if MACHINES_OWN.iter().any(|own| path.starts_with(own)) {
            return Some(path.into());
        }
        let place = kubelet.root().join(path.trim_start_matches('/'));
        fs::create_dir_all(&place).expect("the node's folder can be written to");
        return Some(place);
    }
    let place = kubelet.scratch.join(format!("pods/{}/{}", text(&pod["metadata"]["uid"]), text(&volume["name"])));
    fs::create_dir_all(&place).expect("the kubelet's folder can be written to");
    if volume["emptyDir"].is_object() {
        // Whoever the containers run as.
        fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).expect("the folder is ours");
        return Some(place);
    }
    let sources = match &volume["projected"]["sources"] {
        Value::Array(sources) => sources.clone(),
        _ => vec![volume.clone()],
    };
    for source in &sources {
        for (name, bytes) in files(api, pod, source) {
            write(&place.join(name), &bytes);
        }
    }
    Some(place)
}

/// Brings volumes up to date with the objects that they are made of, which may change or come late.
pub(super) fn refresh(api: &Api, kubelet: &Kubelet, pod: &Value) {
    let is_object = |volume: &&Value| volume["configMap"].is_object() || volume["secret"].is_object();
    for volume in array(&pod["spec"]["volumes"]).iter().filter(is_object) {
        source(api, kubelet, pod, volume);
    }
}

fn write(place: &Path, bytes: &[u8]) {
    if fs::read(place).is_ok_and(|old| old == bytes) {
        return;
    }
    let folder = place.parent().expect("it lies in the volume");
    fs::create_dir_all(folder).expect("the volume can be written to");
    fs::write(place, bytes).expect("the volume can be written to");
}

/// The files of one source of a volume.
fn files(api: &Api, pod: &Value, source: &Value) -> Vec<(String, Vec<u8>)> {
    let namespace = text(&pod["metadata"]["namespace"]);
    if source["serviceAccountToken"].is_object() {
        let wish = &source["serviceAccountToken"];
        let account = Key::new("", "serviceaccounts", namespace, text(&pod["spec"]["serviceAccountName"]));
        let Some(account) = api.store.get(&account) else { return Vec::new() };
        let audiences = wish["audience"].as_str().map(str::to_owned).into_iter().collect();
        let token = api.tokens.give_account(&account, audiences, &reviews::bound_to(pod));
        return vec![(text(&wish["path"]).to_owned(), token.into_bytes())];
    }
    if let Some(items) = source["downwardAPI"]["items"].as_array() {
        let file = |item: &Value| {
            (text(&item["path"]).to_owned(), field(pod, text(&item["fieldRef"]["fieldPath"])).into_bytes())
        };
        return items.iter().map(file).collect();
    }
    let (resource, wish) = match (&source["configMap"], &source["secret"]) {
        (map @ Value::Object(_), _) => ("configmaps", map),
        (_, secret @ Value::Object(_)) => ("secrets", secret),
        _ => return Vec::new(),
    };
    let name = wish["name"].as_str().or_else(|| wish["secretName"].as_str()).unwrap_or_default();
    if name == "kube-root-ca.crt" {
        return vec![("ca.crt".to_owned(), api.authority.pem().as_bytes().to_vec())];
    }
    let Some(object) = api.store.get(&Key::new("", resource, namespace, name)) else { return Vec::new() };
    let bytes = |value: &Value| match resource {
        "secrets" => BASE64.decode(text(value)).unwrap_or_default(),
        _ => text(value).as_bytes().to_vec(),
    };
    object["data"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), bytes(value))).collect()
}

/// The downward API.
fn field(pod: &Value, path: &str) -> String {
    match path {
        "status.hostIP" => super::sandbox::GATEWAY.to_owned(),
        path => text(path.split('.').fold(pod, |at, part| &at[part])).to_owned(),
    }
}

/// Each variable of a container as `ctr` wants it. `address` is the pod's, which its status does not tell yet.
pub(super) fn environment(api: &Api, pod: &Value, container: &Value, address: &str) -> Vec<(String, String)> {
    let port = api.address.get().map_or(443, std::net::SocketAddr::port);
    let host = if pod["spec"]["hostNetwork"] == json!(true) { "127.0.0.1" } else { super::sandbox::GATEWAY };
    let mut all = vec![
        ("KUBERNETES_SERVICE_HOST".to_owned(), host.to_owned()),
        ("KUBERNETES_SERVICE_PORT".to_owned(), port.to_string()),
    ];
    all.extend(services::variables(&api.store, pod));
    for variable in array(&container["env"]) {
        let path = text(&variable["valueFrom"]["fieldRef"]["fieldPath"]);
        let value = match path {
            "" => text(&variable["value"]).to_owned(),
            "status.podIP" => address.to_owned(),
            path => field(pod, path),
        };
        all.push((text(&variable["name"]).to_owned(), value));
    }
    all
}
