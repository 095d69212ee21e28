//! What texts do not tell: kubectl prints less of an object than there is, of most of it only a line. What is not known
//! for that reason is said together with the command that tells it.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::{NAMED, several};
use super::{LogName, Need, Run, Snapshot};
use crate::kinds::{self, KINDS};
use crate::object::{Fields as _, Object, Ref, View};
use crate::scene::Part;

/// What is told of on the way, or by itself.
const BESIDE: [&str; 2] = ["Event", "Lease"];

/// Words of tables that are no fault by themselves: kind, words, what is not known, why, what tells it (nothing: which
/// pods wait).
const UNDECIDED: [(&str, &[&str], &str, &str, &str); 4] = [
    ("Pod", &["Terminating"], "tell since when these are being deleted:", "a table does not", "describe"),
    ("Namespace", &["Terminating"], "tell what holds these in deletion:", "a table does not", "describe"),
    (
        "Pod",
        &["Evicted", "Error", "ContainerStatusUnknown", "NodeLost", "Shutdown", "Terminated"],
        "tell whether something is still wrong behind pods that are over:",
        "a table does not tell when they ended, nor who owns them",
        "describe",
    ),
    ("Node", &["SchedulingDisabled"], "tell whether pods wait for nodes that take none:", "no pods were given", ""),
];

/// Objects of which something is left out: their kinds, and where they are.
#[derive(Default)]
struct Left<'a> {
    kinds: BTreeMap<usize, &'a str>,
    places: BTreeSet<&'a str>,
}

impl<'a> Left<'a> {
    fn add(&mut self, object: &'a Object) {
        let place = KINDS.iter().position(|kind| kind.name == object.id.kind);
        if let Some(place) = place.filter(|_| !BESIDE.contains(&object.id.kind.as_str())) {
            self.kinds.insert(place, &object.id.kind);
            self.places.insert(object.ns());
        }
    }

    /// `describe pods,nodes -A`, of the kinds that matter most.
    fn command(&self, verb: &str, end: &str) -> String {
        let plurals: Vec<&str> = self.kinds.keys().map(|place| KINDS[*place].plural).take(NAMED).collect();
        let mut places = self.places.iter().filter(|place| !place.is_empty());
        let place = match (places.next(), places.next()) {
            (None, _) => String::new(),
            (Some(one), None) => format!(" -n {one}"),
            _ => " -A".to_owned(),
        };
        format!("`kubectl {verb} {}{place}{end}`", plurals.join(","))
    }

    fn names(&self) -> String {
        several(&self.kinds.values().copied().collect::<Vec<_>>())
    }
}

impl Snapshot {
    /// What was left out of the texts that were given, by kinds, with what would tell it.
    pub fn untold(&self) -> Vec<Need> {
        let (mut listed, mut described, mut silent) = (Left::default(), Left::default(), Vec::new());
        for object in self.objects() {
            match object.view() {
                View::Listed => listed.add(object),
                View::Described([]) | View::Whole | View::Heard => continue,
                View::Described(_) => described.add(object),
            }
            silent.extend(self.unheard(object));
        }
        let mut needs = Vec::new();
        if !listed.kinds.is_empty() {
            let reason = format!("a table has only a line of each; {} tells more", listed.command("describe", ""));
            needs.push(Need::new(format!("read what is not in a table: {}", listed.names()), reason));
        }
        if !described.kinds.is_empty() {
            let reason = format!(
                "a description leaves some of it out, such as deletion and finalizers; {} has all",
                described.command("get", " -o yaml")
            );
            needs.push(Need::new(format!("read all fields: {}", described.names()), reason));
        }
        needs.extend(self.undecided());
        if let Some((pod, container)) = silent.first() {
            let reason = format!(
                "nothing was given of {} that started again; `kubectl -n {} logs {} -c {container} --previous` tells why one was",
                crate::quantity::counted(silent.len(), "container"),
                pod.namespace,
                pod.name
            );
            needs.push(Need::new("read logs of runs that ended", reason));
        }
        needs
    }

    /// What a word of a table may mean either way, with what would decide it.
    fn undecided(&self) -> impl Iterator<Item = Need> {
        let rows = UNDECIDED.iter().filter_map(|(kind, words, need, reason, verb)| {
            let is = |object: &&Object| {
                let status = object.text("/row/STATUS");
                object.view() == View::Listed && words.iter().any(|word| status.split(',').any(|part| part == *word))
            };
            // Whoever waits for a node is among the pods.
            let told = *kind == "Node" && self.all("Pod").next().is_some();
            let all: Vec<&Object> = self.all(kind).filter(is).filter(|_| !told).collect();
            let first = all.first()?;
            let place = if first.ns().is_empty() { String::new() } else { format!(" -n {}", first.ns()) };
            let command = match *verb {
                "" => "kubectl get pods -A --field-selector status.phase=Pending".to_owned(),
                verb => format!("kubectl {verb} {}/{}{place}", kind.to_lowercase(), first.name()),
            };
            let named = all.iter().take(NAMED).map(|one| one.name()).collect::<Vec<_>>().join(", ");
            let more = if all.len() > NAMED { format!(" and {} more", all.len() - NAMED) } else { String::new() };
            Some(Need::new(format!("{need} {named}{more}"), format!("{reason}; `{command}` tells it")))
        });
        rows.collect::<Vec<_>>().into_iter()
    }

    /// The containers of a pod that were started again and whose logs are not here.
    fn unheard(&self, pod: &Object) -> Vec<(Ref, String)> {
        let log = |part: &Part<'_>, run| {
            self.log(&LogName {
                namespace: pod.ns().to_owned(),
                pod: pod.name().to_owned(),
                container: part.name().to_owned(),
                run,
            })
        };
        let parts = if pod.id.kind == "Pod" { Part::all(pod) } else { Vec::new() };
        let restarted = parts.iter().filter(|part| part.restarts() > 0 && !part.name().is_empty());
        let unheard =
            restarted.filter(|part| [Run::Current, Run::Previous].iter().all(|run| log(part, *run).is_none()));
        unheard.map(|part| (pod.id.clone(), part.name().to_owned())).collect()
    }
}

/// The command that shows an object whole.
pub(crate) fn whole(id: &Ref) -> String {
    let kind = kinds::of_name(&id.kind).map_or_else(|| id.kind.to_lowercase(), |kind| kind.short.to_owned());
    let place = if id.namespace.is_empty() { String::new() } else { format!(" -n {}", id.namespace) };
    format!("`kubectl get {kind} {}{place} -o yaml`", id.name)
}
