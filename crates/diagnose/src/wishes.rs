//! What to read of a cluster for a question: first what is near the target, then what the answer misses, then the logs
//! of those that fail. Pure: whoever can ask a cluster reads, and comes again with more.

use std::collections::{BTreeMap, BTreeSet};

use crate::cause::Effect;
use crate::diagnosis::Question;
use crate::eval::owners;
use crate::kinds::{Depth, KINDS, Kind, Scope, of_name};
use crate::object::{Fields as _, Object, Ref};
use crate::report::Report;
use crate::scene::{Part, Role, Scene};
use crate::snapshot::{LogName, Run, Snapshot};

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// A kind of [`KINDS`].
    pub kind: &'static str,
    /// Of which namespace; of all, or of the cluster, where there is none.
    pub namespace: Option<String>,
    /// Which one, where it is not the list.
    pub name: Option<String>,
}

/// Where the cluster's own parts are.
const SYSTEM: &str = "kube-system";

/// What a question about a node needs, of all namespaces: who runs there, and to whom they belong.
const OF_NODES: [&str; 8] = ["Pod", "Event", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "Lease"];

/// What tells whether a service of another namespace is served.
const OF_SERVICES: [&str; 8] =
    ["Pod", "Event", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Service", "EndpointSlice"];

/// The end of a log is enough: rules read its last lines, and the first ones of what crashes early.
pub const LINES: usize = 200;

/// How many logs are read, at most: of how many pods of an owner that fail, of how many that run, and of all.
const LOGS: (usize, usize, usize) = (3, 1, 300);

/// What to read first.
pub fn first(question: &Question) -> BTreeSet<Wish> {
    match question {
        Question::Everything => KINDS.iter().map(|kind| wish(kind, None)).collect(),
        Question::Namespace(namespace) => near(namespace),
        Question::Object(id) if !id.namespace.is_empty() => near(&id.namespace),
        Question::Object(id) => {
            let everywhere = if id.kind == "Node" { &OF_NODES[..] } else { &[] };
            let everywhere = everywhere.iter().filter_map(|name| of_name(name)).map(|kind| wish(kind, None));
            let claims = ["PersistentVolume", "StorageClass"].contains(&id.kind.as_str());
            let claims = of_name("PersistentVolumeClaim").filter(|_| claims).map(|kind| wish(kind, None));
            without_doubles(near(SYSTEM).into_iter().chain(everywhere).chain(claims).collect())
        }
    }
}

/// What belongs to the cluster, all of a namespace, and of the system's what others depend on.
fn near(namespace: &str) -> BTreeSet<Wish> {
    let of = |kind: &'static Kind| match kind.scope {
        Scope::Cluster => vec![wish(kind, None)],
        Scope::Namespaced => vec![wish(kind, Some(namespace))],
        Scope::Shared => vec![wish(kind, Some(namespace)), wish(kind, Some(SYSTEM))],
    };
    let mut wishes: BTreeSet<Wish> = KINDS.iter().flat_map(of).collect();
    // Heartbeats of nodes, and what is told of them, have places of their own.
    wishes.extend(of_name("Lease").map(|kind| wish(kind, Some("kube-node-lease"))));
    wishes.extend(of_name("Event").map(|kind| wish(kind, Some("default"))));
    wishes
}

fn wish(kind: &Kind, namespace: Option<&str>) -> Wish {
    let namespace = namespace.filter(|_| kind.is_namespaced()).map(str::to_owned);
    // Of the table, so that it lives as long.
    Wish { kind: of_name(kind.name).map_or("", |kind| kind.name), namespace, name: None }
}

/// What is read of all namespaces need not be read of one.
fn without_doubles(wishes: BTreeSet<Wish>) -> BTreeSet<Wish> {
    let covered = |wish: &Wish| wish.namespace.is_some() && wishes.contains(&Wish { namespace: None, ..wish.clone() });
    wishes.iter().filter(|wish| !covered(wish)).cloned().collect()
}

