//! What the documents of a file are: objects, nothing that is applied, or something that cannot be read, with its line.

use super::Fault;
use crate::eval::versions;
use crate::kinds;
use crate::object::Fields as _;
use crate::snapshot::encoding::decode;
use crate::snapshot::gathering::reading::document_of;
use crate::value::Value;

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

/// A document of a file, and the line at which it begins.
pub(super) struct Document {
    pub(super) line: usize,
    pub(super) text: String,
}

/// What was made of a document.
pub(super) enum Taken {
    /// Objects, perhaps with something that is missing.
    Objects(Vec<Value>, Option<Fault>),
    /// It cannot be read.
    Fault(Fault),
    /// It is nothing that is applied, or empty.
    Foreign,
}

/// The documents of a file of YAML.
pub(super) fn documents(text: &str) -> Vec<Document> {
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

pub(super) fn read(document: &Document, file: &str, named: bool) -> Taken {
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
    document_of(text).map_err(|error| {
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
        let (mut taken, mut lack) = (Vec::new(), None);
        for item in items {
            match objects(item, false) {
                Ok((objects, less)) => {
                    taken.extend(objects);
                    lack = lack.or(less);
                }
                Err(says) => lack = lack.or(says),
            }
        }
        return Ok((taken, lack.map(|says| format!("of an item of the list: {says}"))));
    }
    let own = kinds::of_name(kind).is_some_and(|known| known.group == versions::group(version) || version.is_empty());
    let (name, generated) = (value.text("/metadata/name"), value.text("/metadata/generateName"));
    let mut value = value.clone();
    match (name.is_empty(), generated.is_empty()) {
        (true, false) => {
            let name = format!("{generated}x");
            value.put("/metadata/name", name.into());
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
