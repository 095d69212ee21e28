//! Manifests that are to be applied: what somebody wrote, and nothing of what a cluster says. A file that cannot be read
//! is named with the line and with what is wrong; the others are judged all the same.

mod documents;

use super::Gathering;
use crate::eval::template;
use crate::kinds;
use crate::object::{Fields as _, Object, Ref};
use crate::snapshot::Coverage;
use crate::snapshot::encoding::decode;
use crate::snapshot::named::Named;
use crate::value::{Value, json};
use documents::{Document, Taken, documents, read};

pub use documents::parts;

/// A manifest that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its file.
    pub file: String,
    /// The line in it, counted from one.
    pub line: usize,
    /// What is wrong.
    pub says: String,
    /// What to try.
    pub hint: Option<&'static str>,
}

/// What the API server fills in, and nobody applies.
const FILLED: [&str; 6] = ["creationTimestamp", "uid", "resourceVersion", "generation", "selfLink", "managedFields"];

/// The pod that a workload would make, without a status.
fn planned_pod(maker: &Object) -> Option<Value> {
    let at = template::place(&maker.id.kind).filter(|at| !at.is_empty())?;
    let owner = json!({"kind": maker.id.kind, "name": maker.id.name, "controller": true});
    Some(json!({
        "kind": "Pod",
        "metadata": {"name": maker.id.name, "namespace": maker.id.namespace, "labels": maker.at(&format!("{at}/metadata/labels")), "ownerReferences": [owner]},
        "spec": maker.at(&format!("{at}/spec"))?,
    }))
}

/// Makes of what was read what would be applied.
fn apply(value: &mut Value, namespace: Option<&str>) {
    let of_cluster = kinds::of_name(value.text("/kind")).map(|kind| !kind.is_namespaced());
    // The state of a node is what its pods are put by; of all else only the words count.
    if let Some(map) = value.as_object_mut().filter(|_| of_cluster != Some(true)) {
        map.remove("status");
    }
    let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    FILLED.iter().for_each(|field| drop(meta.remove(field)));
    if let (Some(false), Some(namespace), false) = (of_cluster, namespace, meta.contains_key("namespace")) {
        meta.insert("namespace", namespace.into());
    }
}

/// Fills in what a kustomization may give to what lacks it: namespaces of accounts, and labels by which workloads select.
fn kustomize(object: &mut Value) {
    let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten().filter(|one| one.text("/namespace").is_empty()) {
        subject.put("/namespace", KUSTOMIZED.into());
    }
    if template::makers().any(|kind| kind == object.text("/kind")) && object.at("/spec/selector").is_none() {
        let selects = object.text("/apiVersion").starts_with("apps/") && object.at("/spec/template/spec").is_some();
        let places = ["/spec/selector/matchLabels", "/spec/template/metadata/labels"].into_iter().filter(|_| selects);
        for at in places {
            object.put(&format!("{at}/{KUSTOMIZED}"), "yes".into());
        }
    }
}

/// Stands for what a kustomization would fill in.
const KUSTOMIZED: &str = "kustomized";

impl Gathering {
    /// Takes what came for manifests that are to be applied, in this namespace where they name none: the pods that
    /// workloads would make are judged as well.
    pub fn planned(&mut self, namespace: Option<&str>) {
        self.covers(Coverage::of_manifests());
        for Named(object) in std::mem::take(&mut self.objects) {
            let mut value = object.value().clone();
            apply(&mut value, namespace);
            if self.kustomized {
                kustomize(&mut value);
            }
            self.value(value);
        }
        let makers: Vec<Value> = self.objects.iter().filter_map(|Named(object)| planned_pod(object)).collect();
        for mut pod in makers {
            let id = |name: &str| Ref::new("Pod", pod.text("/metadata/namespace"), name);
            let (name, kind) = (pod.text("/metadata/name"), pod.text("/metadata/ownerReferences/0/kind"));
            // One that somebody wrote, or another workload makes, is not to be replaced.
            if self.objects.contains(&id(name)) {
                let name = format!("{name}-{}", kind.to_lowercase());
                pod.put("/metadata/name", name.into());
            }
            self.value(pod);
        }
    }

    /// A file of manifests. What is none, of a folder, is left out and counted; a file that was named must be one.
    pub fn manifest(&mut self, file: &str, bytes: &[u8], named: bool) {
        let text = decode(bytes);
        let mut documents = documents(&text);
        // JSON knows no documents; what a template makes of it is no JSON either.
        if text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<Value>(&text).is_ok() {
            documents = vec![Document { line: 1, text: text.into_owned() }];
        }
        let taken: Vec<Taken> = documents.iter().map(|document| read(document, file, named)).collect();
        let foreign = taken.iter().any(|one| matches!(one, Taken::Foreign));
        let known = taken.iter().any(|one| matches!(one, Taken::Objects(..)));
        self.left_out += usize::from(foreign && !known);
        for one in taken {
            match one {
                Taken::Foreign => {}
                // A template has many documents, and is one.
                Taken::Fault(fault)
                    if self.faults.iter().any(|one| one.file == fault.file && one.says == fault.says) => {}
                Taken::Fault(fault) => self.faults.push(fault),
                Taken::Objects(objects, fault) => {
                    self.faults.extend(fault);
                    objects.into_iter().for_each(|object| self.written(object));
                }
            }
        }
    }

