//! Proofs: where something stands in the snapshot, and what stands there. Each can be read again.
//!
//! ```text
//! Pod/shop/web-0#/status/phase                   a field of an object
//! Pod/shop/web-0                                 there is no such object (saw: absent)
//! Pod/shop/*?app=web,tier=front                  how many objects have these labels (saw: 0)
//! log:shop/web-0/app:12                          line 12 of a log
//! log:shop/web-0/app/previous:12                 of the run before
//! ```

use serde::Serialize;

use super::{LogName, Snapshot};
use crate::eval::selector;
use crate::object::{Fields as _, Object, Ref};
use crate::value::Value;

/// Where, and what was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The pointer.
    pub at: String,
    /// What was read there: all of it, or a part word by word.
    pub saw: String,
}

const ABSENT: &str = "absent";

impl Proof {
    /// A field of an object.
    pub fn field(object: &Object, pointer: &str) -> Proof {
        Proof { at: format!("{}#{pointer}", object.id), saw: object.at(pointer).map_or(ABSENT.into(), show) }
    }

    /// That there is no such object.
    pub fn absent(id: &Ref) -> Proof {
        Proof { at: id.to_string(), saw: ABSENT.into() }
    }

    /// A line of a log, counted from one.
    pub fn line(name: &LogName, line: usize, text: &str) -> Proof {
        Proof { at: format!("log:{name}:{line}"), saw: text.to_owned() }
    }

    /// How many objects of a kind have these labels.
    pub fn count(snapshot: &Snapshot, kind: &str, namespace: &str, labels: &str) -> Proof {
        let at = format!("{kind}/{namespace}/*?{labels}");
        let saw = snapshot.read_again(&at).unwrap_or_default();
        Proof { at, saw }
    }
}

/// The object and the field that a pointer leads to, where it leads to a field. A manifest may call an object `a#b`.
pub(crate) fn parted(at: &str) -> Option<(&str, &str)> {
    let hash = at.find("#/").or_else(|| at.len().checked_sub(1).filter(|_| at.ends_with('#')))?;
    Some((&at[..hash], &at[hash + 1..]))
}

/// A value as it is quoted: text without its quotation marks, everything else as JSON.
fn show(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Snapshot {
    /// What stands at a pointer.
    pub fn read_again(&self, at: &str) -> Option<String> {
        if let Some(log) = at.strip_prefix("log:") {
            return self.read_line(log);
        }
        if let Some((id, pointer)) = parted(at) {
            let object = self.find(&Ref::parse(id)?)?;
            return Some(object.at(pointer).map_or(ABSENT.into(), show));
        }
        let id = Ref::parse(at)?;
        if let Some(labels) = id.name.strip_prefix("*?") {
            let matches = |object: &&Object| selector::has_labels(object.labels(), labels);
            return Some(self.within(&id.kind, &id.namespace).filter(matches).count().to_string());
        }
        self.find(&id).is_none().then(|| ABSENT.to_owned())
    }

    /// Whether a proof holds.
    pub fn holds(&self, proof: &Proof) -> bool {
        self.read_again(&proof.at)
            .is_some_and(|text| text == proof.saw || text.contains(&proof.saw) && !proof.saw.is_empty())
    }

    fn read_line(&self, at: &str) -> Option<String> {
        let (name, line) = at.rsplit_once(':')?;
        // Names of a machine's containers may have slashes, so a name is compared and not cut.
        let (_, log) = self.logs().find(|(known, _)| known.to_string() == name)?;
        log.lines.get(line.parse::<usize>().ok()?.checked_sub(1)?).cloned()
    }
}
