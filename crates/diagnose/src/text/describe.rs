//! Descriptions: what `kubectl describe` prints of one object, each kind by its own grammar.

mod cluster;
mod container;
mod generic;
mod keys;
mod network;
mod pod;
mod storage;
mod workload;

use serde_json::{Map, Value, json};

use super::command::{Command, Scope};
use super::sketch::{Sketch, is_none, labels};
use super::tree::{self, Node};
use super::{Reading, event, moment, row, table};
use crate::kinds;
use crate::object::{Ref, View};
use crate::time::Time;

/// A description that is read.
struct Told<'n, 'a> {
    sketch: Sketch,
    roots: &'n [Node<'a>],
    lines: &'n [&'a str],
    /// Moments that had passed.
    moments: Vec<Time>,
    /// Other objects that it tells of.
    beside: Vec<Sketch>,
}

/// How a kind is read: its name, what is not told of it, and its grammar.
type Grammar = (&'static str, &'static [&'static str], fn(&mut Told<'_, '_>));

const GRAMMARS: &[Grammar] = &[
    ("Pod", pod::LEFT, pod::pod),
    ("Deployment", workload::LEFT, workload::deployment),
    ("ReplicaSet", workload::LEFT, workload::replica_set),
    ("StatefulSet", workload::LEFT, workload::stateful_set),
    ("DaemonSet", workload::LEFT, workload::daemon_set),
    ("Job", workload::LEFT, workload::job),
    ("CronJob", workload::LEFT, workload::cron_job),
    ("Service", &["/spec/publishNotReadyAddresses"], network::service),
    ("Endpoints", &[], network::endpoints),
    ("EndpointSlice", &[], network::slice),
    ("Ingress", &[], network::ingress),
    ("NetworkPolicy", &["/spec"], network::policy),
    ("PersistentVolumeClaim", &["/spec/selector", "/status/conditions"], storage::claim),
    ("PersistentVolume", &["/spec/claimRef/uid"], storage::volume),
    ("StorageClass", &["/allowedTopologies"], storage::class),
    ("CSINode", &[], storage::csi_node),
    ("ConfigMap", &[], keys::config_map),
    ("Secret", &[], keys::secret),
    ("ResourceQuota", &["/spec/scopeSelector"], keys::quota),
    ("LimitRange", &[], keys::limits),
    ("Node", &["/status/images", "/status/volumesAttached"], cluster::node),
    ("Namespace", &["/spec/finalizers"], cluster::namespace),
    ("HorizontalPodAutoscaler", &["/spec/metrics"], cluster::autoscaler),
    ("PodDisruptionBudget", &["/status/conditions"], cluster::budget),
    ("ServiceAccount", &["/automountServiceAccountToken"], cluster::account),
    ("PriorityClass", &[], cluster::priority),
    ("IngressClass", &[], cluster::ingress_class),
    ("Role", &[], cluster::role),
    ("ClusterRole", &["/aggregationRule"], cluster::role),
    ("RoleBinding", &[], cluster::binding),
    ("ClusterRoleBinding", &[], cluster::binding),
];

/// What tells a kind where no command does: keys that it alone has together.
const KEYS: [(&[&str], &str); 25] = [
    (&["API Version", "Kind"], ""),
    (&["QoS Class"], "Pod"),
    (&["StrategyType"], "Deployment"),
    (&["Update Strategy"], "StatefulSet"),
    (&["Desired Number of Nodes Scheduled"], "DaemonSet"),
    (&["Schedule", "Concurrency Policy"], "CronJob"),
    (&["Parallelism", "Pods Statuses"], "Job"),
    (&["Replicas", "Pods Status"], "ReplicaSet"),
    (&["Selector", "Session Affinity"], "Service"),
    (&["Subsets"], "Endpoints"),
    (&["AddressType"], "EndpointSlice"),
    (&["Rules", "Default backend"], "Ingress"),
    (&["Claim", "Reclaim Policy"], "PersistentVolume"),
    (&["StorageClass", "Volume", "Status"], "PersistentVolumeClaim"),
    (&["Provisioner"], "StorageClass"),
    (&["Roles", "Taints"], "Node"),
    (&["Reference", "Max replicas"], "HorizontalPodAutoscaler"),
    (&["Allowed disruptions"], "PodDisruptionBudget"),
    (&["Mountable secrets"], "ServiceAccount"),
    (&["GlobalDefault"], "PriorityClass"),
    (&["PolicyRule", "Namespace"], "Role"),
    (&["PolicyRule"], "ClusterRole"),
    (&["Role", "Subjects", "Namespace"], "RoleBinding"),
    (&["Role", "Subjects"], "ClusterRoleBinding"),
    (&["Controller"], "IngressClass"),
];

/// Reads a description.
pub(super) fn read(lines: &[&str], asked: Option<&Command>, place: &str, reading: &mut Reading) {
    let roots = tree::grow(lines);
    let (name, namespace) = (text(&roots, "Name"), text(&roots, "Namespace"));
    let of_command = asked.filter(|asked| asked.verb == "describe").map(|asked| asked.kinds.as_slice());
    let of_command = of_command.filter(|kinds| kinds.len() == 1).and_then(|kinds| kinds::name_of(&kinds[0]));
    let written = text(&roots, "Kind");
    let by_keys = || {
        let has = |keys: &[&str]| keys.iter().all(|key| tree::find(&roots, key).is_some());
        KEYS.iter().find(|(keys, _)| has(keys)).map(|(_, kind)| *kind)
    };
    let kind = if tree::find(&roots, "API Version").is_some() && !written.is_empty() {
        Some(written)
    } else {
        of_command.or_else(by_keys).or_else(|| storage_like(lines))
    };
    let Some(kind) = kind.filter(|_| !name.is_empty()) else { return };
    let namespace = match (row::is_of_cluster(kind), namespace) {
        (true, _) => "",
        (false, "") if text(&roots, "API Version").is_empty() => place,
        (false, namespace) => namespace,
    };
    let grammar = GRAMMARS.iter().find(|(own, _, _)| *own == kind && written.is_empty());
    // What kubectl knows the fields of alone is told whole.
    let left = grammar.map_or(&[][..], |(_, left, _)| left);
    // A pod's description ends with its quality of service, or it was cut off.
    let cut = kind == "Pod" && written.is_empty() && tree::find(&roots, "QoS Class").is_none();
    let view = if cut { View::Listed } else { View::Described(left) };
    let sketch = Sketch::new(kind, namespace, name, view);
    let mut told = Told { sketch, roots: &roots, lines, moments: Vec::new(), beside: Vec::new() };
    match grammar {
        Some((_, _, grammar)) => {
            told.metadata();
            grammar(&mut told);
        }
        None => generic::object(&mut told),
    }
    let about = Ref::new(kind, namespace, name);
    if let Some(events) = tree::find(&roots, "Events") {
        reading.sketches.extend(event::of_description(&events.more, &about).into_iter().map(|told| told.sketch()));
    }
    reading.moments.append(&mut told.moments);
    reading.sketches.append(&mut told.beside);
    reading.sketches.push(told.sketch);
    if let Some(asked) = asked.filter(|asked| asked.verb == "describe" && asked.scope != Scope::Some) {
        let known = of_command.filter(|of_command| *of_command == kind);
        table::list(Some(asked), known, place, reading);
    }
}

/// Kinds that are told by a line that is no key.
fn storage_like(lines: &[&str]) -> Option<&'static str> {
    let has = |begin: &str| lines.iter().any(|line| line.starts_with(begin));
    match () {
        () if has("BinaryData") => Some("ConfigMap"),
        () if has("Type:") && has("Data") => Some("Secret"),
        () if has("Resource ") => Some("ResourceQuota"),
        () if has("Type ") => Some("LimitRange"),
        () if has("Spec:") && lines.iter().any(|line| line.trim_start().starts_with("PodSelector:")) => {
            Some("NetworkPolicy")
        }
        () if has("No resource quota.") || has("Resource Quotas") => Some("Namespace"),
        () => None,
    }
}

/// The value of a key; empty where there is none.
fn text<'a>(nodes: &[Node<'a>], key: &str) -> &'a str {
    tree::find(nodes, key).map_or("", |node| node.value)
}

