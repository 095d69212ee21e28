//! Service addresses: one of the ready pods behind a service has its address too, on the network that all pods share.
//! Ports are not translated.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::kind::Kind;
use super::super::store::{Key, Store, Update};

/// The addresses of services begin with this.
const PREFIX: &str = "10.88.200.";

/// Gives an address to each service that has none.
pub(in crate::kubernetes) fn number(store: &Store) {
    let (_, services) = store.list("", "services", None);
    let taken: Vec<&str> = services.iter().filter_map(|service| service["spec"]["clusterIP"].as_str()).collect();
    let Some(service) = services.iter().find(|service| service["spec"]["clusterIP"].is_null()) else { return };
    let free = (1..250).map(|last| format!("{PREFIX}{last}")).find(|address| !taken.contains(&address.as_str()));
    let Some(address) = free else { return };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"]));
    let kind = Kind::of("", "services").expect("it is kept");
    store.update(&Key::new(kind.group, kind.resource, &namespace, &name), |old| match old {
        Some(old) => {
            let mut service = old.clone();
            service["spec"]["clusterIP"] = json!(address);
            Update::Write(service)
        }
        None => Update::Keep,
    });
}

/// The addresses that the pod has for services: it is the first of those that are ready.
pub(super) fn addresses(store: &Store, pod: &Value) -> Vec<String> {
    let namespace = pod["metadata"]["namespace"].as_str();
    let (_, pods) = store.list("", "pods", namespace);
    let own = |service: &Value| {
        let address = service["spec"]["clusterIP"].as_str()?;
        let wanted = service["spec"]["selector"].as_object()?;
        let fits = |pod: &&Value| wanted.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value);
        let first = pods.iter().filter(fits).find(|pod| is_ready(pod))?;
        (first["metadata"]["uid"] == pod["metadata"]["uid"]).then(|| address.to_owned())
    };
    store.list("", "services", namespace).1.iter().filter_map(own).collect()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let leaves = pod["metadata"]["deletionTimestamp"].is_string();
    !leaves && conditions.iter().any(|one| one["type"] == json!("Ready") && one["status"] == json!("True"))
}

/// What a container is told of the services of its namespace.
pub(super) fn variables(store: &Store, pod: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if pod["spec"]["enableServiceLinks"] == json!(false) {
        return all;
    }
    for service in store.list("", "services", pod["metadata"]["namespace"].as_str()).1 {
        let name = service["metadata"]["name"].as_str().unwrap_or_default().to_uppercase().replace('-', "_");
        if let Some(address) = service["spec"]["clusterIP"].as_str() {
            all.insert(format!("{name}_SERVICE_HOST"), address.to_owned());
            let port = service["spec"]["ports"][0]["port"].as_u64().unwrap_or_default();
            all.insert(format!("{name}_SERVICE_PORT"), port.to_string());
        }
    }
    all
}
