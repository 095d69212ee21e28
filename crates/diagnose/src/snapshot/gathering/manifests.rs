//! Manifests that are to be applied: what somebody wrote, and nothing of what a cluster says. A file that cannot be read
//! is named with the line and with what is wrong; the others are judged all the same.

use super::Gathering;
use crate::claim::put;
use crate::eval::{template, versions};
use crate::kinds;
use crate::object::{Fields as _, Object, Ref};
use crate::snapshot::Coverage;
use crate::snapshot::encoding::decode;
use crate::snapshot::named::Named;
use crate::value::{Value, json};

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

/// Words of a kustomization that name patches, which are parts of objects, and other files for it alone.
const PARTS: [&str; 10] = [
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "transformers",
    "generators",
    "validators",
    "configurations",
    "replacements",
    "crds",
    "openapi",
];

/// What only Helm fills in.
const HELM: [&str; 8] =
    ["{{ .Values", "{{.Values", "{{- ", "{{ .Release", "{{.Release", "{{ include", "{{ template", "{{ .Chart"];

const TEMPLATE: &str = "let Helm fill it in first: `helm template CHART | fathom why -f -`";

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

/// The namespace that a kustomization gives to accounts without one.
fn fill_subjects(binding: &mut Value) {
    let subjects = binding.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten().filter(|one| one.text("/namespace").is_empty()) {
        put(subject, "/namespace", "kustomized".into());
    }
}

