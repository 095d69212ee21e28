//! What makes objects of objects: pods for workloads, nodes for pods, an end for what belongs to nobody.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Api;
use super::call::Call;
use super::kind::Kind;
use super::kubelet::number;
use super::objects;
use super::store::{self, Key, Store, Update};

/// Brings everything nearer to what is wanted, again and again, until the cluster ends.
pub(super) fn work(api: &Arc<Api>) {
    while !api.is_stopping() {
        let version = api.store.version();
        namespaces(api);
        deployments(&api.store);
        daemon_sets(&api.store);
        replica_sets(&api.store);
        stateful_sets(&api.store);
        jobs(&api.store);
        number(&api.store);
        schedule(&api.store);
        collect_orphans(&api.store);
        api.store.wait(version, Duration::from_millis(100));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn key_of(group: &str, resource: &str, object: &Value) -> Key {
    Key::new(group, resource, &text(&object["metadata"]["namespace"]), &text(&object["metadata"]["name"]))
}

/// Each has a default account; one that ends takes what it holds along, and is gone when nothing is left in it.
fn namespaces(api: &Arc<Api>) {
    let store = &api.store;
    for namespace in store.list("", "namespaces", None).1 {
        let name = text(&namespace["metadata"]["name"]);
        if !namespace["metadata"]["deletionTimestamp"].is_string() {
            let kind = Kind::of("", "serviceaccounts").expect("it is kept");
            if store.get(&Key::new("", "serviceaccounts", &name, "default")).is_none() {
                store.create(kind, &name, json!({"metadata": {"name": "default"}}));
            }
            continue;
        }
        let inside: Vec<(Key, Value)> = store.all().into_iter().filter(|(key, _)| key.namespace == name).collect();
        for (key, object) in &inside {
            let is_pod = key.resource == "/pods" && object["spec"]["nodeName"].is_string();
            if is_pod { end_pod(store, key) } else { drop(store.remove(key)) }
        }
        if inside.is_empty() {
            store.remove(&Key::new("", "namespaces", "", &name));
        }
    }
}

/// A pod that runs somewhere takes its leave.
fn end_pod(store: &Store, key: &Key) {
    store.update(key, |old| match old {
        Some(old) if !old["metadata"]["deletionTimestamp"].is_string() => {
            let mut pod = old.clone();
            pod["metadata"]["deletionTimestamp"] = json!(store::now());
            let grace = old["spec"]["terminationGracePeriodSeconds"].clone();
            pod["metadata"]["deletionGracePeriodSeconds"] = grace;
            Update::Write(pod)
        }
        _ => Update::Keep,
    });
}

fn is_of(object: &Value, owner: &Value) -> bool {
    array(&object["metadata"]["ownerReferences"]).iter().any(|own| own["uid"] == owner["metadata"]["uid"])
}

fn reference(kind: &Kind, owner: &Value) -> Value {
    let (name, uid) = (&owner["metadata"]["name"], &owner["metadata"]["uid"]);
    json!({
        "apiVersion": kind.api_version(), "kind": kind.name, "name": name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// Puts in an object that `owner` wants; what admission says against it is the owner's event.
fn make(store: &Store, owner: (&Kind, &Value), kind: &Kind, mut object: Value) {
    let namespace = text(&owner.1["metadata"]["namespace"]);
    object["metadata"]["ownerReferences"] = json!([reference(owner.0, owner.1)]);
    let call = Call {
        verb: "create",
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        namespace: Some(namespace.clone()),
        resource: kind.resource.to_owned(),
        name: None,
        subresource: None,
        query: Vec::new(),
    };
    if let Err(refusal) = objects::create(store, kind, &call, object) {
        let name = format!("{}.failed-create", text(&owner.1["metadata"]["name"]));
        let message = format!("Error creating: {}", text(&refusal.body["message"]));
        let involved = json!({
            "kind": owner.0.name, "namespace": namespace, "name": owner.1["metadata"]["name"], "uid": owner.1["metadata"]["uid"],
        });
        let event = json!({
            "metadata": {"name": name}, "involvedObject": involved, "type": "Warning", "reason": "FailedCreate",
            "message": message, "count": 1, "firstTimestamp": store::now(), "lastTimestamp": store::now(),
        });
        store.create(Kind::of("", "events").expect("it is kept"), &namespace, event);
    }
}

fn template(owner: &Value) -> Value {
    let mut pod = owner["spec"]["template"].clone();
    pod["metadata"]["generateName"] = json!(format!("{}-", text(&owner["metadata"]["name"])));
    pod
}

fn deployments(store: &Store) {
    let (deployment, replica_set) = (Kind::of("apps", "deployments"), Kind::of("apps", "replicasets"));
    let (deployment, replica_set) = (deployment.expect("it is kept"), replica_set.expect("it is kept"));
    for object in store.list("apps", "deployments", None).1 {
        let sets = store.list("apps", "replicasets", Some(&text(&object["metadata"]["namespace"]))).1;
        let Some(set) = sets.iter().find(|set| is_of(set, &object)) else {
            let mut spec = object["spec"].clone();
            spec["replicas"] = object["spec"]["replicas"].as_u64().map_or(json!(1), |count| json!(count));
            let name = format!("{}-{}", text(&object["metadata"]["name"]), store::random(9));
            let labels = object["spec"]["template"]["metadata"]["labels"].clone();
            let set = json!({"metadata": {"name": name, "labels": labels}, "spec": spec});
            make(store, (deployment, &object), replica_set, set);
            continue;
        };
        let wanted = json!(object["spec"]["replicas"].as_u64().unwrap_or(1));
        if set["spec"]["replicas"] != wanted {
            let mut spec = set["spec"].clone();
            spec["replicas"] = wanted.clone();
            store.set(&key_of("apps", "replicasets", set), "spec", spec);
        }
        let ready = set["status"]["readyReplicas"].as_u64().unwrap_or(0);
        let status = json!({
            "observedGeneration": object["metadata"]["generation"], "replicas": wanted, "updatedReplicas": wanted,
            "readyReplicas": ready, "availableReplicas": ready,
        });
        settle(store, &key_of("apps", "deployments", &object), &object, status);
    }
}

fn settle(store: &Store, key: &Key, object: &Value, status: Value) {
    if object["status"] != status {
        store.set(key, "status", status);
    }
}

fn is_ready(pod: &Value) -> bool {
    array(&pod["status"]["conditions"]).iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn leaves(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn replica_sets(store: &Store) {
    let (kind, pod) = (Kind::of("apps", "replicasets").expect("it is kept"), Kind::of("", "pods").expect("it is kept"));
    for set in store.list("apps", "replicasets", None).1 {
        let pods = store.list("", "pods", Some(&text(&set["metadata"]["namespace"]))).1;
        let own: Vec<&Value> = pods.iter().filter(|pod| is_of(pod, &set) && !leaves(pod)).collect();
        let wanted = set["spec"]["replicas"].as_u64().unwrap_or(1) as usize;
        for _ in own.len()..wanted {
            make(store, (kind, &set), pod, template(&set));
        }
        for extra in own.iter().skip(wanted) {
            end_pod(store, &key_of("", "pods", extra));
        }
        let ready = own.iter().filter(|pod| is_ready(pod)).count();
        let status = json!({"replicas": own.len(), "readyReplicas": ready, "availableReplicas": ready});
        settle(store, &key_of("apps", "replicasets", &set), &set, status);
    }
}

/// Pods with names that are known, here always all at once.
fn stateful_sets(store: &Store) {
    let (kind, pod) =
        (Kind::of("apps", "statefulsets").expect("it is kept"), Kind::of("", "pods").expect("it is kept"));
    for set in store.list("apps", "statefulsets", None).1 {
        if set["spec"]["updateStrategy"].is_null() {
            let mut spec = set["spec"].clone();
            spec["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
            store.set(&key_of("apps", "statefulsets", &set), "spec", spec);
            continue;
        }
        let pods = store.list("", "pods", Some(&text(&set["metadata"]["namespace"]))).1;
        let own: Vec<&Value> = pods.iter().filter(|pod| is_of(pod, &set)).collect();
        let wanted = set["spec"]["replicas"].as_u64().unwrap_or(1);
        for number in 0..wanted {
            let name = format!("{}-{number}", text(&set["metadata"]["name"]));
            if !own.iter().any(|pod| pod["metadata"]["name"] == json!(name)) {
                let mut object = template(&set);
                object["metadata"]["name"] = json!(name);
                object["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(name);
                make(store, (kind, &set), pod, object);
            }
        }
        let ready = own.iter().filter(|pod| is_ready(pod) && !leaves(pod)).count();
        let status = json!({
            "observedGeneration": set["metadata"]["generation"], "replicas": own.len(), "readyReplicas": ready,
            "availableReplicas": ready, "updatedReplicas": own.len(), "currentReplicas": own.len(),
            "currentRevision": "one", "updateRevision": "one",
        });
        settle(store, &key_of("apps", "statefulsets", &set), &set, status);
    }
}

fn daemon_sets(store: &Store) {
    let (kind, pod) = (Kind::of("apps", "daemonsets").expect("it is kept"), Kind::of("", "pods").expect("it is kept"));
    let nodes = store.list("", "nodes", None).1;
    for set in store.list("apps", "daemonsets", None).1 {
        let pods = store.list("", "pods", Some(&text(&set["metadata"]["namespace"]))).1;
        let own: Vec<&Value> = pods.iter().filter(|pod| is_of(pod, &set) && !leaves(pod)).collect();
        for node in &nodes {
            let name = &node["metadata"]["name"];
            if !own.iter().any(|pod| &pod["spec"]["nodeName"] == name) {
                let mut object = template(&set);
                object["spec"]["nodeName"] = name.clone();
                make(store, (kind, &set), pod, object);
            }
        }
        let ready = own.iter().filter(|pod| is_ready(pod)).count();
        let status = json!({
            "observedGeneration": set["metadata"]["generation"], "desiredNumberScheduled": nodes.len(),
            "currentNumberScheduled": own.len(), "updatedNumberScheduled": own.len(), "numberReady": ready,
            "numberAvailable": ready,
        });
        settle(store, &key_of("apps", "daemonsets", &set), &set, status);
    }
}

/// One pod each, no second try, no longer than its deadline; gone some seconds after the end.
fn jobs(store: &Store) {
    let (kind, pod) = (Kind::of("batch", "jobs").expect("it is kept"), Kind::of("", "pods").expect("it is kept"));
    for job in store.list("batch", "jobs", None).1 {
        let key = key_of("batch", "jobs", &job);
        let pods = store.list("", "pods", Some(&key.namespace)).1;
        let own = pods.iter().find(|pod| is_of(pod, &job));
        let finished = job["status"]["completionTime"].as_str();
        let ttl = job["spec"]["ttlSecondsAfterFinished"].as_i64();
        if let (Some(finished), Some(ttl)) = (finished, ttl) {
            if is_over(finished, ttl) {
                store.remove(&key);
            }
            continue;
        }
        let (made, deadline) = (job["metadata"]["creationTimestamp"].as_str(), &job["spec"]["activeDeadlineSeconds"]);
        if made.zip(deadline.as_i64()).is_some_and(|(made, deadline)| finished.is_none() && is_over(made, deadline)) {
            own.iter().for_each(|pod| end_pod(store, &key_of("", "pods", pod)));
            let condition = json!({"type": "Failed", "status": "True", "reason": "DeadlineExceeded",
                "message": "Job was active longer than specified deadline"});
            let end = json!({"failed": own.iter().len(), "completionTime": store::now(), "conditions": [condition]});
            store.set(&key, "status", end);
            continue;
        }
        let Some(own) = own else {
            if finished.is_none() && job["status"]["active"].is_null() {
                let mut object = template(&job);
                let name = job["metadata"]["name"].clone();
                object["metadata"]["labels"]["batch.kubernetes.io/job-name"] = name.clone();
                object["metadata"]["labels"]["job-name"] = name;
                make(store, (kind, &job), pod, object);
            } else if finished.is_none() {
                // Its pod was taken away: with no try left, that is the end of it.
                store.set(&key, "status", json!({"failed": 1, "completionTime": store::now()}));
            }
            continue;
        };
        let status = match own["status"]["phase"].as_str() {
            Some("Succeeded") => json!({"succeeded": 1, "completionTime": store::now()}),
            Some("Failed") => json!({"failed": 1, "completionTime": store::now()}),
            _ => json!({"active": 1, "ready": u32::from(is_ready(own))}),
        };
        settle(store, &key, &job, status);
    }
}

/// Whether so many seconds have gone by since then.
fn is_over(since: &str, seconds: i64) -> bool {
    let since: Option<jiff::Timestamp> = since.parse().ok();
    since.is_some_and(|since| jiff::Timestamp::now().duration_since(since).as_secs() >= seconds)
}

/// The first node takes whatever names none.
fn schedule(store: &Store) {
    let Some(node) = store.list("", "nodes", None).1.into_iter().next() else { return };
    for pod in store.list("", "pods", None).1 {
        let gated = !array(&pod["spec"]["schedulingGates"]).is_empty();
        if pod["spec"]["nodeName"].is_null() && !leaves(&pod) && !gated {
            let mut spec = pod["spec"].clone();
            spec["nodeName"] = node["metadata"]["name"].clone();
            store.set(&key_of("", "pods", &pod), "spec", spec);
        }
    }
}

/// What belongs to something that is gone goes too.
fn collect_orphans(store: &Store) {
    let all = store.all();
    let is_gone = |uid: &Value| !all.iter().any(|(_, object)| &object["metadata"]["uid"] == uid);
    for (key, object) in &all {
        let owners = array(&object["metadata"]["ownerReferences"]);
        if owners.is_empty() || !owners.iter().all(|owner| is_gone(&owner["uid"])) {
            continue;
        }
        if key.resource == "/pods" && object["spec"]["nodeName"].is_string() {
            end_pod(store, key);
        } else {
            store.remove(key);
        }
    }
}
