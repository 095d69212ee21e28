//! What an API server serves: one request to any from 1.26 on, which tells each resource; from older ones the groups.

use std::collections::{BTreeMap, BTreeSet};

use fathom_model::{Class, Failure};
use serde::Deserialize;

use super::Resource;
use super::line::{Line, Refusal};

/// What is served, as far as it is told.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Nothing where it may not be asked: everything is tried then.
    groups: Option<BTreeMap<String, Vec<Version>>>,
}

#[derive(Debug)]
struct Version {
    name: String,
    /// Nothing where only the version is told.
    resources: Option<BTreeSet<String>>,
    /// Whether the one who serves it does not answer.
    stale: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// Of `APIGroupDiscoveryList`.
    #[serde(default)]
    items: Vec<ToldGroup>,
    /// Of `APIGroupList`.
    #[serde(default)]
    groups: Vec<ToldGroup>,
}

#[derive(Deserialize)]
struct ToldGroup {
    #[serde(default)]
    name: String,
    #[serde(default)]
    metadata: ToldName,
    #[serde(default)]
    versions: Vec<ToldVersion>,
}

#[derive(Deserialize, Default)]
struct ToldName {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct ToldVersion {
    version: String,
    #[serde(default)]
    freshness: String,
    resources: Option<Vec<ToldResource>>,
}

#[derive(Deserialize)]
struct ToldResource {
    resource: String,
}

/// Asks. What is refused leaves everything to be tried; nobody there, or one who does not know us, is the end.
pub(super) async fn ask(line: &Line) -> Result<Served, Failure> {
    match line.discover("/apis").await {
        Ok(bytes) => Ok(read(&bytes)),
        Err(Refusal::Unknown) => {
            Err(Failure::new(Class::Denied, "cannot read the cluster: it does not know who you are")
                .hinting("log in again, or choose another --context"))
        }
        Err(Refusal::Silent(cause)) => Err(Failure {
            cause: Some(cause),
            ..Failure::new(Class::System, "cannot read the cluster: its API server does not answer")
        }
        .hinting("check that the cluster can be reached: `kubectl version`")),
        Err(_) => Ok(Served::default()),
    }
}

fn read(bytes: &[u8]) -> Served {
    let Ok(told) = serde_json::from_slice::<Told>(bytes) else { return Served::default() };
    let version = |told: ToldVersion| Version {
        name: told.version,
        resources: told.resources.map(|all| all.into_iter().map(|one| one.resource).collect()),
        stale: told.freshness == "Stale",
    };
    let groups = told.items.into_iter().chain(told.groups).map(|group| {
        let name = if group.name.is_empty() { group.metadata.name } else { group.name };
        (name, group.versions.into_iter().map(version).collect())
    });
    Served { groups: Some(groups.collect()) }
}

impl Served {
    /// The versions to read a resource in, one of which is served: none where none is, and a reason where that cannot
    /// be said.
    pub(super) fn versions<'a>(&self, resource: &Resource) -> Result<Vec<&'a str>, String> {
        let Some(groups) = self.groups.as_ref().filter(|_| !resource.group.is_empty()) else {
            return Ok(resource.versions.to_vec());
        };
        let Some(versions) = groups.get(resource.group) else { return Ok(Vec::new()) };
        let served = |version: &&Version| {
            version.resources.as_ref().is_none_or(|all| all.contains(resource.plural)) && !version.stale
        };
        let is_served = |wanted: &&&str| versions.iter().filter(served).any(|version| version.name == **wanted);
        let found: Vec<&str> = resource.versions.iter().filter(is_served).copied().collect();
        if found.is_empty() && versions.iter().any(|version| version.stale) {
            return Err(format!("the server behind the API group {} does not answer", resource.group));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::View;
    use super::*;

    const VERSIONS: &[&str] = &["v1", "v1beta1"];

    #[track_caller]
    fn check(told: &str, group: &'static str, expect: Result<&[&str], ()>) {
        let versions = VERSIONS;
        let resource =
            Resource { kind: "Thing", group, versions, plural: "things", namespaced: true, view: View::Whole };
        assert_eq!(read(told.as_bytes()).versions(&resource).as_deref().map_err(drop), expect, "{told}");
    }

    #[test]
    fn resources_are_found_as_old_and_new_servers_tell_them() {
        let new = r#"{"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {"name": "a"}, "versions": [{"version": "v1", "freshness": "Current", "resources": [{"resource": "others"}]},
                {"version": "v1beta1", "freshness": "Current", "resources": [{"resource": "things"}]}]},
            {"metadata": {"name": "b"}, "versions": [{"version": "v1", "freshness": "Stale", "resources": []}]},
            {"metadata": {"name": "c"}, "versions": [{"version": "v2", "freshness": "Current", "resources": [{"resource": "things"}]}]}]}"#;
        check(new, "a", Ok(&["v1beta1"]));
        check(new, "b", Err(()));
        check(new, "c", Ok(&[]));
        check(new, "d", Ok(&[]));
        check(new, "", Ok(VERSIONS));
        let old = r#"{"kind": "APIGroupList", "groups": [{"name": "a", "versions": [{"groupVersion": "a/v1beta1", "version": "v1beta1"}]}]}"#;
        check(old, "a", Ok(&["v1beta1"]));
        check(old, "b", Ok(&[]));
        check("what", "a", Ok(VERSIONS));
    }
}