impl Gathering {
    /// Takes what came for manifests that are to be applied, in this namespace where they name none: the pods that
    /// workloads would make are judged as well.
    pub fn planned(&mut self, namespace: Option<&str>) {
        self.covers(Coverage::of_manifests());
        for Named(object) in std::mem::take(&mut self.objects) {
            let mut value = object.value().clone();
            apply(&mut value, namespace);
            if self.kustomized {
                fill_subjects(&mut value);
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
                put(&mut pod, "/metadata/name", name.into());
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

/// A document of a file, and the line at which it begins.
struct Document {
    line: usize,
    text: String,
}

/// What was made of a document.
enum Taken {
    /// Objects, perhaps with something that is missing.
    Objects(Vec<Value>, Option<Fault>),
    /// It cannot be read.
    Fault(Fault),
    /// It is nothing that is applied, or empty.
    Foreign,
}

/// The documents of a file of YAML.
fn documents(text: &str) -> Vec<Document> {
    let mut found = vec![Document { line: 1, text: String::new() }];
    for (index, line) in text.lines().enumerate() {
        let rest = line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if rest.is_some_and(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('#')) {
            found.push(Document { line: index + 2, text: String::new() });
        } else if let Some(document) = found.last_mut() {
            document.text.push_str(line);
            document.text.push('\n');
        }
    }
    let says = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    found.retain(|document| document.text.lines().any(says));
    found
}

fn read(document: &Document, file: &str, named: bool) -> Taken {
    let fault = |line: usize, says: String, hint| {
        Taken::Fault(Fault { file: file.to_owned(), line: document.line + line, says, hint })
    };
    let value = match parse(&document.text) {
        Ok(value) if is_template(&value, &document.text) => Err((template_line(&document.text), None)),
        Ok(value) => Ok(value),
        Err(_) if unfilled(&document.text) => Err((template_line(&document.text), None)),
        Err((line, says)) => Err((line, Some(says))),
    };
    match value {
        Err((line, None)) if HELM.iter().any(|word| document.text.contains(word)) => {
            fault(line, "it is a template of Helm, and no manifest yet".to_owned(), Some(TEMPLATE))
        }
        Err((line, None)) => fault(line, "it is a template: {{…}} is to be filled in first".to_owned(), None),
        // Of a folder, only what looks like a manifest has to be one.
        Err(_) if !named && !is_alike(&document.text) => Taken::Foreign,
        Err((line, Some(says))) => fault(line, says, None),
        Ok(value) => match objects(value, named) {
            Ok((objects, lack)) => {
                let fault = |says: String| Fault { file: file.to_owned(), line: document.line, says, hint: None };
                Taken::Objects(objects, lack.map(fault))
            }
            Err(None) => Taken::Foreign,
            Err(Some(says)) => fault(0, says, None),
        },
    }
}

/// The value of a document, or the line, counted from nought, and what is wrong there.
fn parse(text: &str) -> Result<Value, (usize, String)> {
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    serde_saphyr::from_str::<Value>(text).map_err(|error| {
        let place = error.location().and_then(|place| usize::try_from(place.line()).ok());
        let line = place.unwrap_or(1).saturating_sub(1);
        let said = error.without_snippet().to_string();
        // The line is said as that of the file; how a program would allow it helps nobody here.
        let said = said.lines().next().unwrap_or_default();
        let said = [" at line ", ", set "].iter().fold(said, |said, end| said.split(end).next().unwrap_or(said));
        let said = said.to_owned();
        // A parser often stumbles over a tab further down.
        let lines = text.lines().enumerate().take(line + 1);
        let indented = |line: &str| line[..line.len() - line.trim_start().len()].contains('\t');
        match lines.filter(|(_, line)| indented(line)).last() {
            Some((tab, _)) => (tab, "a tab indents it; YAML is indented by spaces".to_owned()),
            None => (line, said),
        }
    })
}

/// Whether it is for Helm to fill in. Others write such braces too, in the midst of their settings.
fn is_template(value: &Value, text: &str) -> bool {
    let fields = ["/kind", "/apiVersion", "/metadata/name", "/metadata/namespace"];
    let named = fields.iter().any(|field| value.text(field).contains("{{"));
    let carries = ["ConfigMap", "Secret"].contains(&value.text("/kind"));
    let own = kinds::of_name(value.text("/kind")).is_some() && !carries;
    named || own && HELM.iter().any(|word| text.contains(word))
}

/// Whether a text that cannot be read has braces to be filled in where a key or a value should be.
fn unfilled(text: &str) -> bool {
    text.lines().any(|line| {
        let value = line.split_once(": ").map_or(line, |(_, value)| value).trim_start_matches([' ', '-', '"', '\'']);
        value.starts_with("{{") || line.trim_start().starts_with("{{")
    })
}

fn template_line(text: &str) -> usize {
    text.lines().position(|line| line.contains("{{")).unwrap_or(0)
}

/// Whether a text that cannot be read was meant for a manifest.
fn is_alike(text: &str) -> bool {
    ["apiVersion:", "kind:", "\"apiVersion\"", "\"kind\""]
        .iter()
        .any(|word| text.lines().any(|line| line.trim_start().starts_with(word)))
}

/// The objects of a value, and what they lack; nothing, or why not, where it has none.
fn objects(value: Value, named: bool) -> Result<(Vec<Value>, Option<String>), Option<String>> {
    let refused = |says: &str| Err(Some(says.to_owned()).filter(|_| named));
    if value.is_null() {
        return Err(None);
    }
    if value.as_object().is_none() {
        return refused("it is no object: a manifest is a map with apiVersion, kind and metadata");
    }
    let (kind, version) = (value.text("/kind"), value.text("/apiVersion"));
    match (kind.is_empty(), version.is_empty()) {
        (true, true) => return refused("it has neither apiVersion nor kind"),
        (true, false) if value.at("/metadata").is_none() => return refused("it has no kind"),
        (true, false) => return Err(Some("it has no kind".to_owned())),
        _ => {}
    }
    if ["Kustomization", "Component"].contains(&kind) && version.starts_with("kustomize.config.k8s.io/") {
        return refused("it is for kustomize: `kubectl kustomize FOLDER` makes manifests of it");
    }
    if kind.ends_with("List") && value.at("/items").is_some() {
        let items = value.list("/items").to_vec();
        let lists: Vec<Vec<Value>> = items.into_iter().filter_map(|item| Some(objects(item, false).ok()?.0)).collect();
        return Ok((lists.concat(), None));
    }
    let own = kinds::of_name(kind).is_some_and(|known| known.group == versions::group(version) || version.is_empty());
    let (name, generated) = (value.text("/metadata/name"), value.text("/metadata/generateName"));
    let mut value = value.clone();
    match (name.is_empty(), generated.is_empty()) {
        (true, false) => {
            let name = format!("{generated}x");
            put(&mut value, "/metadata/name", name.into());
        }
        (true, true) if own || named => {
            return Err(Some(format!("it is a {} without metadata.name", value.text("/kind"))));
        }
        (true, true) => return Err(None),
        _ => {}
    }
    let lack = value.text("/apiVersion").is_empty().then(|| "it has no apiVersion".to_owned());
    Ok((vec![value], lack))
}

/// The files that a kustomization names and that are no objects, as it names them.
pub fn parts(kustomization: &[u8]) -> Vec<String> {
    let Ok(value) = parse(&decode(kustomization)) else { return Vec::new() };
    let names = |value: &Value| -> Vec<String> {
        let own = value.as_str().into_iter();
        own.chain([value.text("/path")]).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let of = |word: &&str| -> Vec<String> {
        let field = format!("/{word}");
        let one = value.at(&field).map(names).unwrap_or_default();
        value.list(&field).iter().flat_map(names).chain(one).collect()
    };
    PARTS.iter().flat_map(of).collect()
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
