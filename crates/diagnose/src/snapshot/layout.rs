//! The files of a folder that holds a snapshot, by their names:
//!
//! ```text
//! objects.json                              a List of all that could be read
//! logs/NAMESPACE/POD/CONTAINER.log          the end of a container's log; CONTAINER.previous.log of the run before
//! *.json with `recorded_at` and no kind     when it was taken; with `coverage`, what was looked at
//! any other .json, .yaml, .yml              objects
//! ```

use serde::Deserialize as _;
use serde_json::Value;

use super::{Coverage, Gathering, LogName, Run};
use crate::object::Fields as _;
use crate::time::Time;

impl Gathering {
    /// Takes a file of a folder: its path from the folder down, with `/`, and its bytes. What it cannot use it leaves.
    pub fn file(&mut self, path: &str, bytes: &[u8]) {
        if let Some(name) = log_name(path) {
            self.log(name, bytes);
        } else if path.ends_with(".json") {
            match serde_json::from_slice::<Value>(bytes) {
                Ok(about) if about.text("/kind").is_empty() && taken(&about).is_some() => {
                    self.taken_at(taken(&about).unwrap_or(Time(0)));
                    self.limited(&about);
                }
                Ok(value) => self.value(value),
                Err(_) => self.json(path, bytes),
            }
        } else if path.ends_with(".yaml") || path.ends_with(".yml") {
            self.yaml(path, &String::from_utf8_lossy(bytes));
        }
        if path == "objects.json" {
            self.whole = true;
        }
    }

    /// What a folder with `objects.json` covers: every kind, in the namespaces of which something came.
    pub(super) fn of_folder(&self) -> Option<Coverage> {
        self.whole.then(|| Coverage::whole().namespaces(self.namespaces()))
    }
}

impl Gathering {
    /// What a state that was saved here says of what it holds, and of what was wrong when it was read.
    fn limited(&mut self, about: &Value) {
        let coverage = about.get("coverage").and_then(|one| Coverage::deserialize(one).ok());
        coverage.into_iter().for_each(|one| self.covers(one));
        about.list("/damage").iter().filter_map(Value::as_str).for_each(|what| self.damaged(what));
    }
}

fn taken(about: &Value) -> Option<Time> {
    about.time("/recorded_at").or_else(|| about.time("/recordedAt"))
}

fn log_name(path: &str) -> Option<LogName> {
    let parts: Vec<&str> = path.split('/').collect();
    let [.., "logs", namespace, pod, file] = parts.as_slice() else { return None };
    let stem = file.strip_suffix(".log")?;
    let (container, run) = stem.strip_suffix(".previous").map_or((stem, Run::Current), |stem| (stem, Run::Previous));
    let text = |part: &str| part.to_owned();
    Some(LogName { namespace: text(namespace), pod: text(pod), container: text(container), run })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_by_its_names() {
        let mut gathering = Gathering::new();
        gathering.file(
            "objects.json",
            br#"{"kind": "List", "items": [{"kind": "Pod", "metadata": {"name": "a", "namespace": "n"}}]}"#,
        );
        gathering.file("about.json", br#"{"recorded_at": "2026-01-01T00:00:00Z"}"#);
        gathering.file("logs/n/a/app.previous.log", b"one\ntwo\n");
        gathering.file("notes.txt", b"nothing");
        let snapshot = gathering.finish();
        assert_eq!((snapshot.len(), snapshot.now().to_string().as_str()), (1, "2026-01-01T00:00:00Z"));
        assert_eq!(snapshot.read_again("log:n/a/app/previous:2").as_deref(), Some("two"));
        assert!(snapshot.get("Secret", "n", "x").is_ok_and(|found| found.is_none()), "the folder holds all kinds");
        assert!(snapshot.get("Secret", "elsewhere", "x").is_err(), "and its namespaces only");
    }
}
