//! The files of a folder or an archive that holds a snapshot, by their names, wherever in it they are:
//!
//! ```text
//! objects.json                                     a List of all that could be read
//! logs/NAMESPACE/POD/CONTAINER.log                 the end of a log; CONTAINER.previous.log of the run before
//! *.json with `recorded_at` and no kind            when it was taken; with `coverage`, what was looked at
//! NAMESPACE/pods.json, NAMESPACE/POD/logs.txt      kubectl cluster-info dump
//! cluster-resources/pods/NAMESPACE.json, …/pods/logs/NAMESPACE/POD/CONTAINER.log, …/pods-errors.json,
//! NAME/POD/CONTAINER.log, NAME/POD.log             a support bundle of troubleshoot.sh
//! namespaces/NAMESPACE/core/pods.yaml, namespaces/NAMESPACE/pods/POD/CONTAINER/CONTAINER/logs/current.log,
//! cluster-scoped-resources/core/nodes/NAME.yaml    must-gather, and `oc adm inspect`
//! any other .json, .yaml, .yml                     objects
//! any other .txt, .log, .md, .out                  what kubectl printed
//! ```

use super::encoding::decode;
use super::{Coverage, Gathering, LogName, Need, Run};
use crate::kinds;
use crate::object::{Fields as _, Object};
use crate::time::Time;
use crate::value::Value;

/// How bundles call kinds where kubectl has another word: (name of a file or folder, kind).
const WORDS: [(&str, &str); 12] = [
    ("pvs", "PersistentVolume"),
    ("pvcs", "PersistentVolumeClaim"),
    ("pod-disruption-budgets", "PodDisruptionBudget"),
    ("network-policy", "NetworkPolicy"),
    ("resource-quota", "ResourceQuota"),
    ("storage-classes", "StorageClass"),
    ("ingress-classes", "IngressClass"),
    ("custom-resource-definitions", "CustomResourceDefinition"),
    ("replication-controllers", "ReplicationController"),
    ("validating-webhook-configurations", "ValidatingWebhookConfiguration"),
    ("mutating-webhook-configurations", "MutatingWebhookConfiguration"),
    ("clusterRoleBindings", "ClusterRoleBinding"),
];

/// What a file is, as far as its name says.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// A log of one container's run; with the moment before each line where that is so.
    Log(LogName),
    /// Objects: of this kind, of this namespace, where the name says so.
    Objects(Option<(&'static str, &'a str)>),
    /// Why a kind could not be read.
    Errors(&'static str),
    /// What kubectl printed.
    Text,
    /// That, or the log of a pod that has this name in its path.
    Loose,
    /// Nothing that is understood.
    Other,
}

fn place(path: &str) -> Place<'_> {
    let parts: Vec<&str> = path.split('/').collect();
    let file = parts.last().copied().unwrap_or_default();
    if let Some(name) = log_name(&parts) {
        return Place::Log(name);
    }
    let Some((stem, end)) = file.rsplit_once('.') else { return Place::Other };
    match end {
        "json" | "yaml" | "yml" => {
            let bundled = parts.contains(&"cluster-resources");
            if let Some(kind) = stem.strip_suffix("-errors").filter(|_| bundled).and_then(kind) {
                return Place::Errors(kind);
            }
            Place::Objects(listing(&parts, stem))
        }
        "log" if parts.len() > 1 => Place::Loose,
        "txt" | "log" | "md" | "out" => Place::Text,
        _ => Place::Other,
    }
}

/// The kind that a word means, as bundles and kubectl use it.
fn kind(word: &str) -> Option<&'static str> {
    let own = WORDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
    own.or_else(|| kinds::name_of(word))
}

/// The list that a file of a bundle is: its kind, and its namespace, empty where it is of the whole cluster.
fn listing<'a>(parts: &[&'a str], stem: &'a str) -> Option<(&'static str, &'a str)> {
    match parts {
        [.., "cluster-resources", _] => Some((kind(stem)?, "")),
        [.., "cluster-resources", folder, _] => Some((kind(folder)?, stem)),
        [.., "namespaces", namespace, _, _] => Some((kind(stem)?, namespace)),
        [.., "cluster-scoped-resources", _, folder, _] => Some((kind(folder)?, "")),
        [.., namespace, _] => Some((kind(stem)?, namespace)),
        _ => None,
    }
}

/// What would mean something else in a path, and how it is written there.
const ESCAPES: [(&str, &str); 4] = [("%", "%25"), ("/", "%2F"), ("\\", "%5C"), (".previous", "%2Eprevious")];