impl<'a> Told<'_, 'a> {
    fn text(&self, key: &str) -> &'a str {
        text(self.roots, key)
    }

    fn node(&self, key: &str) -> Option<&Node<'a>> {
        tree::find(self.roots, key)
    }

    /// A field that is told as it is.
    fn put(&mut self, key: &str, pointer: &str) {
        let text = self.text(key);
        if !is_none(text) {
            self.sketch.set(pointer, text);
        }
    }

    /// A whole number, at the beginning of a value.
    fn count(&mut self, key: &str, pointer: &str) {
        if let Some(number) = super::sketch::number(self.text(key)) {
            self.sketch.set(pointer, number);
        }
    }

    /// A moment that has passed.
    fn moment(&mut self, text: &str) -> Option<String> {
        let moment = moment::moment(text)?;
        self.moments.push(moment);
        Some(moment.to_string())
    }

    /// A field that holds a moment which has passed.
    fn since(&mut self, key: &str, pointer: &str) {
        if let Some(moment) = self.moment(self.text(key)) {
            self.sketch.set(pointer, moment);
        }
    }

    /// What all kinds have.
    fn metadata(&mut self) {
        for (key, pointer) in [("Labels", "/metadata/labels"), ("Annotations", "/metadata/annotations")] {
            let Some(node) = self.node(key) else { continue };
            let map = if key == "Labels" { labels(node.values()) } else { annotations(node) };
            if !map.is_empty() {
                self.sketch.set(pointer, map);
            }
        }
        self.since("CreationTimestamp", "/metadata/creationTimestamp");
        if let Some((kind, name)) = self.text("Controlled By").split_once('/') {
            self.sketch.set("/metadata/ownerReferences", json!([{"kind": kind, "name": name, "controller": true}]));
        }
    }

    /// `Terminating (lasts 3m)`, or a phase.
    fn phase(&mut self) {
        let status = self.text("Status");
        match status.strip_prefix("Terminating") {
            Some(rest) => {
                let lasts = rest.split_once("(lasts ").and_then(|(_, age)| moment::age(age.trim_end_matches(')')));
                self.sketch.aged("/metadata/deletionTimestamp", Some(lasts.unwrap_or(0)));
            }
            None if !is_none(status) => self.sketch.set("/status/phase", status),
            None => {}
        }
    }

    /// `Conditions`, with whatever columns.
    fn conditions(&mut self) {
        let Some(node) = self.node("Conditions") else { return };
        let rows = grid(node);
        let mut conditions = Vec::new();
        for row in rows {
            let mut condition = Map::new();
            for (column, cell) in row {
                let key = match column {
                    "Type" => "type",
                    "Status" => "status",
                    "Reason" => "reason",
                    "Message" => "message",
                    "LastHeartbeatTime" => "lastHeartbeatTime",
                    "LastTransitionTime" => "lastTransitionTime",
                    _ => continue,
                };
                let value = if key.starts_with("last") { self.moment(cell) } else { Some(cell.to_owned()) };
                condition
                    .extend(value.filter(|value| !value.is_empty()).map(|value| (key.to_owned(), Value::from(value))));
            }
            conditions.push(Value::Object(condition));
        }
        if !conditions.is_empty() {
            self.sketch.set("/status/conditions", conditions);
        }
    }
}

