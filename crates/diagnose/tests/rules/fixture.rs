//! Fixtures: `fixtures/CODE/broken.yaml` and `quiet.yaml`, objects made by hand. A document of kind Log is the end of a
//! container's log; one of kind Manifests makes of all others what is to be applied. Now is noon of the first of March 2026.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fathom_diagnose::object::{Fields as _, Ref};
use fathom_diagnose::snapshot::{Coverage, Gathering, LogName, Run, Snapshot};
use fathom_diagnose::time::Time;
use fathom_diagnose::value::Value;

/// Documents of one file.
#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) documents: Vec<Value>,
    pub(crate) now: Time,
    pub(crate) coverage: Coverage,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The codes that have a folder.
pub(crate) fn codes() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).expect("there are fixtures");
    entries.map(|entry| entry.expect("a folder").file_name().to_string_lossy().into_owned()).collect()
}

impl Fixture {
    pub(crate) fn read(code: &str, which: &str) -> Fixture {
        let path = folder().join(code).join(format!("{which}.yaml"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Fixture::parse(&text)
    }

    pub(crate) fn text(code: &str, which: &str) -> String {
        fs::read_to_string(folder().join(code).join(format!("{which}.yaml"))).expect("a fixture")
    }

    pub(crate) fn parse(text: &str) -> Fixture {
        let documents = text.split("\n---\n").map(|text| serde_saphyr::from_str(text).expect("YAML"));
        let now = Time::parse("2026-03-01T12:00:00Z").expect("a moment");
        Fixture { documents: documents.collect(), now, coverage: Coverage::whole() }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut gathering = Gathering::new();
        gathering.taken_at(self.now);
        gathering.covers(self.coverage.clone());
        for document in &self.documents {
            if document.text("/kind") == "Log" {
                let lines: Vec<&str> = document.list("/lines").iter().filter_map(Value::as_str).collect();
                gathering.log(log_name(document), lines.join("\n").as_bytes());
            } else {
                gathering.value(document.clone());
            }
        }
        if self.documents.iter().any(|document| document.text("/kind") == "Manifests") {
            gathering.planned(None);
        }
        gathering.finish()
    }

    /// Without what a pointer leads to: an event or a log's line goes whole, a missing object appears, a field is unset.
    pub(crate) fn without(&mut self, at: &str) {
        if let Some(log) = at.strip_prefix("log:") {
            let (name, line) = log.rsplit_once(':').expect("a line");
            let line: usize = line.parse().expect("a number");
            let of = |document: &&mut Value| document.text("/kind") == "Log" && shown(&log_name(document)) == name;
            if let Some(document) = self.documents.iter_mut().find(of) {
                document["lines"][line - 1] = "".into();
            }
            return;
        }
        let (id, pointer) = at.split_once('#').map_or((at, ""), |(id, pointer)| (id, pointer));
        let id = Ref::parse(id).expect("a reference");
        let is = |document: &Value| {
            document.text("/kind") == id.kind
                && document.text("/metadata/name") == id.name
                && document.text("/metadata/namespace") == id.namespace
        };
        if id.kind == "Event" {
            self.documents.retain(|document| !is(document));
        } else if pointer.is_empty() && !id.name.starts_with('*') {
            let mut object = fathom_diagnose::json!({"kind": id.kind, "metadata": {"name": id.name}});
            if !id.namespace.is_empty() {
                object["metadata"]["namespace"] = id.namespace.clone().into();
            }
            self.documents.push(object);
        } else if let Some(value) =
            self.documents.iter_mut().find(|one| is(one)).and_then(|one| one.pointer_mut(pointer))
        {
            *value = Value::Null;
        }
    }
}

fn log_name(document: &Value) -> LogName {
    LogName {
        namespace: document.text("/namespace").to_owned(),
        pod: document.text("/pod").to_owned(),
        container: document.text("/container").to_owned(),
        run: if document.holds("/previous") { Run::Previous } else { Run::Current },
    }
}

fn shown(name: &LogName) -> String {
    let run = if name.run == Run::Previous { "/previous" } else { "" };
    format!("{}/{}/{}{run}", name.namespace, name.pod, name.container)
}