/// A name as a part of a path: engines of a machine name containers as they like.
pub(super) fn escaped(name: &str) -> String {
    // A part of a path is not empty, and does not lead elsewhere.
    if ["", ".", ".."].contains(&name) {
        return format!("%{}", name.replace('.', "%2E"));
    }
    ESCAPES.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

/// The name that a part of a path stands for.
fn meant(part: &str) -> String {
    let part = part.strip_prefix('%').filter(|rest| rest.is_empty() || rest.starts_with("%2E")).unwrap_or(part);
    ESCAPES.iter().rev().fold(part.replace("%2E", "."), |part, (to, from)| part.replace(from, to))
}

fn log_name(parts: &[&str]) -> Option<LogName> {
    let run = |previous: bool| if previous { Run::Previous } else { Run::Current };
    let name = |namespace: &str, pod: &str, container: &str, run| {
        let text = |part: &str| part.to_owned();
        Some(LogName { namespace: text(namespace), pod: text(pod), container: text(container), run })
    };
    match parts {
        [.., "namespaces", namespace, "pods", pod, _, container, "logs", file] => {
            let stem = file.strip_suffix(".log")?.trim_end_matches(".insecure");
            let known = ["current", "previous"].contains(&stem);
            known.then(|| name(namespace, pod, container, run(stem == "previous")))?
        }
        [.., folder, "logs", namespace, pod, file] if *folder == "pods" => {
            let stem = file.strip_suffix(".log")?;
            let (container, previous) = stem.strip_suffix("-previous").map_or((stem, false), |stem| (stem, true));
            name(namespace, pod, container, run(previous))
        }
        [.., "logs", namespace, pod, file] => {
            let stem = file.strip_suffix(".log")?;
            let (container, previous) = stem.strip_suffix(".previous").map_or((stem, false), |stem| (stem, true));
            name(&meant(namespace), &meant(pod), &meant(container), run(previous))
        }
        _ => None,
    }
}

/// Whether a file of this name could tell anything.
pub(super) fn is_wanted(path: &str) -> bool {
    place(path) != Place::Other
}

impl Gathering {
    /// Takes a file of a folder: its path from the folder down, with `/`, and its bytes. What it cannot use it leaves.
    pub fn file(&mut self, path: &str, bytes: &[u8]) {
        match place(path) {
            Place::Log(name) => self.log(name, bytes),
            Place::Errors(kind) => self.errors(kind, bytes),
            Place::Objects(listing) => {
                if let Some((kind, namespace)) = listing {
                    self.assume(kind, namespace);
                }
                self.objects(path, bytes);
                self.expected = None;
            }
            Place::Text => self.printed(path, &decode(bytes)),
            Place::Loose => self.loose.push((path.to_owned(), bytes.to_vec())),
            Place::Other => {}
        }
        // Packed into an archive it is in a folder of its own.
        if path == "objects.json" || path.split_once('/').is_some_and(|(_, file)| file == "objects.json") {
            self.whole = true;
        }
    }

    /// Finds out whose logs those are whose path does not tell the namespace, now that all pods are here.
    pub(super) fn settle(&mut self) {
        for (path, bytes) in std::mem::take(&mut self.loose) {
            match self.loose_name(&path) {
                Some(name) => self.log(name, &bytes),
                None => self.printed(&path, &decode(&bytes)),
            }
        }
    }

    /// `NAME/POD/CONTAINER.log`, or `NAME/POD.log` of a pod with one container; `-previous` of the run before.
    fn loose_name(&self, path: &str) -> Option<LogName> {
        let (folder, file) = path.rsplit_once('/')?;
        let folder = folder.rsplit('/').next().unwrap_or_default();
        let stem = file.strip_suffix(".log")?;
        let (stem, run) = stem.strip_suffix("-previous").map_or((stem, Run::Current), |stem| (stem, Run::Previous));
        let names = |pod: &Object| -> Vec<String> {
            let lists = ["/spec/containers", "/spec/initContainers"].iter().flat_map(|list| pod.list(list));
            lists.map(|one| one.text("/name").to_owned()).collect()
        };
        let mut of_container = self.pods(folder).filter(|pod| names(pod).iter().any(|name| name == stem));
        let mut of_pod = self.pods(stem);
        let (pod, container) = match (of_container.next(), of_container.next()) {
            (Some(pod), None) => (pod, stem.to_owned()),
            (Some(_), Some(_)) => return None,
            (None, _) => {
                let pod = of_pod.next().filter(|_| of_pod.next().is_none())?;
                (pod, names(pod).into_iter().next()?)
            }
        };
        let (namespace, pod) = (pod.ns().to_owned(), pod.name().to_owned());
        Some(LogName { namespace, pod, container, run })
    }

    fn objects(&mut self, path: &str, bytes: &[u8]) {
        let text = decode(bytes);
        if !path.ends_with(".json") {
            return self.yaml(path, &text);
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(about) if about.text("/kind").is_empty() && taken(&about).is_some() => {
                self.taken_at(taken(&about).unwrap_or(Time(0)));
                self.limited(&about);
            }
            Ok(value) => self.value(value),
            Err(_) => self.json(path, text.as_bytes()),
        }
    }

    /// A bundle's list of what it was refused: by namespace, or one after another.
    fn errors(&mut self, kind: &str, bytes: &[u8]) {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(Value::Object(map)) => {
                for (namespace, reason) in &map {
                    self.refuse(kind, Some(namespace.as_str()), reason.as_str().unwrap_or("it was not collected"));
                }
            }
            Ok(Value::Array(list)) => {
                let said = list.iter().filter_map(Value::as_str).find(|said| !said.is_empty());
                said.into_iter().for_each(|said| self.refuse(kind, None, said));
            }
            _ => {}
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
        let coverage = about.get("coverage").and_then(|one| serde_json::from_str::<Coverage>(&one.to_string()).ok());
        coverage.into_iter().for_each(|one| self.covers(one));
        about.list("/damage").iter().filter_map(Value::as_str).for_each(|what| self.damaged(what));
        let lacks = about.list("/lacks").iter().map(|lack| Need::new(lack.text("/need"), lack.text("/reason")));
        self.lacks.extend(lacks);
    }
}

fn taken(about: &Value) -> Option<Time> {
    about.time("/recorded_at").or_else(|| about.time("/recordedAt"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Snapshot;

    const POD: &str = r#"{"kind": "Pod", "metadata": {"name": "a", "namespace": "n"}}"#;

    fn read(files: &[(&str, &str)]) -> Snapshot {
        let mut gathering = Gathering::new();
        files.iter().for_each(|(name, text)| gathering.file(name, text.as_bytes()));
        gathering.finish()
    }

    #[test]
    fn a_folder_is_read_by_its_names() {
        let snapshot = read(&[
            ("objects.json", &format!(r#"{{"kind": "List", "items": [{POD}]}}"#)),
            ("about.json", r#"{"recorded_at": "2026-01-01T00:00:00Z"}"#),
            ("logs/n/a/app.previous.log", "one\ntwo\n"),
            ("notes.bin", "nothing"),
        ]);
        assert_eq!((snapshot.len(), snapshot.now().to_string().as_str()), (1, "2026-01-01T00:00:00Z"));
        assert_eq!(snapshot.read_again("log:n/a/app/previous:2").as_deref(), Some("two"));
        assert!(snapshot.get("Secret", "n", "x").is_ok_and(|found| found.is_none()), "the folder holds all kinds");
        assert!(snapshot.get("Secret", "elsewhere", "x").is_err(), "and its namespaces only");
    }

    #[test]
    fn a_dump_of_cluster_info_covers_what_it_lists() {
        let logs = "==== START logs for container app of pod n/a ====\none\ntwo==== END logs for container app of pod n/a ====\n\
                    ==== START logs for container gone of pod n/a ====\nRequest log error: no such container\n==== END logs for container gone of pod n/a ====\n";
        let snapshot = read(&[
            ("dump/nodes.json", r#"{"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "n1"}}]}"#),
            (
                "dump/n/pods.json",
                r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a", "namespace": "n"}}]}"#,
            ),
            ("dump/n/services.json", r#"{"kind": "ServiceList", "apiVersion": "v1", "items": []}"#),
            ("dump/n/a/logs.txt", logs),
        ]);
        assert!(snapshot.seen("Node", "", "n1").is_some() && snapshot.seen("Pod", "n", "a").is_some());
        assert_eq!(snapshot.read_again("log:n/a/app:2").as_deref(), Some("two"));
        assert_eq!(snapshot.logs().count(), 1, "what is no log is none");
        assert!(snapshot.get("Service", "n", "x").is_ok_and(|found| found.is_none()), "an empty list is a list");
        assert!(snapshot.get("Service", "m", "x").is_err() && snapshot.get("Secret", "n", "x").is_err());
    }

    #[test]
    fn a_support_bundle_says_what_it_was_refused() {
        let pod = r#"{"metadata": {"name": "a", "namespace": "n"}}"#;
        let snapshot = read(&[
            ("support-bundle-1/cluster-resources/pods/n.json", &format!(r#"{{"kind": "PodList", "items": [{pod}]}}"#)),
            // Older ones write lists without a kind.
            ("support-bundle-1/cluster-resources/pvcs/n.json", &format!("[{pod}]")),
            ("support-bundle-1/cluster-resources/services/n.json", r#"{"kind": "ServiceList", "items": []}"#),
            ("support-bundle-1/cluster-resources/configmaps-errors.json", r#"{"n": "configmaps is forbidden"}"#),
            ("support-bundle-1/cluster-resources/pvs-errors.json", r#"["no rights"]"#),
            ("support-bundle-1/cluster-resources/pods/logs/n/a/app-previous.log", "died\n"),
            ("support-bundle-1/secrets/n/tls.json", r#"{"namespace": "n", "name": "tls", "value": "hunter2"}"#),
        ]);
        assert!(snapshot.seen("PersistentVolumeClaim", "n", "a").is_some());
        assert_eq!(snapshot.read_again("log:n/a/app/previous:1").as_deref(), Some("died"));
        assert!(snapshot.get("Service", "n", "x").is_ok());
        let need = snapshot.get("ConfigMap", "n", "x").expect_err("it was refused");
        assert_eq!(need.reason, "configmaps is forbidden");
        assert_eq!(snapshot.get("PersistentVolume", "", "x").expect_err("it was refused").reason, "no rights");
        assert!(!format!("{snapshot:?}").contains("hunter2"));
    }

    #[test]
    fn a_log_belongs_to_the_one_pod_that_its_path_names() {
        let pod = |name: &str, namespace: &str, containers: &str| {
            format!(
                r#"{{"kind": "Pod", "metadata": {{"name": "{name}", "namespace": "{namespace}"}}, "spec": {{"containers": [{containers}]}}}}"#
            )
        };
        let one = r#"{"name": "app"}"#;
        let two = r#"{"name": "app"}, {"name": "side"}"#;
        let snapshot = read(&[
            // Logs may come before the pods.
            ("bundle/api-logs/web-0.log", "of the only container\n"),
            ("bundle/api-logs/web-0-previous.log", "of the run before\n"),
            ("bundle/api-logs/db-0/side.log", "of one of two\n"),
            ("bundle/api-logs/twice.log", "of nobody knows whom\n"),
            (
                "bundle/cluster-resources/pods/n.json",
                &format!("[{}, {}, {}]", pod("web-0", "n", one), pod("db-0", "n", two), pod("twice", "n", one)),
            ),
            ("bundle/cluster-resources/pods/m.json", &format!("[{}]", pod("twice", "m", one))),
        ]);
        for (at, text) in [
            ("log:n/web-0/app:1", "of the only container"),
            ("log:n/web-0/app/previous:1", "of the run before"),
            ("log:n/db-0/side:1", "of one of two"),
        ] {
            assert_eq!(snapshot.read_again(at).as_deref(), Some(text));
        }
        assert_eq!(snapshot.logs().count(), 3);
    }

    #[test]
    fn names_with_slashes_come_back_from_their_paths() {
        for name in ["k8s/web", "a/../b", "..", ".", "", "%", "%2F", "web.previous", "x\\y", "%2Eprevious", "plain-0"] {
            let path = escaped(name);
            assert!(!path.contains(['/', '\\']) && !["", ".", ".."].contains(&path.as_str()), "{path}");
            assert_eq!(meant(&path), name, "{path}");
        }
    }

    #[test]
    fn must_gather_has_a_file_for_each_kind_and_moments_in_its_logs() {
        let folder = "must-gather.local.1/quay-io-x/";
        let snapshot = read(&[
            (
                &format!("{folder}namespaces/n/core/pods.yaml"),
                "kind: PodList\nitems:\n- metadata:\n    name: a\n    namespace: 'n'\n",
            ),
            (&format!("{folder}namespaces/n/core/services.yaml"), "kind: ServiceList\nitems: []\n"),
            (
                &format!("{folder}cluster-scoped-resources/core/nodes/n1.yaml"),
                "---\nkind: Node\nmetadata:\n  name: n1\n",
            ),
            (
                &format!("{folder}namespaces/n/pods/a/app/app/logs/current.log"),
                "2026-01-01T00:00:00.123456789Z two words\n",
            ),
        ]);
        assert!(snapshot.seen("Node", "", "n1").is_some() && snapshot.seen("Pod", "n", "a").is_some(), "{snapshot:?}");
        assert_eq!(snapshot.read_again("log:n/a/app:1").as_deref(), Some("two words"));
        assert!(snapshot.get("Service", "n", "x").is_ok_and(|found| found.is_none()));
        assert!(snapshot.get("ConfigMap", "n", "x").is_err());
    }
}
