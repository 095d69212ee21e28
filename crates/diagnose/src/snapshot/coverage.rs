//! What was looked at. A kind that nobody listed is unknown, not empty: nothing may be called missing there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::kinds::{self, KINDS};
use crate::object::Ref;

/// What would have to be known for an answer, and why it is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Need {
    /// `list Secret in shop`.
    pub need: String,
    /// `was not collected`.
    pub reason: String,
    /// Which kind of which namespace, if it is a list that is missing.
    #[serde(skip)]
    pub list: Option<List>,
}

/// A list that is not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct List {
    /// `Secret`.
    pub kind: String,
    /// Empty for all of the cluster.
    pub namespace: String,
    /// Nobody has tried to read it.
    pub untried: bool,
}

impl Need {
    /// Something else than a list.
    pub fn new(need: impl Into<String>, reason: impl Into<String>) -> Need {
        Need { need: need.into(), reason: reason.into(), list: None }
    }

    /// The field that would have to be read, where it is one: `read /spec/nodeName of Pod/shop/web-0`.
    fn field(&self) -> Option<(&str, Ref)> {
        let (pointer, id) = self.need.strip_prefix("read ")?.split_once(" of ")?;
        let id = Ref::parse(id)?;
        pointer.starts_with('/').then_some((pointer, id))
    }

    /// Whether nobody has tried to read it.
    pub fn is_untried(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.untried)
    }

    fn of(kind: &str, namespace: &str, reason: &str, untried: bool) -> Need {
        let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
        let list = List { kind: kind.to_owned(), namespace: namespace.to_owned(), untried };
        Need { need: format!("list {kind}{place}"), reason: reason.to_owned(), list: Some(list) }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.need, self.reason)
    }
}

/// Needs as lines for a person: lists that are missing for the same reason share one.
pub fn fold(needs: &[Need]) -> Vec<String> {
    let mut lists: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut lines: Vec<String> = Vec::new();
    let mut fields: BTreeMap<(&str, String), Vec<&Need>> = BTreeMap::new();
    for need in needs {
        match (&need.list, need.field()) {
            (Some(list), _) => lists.entry((&list.namespace, &need.reason)).or_default().push(&list.kind),
            (None, Some((pointer, id))) => fields.entry((pointer, id.kind)).or_default().push(need),
            (None, None) => lines.push(need.to_string()),
        }
    }
    // One of many objects that lack the same field stands for all.
    lines.extend(fields.values().map(|alike| match alike.as_slice() {
        [first, others @ ..] if !others.is_empty() => {
            format!("{}, and of {} more: {}", first.need, others.len(), first.reason)
        }
        _ => alike.iter().map(ToString::to_string).collect(),
    }));
    let folded = lists.into_iter().map(|((namespace, reason), mut kinds)| {
        // What matters most comes first, as in the table.
        kinds.sort_by_key(|name| KINDS.iter().position(|kind| kind.name == *name));
        let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
        let grant =
            if reason.starts_with(FORBIDDEN) { format!("; {}", grant(namespace, &kinds)) } else { String::new() };
        format!("list {}{place}: {reason}{grant}", several(&kinds))
    });
    folded.chain(lines).collect()
}

/// How many kinds are named before they are counted.
pub(super) const NAMED: usize = 6;

pub(super) fn several(kinds: &[&str]) -> String {
    let named = kinds.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if kinds.len() <= NAMED { named } else { format!("{named} and {} more kinds", kinds.len() - NAMED) }
}

/// What a reason begins with where a right is missing.
pub const FORBIDDEN: &str = "forbidden";

/// What would allow it.
fn grant(namespace: &str, kinds: &[&str]) -> String {
    let resource = |name: &&str| kinds::of_name(name).map_or_else(|| name.to_lowercase(), kinds::Kind::resource);
    let resources: Vec<String> = kinds.iter().map(resource).collect();
    let role = if namespace.is_empty() { "clusterrole".to_owned() } else { format!("-n {namespace} role") };
    format!("`kubectl create {role} why --verb=list --resource={}`, once bound, allows it", resources.join(","))
}

/// Which kinds of which namespaces were listed whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// Nothing: all kinds.
    kinds: Option<BTreeSet<String>>,
    /// Nothing: all namespaces.
    namespaces: Option<BTreeSet<String>>,
    /// Where lists were read one by one, these: a kind with its namespaces, of which an empty one means all.
    listed: Option<BTreeMap<String, BTreeSet<String>>>,
    /// Kind and namespace, empty for any, that could not be listed; with the reason.
    refused: Vec<(String, String, String)>,
    /// What else could not be read, and why.
    gaps: Vec<(String, String)>,
    /// Whether what came is to be applied: nothing is known of the cluster.
    planned: bool,
}

impl Coverage {
    /// Every kind of every namespace was listed.
    pub fn whole() -> Self {
        Coverage::default()
    }

    /// Nothing was, until [`Coverage::list`] says so.
    pub fn nothing() -> Self {
        Coverage { listed: Some(BTreeMap::new()), ..Coverage::default() }
    }

