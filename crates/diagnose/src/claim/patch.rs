//! A patch of what makes a pod: applied in the snapshot to its workload's template and to every pod that the workload
//! has, so that a rule judges the pods as they would be. Nothing else changes: what was recorded stays recorded, and
//! only a rule that compares it with the spec falls silent.

use super::{Change, Fix};
use crate::eval::{owners, validation};
use crate::object::{Fields as _, Object};
use crate::scene::Scene;
use crate::value::{Value, json};

/// Where a workload has the template of its pods.
fn template(owner: &Object) -> Option<&'static str> {
    ["/spec/template", "/spec/jobTemplate/spec/template"]
        .into_iter()
        .find(|at| owner.at(&format!("{at}/spec")).is_some())
}

impl Fix {
    /// Changes of a pod's spec, as a command where a workload makes the pod. Null takes a field away.
    pub fn patch(scene: &Scene<'_>, pod: &Object, words: &str, changes: &[(String, Value)]) -> Fix {
        let owners = owners::chain(scene.snapshot, pod);
        let mut fix = Fix::say(words);
        let maker = owners.iter().rev().find_map(|owner| Some((*owner, template(owner)?)));
        let of_template = |maker: &Object, at: &str| {
            changes.iter().map(|change| of_template(pod, maker, at, change)).collect::<Option<Vec<_>>>()
        };
        match maker.map(|(maker, at)| (maker, at, of_template(maker, at))) {
            // It is not there yet: who wrote it changes what was written.
            Some((maker, at, Some(changes))) if scene.is_written(maker) => fix.text = in_file(words, at, &changes),
            _ if scene.is_to_be(pod) => fix.text = in_file(words, "", changes),
            // Nobody may change what a job's pods are made of.
            Some((maker, ..)) if maker.id.kind == "Job" => fix.text = format!("{words}, and create the job again"),
            Some((maker, at, Some(changes))) => fix.text = format!("{words}: {}", command(maker, at, &changes)),
            // The workload does not know of it: somebody adds it when a pod is made.
            Some((_, _, None)) => return fix,
            None => fix.text = format!("{words}, and create the pod again"),
        }
        for (owner, at) in owners.iter().filter_map(|owner| Some((*owner, template(owner)?))) {
            fix.change_template(owner, at, &of_template(owner, at).unwrap_or_default());
        }
        let top = scene.top(pod);
        let alike = |other: &&Object| other.id == pod.id || scene.top(other) == top && top.kind != "Node";
        for other in scene.snapshot.within("Pod", pod.ns()).filter(alike) {
            let mut tried = other.value().clone();
            if changes.iter().all(|(pointer, value)| tried.put(pointer, value.clone()).is_some()) {
                fix.changes.extend(
                    changes
                        .iter()
                        .map(|(pointer, value)| Change::Set(other.id.clone(), pointer.clone(), value.clone())),
                );
            }
        }
        fix
    }

    /// The same for a workload that has no pods: it, and what it is of or has made.
    pub fn patch_of(scene: &Scene<'_>, maker: &Object, words: &str, changes: &[(String, Value)]) -> Fix {
        let mut owners = owners::chain(scene.snapshot, maker);
        owners.insert(0, maker);
        let mut fix = Fix::say(words);
        if let Some((top, at)) = owners.iter().rev().find_map(|owner| Some((*owner, template(owner)?))) {
            let written = scene.is_written(top);
            fix.text =
                if written { in_file(words, at, changes) } else { format!("{words}: {}", command(top, at, changes)) };
        }
        for (owner, at) in owners.iter().filter_map(|owner| Some((*owner, template(owner)?))) {
            fix.change_template(owner, at, changes);
        }
        fix
    }

    /// Changes the pods that this would make.
    fn change_template(&mut self, maker: &Object, at: &str, changes: &[(String, Value)]) {
        let set =
            |(pointer, value): &(String, Value)| Change::Set(maker.id.clone(), format!("{at}{pointer}"), value.clone());
        self.changes.extend(changes.iter().map(set));
    }

    /// A pod that is deleted and created again with changes of its spec: what happened to the old one is over.
    pub fn again(pod: &Object, words: &str, changes: &[(String, Value)]) -> Fix {
        let mut anew = pod.value().clone();
        let over = ["/status", "/metadata/uid", "/metadata/creationTimestamp", "/metadata/deletionTimestamp"];
        let over = over.iter().map(|pointer| ((*pointer).to_owned(), Value::Null));
        for (pointer, value) in over.chain(changes.iter().cloned()) {
            anew.put(&pointer, value);
        }
        Fix::say(words).remove(pod).adding(anew)
    }
}

/// What a change of a pod is to the template that it was made of, which may lack what was added to the pod: containers go
/// by their names, and volumes of tokens are left out. Nothing where the template has no such container.
fn of_template(pod: &Object, maker: &Object, at: &str, (pointer, value): &(String, Value)) -> Option<(String, Value)> {
    let mut value = value.clone();
    if let (Value::Array(items), true) =
        (&mut value, pointer.ends_with("/volumes") || pointer.ends_with("/volumeMounts"))
    {
        items.retain(|item| !item.text("/name").starts_with("kube-api-access-"));
    }
    for list in ["/spec/containers", "/spec/initContainers"] {
        let Some(rest) = pointer.strip_prefix(list).and_then(|rest| rest.strip_prefix('/')) else { continue };
        let (index, field) = rest.split_once('/').map_or((rest, ""), |(index, field)| (index, field));
        let name = pod.text(&format!("{list}/{index}/name"));
        let own = maker.list(&format!("{at}{list}")).iter().position(|one| one.text("/name") == name)?;
        return Some((format!("{list}/{own}{}{field}", if field.is_empty() { "" } else { "/" }), value));
    }
    Some((pointer.clone(), value))
}

