//! Descriptions: what `kubectl describe` prints of one object, each kind by its own grammar.

mod cluster;
mod container;
mod generic;
mod keys;
mod network;
mod pod;
mod storage;
mod workload;

use super::command::{Command, Scope};
use super::sketch::{Sketch, is_none, labels};
use super::tree::{self, Node};
use super::{Reading, SOMEWHERE, event, moment, row, table};
use crate::kinds;
use crate::object::{Fields as _, Ref, View};
use crate::time::Time;
use crate::value::{Map, Value, json};

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

/// What the value of a key is: a text as it stands, the number that it begins with, or a moment that has passed.
#[derive(Debug, Clone, Copy)]
enum As {
    Text,
    Count,
    Moment,
}

/// Keys of a description, and the fields that they tell.
type Fields = &'static [(&'static str, &'static str, As)];

/// How a kind is read: its name, what is not told of it, the fields that a key tells each, and what else there is.
type Grammar = (&'static str, &'static [&'static str], Fields, fn(&mut Told<'_, '_>));

/// What most descriptions do not tell: whether it is being deleted, and what holds it.
const KEPT: &[&str] = &["/metadata/deletionTimestamp", "/metadata/finalizers"];

const GRAMMARS: &[Grammar] = &[
    ("Pod", pod::LEFT, pod::FIELDS, pod::pod),
    ("Deployment", workload::LEFT, workload::DEPLOYMENT, workload::deployment),
    ("ReplicaSet", workload::LEFT, &[], workload::replica_set),
    ("StatefulSet", workload::LEFT, workload::STATEFUL_SET, workload::stateful_set),
    ("DaemonSet", workload::LEFT, workload::DAEMON_SET, workload::daemon_set),
    ("Job", workload::LEFT, workload::JOB, workload::job),
    ("CronJob", workload::LEFT, workload::CRON_JOB, workload::cron_job),
    ("Service", &[KEPT[0], KEPT[1], "/spec/publishNotReadyAddresses"], network::SERVICE, network::service),
    ("Endpoints", KEPT, &[], network::endpoints),
    ("EndpointSlice", KEPT, network::SLICE, network::slice),
    ("Ingress", KEPT, network::INGRESS, network::ingress),
    ("NetworkPolicy", &[KEPT[0], KEPT[1], "/spec"], network::POLICY, |_| {}),
    ("PersistentVolumeClaim", &["/spec/selector", "/status/conditions"], storage::CLAIM, storage::claim),
    ("PersistentVolume", &["/spec/claimRef/uid"], storage::VOLUME, storage::volume),
    ("StorageClass", &[KEPT[0], KEPT[1], "/allowedTopologies"], storage::CLASS, storage::class),
    ("CSINode", KEPT, &[], storage::csi_node),
    ("ConfigMap", KEPT, &[], keys::config_map),
    ("Secret", KEPT, keys::SECRET, keys::secret),
    ("ResourceQuota", &[KEPT[0], KEPT[1], "/spec/scopeSelector"], &[], keys::quota),
    ("LimitRange", KEPT, &[], keys::limits),
    ("Node", &[KEPT[0], KEPT[1], "/status/images", "/status/volumesAttached"], cluster::NODE, cluster::node),
    ("Namespace", &[KEPT[0], KEPT[1], "/spec/finalizers"], cluster::NAMESPACE, cluster::namespace),
    ("HorizontalPodAutoscaler", &[KEPT[0], KEPT[1], "/spec/metrics"], cluster::AUTOSCALER, cluster::autoscaler),
    ("PodDisruptionBudget", &[KEPT[0], KEPT[1], "/status/conditions"], &[], cluster::budget),
    ("ServiceAccount", &[KEPT[0], KEPT[1], "/automountServiceAccountToken"], &[], cluster::account),
    ("PriorityClass", KEPT, cluster::PRIORITY, cluster::priority),
    ("IngressClass", KEPT, cluster::INGRESS_CLASS, |_| {}),
    ("Role", KEPT, &[], cluster::role),
    ("ClusterRole", &[KEPT[0], KEPT[1], "/aggregationRule"], &[], cluster::role),
    ("RoleBinding", KEPT, &[], cluster::binding),
    ("ClusterRoleBinding", KEPT, &[], cluster::binding),
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
        // Roles and bindings do not say where they are.
        (false, "") if asked.is_some_and(|asked| asked.verb == "describe" && asked.scope == Scope::All) => SOMEWHERE,
        (false, "") if text(&roots, "API Version").is_empty() => place,
        (false, namespace) => namespace,
    };
    let grammar = GRAMMARS.iter().find(|(own, ..)| *own == kind && written.is_empty());
    // What kubectl knows the fields of alone is told whole.
    let left = grammar.map_or(&[][..], |(_, left, ..)| left);
    // A pod's description ends with its quality of service, or it was cut off.
    let cut = kind == "Pod" && written.is_empty() && tree::find(&roots, "QoS Class").is_none();
    let view = if cut { View::Listed } else { View::Described(left) };
    let sketch = Sketch::new(kind, namespace, name, view);
    let mut told = Told { sketch, roots: &roots, lines, moments: Vec::new(), beside: Vec::new() };
    match grammar {
        Some((_, _, fields, rest)) => {
            told.metadata();
            told.fields(fields);
            rest(&mut told);
        }
        None => generic::object(&mut told),
    }
    let about = Ref::new(kind, namespace, name);
    if let Some(events) = tree::find(&roots, "Events") {
        let events = event::of_description(&events.more, &about);
        told.moments.extend(printed(&told.sketch.value, &events));
        reading.sketches.extend(events.into_iter().map(event::Told::sketch));
    }
    reading.moments.append(&mut told.moments);
    reading.sketches.append(&mut told.beside);
    reading.sketches.push(told.sketch);
    if let Some(asked) = asked.filter(|asked| asked.verb == "describe" && asked.scope != Scope::Some) {
        let known = of_command.filter(|of_command| *of_command == kind);
        table::list(Some(asked), known, place, reading);
    }
}

/// When a pod was described: its last container began at a moment, and the event of that has an age.
fn printed(pod: &Value, events: &[event::Told]) -> Option<Time> {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let states = ["/state/running/startedAt", "/state/terminated/startedAt"];
    let parts = statuses.iter().flat_map(|list| pod.list(list));
    let began = parts.flat_map(|part| states.iter().filter_map(|at| part.time(at))).max()?;
    let ago = events.iter().filter_map(event::Told::started_ago).min()?;
    Some(Time(began.0.checked_add(ago)?))
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

    /// What stands after keys, as fields.
    fn fields(&mut self, fields: Fields) {
        for (key, pointer, what) in fields {
            let text = self.text(key);
            let value = match what {
                _ if is_none(text) => None,
                As::Text => Some(Value::from(text)),
                As::Count => super::sketch::number(text).map(Value::from),
                As::Moment => self.moment(text).map(Value::from),
            };
            value.into_iter().for_each(|value| self.sketch.set(pointer, value));
        }
    }

    /// A moment that has passed.
    fn moment(&mut self, text: &str) -> Option<String> {
        let moment = moment::moment(text)?;
        self.moments.push(moment);
        Some(moment.to_string())
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
        self.fields(&[("CreationTimestamp", "/metadata/creationTimestamp", As::Moment)]);
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
fn annotations(node: &Node<'_>) -> Map {
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
