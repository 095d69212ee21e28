//! What was looked at. A kind that nobody listed is unknown, not empty: nothing may be called missing there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

/// What would have to be known for an answer, and why it is not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Need {
    /// `list Secret in shop`.
    pub need: String,
    /// `was not collected`.
    pub reason: String,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.need, self.reason)
    }
}

/// Which kinds of which namespaces were listed whole.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Nothing: all kinds.
    kinds: Option<BTreeSet<String>>,
    /// Nothing: all namespaces.
    namespaces: Option<BTreeSet<String>>,
    /// Kind, with a namespace or all, that could not be listed; with the reason.
    refused: BTreeMap<(String, Option<String>), String>,
}

impl Coverage {
    /// Every kind of every namespace was listed.
    pub fn whole() -> Self {
        Coverage::default()
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

    /// A kind could not be listed, in one namespace or in any.
    pub fn refuse(&mut self, kind: &str, namespace: Option<&str>, reason: &str) {
        self.refused.insert((kind.to_owned(), namespace.map(str::to_owned)), reason.to_owned());
    }

    /// Whether all objects of a kind in a namespace are known.
    pub fn complete(&self, kind: &str, namespace: &str) -> Result<(), Need> {
        let of_all = self.refused.get(&(kind.to_owned(), None));
        let of_one = self.refused.get(&(kind.to_owned(), Some(namespace.to_owned())));
        let unlisted = self.kinds.as_ref().is_some_and(|kinds| !kinds.contains(kind));
        let elsewhere =
            !namespace.is_empty() && self.namespaces.as_ref().is_some_and(|known| !known.contains(namespace));
        let reason = match (of_all.or(of_one), unlisted, elsewhere) {
            (Some(reason), _, _) => reason.clone(),
            (None, true, _) => "this kind was not collected".to_owned(),
            (None, false, true) => "this namespace was not collected".to_owned(),
            (None, false, false) => return Ok(()),
        };
        let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
        Err(Need { need: format!("list {kind}{place}"), reason })
    }

    /// What is known not to be known, for the report.
    pub fn gaps(&self) -> impl Iterator<Item = Need> {
        self.refused.iter().map(|((kind, namespace), reason)| {
            let place = namespace.as_ref().map_or(String::new(), |namespace| format!(" in {namespace}"));
            Need { need: format!("list {kind}{place}"), reason: reason.clone() }
        })
    }
}