/// `a: b` a line.
fn annotations(node: &Node<'_>) -> Map<String, Value> {
    let pairs = node.values().filter_map(|line| line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))));
    pairs.map(|(key, value)| (key.to_owned(), Value::from(value.trim()))).collect()
}

/// The lines under a node as a table: a header, dashes, and rows whose cells are two spaces apart.
fn grid<'a>(node: &Node<'a>) -> Vec<Vec<(&'a str, &'a str)>> {
    let Some((header, rows)) = node.children.split_first() else { return Vec::new() };
    let columns: Vec<&str> = apart(header.line).collect();
    let starts: Vec<usize> = columns
        .iter()
        .scan(0, |from, column| {
            let at = header.line[*from..].find(column).map_or(*from, |at| *from + at);
            *from = at + column.len();
            Some(at)
        })
        .collect();
    let cells = |line: &'a str| -> Vec<(&'a str, &'a str)> {
        let edge =
            |at: usize| line.is_char_boundary(at) && (at == 0 || at >= line.len() || line.as_bytes()[at - 1] == b' ');
        if starts.iter().all(|&at| edge(at.min(line.len()))) {
            let end = |index: usize| starts.get(index + 1).map_or(line.len(), |&next| next.min(line.len()));
            let cell = |(index, &at): (usize, &usize)| (columns[index], line[at.min(line.len())..end(index)].trim());
            return starts.iter().enumerate().map(cell).collect();
        }
        columns.iter().copied().zip(apart(line)).collect()
    };
    rows.iter().filter(|row| !row.line.starts_with("---")).map(|row| cells(row.line)).collect()
}

/// The parts of a line that are two spaces or a tab apart.
fn apart(line: &str) -> impl Iterator<Item = &str> {
    line.split("  ").flat_map(|part| part.split('\t')).map(str::trim).filter(|part| !part.is_empty())
}