/// What more to read, now that this much is known and this is the answer. Empty when nothing would change it.
pub fn next(snapshot: &Snapshot, question: &Question, report: &Report) -> BTreeSet<Wish> {
    let mut wishes = keys(snapshot);
    if *question == Question::Everything {
        return wishes;
    }
    let mut services = BTreeSet::new();
    if let Question::Object(id) = question
        && let Some(object) = snapshot.find(id)
    {
        services.extend(mentioned(object));
    }
    if refuses_by_webhook(snapshot) {
        let kinds = ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"];
        services.extend(kinds.iter().flat_map(|kind| snapshot.all(kind)).flat_map(mentioned));
    }
    for list in report.unknown.iter().filter_map(|need| need.list.as_ref()).filter(|list| list.untried) {
        let Some(kind) = of_name(&list.kind) else { continue };
        if kind.name == "Service" && !list.namespace.is_empty() {
            services.insert(list.namespace.clone());
        } else {
            wishes.insert(wish(kind, Some(list.namespace.as_str()).filter(|place| !place.is_empty())));
        }
    }
    for namespace in services {
        wishes.extend(OF_SERVICES.iter().filter_map(|name| of_name(name)).map(|kind| wish(kind, Some(&namespace))));
    }
    // Whether there is room on the nodes depends on everybody.
    if waits_for_room(snapshot) {
        wishes.extend(of_name("Pod").map(|kind| wish(kind, None)));
    }
    let known = |wish: &Wish| {
        wish.name.is_none()
            && match snapshot.coverage().complete(wish.kind, wish.namespace.as_deref().unwrap_or("")) {
                Ok(()) => true,
                Err(need) => need.list.is_none_or(|list| !list.untried),
            }
    };
    without_doubles(wishes.into_iter().filter(|wish| !known(wish)).collect())
}

/// The namespaces of the services, or of the claim, that an object names.
fn mentioned(object: &Object) -> Vec<String> {
    let own = ["/spec/service/namespace", "/spec/claimRef/namespace"].map(|at| object.text(at).to_owned());
    let hooks = object.list("/webhooks").iter().map(|hook| hook.text("/clientConfig/service/namespace").to_owned());
    own.into_iter().chain(hooks).filter(|namespace| !namespace.is_empty()).collect()
}

fn refuses_by_webhook(snapshot: &Snapshot) -> bool {
    snapshot.all("Event").any(|event| event.text("/message").contains("failed calling webhook"))
}

fn waits_for_room(snapshot: &Snapshot) -> bool {
    let waits = |pod: &Object| pod.text("/spec/nodeName").is_empty() && pod.text("/status/phase") == "Pending";
    snapshot.all("Pod").any(waits)
}

/// What tells whether pods of a namespace may call others.
pub fn of_callers(namespace: &str) -> BTreeSet<Wish> {
    ["Pod", "NetworkPolicy"].iter().filter_map(|name| of_name(name)).map(|kind| wish(kind, Some(namespace))).collect()
}

/// How many nodes of one owner's pods are read.
const NODES: usize = 3;

/// The nodes of what is asked about, of the pods in trouble first; and the one from which something was tried.
pub fn nodes(snapshot: &Snapshot, question: &Question, tried: Option<&str>) -> Vec<String> {
    let Question::Object(id) = question else { return Vec::new() };
    if id.kind == "Node" {
        return vec![id.name.clone()];
    }
    let scene = Scene::new(snapshot);
    let top = snapshot.find(id).map(|object| scene.top(object));
    let own = |pod: &&Object| pod.id == *id || id.kind != "Pod" && Some(scene.top(pod)) == top;
    let mut pods: Vec<&Object> = snapshot.within("Pod", &id.namespace).filter(own).collect();
    pods.sort_by_key(|pod| (scene.trouble(pod).is_none(), pod.name()));
    let mut nodes: Vec<String> = tried.map(str::to_owned).into_iter().collect();
    for node in pods.iter().map(|pod| pod.text("/spec/nodeName")).filter(|node| !node.is_empty()) {
        if nodes.len() < NODES && !nodes.iter().any(|one| one == node) {
            nodes.push(node.to_owned());
        }
    }
    nodes
}

/// Secrets whose keys matter, of which only the metadata is here.
fn keys(snapshot: &Snapshot) -> BTreeSet<Wish> {
    let ingresses = snapshot.all("Ingress").flat_map(|ingress| {
        let names = ingress.list("/spec/tls").iter().map(|tls| tls.text("/secretName"));
        names.map(|name| (ingress.ns(), name)).collect::<Vec<_>>()
    });
    let starts = |pod: &&Object| pod.text("/status/phase") == "Pending";
    let pods = snapshot.all("Pod").filter(starts).flat_map(|pod| {
        let volumes = pod.list("/spec/volumes").iter();
        let volumes = volumes.flat_map(|volume| {
            let projected = volume.list("/projected/sources").iter().map(|source| source.text("/secret/name"));
            projected.chain([volume.text("/secret/secretName")]).collect::<Vec<_>>()
        });
        let parts = Part::all(pod);
        let variables =
            parts.iter().flat_map(|part| part.spec.list("/env")).map(|one| one.text("/valueFrom/secretKeyRef/name"));
        volumes.chain(variables).map(|name| (pod.ns(), name)).collect::<Vec<_>>()
    });
    let bare = |(namespace, name): &(&str, &str)| {
        snapshot.seen("Secret", namespace, name).is_some_and(|secret| secret.at("/type").is_none())
    };
    let secret = of_name("Secret").filter(|kind| kind.depth == Depth::Metadata);
    let found = ingresses
        .chain(pods)
        .filter(bare)
        .filter_map(|(namespace, name)| Some(Wish { name: Some(name.to_owned()), ..wish(secret?, Some(namespace)) }));
    found.collect()
}