    /// Nothing was: there are only manifests, which are to be applied.
    pub fn of_manifests() -> Self {
        Coverage { planned: true, ..Coverage::nothing() }
    }

    /// Whether all that is known is to be applied.
    pub fn is_of_manifests(&self) -> bool {
        self.planned
    }

    /// Only these kinds were listed.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = String>) -> Self {
        self.kinds = Some(kinds.into_iter().collect());
        self
    }

    /// Only these namespaces were.
    #[must_use]
    pub fn namespaces(mut self, namespaces: impl IntoIterator<Item = String>) -> Self {
        self.namespaces = Some(namespaces.into_iter().collect());
        self
    }

    /// A kind was listed whole, in one namespace or in all.
    pub fn list(&mut self, kind: &str, namespace: Option<&str>) {
        let places = self.listed.get_or_insert_default().entry(kind.to_owned()).or_default();
        places.insert(namespace.unwrap_or_default().to_owned());
    }

    /// A kind could not be listed, in one namespace or in any.
    pub fn refuse(&mut self, kind: &str, namespace: Option<&str>, reason: &str) {
        let place = namespace.unwrap_or_default();
        self.refused.retain(|(other, at, _)| other != kind || at != place);
        self.refused.push((kind.to_owned(), place.to_owned(), reason.to_owned()));
    }

    /// Something that is no list could not be read.
    pub fn miss(&mut self, need: impl Into<String>, reason: impl Into<String>) {
        self.gaps.push((need.into(), reason.into()));
    }

    /// Whether all objects of a kind in a namespace are known; in all namespaces where it is empty.
    pub fn complete(&self, kind: &str, namespace: &str) -> Result<(), Need> {
        if let Some(listed) = &self.listed
            && listed.get(kind).is_some_and(|places| places.contains("") || places.contains(namespace))
        {
            return Ok(());
        }
        let refused = |place: &str| self.refused.iter().find(|(of, at, _)| of == kind && at == place);
        if let Some((_, _, reason)) = refused("").or_else(|| refused(namespace)) {
            return Err(Need::of(kind, namespace, reason, false));
        }
        let unlisted = self.kinds.as_ref().is_some_and(|kinds| !kinds.contains(kind))
            || self.listed.as_ref().is_some_and(|listed| !listed.contains_key(kind));
        let elsewhere =
            !namespace.is_empty() && self.namespaces.as_ref().is_some_and(|known| !known.contains(namespace));
        let reason = match (unlisted, elsewhere || self.listed.is_some()) {
            (true, _) => "this kind was not collected",
            (false, true) if namespace.is_empty() => "not every namespace was collected",
            (false, true) => "this namespace was not collected",
            (false, false) => return Ok(()),
        };
        Err(Need::of(kind, namespace, reason, true))
    }

    /// What is known not to be known, for the report.
    pub fn gaps(&self) -> impl Iterator<Item = Need> {
        let refused = self.refused.iter().map(|(kind, place, reason)| Need::of(kind, place, reason, false));
        refused.chain(self.gaps.iter().map(|(need, reason)| Need::new(need, reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_known_where_they_were_read() {
        let mut coverage = Coverage::nothing();
        coverage.list("Pod", Some("shop"));
        coverage.list("Node", None);
        coverage.refuse("Secret", None, "forbidden to ada");
        assert!(coverage.complete("Pod", "shop").is_ok() && coverage.complete("Node", "").is_ok());
        for (kind, namespace, untried) in
            [("Pod", "", true), ("Pod", "other", true), ("Job", "shop", true), ("Secret", "shop", false)]
        {
            let need = coverage.complete(kind, namespace).expect_err("it was not read");
            assert_eq!(need.list.map(|list| list.untried), Some(untried), "{kind} in {namespace}");
        }
        coverage.list("Secret", Some("shop"));
        assert!(coverage.complete("Secret", "shop").is_ok(), "what one right forbids another may allow");
        let written = serde_json::to_string(&coverage).expect("JSON");
        assert_eq!(serde_json::from_str::<Coverage>(&written).expect("it was written here"), coverage);
    }

    #[test]
    fn lists_missing_for_one_reason_share_a_line() {
        let mut coverage = Coverage::nothing();
        coverage.refuse("Node", None, "forbidden to ada");
        coverage.refuse("StorageClass", None, "forbidden to ada");
        coverage.miss("logs of shop/web-0", "the kubelet does not answer");
        for name in ["a", "b", "c"] {
            coverage.miss(format!("read /status/message of Pod/shop/{name}"), "a table does not tell");
        }
        let lines = fold(&coverage.gaps().collect::<Vec<_>>());
        assert_eq!(
            lines,
            [
                "list Node, StorageClass: forbidden to ada; `kubectl create clusterrole why --verb=list \
                 --resource=nodes,storageclasses.storage.k8s.io`, once bound, allows it",
                "logs of shop/web-0: the kubelet does not answer",
                "read /status/message of Pod/shop/a, and of 2 more: a table does not tell",
            ]
        );
    }
}