/// What to write into a manifest instead.
fn in_file(words: &str, at: &str, changes: &[(String, Value)]) -> String {
    let step = |(pointer, value): &(String, Value)| {
        let field = validation::path(&format!("{at}{pointer}"));
        if value.is_null() { format!("take {field} away") } else { format!("set {field} to {value}") }
    };
    format!("{words}: {}", changes.iter().map(step).collect::<Vec<_>>().join(", "))
}

/// The command that patches a workload.
fn command(maker: &Object, at: &str, changes: &[(String, Value)]) -> String {
    let steps: Vec<Value> =
        changes.iter().map(|(pointer, value)| step(maker, &format!("{at}{pointer}"), value)).collect();
    let steps = Value::from(steps).to_string().replace('\'', "'\\''");
    let (kind, name) = (maker.id.kind.to_lowercase(), maker.name());
    format!("kubectl -n {} patch {kind} {name} --type json -p '{steps}'", maker.ns())
}

/// One step of a JSON patch: what is above the field must be there, or come with it.
fn step(maker: &Object, pointer: &str, value: &Value) -> Value {
    if value.is_null() {
        return json!({"op": "remove", "path": pointer});
    }
    let (mut path, mut value) = (pointer.to_owned(), value.clone());
    while let Some((above, key)) = path.clone().rsplit_once('/')
        && !above.is_empty()
        && maker.at(above).is_none()
    {
        value = json!({(key.replace("~1", "/").replace("~0", "~")): value});
        path = above.to_owned();
    }
    json!({"op": "add", "path": path, "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Gathering;

    #[test]
    fn a_patch_reaches_the_template_and_the_pods_made_of_it() {
        let mut gathering = Gathering::new();
        let spec = json!({"containers": [{"name": "app"}]});
        let owned = |kind: &str, name: &str| json!([{"kind": kind, "name": name, "controller": true}]);
        for (kind, name, owners, body) in [
            ("Deployment", "web", json!([]), json!({"template": {"spec": spec}})),
            ("ReplicaSet", "web-1", owned("Deployment", "web"), json!({"template": {"spec": spec}})),
            ("Pod", "web-1-a", owned("ReplicaSet", "web-1"), spec.clone()),
            ("Pod", "web-1-b", owned("ReplicaSet", "web-1"), spec.clone()),
            ("Pod", "other", json!([]), spec.clone()),
        ] {
            let metadata = json!({"name": name, "namespace": "shop", "ownerReferences": owners});
            gathering.value(json!({"kind": kind, "metadata": metadata, "spec": body}));
        }
        let snapshot = gathering.finish();
        let scene = Scene::new(&snapshot);
        let pod = snapshot.seen("Pod", "shop", "web-1-a").expect("a pod");
        let changes = [("/spec/containers/0/resources/limits/memory".to_owned(), json!("1Gi"))];
        let fix = Fix::patch(&scene, pod, "raise it", &changes);
        assert_eq!(
            fix.text,
            "raise it: kubectl -n shop patch deployment web --type json -p '[{\"op\":\"add\",\"path\":\"/spec/template/spec/containers/0/resources\",\"value\":{\"limits\":{\"memory\":\"1Gi\"}}}]'"
        );
        let mended = fix.applied(&snapshot).expect("it fits");
        let limit = |kind: &str, name: &str, at: &str| {
            let object = mended.seen(kind, "shop", name).expect("it is there");
            object.text(&format!("{at}/spec/containers/0/resources/limits/memory")).to_owned()
        };
        assert_eq!(limit("Deployment", "web", "/spec/template"), "1Gi");
        assert_eq!(limit("ReplicaSet", "web-1", "/spec/template"), "1Gi");
        assert_eq!((limit("Pod", "web-1-a", ""), limit("Pod", "web-1-b", "")), ("1Gi".into(), "1Gi".into()));
        assert_eq!(limit("Pod", "other", ""), "");
    }

    #[test]
    fn a_template_without_what_was_added_to_its_pods_is_patched_by_name() {
        let mut gathering = Gathering::new();
        let owner = json!([{"kind": "StatefulSet", "name": "web", "controller": true}]);
        let spec = json!({"containers": [{"name": "app"}, {"name": "helper"}]});
        gathering.value(json!({"kind": "StatefulSet", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": {"spec": spec}}}));
        let spec = json!({"containers": [{"name": "proxy"}, {"name": "app"}, {"name": "helper"}]});
        gathering.value(json!({"kind": "Pod", "metadata": {"name": "web-0", "namespace": "shop", "ownerReferences": owner}, "spec": spec}));
        let snapshot = gathering.finish();
        let scene = Scene::new(&snapshot);
        let pod = snapshot.seen("Pod", "shop", "web-0").expect("a pod");
        let raise = |index: usize| {
            Fix::patch(&scene, pod, "raise it", &[(format!("/spec/containers/{index}/tty"), json!(true))])
        };
        assert!(raise(1).text.contains("/spec/template/spec/containers/0/tty"), "{}", raise(1).text);
        let mended = raise(1).applied(&snapshot).expect("it fits");
        let set = mended.seen("StatefulSet", "shop", "web").expect("it is there");
        assert_eq!(set.at("/spec/template/spec/containers/0/tty"), Some(&json!(true)));
        // Nobody can change there what is not there.
        assert_eq!(raise(0).text, "raise it");
        let mounts = json!([{"name": "data"}, {"name": "kube-api-access-x"}]);
        let fix = Fix::patch(&scene, pod, "mount it", &[("/spec/containers/1/volumeMounts".to_owned(), mounts)]);
        assert!(fix.text.contains("data") && !fix.text.contains("kube-api-access"), "{}", fix.text);
    }
}