/// The logs to read, the most telling first: of containers that fail this run and the one before, of an owner's other
/// pods one that runs. Too many are left out, and counted.
pub fn logs(snapshot: &Snapshot, question: &Question) -> (Vec<LogName>, usize) {
    let scene = Scene::new(snapshot);
    let (mut failing, mut running): (BTreeMap<Ref, usize>, BTreeMap<Ref, usize>) = Default::default();
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for pod in snapshot.all("Pod").filter(|pod| !pod.text("/spec/nodeName").is_empty()) {
        let top = owners::top(snapshot, pod);
        let troubled = scene.trouble(pod).is_some_and(|trouble| trouble.effect != Effect::Unscheduled);
        let meant = *question == Question::Object(pod.id.clone());
        let (counts, most, into) =
            if troubled || meant { (&mut failing, LOGS.0, &mut first) } else { (&mut running, LOGS.1, &mut then) };
        let count = counts.entry(top).or_default();
        *count += 1;
        if *count <= most {
            Part::all(pod).iter().for_each(|part| into.extend(runs(part, troubled || meant)));
        }
    }
    first.append(&mut then);
    let left = first.len().saturating_sub(LOGS.2);
    first.truncate(LOGS.2);
    (first, left)
}

/// The runs of a container that have written something worth to be read.
fn runs(part: &Part<'_>, fails: bool) -> Vec<LogName> {
    let name = |run| LogName {
        namespace: part.pod.ns().to_owned(),
        pod: part.pod.name().to_owned(),
        container: part.name().to_owned(),
        run,
    };
    let ran = part.state("running").is_some() || part.state("terminated").is_some();
    // What ended well says nothing of what is wrong.
    let over = part.role == Role::Init && part.exit() == Some(0) && part.state("running").is_none();
    let mut runs = Vec::new();
    if ran && !over || part.restarts() > 0 && fails {
        runs.push(name(Run::Current));
    }
    if fails && part.restarts() > 0 {
        runs.push(name(Run::Previous));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Coverage, Gathering};
    use crate::value::json;
    use crate::{Question, diagnose};

    fn wishes_of(wishes: &BTreeSet<Wish>, kind: &str) -> Vec<String> {
        let of = wishes.iter().filter(|wish| wish.kind == kind);
        of.map(|wish| wish.namespace.clone().unwrap_or_else(|| "*".to_owned())).collect()
    }

    #[test]
    fn a_pod_needs_its_namespace_and_what_is_the_systems() {
        let wishes = first(&Question::Object(Ref::new("Pod", "shop", "web-0")));
        assert_eq!(wishes_of(&wishes, "Pod"), ["kube-system", "shop"]);
        assert_eq!(wishes_of(&wishes, "Secret"), ["shop"]);
        assert_eq!(wishes_of(&wishes, "Node"), ["*"]);
        assert_eq!(wishes_of(&wishes, "Event"), ["default", "kube-system", "shop"]);
        let wishes = first(&Question::Object(Ref::new("Node", "", "n1")));
        assert_eq!(wishes_of(&wishes, "Pod"), ["*"]);
        assert!(wishes_of(&wishes, "Secret").iter().all(|place| place == SYSTEM));
        assert!(first(&Question::Everything).iter().all(|wish| wish.namespace.is_none()));
    }

    #[test]
    fn what_the_answer_misses_is_read_next() {
        let mut gathering = Gathering::new();
        gathering.value(json!({"kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"containers": [{"name": "app", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}]},
            "status": {"phase": "Pending"}}));
        gathering.value(json!({"kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}}));
        let mut coverage = Coverage::nothing();
        coverage.list("Pod", Some("shop"));
        gathering.covers(coverage);
        let snapshot = gathering.finish();
        let question = Question::Namespace("shop".into());
        let wishes = next(&snapshot, &question, &diagnose(&snapshot, &question));
        assert_eq!(wishes_of(&wishes, "Pod"), ["*"], "it waits for room");
        let named: Vec<_> = wishes.iter().filter_map(|wish| wish.name.as_deref()).collect();
        assert_eq!(named, ["s"]);
    }
}