    /// An object, which may have come before.
    fn written(&mut self, value: Value) {
        let Some(object) = Object::new(value) else { return };
        if self.objects.contains(&object.id) {
            self.again.insert(object.id.clone());
        }
        self.value(object.value().clone());
    }

    /// Leaves a file out that belongs to a kustomization and is no manifest. It may set namespaces that nobody wrote.
    pub fn of_kustomization(&mut self) {
        self.left_out += 1;
        self.kustomized = true;
    }

    /// The manifests that cannot be read.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// How many files of a folder are no manifests.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// What was given more than once, of which the last is judged.
    pub fn again(&self) -> impl Iterator<Item = &Ref> {
        self.again.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str, named: bool) -> Vec<String> {
        let mut gathering = Gathering::new();
        gathering.manifest("web.yaml", text.as_bytes(), named);
        gathering.faults().iter().map(|fault| format!("{}: {}", fault.line, fault.says)).collect()
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n";
        for (text, line, word) in [
            ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n name: b\n", 9, ""),
            ("apiVersion: v1\nkind: Pod\nmetadata:\n\tname: a\n", 8, "a tab"),
            ("apiVersion: v1\nkind: Pod\nkind: Pod\nmetadata: {name: a}\n", 7, "duplicate"),
            ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n", 8, "template of Helm"),
            ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{NAME}}\n", 8, "is to be filled in"),
            ("{{- if .Values.on }}\napiVersion: v1\nkind: Pod\n{{- end }}\n", 5, "template of Helm"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: '{{ .Release.Name }}'}\n", 7, "template of Helm"),
            ("metadata: {name: a}\n", 5, "neither"),
            ("apiVersion: v1\nmetadata: {name: a}\n", 5, "no kind"),
            ("kind: Pod\nmetadata: {name: a}\n", 5, "no apiVersion"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {}\n", 5, "without metadata.name"),
            (
                "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {}}]\n",
                5,
                "of an item of the list",
            ),
            ("- a\n- b\n", 5, "no object"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: a\n", 0, ""),
        ] {
            let said = faults(&format!("{good}{text}"), true);
            assert_eq!(said.len(), 1, "{text}: {said:?}");
            assert!(
                said[0].contains(word) && (line == 0 || said[0].starts_with(&format!("{line}: "))),
                "{text}: {said:?}"
            );
        }
        assert!(faults(good, true).is_empty());
        let remarks = "      # a remark\n".repeat(5000);
        let remarked = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n{remarks}    - name: a\n{remarks}"
        );
        assert!(faults(&remarked, true).is_empty());
        let generated = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: load-}\n";
        assert!(faults(generated, true).is_empty());
    }

    #[test]
    fn what_is_no_manifest_in_a_folder_is_left_out() {
        for text in [
            "replicas: 3\nimage: {tag: x}\n",
            "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [web.yaml]\n",
            "apiVersion: skaffold/v4beta6\nkind: Config\nbuild: {}\n",
            "a: b\n c: d\n",
            "- hosts: all\n",
        ] {
            let mut gathering = Gathering::new();
            gathering.manifest("x.yaml", text.as_bytes(), false);
            assert_eq!((gathering.faults(), gathering.left_out()), (&[][..], 1), "{text}");
        }
        let mut gathering = Gathering::new();
        gathering.manifest("x.yaml", b"# nothing yet\n---\n", false);
        assert_eq!((gathering.faults(), gathering.left_out()), (&[][..], 0));
        assert_eq!(faults("apiVersion: v1\nkind: Pod\nmetadata: [\n", false).len(), 1);
        let rules = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  r: |\n    x: {{ $labels.instance }} {{ .Values.x }}\n";
        assert!(faults(rules, false).is_empty());
    }

    #[test]
    fn a_kustomization_names_files_that_are_parts_of_objects() {
        let text = "resources: [web.yaml]\npatchesStrategicMerge: [a.yaml]\npatches:\n- path: b/c.yaml\n- patch: |-\n    x: y\nopenapi: {path: d.json}\n";
        assert_eq!(parts(text.as_bytes()), ["b/c.yaml", "a.yaml", "d.json"]);
    }

    #[test]
    fn what_was_taken_of_a_cluster_is_judged_as_it_would_be_applied() {
        let mut gathering = Gathering::new();
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, uid: u, creationTimestamp: '2026-03-01T12:00:00Z'}\nspec: {template: {spec: {containers: []}}}\nstatus: {replicas: 1}\n";
        gathering.manifest("web.yaml", text.as_bytes(), true);
        gathering.manifest("same.yaml", text.as_bytes(), true);
        assert_eq!(gathering.again().count(), 1);
        gathering.planned(Some("shop"));
        let snapshot = gathering.finish();
        let ids: Vec<String> = snapshot.objects().map(|object| object.id.to_string()).collect();
        assert_eq!(ids, ["Deployment/shop/web", "Pod/shop/web"]);
        assert!(snapshot.objects().all(|object| object.at("/status").is_none() && object.uid().is_empty()));
    }
}
